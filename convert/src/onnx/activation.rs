//! What an ONNX activation is in terms of the graph under construction.

use bayes8_core::graph::{Padding, Range, Shape, Value};

use super::{ImportError, constant::Strided, node::OnnxNode};

/// ONNX shape of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `[n, C, H, W]`.
    Picture,
    /// `[n, features]`.
    Vector,
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
        let Shape { height, width, channels } = self.shape;
        match self.form {
            Form::Picture => vec![batch, channels, height, width],
            Form::Vector => vec![batch, channels],
        }
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

    pub(super) fn require_form(&self, form: Form, node: &OnnxNode<'_>) -> Result<(), ImportError> {
        if self.form == form {
            return Ok(());
        }
        Err(node.refuse(match form {
            Form::Picture => "its input must be [n, C, H, W]",
            Form::Vector => "its input must be [n, features]",
        }))
    }
}
