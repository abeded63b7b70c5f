//! The meaning and order of the axes of an ONNX value.

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
    /// Its index among planes, rows and columns.
    pub(crate) fn spatial(self) -> Option<usize> {
        match self {
            Self::Channel => None,
            Self::Plane => Some(0),
            Self::Row => Some(1),
            Self::Column => Some(2),
        }
    }
}

/// The meaning and order of the axes of an ONNX value.
///
/// Its text has a letter per axis: n the batch, c channels, d planes, h rows, w columns, l the
/// positions of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// `nc`: `[n, features]`.
    Vector,
    /// `ncl`: a sequence, in PyTorch's order.
    Sequence,
    /// `nlc`: a sequence, in Keras's order.
    SequenceLast,
    /// `nchw`: a picture, in PyTorch's order.
    Picture,
    /// `nhwc`: a picture, in Keras's order. The graph keeps all values in this order, so a
    /// transposition costs nothing.
    ChannelsLast,
    /// `nhw`: a picture of one channel, whose axis is left out.
    Gray,
    /// `ncdhw`: a volume, in PyTorch's order.
    Volume,
    /// `ndhwc`: a volume, in Keras's order.
    VolumeLast,
}

/// The error of a text that does not name a [`Form`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not one of {}", Form::ALL.map(Form::name).join(", "))]
pub struct UnknownForm;

impl Form {
    /// All forms. If two describe the same extents, operators that know channels need the first.
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

    /// The letters of its axes, such as `nchw`.
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

    /// Its axes as errors show them: `[n, C, H, W]`.
    pub(crate) fn pattern(self) -> String {
        let axes: Vec<String> = self.name()[1..].to_uppercase().chars().map(String::from).collect();
        format!("[n, {}]", axes.join(", "))
    }

    /// The meaning of ONNX's axes after the batch.
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
