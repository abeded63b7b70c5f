//! Rounding of mean weights with error feedback. Weights of a row act together: later weights can
//! undo the effect that rounding one of them has on the outputs, as far as their inputs correlate
//! with its input. With second moments H = E\[x xᵀ\] of a row's inputs, decomposed as H = U D Uᵀ
//! with U unit upper triangular, weight k is rounded to
//!
//! q_k = round(w_k + sum_{j<k} (w_j - q_j) U_jk)
//!
//! which reduces the expected squared error of the output, (w - q)ᵀ H (w - q), to that of
//! independent roundings with weights D (LDLQ of J. Chee et al., "QuIP: 2-Bit Quantization of Large
//! Language Models With Guarantees", NeurIPS 2023, section 3; the same as GPTQ of E. Frantar et
//! al., ICLR 2023). Codes of standard deviations have no part in it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bayes8_core::graph::{Node, Value};
use bayes8_core::layer::Layer;
use bayes8_core::model::QuantizedModel;
use ndarray::{Array2, ArrayView, Axis, Dimension};
use rayon::prelude::*;
use serde::Serialize;

use crate::network::{Network, Real};
use crate::quantize::QuantizeError;
use crate::reference::run_typical;
use crate::weight_inputs::WeightInputs;

/// How mean weights become codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Each weight to the code for which, with the codes before it in its row, the outputs are
    /// nearest; in a small chain of linear layers, with all codes before it in the network.
    #[default]
    ErrorFeedback,
    /// Each weight to the nearest code.
    Nearest,
}

/// Rows of more weights than this keep the nearest codes: the time for their moments grows with the
/// third power.
const LARGEST_ROW: usize = 1280;

/// Positions, over all pictures, that the moments of a row are taken from: this number per weight,
/// but at least the second number.
const POSITIONS: (usize, usize) = (8, 4096);

/// This share of the mean square of all inputs is added to that of each, against inputs that are
/// always zero and against overfitting (as in GPTQ).
const DAMPING: f64 = 0.01;

/// Moments, of inputs in steps of their codes, are summed in units of this, so that the order of the
/// pictures does not matter.
const UNIT: f64 = 1.0 / (1u64 << 16) as f64;

/// The most bytes of moments to gather in one run of the pictures.
const MEMORY: usize = 32 << 20;

/// Returns `model`, which was made from `network`, with mean codes rounded by the inputs that its
/// layers have on `pictures`, as [`run`](crate::reference::run) takes them, when weights are drawn.
///
/// # Errors
/// [`QuantizeError::Run`] when the pictures do not fit the network.
pub fn round_means<D: Dimension>(
    network: &Network,
    pictures: ArrayView<'_, f32, D>,
    mut model: QuantizedModel,
) -> Result<QuantizedModel, QuantizeError> {
    for member in 0..network.members() {
        model = round_member(network, member, pictures.view(), model)?;
    }
    Ok(model)
}

/// Rounds the mean codes of one member, and with the first those of the layers that all share.
fn round_member<D: Dimension>(
    network: &Network,
    member: usize,
    pictures: ArrayView<'_, f32, D>,
    mut model: QuantizedModel,
) -> Result<QuantizedModel, QuantizeError> {
    let graph = &network.graph;
    let nodes = graph.nodes();
    let layers = nodes.iter().enumerate();
    let has_own = |node: &Node<Real>| node.data.layer().is_some_and(|l| member < l.count());
    let layers = layers.filter(|(_, node)| has_own(node));
    let layers = layers.filter_map(|(index, node)| Some((index, WeightInputs::of(graph, node)?)));
    let count = pictures.len_of(Axis(0));
    let mut rest = layers.filter(|(_, taps)| taps.fan_in() <= LARGEST_ROW).peekable();
    while rest.peek().is_some() {
        let mut bytes = 0;
        let mut moments: BTreeMap<usize, Moments> = BTreeMap::new();
        while let Some((index, taps)) = rest.next_if(|(_, taps)| {
            bytes += Moments::bytes(taps);
            moments.is_empty() || bytes <= MEMORY
        }) {
            let grid = model.grid(nodes[index].inputs[0]);
            let scale = grid.map_or(1.0, |grid| grid.scale);
            moments.insert(index, Moments::new(taps, count, scale));
        }
        run_typical(network, member, pictures.view(), |value: Value, picture, numbers| {
            for (&index, moments) in &moments {
                if nodes[index].inputs[0] == value {
                    moments.add(picture, numbers);
                }
            }
        })?;
        model = model.map_layers(|n, of, layer| {
            if of == member
                && let (Some(moments), Some(layers)) = (moments.remove(&n), nodes[n].data.layer())
            {
                round_layer(layer, &layers.member(of).weight.mean, &moments.feedback());
            }
        })?;
    }
    Ok(model)
}

/// Rounds the mean codes of a layer with the feedback of each group of its rows.
fn round_layer(layer: &mut Layer, mean: &[f32], groups: &[Feedback]) {
    let (rows, fan_in) = (layer.out_channels, layer.fan_in());
    let codes = |channel: usize| {
        let step = layer.scale[channel];
        let weights = mean[channel * fan_in..][..fan_in].iter().map(|w| w / step).collect();
        groups[channel * groups.len() / rows].codes(weights)
    };
    let codes: Vec<Vec<i8>> = (0..rows).into_par_iter().map(codes).collect();
    for (channel, codes) in codes.into_iter().enumerate() {
        for (i, code) in codes.into_iter().enumerate() {
            let position = layer.position(channel, i);
            layer.mu[position] = code;
        }
    }
}

/// The feedback from each weight of a row to those after it, `[n][n]`: row k begins with U_jk for
/// j < k; the rest has no meaning.
struct Feedback(Vec<f32>);

impl Feedback {
    /// The codes of a row of weights in steps.
    fn codes(&self, weights: Vec<f32>) -> Vec<i8> {
        let n = weights.len();
        let mut errors: Vec<f32> = Vec::with_capacity(n);
        let code = |(weight, feedback): (f32, &[f32])| {
            let fed: f32 = errors.iter().zip(feedback).map(|(error, u)| error * u).sum();
            let code = (weight + fed).round().clamp(i8::MIN.into(), i8::MAX.into());
            errors.push(weight - code);
            code as i8
        };
        weights.into_iter().zip(self.0.chunks_exact(n)).map(code).collect()
    }
}

/// Second moments of the inputs of one layer's rows.
struct Moments {
    taps: WeightInputs,
    /// The number of positions per picture.
    positions: usize,
    /// The step of the codes of the inputs, by which they are divided.
    scale: f32,
    /// Sums in [`UNIT`]s, `[groups][n][n]`.
    sums: Mutex<Vec<i64>>,
}

impl Moments {
    fn bytes(taps: &WeightInputs) -> usize {
        taps.groups() * taps.fan_in() * taps.fan_in() * size_of::<i64>()
    }

    fn new(taps: WeightInputs, pictures: usize, scale: f32) -> Self {
        let (n, groups) = (taps.fan_in(), taps.groups());
        let wanted = (POSITIONS.0 * n).max(POSITIONS.1).div_ceil(pictures.max(1));
        let positions = wanted.min(taps.positions());
        Self { taps, positions, scale, sums: Mutex::new(vec![0; groups * n * n]) }
    }

    /// Adds one picture `[D][H][W][C]`.
    fn add(&self, picture: usize, numbers: &[f32]) {
        let n = self.taps.fan_in();
        // Spread over the picture, at different places in each.
        const STRIDE: usize = 7919;
        let all = self.taps.positions();
        let position = |i: usize| (picture * STRIDE + i * all / self.positions) % all;
        let positions: Vec<usize> = (0..self.positions).map(position).collect();
        let mut inputs = Array2::zeros((positions.len(), n));
        let mut moments = Vec::with_capacity(n * n * self.taps.groups());
        for group in 0..self.taps.groups() {
            for (mut row, &position) in inputs.rows_mut().into_iter().zip(&positions) {
                self.taps.gather(numbers, position, group, row.as_slice_mut().unwrap_or_default());
            }
            inputs.mapv_inplace(|x| x / self.scale);
            moments.extend(inputs.t().dot(&inputs));
        }
        // After each picture, sums are multiples of the unit.
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        for (sum, moment) in sums.iter_mut().zip(moments) {
            *sum = sum.saturating_add((f64::from(moment) / UNIT).round() as i64);
        }
    }

    fn feedback(self) -> Vec<Feedback> {
        let n = self.taps.fan_in();
        let sums = self.sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        let feedback = |sums: &[i64]| {
            let mut moments: Vec<f64> = sums.iter().map(|&sum| sum as f64 * UNIT).collect();
            decompose(&mut moments, n);
            Feedback(moments.into_iter().map(|u| u as f32).collect())
        };
        sums.par_chunks(n * n).map(feedback).collect()
    }
}

/// Turns symmetric `moments` H `[n][n]`, damped, into U D Uᵀ: below the diagonal of the result stands Uᵀ.
fn decompose(moments: &mut [f64], n: usize) {
    let mean = (0..n).map(|k| moments[k * n + k]).sum::<f64>() / n as f64;
    // Inputs that are all zero have no errors to feed back.
    let damping = if mean > 0.0 { DAMPING * mean } else { 1.0 };
    (0..n).for_each(|k| moments[k * n + k] += damping);
    for k in (0..n).rev() {
        let (above, row) = moments.split_at_mut(k * n);
        let pivot = row[k];
        let row = &mut row[..k];
        // Positive, unless the sums of enormous inputs overflow.
        if !pivot.is_normal() || pivot < 0.0 {
            row.fill(0.0);
            continue;
        }
        for (i, other) in above.chunks_exact_mut(n).enumerate() {
            let u = row[i] / pivot;
            other[..=i].iter_mut().zip(&*row).for_each(|(h, x)| *h -= u * x);
        }
        row.iter_mut().for_each(|x| *x /= pivot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::HeadDetails;
    use crate::network::NetworkOutput;
    use bayes8_core::graph::{Graph, Shape};
    use bayes8_core::model::Preprocessing;
    use bayes8_core::ops::Linear;
    use bayes8_core::posterior::PerMember;
    use ndarray::ArrayView2;
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{Rng, SeedableRng},
    };

    use crate::calibrate::Observations;
    use crate::conversion::{ConversionOptions, convert};
    use crate::form::Form;
    use crate::network::{Gaussian, LayerParameters, NetworkInput, RealParameters};
    use crate::quantize::ModelDetails;

    /// Numbers in -1..1.
    fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| random.next_u32() as f32 / (1u64 << 31) as f32 - 1.0).collect()
    }

    /// `rows` inputs that correlate: half of each is the mean of the row.
    fn inputs(rows: usize, n: usize) -> Array2<f32> {
        let mut inputs = Array2::from_shape_vec((rows, n), noise(rows * n, 1)).unwrap();
        for mut row in inputs.rows_mut() {
            let common = row.sum() / (n as f32).sqrt();
            row.mapv_inplace(|x| x + 3.0 * common);
        }
        inputs
    }

    #[test]
    fn the_parts_multiply_to_the_damped_moments() {
        let n = 7;
        let x = inputs(50, n).mapv(f64::from);
        let moments = x.t().dot(&x);
        let mut parts: Vec<f64> = moments.iter().copied().collect();
        decompose(&mut parts, n);
        let u = |j: usize, k: usize| match j.cmp(&k) {
            std::cmp::Ordering::Less => parts[k * n + j],
            std::cmp::Ordering::Equal => 1.0,
            std::cmp::Ordering::Greater => 0.0,
        };
        let damping = DAMPING * moments.diag().sum() / n as f64;
        for i in 0..n {
            for j in 0..n {
                let product: f64 = (0..n).map(|k| u(i, k) * parts[k * n + k] * u(j, k)).sum();
                let expected = moments[(i, j)] + if i == j { damping } else { 0.0 };
                assert!((product - expected).abs() < 1e-9 * moments[(0, 0)], "{i}, {j}");
            }
        }
    }

    #[test]
    fn inputs_that_never_spoke_give_no_feedback() {
        let mut moments = vec![0.0; 9];
        decompose(&mut moments, 3);
        let feedback = Feedback(moments.iter().map(|&u| u as f32).collect());
        assert_eq!(feedback.codes(vec![0.4, 0.6, 200.0]), [0, 1, 127]);
    }

    /// The codes of a linear layer of 5 rows of `weights` on vectors, and its steps.
    fn codes(
        weights: Vec<f32>,
        pictures: ArrayView2<'_, f32>,
        rounding: Rounding,
    ) -> (Vec<i8>, Vec<f32>) {
        let channels = pictures.ncols();
        let mut graph = Graph::new(Shape::vector(channels)).unwrap();
        let parameters = LayerParameters { weight: Gaussian::deterministic(weights), bias: None };
        let data = Real::new(RealParameters::Layer(PerMember::shared(parameters)));
        graph.push("linear".into(), Linear { out_features: 5 }, vec![Value::Input], data).unwrap();
        let layout = Form::Vector;
        let network = Network {
            input: NetworkInput { layout, batch: None, takes_bytes: false },
            graph,
            outputs: vec![NetworkOutput {
                name: "output".into(),
                nodes: vec![0],
                resize: None,
                head: None,
                arg_max: false,
                least_variance: 0.0,
            }],
        };
        let outputs = network.heads(&HeadDetails::default()).unwrap();
        let observed = Observations::new(&network, &outputs, pictures, 1, 0, || ()).unwrap();
        let preprocessing = Preprocessing::of_bytes(vec![0.0; channels], vec![1.0; channels]);
        let details =
            ModelDetails { name: "test".into(), preprocessing, outputs, input_planes: None };
        let options = ConversionOptions::new().rounding(rounding);
        let model = convert(&network, pictures, &observed, details, &options).unwrap().model;
        let layer = model.layers().next().unwrap().member(0);
        (layer.mu.clone(), layer.scale.clone())
    }

    #[test]
    fn outputs_are_far_nearer_than_of_the_nearest_codes() {
        let n = 64;
        let weights = noise(5 * n, 2);
        let all = inputs(600, n);
        // On inputs other than those that the moments come from.
        let (seen, other) = all.view().split_at(Axis(0), 500);
        let error = |rounding: Rounding| -> f32 {
            let (codes, steps) = codes(weights.clone(), seen, rounding);
            let lost = |(i, w): (usize, &f32)| w - steps[i / n] * f32::from(codes[i]);
            let lost =
                Array2::from_shape_vec((5, n), weights.iter().enumerate().map(lost).collect());
            other.dot(&lost.unwrap().t()).mapv(|x| x * x).sum()
        };
        let (fed, nearest) = (error(Rounding::ErrorFeedback), error(Rounding::Nearest));
        assert!(fed < nearest / 4.0, "{fed} {nearest}");
    }

    #[test]
    fn threads_do_not_change_the_codes() {
        let pictures = inputs(100, 16);
        let codes = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| codes(noise(5 * 16, 3), pictures.view(), Rounding::ErrorFeedback))
        };
        assert_eq!(codes(1), codes(3));
    }
}
