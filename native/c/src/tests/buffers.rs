//! Pictures, and buffers for what is predicted of them, as a C program has them.

use super::{Failure, MODEL, result};
use crate::buffer::Buffer;
use crate::model::ModelHandle;
use crate::outputs::Outputs;
use crate::predict::{PredictOptions, bayes8_predict};
use bayes8_native::Pictures;
use ndarray::Array4;
use std::ptr;

pub(super) const CLASSES: usize = 10;
pub(super) const ELEMENTS: usize = 28 * 28;
pub(super) const SUM_WORDS: usize = 3 + 2 * CLASSES;

/// What buffers hold before a call.
pub(super) const UNTOUCHED: f64 = -1.0;

/// Buffers for `count` pictures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Results {
    pub(super) probabilities: Vec<f64>,
    pub(super) std: Vec<f64>,
    pub(super) predictive_entropy: Vec<f64>,
    pub(super) expected_entropy: Vec<f64>,
    pub(super) mutual_information: Vec<f64>,
    pub(super) logits: Vec<f32>,
    pub(super) sums: Vec<i64>,
}

impl Results {
    pub(super) fn new(count: usize, samples: usize) -> Self {
        Self {
            probabilities: vec![UNTOUCHED; count * CLASSES],
            std: vec![UNTOUCHED; count * CLASSES],
            predictive_entropy: vec![UNTOUCHED; count],
            expected_entropy: vec![UNTOUCHED; count],
            mutual_information: vec![UNTOUCHED; count],
            logits: vec![UNTOUCHED as f32; count * samples * CLASSES],
            sums: vec![UNTOUCHED as i64; count * SUM_WORDS],
        }
    }

    pub(super) fn outputs(&mut self) -> Outputs {
        Outputs {
            probabilities: buffer(&mut self.probabilities),
            std: buffer(&mut self.std),
            predictive_entropy: buffer(&mut self.predictive_entropy),
            expected_entropy: buffer(&mut self.expected_entropy),
            mutual_information: buffer(&mut self.mutual_information),
            logits: buffer(&mut self.logits),
            sums: buffer(&mut self.sums),
            ..nothing_wanted()
        }
    }

    /// What the Rust interface returns.
    pub(super) fn expected(pictures: Pictures<'_>, options: PredictOptions) -> Self {
        let model = bayes8_native::Model::load(MODEL).expect("it loads");
        let samples = options.first_sample..options.first_sample + options.samples;
        let options = bayes8_native::PredictOptions::new()
            .samples(samples)
            .seed(options.seed)
            .keep_logits(true);
        let mut all = Self::new(0, 0);
        for prediction in model.predict(pictures, &options).expect("it predicts") {
            let uncertainty = prediction.uncertainty().classes().expect("classes");
            all.probabilities.extend(uncertainty.probabilities);
            all.std.extend(uncertainty.std);
            all.predictive_entropy.push(uncertainty.predictive_entropy);
            all.expected_entropy.push(uncertainty.expected_entropy);
            all.mutual_information.push(uncertainty.mutual_information);
            all.logits.extend(prediction.logits().expect("they were asked for"));
            all.sums.extend(prediction.sums().to_words());
        }
        all
    }
}

pub(super) fn buffer<T>(numbers: &mut Vec<T>) -> Buffer<T> {
    Buffer { data: numbers.as_mut_ptr(), capacity: numbers.len() }
}

pub(super) fn unwanted<T>() -> Buffer<T> {
    Buffer { data: ptr::null_mut(), capacity: 0 }
}

/// What `BAYES8_OUTPUTS_INIT` says.
pub(super) fn nothing_wanted() -> Outputs {
    Outputs {
        size: size_of::<Outputs>(),
        probabilities: unwanted(),
        std: unwanted(),
        predictive_entropy: unwanted(),
        expected_entropy: unwanted(),
        mutual_information: unwanted(),
        logits: unwanted(),
        sums: unwanted(),
        mean: unwanted(),
        aleatoric_std: unwanted(),
        epistemic_std: unwanted(),
        output: 0,
        next: ptr::null(),
        set: unwanted(),
        interval: unwanted(),
        probabilities_error: unwanted(),
        predictive_entropy_error: unwanted(),
        expected_entropy_error: unwanted(),
        mutual_information_error: unwanted(),
        mean_error: unwanted(),
    }
}

/// Pictures that differ from one another.
pub(super) fn pictures(count: usize) -> Array4<u8> {
    Array4::from_shape_fn((count, 28, 28, 1), |(n, y, x, _)| (n * 97 + y * 9 + x * x) as u8)
}

pub(super) fn normalized(count: usize) -> Array4<f32> {
    pictures(count).mapv(|byte| f32::from(byte) / 64.0 - 2.0)
}

pub(super) fn options() -> PredictOptions {
    PredictOptions { seed: 7, first_sample: 3, samples: 5, ..PredictOptions::default() }
}

pub(super) fn predict(
    model: *const ModelHandle,
    pictures: &[u8],
    count: usize,
    options: Option<&PredictOptions>,
    outputs: &Outputs,
) -> Result<(), Failure> {
    let options = options.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: a live handle or NULL, a slice and its length, options or NULL, and outputs whose
    // buffers are live vectors of their capacity, smaller ones, or NULL.
    let status = unsafe {
        bayes8_predict(model, pictures.as_ptr(), pictures.len(), count, options, outputs)
    };
    result(status, ())
}

pub(super) fn slice<T>(pictures: &Array4<T>) -> &[T] {
    pictures.as_slice().expect("a new array is contiguous")
}
