//! The vectors: small models that each show one thing, random networks, the shipped models.

mod chosen_draws;
mod draft;
mod geometry;
mod heads;
mod maps;
mod networks;
mod noise;
mod normalizations;
mod operations;
mod randomness;
mod readout;
mod sampler;
mod shipped;
mod weights;

use crate::vectors::VectorFile;
use std::path::Path;

/// All files, with the results of the reference back end. `root` is the root of the repository.
///
/// # Errors
/// A shipped model or picture that cannot be read.
pub fn files(root: &Path) -> Result<Vec<VectorFile>, String> {
    Ok(vec![
        sampler::file(),
        noise::file(),
        weights::file(),
        operations::file(),
        operations::maxima(),
        randomness::members(),
        randomness::dropout(),
        chosen_draws::file(),
        geometry::file(),
        heads::heads(),
        heads::inputs(),
        heads::conformal(),
        maps::file(),
        normalizations::file(),
        networks::file(),
        shipped::file(root)?,
    ])
}
