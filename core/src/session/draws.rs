//! The draws of a request.

use super::error::RequestError;
use super::samples::SampleRange;
use crate::draws::{ChosenDraws, Draws};
use crate::model::QuantizedModel;
use crate::posterior::Draw;
use alloc::sync::Arc;
use core::ops::Range;

/// The draws of a prediction, in the order of its samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrawSequence {
    /// Those of a list.
    Chosen(Arc<ChosenDraws>),
    /// Those of a seed.
    Random {
        /// Seed of the weights.
        seed: u64,
    },
}

impl DrawSequence {
    /// Returns the draws of a prediction by `model`. By default these are the chosen ones of a model with a list,
    /// and else those of seed 0.
    ///
    /// # Errors
    /// [`RequestError::NoChosenDraws`] if chosen ones are asked for, but the model has no list.
    pub fn new(model: &QuantizedModel, draws: Option<Draws>) -> Result<Self, RequestError> {
        Self::of_list(model.chosen_draws(), draws)
    }

    /// Does what [`Self::new`] does, for a model with this list.
    ///
    /// # Errors
    /// [`RequestError::NoChosenDraws`].
    pub fn of_list(
        list: Option<&Arc<ChosenDraws>>,
        draws: Option<Draws>,
    ) -> Result<Self, RequestError> {
        match (draws, list) {
            (Some(Draws::Random { seed }), _) => Ok(Self::Random { seed }),
            (None | Some(Draws::Chosen), Some(list)) => Ok(Self::Chosen(Arc::clone(list))),
            (None, None) => Ok(Self::Random { seed: 0 }),
            (Some(Draws::Chosen), None) => Err(RequestError::NoChosenDraws),
        }
    }

    /// Returns which draws these are.
    pub fn kind(&self) -> Draws {
        match *self {
            Self::Chosen(_) => Draws::Chosen,
            Self::Random { seed } => Draws::Random { seed },
        }
    }

    /// Returns the seed of the draws.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Chosen(list) => list.seed(),
            &Self::Random { seed } => seed,
        }
    }

    /// Returns the number of draws of a list; `None` for those of a seed, which has one for every sample.
    pub fn length(&self) -> Option<u32> {
        match self {
            // At most MAX_CHOSEN.
            Self::Chosen(list) => Some(list.samples().len() as u32),
            Self::Random { .. } => None,
        }
    }

    /// Returns `samples`, or the number of draws if it is smaller.
    pub fn at_most(&self, samples: u32) -> u32 {
        self.length().unwrap_or(u32::MAX).min(samples)
    }

    /// Checks a range of samples.
    ///
    /// # Errors
    /// Those of [`SampleRange::new`], and [`RequestError::BeyondDraws`] if it ends after the last draw.
    pub fn range(&self, range: Range<u32>) -> Result<SampleRange, RequestError> {
        let samples = SampleRange::new(range.clone())?;
        match self.length() {
            Some(draws) if range.end > draws => Err(RequestError::BeyondDraws { range, draws }),
            _ => Ok(samples),
        }
    }

    /// Iterates over the draws of samples, which [`Self::range`] has checked.
    ///
    /// # Panics
    /// When they end after the last draw.
    pub fn of(&self, samples: SampleRange) -> impl Iterator<Item = Draw> {
        samples.indices().map(move |index| match self {
            Self::Chosen(list) => {
                Draw { seed: list.seed(), sample: list.samples()[index as usize] }
            }
            &Self::Random { seed } => Draw { seed, sample: index },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    fn list() -> Arc<ChosenDraws> {
        Arc::new(ChosenDraws::new(9, vec![4, 0, 7]).expect("a list"))
    }

    #[test]
    fn a_list_is_taken_unless_a_seed_is_given() {
        let (list, seed_0) = (list(), DrawSequence::Random { seed: 0 });
        let chosen = DrawSequence::Chosen(Arc::clone(&list));
        let random = Some(Draws::Random { seed: 3 });
        assert_eq!(DrawSequence::of_list(Some(&list), None), Ok(chosen.clone()));
        assert_eq!(DrawSequence::of_list(Some(&list), Some(Draws::Chosen)), Ok(chosen));
        let of_seed = Ok(DrawSequence::Random { seed: 3 });
        assert_eq!(DrawSequence::of_list(Some(&list), random), of_seed);
        assert_eq!(DrawSequence::of_list(None, None), Ok(seed_0));
        let missing = Err(RequestError::NoChosenDraws);
        assert_eq!(DrawSequence::of_list(None, Some(Draws::Chosen)), missing);
    }

    #[test]
    fn positions_of_a_list_stand_for_its_draws_and_end_with_it() {
        let draws = DrawSequence::Chosen(list());
        let samples = draws.range(1..3).expect("within the list");
        let taken: Vec<_> = draws.of(samples).map(|draw| (draw.seed, draw.sample)).collect();
        assert_eq!(taken, [(9, 0), (9, 7)]);
        let beyond = RequestError::BeyondDraws { range: 1..4, draws: 3 };
        assert_eq!(draws.range(1..4), Err(beyond));
        assert_eq!(draws.range(1..1), Err(RequestError::Samples(1..1)));
    }
}
