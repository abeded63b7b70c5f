//! Maps of classes, as segmentations have: their figures, and pictures of them.

pub mod colours;
mod figures;
mod measure;
pub mod picture;
mod sums;

pub(crate) use figures::Agreement;
pub use figures::{ClassOverlap, ErrorDetection, MapFigures};
pub(crate) use measure::{Known, each_map, measure};
