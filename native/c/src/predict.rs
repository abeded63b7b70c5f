//! Predicting pictures into the caller's buffers.

use crate::draws::{self, Draws};
use crate::error::{Error, Status, boundary};
use crate::extensible::{self, Extensible};
use crate::model::ModelHandle;
use crate::outputs::{Outputs, Results};
use crate::pointer::{reference, slice};
use crate::progress::{Progress, Watcher};
use bayes8_native::core::session::DrawSequence;
use bayes8_native::{Model, Observer, Pictures, PredictError, PredictOptions as NativeOptions};
use ndarray::{ArrayView5, Ix5};
use std::ffi::c_void;
use std::mem::offset_of;

/// Which Monte-Carlo samples to compute. Start from `BAYES8_PREDICT_OPTIONS_INIT`.
///
/// The same model, picture, draws and samples give the same bits, whatever the other pictures, the
/// threads, the instruction set or the machine.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PredictOptions {
    /// `sizeof(bayes8_predict_options)`.
    pub size: usize,
    /// Seed of random draws of the weights. Default 0.
    pub seed: u64,
    /// Index of the first sample; the same index always has the same weights. Default 0.
    pub first_sample: u32,
    /// Number of samples; the last index must be below 2^28, or below the number of chosen draws. 0, the
    /// default, for `default_samples` of `bayes8_model_info`: 32 of most models.
    pub samples: u32,
    /// Called with the progress of the prediction, which it may cancel. NULL, the default, for none.
    pub progress: Progress,
    /// The first argument of `progress`.
    pub progress_data: *mut c_void,
    /// Which draws of the weights the samples take: one of `bayes8_draws`. Default `BAYES8_DRAWS_AUTO`.
    // Of 64 bits, so that the struct has no padding at its end.
    pub draws: u64,
}

// SAFETY: integers, a pointer and a function pointer that may be NULL; the last field ends the struct.
unsafe impl Extensible for PredictOptions {
    const NAME: &'static str = "bayes8_predict_options";
    const INITIALIZER: &'static str = "BAYES8_PREDICT_OPTIONS_INIT";
    const FIRST_SIZE: usize = offset_of!(Self, progress_data) + size_of::<*mut c_void>();
}

/// Predicts `count` pictures of bytes, which the model normalizes.
///
/// `pictures` is `[count][depth][height][width][channels]`, depth 1 for pictures: row by row from
/// the top, the channels of a pixel side by side. `length` is its number of elements, exactly
/// `count * depth * height * width * channels`. `options` may be NULL for the defaults. The call
/// returns when all results are written; on any error nothing is written. 0 pictures are allowed.
///
/// Any number of threads may predict with one model at once, each into separate buffers.
///
/// Errors: `NULL_POINTER`, `SHAPE`, `VALUES` where the model takes numbers, `INVALID_ARGUMENT`,
/// `BUFFER_TOO_SMALL`, `OUT_OF_MEMORY`, `CANCELLED`.
///
/// # Safety
/// `model` is NULL or a live handle. `pictures` is NULL or points to `length` elements. `options` is
/// NULL or points to a `bayes8_predict_options` of `options->size` bytes, whose `progress` is NULL or
/// keeps to the rules of `bayes8_progress`. `outputs` is NULL or points to a `bayes8_outputs` of
/// `outputs->size` bytes, and so is each `next` from there on. Each `data` in them is NULL or points to
/// `capacity` numbers, which only this call uses, for this result alone, and which are not part of
/// `pictures`.
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

/// Predicts `count` inputs of raw numbers, such as the features of a table or the values of a sequence,
/// which the model normalizes. The model must take numbers (`values` of `bayes8_model_info`). A table has
/// one channel per feature; a sequence of `width` steps is `[count][width][channels]`. Layout, arguments
/// and results are those of `bayes8_predict()`.
///
/// Errors: `NULL_POINTER`, `SHAPE`, `VALUES` where the model takes bytes, `NOT_FINITE`,
/// `INVALID_ARGUMENT`, `BUFFER_TOO_SMALL`, `OUT_OF_MEMORY`, `CANCELLED`.
///
/// # Safety
/// As for `bayes8_predict()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_predict_numbers(
    model: *const ModelHandle,
    numbers: *const f32,
    length: usize,
    count: usize,
    options: *const PredictOptions,
    outputs: *const Outputs,
) -> Status {
    // SAFETY: the caller's contract is the same.
    unsafe { predict(Pictures::Numbers, model, numbers, length, count, options, outputs) }
}

/// Predicts `count` pictures of numbers that are normalized already: `(p / 255 - mean) / std` of
/// each channel, with the mean and standard deviation of the training, or `(p - mean) / std` where the
/// model takes numbers. Layout, arguments and results are those of `bayes8_predict()`.
///
/// Errors: `NULL_POINTER`, `SHAPE`, `NOT_FINITE`, `INVALID_ARGUMENT`, `BUFFER_TOO_SMALL`,
/// `OUT_OF_MEMORY`, `CANCELLED`.
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
        let (handle, pictures, options) = unsafe {
            (
                reference(model, "model")?,
                slice(pictures, length, "pictures")?,
                extensible::read_optional(options, "options")?.unwrap_or_default(),
            )
        };
        let model = &handle.native;
        let shape = model.input();
        let dimensions = (count, shape.depth, shape.height, shape.width, shape.channels);
        let pictures = ArrayView5::from_shape(dimensions, pictures)
            .ok()
            .filter(|_| length == count.saturating_mul(shape.elements()))
            .ok_or(Error::Pictures { length, count, shape })?;

        let native = options.native(model)?;
        let samples = native.samples.clone().map_or(0, |samples| samples.len());
        // SAFETY: the caller's contract.
        let (mut results, watcher) = unsafe {
            let total = (count as u64).saturating_mul(samples as u64);
            let watcher = Watcher::new(options.progress, options.progress_data, total);
            (Results::new(outputs, handle, count, samples)?, watcher)
        };
        let options = native.keep_logits(results.want_logits());
        let predictions = match &watcher {
            None => model.predict(kind(pictures), &options),
            Some(watcher) => {
                let progress = |pictures| watcher.report(pictures);
                let observer = Observer::new().progress(&progress);
                model.predict_with(kind(pictures), &options, observer)
            }
        };
        for (picture, prediction) in predictions?.iter().enumerate() {
            results.put(picture, prediction);
        }
        Ok(())
    })
}

impl Default for PredictOptions {
    /// Those of `BAYES8_PREDICT_OPTIONS_INIT`.
    fn default() -> Self {
        Self {
            size: size_of::<Self>(),
            seed: 0,
            first_sample: 0,
            samples: 0,
            progress: None,
            progress_data: std::ptr::null_mut(),
            draws: Draws::Auto as u64,
        }
    }
}

impl PredictOptions {
    /// The options of the Rust interface, with samples that the model has.
    fn native(&self, model: &Model) -> Result<NativeOptions, Error> {
        let draws = draws::native(self.draws, self.seed)?;
        let sequence = DrawSequence::new(model.quantized(), draws).map_err(PredictError::from)?;
        let count = match self.samples {
            0 => sequence.at_most(model.default_samples()),
            given => given,
        };
        // An end that saturates is above the last sample.
        let samples = self.first_sample..self.first_sample.saturating_add(count);
        sequence.range(samples.clone()).map_err(PredictError::from)?;
        Ok(NativeOptions::new().samples(samples).draws(sequence.kind()))
    }
}
