//! Tensors, numbers and posteriors that the importer refuses.

use std::cell::RefCell;

use crate::common::{Fixture, assert_names, find, float, initializer, int, none, refusal};
use bayes8_convert::{ImportError, SigmaSource, SigmaTensor, import};
use rten_onnx::onnx::{DataLocation, DataType, ModelProto, NodeProto};

#[test]
fn tensors_are_named() {
    let external = refusal("residual", |m| {
        initializer(m, "fc.weight").data_location = Some(DataLocation::EXTERNAL);
    });
    assert_names(&external, &["`fc.weight`", "another file"]);
    let short = refusal("residual", |m| {
        let raw = initializer(m, "fc.weight").raw_data.as_ref().unwrap();
        raw.borrow_mut().pop();
    });
    assert_names(&short, &["`fc.weight`", "[5, 8]", "40"]);
    let complex = refusal("residual", |m| {
        initializer(m, "fc.weight").data_type = Some(DataType::COMPLEX64);
    });
    assert_names(&complex, &["`fc.weight`", "its type is COMPLEX64"]);
    for bad in [f32::NAN, f32::INFINITY] {
        let message = refusal("residual", |m| {
            let raw = initializer(m, "conv2.weight").raw_data.as_ref().unwrap();
            raw.borrow_mut()[20..24].copy_from_slice(&bad.to_le_bytes());
        });
        assert_names(&message, &["`conv2.weight`", "index 5"]);
    }
    let variance = refusal("residual", |m| {
        let tensor = initializer(m, "bn1.running_var");
        tensor.raw_data = Some(RefCell::new((-1f32).to_le_bytes().repeat(4)));
    });
    assert_names(&variance, &["(BatchNormalization)", "variance of channel 0 is -1"]);
}

#[test]
fn posteriors_must_fit_the_network() {
    let fixture = Fixture::load("residual");
    let with = |name: &str, shape: Vec<usize>| {
        let mut sigmas = fixture.sigmas.clone();
        let sigma = SigmaTensor::new(name, shape.clone(), vec![0.1; shape.iter().product()]);
        sigmas.insert(name.into(), sigma.unwrap());
        import(&fixture.onnx, &SigmaSource::Tensors(sigmas)).unwrap_err()
    };
    let error = with("fc.weight", vec![8, 5]);
    assert_names(&error.to_string(), &["`fc.weight.sigma`", "[8, 5]", "[5, 8]"]);
    let error = with("fc.wait", vec![8, 5]);
    assert!(matches!(&error, ImportError::SigmaUnknown { .. }), "{error}");
    // The nearest name first, and how to keep the names.
    assert_names(&error.to_string(), &["`fc.wait`", ": `fc.weight`, `", "TrainingMode.PRESERVE"]);
    let error = with("bn1.weight", vec![4]);
    assert!(matches!(&error, ImportError::SigmaNotWeight(name) if name == "bn1.weight"), "{error}");
    for delta in [0.0, -0.1, f32::NAN, f32::INFINITY] {
        let error = import(&fixture.onnx, &SigmaSource::Moped { delta }).unwrap_err();
        assert!(matches!(error, ImportError::Moped(_)), "{error}");
    }
}

#[test]
fn a_bayesian_weight_belongs_to_one_layer() {
    let fixture = Fixture::load("fixed_batch");
    let mut model = ModelProto::parse_buf(&fixture.onnx).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let conv = nodes.iter().position(|n| n.op_type.as_deref() == Some("Conv")).unwrap();
    let again = NodeProto {
        name: Some("again".into()),
        op_type: Some("Conv".into()),
        input: vec![nodes[conv].input[0].clone(), "conv.weight".into()],
        output: vec!["twice".into()],
        ..NodeProto::default()
    };
    nodes[conv].input[0] = again.output[0].clone();
    nodes.insert(conv, again);
    let bytes = model.write_buf().unwrap();
    assert!(import(&bytes, &none()).is_ok());
    let error = import(&bytes, &SigmaSource::Moped { delta: 0.1 }).unwrap_err();
    assert!(matches!(&error, ImportError::SigmaShared { name, .. } if name == "conv.weight"));
}

#[test]
fn constants_cannot_unfold_without_bound() {
    let message = refusal("residual", |m| {
        let nodes = &mut m.graph.as_mut().unwrap().node;
        let gather = nodes.iter().position(|n| n.op_type.as_deref() == Some("Unsqueeze")).unwrap();
        let mut name = nodes[gather].input[1].clone();
        for i in 0..60 {
            let doubled = NodeProto {
                name: Some(format!("double{i}")),
                op_type: Some("Concat".into()),
                input: vec![name.clone(), name],
                output: vec![format!("doubled{i}")],
                attribute: vec![int("axis", 0)],
                ..NodeProto::default()
            };
            name = doubled.output[0].clone();
            nodes.insert(gather + i, doubled);
        }
        nodes[gather + 60].input[1] = name;
    });
    assert_names(&message, &["double", "unfold"]);
}

/// An attribute without meaning must not become a weight that then takes the blame.
#[test]
fn numbers_that_are_not_finite_are_refused_where_they_are() {
    let attribute = |op: &'static str, name: &'static str, value: f32| {
        refusal("activations", |m| {
            let node = find(m, "Sigmoid");
            node.op_type = Some(op.into());
            node.attribute = vec![float(name, value)];
        })
    };
    for value in [f32::NAN, f32::INFINITY] {
        for (op, name) in [
            ("LeakyRelu", "alpha"),
            ("Elu", "alpha"),
            ("Selu", "gamma"),
            ("HardSigmoid", "alpha"),
            ("HardSigmoid", "beta"),
        ] {
            let message = attribute(op, name, value);
            assert_names(&message, &[op, &format!("attribute `{name}` is {value}")]);
        }
        for name in ["alpha", "beta"] {
            let message = refusal("flatten", |m| {
                find(m, "Gemm").attribute.push(float(name, value));
            });
            assert_names(&message, &["(Gemm)", &format!("attribute `{name}` is {value}")]);
        }
        let epsilon = refusal("residual", |m| {
            find(m, "BatchNormalization").attribute = vec![float("epsilon", value)];
        });
        assert_names(&epsilon, &["(BatchNormalization)", "attribute `epsilon`"]);
        let variance = refusal("residual", |m| {
            let tensor = initializer(m, "bn1.running_var");
            tensor.raw_data = Some(RefCell::new(value.to_le_bytes().repeat(4)));
        });
        assert_names(&variance, &["`bn1.running_var`", &value.to_string()]);
    }
    assert_names(&attribute("Clip", "min", f32::NAN), &["(Clip)", "attribute `min` is NaN"]);
    let bound = refusal("mobile", |m| {
        let clip = find(m, "Clip").input[1].clone();
        let maker = m.graph.as_mut().unwrap().node.iter_mut().find(|n| n.output[0] == clip);
        maker.unwrap().attribute = vec![float("value_float", f32::NAN)];
    });
    assert_names(&bound, &["(Constant)", "attribute `value_float` is NaN"]);
}

#[test]
fn a_variance_of_zero_without_epsilon_is_refused() {
    let message = refusal("residual", |m| {
        find(m, "BatchNormalization").attribute = vec![float("epsilon", 0.0)];
        let raw = initializer(m, "bn1.running_var").raw_data.as_ref().unwrap();
        raw.borrow_mut()[8..12].fill(0);
    });
    assert_names(&message, &["(BatchNormalization)", "variance of channel 2 is 0", "epsilon"]);
}

/// Factors that are finite may still be too large for a weight.
#[test]
fn a_node_that_makes_weights_overflow_is_blamed() {
    let message = refusal("residual", |m| {
        let raw = initializer(m, "bn1.weight").raw_data.as_ref().unwrap();
        raw.borrow_mut()[..4].copy_from_slice(&3e38f32.to_le_bytes());
        find(m, "BatchNormalization").attribute = vec![float("epsilon", 1e-30)];
        let raw = initializer(m, "bn1.running_var").raw_data.as_ref().unwrap();
        raw.borrow_mut()[..4].fill(0);
    });
    assert_names(&message, &["(BatchNormalization)", "too large", "`conv1`"]);
    let fixture = Fixture::load("residual");
    let error = import(&fixture.onnx, &SigmaSource::Moped { delta: 3e38 }).unwrap_err();
    assert!(matches!(error, ImportError::SigmaOverflow(_)), "{error}");
}
