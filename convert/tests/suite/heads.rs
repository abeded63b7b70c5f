//! What outputs mean: found in the graph, or asked for; and networks over numbers.

use bayes8_convert::calibrate::{Observations, RangeMethod};
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_convert::quantize::ModelDetails;
use bayes8_convert::reference::{FloatWeights, predict_mean, run};
use bayes8_convert::{
    HeadDetails, HeadError, HeadKind, ImportError, ImportOptions, Network, OutputChoice,
    TargetDetails, import_with,
};
use bayes8_core::graph::{Op, Value};
use bayes8_core::head::{Head, Output};
use bayes8_core::model::{Planes, Preprocessing, QuantizedModel, Values};
use bayes8_native::{Model, ModelOptions, Pictures, PredictOptions};
use ndarray::{Array2, Axis, concatenate};
use rten_onnx::onnx::{DataType, Dimension, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use crate::common::{Fixture, int, none, tensor};

fn node(op: &str, output: &str, inputs: &[&str]) -> NodeProto {
    NodeProto {
        name: Some(output.into()),
        op_type: Some(op.into()),
        input: inputs.iter().map(|&input| input.into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

/// The network of the fixture with `nodes` after its logits, which are called `logits`, and other
/// outputs.
fn onnx(nodes: Vec<NodeProto>, outputs: &[&str]) -> Vec<u8> {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let last = graph.node.last_mut().unwrap();
    last.output[0] = "logits".into();
    let mut second = last.clone();
    (second.name, second.output[0]) = (Some("second".into()), "other".into());
    graph.node.push(second);
    graph.node.extend(nodes);
    let info =
        |name: &&str| ValueInfoProto { name: Some((*name).into()), ..graph.output[0].clone() };
    graph.output = outputs.iter().map(info).collect();
    model.write_buf().unwrap()
}

fn read(onnx: &[u8], options: &ImportOptions) -> Result<Network, ImportError> {
    import_with(onnx, &none(), options)
}

fn choose(choices: &[&str]) -> ImportOptions {
    let choices: Vec<OutputChoice> = choices.iter().map(|text| text.parse().unwrap()).collect();
    ImportOptions::new().outputs(choices)
}

/// The numbers of the mean weights.
fn numbers(network: &Network) -> Array2<f32> {
    let pictures = Fixture::load("residual").pictures;
    run(network, &FloatWeights::mean(network, 0), pictures.view(), |_, _, _| {}).unwrap()
}

/// Asserts that numbers agree up to rounding.
fn assert_near(found: &Array2<f32>, expected: &Array2<f32>) {
    assert_eq!(found.dim(), expected.dim());
    let largest = (found - expected).iter().fold(0.0f32, |largest, d| largest.max(d.abs()));
    assert!(largest < 1e-4, "{largest}");
}

fn logits() -> Array2<f32> {
    Fixture::load("residual").output
}

#[test]
fn the_end_of_a_network_says_what_its_outputs_are() {
    let nothing = ImportOptions::new();
    let of = |nodes, outputs: &[&str], options: &ImportOptions| {
        let network = read(&onnx(nodes, outputs), options).unwrap();
        (network.outputs[0].head, network)
    };
    let (head, network) = of(Vec::new(), &["logits"], &nothing);
    assert_eq!((head, network.outputs.len()), (None, 1));
    let (head, network) = of(vec![node("Sigmoid", "p", &["logits"])], &["p"], &nothing);
    assert_eq!(head, Some(HeadKind::Labels));
    assert_near(&numbers(&network), &logits());
    for (op, expected) in
        [("Softplus", HeadKind::GaussianSoftplus), ("Exp", HeadKind::GaussianLogVariance)]
    {
        let nodes = vec![node(op, "variance", &["other"])];
        let (head, network) = of(nodes, &["logits", "variance"], &choose(&["logits+variance"]));
        assert_eq!(head, Some(expected));
        let both = concatenate(Axis(1), &[logits().view(), logits().view()]).unwrap();
        assert_near(&numbers(&network), &both);
    }
    // An option decides what the end leaves open, but does not contradict it.
    let given = ImportOptions::new().head(HeadKind::GaussianMean);
    assert_eq!(of(Vec::new(), &["logits"], &given).0, Some(HeadKind::GaussianMean));
    let bounded = of(vec![node("Sigmoid", "p", &["logits"])], &["p"], &given);
    assert_eq!(bounded.0, Some(HeadKind::GaussianMean));
    let classes = ImportOptions::new().head(HeadKind::Classes);
    let error = read(&onnx(vec![node("Sigmoid", "p", &["logits"])], &["p"]), &classes);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`p`") && error.contains("labels"), "{error}");
}

#[test]
fn means_and_variances_may_be_joined_in_the_network() {
    let mut concat = node("Concat", "both", &["logits", "variance"]);
    concat.attribute.push(int("axis", 1));
    let nodes = vec![node("Softplus", "variance", &["other"]), concat];
    let network = read(&onnx(nodes, &["both"]), &ImportOptions::new()).unwrap();
    assert_eq!(network.outputs[0].head, Some(HeadKind::GaussianSoftplus));
    let both = concatenate(Axis(1), &[logits().view(), logits().view()]).unwrap();
    assert_near(&numbers(&network), &both);
    // The variances come last.
    let nodes = || vec![node("Exp", "variance", &["other"]), node("Sigmoid", "p", &["logits"])];
    for choice in ["variance+logits", "p+variance", "logits+p"] {
        let file = onnx(nodes(), &["logits", "variance", "p"]);
        let error = read(&file, &choose(&[choice])).unwrap_err().to_string();
        assert!(error.contains("different functions"), "{choice}: {error}");
    }
}

#[test]
fn several_outputs_have_their_names_and_order() {
    let file = onnx(Vec::new(), &["logits", "other"]);
    let network = read(&file, &choose(&["other=labels", "logits=classes"])).unwrap();
    let names: Vec<_> = network.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["other", "logits"]);
    let heads = network.heads(&HeadDetails::default()).unwrap();
    assert!(matches!(&heads[0].head, Head::Labels(labels) if labels.count == 5));
    assert!(matches!(&heads[1].head, Head::Classes(classes) if classes.count == 5));
    // A name may have a plus sign.
    let plus = onnx(vec![node("Neg", "logits+other", &["other"])], &["logits", "logits+other"]);
    assert_near(&numbers(&read(&plus, &choose(&["logits+other"])).unwrap()), &-logits());
    // A single output has the name that files of all versions know.
    let single = read(&file, &choose(&["other"])).unwrap();
    assert_eq!(single.outputs[0].name, Output::NAME);
    assert_eq!(single.graph.nodes().len() + 1, network.graph.nodes().len());
    for (choices, expected) in [
        (&["boxes"][..], "no output `boxes`, only `logits`, `other`"),
        (&["logits", "logits"], "`logits` was chosen twice"),
        (&["logits+logits"], "`logits` was chosen twice"),
        (&["logits=gaussian-log-variance"], ""),
    ] {
        let error = match read(&file, &choose(choices)) {
            Err(error) => error.to_string(),
            Ok(network) => network.heads(&HeadDetails::default()).unwrap_err().to_string(),
        };
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_concatenation_and_a_part_of_a_layer_need_no_layer_of_8_bits() {
    let mut concat = node("Concat", "both", &["logits", "other"]);
    concat.attribute.push(int("axis", 1));
    let network = read(&onnx(vec![concat], &["both"]), &ImportOptions::new()).unwrap();
    assert_eq!(network.outputs[0].nodes.len(), 2);
    assert!(network.graph.nodes().iter().all(|node| !matches!(node.op, Op::Concat)));
    let both = concatenate(Axis(1), &[logits().view(), logits().view()]).unwrap();
    assert_near(&numbers(&network), &both);

    let mut slice = node("Gather", "part", &["logits", "rows"]);
    slice.attribute.push(int("axis", 1));
    let mut file = ModelProto::parse_buf(&onnx(vec![slice], &["part"])).unwrap();
    let rows = TensorProto {
        name: Some("rows".into()),
        dims: vec![2],
        data_type: Some(DataType::INT64),
        int64_data: vec![3, 1],
        ..TensorProto::default()
    };
    file.graph.as_mut().unwrap().initializer.push(rows);
    let network = read(&file.write_buf().unwrap(), &ImportOptions::new()).unwrap();
    let nodes = network.graph.nodes();
    let &[last] = &network.outputs[0].nodes[..] else { panic!("one node") };
    assert!(matches!(nodes[last].op, Op::Linear(_)) && last + 1 == nodes.len());
    assert_near(&numbers(&network), &logits().select(Axis(1), &[3, 1]));
    let readers = nodes.iter().flat_map(|node| &node.inputs);
    assert!(readers.filter(|value| matches!(value, Value::Node(_))).count() > 0);
}

#[test]
fn names_and_numbers_of_heads_must_fit() {
    let network = |head: Option<HeadKind>| {
        read(&onnx(Vec::new(), &["logits"]), &ImportOptions::new().head(head)).unwrap()
    };
    let names = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>();
    let error = |head, details: HeadDetails| network(head).heads(&details).unwrap_err();
    let classes = HeadDetails { class_names: names(4), ..HeadDetails::default() };
    let (what, expected, found) = ("classes", 5, 4);
    assert_eq!(error(None, classes.clone()), HeadError::Names { what, expected, found });
    let unused = error(Some(HeadKind::Labels), classes);
    assert!(matches!(unused, HeadError::Unused { head: "classes", .. }), "{unused}");
    assert_eq!(error(Some(HeadKind::GaussianSoftplus), HeadDetails::default()), HeadError::Odd(5));
    let targets = TargetDetails { scale: vec![1.0, 0.0], ..TargetDetails::default() };
    let details = HeadDetails { targets, ..HeadDetails::default() };
    let zero = error(Some(HeadKind::GaussianMean), details).to_string();
    assert_eq!(zero, "the target scale is 0, expected a normal number above 0");
}

/// Numbers between -1 and 1.
fn random(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// A network of two layers over six numbers that gives a mean and a log-variance.
fn regression() -> Network {
    let mut random = random(3);
    let mut weights = |count: usize| -> Vec<f32> { (0..count).map(|_| 0.6 * random()).collect() };
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let graph = model.graph.as_mut().unwrap();
    graph.initializer = vec![
        tensor("w", &[6, 24], &weights(144)),
        tensor("b", &[24], &weights(24)),
        tensor("v", &[24, 2], &weights(48)),
        tensor("c", &[2], &weights(2)),
    ];
    graph.node = vec![
        node("Gemm", "hidden", &["x", "w", "b"]),
        node("Relu", "active", &["hidden"]),
        node("Gemm", "y", &["active", "v", "c"]),
    ];
    let vector = |info: &mut ValueInfoProto, name: &str, extent| {
        info.name = Some(name.into());
        let tensor = info.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        let fixed = Dimension { dim_value: Some(extent), ..Dimension::default() };
        tensor.shape.as_mut().unwrap().dim = vec![Dimension::default(), fixed];
    };
    vector(&mut graph.input[0], "x", 6);
    vector(&mut graph.output[0], "y", 2);
    let options = ImportOptions::new().head(HeadKind::GaussianLogVariance);
    read(&model.write_buf().unwrap(), &options).unwrap()
}

/// The INT8 model of a regression, calibrated on `features`.
fn quantized(network: &Network, features: &Array2<f32>, planes: Option<Planes>) -> QuantizedModel {
    let targets = TargetDetails { scale: vec![20.0], offset: vec![35.0], ..Default::default() };
    let details = HeadDetails { targets, ..HeadDetails::default() };
    let outputs = network.heads(&details).unwrap();
    let observed = Observations::new(network, &outputs, features.view(), 1, 0, || ()).unwrap();
    let (values, mean, std) = (Values::Numbers, vec![0.0; 6], vec![1.0; 6]);
    let preprocessing = Preprocessing { values, mean, std };
    let details =
        ModelDetails { name: "test".into(), preprocessing, outputs, input_planes: planes };
    let options = ConversionOptions::new().method(RangeMethod::MinMax);
    convert(network, features.view(), &observed, details, &options).unwrap().model
}

#[test]
fn a_regression_over_numbers_is_near_fp32_and_nearer_with_16_bits() {
    let network = regression();
    let mut random = random(9);
    let features = Array2::from_shape_simple_fn((200, 6), || 2.0 * random());
    let chosen = quantized(&network, &features, None);
    assert_eq!(chosen.input_planes(), Planes::Two);
    let targets = &chosen.outputs()[0].head.gaussian().unwrap().targets;
    assert!((-26..=-18).contains(&targets[0].exponent), "{targets:?}");
    let fp32 = predict_mean(&network, chosen.shared_outputs(), features.view(), |_| ()).unwrap();
    let error = |planes| {
        let model = Model::new(quantized(&network, &features, planes), ModelOptions::new());
        let options = PredictOptions::new().samples(0..1);
        let int8 = model.unwrap().predict(Pictures::Numbers(features.view()), &options).unwrap();
        let mut error = 0.0;
        for (int8, fp32) in int8.iter().zip(&fp32) {
            let (int8, fp32) = (int8.uncertainty().targets(), fp32.sums()[0].finish().targets());
            let (int8, fp32) = (int8.unwrap(), fp32.unwrap());
            assert!((int8.std[0] / fp32.std[0] - 1.0).abs() < 0.05, "{int8:?}, {fp32:?}");
            error += (int8.mean[0] - fp32.mean[0]).powi(2) / 200.0;
        }
        error.sqrt()
    };
    let (eight, sixteen) = (error(Some(Planes::One)), error(Some(Planes::Two)));
    // Of a spread of about 10.
    assert!(sixteen < 0.97 * eight && eight < 0.2, "{eight}, {sixteen}");
}
