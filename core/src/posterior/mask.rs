//! The masks of dropout, drawn from a key stream that no weight uses.
//!
//! Units are what a mask drops or keeps as a whole: elements or channels of a value, or all of it.
//! Unit `u` takes 16 random bits, laid out as those of weight `u` of a row are
//! ([`gaussian`](super::gaussian)), and is dropped if their number is below `probability`, in units
//! of 2^-16.

use super::gaussian::CHUNK;
use crate::chacha::{GROUP_BYTES, Group};

/// Units whose bits are in one group of the key stream.
pub const UNITS: usize = GROUP_BYTES / 2;

/// A mask for [`UNITS`] consecutive units: 255 where a unit is kept, 0 where it is dropped.
pub type Mask = [u8; UNITS];

/// Computes the mask of units `UNITS * n ..` from group `n` of the key stream.
#[inline(always)]
pub fn mask(group: &Group, probability: u16) -> Mask {
    let [low, high] = probability.to_le_bytes();
    let mut mask = [0; UNITS];
    let (lines, _) = group.as_chunks::<CHUNK>();
    // Bytes are compared as bytes, 64 at a time.
    for ([first, second], mask) in
        lines.as_chunks::<2>().0.iter().zip(mask.as_chunks_mut::<CHUNK>().0)
    {
        for i in 0..CHUNK {
            let is_dropped = (second[i] < high) | (second[i] == high) & (first[i] < low);
            mask[i] = if is_dropped { 0 } else { u8::MAX };
        }
    }
    mask
}
