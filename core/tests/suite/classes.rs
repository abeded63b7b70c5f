//! Sums merge to the same bits in any order, and the figures are right.

use bayes8_core::head::classes::{ClassSums, ClassUncertainty};
use bayes8_core::head::{Accumulator, WordsError};
use bayes8_core::posterior::MAX_SAMPLES;
use proptest::prelude::*;

use bayes8_conformance::Random;

fn sums(samples: &[Vec<f32>]) -> ClassSums {
    let mut sums = ClassSums::new(samples[0].len());
    samples.iter().for_each(|logits| sums.add(logits));
    sums
}

fn merged<'a>(parts: impl IntoIterator<Item = &'a ClassSums>, classes: usize) -> ClassSums {
    let mut all = ClassSums::new(classes);
    parts.into_iter().for_each(|part| all.merge(part));
    all
}

fn random_samples(count: usize, classes: usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(11);
    let mut sample = || (0..classes).map(|_| random.real(-9.0, 9.0)).collect();
    (0..count).map(|_| sample()).collect()
}

fn entropy(p: &[f64]) -> f64 {
    -p.iter().map(|p| p * p.ln()).sum::<f64>()
}

fn assert_near(found: f64, expected: f64) {
    // Each sample is rounded to 2^-30.
    assert!((found - expected).abs() < 4e-9, "{found}, expected {expected}");
}

fn assert_sane(u: &ClassUncertainty) {
    let largest = (u.probabilities.len() as f64).ln() + 1e-8;
    for x in u.probabilities.iter().chain(&u.std) {
        assert!((0.0..=1.0 + 1e-8).contains(x), "{u:?}");
    }
    let total: f64 = u.probabilities.iter().sum();
    assert!((total - 1.0).abs() < 1e-8 * u.probabilities.len() as f64, "{u:?}");
    for x in [u.predictive_entropy, u.expected_entropy, u.mutual_information] {
        assert!((-1e-8..=largest).contains(&x), "{u:?}");
    }
    assert!(u.mutual_information >= 0.0);
}

#[test]
fn two_halves_merge_to_the_whole_bit_for_bit() {
    let samples = random_samples(32, 10);
    let whole = sums(&samples);
    let both = merged(&[sums(&samples[..16]), sums(&samples[16..])], 10);
    assert_eq!(both, whole);
    assert_eq!(both.finish(), whole.finish());
}

#[test]
fn the_order_of_merging_is_irrelevant() {
    let samples = random_samples(32, 7);
    let parts: Vec<_> = samples.chunks(5).map(sums).collect();
    let whole = sums(&samples);
    assert_eq!(merged(&parts, 7), whole);
    assert_eq!(merged(parts.iter().rev(), 7), whole);
    let reversed: Vec<_> = samples.iter().rev().cloned().collect();
    assert_eq!(sums(&reversed), whole);
}

#[test]
#[should_panic = "the same classes"]
fn sums_of_other_classes_do_not_merge() {
    ClassSums::new(3).merge(&ClassSums::new(2));
}

#[test]
#[should_panic = "samples"]
fn sums_never_have_more_samples_than_allowed() {
    let words = [i64::from(MAX_SAMPLES), 0, 0, 0, 0];
    let mut full = ClassSums::from_words(&words).expect("sums of the most samples");
    full.merge(&ClassSums::from_words(&[1, 0, 0, 0, 0]).expect("sums of one sample"));
}

#[test]
fn clear_forgets_everything() {
    let samples = random_samples(3, 4);
    let mut cleared = sums(&samples);
    cleared.clear();
    assert_eq!(cleared, ClassSums::new(4));
}

#[test]
fn identical_logits_have_no_epistemic_uncertainty() {
    let logits = vec![1.5, -0.25, 3.0, 0.0];
    let u = sums(&vec![logits; 50]).finish();
    assert_eq!(u.samples, 50);
    assert!(u.mutual_information < 4e-9, "{}", u.mutual_information);
    // The variance is a difference of numbers rounded to 2^-30.
    assert!(u.std.iter().all(|&std| std < 1e-4), "{:?}", u.std);
    assert_near(u.predictive_entropy, entropy(&u.probabilities));
}

/// The probabilities are (3/4, 1/4) and (1/4, 3/4).
#[test]
fn two_samples_that_contradict_each_other_by_hand() {
    let ln3 = 3f32.ln();
    let u = sums(&[vec![ln3, 0.0], vec![0.0, ln3]]).finish();
    // f32 represents ln 3 only to within 4e-8, which moves p by a quarter of that.
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 2e-8, "{found}");
    let expected = entropy(&[0.75, 0.25]);
    for class in 0..2 {
        near(u.probabilities[class], 0.5);
        near(u.std[class], 0.25);
    }
    near(u.predictive_entropy, 2f64.ln());
    near(u.expected_entropy, expected);
    near(u.mutual_information, 2f64.ln() - expected);
}

#[test]
fn certain_samples_that_contradict_each_other_are_all_epistemic() {
    let u = sums(&[vec![1000.0, 0.0], vec![0.0, 1000.0]]).finish();
    assert_near(u.expected_entropy, 0.0);
    assert_near(u.mutual_information, 2f64.ln());
    assert_eq!(u.std, [0.5, 0.5]);
}

#[test]
fn no_samples_are_all_zero() {
    let u = ClassSums::new(3).finish();
    assert_eq!((u.samples, u.predictive_entropy, u.mutual_information), (0, 0.0, 0.0));
    assert_eq!(u.probabilities, [0.0; 3]);
}

#[test]
fn extreme_logits_do_not_make_nan() {
    let extremes = [1e30, -1e30, f32::MAX, f32::MIN, 0.0, f32::MIN_POSITIVE];
    for a in extremes {
        for b in extremes {
            assert_sane(&sums(&[vec![a, b, 0.0], vec![b, a, a]]).finish());
        }
    }
}

#[test]
fn a_single_class_is_certain() {
    let u = sums(&[vec![-3.0], vec![1e30]]).finish();
    assert_eq!((u.probabilities[0], u.predictive_entropy, u.std[0]), (1.0, 0.0, 0.0));
}

#[test]
fn top_orders_by_probability_then_by_class() {
    let u = sums(&[vec![0.0, 2.0, 0.0, 2.0, 1.0]]).finish();
    let classes: Vec<usize> = u.top(4).iter().map(|(class, _)| *class).collect();
    assert_eq!(classes, [1, 3, 4, 0]);
    assert_eq!(u.top(99).len(), 5);
}

proptest! {
    #[test]
    fn figures_decompose_and_agree_with_plain_floating_point(
        samples in prop::collection::vec(prop::collection::vec(-20f32..20.0, 6), 1..20),
    ) {
        let u = sums(&samples).finish();
        assert_sane(&u);
        let softmax = |logits: &Vec<f32>| {
            let total: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
            logits.iter().map(|&x| f64::from(x).exp() / total).collect::<Vec<_>>()
        };
        let p: Vec<_> = samples.iter().map(softmax).collect();
        let n = p.len() as f64;
        for class in 0..6 {
            let mean = p.iter().map(|p| p[class]).sum::<f64>() / n;
            let variance = p.iter().map(|p| (p[class] - mean).powi(2)).sum::<f64>() / n;
            assert_near(u.probabilities[class], mean);
            prop_assert!((u.std[class].powi(2) - variance).abs() < 1e-8);
        }
        assert_near(u.expected_entropy, p.iter().map(|p| entropy(p)).sum::<f64>() / n);
        let difference = u.predictive_entropy - u.expected_entropy;
        prop_assert_eq!(u.mutual_information, difference.max(0.0));
    }

    #[test]
    fn any_finite_logits_give_finite_figures(
        samples in prop::collection::vec(prop::collection::vec(any::<f32>(), 4), 1..6),
    ) {
        prop_assume!(samples.iter().flatten().all(|x| x.is_finite()));
        assert_sane(&sums(&samples).finish());
    }
}

#[test]
fn words_add_like_sums() {
    let samples = vec![vec![0.0, 1.0, -3.0], vec![2.0, 0.5, 0.25], vec![-1.0, -1.0, 40.0]];
    let (first, rest) = (sums(&samples[..1]), sums(&samples[1..]));
    let words: Vec<i64> =
        first.to_words().iter().zip(rest.to_words()).map(|(a, b)| a + b).collect();
    assert_eq!(ClassSums::from_words(&words), Ok(sums(&samples)));
    assert_eq!(words[0], 3);
}

#[test]
fn words_that_cannot_be_sums_are_refused() {
    let good = sums(&[vec![0.0, 1.0], vec![3.0, 1.0]]).to_words();
    let with = |index: usize, word: i64| {
        let mut words = good.clone();
        words[index] = word;
        ClassSums::from_words(&words)
    };
    for length in [0, 1, 2, 3, 4, 6] {
        let error = ClassSums::from_words(&vec![0; length]);
        assert_eq!(error, Err(WordsError::Classes(length)));
    }
    for samples in [-1, i64::MIN, i64::from(MAX_SAMPLES) + 1, i64::MAX] {
        assert_eq!(with(0, samples), Err(WordsError::Samples(samples)));
    }
    for index in 1..good.len() {
        for word in [-1, i64::MIN, i64::MAX] {
            let error = WordsError::Range { index, word, samples: 2 };
            assert_eq!(with(index, word), Err(error));
        }
    }
    // A probability is at most 1.
    let error = WordsError::Range { index: 3, word: (2 << 30) + 1, samples: 2 };
    assert_eq!(with(3, (2 << 30) + 1), Err(error));
    assert!(with(3, 2 << 30).is_ok());
    // The square of an entropy is at most that of 31 nats.
    let error = WordsError::Range { index: 2, word: 2 * (961 << 25) + 1, samples: 2 };
    assert_eq!(with(2, 2 * (961 << 25) + 1), Err(error));
    assert!(with(2, 2 * (961 << 25)).is_ok());
    // The largest of all do not overflow.
    let most = i64::from(MAX_SAMPLES);
    let words = [most, most * (31 << 30), most * (961 << 25), most << 30, most << 30];
    assert!(ClassSums::from_words(&words).is_ok());
}
