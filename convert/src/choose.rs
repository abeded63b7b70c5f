//! Chooses draws whose mean is close to that of thousands.
//!
//! A prediction is a mean over draws of the weights. With random draws its error falls with the root of their
//! number. [`choose`] runs a large pool of draws on calibration pictures, and finds the few whose mean
//! predictions come nearest to those of the whole pool. The model then carries their indices
//! ([`ChosenDraws`]), and takes them for any picture.
//!
//! The same model, pictures and options give the same list on every machine: predictions have the same bits,
//! products are sums of integers, and all else happens in a fixed order.

mod features;
mod gain;
mod products;
mod search;
mod sites;

use crate::progress::{Observer, Progress};
use bayes8_core::draws::{ChosenDraws, Draws, MAX_CHOSEN};
use bayes8_core::model::QuantizedModel;
use bayes8_core::session::DrawSequence;
use bayes8_native::{
    self as native, LoadError, Model, ModelOptions, Pictures, PredictError, PredictOptions,
};
use features::Features;
use gain::{Measure, Measured};
use ndarray::IxDyn;
use products::{Products, Weights};
use search::Quotas;
use sites::Sites;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

pub use gain::Gain;

/// The fewest pictures that say something about others.
pub const ENOUGH_PICTURES: usize = 32;

/// The seed of the pool.
const SEED: u64 = 0;

/// The seed of the draws that others are compared with.
const OTHER_SEED: u64 = 1;

/// The fewest draws of which a part is chosen again. The first of the list are the best few.
const FEWEST: usize = 8;

/// How to choose draws.
///
/// # Examples
/// ```
/// use bayes8_convert::choose::ChooseOptions;
///
/// let options = ChooseOptions::new().draws(32).pool(1024);
/// assert_eq!((options.draws, options.pool, options.pictures), (32, 1024, 128));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChooseOptions {
    /// Number of draws to choose, 1 to 256. By default 64.
    pub draws: usize,
    /// Number of draws from which to choose: samples 0 to `pool` - 1 of seed 0. At least four times the draws; by
    /// default 2,048.
    pub pool: u32,
    /// The most pictures to use, the first ones. By default 128.
    pub pictures: usize,
}

impl Default for ChooseOptions {
    fn default() -> Self {
        Self { draws: 64, pool: 2048, pictures: 128 }
    }
}

impl ChooseOptions {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of draws to choose.
    #[must_use]
    pub fn draws(self, draws: usize) -> Self {
        Self { draws, ..self }
    }

    /// Sets the number of draws from which to choose.
    #[must_use]
    pub fn pool(self, pool: u32) -> Self {
        Self { pool, ..self }
    }

    /// Sets the most pictures to use.
    #[must_use]
    pub fn pictures(self, pictures: usize) -> Self {
        Self { pictures, ..self }
    }
}

/// The draws that were chosen.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// The draws, the best few first.
    pub draws: ChosenDraws,
    /// Number of pictures that chose them.
    pub pictures: usize,
    /// What the first 8, 16, 32 and so on are worth, measured on pictures that did not choose: each half of the
    /// pictures measures what the other chose. All pictures together choose better.
    pub gain: Vec<Gain>,
}

/// Why draws cannot be chosen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// No draws, or more than a model carries.
    #[error("a model carries 1 to {MAX_CHOSEN} chosen draws, not {0}")]
    Draws(usize),
    /// A pool that leaves too little to choose.
    #[error("a pool of {pool} draws is too small to choose {draws}: it needs at least {}", 4 * draws)]
    Pool {
        /// Number of draws of the pool.
        pool: u32,
        /// Number of draws to choose.
        draws: usize,
    },
    /// All samples are equal.
    #[error("nothing varies from sample to sample, so there is nothing to choose from")]
    Deterministic,
    /// The samples of an ensemble repeat.
    #[error(
        "the samples of an ensemble repeat after its {0} members: predict with {0} samples instead"
    )]
    Repeats(usize),
    /// No draw changes a prediction.
    #[error("no draw changes the predictions of these pictures: there is nothing to choose from")]
    Constant,
    /// Too few pictures to measure the gain.
    #[error("found {0} pictures; at least 2 must choose draws")]
    Pictures(usize),
    /// The model cannot run.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The pictures do not fit the model.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

/// Chooses draws of `model` with calibration pictures. It takes no labels. The model's own list and conformal
/// predictors play no part.
///
/// # Errors
/// [`ChooseError`].
///
/// # Examples
/// ```
/// use bayes8_convert::choose::{ChooseOptions, choose};
/// use bayes8_native::{ModelOptions, Pictures};
/// use ndarray::ArrayD;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let model = bayes8_core::format::read(&std::fs::read("models/mnist-dropout.safetensors")?)?;
/// # let numbers: Vec<u8> = (0..4 * 28 * 28).map(|i| (i * i / 7) as u8).collect();
/// # let pictures = ArrayD::from_shape_vec(vec![4, 28, 28, 1], numbers)?;
/// let options = ChooseOptions::new().draws(8).pool(32);
/// let view = Pictures::Bytes(pictures.view());
/// let choice = choose(&model, view, ModelOptions::new(), &options, &mut |_progress| ())?;
/// assert_eq!(choice.draws.samples().len(), 8);
/// let model = model.with_draws(Some(choice.draws));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn choose(
    model: &QuantizedModel,
    pictures: Pictures<'_, IxDyn>,
    machine: ModelOptions,
    options: &ChooseOptions,
    observer: Observer<'_>,
) -> Result<Choice, ChooseError> {
    let &ChooseOptions { draws, pool, pictures: most } = options;
    if !(1..=MAX_CHOSEN).contains(&draws) {
        return Err(ChooseError::Draws(draws));
    }
    if (pool as usize) < 4 * draws {
        return Err(ChooseError::Pool { pool, draws });
    }
    let randomness = model.randomness();
    match randomness.period() {
        Some(1) => return Err(ChooseError::Deterministic),
        Some(members) => return Err(ChooseError::Repeats(members)),
        None => {}
    }
    let given = pictures.extents()[0];
    let sites = Sites::new(model.outputs(), given.min(most), pool);
    let pictures = pictures.range(0..sites.pictures());
    if sites.pictures() < 2 {
        return Err(ChooseError::Pictures(given));
    }
    let engine = Model::new(model.clone(), machine)?;
    let random = PredictOptions::new().samples(0..pool).seed(SEED);
    let features = run(&engine, pictures, sites, &random, observer)?;

    Progress::during(observer, "choosing draws", None, |_| {
        let quotas = Quotas { members: randomness.members };
        let sizes = sizes(draws);
        let is_in = |half: usize| move |picture: usize| picture % 2 == half;
        let weights = Weights::new(&features);
        let halves = [0, 1].map(|half| Products::new(&features, &weights, is_in(half)));
        let lists = halves.each_ref().map(|half| search::list(half.sums(), &sizes, quotas));
        // Each half measures what the other chose.
        let measured = [(1, &lists[0]), (0, &lists[1])].map(|(half, list)| Measured {
            measure: Measure::new(&features, is_in(half)),
            features: &features,
            list,
        });
        let gain = gain::gain(&measured, &sizes);
        let [mut all, other] = halves;
        all.add(&other);
        if all.is_zero() {
            return Err(ChooseError::Constant);
        }
        let samples = search::list(all.sums(), &sizes, quotas);
        let samples = samples.into_iter().map(|draw| draw as u32).collect();
        let draws = ChosenDraws::new(SEED, samples).map_err(|_| ChooseError::Draws(draws))?;
        Ok(Choice { draws, pictures: features.sites().pictures(), gain })
    })
}

/// The sizes of the sets, each of which is part of the one before.
fn sizes(draws: usize) -> Vec<usize> {
    let halves = std::iter::successors(Some(draws), |&size| Some(size / 2));
    halves.take_while(|&size| size == draws || size >= FEWEST).collect()
}

/// Measures what the draws of a model's list are worth on other pictures, compared with twice `pool` random draws of
/// another seed.
///
/// # Errors
/// [`ChooseError`], and [`RequestError::NoChosenDraws`](bayes8_core::session::RequestError::NoChosenDraws) in one if
/// the model has no list.
pub fn measure(
    model: &QuantizedModel,
    pictures: Pictures<'_, IxDyn>,
    machine: ModelOptions,
    pool: u32,
    observer: Observer<'_>,
) -> Result<Vec<Gain>, ChooseError> {
    let chosen = PredictOptions::new().draws(Draws::Chosen);
    let chosen_draws = DrawSequence::new(model, chosen.draws).map_err(PredictError::from)?;
    let draws = chosen_draws.length().unwrap_or(0);
    let reference = pool.max(1).saturating_mul(2);
    let sites = Sites::new(model.outputs(), pictures.extents()[0], reference);
    let pictures = pictures.range(0..sites.pictures());
    let engine = Model::new(model.clone(), machine)?;
    let random = PredictOptions::new().samples(0..reference).seed(OTHER_SEED);
    let pool = run(&engine, pictures.clone(), sites.clone(), &random, observer)?;
    let features = run(&engine, pictures, sites, &chosen.samples(0..draws), observer)?;
    let list: Vec<usize> = (0..draws as usize).collect();
    let measure = Measure::new(&pool, |_| true);
    Ok(gain::gain(&[Measured { measure, features: &features, list: &list }], &sizes(list.len())))
}

/// Runs draws on pictures.
fn run(
    model: &Model,
    pictures: Pictures<'_, IxDyn>,
    sites: Sites,
    options: &PredictOptions,
    observer: Observer<'_>,
) -> Result<Features, ChooseError> {
    let (_, samples) = model.samples_of(options).map_err(PredictError::from)?;
    let total = samples.count() as u64 * sites.pictures() as u64;
    let mut features = Features::new(sites, samples.count());
    Progress::during(observer, "running draws", Some(total), |observer| {
        let observer = Mutex::new(observer);
        let progress = |pictures: usize| {
            let mut observer = observer.lock().unwrap_or_else(PoisonError::into_inner);
            observer(Progress::Advance(pictures as u64));
            ControlFlow::Continue(())
        };
        let mut numbers = |picture: usize, numbers: &[f32]| features.add(picture, numbers);
        let observer = native::Observer::new().progress(&progress).logits(&mut numbers);
        model.predict_with(pictures, options, observer)
    })?;
    Ok(features)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_halved_down_to_eight() {
        assert_eq!(sizes(64), [64, 32, 16, 8]);
        assert_eq!(sizes(100), [100, 50, 25, 12]);
        assert_eq!(sizes(5), [5]);
        assert_eq!(sizes(1), [1]);
    }
}
