//! What the axes of an ONNX value are.

use std::{fmt, str::FromStr};

use bayes8_core::graph::Shape;
use thiserror::Error;

/// An axis of a value, in the graph's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Channel,
    Plane,
    Row,
    Column,
}

impl Axis {
    /// Its place among planes, rows and columns.
    pub(crate) fn spatial(self) -> Option<usize> {
        match self {
            Self::Channel => None,
            Self::Plane => Some(0),
            Self::Row => Some(1),
            Self::Column => Some(2),
        }
    }
}

/// What the axes of an ONNX value are, and their order.
///
/// Its text is a letter for each axis: n the batch, c channels, d planes, h rows, w columns, l the
/// positions of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `nc`: `[n, features]`.
    Vector,
    /// `ncl`: a sequence, as PyTorch has it.
    Sequence,
    /// `nlc`: a sequence, as Keras has it.
    SequenceLast,
    /// `nchw`: a picture, as PyTorch has it.
    Picture,
    /// `nhwc`: a picture, as Keras has it. The graph has all values in this order, so that a
    /// transposition costs nothing.
    ChannelsLast,
    /// `nhw`: a picture of one channel, whose axis is left out.
    Gray,
    /// `ncdhw`: a volume, as PyTorch has it.
    Volume,
    /// `ndhwc`: a volume, as Keras has it.
    VolumeLast,
}

/// A text that names no [`Form`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not one of {}", Form::ALL.map(Form::name).join(", "))]
pub struct UnknownForm;

impl Form {
    /// All of them. Where two describe the same extents, operators that know channels want the first.
    pub const ALL: [Self; 8] = [
        Self::Vector,
        Self::Sequence,
        Self::SequenceLast,
        Self::Gray,
        Self::Picture,
        Self::ChannelsLast,
        Self::Volume,
        Self::VolumeLast,
    ];

    /// Its axes' letters, such as `nchw`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vector => "nc",
            Self::Sequence => "ncl",
            Self::SequenceLast => "nlc",
            Self::Picture => "nchw",
            Self::ChannelsLast => "nhwc",
            Self::Gray => "nhw",
            Self::Volume => "ncdhw",
            Self::VolumeLast => "ndhwc",
        }
    }

    /// The same as errors show it: `[n, C, H, W]`.
    pub(crate) fn pattern(self) -> String {
        let axes: Vec<String> = self.name()[1..].to_uppercase().chars().map(String::from).collect();
        format!("[n, {}]", axes.join(", "))
    }

    /// What ONNX's axes after the batch are.
    pub(crate) const fn axes(self) -> &'static [Axis] {
        use Axis::{Channel, Column, Plane, Row};
        match self {
            Self::Vector => &[Channel],
            Self::Sequence => &[Channel, Column],
            Self::SequenceLast => &[Column, Channel],
            Self::Picture => &[Channel, Row, Column],
            Self::ChannelsLast => &[Row, Column, Channel],
            Self::Gray => &[Row, Column],
            Self::Volume => &[Channel, Plane, Row, Column],
            Self::VolumeLast => &[Plane, Row, Column, Channel],
        }
    }

    /// Number of ONNX's axes, the batch included.
    pub(crate) const fn rank(self) -> usize {
        self.axes().len() + 1
    }

    /// Whether the channels come after other axes.
    pub(crate) fn is_channels_last(self) -> bool {
        matches!(self, Self::SequenceLast | Self::ChannelsLast | Self::VolumeLast)
    }

    /// The form of these axes.
    pub(crate) fn of(axes: impl Iterator<Item = Axis> + Clone) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.axes().iter().copied().eq(axes.clone()))
    }

    /// Extents that a value of `shape` has in this form, batch first.
    pub(crate) fn dimensions(self, batch: usize, shape: Shape) -> Vec<usize> {
        let extent = |axis: &Axis| axis.spatial().map_or(shape.channels, |i| shape.axes()[i]);
        std::iter::once(batch).chain(self.axes().iter().map(extent)).collect()
    }

    /// The shape of a value of these `extents`, the batch left out.
    pub(crate) fn shape(self, extents: &[usize]) -> Shape {
        let mut shape = Shape::vector(1);
        for (axis, &extent) in self.axes().iter().zip(extents) {
            *match axis {
                Axis::Channel => &mut shape.channels,
                Axis::Plane => &mut shape.depth,
                Axis::Row => &mut shape.height,
                Axis::Column => &mut shape.width,
            } = extent;
        }
        shape
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Form {
    type Err = UnknownForm;

    fn from_str(name: &str) -> Result<Self, UnknownForm> {
        Self::ALL.into_iter().find(|form| form.name() == name).ok_or(UnknownForm)
    }
}
