//! Predictions: the bits of the Rust interface, and refusals that write nothing.

use super::{Failure, Handle, MODEL, load, result, shipped, with_isa, with_threads};
use crate::error::Status;
use crate::model::ModelHandle;
use crate::predict::{
    Buffer, Outputs, PredictOptions, bayes8_predict, bayes8_predict_normalized,
    bayes8_predict_options_default,
};
use bayes8_native::Pictures;
use ndarray::Array4;
use std::ptr;

const CLASSES: usize = 10;
const ELEMENTS: usize = 28 * 28;

/// What buffers hold before a call.
const UNTOUCHED: f64 = -1.0;

/// Buffers for `count` pictures.
#[derive(Clone, Debug, PartialEq)]
struct Results {
    probabilities: Vec<f64>,
    standard_deviations: Vec<f64>,
    predictive_entropy: Vec<f64>,
    expected_entropy: Vec<f64>,
    mutual_information: Vec<f64>,
    logits: Vec<f32>,
}

impl Results {
    fn new(count: usize, samples: usize) -> Self {
        Self {
            probabilities: vec![UNTOUCHED; count * CLASSES],
            standard_deviations: vec![UNTOUCHED; count * CLASSES],
            predictive_entropy: vec![UNTOUCHED; count],
            expected_entropy: vec![UNTOUCHED; count],
            mutual_information: vec![UNTOUCHED; count],
            logits: vec![UNTOUCHED as f32; count * samples * CLASSES],
        }
    }

    fn outputs(&mut self) -> Outputs {
        Outputs {
            probabilities: buffer(&mut self.probabilities),
            standard_deviations: buffer(&mut self.standard_deviations),
            predictive_entropy: buffer(&mut self.predictive_entropy),
            expected_entropy: buffer(&mut self.expected_entropy),
            mutual_information: buffer(&mut self.mutual_information),
            logits: buffer(&mut self.logits),
        }
    }

    /// What the Rust interface returns.
    fn expected(pictures: Pictures<'_>, options: PredictOptions) -> Self {
        let model = bayes8_native::Model::load(MODEL).expect("it loads");
        let samples = options.first_sample..options.first_sample + options.samples;
        let options = bayes8_native::PredictOptions::new()
            .samples(samples)
            .seed(options.seed)
            .keep_logits(true);
        let mut all = Self::new(0, 0);
        for prediction in model.predict(pictures, &options).expect("it predicts") {
            let uncertainty = prediction.uncertainty();
            all.probabilities.extend(uncertainty.probabilities);
            all.standard_deviations.extend(uncertainty.std);
            all.predictive_entropy.push(uncertainty.predictive_entropy);
            all.expected_entropy.push(uncertainty.expected_entropy);
            all.mutual_information.push(uncertainty.mutual_information);
            all.logits.extend(prediction.logits().expect("they were asked for"));
        }
        all
    }
}

fn buffer<T>(numbers: &mut Vec<T>) -> Buffer<T> {
    Buffer { data: numbers.as_mut_ptr(), capacity: numbers.len() }
}

fn unwanted<T>() -> Buffer<T> {
    Buffer { data: ptr::null_mut(), capacity: 0 }
}

/// Pictures that differ from one another.
fn pictures(count: usize) -> Array4<u8> {
    Array4::from_shape_fn((count, 28, 28, 1), |(n, y, x, _)| (n * 97 + y * 9 + x * x) as u8)
}

fn normalized(count: usize) -> Array4<f32> {
    pictures(count).mapv(|byte| f32::from(byte) / 64.0 - 2.0)
}

fn options() -> PredictOptions {
    PredictOptions { seed: 7, first_sample: 3, samples: 5 }
}

fn predict(
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

fn predict_normalized(
    model: *const ModelHandle,
    pictures: &[f32],
    count: usize,
    outputs: &Outputs,
) -> Result<(), Failure> {
    // SAFETY: as for `predict`.
    let status = unsafe {
        bayes8_predict_normalized(
            model,
            pictures.as_ptr(),
            pictures.len(),
            count,
            &options(),
            outputs,
        )
    };
    result(status, ())
}

fn slice<T>(pictures: &Array4<T>) -> &[T] {
    pictures.as_slice().expect("a new array is contiguous")
}

#[test]
fn bytes_give_the_bits_of_the_rust_interface() {
    let pictures = pictures(3);
    let expected = Results::expected(Pictures::Bytes(pictures.view()), options());
    let [portable, two] = [with_isa(c"portable".as_ptr()), with_threads(2)];
    for model in [None, Some(&portable), Some(&two)] {
        let model = load(MODEL, model).expect("it loads");
        let mut results = Results::new(3, 5);
        predict(*model, slice(&pictures), 3, Some(&options()), &results.outputs())
            .expect("it predicts");
        assert_eq!(results, expected);
    }
}

#[test]
fn normalized_pictures_give_the_bits_of_the_rust_interface() {
    let pictures = normalized(2);
    let mut results = Results::new(2, 5);
    predict_normalized(*shipped(), slice(&pictures), 2, &results.outputs()).expect("it predicts");
    assert_eq!(results, Results::expected(Pictures::Normalized(pictures.view()), options()));
}

#[test]
fn null_options_are_the_defaults() {
    let pictures = pictures(1);
    let mut results = Results::new(1, 32);
    predict(*shipped(), slice(&pictures), 1, None, &results.outputs()).expect("it predicts");
    let default = bayes8_predict_options_default();
    assert_eq!((default.seed, default.first_sample, default.samples), (0, 0, 32));
    assert_eq!(results, Results::expected(Pictures::Bytes(pictures.view()), default));
}

#[test]
fn what_is_not_wanted_changes_nothing_else() {
    let pictures = pictures(2);
    let expected = Results::expected(Pictures::Bytes(pictures.view()), options());
    let mut results = Results::new(2, 5);
    let wanted = Outputs {
        probabilities: unwanted(),
        expected_entropy: unwanted(),
        logits: unwanted(),
        ..results.outputs()
    };
    predict(*shipped(), slice(&pictures), 2, Some(&options()), &wanted).expect("it predicts");
    let untouched = Results::new(2, 5);
    let Results { probabilities, expected_entropy, logits, .. } = untouched;
    assert_eq!(results, Results { probabilities, expected_entropy, logits, ..expected });
}

#[test]
fn room_beyond_the_results_is_left_alone() {
    let pictures = pictures(2);
    let mut results = Results::new(3, 5);
    predict(*shipped(), slice(&pictures), 2, Some(&options()), &results.outputs())
        .expect("it predicts");
    assert_eq!(results.probabilities[2 * CLASSES..], [UNTOUCHED; CLASSES]);
    assert_eq!(results.mutual_information[2], UNTOUCHED);
    assert!(results.mutual_information[..2].iter().all(|&nats| nats >= 0.0));
}

#[test]
fn no_pictures_are_no_error() {
    let mut results = Results::new(1, 5);
    predict(*shipped(), &[], 0, Some(&options()), &results.outputs()).expect("nothing to do");
    assert_eq!(results, Results::new(1, 5));
}

#[test]
fn a_buffer_too_small_is_refused_by_name() {
    let (model, pictures, mut results) = (shipped(), pictures(2), Results::new(2, 5));
    let full = results.outputs();
    let less = |buffer: Buffer<f64>| Buffer { capacity: buffer.capacity - 1, ..buffer };
    let logits = Buffer { capacity: 99, ..full.logits };
    let cases = [
        ("probabilities", Outputs { probabilities: less(full.probabilities), ..full }),
        (
            "standard_deviations",
            Outputs { standard_deviations: less(full.standard_deviations), ..full },
        ),
        (
            "predictive_entropy",
            Outputs { predictive_entropy: less(full.predictive_entropy), ..full },
        ),
        ("expected_entropy", Outputs { expected_entropy: less(full.expected_entropy), ..full }),
        (
            "mutual_information",
            Outputs { mutual_information: less(full.mutual_information), ..full },
        ),
        ("logits", Outputs { logits, ..full }),
    ];
    for (name, outputs) in cases {
        let (status, message) = predict(*model, slice(&pictures), 2, Some(&options()), &outputs)
            .expect_err("too small");
        assert_eq!(status, Status::BufferTooSmall);
        assert!(message.starts_with(&format!("`{name}` has room for")), "{message}");
    }
    assert_eq!(results, Results::new(2, 5), "a refusal writes nothing");
}

#[test]
fn pictures_of_a_wrong_size_are_refused() {
    let (model, pictures, mut results) = (shipped(), pictures(2), Results::new(2, 5));
    let (outputs, bytes) = (results.outputs(), slice(&pictures));
    let cases = [
        (&bytes[1..], 2),                   // a byte short
        (bytes, 1),                         // a picture more than was said
        (bytes, 3),                         // a picture less
        (&bytes[..0], 1),                   // none at all
        (bytes, usize::MAX / ELEMENTS + 1), // a size that overflows
    ];
    for (bytes, count) in cases {
        let (status, message) =
            predict(*model, bytes, count, Some(&options()), &outputs).expect_err("a wrong size");
        assert_eq!(status, Status::Shape);
        assert!(message.contains("x 28x28x1"), "{message}");
    }
    assert_eq!(results, Results::new(2, 5), "a refusal writes nothing");
}

#[test]
fn samples_out_of_range_are_refused() {
    let (model, pictures, mut results) = (shipped(), pictures(1), Results::new(1, 5));
    let outputs = Outputs { logits: unwanted(), ..results.outputs() };
    for (first_sample, samples) in [(0, 0), (1 << 28, 1), (u32::MAX, 2)] {
        let options = PredictOptions { seed: 0, first_sample, samples };
        let (status, message) = predict(*model, slice(&pictures), 1, Some(&options), &outputs)
            .expect_err("no such samples");
        assert_eq!(status, Status::InvalidArgument);
        assert!(message.starts_with("samples "), "{message}");
    }
}

#[test]
fn a_number_that_is_not_finite_is_refused() {
    let mut pictures = normalized(2);
    pictures[[1, 5, 5, 0]] = f32::NAN;
    let mut results = Results::new(2, 5);
    let (status, message) = predict_normalized(*shipped(), slice(&pictures), 2, &results.outputs())
        .expect_err("not a number");
    assert_eq!(status, Status::NotFinite);
    assert_eq!(message, "picture 1 holds a number that is not finite");
    assert_eq!(results, Results::new(2, 5), "a refusal writes nothing");
}

#[test]
fn null_and_misaligned_pointers_are_refused_by_name() {
    let (model, pictures, mut results) = (shipped(), pictures(1), Results::new(1, 5));
    let null = |name: &str| Err((Status::NullPointer, format!("`{name}` is NULL")));
    let outputs = results.outputs();
    assert_eq!(predict(ptr::null(), slice(&pictures), 1, None, &outputs), null("model"));
    // SAFETY: NULL is refused before it is used.
    let status = unsafe { bayes8_predict(*model, ptr::null(), ELEMENTS, 1, ptr::null(), &outputs) };
    assert_eq!(result(status, ()), null("pictures"));
    let bytes = slice(&pictures).as_ptr();
    // SAFETY: as above.
    let status = unsafe { bayes8_predict(*model, bytes, ELEMENTS, 1, ptr::null(), ptr::null()) };
    assert_eq!(result(status, ()), null("outputs"));

    let odd = outputs.probabilities.data.wrapping_byte_add(1);
    let outputs = Outputs { probabilities: Buffer { data: odd, capacity: CLASSES }, ..outputs };
    let misaligned = "`probabilities` is not aligned for its type".to_owned();
    let refused = predict(*model, slice(&pictures), 1, Some(&options()), &outputs);
    assert_eq!(refused, Err((Status::InvalidArgument, misaligned)));
    assert_eq!(results, Results::new(1, 5), "a refusal writes nothing");
}

#[test]
fn threads_share_a_model_without_changing_a_bit() {
    let pictures = pictures(2);
    let seeds: Vec<PredictOptions> =
        (0..4).map(|seed| PredictOptions { seed, ..options() }).collect();
    let expected: Vec<Results> = seeds
        .iter()
        .map(|&options| Results::expected(Pictures::Bytes(pictures.view()), options))
        .collect();
    assert_ne!(expected[0], expected[1], "seeds matter");
    for threads in [0, 1, 3] {
        let model: &Handle = &load(MODEL, Some(&with_threads(threads))).expect("it loads");
        std::thread::scope(|scope| {
            for (options, expected) in seeds.iter().zip(&expected) {
                let pictures = slice(&pictures);
                scope.spawn(move || {
                    for _ in 0..4 {
                        let mut results = Results::new(2, 5);
                        predict(**model, pictures, 2, Some(options), &results.outputs())
                            .expect("it predicts");
                        assert_eq!(&results, expected);
                    }
                });
            }
        });
    }
}
