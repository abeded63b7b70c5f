//! Conformal prediction covers what it promises, on examples that a generator draws.

use std::f64::consts::TAU;

use bayes8_evaluate::conformal::{
    ClassScore, Coverage, CoverageBounds, LabelSet, calibrate, class_scores, label_scores,
    residual_interval, residual_scores, threshold,
};
use ndarray::Array2;
use proptest::collection::vec;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const CALIBRATION: usize = 300;
const TEST: usize = 500;
const REPEATS: u64 = 60;
const ALPHAS: [f64; 3] = [0.05, 0.1, 0.2];

/// Between 0 and 1, neither included.
fn uniform(random: &mut ChaCha8Rng) -> f64 {
    ((random.next_u64() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

fn gaussian(random: &mut ChaCha8Rng) -> f64 {
    // Box and Muller.
    (-2.0 * uniform(random).ln()).sqrt() * (TAU * uniform(random)).cos()
}

/// Compares coverages of calibration and test examples that `draw` makes with what chance allows.
#[track_caller]
fn check(what: &str, draw: impl Fn(&mut ChaCha8Rng, f64) -> Coverage) {
    for alpha in ALPHAS {
        let bounds =
            |confidence| CoverageBounds::new(CALIBRATION, TEST, alpha, confidence).unwrap();
        let (wide, narrow) = (bounds(0.9999), bounds(0.8));
        let mut outside_narrow = 0;
        for seed in 0..REPEATS {
            let coverage = draw(&mut ChaCha8Rng::seed_from_u64(seed), alpha);
            assert_eq!(coverage.examples, TEST);
            assert!(wide.contains(&coverage), "{what}, alpha {alpha}: {coverage:?} {wide:?}");
            outside_narrow += usize::from(!narrow.contains(&coverage));
        }
        // At most a fifth is expected: of 60 repeats, 24 or more would be outside with a chance of 0.0003,
        // and 2 or fewer with one of 0.0003.
        assert!((3..24).contains(&outside_narrow), "{what}, alpha {alpha}: {outside_narrow}");
    }
}

/// Probabilities of ten classes from logits with too small a spread, and labels: the model need not be
/// calibrated.
fn classes(random: &mut ChaCha8Rng, count: usize) -> (Array2<f64>, Vec<i64>) {
    let labels: Vec<i64> = (0..count).map(|_| (random.next_u64() % 10) as i64).collect();
    let mut p = Array2::from_shape_fn((count, 10), |(n, class)| {
        let bonus = if labels[n] == class as i64 { 2.0 } else { 0.0 };
        (0.5 * (gaussian(random) + bonus)).exp()
    });
    p.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
    (p, labels)
}

#[test]
fn sets_of_classes_cover_within_the_exact_bounds() {
    for score in [ClassScore::Lac, ClassScore::Aps, ClassScore::raps(0.02, 2).unwrap()] {
        check(&format!("{score:?}"), |random, alpha| {
            let (p, labels) = classes(random, CALIBRATION);
            let limit = calibrate(&class_scores(score, p.view(), &labels), alpha).unwrap();
            let (p, labels) = classes(random, TEST);
            Coverage::of_classes(score, limit, p.view(), &labels)
        });
    }
}

#[test]
fn answers_of_a_label_cover_within_the_exact_bounds() {
    let draw = |random: &mut ChaCha8Rng, count: usize| -> (Vec<f64>, Vec<bool>) {
        let examples = (0..count).map(|_| {
            let present = uniform(random) < 0.3;
            let logit = gaussian(random) + if present { 1.0 } else { -1.0 };
            (1.0 / (1.0 + (-logit).exp()), present)
        });
        examples.unzip()
    };
    check("labels", |random, alpha| {
        let (p, present) = draw(random, CALIBRATION);
        let limit = calibrate(&label_scores(&p, &present), alpha).unwrap();
        let (p, present) = draw(random, TEST);
        Coverage::of_label(limit, &p, &present)
    });
}

/// The noise has thick tails, and the standard deviations are wrong by up to a factor of three.
#[test]
fn intervals_cover_within_the_exact_bounds() {
    let draw = |random: &mut ChaCha8Rng, count: usize| {
        let (mut means, mut stds, mut truth) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let (mean, std) = (10.0 * gaussian(random), uniform(random) + 0.5);
            means.push(mean);
            stds.push(std * (0.3 + 0.7 * uniform(random)));
            truth.push(mean + std * gaussian(random) / uniform(random).sqrt());
        }
        (means, stds, truth)
    };
    check("residuals", |random, alpha| {
        let (means, stds, truth) = draw(random, CALIBRATION);
        let limit = calibrate(&residual_scores(&means, &stds, &truth), alpha).unwrap();
        let (means, stds, truth) = draw(random, TEST);
        Coverage::of_residuals(limit, &means, &stds, &truth)
    });
}

#[test]
fn a_threshold_for_another_alpha_is_out_of_bounds() {
    let random = &mut ChaCha8Rng::seed_from_u64(0);
    let (p, labels) = classes(random, 2000);
    let limit = calibrate(&class_scores(ClassScore::Lac, p.view(), &labels), 0.15).unwrap();
    let (p, labels) = classes(random, 2000);
    let coverage = Coverage::of_classes(ClassScore::Lac, limit, p.view(), &labels);
    for (alpha, is_inside) in [(0.1, false), (0.15, true), (0.2, false)] {
        let bounds = CoverageBounds::new(2000, 2000, alpha, 0.99).unwrap();
        assert_eq!(bounds.contains(&coverage), is_inside, "{alpha}: {coverage:?} {bounds:?}");
    }
}

fn score() -> impl Strategy<Value = ClassScore> {
    let raps = (0.0..1.0, 0u32..6).prop_map(|(lambda, k_reg)| ClassScore::Raps { lambda, k_reg });
    prop_oneof![Just(ClassScore::Lac), Just(ClassScore::Aps), raps]
}

/// Probabilities with equal ones among them.
fn probabilities() -> impl Strategy<Value = Vec<f64>> {
    vec(0u32..8, 1..9).prop_map(|weights| {
        let sum = weights.iter().sum::<u32>().max(1);
        weights.into_iter().map(|weight| f64::from(weight) / f64::from(sum)).collect()
    })
}

proptest! {
    #[test]
    fn a_larger_threshold_adds_classes_at_the_end(
        (score, p) in (score(), probabilities()),
        (a, b) in (-0.1..2.0, -0.1..2.0),
    ) {
        let (small, large) = (score.set(&p, f64::min(a, b)), score.set(&p, f64::max(a, b)));
        prop_assert!(large.starts_with(&small));
        prop_assert_eq!(score.set(&p, f64::INFINITY).len(), p.len());
    }

    #[test]
    fn a_set_holds_the_classes_whose_score_is_not_above(
        (score, p, threshold) in (score(), probabilities(), -0.1..2.0),
    ) {
        let set = score.set(&p, threshold);
        for class in 0..p.len() {
            prop_assert_eq!(set.contains(&class), score.score(&p, class) <= threshold);
            // The class's own score is a threshold that lets it in.
            prop_assert!(score.set(&p, score.score(&p, class)).contains(&class));
        }
    }

    /// APS by the definition: sum over all classes that come before, from the largest.
    #[test]
    fn raps_is_aps_with_a_penalty_on_the_place(
        (p, lambda, k_reg) in (probabilities(), 0.0..1.0, 0u32..6),
    ) {
        let raps = ClassScore::raps(lambda, k_reg).unwrap();
        for class in 0..p.len() {
            let before = |other: usize| p[other] > p[class] || (p[other] == p[class] && other <= class);
            let before: Vec<usize> = (0..p.len()).filter(|&other| before(other)).collect();
            let sum: f64 = before.iter().map(|&other| p[other]).sum();
            prop_assert!((ClassScore::Aps.score(&p, class) - sum).abs() < 1e-12);
            let penalty = lambda * (before.len() as f64 - f64::from(k_reg)).max(0.0);
            prop_assert!((raps.score(&p, class) - sum - penalty).abs() < 1e-12);
        }
    }

    #[test]
    fn a_smaller_alpha_never_covers_less(
        scores in vec(0.0..1.0, 1..60),
        (a, b) in (0.01..0.99, 0.01..0.99),
    ) {
        let at = |alpha| threshold(&scores, alpha).unwrap();
        let (strict, loose) = (at(f64::min(a, b)), at(f64::max(a, b)));
        prop_assert!(strict >= loose);
        // At least a share 1 - alpha of the scores themselves is not above the threshold.
        let below = scores.iter().filter(|score| **score <= loose).count() as f64;
        prop_assert!(below >= (1.0 - f64::max(a, b)) * scores.len() as f64 - 1e-9);
        prop_assert_eq!(calibrate(&scores, a).is_ok(), at(a).is_finite());
        for p in [0.1, 0.5, 0.8] {
            let (strict, loose) = (LabelSet::new(p, strict), LabelSet::new(p, loose));
            prop_assert!(strict.absent >= loose.absent && strict.present >= loose.present);
        }
        let ([a, b], [c, d]) = (residual_interval(2.0, 0.5, strict), residual_interval(2.0, 0.5, loose));
        prop_assert!(a <= c && d <= b);
    }
}
