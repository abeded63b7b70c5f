//! What is compared: small models that show one thing each, random networks, the shipped models.

mod geometry;
mod group;
mod networks;
mod noise;
mod operations;
mod readout;
mod sampler;
mod shipped;
mod weights;

use crate::vectors::VectorFile;
use std::path::Path;

/// Seeds: 0, small ones, one with bits in both halves, the largest.
const SEEDS: [u64; 5] = [0, 1, 7, 0x0123_4567_89ab_cdef, u64::MAX];

/// First sample and the one after the last: from the beginning, later ones, the very last.
const SAMPLES: [[u32; 2]; 3] =
    [[0, 4], [5, 9], [bayes8_core::sampler::MAX_SAMPLES - 3, bayes8_core::sampler::MAX_SAMPLES]];

/// All files, as the reference back end fills them in. `root` is that of the repository.
///
/// # Errors
/// A shipped model or picture that cannot be read.
pub fn files(root: &Path) -> Result<Vec<VectorFile>, String> {
    Ok(vec![
        sampler::file(),
        noise::file(),
        weights::file(),
        operations::file(),
        geometry::file(),
        networks::file(),
        shipped::file(root)?,
    ])
}
