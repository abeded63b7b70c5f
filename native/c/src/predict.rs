//! Predicting pictures into the caller's buffers.

use crate::error::{Error, Status, boundary};
use crate::model::ModelHandle;
use crate::pointer::{Destination, optional, reference, slice};
use bayes8_native::{Pictures, PredictOptions as NativeOptions, Prediction};
use ndarray::{ArrayView5, Ix5};

/// Which Monte-Carlo samples to compute. Start from `bayes8_predict_options_default()`: later
/// versions may add fields.
///
/// The same model, picture, seed and samples give the same bits, whatever the other pictures, the
/// threads, the instruction set or the machine.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PredictOptions {
    /// Seed of the weights. Default 0.
    pub seed: u64,
    /// Index of the first sample; the same index always has the same weights. Default 0.
    pub first_sample: u32,
    /// Number of samples, at least 1; the last index must be below 2^28. Default 32.
    pub samples: u32,
}

/// Memory of the caller for `capacity` numbers, of which those needed are written and the others
/// left alone. `data` NULL: this result is not wanted.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Buffer<T> {
    /// The first number, or NULL.
    pub data: *mut T,
    /// Room, in numbers (not bytes).
    pub capacity: usize,
}

/// Where the results go: row-major arrays, one row a picture, in the order of the pictures.
/// Start from a zeroed struct, in which nothing is wanted. Entropies are in nats.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Outputs {
    /// `[count][classes]`: mean probability of each class over the samples.
    pub probabilities: Buffer<f64>,
    /// `[count][classes]`: standard deviation of each class's probability over the samples.
    pub standard_deviations: Buffer<f64>,
    /// `[count]`: total uncertainty, the entropy of the mean probabilities.
    pub predictive_entropy: Buffer<f64>,
    /// `[count]`: aleatoric uncertainty, the mean of the samples' entropies.
    pub expected_entropy: Buffer<f64>,
    /// `[count]`: epistemic uncertainty, the predictive less the expected entropy, at least 0.
    pub mutual_information: Buffer<f64>,
    /// `[count][samples][classes]`: logits of every sample.
    pub logits: Buffer<f32>,
}

/// 32 samples of seed 0.
#[unsafe(no_mangle)]
pub extern "C" fn bayes8_predict_options_default() -> PredictOptions {
    let NativeOptions { samples, seed, .. } = NativeOptions::default();
    PredictOptions { seed, first_sample: samples.start, samples: samples.end - samples.start }
}

/// Predicts `count` pictures of bytes, which the model normalizes.
///
/// `pictures` is `[count][depth][height][width][channels]`, depth 1 for pictures: row by row from
/// the top, the channels of a pixel side by side. `length` is its number of elements, which must be
/// exactly `count * depth * height * width * channels`. `options` may be NULL for the defaults. The call returns
/// when all results are written; on any error nothing is written. 0 pictures are allowed.
///
/// Any number of threads may predict with one model at once, into buffers of their own.
///
/// Errors: `NULL_POINTER`, `SHAPE`, `INVALID_ARGUMENT`, `BUFFER_TOO_SMALL`, `OUT_OF_MEMORY`.
///
/// # Safety
/// `model` is NULL or a live handle; `pictures` is NULL or points to `length` elements, `options`
/// and `outputs` to objects of their types, each `data` to `capacity` numbers that the call alone
/// uses and that are no part of `pictures`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_predict(
    model: *const ModelHandle,
    pictures: *const u8,
    length: usize,
    count: usize,
    options: *const PredictOptions,
    outputs: *const Outputs,
) -> Status {
    // SAFETY: the caller's contract is the same.
    unsafe { predict(Pictures::Bytes, model, pictures, length, count, options, outputs) }
}

/// Predicts `count` pictures of numbers that are normalized already: `(p / 255 - mean) / std` of
/// each channel, with the mean and standard deviation of the training. All else is as for
/// `bayes8_predict()`.
///
/// Errors: those of `bayes8_predict()` and `NOT_FINITE`.
///
/// # Safety
/// As for `bayes8_predict()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_predict_normalized(
    model: *const ModelHandle,
    pictures: *const f32,
    length: usize,
    count: usize,
    options: *const PredictOptions,
    outputs: *const Outputs,
) -> Status {
    // SAFETY: the caller's contract is the same.
    unsafe { predict(Pictures::Normalized, model, pictures, length, count, options, outputs) }
}

/// # Safety
/// As for [`bayes8_predict`].
unsafe fn predict<'a, T>(
    kind: fn(ArrayView5<'a, T>) -> Pictures<'a, Ix5>,
    model: *const ModelHandle,
    pictures: *const T,
    length: usize,
    count: usize,
    options: *const PredictOptions,
    outputs: *const Outputs,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (model, pictures, options, outputs) = unsafe {
            (
                &reference(model, "model")?.native,
                slice(pictures, length, "pictures")?,
                optional(options, "options")?.copied(),
                reference(outputs, "outputs")?,
            )
        };
        let shape = model.quantized().graph().input();
        let dimensions = (count, shape.depth, shape.height, shape.width, shape.channels);
        let pictures = ArrayView5::from_shape(dimensions, pictures)
            .ok()
            .filter(|_| length == count.saturating_mul(shape.elements()))
            .ok_or(Error::Pictures { length, count, shape })?;

        let options = options.unwrap_or_else(|| bayes8_predict_options_default());
        let classes = model.quantized().classes();
        // SAFETY: the caller's contract.
        let mut results =
            unsafe { Results::new(outputs, count, options.samples as usize, classes) }?;
        let options = options.native(results.logits.is_some());
        for (picture, prediction) in model.predict(kind(pictures), &options)?.iter().enumerate() {
            results.put(picture, prediction);
        }
        Ok(())
    })
}

impl PredictOptions {
    fn native(self, keep_logits: bool) -> NativeOptions {
        let Self { seed, first_sample: first, samples: count } = self;
        // An end that saturates is above the last sample.
        let samples = first..first.saturating_add(count);
        NativeOptions::new().samples(samples).seed(seed).keep_logits(keep_logits)
    }
}

impl<T: Copy> Buffer<T> {
    /// The buffer for `length` numbers, or `None` if they are not wanted.
    ///
    /// # Safety
    /// `data` is NULL, misaligned, or valid for writes of `capacity` numbers as long as the
    /// destination lives.
    unsafe fn wanted(
        self,
        length: usize,
        name: &'static str,
    ) -> Result<Option<Destination<T>>, Error> {
        if self.data.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's contract is the same.
        unsafe { Destination::new(self.data, self.capacity, length, name) }.map(Some)
    }
}

/// The outputs that are wanted, each with room enough.
struct Results {
    probabilities: Option<Destination<f64>>,
    standard_deviations: Option<Destination<f64>>,
    predictive_entropy: Option<Destination<f64>>,
    expected_entropy: Option<Destination<f64>>,
    mutual_information: Option<Destination<f64>>,
    logits: Option<Destination<f32>>,
}

impl Results {
    /// # Safety
    /// Each `data` is NULL, misaligned, or valid for writes of `capacity` numbers as long as the
    /// results live.
    unsafe fn new(
        outputs: &Outputs,
        count: usize,
        samples: usize,
        classes: usize,
    ) -> Result<Self, Error> {
        // A product that saturates is larger than any capacity.
        let rows = count.saturating_mul(classes);
        // SAFETY: the caller's contract is the same.
        unsafe {
            Ok(Self {
                probabilities: outputs.probabilities.wanted(rows, "probabilities")?,
                standard_deviations: outputs
                    .standard_deviations
                    .wanted(rows, "standard_deviations")?,
                predictive_entropy: outputs
                    .predictive_entropy
                    .wanted(count, "predictive_entropy")?,
                expected_entropy: outputs.expected_entropy.wanted(count, "expected_entropy")?,
                mutual_information: outputs
                    .mutual_information
                    .wanted(count, "mutual_information")?,
                logits: outputs.logits.wanted(rows.saturating_mul(samples), "logits")?,
            })
        }
    }

    fn put(&mut self, picture: usize, prediction: &Prediction) {
        let uncertainty = prediction.uncertainty();
        let numbers = [
            (&mut self.probabilities, &uncertainty.probabilities[..]),
            (&mut self.standard_deviations, &uncertainty.std),
            (&mut self.predictive_entropy, &[uncertainty.predictive_entropy]),
            (&mut self.expected_entropy, &[uncertainty.expected_entropy]),
            (&mut self.mutual_information, &[uncertainty.mutual_information]),
        ];
        for (destination, row) in numbers {
            if let Some(destination) = destination {
                destination.put(picture, row);
            }
        }
        if let (Some(destination), Some(logits)) = (&mut self.logits, prediction.logits()) {
            destination.put(picture, logits.as_slice().expect("logits are contiguous"));
        }
    }
}
