//! Standard errors: they have the bits of a second implementation of docs/NUMERICS.md, and the size of the spread that
//! predictions have.

use bayes8_conformance::Random;
use bayes8_core::head::classes::{ClassSums, ClassUncertainty};
use bayes8_core::head::errors::ClassErrors;
use bayes8_core::head::gaussian::{Gaussian, GaussianSums, Target, Variance};
use bayes8_core::head::labels::{LabelSums, LabelUncertainty};
use bayes8_core::head::{Accumulator, MAX_SAMPLES};

fn classes(samples: &[Vec<f32>]) -> ClassSums {
    let mut sums = ClassSums::new(samples[0].len());
    samples.iter().for_each(|logits| sums.add(logits));
    sums
}

fn labels(samples: &[Vec<f32>]) -> LabelSums {
    let mut sums = LabelSums::new(samples[0].len());
    samples.iter().for_each(|logits| sums.add(logits));
    sums
}

fn of_classes(samples: &[Vec<f32>]) -> ClassErrors {
    classes(samples).finish().standard_errors.expect("two samples")
}

fn head() -> Gaussian {
    let target = |scale, exponent| Target {
        name: String::new(),
        unit: String::new(),
        scale,
        offset: 3.0,
        noise: 0.5,
        exponent,
    };
    Gaussian { variance: Variance::None, targets: vec![target(16.5, -24), target(0.02, -20)] }
}

/// A number that is roughly normal, with the variance 1.
fn normal(random: &mut Random) -> f32 {
    (0..12).map(|_| random.real(0.0, 1.0)).sum::<f32>() - 6.0
}

fn random_samples(random: &mut Random, count: usize, numbers: usize) -> Vec<Vec<f32>> {
    // Some classes are all but impossible, and some certain.
    let spread = random.real(0.1, 12.0);
    let mut sample = || (0..numbers).map(|_| spread * normal(random)).collect();
    (0..count).map(|_| sample()).collect()
}

/// docs/NUMERICS.md, written again: `unit` is that of the squares.
fn error(sum: i64, squares: i64, unit: f64, samples: usize) -> f64 {
    let n = samples as f64;
    let mean = sum as f64 / (n * 2f64.powi(30));
    let variance = squares as f64 / (n / unit) - mean * mean;
    if variance <= unit + mean * 2f64.powi(-30) {
        return 0.0;
    }
    (variance / (n - 1.0)).sqrt()
}

/// Errors of classes from the words of their sums.
fn naive_classes(words: &[i64]) -> Vec<f64> {
    let (samples, count) = (words[0] as usize, (words.len() - 3) / 2);
    let (mut errors, mut logs) = (Vec::new(), Vec::new());
    for class in 0..count {
        let (sum, squares) = (words[3 + class], words[3 + count + class]);
        let se = if sum == 0 { 0.0 } else { error(sum, squares, 2f64.powi(-30), samples) };
        logs.push(libm::log(sum as f64 / (samples as f64 * 2f64.powi(30))));
        errors.push(se);
    }
    let terms: Vec<_> = logs.iter().zip(&errors).filter(|(_, se)| **se > 0.0).collect();
    let (mut all, mut weighted, mut entropy) = (0.0, 0.0, 0.0);
    for (log, se) in &terms {
        all += **se;
        weighted += **se * **log;
    }
    for (log, se) in &terms {
        entropy += (**log - weighted / all).abs() * **se;
    }
    let expected = error(words[1], words[2], 2f64.powi(-25), samples);
    errors.extend([entropy, expected, entropy + expected]);
    errors
}

/// Errors of labels from the words of their sums.
fn naive_labels(words: &[i64]) -> Vec<f64> {
    let (samples, count) = (words[0] as usize, (words.len() - 1) / 4);
    let word = |kind: usize, label: usize| words[1 + kind * count + label];
    let mut lists = [(); 4].map(|()| Vec::new());
    for label in 0..count {
        let se = error(word(2, label), word(3, label), 2f64.powi(-30), samples);
        let p = word(2, label) as f64 / (samples as f64 * 2f64.powi(30));
        let slope = (libm::log(p) - libm::log(1.0 - p)).abs();
        let total = if se == 0.0 { 0.0 } else { slope * se };
        let expected = error(word(0, label), word(1, label), 2f64.powi(-30), samples);
        for (list, number) in lists.iter_mut().zip([se, total, expected, total + expected]) {
            list.push(number);
        }
    }
    lists.concat()
}

#[test]
fn errors_have_the_bits_of_a_second_implementation() {
    let mut random = Random::new(26);
    for round in 0..300 {
        let (count, numbers) = (random.between(2, 40), random.between(1, 12));
        let samples = random_samples(&mut random, count, numbers);
        let sums = classes(&samples);
        let errors = sums.finish().standard_errors.expect("two samples");
        assert_eq!(errors.figures(), naive_classes(&sums.to_words()), "{round}");
        let sums = labels(&samples);
        let errors = sums.finish().standard_errors.expect("two samples");
        assert_eq!(errors.figures(), naive_labels(&sums.to_words()), "{round}");
    }
}

/// And they are those of plain floating point.
#[test]
fn errors_are_those_of_the_formulas() {
    let mut random = Random::new(4);
    let samples: Vec<Vec<f32>> =
        (0..20).map(|_| (0..5).map(|_| 2.0 * normal(&mut random)).collect()).collect();
    let softmax = |logits: &Vec<f32>| -> Vec<f64> {
        let total: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
        logits.iter().map(|&x| f64::from(x).exp() / total).collect()
    };
    let p: Vec<_> = samples.iter().map(softmax).collect();
    let mean = |of: &dyn Fn(&[f64]) -> f64| p.iter().map(|p| of(p)).sum::<f64>() / 20.0;
    let error =
        |of: &dyn Fn(&[f64]) -> f64| ((mean(&|p| of(p).powi(2)) - mean(of).powi(2)) / 19.0).sqrt();
    let near = |found: f64, expected: f64| {
        assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
    };
    let found = of_classes(&samples);
    let se: Vec<f64> = (0..5).map(|class| error(&|p| p[class])).collect();
    let log: Vec<f64> = (0..5).map(|class| mean(&|p| p[class]).ln()).collect();
    let k = se.iter().zip(&log).map(|(se, log)| se * log).sum::<f64>() / se.iter().sum::<f64>();
    found.probabilities.iter().zip(&se).for_each(|(&found, &se)| near(found, se));
    let total = se.iter().zip(&log).map(|(se, log)| se * (log - k).abs()).sum::<f64>();
    let expected = error(&|p| -p.iter().map(|p| p * p.ln()).sum::<f64>());
    near(found.predictive_entropy, total);
    near(found.expected_entropy, expected);
    near(found.mutual_information, total + expected);
}

/// The probabilities are (3/4, 1/4) and (1/4, 3/4).
#[test]
fn two_samples_by_hand() {
    let ln3 = 3f32.ln();
    let opposite = [vec![ln3, 0.0], vec![0.0, ln3]];
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-7, "{found}");
    let two = of_classes(&opposite);
    two.probabilities.iter().for_each(|&error| near(error, 0.25));
    // Both logarithms are those of 1/2, and both entropies are the same.
    assert!(two.predictive_entropy < 1e-7 && two.mutual_information < 1e-7, "{two:?}");
    let four = of_classes(&[opposite.clone(), opposite].concat());
    four.probabilities.iter().for_each(|&error| near(error, 0.25 / 3f64.sqrt()));

    // 3/4 and 1/2: the mean is 5/8, and the errors are 1/8.
    let (entropy, ln2) = (2.0 * 2f64.ln() - 0.75 * 3f64.ln(), 2f64.ln());
    let found = of_classes(&[vec![ln3, 0.0], vec![0.0, 0.0]]);
    found.probabilities.iter().for_each(|&error| near(error, 0.125));
    near(found.predictive_entropy, 0.125 * (5f64 / 3.0).ln());
    near(found.expected_entropy, (ln2 - entropy) / 2.0);
    near(found.mutual_information, found.predictive_entropy + found.expected_entropy);
    // So are those of a label with these probabilities.
    let label = labels(&[vec![ln3], vec![0.0]]).finish().standard_errors.expect("two samples");
    near(label.probabilities[0], 0.125);
    near(label.predictive_entropy[0], found.predictive_entropy);
    near(label.expected_entropy[0], found.expected_entropy);
    near(label.mutual_information[0], found.mutual_information);
}

#[test]
fn the_error_of_a_target_is_that_of_its_mean() {
    let mut sums = GaussianSums::new(&head().into());
    for (a, b) in [(1.0, 7.0), (2.0, 7.0), (3.0, 7.0), (6.0, 7.0)] {
        sums.add(&[a, b]);
    }
    let found = sums.finish();
    let errors = found.standard_errors.expect("four samples");
    // The variance of 1, 2, 3 and 6 is 3.5.
    assert!((errors.mean[0] - 16.5 * (3.5f64 / 3.0).sqrt()).abs() < 1e-12, "{errors:?}");
    assert_eq!(errors.mean[0], found.epistemic_std[0] / 3f64.sqrt());
    assert_eq!(errors.mean[1], 0.0);
}

#[test]
fn errors_of_fewer_than_two_samples_are_not_known() {
    let sample = vec![vec![1.0, -2.0]];
    assert_eq!(classes(&sample).finish().standard_errors, None);
    assert_eq!(labels(&sample).finish().standard_errors, None);
    assert_eq!(ClassSums::new(2).finish().standard_errors, None);
    assert_eq!(LabelSums::new(2).finish().standard_errors, None);
    let mut targets = GaussianSums::new(&head().into());
    assert_eq!(targets.finish().standard_errors, None);
    targets.add(&sample[0]);
    assert_eq!(targets.finish().standard_errors, None);
    // A summary that had some forgets them, and its list says that it has none.
    let mut summary = classes(&[sample.clone(), sample.clone()].concat()).finish();
    assert!(summary.standard_errors.is_some());
    classes(&sample).finish_into(&mut summary);
    assert_eq!(summary, classes(&sample).finish());
    let figures = bayes8_core::head::Uncertainty::Classes(summary).figures();
    assert_eq!(figures.len(), 2 * 2 + 3 + 2 + 3);
    assert!(figures[7..].iter().all(|figure| figure.is_nan()), "{figures:?}");
}

#[test]
fn samples_that_agree_have_no_error() {
    let mut random = Random::new(8);
    for count in [2, 3, 7, 64, 1000] {
        for numbers in [1, 2, 10, 1000] {
            let sample = random_samples(&mut random, 1, numbers).remove(0);
            let samples = vec![sample; count];
            let none = |errors: Vec<f64>| assert!(errors.iter().all(|&error| error == 0.0));
            none(of_classes(&samples).figures());
            none(labels(&samples).finish().standard_errors.expect("two samples").figures());
        }
        let mut targets = GaussianSums::new(&head().into());
        (0..count).for_each(|_| targets.add(&[100.1, -0.3]));
        assert_eq!(targets.finish().standard_errors.expect("two samples").mean, [0.0; 2]);
    }
}

#[test]
fn parts_merge_to_the_errors_of_the_whole() {
    let mut random = Random::new(3);
    let samples = random_samples(&mut random, 33, 7);
    let whole = classes(&samples);
    for size in [1, 4, 16] {
        let mut merged = ClassSums::new(7);
        samples.chunks(size).rev().for_each(|part| merged.merge(&classes(part)));
        assert_eq!(merged.finish(), whole.finish());
        let mut merged = LabelSums::new(7);
        samples.chunks(size).rev().for_each(|part| merged.merge(&labels(part)));
        assert_eq!(merged.finish(), labels(&samples).finish());
    }
    assert_eq!(
        ClassSums::from_words(&whole.to_words()).map(|sums| sums.finish()),
        Ok(whole.finish())
    );
}

#[test]
fn the_largest_sums_do_not_overflow_and_their_errors_are_numbers() {
    let most = i64::from(MAX_SAMPLES);
    let finite =
        |errors: Vec<f64>| assert!(errors.iter().all(|error| error.is_finite()), "{errors:?}");
    let words = [most, most * (31 << 30), most * (961 << 25), most << 30, 0, 0, most << 30];
    let sums = ClassSums::from_words(&words).expect("the largest sums");
    assert_eq!(sums.to_words(), words);
    finite(sums.finish().standard_errors.expect("samples").figures());
    // A probability of zero whose squares are not: no samples have it, but nobody checks.
    let words = [most, 0, most << 30, 0, most << 30, most << 30, most << 30, 0, 0];
    let sums = LabelSums::from_words(&words).expect("sums of labels");
    finite(sums.finish().standard_errors.expect("samples").figures());
}

#[test]
fn summaries_reuse_their_memory() {
    let mut random = Random::new(6);
    let samples = random_samples(&mut random, 4, 9);
    let mut of_classes = ClassUncertainty::default();
    let mut of_labels = LabelUncertainty::default();
    let mut places = Vec::new();
    for count in [4, 2, 3] {
        classes(&samples[..count]).finish_into(&mut of_classes);
        labels(&samples[..count]).finish_into(&mut of_labels);
        assert_eq!(of_labels, labels(&samples[..count]).finish());
        let (a, b) = (of_classes.standard_errors.as_ref(), of_labels.standard_errors.as_ref());
        let (a, b) = (a.expect("two samples"), b.expect("two samples"));
        places.push([
            a.probabilities.as_ptr(),
            b.probabilities.as_ptr(),
            b.predictive_entropy.as_ptr(),
            b.expected_entropy.as_ptr(),
            b.mutual_information.as_ptr(),
        ]);
    }
    assert!(places.windows(2).all(|pair| pair[0] == pair[1]), "{places:?}");
}

/// How wrong predictions of `samples` samples are, beside their errors: the root mean squares of both, over many seeds,
/// for the probability, the predictive entropy, the expected entropy and the mutual information of two classes whose
/// logits differ by normal numbers.
fn spread(samples: usize, offset: f32) -> [[f64; 2]; 4] {
    const SEEDS: u64 = 2000;
    let draw = |seed: u64, count: usize| {
        let mut random = Random::new(seed);
        let mut sums = ClassSums::new(2);
        (0..count).for_each(|_| sums.add(&[offset + normal(&mut random), 0.0]));
        sums.finish()
    };
    let figures = |of: &ClassUncertainty| {
        [of.probabilities[0], of.predictive_entropy, of.expected_entropy, of.mutual_information]
    };
    let reference = figures(&draw(u64::MAX, 1_000_000));
    let mut squares = [[0.0; 2]; 4];
    for seed in 0..SEEDS {
        let of = draw(seed, samples);
        let errors = of.standard_errors.as_ref().expect("several samples");
        let said = [
            errors.probabilities[0],
            errors.predictive_entropy,
            errors.expected_entropy,
            errors.mutual_information,
        ];
        let found = figures(&of);
        for (at, square) in squares.iter_mut().enumerate() {
            square[0] += (found[at] - reference[at]).powi(2);
            square[1] += said[at].powi(2);
        }
    }
    squares.map(|both| both.map(|sum| (sum / SEEDS as f64).sqrt()))
}

#[test]
fn errors_are_as_large_as_the_spread_over_many_seeds() {
    for samples in [8, 32, 64] {
        let [probability, total, expected, information] = spread(samples, 1.0);
        let ratio = |[found, said]: [f64; 2]| said / found;
        // Twice the standard error of a root mean square over 2,000 seeds is 3 %.
        for (name, of) in [("probability", probability), ("expected entropy", expected)] {
            assert!((ratio(of) - 1.0).abs() < 0.05, "{name} of {samples}: {of:?}");
        }
        // To first order, and biased downwards by one sample in S.
        assert!((0.8..1.2).contains(&ratio(total)), "entropy of {samples}: {total:?}");
        // A bound: the errors of both entropies cancel in part.
        assert!(ratio(information) > 1.0, "mutual information of {samples}: {information:?}");
    }
}
