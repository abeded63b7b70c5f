//! Sigma codes as what is left of them when the mean's code has said its part: of a posterior whose
//! spread follows the size of its weights, as MOPED's does, that compresses far better.
//!
//! Nothing is lost: the codes come back exactly.

use alloc::vec::Vec;

/// How sigma codes of one channel follow from mean codes: `base + slope * |mean|`, the base in units of
/// 2^-7, the slope in units of 2^-12.
pub(super) type Line = [i16; 2];

const BASE: u32 = 7;
const SLOPE: u32 = 12;

/// The code that `line` expects beside the mean code `mu`.
fn expected([base, slope]: Line, mu: i8) -> u8 {
    let (base, slope) = (i32::from(base) << (SLOPE - BASE), i32::from(slope));
    let code = (base + slope * i32::from(mu.unsigned_abs()) + (1 << (SLOPE - 1))) >> SLOPE;
    code.clamp(0, 255) as u8
}

/// The line with the least squared error for each channel of `mu` and `sigma`, `[channels][taps]`.
pub(super) fn fit(mu: &[i8], sigma: &[u8], channels: usize) -> Vec<Line> {
    let taps = mu.len() / channels;
    mu.chunks(taps).zip(sigma.chunks(taps)).map(|(mu, sigma)| fit_channel(mu, sigma)).collect()
}

/// In integers, so that every machine writes the same file.
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
        _ => ((n * xy - x * y) << SLOPE) / spread,
    };
    // A steeper slope serves few weights, and the line is a guess in any case.
    let bounded = |number: i128| number.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    let slope = bounded(slope);
    let base = ((y << SLOPE) - i128::from(slope) * x) / (n << (SLOPE - BASE));
    [bounded(base), slope]
}

/// What remains of `sigma` when its lines are taken off, modulo 256.
pub(super) fn take_off(lines: &[Line], mu: &[i8], sigma: &mut [u8]) {
    each(lines, mu, sigma, u8::wrapping_sub);
}

/// The reverse of [`take_off`].
pub(super) fn put_back(lines: &[Line], mu: &[i8], residual: &mut [u8]) {
    each(lines, mu, residual, u8::wrapping_add);
}

fn each(lines: &[Line], mu: &[i8], codes: &mut [u8], change: fn(u8, u8) -> u8) {
    let taps = (mu.len() / lines.len()).max(1);
    for ((line, mu), codes) in lines.iter().zip(mu.chunks(taps)).zip(codes.chunks_mut(taps)) {
        for (code, &mu) in codes.iter_mut().zip(mu) {
            *code = change(*code, expected(*line, mu));
        }
    }
}

/// Weights of the smallest layer whose lines are worth their bytes.
const SMALLEST: usize = 2048;

/// Whether `residual` compresses clearly better than `sigma`: where two codes, drawn at random, are equal
/// half as often again.
pub(super) fn pays(sigma: &[u8], residual: &[u8]) -> bool {
    sigma.len() >= SMALLEST && 2 * coincidences(residual) > 3 * coincidences(sigma)
}

fn coincidences(codes: &[u8]) -> u128 {
    let mut counts = [0u128; 256];
    codes.iter().for_each(|&code| counts[usize::from(code)] += 1);
    counts.iter().map(|count| count * count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_come_back(mu: [i8; 24], sigma: [u8; 24], lines: [Line; 4]) {
            for lines in [fit(&mu, &sigma, 4), lines.to_vec()] {
                let mut codes = sigma;
                take_off(&lines, &mu, &mut codes);
                put_back(&lines, &mu, &mut codes);
                prop_assert_eq!(codes, sigma);
            }
        }
    }

    #[test]
    fn a_share_of_the_mean_leaves_nothing() {
        let mu: Vec<i8> = (0..2048).map(|n| (n % 255 - 127) as i8).collect();
        let mut sigma: Vec<u8> = mu.iter().map(|mu| 2 * mu.unsigned_abs()).collect();
        let (before, lines) = (sigma.clone(), fit(&mu, &sigma, 1));
        assert_eq!(lines, [[0, 2 << SLOPE]]);
        take_off(&lines, &mu, &mut sigma);
        assert!(sigma.iter().all(|&residual| residual == 0));
        assert!(pays(&before, &sigma) && !pays(&before, &before));
    }

    #[test]
    fn a_channel_of_equal_means_is_a_level_line() {
        assert_eq!(fit(&[3; 4], &[7, 7, 9, 9], 1), vec![[8 << BASE, 0]]);
    }
}
