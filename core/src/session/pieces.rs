//! Splits long predictions into pieces, to show progress and bound memory.

use super::samples::SampleRange;
use crate::model::QuantizedModel;
use core::ops::Range;

/// The fewest pictures in a piece. That many make drawing weights cheap per picture.
const FEWEST_PICTURES: usize = 64;

/// The most pictures in a piece, which bounds memory.
const MOST_PICTURES: u64 = 1024;

/// Samples in a piece. Each piece computes anew what does not depend on the sample.
const SAMPLES: usize = 64;

/// Multiply-accumulates in a piece, within the other limits: about a second's work.
const MULTIPLY_ACCUMULATES: u64 = 100_000_000_000;

/// The size of the pieces of a prediction.
#[derive(Clone, Copy, Debug)]
pub struct Pieces {
    pictures: usize,
    samples: usize,
}

impl Pieces {
    /// The whole prediction as a single piece.
    pub const WHOLE: Self = Self { pictures: usize::MAX, samples: usize::MAX };

    /// Chooses pieces of about a second's work, for predictions by `model` from `samples` on
    /// `threads` threads.
    pub fn new(model: &QuantizedModel, threads: usize, samples: SampleRange) -> Self {
        let most_samples = SAMPLES.next_multiple_of(threads.max(1));
        let in_piece = most_samples.min(samples.count()) as u64;
        let work = model.multiply_accumulates().max(1);
        let pictures = (MULTIPLY_ACCUMULATES / in_piece / work).clamp(1, MOST_PICTURES);
        Self { pictures: (pictures as usize).max(FEWEST_PICTURES), samples: most_samples }
    }

    /// Iterates over the pieces of a prediction of `pictures` pictures: ranges of pictures in
    /// order, and within each, ranges of samples in order.
    pub fn of(
        self,
        pictures: usize,
        samples: SampleRange,
    ) -> impl Iterator<Item = (Range<usize>, SampleRange)> {
        (0..pictures).step_by(self.pictures).flat_map(move |first| {
            let some = first..first.saturating_add(self.pictures).min(pictures);
            samples.chunks(self.samples).map(move |samples| (some.clone(), samples))
        })
    }
}
