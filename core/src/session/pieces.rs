//! Long predictions in pieces, so that there is progress to see and a bound to memory.

use super::samples::SampleRange;
use crate::model::QuantizedModel;
use core::ops::Range;

/// At least so many pictures run together, which makes drawing their weights cheap.
const FEWEST_PICTURES: usize = 64;

/// No more than these run together, which bounds memory.
const MOST_PICTURES: u64 = 1024;

/// Samples in a piece: what does not depend on the sample is computed anew by each.
const SAMPLES: usize = 64;

/// Multiply-accumulates in a piece, if the other limits allow: about a second's work.
const MULTIPLY_ACCUMULATES: u64 = 100_000_000_000;

/// How large the pieces of a prediction are.
#[derive(Clone, Copy, Debug)]
pub struct Pieces {
    pictures: usize,
    samples: usize,
}

impl Pieces {
    /// A single piece.
    pub const WHOLE: Self = Self { pictures: usize::MAX, samples: usize::MAX };

    /// Pieces of about a second's work on `threads` threads, for predictions by `model` from `samples`.
    pub fn new(model: &QuantizedModel, threads: usize, samples: SampleRange) -> Self {
        let most_samples = SAMPLES.next_multiple_of(threads.max(1));
        let in_piece = most_samples.min(samples.count()) as u64;
        let work = model.multiply_accumulates().max(1);
        let pictures = (MULTIPLY_ACCUMULATES / in_piece / work).clamp(1, MOST_PICTURES);
        Self { pictures: (pictures as usize).max(FEWEST_PICTURES), samples: most_samples }
    }

    /// The pieces of a prediction of `pictures` pictures: some pictures after the other, and of each some
    /// samples after the other, in order.
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
