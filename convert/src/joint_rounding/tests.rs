//! Joint rounding: what it gains, and where it applies.

use super::*;
use bayes8_core::graph::{Graph, Shape};
use bayes8_core::model::{Planes, Preprocessing, Values};
use bayes8_core::numerics::ActivationBits;
use bayes8_core::ops::Linear;
use bayes8_core::posterior::PerMember;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::calibrate::{Observations, RangeMethod};
use crate::clamp::Clamp;
use crate::details::HeadDetails;
use crate::error_feedback::round_means;
use crate::form::Form;
use crate::network::{
    Gaussian, LayerParameters, NetworkInput, NetworkOutput, Real, RealParameters,
};
use crate::quantize::{ModelDetails, quantize};

/// Numbers in -1..1.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| random.next_u32() as f32 / (1u64 << 31) as f32 - 1.0).collect()
}

/// Linear layers of these widths with ReLU between them. Weights have standard deviations of
/// `sigma`, if it is given.
fn chain(widths: &[usize], sigma: Option<f32>) -> Network {
    let mut graph = Graph::new(Shape::vector(widths[0])).unwrap();
    let mut input = Value::Input;
    for (n, pair) in widths.windows(2).enumerate() {
        let count = pair[0] * pair[1];
        let sigma = sigma.map(|sigma| vec![sigma; count]);
        let weight = Gaussian { mean: noise(count, n as u64), sigma };
        let parameters = LayerParameters { weight, bias: None };
        let mut data = Real::new(RealParameters::Layer(PerMember::shared(parameters)));
        if n + 2 < widths.len() {
            data.clamp = Clamp::RELU;
        }
        let op = Linear { out_features: pair[1] };
        graph.push(format!("linear{n}"), op, vec![input], data).unwrap();
        input = Value::Node(n);
    }
    let nodes = vec![widths.len() - 2];
    Network {
        input: NetworkInput { layout: Form::Vector, batch: None, takes_bytes: false },
        graph,
        outputs: vec![NetworkOutput {
            name: "output".into(),
            nodes,
            resize: None,
            head: None,
            arg_max: false,
            least_variance: 0.0,
        }],
    }
}

fn inputs(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
    Array2::from_shape_vec((rows, columns), noise(rows * columns, seed)).unwrap()
}

/// The model of rows that were rounded separately, and the one after joint rounding.
fn models(network: &Network, pictures: &Array2<f32>) -> [QuantizedModel; 2] {
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let observed = Observations::new(network, &outputs, pictures.view(), 8, 0, || ()).unwrap();
    let channels = pictures.ncols();
    let preprocessing = Preprocessing::of_bytes(vec![0.0; channels], vec![1.0; channels]);
    let preprocessing = Preprocessing { values: Values::Numbers, ..preprocessing };
    let input_planes = Some(Planes::Two);
    let details = ModelDetails { name: "test".into(), preprocessing, outputs, input_planes };
    let bits = ActivationBits::Eight;
    let ranges = observed.calibration(RangeMethod::MinMax, bits);
    let model = quantize(network, ranges, bits, details).unwrap();
    let rows = round_means(network, pictures.view(), model).unwrap();
    let means = InputMeans::new(network, pictures.view()).unwrap();
    let both = round_jointly(network, pictures.view(), Some(&means), rows.clone()).unwrap();
    [rows, both].map(|model| means.correct(network, model).unwrap())
}

/// The mean squared error of the outputs that rounding of the mean weights causes, apart from that of
/// activations.
fn error(network: &Network, model: &QuantizedModel, pictures: &Array2<f32>) -> f64 {
    let mut rounded = network.clone();
    for n in 0..rounded.graph.nodes().len() {
        let input = model.grid(network.graph.nodes()[n].inputs[0]).unwrap().scale;
        let layer = model.graph().nodes()[n].data.layer().unwrap().member(0);
        let steps = layer.mu.iter().zip(0..).map(|(&mu, i)| (mu, layer.scale[i / layer.fan_in()]));
        let weight = steps.map(|(mu, step)| f32::from(mu) * step).collect();
        let bias = layer.bias.as_ref().unwrap().mu.iter().zip(&layer.scale);
        let bias = bias.map(|(&mu, step)| mu as f32 * step * input).collect();
        let [weight, bias] = [weight, bias].map(Gaussian::deterministic);
        let layer = LayerParameters { weight, bias: Some(bias) };
        rounded.graph.node_mut(n).1.parameters = RealParameters::Layer(PerMember::shared(layer));
    }
    let [exact, rounded] = [network, &rounded].map(|network| {
        let means = FloatWeights::mean(network, 0);
        run(network, &means, pictures.view(), |_, _, _| {}).unwrap()
    });
    f64::from((exact - rounded).mapv(|x| x * x).mean().unwrap())
}

#[test]
fn outputs_of_short_rows_are_far_nearer_than_if_each_is_rounded_alone() {
    for sigma in [None, Some(0.02)] {
        let network = chain(&[5, 40, 3], sigma);
        let [rows, both] = models(&network, &inputs(200, 5, 7));
        // On inputs other than those that the effects come from.
        let other = inputs(300, 5, 8);
        let [rows, both] = [rows, both].map(|model| error(&network, &model, &other));
        assert!(both < rows / 2.0, "{sigma:?}: {both} {rows}");
    }
}

/// Standard deviations depend on the steps, which stay.
#[test]
fn only_mean_codes_and_biases_change() {
    let network = chain(&[5, 40, 3], Some(0.02));
    let [rows, both] = models(&network, &inputs(200, 5, 7));
    for (rows, both) in rows.layers().zip(both.layers()) {
        let (rows, both) = (rows.member(0), both.member(0));
        assert_ne!(rows.mu, both.mu);
        assert_eq!(rows.scale, both.scale);
        assert_eq!(rows.posterior, both.posterior);
    }
}

#[test]
fn large_networks_and_few_examples_keep_their_codes() {
    let large = [8, LARGEST / 9, 1];
    assert!(!is_small_chain(&chain(&[8, LARGEST / 8, 1], None)));
    assert!(is_small_chain(&chain(&large, None)));
    let [rows, both] = models(&chain(&[5, 40, 3], None), &inputs(FEWEST - 1, 5, 7));
    assert!(rows.layers().eq(both.layers()));
}

#[test]
fn threads_do_not_change_the_codes() {
    let (network, pictures) = (chain(&[5, 20, 3], Some(0.02)), inputs(64, 5, 7));
    let codes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let [_, both] = pool.install(|| models(&network, &pictures));
        both.layers().map(|layer| layer.member(0).mu.clone()).collect::<Vec<_>>()
    };
    assert_eq!(codes(1), codes(3));
}

#[test]
fn the_update_gives_the_inverse() {
    let v = Array1::from(vec![1.0, -2.0, 0.5]);
    let mut inverse = Array2::eye(3);
    update(&mut inverse, &v, 4.0);
    let column = v.view().insert_axis(Axis(1));
    let sum = Array2::<f64>::eye(3) + column.dot(&column.t()) / 4.0;
    assert!((inverse.dot(&sum) - Array2::<f64>::eye(3)).iter().all(|x| x.abs() < 1e-12));
    update(&mut inverse, &v, -4.0);
    assert!((inverse - Array2::<f64>::eye(3)).iter().all(|x| x.abs() < 1e-12));
}
