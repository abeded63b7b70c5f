//! Extents, windows and ranges: what a graph knows of the sizes of its values.

mod axis;
mod shape;
mod window;

pub use axis::{AxisPadding, Range};
pub use shape::{MAX_ELEMENTS, Shape, ShapeError};
pub use window::{Depth, Padding, Window, WindowAxis};
