//! The variance of sampled weights is the enumerated one, and nothing wraps.

use bayes8_core::layer::{Bias, Layer};
use bayes8_core::posterior::Draw;
use bayes8_core::posterior::gaussian::{NOISE_STD, mulhrs, sample_bias, sample_weight};
use bayes8_core::posterior::variance::NoiseDistribution;
use bayes8_core::posterior::{Posterior, gaussian::Gaussian};

const SAMPLES: u32 = 10_000;

/// Returns four rows of 64 weights that cover all 256 sigma codes. No mean is close enough to the
/// ends of i8 to saturate.
fn layer() -> Layer {
    let multipliers = vec![3, 17, 60, 120];
    let sigma = (0..256u32).map(|i| (i % 64 * 4 + i / 64) as u8).collect();
    Layer {
        index: 1,
        out_channels: 4,
        depthwise: false,
        mu: (0..256).map(|i| (i % 9) as i8 - 4).collect(),
        posterior: Some(Posterior::Gaussian(Gaussian { sigma, noise_multiplier: multipliers })),
        scale: vec![1.0; 4],
        bias: None,
    }
}

/// Computes the mean and the variance of each `samples[.][i]`.
fn moments(samples: impl Iterator<Item = Vec<i32>>) -> Vec<(f64, f64)> {
    let mut sums: Vec<(i64, i64)> = Vec::new();
    for sample in samples {
        sums.resize(sample.len(), (0, 0));
        for (sum, &x) in sums.iter_mut().zip(&sample) {
            *sum = (sum.0 + i64::from(x), sum.1 + i64::from(x) * i64::from(x));
        }
    }
    let n = f64::from(SAMPLES);
    let finish = |(sum, squares): (i64, i64)| {
        let mean = sum as f64 / n;
        (mean, squares as f64 / n - mean * mean)
    };
    sums.into_iter().map(finish).collect()
}

/// The standard error of the variance of `SAMPLES` draws is sqrt((m4 - variance^2) / SAMPLES); the
/// fourth moment m4 is enumerated too. The seed is fixed, so the test is not flaky. A correct
/// sampler would pass the limits with all but about 1e-4 of seeds.
#[test]
fn sampled_variances_are_the_enumerated_ones() {
    let layer = layer();
    let Posterior::Gaussian(posterior) = layer.posterior.as_ref().unwrap();
    let found = moments((0..SAMPLES).map(|sample| {
        let mut weights = vec![0; layer.mu.len()];
        layer.sample_weights(Draw { seed: 2023, sample }, &mut weights);
        weights.into_iter().map(i32::from).collect()
    }));

    let noise = NoiseDistribution::new();
    let (mut total, mut errors) = (0.0, 0.0);
    for (i, &(mean, variance)) in found.iter().enumerate() {
        let (sigma, multiplier) = (posterior.sigma[i], posterior.noise_multiplier[i / 64]);
        let spread = |n: i8| f64::from(mulhrs(i16::from(n) * i16::from(sigma), multiplier));
        let expect = |f: &dyn Fn(f64) -> f64| {
            noise.outcomes().map(|(n, count)| f(spread(n)) * f64::from(count)).sum::<f64>()
                / 65_536.0
        };
        let exact_mean = expect(&|x| x);
        let exact = noise.variance(sigma, multiplier);
        if exact == 0.0 {
            assert_eq!((mean, variance), (f64::from(layer.mu[i]) + exact_mean, 0.0));
            continue;
        }
        let samples = f64::from(SAMPLES);
        let fourth = expect(&|x| (x - exact_mean).powi(4));
        let error = ((fourth - exact * exact) / samples).sqrt();
        let off = (variance - exact) / error;
        assert!(off.abs() < 5.0, "weight {i}: variance {variance}, exact {exact}");
        let shift = mean - f64::from(layer.mu[i]) - exact_mean;
        assert!(shift.abs() < 5.0 * (exact / samples).sqrt(), "weight {i}: mean off by {shift}");
        total += off;
        errors += 1.0;
    }
    // All weights together reveal a bias that a single weight hides.
    assert!(errors > 200.0 && (total / errors).abs() < 4.0 / f64::sqrt(errors), "{total}");
}

/// The standard deviation of a bias is sigma * NOISE_STD * 2^-15 steps.
#[test]
fn bias_sigma_is_in_units_of_the_noise() {
    let sigma: Vec<i32> = (1..=64).map(|i| i << 20).collect();
    let mut layer = layer();
    layer.out_channels = sigma.len();
    layer.bias = Some(Bias { mu: vec![1000; sigma.len()], sigma: Some(sigma.clone()) });
    let found = moments((0..SAMPLES).map(|sample| {
        let mut biases = vec![0; sigma.len()];
        layer.sample_biases(Draw { seed: 5, sample }, &mut biases);
        biases
    }));
    for (&(_, variance), &sigma) in found.iter().zip(&sigma) {
        let expected = f64::from(sigma) * NOISE_STD / 32_768.0;
        // A Gaussian's standard deviation has a standard error of 1 / sqrt(2 n): 0.7 %.
        assert!((variance.sqrt() / expected - 1.0).abs() < 0.035, "{variance} at {sigma}");
    }
}

#[test]
fn variances_never_fall_from_one_sigma_code_to_the_next() {
    let noise = NoiseDistribution::new();
    let multipliers = (0..600).chain((600..=i16::MAX).step_by(217));
    for multiplier in multipliers.chain([i16::MAX]) {
        let variances = noise.variances(multiplier);
        assert_eq!(variances[0], 0.0);
        assert!(variances.is_sorted(), "multiplier {multiplier}");
    }
}

#[test]
fn large_codes_have_the_variance_of_the_real_number() {
    let noise = NoiseDistribution::new();
    for (sigma, multiplier) in [(255, 130), (200, 1000), (255, i16::MAX)] {
        let real = NOISE_STD * f64::from(sigma) * f64::from(multiplier) / 32_768.0;
        // Rounding to whole steps adds about 1/12; only about, since the noise consists of integers
        // too.
        let expected = real * real + 1.0 / 12.0;
        let found = noise.variance(sigma, multiplier);
        assert!((found / expected - 1.0).abs() < 5e-3, "{found}, {expected}");
    }
}

#[test]
fn sigma_zero_or_multiplier_zero_is_exactly_the_mean() {
    for mu in i8::MIN..=i8::MAX {
        for noise in -126..=126 {
            assert_eq!(sample_weight(mu, 0, i16::MAX, noise), mu);
            assert_eq!(sample_weight(mu, 255, 0, noise), mu);
        }
    }
    assert_eq!(sample_bias(i32::MAX, 0, 126), i32::MAX);
}

#[test]
fn weights_saturate_and_never_wrap() {
    for mu in [i8::MIN, -127, -1, 0, 1, 126, i8::MAX] {
        for sigma in 0..=255u8 {
            for multiplier in [1, 130, 1024, 16_384, i16::MAX] {
                for noise in -126..=126i8 {
                    let product = i64::from(noise) * i64::from(sigma) * i64::from(multiplier);
                    let spread = (product + (1 << 14)).div_euclid(1 << 15);
                    let expected = (i64::from(mu) + spread).clamp(-128, 127);
                    let found = sample_weight(mu, sigma, multiplier, noise);
                    assert_eq!(i64::from(found), expected, "{mu} {sigma} {multiplier} {noise}");
                }
            }
        }
    }
}
