//! Predictions of the FP32 network.

use bayes8_core::head::Accumulator;
use bayes8_core::head::classes::{ClassSums, ClassUncertainty};
use ndarray::{ArrayView, ArrayView2, Axis, Dimension};

use super::weights::{FloatWeights, draw};
use super::{RunError, add_sample, run};
use crate::network::Network;

/// Predicts `pictures`, as [`run`] takes them, with `samples` FP32 draws of the weights.
/// Calls `progress` after each.
///
/// # Errors
/// [`RunError`] when the pictures do not fit the network.
pub fn predict<D: Dimension>(
    network: &Network,
    pictures: ArrayView<'_, f32, D>,
    seed: u64,
    samples: u32,
    mut progress: impl FnMut(),
) -> Result<Vec<ClassUncertainty>, RunError> {
    let draws = (0..samples).map(|sample| draw(network, seed, sample));
    predict_samples(network, pictures, draws, |_| progress())
}

/// Predicts `pictures`, as [`run`] takes them, with each of these `draws` of the weights, and calls
/// `observe` with the logits `[N, classes]` of each.
///
/// # Errors
/// [`RunError`] when the pictures do not fit the network.
pub fn predict_samples<'n, D: Dimension>(
    network: &'n Network,
    pictures: ArrayView<'_, f32, D>,
    draws: impl Iterator<Item = FloatWeights<'n>>,
    mut observe: impl FnMut(ArrayView2<'_, f32>),
) -> Result<Vec<ClassUncertainty>, RunError> {
    let mut sums = vec![ClassSums::new(network.classes()); pictures.len_of(Axis(0))];
    for weights in draws {
        let logits = run(network, &weights, pictures.view(), |_, _, _| {})?;
        add_sample(&mut sums, &logits);
        observe(logits.view());
    }
    Ok(sums.iter().map(ClassSums::finish).collect())
}

/// Predicts `pictures`, as [`run`] takes them, with every weight at its mean and without dropout:
/// once with each member. Calls `observe` with the logits `[N, classes]` of each.
///
/// # Errors
/// [`RunError`] when the pictures do not fit the network.
pub fn predict_mean<D: Dimension>(
    network: &Network,
    pictures: ArrayView<'_, f32, D>,
    observe: impl FnMut(ArrayView2<'_, f32>),
) -> Result<Vec<ClassUncertainty>, RunError> {
    let members = (0..network.members()).map(|member| FloatWeights::mean(network, member));
    predict_samples(network, pictures, members, observe)
}

/// The prediction from the logits of a single pass, without epistemic uncertainty.
pub fn single_sample(logits: &[f32]) -> ClassUncertainty {
    let mut sums = ClassSums::new(logits.len());
    sums.add(logits);
    sums.finish()
}
