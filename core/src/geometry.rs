//! Extents, windows and ranges: the geometry of a graph's values.

mod axis;
mod shape;
mod window;

pub use axis::{AxisPadding, Range};
pub use shape::{MAX_ELEMENTS, Shape, ShapeError};
pub use window::{Depth, Padding, Window, WindowAxis};
