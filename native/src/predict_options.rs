//! The samples of a prediction, and who watches it.

use bayes8_core::draws::Draws;
use bayes8_core::session::Until;
use std::fmt;
use std::ops::{ControlFlow, Range};

/// The weight samples of a prediction: which ones, and whether to keep their logits.
///
/// # Examples
/// ```
/// use bayes8_native::PredictOptions;
///
/// let options = PredictOptions::new().samples(0..64).seed(7);
/// assert_eq!(options.samples, Some(0..64));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PredictOptions {
    /// Indices of the Monte-Carlo samples, at least one, all below 2^28, or below the number of chosen draws. An
    /// index always stands for the same weights, so ranges can be split over calls and machines and merged afterwards. `None`, the default, for
    /// the first [`Model::default_samples`](crate::Model::default_samples): 32 of most models.
    pub samples: Option<Range<u32>>,
    /// The draws that the samples take. `None`, the default, for the chosen ones of a model that has them
    /// ([`ChosenDraws`](bayes8_core::draws::ChosenDraws)), and else random ones of seed 0.
    pub draws: Option<Draws>,
    /// Whether the predictions keep the logits of every sample. By default they do not.
    pub keep_logits: bool,
    /// When a prediction is precise enough to end before the last of its samples. By default it has them all.
    pub until: Option<Until>,
}

impl PredictOptions {
    /// Returns the defaults: the model's number of samples and its draws, whose logits are not kept.
    pub const fn new() -> Self {
        Self { samples: None, draws: None, keep_logits: false, until: None }
    }

    /// Sets the indices of the samples.
    #[must_use]
    pub const fn samples(self, samples: Range<u32>) -> Self {
        Self { samples: Some(samples), ..self }
    }

    /// Takes the random draws of a seed.
    #[must_use]
    pub const fn seed(self, seed: u64) -> Self {
        self.draws(Draws::Random { seed })
    }

    /// Sets the draws that the samples take.
    #[must_use]
    pub const fn draws(self, draws: Draws) -> Self {
        Self { draws: Some(draws), ..self }
    }

    /// Sets whether predictions keep the logits of every sample ([`Prediction::logits`](crate::Prediction::logits)).
    #[must_use]
    pub const fn keep_logits(self, keep_logits: bool) -> Self {
        Self { keep_logits, ..self }
    }

    /// Ends each prediction as soon as it is precise enough. The samples, by default
    /// [`MOST_SAMPLES_UNTIL`](crate::MOST_SAMPLES_UNTIL) or all chosen draws, are the most that it takes.
    ///
    /// # Examples
    /// ```
    /// use bayes8_native::{Model, Pictures, PredictOptions, Until};
    /// use ndarray::Array4;
    ///
    /// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    /// let model = Model::load("models/mnist-cnn.safetensors")?;
    /// let pictures = Array4::<u8>::zeros((2, 28, 28, 1));
    /// let options = PredictOptions::new().samples(0..128).until(Until::Decided);
    /// for prediction in model.predict(Pictures::Bytes(pictures.view()), &options)? {
    ///     let figures = prediction.uncertainty();
    ///     println!("decided: {} after {} samples", Until::Decided.is_met(&figures), figures.samples());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn until(self, until: Until) -> Self {
        Self { until: Some(until), ..self }
    }
}

impl Default for PredictOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The most samples of a prediction that ends early, unless a number is given.
pub const MOST_SAMPLES_UNTIL: u32 = 256;

/// Callbacks that watch a long prediction and can cancel it.
///
/// # Examples
/// A prediction that gives up after a second:
/// ```no_run
/// use bayes8_native::{Model, Observer, Pictures, PredictError, PredictOptions};
/// use ndarray::Array4;
/// use std::ops::ControlFlow;
/// use std::time::{Duration, Instant};
///
/// let model = Model::load("models/fashion-resnet14.safetensors")?;
/// let pictures = Array4::<u8>::zeros((1000, 28, 28, 1));
/// let start = Instant::now();
/// let progress = |_pictures| match start.elapsed() < Duration::from_secs(1) {
///     true => ControlFlow::Continue(()),
///     false => ControlFlow::Break(()),
/// };
/// let options = PredictOptions::new().samples(0..256);
/// let observer = Observer::new().progress(&progress);
/// match model.predict_with(Pictures::Bytes(pictures.view()), &options, observer) {
///     Err(PredictError::Cancelled) => println!("that takes too long"),
///     predictions => println!("{} predictions", predictions?.len()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
#[non_exhaustive]
pub struct Observer<'a> {
    /// See [`Self::progress`].
    pub(crate) progress: Option<Progress<'a>>,
    /// See [`Self::logits`].
    pub(crate) logits: Option<EachSample<'a>>,
}

/// Sees the number of pictures that a weight sample was run for; breaks to cancel the rest.
pub(crate) type Progress<'a> = &'a (dyn Fn(usize) -> ControlFlow<()> + Sync);

/// Sees the index of a picture and the logits of a sample.
pub(crate) type EachSample<'a> = &'a mut dyn FnMut(usize, &[f32]);

impl<'a> Observer<'a> {
    /// Returns an observer without callbacks.
    pub const fn new() -> Self {
        Self { progress: None, logits: None }
    }

    /// Calls `progress` after each weight sample with the number of pictures that it was run for. The numbers
    /// of a whole prediction add up to pictures times samples.
    ///
    /// The threads of the prediction call it, several at a time. When it breaks, the prediction ends with
    /// [`PredictError::Cancelled`](crate::PredictError::Cancelled) as soon as the running samples are done.
    #[must_use]
    pub fn progress(self, progress: &'a (dyn Fn(usize) -> ControlFlow<()> + Sync)) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// Calls `logits` with the index of a picture and the logits of one sample, on the thread that predicts.
    /// Each picture's samples come in order.
    #[must_use]
    pub fn logits(self, logits: &'a mut dyn FnMut(usize, &[f32])) -> Self {
        Self { logits: Some(logits), ..self }
    }
}

impl fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { progress, logits } = self;
        let (progress, logits) = (progress.is_some(), logits.is_some());
        f.debug_struct("Observer").field("progress", &progress).field("logits", &logits).finish()
    }
}
