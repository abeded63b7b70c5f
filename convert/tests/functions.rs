//! Functions, products, means and orders of axes: import against ONNX's reference evaluator, and
//! the INT8 network against the FP32 one.

mod common;

use bayes8_convert::{
    Network,
    calibrate::{Observations, RangeMethod},
    quantize::{Description, quantize},
    reference::{Weights, run},
};
use bayes8_core::{
    executor::Executor,
    graph::{Op, Shape},
    model::{Model, Preprocessing},
    numerics::ActivationBits,
    reference::Reference,
};
use common::Fixture;
use ndarray::Array2;

fn mean_logits(network: &Network, fixture: &Fixture) -> Array2<f32> {
    run(network, &Weights::mean(network), fixture.pictures.view(), |_, _, _| ()).unwrap()
}

/// Imports a fixture and compares its logits with those of ONNX's evaluator.
#[track_caller]
fn imported(name: &str) -> (Fixture, Network) {
    let fixture = Fixture::load(name);
    let network = fixture.import();
    let error = (&mean_logits(&network, &fixture) - &fixture.output).abs();
    let error = error.fold(0f32, |a, b| a.max(*b));
    assert!(error < 1e-5, "{name}: {error}");
    (fixture, network)
}

/// How often each of these operations occurs.
fn counts<const N: usize>(network: &Network, names: [&str; N]) -> [usize; N] {
    let nodes = network.graph.nodes();
    names.map(|name| nodes.iter().filter(|node| node.op.name() == name).count())
}

fn quantized(network: &Network, fixture: &Fixture) -> Model {
    let observed = Observations::new(network, fixture.pictures.view(), 1, 0, || ()).unwrap();
    let calibration = observed.calibration(RangeMethod::MinMax, ActivationBits::Eight);
    let channels = network.graph.input().channels;
    let preprocessing = Preprocessing { mean: vec![0.0; channels], std: vec![1.0; channels] };
    let description = Description { name: "test".into(), preprocessing, class_names: Vec::new() };
    quantize(network, calibration, ActivationBits::Eight, description).unwrap()
}

/// Largest error of the INT8 logits, relative to the spread of the FP32 logits.
fn quantization_error(network: &Network, fixture: &Fixture) -> f32 {
    let model = quantized(network, fixture);
    let input = model.input();
    let code = |x: &f32| (x / input.scale).round() + f32::from(input.zero_point);
    let codes: Vec<u8> = fixture.pictures.iter().map(|x| code(x) as u8).collect();
    let executor = Executor::new(&model, Reference);
    let mut found = Vec::new();
    executor.run(&codes, 0, 0..1, &mut executor.workspace(2), |_, _, x| found.extend(x.to_vec()));
    let ends = |x: &mut dyn Iterator<Item = f32>| {
        x.fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(x), b.max(x)))
    };
    let (low, high) = ends(&mut fixture.output.iter().copied());
    let errors = fixture.output.iter().zip(&found).map(|(a, b)| (a - b).abs());
    errors.fold(0f32, f32::max) / (high - low)
}

#[test]
fn activation_functions_are_one_table_each() {
    let (fixture, network) = imported("activations");
    // As many functions as there are layers but the last; only one operation besides.
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
    // The mean over rows of what has one column is one over all of it.
    assert_eq!(counts(&network, ["average_pool", "global_average_pool"]), [2, 2]);
}

#[test]
fn batch_normalization_of_shared_values_is_a_layer_of_its_own() {
    let (fixture, network) = imported("dense");
    // Of three joint values and the last; the others are folded.
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

/// Zero must stay zero through a table, or the padding of the layer behind it would not.
#[test]
fn tables_keep_zero_where_their_function_does() {
    let (fixture, network) = imported("activations");
    let model = quantized(&network, &fixture);
    let tables = network.graph.nodes().iter().enumerate().filter(|(_, n)| n.op == Op::Table);
    let mut kept = 0;
    for ((n, node), table) in tables.zip(model.tables()) {
        let function = network.functions[n].as_ref().unwrap();
        if function.apply(0.0) == 0.0 {
            let input = model.value_quantization(node.inputs[0]).unwrap();
            let output = model.quantization()[n].output.unwrap();
            assert_eq!(table[usize::from(input.zero_point)], output.zero_point, "{}", node.name);
            kept += 1;
        }
    }
    assert_eq!(kept, 13);
}
