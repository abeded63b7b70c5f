//! Rounding of mean weights with error feedback. Weights of a row act together: what rounding one of
//! them does to the outputs, those after it can take back, as far as their inputs go together with
//! its own. With second moments H = E\[x xᵀ\] of a row's inputs, decomposed as H = U D Uᵀ with U unit
//! upper triangular, weight k is rounded to
//!
//! q_k = round(w_k + sum_{j<k} (w_j - q_j) U_jk)
//!
//! which makes the expected squared error of the output, (w - q)ᵀ H (w - q), that of independent
//! roundings with weights D alone (LDLQ of J. Chee et al., "QuIP: 2-Bit Quantization of Large
//! Language Models With Guarantees", NeurIPS 2023, section 3; the same as GPTQ of E. Frantar et al.,
//! ICLR 2023). Codes of standard deviations have no part in it.

use std::sync::{Mutex, PoisonError};

use bayes8_core::graph::Value;
use ndarray::{Array2, ArrayView, Axis, Dimension};
use rayon::prelude::*;
use serde::Serialize;

use crate::network::Network;
use crate::reference::{RunError, Weights, run};
use crate::taps::Taps;

/// How mean weights become codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Each to the code for which, with those before it in its row, the outputs are nearest.
    #[default]
    ErrorFeedback,
    /// Each to the nearest code.
    Nearest,
}

/// Rows of more weights than this are rounded one weight at a time: moments would take more memory
/// than the network.
const LARGEST_ROW: usize = 1280;

/// Positions that the moments of a row are taken from, over all pictures: so many for each of its
/// weights, and never fewer than the second number.
const POSITIONS: (usize, usize) = (8, 4096);

/// Share of the mean square of all inputs that is added to that of each, against inputs that never
/// spoke and against overfitting (as in GPTQ).
const DAMPING: f64 = 0.01;

/// Moments are summed in units of this, so that the order of the pictures does not matter.
const UNIT: f64 = 1.0 / (1u64 << 24) as f64;

/// The feedback from each weight of a row to those after it, of every layer.
pub struct ErrorFeedback {
    /// Per node, per group; empty where weights are rounded alone.
    nodes: Vec<Vec<Feedback>>,
}

/// `[n][n]`: row k begins with U_jk for j < k; the rest has no meaning.
struct Feedback(Vec<f32>);

impl ErrorFeedback {
    /// Runs `pictures`, as [`run`] takes them, through the mean weights.
    ///
    /// # Errors
    /// [`RunError`] when the pictures do not fit the network.
    pub fn new<D: Dimension>(
        network: &Network,
        pictures: ArrayView<'_, f32, D>,
    ) -> Result<Self, RunError> {
        let graph = &network.graph;
        let count = pictures.len_of(Axis(0));
        let layers: Vec<Option<Moments>> = graph
            .nodes()
            .iter()
            .map(|node| Taps::of(graph, node).filter(|taps| taps.fan_in() <= LARGEST_ROW))
            .map(|taps| taps.map(|taps| Moments::new(taps, count)))
            .collect();
        run(network, &Weights::mean(network), pictures, |value: Value, picture, numbers| {
            for (node, moments) in graph.nodes().iter().zip(&layers) {
                if let Some(moments) = moments.as_ref().filter(|_| node.inputs[0] == value) {
                    moments.add(picture, numbers);
                }
            }
        })?;
        let nodes = layers.into_iter().map(|moments| moments.map_or(Vec::new(), Moments::feedback));
        Ok(Self { nodes: nodes.collect() })
    }

    /// Without any feedback: every weight is rounded to the nearest code.
    pub fn none(network: &Network) -> Self {
        Self { nodes: network.layers.iter().map(|_| Vec::new()).collect() }
    }

    /// The codes of the `weights` of the layer of node `index`, rows with a step each.
    pub(crate) fn codes(&self, index: usize, weights: &[f32], steps: &[f32]) -> Vec<i8> {
        let groups = &self.nodes[index];
        let rows = weights.par_chunks(weights.len() / steps.len()).zip(steps).enumerate();
        let codes = rows.flat_map_iter(|(row, (weights, step))| {
            let weights = weights.iter().map(|w| w / step).collect();
            match groups.get(row * groups.len() / steps.len()) {
                Some(feedback) => feedback.codes(weights),
                None => weights.into_iter().map(nearest).map(|code| code as i8).collect(),
            }
        });
        codes.collect()
    }
}

/// The code nearest to a weight in steps.
fn nearest(weight: f32) -> f32 {
    weight.round().clamp(i8::MIN.into(), i8::MAX.into())
}

impl Feedback {
    /// The codes of a row of weights in steps.
    fn codes(&self, weights: Vec<f32>) -> Vec<i8> {
        let n = weights.len();
        let mut errors: Vec<f32> = Vec::with_capacity(n);
        let code = |(weight, feedback): (f32, &[f32])| {
            let fed: f32 = errors.iter().zip(feedback).map(|(error, u)| error * u).sum();
            let code = nearest(weight + fed);
            errors.push(weight - code);
            code as i8
        };
        weights.into_iter().zip(self.0.chunks_exact(n)).map(code).collect()
    }
}

/// Second moments of the inputs of one layer's rows.
struct Moments {
    taps: Taps,
    /// Positions of each picture that count.
    positions: usize,
    /// Sums in [`UNIT`]s, `[groups][n][n]`.
    sums: Mutex<Vec<i64>>,
}

impl Moments {
    fn new(taps: Taps, pictures: usize) -> Self {
        let (n, groups) = (taps.fan_in(), taps.groups());
        let wanted = (POSITIONS.0 * n).max(POSITIONS.1).div_ceil(pictures.max(1));
        let positions = wanted.min(taps.positions());
        Self { taps, positions, sums: Mutex::new(vec![0; groups * n * n]) }
    }

    /// Takes in one picture `[D][H][W][C]`.
    fn add(&self, picture: usize, numbers: &[f32]) {
        let n = self.taps.fan_in();
        // Spread over the picture, at other places in each.
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
            moments.extend(inputs.t().dot(&inputs));
        }
        // Sums are whole between any two pictures.
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
    use bayes8_core::graph::{Graph, Op, Shape};
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{Rng, SeedableRng},
    };

    use crate::network::{Clamp, Gaussian, LayerParameters};

    /// Numbers in -1..1.
    fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| random.next_u32() as f32 / (1u64 << 31) as f32 - 1.0).collect()
    }

    /// `rows` inputs that have much in common: half of each is the mean of the row.
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

    /// A linear layer of `weights` on vectors of `n`.
    fn network(n: usize, weights: Vec<f32>) -> Network {
        let shape = Shape { depth: 1, height: 1, width: 1, channels: n };
        let mut graph = Graph::new(shape).unwrap();
        let linear = Op::Linear { out_features: weights.len() / n };
        graph.push("linear".into(), linear, vec![Value::Input]).unwrap();
        let parameters = LayerParameters { weight: Gaussian::deterministic(weights), bias: None };
        Network {
            graph,
            clamps: vec![Clamp::NONE],
            layers: vec![Some(parameters)],
            functions: vec![None],
        }
    }

    #[test]
    fn outputs_are_far_nearer_than_of_the_nearest_codes() {
        let (n, step) = (64, 0.02);
        let network = network(n, noise(5 * n, 2));
        let weights = &network.layers[0].as_ref().unwrap().weight.mean;
        // On other inputs than those that the moments come from.
        let all = inputs(600, n);
        let (seen, other) = all.view().split_at(Axis(0), 500);
        let error = |feedback: &ErrorFeedback| -> f32 {
            let codes = feedback.codes(0, weights, &[step; 5]);
            let lost = weights.iter().zip(codes).map(|(w, code)| w - step * f32::from(code));
            let lost = Array2::from_shape_vec((5, n), lost.collect()).unwrap();
            other.dot(&lost.t()).mapv(|x| x * x).sum()
        };
        let fed = error(&ErrorFeedback::new(&network, seen).unwrap());
        let nearest = error(&ErrorFeedback::none(&network));
        assert!(fed < nearest / 4.0, "{fed} {nearest}");
    }

    #[test]
    fn threads_do_not_change_the_feedback() {
        let network = network(16, noise(32, 3));
        let pictures = inputs(100, 16);
        let feedback = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let feedback = pool.install(|| ErrorFeedback::new(&network, pictures.view()));
            feedback.unwrap().nodes.remove(0).remove(0).0
        };
        assert_eq!(feedback(1), feedback(3));
    }
}
