//! Which draws of the weights a prediction takes.

use crate::error::Error;
use bayes8_native::Draws as NativeDraws;

/// Which draws of the weights the samples of a prediction take (`draws` of `bayes8_predict_options`). The
/// numbers are stable; later versions may add others.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draws {
    /// Those that the model chose, if it has any and `seed` is 0; else random ones of `seed`.
    Auto = 0,
    /// Those that the model chose (`chosen_draws` of `bayes8_model_info`): sample i is number i of its list.
    /// `seed` must be 0, as the list has its own.
    Chosen = 1,
    /// Random ones of `seed`, also if that is 0.
    Random = 2,
}

/// The draws for `draws` and `seed` of the options; `None` for those that the model takes by default.
pub(crate) fn native(draws: u64, seed: u64) -> Result<Option<NativeDraws>, Error> {
    const AUTO: u64 = Draws::Auto as u64;
    const CHOSEN: u64 = Draws::Chosen as u64;
    const RANDOM: u64 = Draws::Random as u64;
    match (draws, seed) {
        (AUTO, 0) => Ok(None),
        (CHOSEN, 0) => Ok(Some(NativeDraws::Chosen)),
        (CHOSEN, _) => Err(Error::SeedOfChosen(seed)),
        (AUTO | RANDOM, seed) => Ok(Some(NativeDraws::Random { seed })),
        _ => Err(Error::Draws(draws)),
    }
}
