//! The caller's function that watches a prediction.

use super::buffers::{Results, options, pictures, predict, slice};
use super::{Failure, load, with_threads};
use crate::error::Status;
use crate::predict::PredictOptions;
use bayes8_native::Pictures;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

const PICTURES: usize = 3;

/// What the function sees, and when it cancels.
struct Seen {
    calls: Vec<(u64, u64)>,
    cancel_at: usize,
    called: AtomicBool,
    overlap: bool,
}

unsafe extern "C" fn see(data: *mut c_void, done: u64, total: u64) -> c_int {
    // SAFETY: a `Seen` that only this function uses while a prediction runs, one call at a time.
    let seen = unsafe { &mut *data.cast::<Seen>() };
    seen.overlap |= seen.called.swap(true, Ordering::SeqCst);
    seen.calls.push((done, total));
    std::thread::yield_now();
    seen.called.store(false, Ordering::SeqCst);
    (seen.calls.len() >= seen.cancel_at).into()
}

/// Predicts on some threads, cancels at a call, and returns the calls.
fn watched(
    threads: usize,
    cancel_at: usize,
    results: &mut Results,
) -> (Result<(), Failure>, Vec<(u64, u64)>) {
    let model = load(super::MODEL, Some(&with_threads(threads))).expect("it loads");
    let called = AtomicBool::new(false);
    let mut seen = Seen { calls: Vec::new(), cancel_at, called, overlap: false };
    let options = PredictOptions {
        progress: Some(see),
        progress_data: ptr::from_mut(&mut seen).cast(),
        ..options()
    };
    let pictures = pictures(PICTURES);
    let outcome = predict(*model, slice(&pictures), PICTURES, Some(&options), &results.outputs());
    assert!(!seen.overlap, "two calls at a time");
    (outcome, seen.calls)
}

#[test]
fn progress_ends_at_the_total_and_changes_no_bit() {
    let expected = Results::expected(Pictures::Bytes(pictures(PICTURES).view()), options());
    for threads in [1, 3] {
        let mut results = Results::new(PICTURES, 5);
        let (outcome, calls) = watched(threads, usize::MAX, &mut results);
        outcome.expect("nothing cancels");
        assert_eq!(results, expected);
        assert!(calls.is_sorted_by(|a, b| a.0 < b.0), "{calls:?}");
        assert!(calls.iter().all(|call| call.1 == 15), "{calls:?}");
        assert_eq!(calls.last(), Some(&(15, 15)));
    }
}

#[test]
fn a_cancelled_prediction_writes_nothing_and_is_not_reported_again() {
    for threads in [1, 3] {
        let mut results = Results::new(PICTURES, 5);
        let (outcome, calls) = watched(threads, 2, &mut results);
        let message = "the prediction was cancelled".to_owned();
        assert_eq!(outcome, Err((Status::Cancelled, message)));
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert_eq!(results, Results::new(PICTURES, 5));
    }
}
