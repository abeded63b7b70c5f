//! What the interface says about members and dropout.

use super::model::{info, text};
use super::{load_bytes, result, shipped};
use crate::dropout::Dropout;
use crate::error::Status;
use crate::model::bayes8_model_get_dropout;
use bayes8_native::Output;
use bayes8_native::core::format;
use bayes8_native::core::graph::{Graph, Shape};
use bayes8_native::core::model::{
    ActivationBits, CodeRange, Layer, Parameters, Parts, PerMember, Planes, Preprocessing,
    Quantization, Quantized, QuantizedModel,
};
use bayes8_native::core::ops;
use std::ptr;
use std::sync::Arc;

/// What `BAYES8_DROPOUT_INIT` says.
const NONE: Dropout =
    Dropout { size: size_of::<Dropout>(), node: ptr::null(), kind: ptr::null(), probability: 0.0 };

/// An ensemble of three linear layers of three classes, over a dropout node.
fn model() -> Vec<u8> {
    let grid = Quantization { scale: 1.0, zero_point: 0 };
    let data = |output, parameters| Quantized { output, range: CodeRange::FULL, parameters };
    let layer = |weight| {
        Arc::new(Layer {
            index: 0,
            out_channels: 3,
            depthwise: false,
            mu: vec![weight; 12],
            posterior: None,
            scale: vec![0.1; 3],
            bias: None,
        })
    };
    let dropout = ops::Dropout {
        probability: ops::DropoutProbability::nearest(0.5).expect("a probability"),
        kind: ops::DropoutKind::Channel,
    };
    let dropped = Quantization { scale: 2.0, ..grid };
    let mut graph = Graph::new(Shape::vector(4)).expect("a shape");
    let input = bayes8_native::core::graph::Value::Input;
    let x = graph
        .push("drop".into(), dropout, vec![input], data(Some(dropped), Parameters::None))
        .expect("it fits");
    let members = PerMember::new(vec![layer(1), layer(2), layer(3)]).expect("there are some");
    let linear = ops::Linear { out_features: 3 };
    graph
        .push("linear".into(), linear, vec![x], data(None, Parameters::Layer(members)))
        .expect("it fits");
    let model = QuantizedModel::new(Parts {
        name: "drop".into(),
        graph,
        activation_bits: ActivationBits::Eight,
        input: grid,
        preprocessing: Preprocessing::of_bytes(vec![0.0; 4], vec![1.0; 4]),
        outputs: [Output::of_classes(1, 3, Vec::new())].into(),
        input_planes: Planes::One,
        calibration: None,
        draws: None,
    });
    format::write(&model.expect("a model")).expect("a file")
}

#[test]
fn members_and_dropout_are_described() {
    let model = load_bytes(&model()).expect("it loads");
    let info = info(*model).expect("a live model");
    assert_eq!((info.members, info.bayesian_layers, info.dropout), (3, 0, 1));
    assert_eq!(info.default_samples, 33, "32, rounded up to an equal share for each member");
    let mut dropout = NONE;
    // SAFETY: a live handle and a variable.
    let status = unsafe { bayes8_model_get_dropout(*model, 0, &mut dropout) };
    result(status, ()).expect("there is one");
    assert_eq!((text(dropout.node), text(dropout.kind)), ("drop".into(), "channel".into()));
    assert_eq!(dropout.probability, 0.5);
    // SAFETY: as above.
    let status = unsafe { bayes8_model_get_dropout(*model, 1, &mut dropout) };
    let refused = "dropout node 1 does not exist, the model has 1 of them".to_string();
    assert_eq!(result(status, ()), Err((Status::InvalidArgument, refused)));
}

#[test]
fn the_pointers_and_the_size_of_a_dropout_node_are_checked() {
    let (model, mut dropout) = (load_bytes(&model()).expect("it loads"), NONE);
    let null = |name: &str| Err((Status::NullPointer, format!("`{name}` is NULL")));
    // SAFETY: NULL, live handles and variables.
    unsafe {
        let status = bayes8_model_get_dropout(ptr::null(), 0, &mut dropout);
        assert_eq!(result(status, ()), null("model"));
        let status = bayes8_model_get_dropout(*model, 0, ptr::null_mut());
        assert_eq!(result(status, ()), null("dropout"));
        dropout.size = 0;
        let status = bayes8_model_get_dropout(*model, 0, &mut dropout);
        let (_, message) = result(status, ()).expect_err("no size");
        assert!(message.contains("sizeof(bayes8_dropout)"), "{message}");
    }
    let shipped = info(*shipped()).expect("a live model");
    assert_eq!((shipped.members, shipped.dropout), (1, 0));
    assert!(shipped.bayesian_layers > 0);
}
