//! The masks of dropout, drawn from a key stream that no weight uses.
//!
//! Units are what a mask drops or keeps as a whole: elements or channels of a value, or all of it.
//! Unit `u` takes 16 random bits, laid out as those of weight `u` of a row are
//! ([`gaussian`](super::gaussian)), and is dropped if their number is below `probability`, in units
//! of 2^-16.

use super::gaussian::CHUNK;
use crate::chacha::{ChaCha8, GROUP_BYTES};

/// Units whose bits are in one group of the key stream.
pub const UNITS: usize = GROUP_BYTES / 2;

/// A mask for [`UNITS`] consecutive units: 255 where a unit is kept, 0 where it is dropped.
pub type Mask = [u8; UNITS];

/// Draws the masks of units `UNITS * group ..` of a stream.
#[inline(always)]
pub fn mask(stream: ChaCha8, group: u64, probability: u16) -> Mask {
    let [low, high] = probability.to_le_bytes();
    let words = stream.group(group);
    let mut mask = [0; UNITS];
    // A chunk is two words of every block. Bytes are compared as bytes, 64 at a time.
    let (chunks, _) = words.as_chunks::<2>();
    for ([first, second], mask) in chunks.iter().zip(mask.as_chunks_mut::<CHUNK>().0) {
        let (first, second) = (first.map(u32::to_le_bytes), second.map(u32::to_le_bytes));
        let (first, second) = (first.as_flattened(), second.as_flattened());
        for i in 0..CHUNK {
            let is_dropped = (second[i] < high) | (second[i] == high) & (first[i] < low);
            mask[i] = if is_dropped { 0 } else { u8::MAX };
        }
    }
    mask
}
