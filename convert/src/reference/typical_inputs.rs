//! The inputs that layers have when weights are drawn.

use ndarray::{ArrayView, Axis, Dimension, Slice};

use bayes8_core::graph::Value;

use super::{FloatWeights, RunError, draw, run};
use crate::network::Network;

/// The most draws that the pictures are spread over.
const DRAWS: usize = 32;

/// Runs `pictures`, as [`run`] takes them, through one member, and shows every value to `observe`.
///
/// If anything varies from sample to sample, each picture runs with one of several draws. Together the
/// pictures show the inputs that layers have during prediction. After a ReLU, these are larger with drawn
/// weights than with mean weights. This costs no more than one run.
///
/// # Errors
/// [`RunError`] when the pictures do not fit the network.
pub(crate) fn run_typical<D, F>(
    network: &Network,
    member: usize,
    pictures: ArrayView<'_, f32, D>,
    observe: F,
) -> Result<(), RunError>
where
    D: Dimension,
    F: Fn(Value, usize, &[f32]) + Sync,
{
    if network.period().is_some() {
        return run(network, &FloatWeights::mean(network, member), pictures, observe).map(drop);
    }
    let draws = DRAWS.min(pictures.len_of(Axis(0)));
    for turn in 0..draws {
        // A sample of this member.
        let sample = (member + turn * network.members()) as u32;
        let some = pictures.slice_axis(Axis(0), Slice::new(turn as isize, None, draws as isize));
        run(network, &draw(network, 0, sample), some, |value, picture, numbers| {
            observe(value, turn + picture * draws, numbers);
        })?;
    }
    Ok(())
}
