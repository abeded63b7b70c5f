//! Samples that were predicted apart: merged, they are those of one call.

use super::buffers::{
    CLASSES, Results, SUM_WORDS, buffer, nothing_wanted, options, pictures, predict, slice,
};
use super::{Failure, Handle, result, shipped};
use crate::buffer::Buffer;
use crate::error::Status;
use crate::model::ModelHandle;
use crate::outputs::Outputs;
use crate::predict::PredictOptions;
use crate::sums::{bayes8_sums_finish, bayes8_sums_merge};
use bayes8_native::Pictures;
use std::ops::Range;
use std::ptr;

const COUNT: usize = 2;

/// The most samples that sums can hold.
const MAX_SAMPLES: i64 = 1 << 28;
const WORDS: usize = COUNT * SUM_WORDS;

fn merge(
    model: *const ModelHandle,
    into: &mut [i64],
    from: &[i64],
    count: usize,
) -> Result<(), Failure> {
    assert_eq!(into.len(), from.len());
    // SAFETY: a live handle or NULL, and two slices of that length.
    let status =
        unsafe { bayes8_sums_merge(model, into.as_mut_ptr(), from.as_ptr(), into.len(), count) };
    result(status, ())
}

fn finish(model: &Handle, sums: &[i64], count: usize, outputs: &Outputs) -> Result<(), Failure> {
    // SAFETY: a live handle, a slice and its length, and outputs whose buffers are live.
    let status = unsafe { bayes8_sums_finish(**model, sums.as_ptr(), sums.len(), count, outputs) };
    result(status, ())
}

/// Sums of two pictures over a range of samples.
fn sums(model: &Handle, samples: Range<u32>) -> Vec<i64> {
    let (pictures, mut sums) = (pictures(COUNT), vec![-1; WORDS]);
    let outputs = Outputs { sums: buffer(&mut sums), ..nothing_wanted() };
    let options =
        PredictOptions { first_sample: samples.start, samples: samples.len() as u32, ..options() };
    predict(**model, slice(&pictures), COUNT, Some(&options), &outputs).expect("it predicts");
    sums
}

/// The outputs that follow from sums.
fn figures(results: &mut Results) -> Outputs {
    let none = nothing_wanted();
    Outputs { logits: none.logits, sums: none.sums, ..results.outputs() }
}

#[test]
fn parts_merge_to_the_bits_of_one_call_in_any_order_and_split() {
    let model = shipped();
    let whole = PredictOptions { first_sample: 3, samples: 6, ..options() };
    let expected = Results::expected(Pictures::Bytes(pictures(COUNT).view()), whole);
    let splits: [&[Range<u32>]; 5] = [
        &[3..6, 6..9],
        &[6..9, 3..6],
        &[8..9, 3..8],
        &[5..7, 3..5, 7..9],
        &[6..7, 4..5, 8..9, 3..4, 7..8, 5..6],
    ];
    for split in splits {
        let mut all = vec![0; WORDS];
        for samples in split {
            merge(*model, &mut all, &sums(&model, samples.clone()), COUNT).expect("they add");
        }
        assert_eq!(all, expected.sums, "{split:?}");

        let mut results = Results::new(COUNT, 0);
        finish(&model, &all, COUNT, &figures(&mut results)).expect("they are finished");
        let Results { logits, sums, .. } = Results::new(COUNT, 0);
        assert_eq!(results, Results { logits, sums, ..expected.clone() }, "{split:?}");
    }
}

#[test]
fn words_add_one_by_one() {
    let model = shipped();
    let (first, rest) = (sums(&model, 3..5), sums(&model, 5..9));
    let added: Vec<i64> = first.iter().zip(rest).map(|(a, b)| a + b).collect();
    assert_eq!(added, sums(&model, 3..9));
    assert_eq!((added[0], added[SUM_WORDS]), (6, 6), "the first word is the number of samples");
}

#[test]
fn figures_of_no_samples_are_zero() {
    let mut results = Results::new(COUNT, 0);
    finish(&shipped(), &[0; WORDS], COUNT, &figures(&mut results)).expect("no samples");
    assert_eq!(results.probabilities, [0.0; COUNT * CLASSES]);
    assert_eq!(results.mutual_information, [0.0; COUNT]);
    merge(*shipped(), &mut [], &[], 0).expect("no pictures");
    finish(&shipped(), &[], 0, &nothing_wanted()).expect("no pictures");
}

#[test]
fn damaged_sums_are_refused_and_nothing_is_written() {
    let model = shipped();
    let good = sums(&model, 3..5);
    let damages = [
        (0, -1, "the first word says -1 samples"),
        (0, MAX_SAMPLES + 1, "the first word says 268435457 samples"),
        (1, -1, "word 1 is -1"),
        (2, i64::MIN, "word 2 is -9223372036854775808"),
        (2, 2 * (961 << 25) + 1, "word 2 is 64491618305, which 2 samples cannot sum to"),
        (SUM_WORDS - 1, (2 << 30) + 1, "word 22 is 2147483649, which 2 samples cannot sum to"),
    ];
    for (word, value, problem) in damages {
        // In the second picture: the first is as good as ever.
        let mut bad = good.clone();
        bad[SUM_WORDS + word] = value;
        let refused = |name: &str, outcome: Result<(), Failure>| {
            let (status, message) = outcome.expect_err("damaged");
            assert_eq!(status, Status::Sums);
            let expected = format!("picture 1 of `{name}`: {problem}");
            assert!(message.starts_with(&expected), "{message}");
        };
        let mut into = good.clone();
        refused("from", merge(*model, &mut into, &bad, COUNT));
        assert_eq!(into, good);
        let mut into = bad.clone();
        refused("into", merge(*model, &mut into, &good, COUNT));
        assert_eq!(into, bad);
        let mut results = Results::new(COUNT, 0);
        refused("sums", finish(&model, &bad, COUNT, &figures(&mut results)));
        assert_eq!(results, Results::new(COUNT, 0));
    }
}

#[test]
fn more_samples_than_there_are_is_refused() {
    let (model, mut into, mut from) = (shipped(), vec![0; WORDS], vec![0; WORDS]);
    (into[SUM_WORDS], from[SUM_WORDS]) = (MAX_SAMPLES, 1);
    let before = into.clone();
    let (status, message) = merge(*model, &mut into, &from, COUNT).expect_err("one too many");
    assert_eq!(status, Status::InvalidArgument);
    assert_eq!(message, "picture 1 would have 268435457 samples: it can have at most 2^28");
    assert_eq!(into, before);
}

#[test]
fn lengths_and_pointers_are_checked() {
    let (model, mut into, from) = (shipped(), vec![0; WORDS], vec![0; WORDS]);
    for count in [0, 1, 3, usize::MAX] {
        let message = format!("`into` has 46 words, not {count} x 23");
        assert_eq!(merge(*model, &mut into, &from, count), Err((Status::Shape, message)));
        let message = format!("`sums` has 46 words, not {count} x 23");
        let finished = finish(&model, &from, count, &nothing_wanted());
        assert_eq!(finished, Err((Status::Shape, message)));
    }
    let null = |name: &str| Err((Status::NullPointer, format!("`{name}` is NULL")));
    assert_eq!(merge(ptr::null(), &mut into, &from, COUNT), null("model"));
    let pointer = into.as_mut_ptr();
    let overlap = Err((Status::InvalidArgument, "`into` and `from` overlap".to_owned()));
    // SAFETY: NULL and arrays that overlap are refused before they are used.
    unsafe {
        let merge = |into, from, length, count| {
            result(bayes8_sums_merge(*model, into, from, length, count), ())
        };
        assert_eq!(merge(ptr::null_mut(), pointer, WORDS, COUNT), null("into"));
        assert_eq!(merge(pointer, ptr::null(), WORDS, COUNT), null("from"));
        assert_eq!(merge(pointer, pointer, WORDS, COUNT), overlap);
        assert_eq!(merge(pointer, pointer.add(SUM_WORDS - 1), SUM_WORDS, 1), overlap);
        assert_eq!(merge(pointer.add(SUM_WORDS - 1), pointer, SUM_WORDS, 1), overlap);
        assert_eq!(merge(pointer, pointer.add(SUM_WORDS), SUM_WORDS, 1), Ok(()));
        let finish = bayes8_sums_finish(*model, ptr::null(), WORDS, COUNT, &nothing_wanted());
        assert_eq!(result(finish, ()), null("sums"));
        let finish = bayes8_sums_finish(*model, pointer, WORDS, COUNT, ptr::null());
        assert_eq!(result(finish, ()), null("outputs"));
    }
}

#[test]
fn finishing_refuses_buffers_that_it_cannot_fill() {
    let (model, sums, mut results) = (shipped(), vec![0; WORDS], Results::new(COUNT, 5));
    let all = results.outputs();
    for (name, outputs) in [
        ("logits", Outputs { sums: nothing_wanted().sums, ..all }),
        ("sums", Outputs { logits: nothing_wanted().logits, ..all }),
    ] {
        let message = format!("`outputs->{name}` must be NULL: sums do not determine it");
        let finished = finish(&model, &sums, COUNT, &outputs);
        assert_eq!(finished, Err((Status::InvalidArgument, message)));
    }
    let std = Buffer { capacity: COUNT * CLASSES - 1, ..all.std };
    let outputs = Outputs { std, ..figures(&mut results) };
    let (status, message) = finish(&model, &sums, COUNT, &outputs).expect_err("too small");
    assert_eq!(status, Status::BufferTooSmall);
    assert_eq!(message, "`std` has room for 19 elements, 20 are needed");
    assert_eq!(results, Results::new(COUNT, 5), "a refusal writes nothing");
}
