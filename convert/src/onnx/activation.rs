//! What an ONNX activation is in terms of the graph under construction.

use bayes8_core::graph::{Padding, Range, Shape, Value};

use super::{ImportError, constant::Strided, node::OnnxNode};
use crate::function::Function;

/// An axis of a value, in the graph's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Channel,
    Row,
    Column,
}

/// ONNX shape of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `[n, C, H, W]`.
    Picture,
    /// `[n, H, W, C]`, as TensorFlow's exporter leaves values between its transpositions. The graph
    /// has all values in this order, so that a transposition costs nothing.
    ChannelsLast,
    /// `[n, features]`.
    Vector,
}

impl Form {
    /// What ONNX's axes behind the batch are.
    pub(super) fn axes(self) -> &'static [Axis] {
        match self {
            Self::Picture => &[Axis::Channel, Axis::Row, Axis::Column],
            Self::ChannelsLast => &[Axis::Row, Axis::Column, Axis::Channel],
            Self::Vector => &[Axis::Channel],
        }
    }

    /// Extents that a value of `shape` has in this form, batch first.
    pub(super) fn dimensions(self, batch: usize, shape: Shape) -> Vec<usize> {
        let extent = |axis: &Axis| match axis {
            Axis::Channel => shape.channels,
            Axis::Row => shape.height,
            Axis::Column => shape.width,
        };
        std::iter::once(batch).chain(self.axes().iter().map(extent)).collect()
    }
}

/// Work that waits for the node that can take it up.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pending {
    Nothing,
    /// A part of the rows and columns, taken by the named ONNX node.
    Slice {
        node: String,
        rows: Range,
        columns: Range,
    },
    /// A border of zeros, made by the named ONNX node.
    Border {
        node: String,
        padding: Padding,
    },
    /// A function of each element, made by the named ONNX node.
    Function {
        node: String,
        function: Function,
    },
}

/// A value of the graph as ONNX sees it.
#[derive(Clone, Debug)]
pub(super) struct Activation {
    pub(super) value: Value,
    pub(super) form: Form,
    /// Shape in ONNX's eyes, pending work included.
    pub(super) shape: Shape,
    pub(super) pending: Pending,
    /// A flattened picture: ONNX counts its features in (c, h, w) order of this shape, the graph
    /// in (h, w, c) order.
    pub(super) flattened: Option<Shape>,
    /// A final Softmax or LogSoftmax was dropped; nothing may be computed from it.
    pub(super) softmax: bool,
}

impl Activation {
    pub(super) fn new(value: Value, form: Form, shape: Shape) -> Self {
        Self { value, form, shape, pending: Pending::Nothing, flattened: None, softmax: false }
    }

    /// ONNX's dimensions, batch first.
    pub(super) fn dimensions(&self, batch: usize) -> Vec<usize> {
        self.form.dimensions(batch, self.shape)
    }

    /// The axis of ONNX's axis `axis`; `None` for the batch.
    pub(super) fn axis(&self, axis: usize) -> Option<Axis> {
        axis.checked_sub(1).map(|behind_batch| self.form.axes()[behind_batch])
    }

    /// Whether ONNX sees both values' axes and features in the same order.
    pub(super) fn is_laid_out_like(&self, other: &Self) -> bool {
        self.form == other.form && self.flattened == other.flattened
    }

    /// The function that is pending; x itself where none is.
    pub(super) fn function(&self) -> Function {
        match &self.pending {
            Pending::Function { function, .. } => function.clone(),
            _ => Function::argument(),
        }
    }

    /// The same value with another function pending, by the named node.
    pub(super) fn with_function(self, node: &str, function: Function) -> Self {
        Self { pending: Pending::Function { node: node.into(), function }, ..self }
    }

    /// How ONNX's channels or features are read in the graph's order.
    pub(super) fn feature_order(&self) -> Strided {
        match self.flattened {
            Some(Shape { height, width, channels }) => Strided {
                shape: vec![height, width, channels],
                strides: vec![width as isize, 1, (height * width) as isize],
                offset: 0,
            },
            None => Strided { shape: vec![self.shape.channels], strides: vec![1], offset: 0 },
        }
    }

    /// One number per channel or feature, from ONNX's order to the graph's.
    pub(super) fn reorder(&self, per_channel: &[f32]) -> Vec<f32> {
        self.feature_order().gather(per_channel)
    }

    /// Whether nothing is pending.
    pub(super) fn is_plain(&self) -> bool {
        self.pending == Pending::Nothing
    }

    /// Succeeds for pictures in either order.
    pub(super) fn require_picture(&self, node: &OnnxNode<'_>) -> Result<(), ImportError> {
        match self.form {
            Form::Picture | Form::ChannelsLast => Ok(()),
            Form::Vector => Err(node.refuse("its input must be [n, C, H, W] or [n, H, W, C]")),
        }
    }

    pub(super) fn require_form(&self, form: Form, node: &OnnxNode<'_>) -> Result<(), ImportError> {
        if self.form == form {
            return Ok(());
        }
        Err(node.refuse(match form {
            Form::Picture => "its input must be [n, C, H, W]",
            Form::ChannelsLast => "its input must be [n, H, W, C]",
            Form::Vector => "its input must be [n, features]",
        }))
    }
}
