//! Running estimates have the bits of predictions from the samples so far, and end after the last sample.

use crate::small_model::{model, pictures};
use bayes8_native::{Model, Pictures, PredictError, PredictOptions, RequestError};
use ndarray::s;
use std::ops::Range;

fn options(samples: Range<u32>) -> PredictOptions {
    PredictOptions::new().samples(samples).seed(3)
}

/// Checks all estimates from `samples`, which come every `step` samples.
fn check(model: &Model, samples: Range<u32>, step: Option<u32>, keep_logits: bool) {
    let pictures = pictures(model, 3);
    let pictures = Pictures::Bytes(pictures.view());
    let options = |samples| options(samples).keep_logits(keep_logits);
    let mut stream = model.stream(pictures, &options(samples.clone())).expect("pictures");
    if let Some(step) = step {
        stream = stream.every(step);
    }
    let step = step.unwrap_or(model.threads() as u32);
    let mut end = samples.start;
    for estimate in stream.by_ref() {
        end = end.saturating_add(step).min(samples.end);
        let expected = model.predict(pictures, &options(samples.start..end)).expect("pictures");
        assert_eq!(estimate, Ok(expected), "{samples:?} to {end}");
    }
    assert_eq!(end, samples.end, "the last estimate has all samples");
    assert!(stream.next().is_none(), "a stream that has ended stays ended");
}

#[test]
fn every_estimate_has_the_bits_of_a_prediction_from_its_samples() {
    for threads in [1, 3] {
        let model = model(threads);
        for keep_logits in [false, true] {
            for step in [None, Some(1), Some(4), Some(11), Some(100), Some(u32::MAX)] {
                check(&model, 3..14, step, keep_logits);
            }
        }
    }
}

#[test]
fn a_stream_ends_after_the_highest_sample() {
    let model = model(2);
    for step in [None, Some(2), Some(5), Some(u32::MAX)] {
        check(&model, (1 << 28) - 5..1 << 28, step, true);
    }
}

#[test]
fn a_dropped_stream_leaves_the_model_unchanged() {
    let model = model(3);
    let pictures = pictures(&model, 2);
    let pictures = Pictures::Bytes(pictures.view());
    let expected = model.predict(pictures, &options(0..8)).expect("pictures");
    let mut stream = model.stream(pictures, &options(0..100_000)).expect("pictures").every(8);
    assert_eq!(stream.next(), Some(Ok(expected.clone())));
    drop(stream);
    assert_eq!(model.predict(pictures, &options(0..8)), Ok(expected));
}

#[test]
fn threads_may_stream_from_one_model() {
    let model = model(2);
    std::thread::scope(|scope| {
        for start in 0..4 {
            let model = &model;
            scope.spawn(move || check(model, start..start + 7, Some(2), false));
        }
    });
}

#[test]
fn without_pictures_every_estimate_is_empty() {
    let model = model(1);
    let pictures = pictures(&model, 1);
    let none = Pictures::Bytes(pictures.slice(s![0..0, .., .., .., ..]));
    let stream = model.stream(none, &options(0..5)).expect("no pictures");
    assert!(stream.every(2).eq([Ok(vec![]), Ok(vec![]), Ok(vec![])]));
}

#[test]
fn wrong_requests_are_refused_at_once() {
    let model = model(1);
    let right = pictures(&model, 1);
    let error = |pictures, samples| model.stream(pictures, &options(samples)).expect_err("wrong");
    let empty = error(Pictures::Bytes(right.view()), 4..4);
    assert_eq!(empty, RequestError::Samples(4..4).into());
    let beyond = error(Pictures::Bytes(right.view()), 0..(1 << 28) + 1);
    assert!(matches!(beyond, PredictError::Request(RequestError::Samples(_))), "{beyond}");
    let narrow = right.slice(s![.., .., .., ..1, ..]);
    let error = error(Pictures::Bytes(narrow), 0..1);
    assert!(matches!(error, PredictError::Shape { .. }), "{error}");
}

#[test]
#[should_panic(expected = "at least one sample")]
fn estimates_need_samples_between_them() {
    let model = model(1);
    let pictures = pictures(&model, 1);
    let stream = model.stream(Pictures::Bytes(pictures.view()), &options(0..5));
    drop(stream.expect("pictures").every(0));
}
