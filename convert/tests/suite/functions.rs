//! Functions, products, means, orders of axes and of channels, and the ends of networks: the import
//! against ONNX's reference evaluator and ONNX Runtime, and the INT8 network against the FP32 one.

use crate::common::{Fixture, assert_names, none};
use bayes8_convert::HeadDetails;
use bayes8_convert::{
    Network,
    calibrate::{Observations, RangeMethod},
    import, mean_weights,
    quantize::{ModelDetails, QuantizeError, quantize},
    reference::{FloatWeights, run},
};
use bayes8_core::{
    executor::Executor,
    graph::{Op, Shape, Value},
    model::{Preprocessing, QuantizedModel},
    numerics::ActivationBits,
    posterior::Draw,
    reference::Reference,
};
use ndarray::{Array2, Axis};
use rten_onnx::onnx::ModelProto;

fn mean_logits(network: &Network, fixture: &Fixture) -> Array2<f32> {
    run(network, &FloatWeights::mean(network, 0), fixture.pictures.view(), |_, _, _| ()).unwrap()
}

/// Imports a fixture and compares its logits with those of ONNX's evaluator.
#[track_caller]
fn imported(name: &str) -> (Fixture, Network) {
    imported_to(name, |logits| logits)
}

/// Imports a fixture and compares `end` of its logits with the output of ONNX's evaluator.
#[track_caller]
fn imported_to(name: &str, end: fn(Array2<f32>) -> Array2<f32>) -> (Fixture, Network) {
    let fixture = Fixture::load(name);
    let network = fixture.import();
    let error = (&end(mean_logits(&network, &fixture)) - &fixture.output).abs();
    let error = error.fold(0f32, |a, b| a.max(*b));
    assert!(error < 1e-5, "{name}: {error}");
    (fixture, network)
}

/// The number of times that each of these operations occurs.
fn counts<const N: usize>(network: &Network, names: [&str; N]) -> [usize; N] {
    let nodes = network.graph.nodes();
    names.map(|name| nodes.iter().filter(|node| node.op.name() == name).count())
}

fn log_softmax(logits: Array2<f32>) -> Array2<f32> {
    let sums = logits.map(|x| x.exp()).sum_axis(Axis(1)).map(|x| x.ln());
    logits - sums.insert_axis(Axis(1))
}

fn quantized(network: &Network, fixture: &Fixture) -> QuantizedModel {
    try_quantize(network, fixture).unwrap()
}

fn try_quantize(network: &Network, fixture: &Fixture) -> Result<QuantizedModel, QuantizeError> {
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let observed =
        Observations::new(network, &outputs, fixture.pictures.view(), 1, 0, || ()).unwrap();
    let calibration = observed.calibration(RangeMethod::MinMax, ActivationBits::Eight);
    let channels = network.graph.input().channels;
    let preprocessing = Preprocessing::of_bytes(vec![0.0; channels], vec![1.0; channels]);
    let details = ModelDetails { name: "test".into(), preprocessing, outputs, input_planes: None };
    quantize(network, calibration, ActivationBits::Eight, details)
}

fn input_codes(model: &QuantizedModel, fixture: &Fixture) -> Vec<u8> {
    let input = model.input();
    let code = |x: &f32| (x / input.scale).round() + f32::from(input.zero_point);
    fixture.pictures.iter().map(|x| code(x) as u8).collect()
}

/// Largest error of the INT8 logits, relative to the spread of the FP32 logits.
fn quantization_error(network: &Network, fixture: &Fixture) -> f32 {
    let model = mean_weights::of(&quantized(network, fixture)).unwrap();
    let codes = input_codes(&model, fixture);
    let executor = Executor::new(&model, Reference);
    let mut found = Vec::new();
    let mut workspace = executor.workspace(2).unwrap();
    executor.run(&codes, 0, 0..1, &mut workspace, |_, _, x| found.extend(x.to_vec())).unwrap();
    let ends = |x: &mut dyn Iterator<Item = f32>| {
        x.fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(x), b.max(x)))
    };
    let expected = mean_logits(network, fixture);
    let (low, high) = ends(&mut expected.iter().copied());
    let errors = expected.iter().zip(&found).map(|(a, b)| (a - b).abs());
    errors.fold(0f32, f32::max) / (high - low)
}

#[test]
fn activation_functions_are_one_table_each() {
    let (fixture, network) = imported("activations");
    // One function per layer except the last, and only one other operation.
    let names = ["conv2d", "table", "max_pool", "requantize", "multiply", "add"];
    let [layers, tables, pools, others @ ..] = counts(&network, names);
    assert_eq!((layers, tables, pools, others), (15, 15, 1, [0, 0, 0]));
    let error = quantization_error(&network, &fixture);
    assert!(error < 0.1, "{error}");
}

#[test]
fn squeeze_and_excitation_multiplies_by_channel() {
    let (fixture, network) = imported("excitation");
    let names = ["multiply", "table", "add", "global_average_pool"];
    assert_eq!(counts(&network, names), [3, 5, 2, 3]);
    let second = |n: usize| network.graph.shape(network.graph.nodes()[n].inputs[1]);
    let products = network.graph.nodes().iter().enumerate().filter(|(_, n)| n.op == Op::Multiply);
    let factors: Vec<Shape> = products.map(|(n, _)| second(n)).collect();
    assert_eq!(factors, [Shape::vector(6), Shape::vector(6), Shape::new(6, 5, 4)]);
    let error = quantization_error(&network, &fixture);
    assert!(error < 0.1, "{error}");
}

#[test]
fn means_over_rows_or_columns_are_windows() {
    let (_, network) = imported("means");
    // The mean over the rows of a single column is the mean over everything.
    assert_eq!(counts(&network, ["average_pool", "global_average_pool"]), [2, 2]);
}

#[test]
fn batch_normalization_of_shared_values_is_a_layer_of_its_own() {
    let (fixture, network) = imported("dense");
    // For three joint values and the last; the others are folded.
    assert_eq!(counts(&network, ["conv2d", "requantize", "concat"]), [11, 0, 3]);
    let error = quantization_error(&network, &fixture);
    assert!(error < 0.1, "{error}");
}

#[test]
fn graphs_of_tensorflow_lose_their_transpositions() {
    let (fixture, network) = imported("keras");
    assert_eq!(network.graph.input(), Shape::new(8, 9, 3));
    let names = ["slice", "concat", "flatten", "multiply", "pad_channels", "requantize"];
    assert_eq!(counts(&network, names), [1, 1, 1, 1, 0, 0]);
    let error = quantization_error(&network, &fixture);
    assert!(error < 0.1, "{error}");
    let (_, gray) = imported("keras_gray");
    assert_eq!(gray.graph.input(), Shape::new(6, 7, 1));
    // The division is a part of the first layer.
    assert_eq!(counts(&gray, ["conv2d", "table", "flatten", "linear"]), [3, 0, 0, 1]);
}

/// Zero must stay zero through a table, or the padding of the layer after it would not be zero.
#[test]
fn tables_keep_zero_where_their_function_does() {
    let (fixture, network) = imported("activations");
    let model = quantized(&network, &fixture);
    let tables = network.graph.nodes().iter().enumerate().filter(|(_, n)| n.op == Op::Table);
    let mut kept = 0;
    for (n, node) in tables {
        let quantized = &model.graph().nodes()[n].data;
        let table = quantized.table().unwrap();
        let function = network.graph.nodes()[n].data.function().unwrap();
        if function.apply(0.0) == 0.0 {
            let input = model.grid(node.inputs[0]).unwrap();
            let output = quantized.output.unwrap();
            assert_eq!(table[usize::from(input.zero_point)], output.zero_point, "{}", node.name);
            kept += 1;
        }
    }
    assert_eq!(kept, 13);
}

/// In the fixture, every function has a convolution before it, and some a clamp.
#[test]
fn every_function_of_one_number_is_one_table() {
    let (fixture, network) = imported("functions");
    let names = ["requantize", "add", "multiply", "concat"];
    // The quotient of two different values is a product; two clamps by Min and Max need no table.
    assert_eq!(counts(&network, names), [0, 0, 1, 1]);
    let [layers, tables] = counts(&network, ["conv2d", "table"]);
    assert_eq!((layers, tables), (45, 41));
    let error = quantization_error(&network, &fixture);
    assert!(error < 0.1, "{error}");
}

/// The first Relu of a fixture as another operator, and its network.
fn with_function(op: &str) -> (Fixture, Network) {
    let fixture = Fixture::load("residual");
    let mut model = ModelProto::parse_buf(&fixture.onnx).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let relu = nodes.iter_mut().find(|n| n.op_type.as_deref() == Some("Relu")).unwrap();
    relu.op_type = Some(op.into());
    let network = import(&model.write_buf().unwrap(), &none()).unwrap();
    (fixture, network)
}

/// A table of NaN would become zeros.
#[test]
fn functions_without_a_finite_value_are_refused_by_node_and_range() {
    for op in ["Log", "Sqrt", "Reciprocal", "Acosh", "Atanh", "Acos"] {
        let (fixture, network) = with_function(op);
        let error = try_quantize(&network, &fixture).unwrap_err();
        let QuantizeError::Function { node, low, high, .. } = &error else {
            panic!("{op}: {error}");
        };
        assert_eq!(node, "/relu2", "{op}");
        assert_names(&error.to_string(), &["`/relu2`", &low.to_string(), &high.to_string()]);
        assert!(*low < 0.0 && *high > 0.0);
    }
    for op in ["Exp", "Sin", "Asinh", "Sinh"] {
        let (fixture, network) = with_function(op);
        assert!(try_quantize(&network, &fixture).is_ok(), "{op}");
    }
}

#[test]
fn orders_of_channels_are_taken_up_or_copied() {
    let (fixture, network) = imported("channels");
    // The layers that read the input and the features take up their orders.
    let selections = (0..network.graph.nodes().len()).filter(|&n| network.is_selection(n));
    let names: Vec<&str> = selections.map(|n| network.graph.nodes()[n].name.as_str()).collect();
    let parts = ["/split34", "/split34_2", "/reshape41", "/gather66", "/gather72"];
    assert_eq!(names, parts);
    let error = quantization_error(&network, &fixture);
    assert!(error < 0.1, "{error}");
}

/// A copy of channels on a separate grid would round their codes once more.
#[test]
fn copied_channels_keep_their_codes() {
    let (fixture, network) = imported("channels");
    let model = quantized(&network, &fixture);
    let codes = input_codes(&model, &fixture);
    let executor = Executor::new(&model, Reference);
    let mut workspace = executor.workspace(3).unwrap();
    executor.begin(&codes, &mut workspace).unwrap();
    let trace = executor.trace(Draw { seed: 0, sample: 0 }, &mut workspace);
    let value = |mut value: Value| loop {
        let Value::Node(n) = value else { return codes.as_slice() };
        match network.graph.nodes()[n].op {
            Op::Flatten => value = network.graph.nodes()[n].inputs[0],
            _ => return trace.iter().find(|output| output.node == n).unwrap().bytes.as_slice(),
        }
    };
    let mut compared = 0;
    for n in (0..network.graph.nodes().len()).filter(|&n| network.is_selection(n)) {
        let node = &network.graph.nodes()[n];
        let weights = &network.graph.nodes()[n].data.layer().unwrap().member(0).weight.mean;
        let inputs = network.graph.shape(node.inputs[0]).channels;
        let order: Vec<usize> =
            weights.chunks(inputs).map(|row| row.iter().position(|&w| w == 1.0).unwrap()).collect();
        let range = model.graph().nodes()[n].data.range;
        let expected = value(node.inputs[0])
            .chunks(inputs)
            .flat_map(|pixel| order.iter().map(|&c| pixel[c].clamp(range.low, range.high)));
        assert!(expected.eq(value(Value::Node(n)).iter().copied()), "{}", node.name);
        compared += 1;
    }
    assert_eq!(compared, 5);
}

#[test]
fn logits_that_no_layer_makes_are_copied_by_one() {
    type Case = (&'static str, fn(Array2<f32>) -> Array2<f32>, [usize; 2]);
    let softmax: [Case; 7] = [
        ("pooled", log_softmax, [3, 0]),
        ("flattened", |x| x, [2, 0]),
        ("added", |x| x, [1, 2]),
        ("exported/clamped-logits", |x| x, [2, 1]),
        // The mean goes before the classifier.
        ("exported/pool-after-classifier", |x| x, [2, 0]),
        ("exported/log-of-softmax", log_softmax, [1, 1]),
        ("exported/channel-shuffle", |x| x, [2, 1]),
    ];
    for (name, end, layers) in softmax {
        let (fixture, network) = imported_to(name, end);
        assert_eq!(counts(&network, ["conv2d", "linear"]), layers, "{name}");
        let error = quantization_error(&network, &fixture);
        assert!(error < 0.1, "{name}: {error}");
    }
}

#[test]
fn last_windows_may_end_beyond_the_input() {
    let (fixture, network) = imported("ceiled");
    let error = quantization_error(&network, &fixture);
    assert!(error < 0.1, "{error}");
}

#[test]
fn a_pad_and_a_convolution_may_pad_more_than_a_window() {
    let (fixture, network) = imported("bordered");
    assert_eq!(counts(&network, ["pad", "conv2d"]), [1, 1]);
    let error = quantization_error(&network, &fixture);
    assert!(error < 0.1, "{error}");
}

#[test]
fn exported_functions_are_tables() {
    for name in ["exported/abs-activation", "exported/exp-activation"] {
        let (fixture, network) = imported(name);
        assert_eq!(counts(&network, ["conv2d", "table", "linear"]), [1, 1, 1]);
        let error = quantization_error(&network, &fixture);
        assert!(error < 0.1, "{name}: {error}");
    }
}
