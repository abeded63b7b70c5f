//! Stores sigma codes as residuals: the differences from what the mean codes predict. Where the
//! spread of the weights follows their size, as in MOPED posteriors, residuals compress far better.
//!
//! The coding is lossless.

use super::rans;
use alloc::vec::Vec;

/// The prediction of one channel's sigma codes from its mean codes: `base + slope * |mean|`, with
/// the base in units of 2^-4 and the slope in units of 2^-8.
pub(super) type Line = [i16; 2];

const BASE: u32 = 4;
const SLOPE: u32 = 8;

/// Returns the sigma code that `line` predicts for the mean code `mu`.
fn expected([base, slope]: Line, mu: i8) -> u8 {
    let (base, slope) = (i32::from(base) << (SLOPE - BASE), i32::from(slope));
    let code = (base + slope * i32::from(mu.unsigned_abs()) + (1 << (SLOPE - 1))) >> SLOPE;
    code.clamp(0, 255) as u8
}

/// Fits a line by least squares to each channel of `mu` and `sigma`, `[channels][taps]`.
fn fit(mu: &[i8], sigma: &[u8], channels: usize) -> Vec<Line> {
    let taps = mu.len() / channels;
    mu.chunks(taps).zip(sigma.chunks(taps)).map(|(mu, sigma)| fit_channel(mu, sigma)).collect()
}

/// Fits the line of one channel, in integers, so that every machine writes the same file.
fn fit_channel(mu: &[i8], sigma: &[u8]) -> Line {
    // At most 2^26 weights: sums fit 41 bits, their products 83.
    let n = mu.len() as i128;
    let (mut x, mut y, mut xx, mut xy) = (0i128, 0i128, 0i128, 0i128);
    for (&mu, &sigma) in mu.iter().zip(sigma) {
        let (a, b) = (i128::from(mu.unsigned_abs()), i128::from(sigma));
        (x, y, xx, xy) = (x + a, y + b, xx + a * a, xy + a * b);
    }
    let spread = n * xx - x * x;
    let slope = match spread {
        0 => 0,
        _ => rounded((n * xy - x * y) << SLOPE, spread),
    };
    // Steeper slopes are rare, and the line is a guess in any case.
    let bounded = |number: i128| number.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    let slope = bounded(slope);
    let base = rounded((y << SLOPE) - i128::from(slope) * x, n << (SLOPE - BASE));
    [bounded(base), slope]
}

/// Returns the integer nearest to `numerator / denominator`. The denominator must be positive.
fn rounded(numerator: i128, denominator: i128) -> i128 {
    (numerator + denominator / 2).div_euclid(denominator)
}

/// Weights of the smallest layer for which residuals are worthwhile.
const SMALLEST: usize = 2048;

/// Returns the lines and the packed residuals of `sigma`, if the means predict enough of it to save
/// space clearly.
pub(super) fn pack(mu: &[i8], sigma: &[u8], channels: usize) -> Option<(Vec<Line>, Vec<u8>)> {
    if sigma.len() < SMALLEST {
        return None;
    }
    let lines = fit(mu, sigma, channels);
    let packed = rans::pack(&without(&lines, mu, sigma))?;
    let room = packed.len() + size_of::<Line>() * channels;
    // Otherwise the time to unpack is not worth it.
    let saves = room <= sigma.len() / 8 * 7;
    (saves && room < rans::pack(sigma)?.len()).then_some((lines, packed))
}

/// Unpacks the sigma codes that [`pack`] packed. Returns `None` unless `packed` holds one residual
/// per entry of `mu`.
pub(super) fn unpack(lines: &[Line], mu: &[i8], packed: &[u8]) -> Option<Vec<u8>> {
    let mut codes = rans::unpack(packed, mu.len())?;
    each(lines, mu, &mut codes, u8::wrapping_add);
    Some(codes)
}

/// Returns `sigma` minus the predictions of its lines, modulo 256.
fn without(lines: &[Line], mu: &[i8], sigma: &[u8]) -> Vec<u8> {
    let mut codes = sigma.to_vec();
    each(lines, mu, &mut codes, u8::wrapping_sub);
    codes
}

fn each(lines: &[Line], mu: &[i8], codes: &mut [u8], change: impl Fn(u8, u8) -> u8) {
    let taps = (mu.len() / lines.len().max(1)).max(1);
    for ((line, mu), codes) in lines.iter().zip(mu.chunks(taps)).zip(codes.chunks_mut(taps)) {
        for (code, &mu) in codes.iter_mut().zip(mu) {
            *code = change(*code, expected(*line, mu));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_come_back(noise: [u8; 32], slope in 0.5f32..1.9) {
            let mu: Vec<i8> = (0..4096).map(|n| n as i8).collect();
            let sigma = mu.iter().zip(noise.repeat(128));
            let sigma = sigma.map(|(mu, noise)| (slope * f32::from(mu.unsigned_abs())) as u8 + noise % 5);
            let sigma: Vec<u8> = sigma.collect();
            let (lines, packed) = pack(&mu, &sigma, 4).unwrap();
            prop_assert_eq!(unpack(&lines, &mu, &packed), Some(sigma));
        }

        #[test]
        fn any_line_is_reversible(mu: [i8; 24], sigma: [u8; 24], lines: [Line; 4]) {
            let packed = rans::pack(&without(&lines, &mu, &sigma)).unwrap();
            prop_assert_eq!(unpack(&lines, &mu, &packed), Some(sigma.to_vec()));
        }
    }

    #[test]
    fn a_fixed_share_of_the_mean_leaves_nothing() {
        let mu: Vec<i8> = (0..2048).map(|n| (n % 255 - 127) as i8).collect();
        let sigma: Vec<u8> = mu.iter().map(|mu| 2 * mu.unsigned_abs()).collect();
        let (lines, packed) = pack(&mu, &sigma, 1).unwrap();
        assert_eq!(lines, [[0, 2 << SLOPE]]);
        assert_eq!(rans::unpack(&packed, 2048), Some(vec![0; 2048]));
    }

    #[test]
    fn unpredictable_codes_are_not_packed() {
        let sigma: Vec<u8> =
            (0..40_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(pack(&vec![1; 40_000], &sigma, 4), None);
        // These compress just as well without lines.
        assert_eq!(pack(&vec![1; 40_000], &[9; 40_000], 4), None);
    }

    #[test]
    fn a_channel_of_equal_means_is_a_level_line() {
        assert_eq!(fit(&[3; 4], &[7, 7, 9, 9], 1), vec![[8 << BASE, 0]]);
    }
}
