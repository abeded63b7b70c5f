//! Entropy coding: packs codes into about the space that their frequencies allow, and unpacks them.
//! The range variant of asymmetric numeral systems (Duda, 2013, <https://arxiv.org/abs/1311.2540>),
//! with one table for all codes.
//!
//! Packed codes consist of the smallest and the largest code (i8), a weight (u8) for each code from
//! the one to the other, the decoder's initial states (u64), then the words (u32) that the decoder
//! takes, in its order; all little-endian.

use alloc::{vec, vec::Vec};
use core::array;

/// The weight of the most frequent code. The weights of 256 codes add up to less than `TOTAL`.
const HEAVIEST: u8 = 255;
/// Binary logarithm of the sum of all frequencies.
const PRECISION: u32 = 16;
const TOTAL: u64 = 1 << PRECISION;
/// The smallest state between two codes. The encoder starts with it, so the decoder ends with it.
const LEAST: u64 = 1 << 31;

/// Returns the codes as numbers from -128 to 127, so that small ones of both signs are neighbours.
fn signed(codes: &[u8]) -> impl DoubleEndedIterator<Item = i8> + ExactSizeIterator {
    codes.iter().map(|&code| code as i8)
}

/// Number of states that take turns, so that a processor works on several codes at once.
const STATES: usize = 2;

/// Packs `codes`. Returns `None` if there are none.
pub(super) fn pack(codes: &[u8]) -> Option<Vec<u8>> {
    let (low, high) = (signed(codes).min()?, signed(codes).max()?);
    let weights = weights(codes, low, high);
    let ranges = ranges(&weights)?;
    let (mut states, mut taken) = ([LEAST; STATES], Vec::new());
    for (n, code) in signed(codes).enumerate().rev() {
        let state = &mut states[n % STATES];
        let CodingRange { start, frequency } = ranges[usize::from(code.abs_diff(low))];
        // Otherwise the next state would have more than 63 bits.
        if *state >> (63 - PRECISION) >= frequency {
            taken.push(*state as u32);
            *state >>= 32;
        }
        *state = ((*state / frequency) << PRECISION) + *state % frequency + start;
    }
    let bounds = [low as u8, high as u8];
    let head =
        bounds.into_iter().chain(weights).chain(states.into_iter().flat_map(u64::to_le_bytes));
    Some(head.chain(taken.into_iter().rev().flat_map(u32::to_le_bytes)).collect())
}

/// Unpacks `length` codes that [`pack`] packed. Returns `None` if `packed` is damaged or has
/// another number of codes.
pub(super) fn unpack(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let ([low, high], rest) = packed.split_first_chunk()?;
    let (low, high) = (*low as i8, *high as i8);
    let (weights, rest) = rest.split_at_checked(usize::from(high.abs_diff(low)) + 1)?;
    let (states, taken) = rest.split_first_chunk::<{ 8 * STATES }>()?;
    let ranges = ranges(weights)?;
    let mut symbols = vec![0; TOTAL as usize];
    for (symbol, &CodingRange { start, frequency }) in (0..=u8::MAX).zip(&ranges) {
        symbols[start as usize..][..frequency as usize].fill(symbol);
    }
    let (taken, []) = taken.as_chunks() else { return None };
    let mut taken = taken.iter();
    let mut states: [u64; STATES] =
        array::from_fn(|n| u64::from_le_bytes(array::from_fn(|byte| states[8 * n + byte])));
    if low > high || states.iter().any(|state| state >> 63 != 0) {
        return None;
    }
    let mut codes = Vec::with_capacity(length);
    for n in 0..length {
        let state = &mut states[n % STATES];
        let slot = *state % TOTAL;
        let symbol = symbols[slot as usize];
        let CodingRange { start, frequency } = ranges[usize::from(symbol)];
        // Never more bits than before, since the frequency is at most TOTAL.
        *state = frequency * (*state >> PRECISION) + slot - start;
        if *state < LEAST {
            *state = *state << 32 | u64::from(u32::from_le_bytes(*taken.next()?));
        }
        codes.push(symbol.wrapping_add_signed(low));
    }
    (states == [LEAST; STATES] && taken.next().is_none()).then_some(codes)
}

/// Computes the frequency of each code from `low` to `high`, relative to the most frequent one; at
/// least 1 for each code that occurs.
fn weights(codes: &[u8], low: i8, high: i8) -> Vec<u8> {
    let mut counts = vec![0u64; usize::from(high.abs_diff(low)) + 1];
    signed(codes).for_each(|code| counts[usize::from(code.abs_diff(low))] += 1);
    let most = counts.iter().max().map_or(1, |&most| most);
    let weight = |count: u64| (count * u64::from(HEAVIEST) + most / 2) / most;
    counts.iter().map(|&count| (weight(count) as u8).max(u8::from(count > 0))).collect()
}

/// The range of the `TOTAL` slots that stands for a code.
struct CodingRange {
    start: u64,
    frequency: u64,
}

/// Splits `TOTAL` in proportion to `weights`, of which there are at most 256. Returns `None` if all
/// are zero.
fn ranges(weights: &[u8]) -> Option<Vec<CodingRange>> {
    let sum: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
    let mut weight = 0;
    let range = |&next: &u8| {
        let start = weight * TOTAL / sum;
        weight += u64::from(next);
        // At least 1 for each nonzero weight, since TOTAL is more than the sum.
        CodingRange { start, frequency: weight * TOTAL / sum - start }
    };
    (sum > 0).then(|| weights.iter().map(range).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_come_back(codes in proptest::collection::vec(0u8.., 1..3000), spread in 0u8..) {
            for mask in [255, spread] {
                let codes: Vec<u8> = codes.iter().map(|code| code & mask).collect();
                prop_assert_eq!(unpack(&pack(&codes).unwrap(), codes.len()), Some(codes));
            }
        }

        #[test]
        fn damage_never_panics(at in 0usize..600, by in 1u8..) {
            let codes: Vec<u8> = (0..400).map(|n| (n % 7) as u8).collect();
            let mut packed = pack(&codes).unwrap();
            let at = at % packed.len();
            packed[at] ^= by;
            prop_assert_ne!(unpack(&packed, codes.len()), Some(codes));
        }
    }

    #[test]
    fn another_length_is_refused() {
        let codes: Vec<u8> = (0..400).map(|n| ((n * n % 5) as u8).wrapping_sub(2)).collect();
        let packed = pack(&codes).unwrap();
        for length in [0, 1, 399, 401, 100_000] {
            assert_eq!(unpack(&packed, length), None, "{length}");
        }
        for shorter in 0..packed.len() {
            assert_eq!(unpack(&packed[..shorter], 400), None, "{shorter}");
        }
        assert_eq!(pack(&[]), None);
    }

    #[test]
    fn a_single_repeated_code_takes_no_space() {
        let codes = vec![249; 100_000];
        let packed = pack(&codes).unwrap();
        assert_eq!(packed.len(), 2 + 1 + 8 * STATES);
        assert_eq!(unpack(&packed, codes.len()), Some(codes));
    }

    #[test]
    fn packed_size_is_close_to_the_entropy() {
        // Four equally frequent codes, two bits each, and a rare one.
        let mut codes: Vec<u8> = (0..40_000).map(|n| (n % 4) as u8).collect();
        codes[77] = 100;
        let packed = pack(&codes).unwrap();
        assert!(packed.len() < 10_000 + 101 + 18 + 80, "{}", packed.len());
        assert_eq!(unpack(&packed, codes.len()), Some(codes));
    }
}
