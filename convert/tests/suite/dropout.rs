//! Dropout that stays active: ONNX's operator, masks as exporters write them, and the INT8 network.

use bayes8_convert::HeadDetails;
use bayes8_convert::calibrate::Observations;
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_convert::fidelity::FidelityReport;
use bayes8_convert::quantize::ModelDetails;
use bayes8_convert::reference::{CommonNoise, predict_samples};
use bayes8_convert::{ImportError, ImportOptions, McDropout, Network, import, import_with};
use bayes8_core::graph::{Op, Value};
use bayes8_core::model::{Preprocessing, QuantizedModel};
use bayes8_core::ops::{Dropout, DropoutKind};
use bayes8_native::{Model, ModelOptions, Pictures, PredictOptions};
use ndarray::Array2;
use rten_onnx::onnx::{DataType, ModelProto, NodeProto, TensorProto};

use crate::common::{Fixture, assert_names, find, float, int, ints, none, tensor};

/// A node without attributes.
fn node(op: &str, name: &str, inputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: Some(op.into()),
        name: Some(name.into()),
        input: inputs.iter().map(|&input| input.into()).collect(),
        output: vec![name.into()],
        ..NodeProto::default()
    }
}

fn flag(name: &str, value: bool) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        data_type: Some(DataType::BOOL),
        int32_data: vec![value.into()],
        ..TensorProto::default()
    }
}

/// The network `residual` with `nodes` after its first ReLU, a value [n, 4, 8, 8]: they read `raw`,
/// and the last makes the value that the network goes on with.
fn with_nodes(mut nodes: Vec<NodeProto>, tensors: Vec<TensorProto>) -> Vec<u8> {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let relu = find(&mut model, "Relu");
    let value = std::mem::replace(&mut relu.output[0], "raw".into());
    nodes.last_mut().unwrap().output = vec![value];
    let graph = model.graph.as_mut().unwrap();
    graph.node.extend(nodes);
    graph.initializer.extend(tensors);
    model.write_buf().unwrap()
}

/// The dropout operations of a network.
fn dropouts(network: &Network) -> Vec<(&str, Dropout)> {
    let nodes = network.graph.nodes().iter();
    let dropout = nodes.filter_map(|node| match node.op {
        Op::Dropout(dropout) => Some((node.name.as_str(), dropout)),
        _ => None,
    });
    dropout.collect()
}

/// The only dropout operation, whose network has nothing else that `residual` does not have.
#[track_caller]
fn only_dropout(onnx: &[u8]) -> (f64, DropoutKind) {
    let network = import(onnx, &none()).unwrap();
    let [(_, dropout)] = dropouts(&network)[..] else { panic!("{:?}", dropouts(&network)) };
    let plain = Fixture::load("residual").import();
    assert_eq!(network.graph.nodes().len(), plain.graph.nodes().len() + 1, "nothing else is left");
    (dropout.probability.as_f64(), dropout.kind)
}

/// A Dropout node with this ratio and, unless it is left out, training mode.
fn dropout(ratio: f32, training: Option<bool>) -> Vec<u8> {
    let mut inputs = vec!["raw", "ratio"];
    let mut tensors = vec![tensor("ratio", &[], &[ratio])];
    if let Some(training) = training {
        inputs.push("training");
        tensors.push(flag("training", training));
    }
    with_nodes(vec![node("Dropout", "drop", &inputs)], tensors)
}

#[test]
fn dropout_in_training_mode_is_active_and_otherwise_passes_its_input_on() {
    assert_eq!(only_dropout(&dropout(0.25, Some(true))), (0.25, DropoutKind::Element));
    for training in [None, Some(false)] {
        let network = import(&dropout(0.25, training), &none()).unwrap();
        assert_eq!(dropouts(&network), []);
    }
    // Without a ratio it is one half.
    let nodes = vec![node("Dropout", "drop", &["raw", "", "training"])];
    let onnx = with_nodes(nodes, vec![flag("training", true)]);
    assert_eq!(only_dropout(&onnx), (0.5, DropoutKind::Element));
    // Dropping nothing needs no node.
    assert_eq!(dropouts(&import(&dropout(0.0, Some(true)), &none()).unwrap()), []);
}

#[test]
fn probabilities_outside_of_0_to_1_are_refused() {
    for ratio in [1.0, 1.5, -0.1, f32::NAN] {
        let error = import(&dropout(ratio, Some(true)), &none()).unwrap_err().to_string();
        assert_names(&error, &["`drop` (Dropout)", "probability", "above 0 and below 1"]);
    }
}

#[test]
fn chosen_dropout_nodes_become_active() {
    let onnx = dropout(0.25, Some(false));
    let import = |choice: &str| {
        let choice: McDropout = choice.parse().unwrap();
        import_with(&onnx, &none(), &ImportOptions::new().mc_dropout(choice))
    };
    for (choice, probability) in
        [("all", 0.25), ("drop", 0.25), ("all=0.5", 0.5), ("drop=0.125", 0.125)]
    {
        let network = import(choice).unwrap();
        let [("drop", dropout)] = dropouts(&network)[..] else { panic!("{choice}") };
        assert_eq!(dropout.probability.as_f64(), probability, "{choice}");
    }
    let error = import("drop,dorp").unwrap_err();
    assert!(matches!(&error, ImportError::DropoutUnknown { name, .. } if name == "dorp"));
    assert_names(&error.to_string(), &["`dorp`", "`drop`"]);
    // A network without any, as exporters leave it.
    let choice = ImportOptions::new().mc_dropout(McDropout::ALL);
    let error = import_with(&Fixture::load("residual").onnx, &none(), &choice).unwrap_err();
    assert_names(&error.to_string(), &["`all`", "training mode"]);
}

#[test]
fn choices_that_name_nothing_or_no_probability_are_refused() {
    for text in
        ["", ",", "a,,b", "all=0", "all=1", "all=x", "a=", "a=-0.5", "a=1e-9", "=0.5", "all=nan"]
    {
        assert!(text.parse::<McDropout>().is_err(), "{text}");
    }
    for text in ["all", "all=0.5", "a,b", "a,b=0.25", "block.0/drop=0.5", "a=x", "a=0.5=0.25"] {
        assert_eq!(text.parse::<McDropout>().unwrap().to_string(), text);
    }
}

#[test]
fn names_may_hold_an_equals_sign() {
    let inputs = ["raw", "ratio", "training"];
    let tensors = vec![tensor("ratio", &[], &[0.25]), flag("training", false)];
    let onnx = with_nodes(vec![node("Dropout", "drop=0.5", &inputs)], tensors);
    let import = |choice: &str| {
        let choice: McDropout = choice.parse().unwrap();
        import_with(&onnx, &none(), &ImportOptions::new().mc_dropout(choice))
    };
    let network = import("drop=0.5=0.125").unwrap();
    assert_eq!(dropouts(&network)[0].1.probability.as_f64(), 0.125);
    let error = import("drop=0.5").unwrap_err().to_string();
    assert_names(&error, &["called `drop`", "`drop=0.5`", "`NAME=P` names NAME"]);
}

#[test]
fn masks_of_bernoulli_numbers_are_dropout() {
    for (shape, kind) in [
        (vec![1, 4, 8, 8], DropoutKind::Element),
        (vec![1, 4, 1, 1], DropoutKind::Channel),
        (vec![4, 1, 1], DropoutKind::Channel),
        (vec![1, 1, 1, 1], DropoutKind::Value),
        (vec![], DropoutKind::Value),
    ] {
        let count = shape.iter().product::<i64>() as usize;
        let keep = tensor("keep", &shape, &vec![0.75; count]);
        // x * (mask / keep), and x * mask * (1 / keep).
        let first = vec![
            node("Bernoulli", "mask", &["keep"]),
            node("Div", "scaled", &["mask", "number"]),
            node("Mul", "drop", &["raw", "scaled"]),
        ];
        let onnx = with_nodes(first, vec![keep.clone(), tensor("number", &[], &[0.75])]);
        assert_eq!(only_dropout(&onnx), (0.25, kind), "{shape:?}");
        let second = vec![
            node("Bernoulli", "mask", &["keep"]),
            node("Mul", "drop", &["mask", "raw"]),
            node("Mul", "scaled", &["drop", "number"]),
        ];
        let onnx = with_nodes(second, vec![keep, tensor("number", &[], &[1.0 / 0.75])]);
        assert_eq!(only_dropout(&onnx), (0.25, kind), "{shape:?}");
    }
}

#[test]
fn comparisons_of_uniform_numbers_are_dropout() {
    let cast = |like| match like {
        true => node("CastLike", "float", &["mask", "raw"]),
        false => NodeProto { attribute: vec![int("to", 1)], ..node("Cast", "float", &["mask"]) },
    };
    for (op, inputs, bound, probability) in [
        ("Greater", ["uniform", "bound"], 0.25, 0.25),
        ("GreaterOrEqual", ["uniform", "bound"], 0.25, 0.25),
        ("Less", ["uniform", "bound"], 0.75, 0.25),
        ("Less", ["bound", "uniform"], 0.25, 0.25),
        ("LessOrEqual", ["uniform", "bound"], 0.875, 0.125),
    ] {
        let nodes = vec![
            node("RandomUniformLike", "uniform", &["raw"]),
            node(op, "mask", &inputs),
            cast(op == "Less"),
            node("Mul", "masked", &["raw", "float"]),
            node("Mul", "scaled", &["masked", "number"]),
        ];
        let number = 1.0 / (1.0 - probability as f32);
        let tensors = vec![tensor("bound", &[], &[bound]), tensor("number", &[], &[number])];
        let found = only_dropout(&with_nodes(nodes, tensors));
        assert_eq!(found, (probability, DropoutKind::Element), "{op} {inputs:?}");
    }
    // A choice, and floor(keep + uniform) of old versions of TensorFlow.
    let nodes = vec![
        NodeProto {
            attribute: vec![ints("shape", &[1, 4, 1, 1]), float("low", 0.0), float("high", 1.0)],
            ..node("RandomUniform", "uniform", &[])
        },
        node("Add", "sum", &["uniform", "keep"]),
        node("Floor", "mask", &["sum"]),
        node("Div", "scaled", &["mask", "keep"]),
        node("Mul", "drop", &["raw", "scaled"]),
    ];
    let found = only_dropout(&with_nodes(nodes, vec![tensor("keep", &[], &[0.5])]));
    assert_eq!(found, (0.5, DropoutKind::Channel));
    let nodes = vec![
        node("RandomUniformLike", "uniform", &["raw"]),
        node("Less", "mask", &["uniform", "p"]),
        node("Where", "kept", &["mask", "zero", "raw"]),
        node("Mul", "scaled", &["kept", "number"]),
    ];
    let tensors =
        vec![tensor("p", &[], &[0.5]), tensor("zero", &[], &[0.0]), tensor("number", &[], &[2.0])];
    assert_eq!(only_dropout(&with_nodes(nodes, tensors)), (0.5, DropoutKind::Element));
}

#[test]
fn a_choice_as_a_sum_of_products_is_dropout() {
    let nodes = vec![
        node("Mul", "scaled", &["raw", "number"]),
        node("RandomUniformLike", "uniform", &["raw"]),
        node("GreaterOrEqual", "mask", &["uniform", "p"]),
        node("Not", "dropped", &["mask"]),
        node("Mul", "kept", &["mask", "scaled"]),
        node("Mul", "none", &["zero", "dropped"]),
        node("Add", "choice", &["kept", "none"]),
    ];
    let tensors =
        [("p", 0.25), ("zero", 0.0), ("number", 1.0 / 0.75)].map(|(n, x)| tensor(n, &[], &[x]));
    let found = only_dropout(&with_nodes(nodes, tensors.into()));
    assert_eq!(found, (0.25, DropoutKind::Element));
}

#[test]
fn a_mask_that_is_not_scaled_leaves_a_factor() {
    let nodes = vec![node("Bernoulli", "mask", &["keep"]), node("Mul", "drop", &["raw", "mask"])];
    let onnx = with_nodes(nodes, vec![tensor("keep", &[1, 4, 1, 1], &[0.5; 4])]);
    let network = import(&onnx, &none()).unwrap();
    let nodes = network.graph.nodes();
    let n = nodes.iter().position(|node| matches!(node.op, Op::Dropout(_))).expect("dropout");
    // Dropout keeps the mean of a value, and a mask of zeros and ones halves it: for a convolution in
    // its weights, for other readers by a table.
    let plain = Fixture::load("residual");
    let plain = import(&plain.onnx, &none()).unwrap();
    let weight = |network: &Network| {
        let value = network.graph.value("conv2").expect("a layer");
        let Value::Node(n) = value else { panic!("a node") };
        network.graph.nodes()[n].data.layer().unwrap().member(0).weight.mean[0]
    };
    assert_eq!(weight(&network), 0.5 * weight(&plain));
    let others =
        nodes.iter().filter(|node| node.inputs == [Value::Node(n)] && node.name != "conv2");
    let factors: Vec<_> = others.map(|node| node.data.function().unwrap().as_factor()).collect();
    assert_eq!(factors, [Some(0.5)]);
}

#[test]
fn other_uses_of_random_numbers_are_refused() {
    let mask = |shape: &[i64]| {
        let count = shape.iter().product::<i64>() as usize;
        (node("Bernoulli", "mask", &["keep"]), tensor("keep", shape, &vec![0.5; count]))
    };
    let refusal = |nodes: Vec<NodeProto>, tensors: Vec<TensorProto>| {
        import(&with_nodes(nodes, tensors), &none()).unwrap_err().to_string()
    };
    // Whole rows.
    let (bernoulli, keep) = mask(&[1, 1, 8, 1]);
    let error = refusal(vec![bernoulli, node("Mul", "drop", &["raw", "mask"])], vec![keep]);
    assert_names(&error, &["`drop`", "[1, 1, 8, 1]", "whole channels"]);
    // Of another size.
    let (bernoulli, keep) = mask(&[1, 3, 1, 1]);
    let error = refusal(vec![bernoulli, node("Mul", "drop", &["raw", "mask"])], vec![keep]);
    assert_names(&error, &["`drop`", "[1, 3, 1, 1]"]);
    // Noise that is added.
    let uniform = node("RandomUniformLike", "noise", &["raw"]);
    let error = refusal(vec![uniform, node("Add", "sum", &["raw", "noise"])], vec![]);
    assert_names(&error, &["`sum`", "random"]);
    // Two masks at once.
    let (bernoulli, keep) = mask(&[1, 4, 1, 1]);
    let other =
        NodeProto { name: Some("other".into()), output: vec!["other".into()], ..bernoulli.clone() };
    let both = node("Mul", "both", &["mask", "other"]);
    let error =
        refusal(vec![bernoulli, other, both, node("Mul", "drop", &["raw", "both"])], vec![keep]);
    assert_names(&error, &["`both`", "several random values"]);
    // Probabilities that the input decides.
    let error = refusal(
        vec![node("Bernoulli", "mask", &["raw"]), node("Mul", "drop", &["raw", "mask"])],
        vec![],
    );
    assert_names(&error, &["`mask`", "depend on the input"]);
}

#[test]
fn a_relu_after_dropout_becomes_part_of_the_node_before_it() {
    let nodes = vec![
        node("Dropout", "drop", &["raw", "ratio", "training"]),
        node("Relu", "again", &["drop"]),
    ];
    let tensors = vec![tensor("ratio", &[], &[0.5]), flag("training", true)];
    assert_eq!(only_dropout(&with_nodes(nodes, tensors)), (0.5, DropoutKind::Element));
}

/// The INT8 model of a network, on the pictures of its fixture, and its fidelity.
fn converted(network: &Network, fixture: &Fixture) -> (QuantizedModel, FidelityReport) {
    let pictures = fixture.pictures.view();
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let observed = Observations::new(network, &outputs, pictures.view(), 8, 0, || ()).unwrap();
    let channels = network.graph.input().channels;
    let preprocessing = Preprocessing::of_bytes(vec![0.0; channels], vec![1.0; channels]);
    let details = ModelDetails { name: "test".into(), preprocessing, outputs, input_planes: None };
    let options = ConversionOptions::new();
    let conversion = convert(network, pictures.view(), &observed, details, &options).unwrap();
    let report = FidelityReport::new(network, &conversion, &observed, pictures).unwrap();
    (conversion.model, report)
}

fn quantized(network: &Network, fixture: &Fixture) -> QuantizedModel {
    converted(network, fixture).0
}

/// The mean weights run without dropout, whose nodes change the step of what comes after them.
#[test]
fn layers_and_tables_after_dropout_are_near_fp32_without_it() {
    let fixture = Fixture::load("residual");
    let dropout = node("Dropout", "drop", &["raw", "ratio", "training"]);
    for after in [vec![], vec![node("Sigmoid", "sigmoid", &["drop"])]] {
        let mut nodes = vec![dropout.clone()];
        nodes.extend(after);
        let tensors = vec![tensor("ratio", &[], &[0.75]), flag("training", true)];
        let network = import(&with_nodes(nodes, tensors), &none()).unwrap();
        let (_, report) = converted(&network, &fixture);
        let logits = report.values.last().expect("logits").sqnr_db.expect("noise");
        assert!(logits > 25.0, "{logits} dB");
    }
}

#[test]
fn int8_samples_drop_what_fp32_samples_drop() {
    let fixture = Fixture::load("residual");
    for shape in [&[1, 4, 8, 8][..], &[1, 4, 1, 1], &[]] {
        let count = shape.iter().product::<i64>() as usize;
        let nodes = vec![
            node("Bernoulli", "mask", &["keep"]),
            node("Div", "scaled", &["mask", "number"]),
            node("Mul", "drop", &["raw", "scaled"]),
        ];
        let keep = tensor("keep", shape, &vec![0.75; count]);
        let onnx = with_nodes(nodes, vec![keep, tensor("number", &[], &[0.75])]);
        let network = import(&onnx, &none()).unwrap();
        let model = quantized(&network, &fixture);
        assert_eq!(model.randomness().dropout.len(), 1);
        let (seed, samples) = (3, 8u32);
        let noise = CommonNoise::new(&network);
        noise.check(&model).unwrap();
        let draws = (0..samples).map(|sample| noise.draw(seed, sample));
        let mut fp32: Vec<Array2<f32>> = Vec::new();
        let outputs = network.heads(&HeadDetails::default()).unwrap();
        predict_samples(&network, &outputs, fixture.pictures.view(), draws, |logits| {
            fp32.push(logits.to_owned());
        })
        .unwrap();
        assert!(fp32.windows(2).any(|pair| pair[0] != pair[1]), "samples differ");
        let model = Model::new(model, ModelOptions::new()).unwrap();
        let options = PredictOptions::new().seed(seed).samples(0..samples).keep_logits(true);
        let int8 = model.predict(Pictures::Normalized(fixture.pictures.view()), &options).unwrap();
        let (mut signal, mut noise) = (0.0, 0.0);
        for (picture, prediction) in int8.iter().enumerate() {
            for (sample, logits) in prediction.logits().unwrap().rows().into_iter().enumerate() {
                for (class, &found) in logits.iter().enumerate() {
                    let expected = fp32[sample][[picture, class]];
                    signal += expected * expected;
                    noise += (expected - found) * (expected - found);
                }
            }
        }
        // 30 dB: other masks would give less than 5.
        assert!(signal / noise > 1000.0, "{shape:?}: {}", signal / noise);
    }
}
