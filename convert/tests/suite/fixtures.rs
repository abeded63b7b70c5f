//! The tiny networks of `tests/data` (see `make.py` there) against ONNX's reference evaluator.

use crate::common::Fixture;
use bayes8_convert::{
    Clamp, Network, SigmaSource, import,
    reference::{FloatWeights, RunError, draw, run},
};
use bayes8_core::graph::{Op, Padding, Shape, Value};
use bayes8_core::ops::Conv2d;
use ndarray::{Array2, Axis};
use rten_onnx::onnx::ModelProto;
use std::sync::Mutex;

fn mean_logits(fixture: &Fixture) -> (Network, Array2<f32>) {
    let network = fixture.import();
    let weights = FloatWeights::mean(&network, 0);
    let logits = run(&network, &weights, fixture.pictures.view(), |_, _, _| ()).unwrap();
    (network, logits)
}

fn deviation(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    (a - b).iter().fold(0.0, |max, d| max.max(d.abs()))
}

/// Operations of a network, in order.
fn operations(network: &Network) -> Vec<&'static str> {
    network.graph.nodes().iter().map(|node| node.op.name()).collect()
}

fn node(network: &Network, name: &str) -> usize {
    let known = || network.graph.nodes().iter().map(|n| n.name.as_str()).collect::<Vec<_>>();
    match network.graph.value(name) {
        Some(Value::Node(n)) => n,
        _ => panic!("no node `{name}` among {:?}", known()),
    }
}

#[test]
fn residual_shortcut_and_classifier() {
    let fixture = Fixture::load("residual");
    let (network, logits) = mean_logits(&fixture);
    assert!(deviation(&logits, &fixture.output) < 1e-5);
    let expected = ["conv2d", "conv2d", "slice", "pad_channels", "add", "average_pool", "linear"];
    assert_eq!(operations(&network), expected);
    assert_eq!(network.graph.nodes()[node(&network, "conv1")].data.clamp, Clamp::RELU);
    let add = network.graph.nodes().iter().position(|n| n.op == Op::Add).unwrap();
    assert_eq!(network.graph.nodes()[add].data.clamp, Clamp::RELU);
    assert_eq!(network.graph.nodes()[2].shape, Shape::new(4, 4, 4));
}

#[test]
fn borders_depthwise_and_relu6() {
    let fixture = Fixture::load("mobile");
    let (network, logits) = mean_logits(&fixture);
    assert!(deviation(&logits, &fixture.output) < 1e-5);
    let expected = ["conv2d", "conv2d", "conv2d", "global_average_pool", "linear"];
    assert_eq!(operations(&network), expected);
    for name in ["stem", "dw"] {
        assert_eq!(
            network.graph.nodes()[node(&network, name)].data.clamp,
            Clamp { min: 0.0, max: 6.0 }
        );
    }
    let Op::Conv2d(Conv2d { window, .. }) = network.graph.nodes()[0].op else {
        panic!("no convolution")
    };
    assert_eq!(window.padding, Padding { bottom: 1, right: 1, ..Padding::default() });
}

#[test]
fn flattened_pictures_keep_their_columns() {
    let fixture = Fixture::load("flatten");
    let (network, mut logits) = mean_logits(&fixture);
    for mut row in logits.rows_mut() {
        let sum: f32 = row.iter().map(|x| x.exp()).sum();
        row -= sum.ln();
    }
    assert!(deviation(&logits, &fixture.output) < 1e-5);
    assert_eq!(operations(&network), ["conv2d", "max_pool", "flatten", "linear", "linear"]);
    // The ReLU after pool and Flatten commutes with both.
    assert_eq!(network.graph.nodes()[node(&network, "conv")].data.clamp, Clamp::RELU);
    assert!(network.graph.nodes()[node(&network, "fc2")].data.clamp.is_none());
}

#[test]
fn branches_and_what_cannot_be_folded() {
    let fixture = Fixture::load("branches");
    let (network, logits) = mean_logits(&fixture);
    assert!(deviation(&logits, &fixture.output) < 1e-5);
    let expected = [
        // BatchNormalization of the input, and of a value with other readers.
        "conv2d",
        "conv2d",
        "conv2d",
        "average_pool",
        "average_pool",
        // The clamp waits for its first reader.
        "requantize",
        "concat",
        "global_average_pool",
        "conv2d",
        "concat",
        "linear",
    ];
    assert_eq!(operations(&network), expected);
}

#[test]
fn fixed_batch_and_shape_arithmetic() {
    let fixture = Fixture::load("fixed_batch");
    let (network, logits) = mean_logits(&fixture);
    assert!(deviation(&logits, &fixture.output) < 1e-5);
    let expected = ["requantize", "max_pool", "conv2d", "slice", "flatten", "linear", "conv2d"];
    assert_eq!(operations(&network), expected);
}

#[test]
fn sequences_are_pictures_of_one_row() {
    let fixture = Fixture::load("sequence");
    let (network, logits) = mean_logits(&fixture);
    assert!(deviation(&logits, &fixture.output) < 1e-5);
    let expected = [
        "conv2d",
        "conv2d",
        "max_pool",
        "slice",
        "average_pool",
        "conv2d",
        "global_average_pool",
        "linear",
    ];
    assert_eq!(operations(&network), expected);
    assert_eq!(network.graph.input(), Shape::new(1, 21, 3));
    assert_eq!(network.graph.nodes()[0].shape, Shape::new(1, 9, 6));
}

#[test]
fn volumes_have_planes_before_rows() {
    let fixture = Fixture::load("volume");
    let (network, logits) = mean_logits(&fixture);
    assert!(deviation(&logits, &fixture.output) < 1e-5);
    assert_eq!(network.graph.input(), Shape::volume(5, 6, 4, 2));
    assert_eq!(network.graph.nodes()[0].shape, Shape::volume(5, 3, 4, 6));
}

#[test]
fn transposed_convolutions_are_zeros_and_convolutions() {
    let fixture = Fixture::load("transposed");
    let (network, logits) = mean_logits(&fixture);
    assert!(deviation(&logits, &fixture.output) < 1e-5);
    let expected = ["pad", "conv2d", "pad", "conv2d", "slice", "conv2d", "flatten", "linear"];
    assert_eq!(operations(&network), expected);
    assert_eq!(network.graph.nodes()[1].shape, Shape::volume(4, 3, 9, 6));
    assert_eq!(network.graph.nodes()[3].shape, Shape::volume(12, 6, 26, 4));
    assert_eq!(network.graph.nodes()[5].shape, Shape::volume(3, 4, 11, 4));
}

/// A border that no window takes up becomes a node.
#[test]
fn borders_before_an_addition_are_kept() {
    let fixture = Fixture::load("mobile");
    let mut model = ModelProto::parse_buf(&fixture.onnx).unwrap();
    // The depthwise convolution takes up a border; a sum in its place cannot.
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let conv = nodes.iter().position(|n| n.input.iter().any(|i| i == "dw.weight")).unwrap();
    nodes[conv].op_type = Some("Add".into());
    nodes[conv].input[1] = nodes[conv].input[0].clone();
    nodes[conv].attribute.clear();
    let posterior = SigmaSource::Tensors(fixture.sigmas.clone());
    let network = import(&model.write_buf().unwrap(), &posterior).unwrap();
    assert_eq!(operations(&network)[..3], ["conv2d", "pad", "add"]);
    assert_eq!(network.graph.nodes()[1].shape.axes(), [1, 6, 5]);
}

/// In every fixture sigma is a tenth of |w|, so the same must hold wherever folding moved the
/// weights.
#[test]
fn sigma_follows_its_mean_through_every_fold() {
    for name in ["residual", "flatten", "sequence", "transposed", "channels"] {
        let network = Fixture::load(name).import();
        for node in network.graph.nodes() {
            let Some(layer) = node.data.layer() else { continue };
            let weight = &layer.member(0).weight;
            // Among these fixtures, only "channels" has layers without spread.
            if name == "channels" && weight.sigma.is_none() {
                continue;
            }
            let sigma = weight.sigma.as_ref().expect("every weight is Bayesian");
            for (mu, sigma) in weight.mean.iter().zip(sigma) {
                assert!((0.1 * mu.abs() - sigma).abs() <= 1e-6 * sigma, "{name} {}", node.name);
            }
        }
        if !["residual", "flatten"].contains(&name) {
            continue;
        }
        // A Bayesian bias, before which nothing is folded, and a deterministic one.
        let bias = |layer: &str| {
            network.graph.nodes()[node(&network, layer)]
                .data
                .layer()
                .unwrap()
                .member(0)
                .bias
                .clone()
        };
        let last = bias(if name == "residual" { "fc" } else { "fc2" }).unwrap();
        for (mu, sigma) in last.mean.iter().zip(&last.sigma.unwrap()) {
            assert!((0.1 * mu.abs() - sigma).abs() <= 1e-6 * sigma);
        }
        let first = bias(if name == "residual" { "conv1" } else { "fc1" }).unwrap();
        assert_eq!(first.sigma, None);
    }
}

#[test]
fn moped_makes_weights_but_not_biases_bayesian() {
    let fixture = Fixture::load("branches");
    let network = import(&fixture.onnx, &SigmaSource::Moped { delta: 0.25 }).unwrap();
    for name in ["conv", "head", "fc"] {
        let layer = network.graph.nodes()[node(&network, name)].data.layer().unwrap().member(0);
        let sigma = layer.weight.sigma.as_ref().unwrap();
        for (mu, sigma) in layer.weight.mean.iter().zip(sigma) {
            assert!((0.25 * mu.abs() - sigma).abs() <= 1e-6 * sigma);
        }
        assert!(layer.bias.as_ref().is_none_or(|bias| bias.sigma.is_none()));
    }
    // The layer that a BatchNormalization became has no posterior.
    let folded = network.graph.nodes()[0].data.layer().unwrap().member(0);
    assert_eq!(folded.weight.sigma, None);
}

#[test]
fn draws_differ_by_seed_and_sample_and_repeat() {
    let fixture = Fixture::load("residual");
    let network = fixture.import();
    let logits = |seed, sample| {
        let weights = draw(&network, seed, sample);
        run(&network, &weights, fixture.pictures.view(), |_, _, _| ()).unwrap()
    };
    assert_eq!(logits(1, 0), logits(1, 0));
    assert_ne!(logits(1, 0), logits(1, 1));
    assert_ne!(logits(1, 0), logits(2, 0));
    // Layers with different streams: equal noise would show as equal first weights.
    let weights = draw(&network, 1, 0);
    let eps = |n: usize| {
        let (drawn, layer) =
            (weights.layer(n).unwrap(), network.graph.nodes()[n].data.layer().unwrap().member(0));
        let sigma = layer.weight.sigma.as_ref().unwrap();
        (drawn.weight[0] - layer.weight.mean[0]) / sigma[0]
    };
    assert!((eps(0) - eps(1)).abs() > 1e-3);
}

#[test]
fn observers_see_every_value_of_every_picture_once() {
    for name in ["residual", "branches"] {
        let fixture = Fixture::load(name);
        let network = fixture.import();
        let seen = Mutex::new(Vec::new());
        let logits = run(
            &network,
            &FloatWeights::mean(&network, 0),
            fixture.pictures.view(),
            |value, picture, elements| {
                assert_eq!(elements.len(), network.graph.shape(value).elements());
                if let Value::Node(n) = value {
                    let Clamp { min, max } = network.graph.nodes()[n].data.clamp;
                    assert!(elements.iter().all(|x| (min..=max).contains(x)));
                }
                seen.lock().unwrap().push((picture, value, elements.to_vec()));
            },
        )
        .unwrap();
        let mut seen = seen.into_inner().unwrap();
        seen.sort_by_key(|&(picture, value, _)| (picture, value));
        let values = network.graph.nodes().len() + 1;
        assert_eq!(seen.len(), values * fixture.pictures.len_of(Axis(0)));
        for (picture, values) in seen.chunks(values).enumerate() {
            let input: Vec<f32> =
                fixture.pictures.index_axis(Axis(0), picture).iter().copied().collect();
            assert_eq!(values[0], (picture, Value::Input, input));
            assert_eq!(values.last().unwrap().2, logits.row(picture).to_vec());
        }
    }
}

#[test]
fn a_picture_does_not_depend_on_its_batch() {
    let fixture = Fixture::load("mobile");
    let network = fixture.import();
    let weights = FloatWeights::mean(&network, 0);
    let logits = |pictures| run(&network, &weights, pictures, |_, _, _| ()).unwrap();
    let together = logits(fixture.pictures.view());
    for (i, row) in together.rows().into_iter().enumerate() {
        let alone = fixture.pictures.slice_axis(Axis(0), (i..=i).into());
        assert!(logits(alone).row(0).iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-6));
    }
    assert_eq!(logits(fixture.pictures.slice_axis(Axis(0), (..0).into())).dim(), (0, 4));
}

#[test]
fn misfits_are_refused_before_running() {
    let (a, b) = (Fixture::load("residual"), Fixture::load("mobile"));
    let (network, other) = (a.import(), b.import());
    let weights = FloatWeights::mean(&network, 0);
    let error = run(&network, &weights, b.pictures.view(), |_, _, _| ()).unwrap_err();
    assert!(matches!(error, RunError::PictureShape { .. }));
    let error = run(&other, &weights, b.pictures.view(), |_, _, _| ()).unwrap_err();
    assert_eq!(error, RunError::Weights("stem".into()));
}
