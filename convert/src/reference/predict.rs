//! Predictions of the FP32 network.

use bayes8_core::head::Output;
use bayes8_core::session::Estimate;
use ndarray::{ArrayView, ArrayView2, Axis, Dimension};
use std::sync::Arc;

use super::weights::{FloatWeights, draw};
use super::{RunError, add_sample, estimates, run};
use crate::network::Network;

/// Predicts `pictures`, as [`run`] takes them, with `samples` FP32 draws of the weights. `outputs`
/// say what the numbers mean ([`Network::heads`]). Calls `progress` after each draw.
///
/// # Errors
/// [`RunError`] when the pictures do not fit the network.
pub fn predict<D: Dimension>(
    network: &Network,
    outputs: &Arc<[Output]>,
    pictures: ArrayView<'_, f32, D>,
    seed: u64,
    samples: u32,
    mut progress: impl FnMut(),
) -> Result<Vec<Estimate>, RunError> {
    let draws = (0..samples).map(|sample| draw(network, seed, sample));
    predict_samples(network, outputs, pictures, draws, |_| progress())
}

/// Predicts `pictures`, as [`run`] takes them, with each of these `draws` of the weights, and calls
/// `observe` with the numbers `[N, numbers]` of each. `outputs` say what the numbers mean.
///
/// # Errors
/// [`RunError`] when the pictures or the outputs do not fit the network.
pub fn predict_samples<'n, D: Dimension>(
    network: &'n Network,
    outputs: &Arc<[Output]>,
    pictures: ArrayView<'_, f32, D>,
    draws: impl Iterator<Item = FloatWeights<'n>>,
    mut observe: impl FnMut(ArrayView2<'_, f32>),
) -> Result<Vec<Estimate>, RunError> {
    let numbers: usize = outputs.iter().map(Output::numbers).sum();
    if numbers != network.numbers() {
        return Err(RunError::Outputs { found: numbers, expected: network.numbers() });
    }
    let mut estimates = estimates(outputs, pictures.len_of(Axis(0)))?;
    for weights in draws {
        let numbers = run(network, &weights, pictures.view(), |_, _, _| {})?;
        add_sample(&mut estimates, &numbers);
        observe(numbers.view());
    }
    Ok(estimates)
}

/// Predicts `pictures`, as [`run`] takes them, with every weight at its mean and without dropout:
/// once with each member. Calls `observe` with the numbers `[N, numbers]` of each.
///
/// # Errors
/// [`RunError`] when the pictures or the outputs do not fit the network.
pub fn predict_mean<D: Dimension>(
    network: &Network,
    outputs: &Arc<[Output]>,
    pictures: ArrayView<'_, f32, D>,
    observe: impl FnMut(ArrayView2<'_, f32>),
) -> Result<Vec<Estimate>, RunError> {
    let members = (0..network.members()).map(|member| FloatWeights::mean(network, member));
    predict_samples(network, outputs, pictures, members, observe)
}
