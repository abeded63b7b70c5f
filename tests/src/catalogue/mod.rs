//! What is compared: small models that show one thing each, random networks, the shipped models.

mod draft;
mod geometry;
mod networks;
mod noise;
mod operations;
mod readout;
mod sampler;
mod shipped;
mod weights;

use crate::vectors::VectorFile;
use std::path::Path;

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
        operations::maxima(),
        geometry::file(),
        networks::file(),
        shipped::file(root)?,
    ])
}
