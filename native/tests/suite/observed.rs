//! Observed predictions have the same bits, report every sample, and end when they are cancelled.

use crate::small_model::{model, pictures};
use bayes8_native::{Observer, Pictures, PredictError, PredictOptions, RequestError};
use ndarray::Array5;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicUsize, Ordering};

fn options(samples: Range<u32>, keep_logits: bool) -> PredictOptions {
    PredictOptions::new().samples(samples).seed(3).keep_logits(keep_logits)
}

/// One piece, more samples than a piece has, and more pictures and samples.
#[test]
fn an_observed_prediction_has_the_same_bits_and_reports_every_sample_in_order() {
    for (threads, count, samples) in [(1, 1, 5..6), (2, 3, 7..140), (2, 1030, 0..67)] {
        let model = model(threads);
        let pictures = pictures(&model, count);
        let pictures = Pictures::Bytes(pictures.view());
        let expected = model.predict(pictures, &options(samples.clone(), true)).expect("pictures");
        for keep_logits in [true, false] {
            let (mut logits, done) = (vec![Vec::new(); count], AtomicUsize::new(0));
            let progress = |pictures| {
                done.fetch_add(pictures, Ordering::Relaxed);
                ControlFlow::Continue(())
            };
            let mut each = |picture: usize, row: &[f32]| {
                assert_eq!(row.len(), model.quantized().output_numbers());
                logits[picture].extend_from_slice(row);
            };
            let observer = Observer::new().progress(&progress).logits(&mut each);
            let options = options(samples.clone(), keep_logits);
            let found = model.predict_with(pictures, &options, observer).expect("pictures");
            assert_eq!(done.into_inner(), count * samples.len(), "{threads} threads");
            for ((found, expected), logits) in found.iter().zip(&expected).zip(&logits) {
                let rows = expected.logits().expect("logits were asked for");
                assert!(rows.iter().eq(logits), "{threads} threads: logits of {samples:?}");
                assert_eq!(found.logits(), keep_logits.then_some(rows));
                assert_eq!(found.sums(), expected.sums());
            }
            assert_eq!(found.len(), count);
        }
        let unobserved = model.predict_with(pictures, &options(samples, true), Observer::default());
        assert_eq!(unobserved.expect("pictures"), expected);
    }
}

#[test]
fn a_prediction_ends_when_one_thread_breaks() {
    for threads in [1, 3] {
        let model = model(threads);
        let pictures = pictures(&model, 4);
        let pictures = Pictures::Bytes(pictures.view());
        let expected = model.predict(pictures, &options(0..8, true)).expect("pictures");
        let calls = AtomicUsize::new(0);
        // Breaks once.
        let progress = |_| match calls.fetch_add(1, Ordering::Relaxed) {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let observer = Observer::new().progress(&progress);
        let error = model.predict_with(pictures, &options(0..100_000, false), observer);
        assert_eq!(error, Err(PredictError::Cancelled));
        // A single thread ends at once; others may finish at most the rest of a piece.
        let (calls, most) = (calls.into_inner(), if threads == 1 { 3 } else { 66 });
        assert!((3..=most).contains(&calls), "{calls} calls on {threads} threads");
        // The model still works.
        assert_eq!(model.predict(pictures, &options(0..8, true)), Ok(expected));
    }
}

#[test]
fn wrong_requests_are_refused_before_anything_runs() {
    let model = model(1);
    let right = pictures(&model, 1);
    let wrong = Array5::<f32>::from_elem(right.dim(), f32::NAN);
    let progress = |_| -> ControlFlow<()> { panic!("nothing runs") };
    let mut each = |_: usize, _: &[f32]| panic!("nothing runs");
    let mut refused = |pictures, samples| {
        let observer = Observer::new().progress(&progress).logits(&mut each);
        model.predict_with(pictures, &options(samples, false), observer).expect_err("wrong")
    };
    let error = refused(Pictures::Normalized(wrong.view()), 0..1);
    assert_eq!(error, RequestError::NotFinite { picture: 0 }.into());
    let error = refused(Pictures::Bytes(right.view()), 4..4);
    assert_eq!(error, RequestError::Samples(4..4).into());
    let none = right.slice(ndarray::s![0..0, .., .., .., ..]);
    let observer = Observer::new().progress(&progress).logits(&mut each);
    let found = model.predict_with(Pictures::Bytes(none), &options(0..1, false), observer);
    assert_eq!(found, Ok(Vec::new()));
}
