//! Predictions: the bits of the Rust interface, and refusals that write nothing.

use super::buffers::{
    CLASSES, ELEMENTS, Results, SUM_WORDS, UNTOUCHED, normalized, options, pictures, predict,
    slice, unwanted,
};
use super::{Failure, Handle, MODEL, load, result, shipped, with_isa, with_threads};
use crate::buffer::Buffer;
use crate::error::Status;
use crate::model::ModelHandle;
use crate::outputs::Outputs;
use crate::predict::{PredictOptions, bayes8_predict, bayes8_predict_normalized};
use bayes8_native::Pictures;
use std::ptr;

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
    let default = PredictOptions::default();
    assert_eq!((default.seed, default.first_sample, default.samples), (0, 0, 0));
    let default = PredictOptions { samples: 32, ..default };
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
    let sums = Buffer { capacity: 2 * SUM_WORDS - 1, ..full.sums };
    let cases = [
        ("probabilities", Outputs { probabilities: less(full.probabilities), ..full }),
        ("std", Outputs { std: less(full.std), ..full }),
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
        ("sums", Outputs { sums, ..full }),
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
    for (first_sample, samples) in [(1 << 28, 0), (1 << 28, 1), (u32::MAX, 2)] {
        let options = PredictOptions { first_sample, samples, ..PredictOptions::default() };
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
    let seeded = |seed| PredictOptions { seed, ..options() };
    let expected: Vec<Results> = (0..4)
        .map(|seed| Results::expected(Pictures::Bytes(pictures.view()), seeded(seed)))
        .collect();
    assert_ne!(expected[0], expected[1], "seeds matter");
    for threads in [0, 1, 3] {
        let model: &Handle = &load(MODEL, Some(&with_threads(threads))).expect("it loads");
        std::thread::scope(|scope| {
            for (seed, expected) in (0..).zip(&expected) {
                let pictures = slice(&pictures);
                scope.spawn(move || {
                    for _ in 0..4 {
                        let mut results = Results::new(2, 5);
                        let options = Some(&seeded(seed));
                        predict(**model, pictures, 2, options, &results.outputs())
                            .expect("it predicts");
                        assert_eq!(&results, expected);
                    }
                });
            }
        });
    }
}
