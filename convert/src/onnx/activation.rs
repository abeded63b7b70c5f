//! An ONNX activation in terms of the graph under construction.

use bayes8_core::graph::{Padding, Range, Shape, Value};

use super::{
    constant::Strided,
    node::{OnnxNode, Special},
    view::View,
};
use crate::{error::ImportError, function::Function};

pub(super) use crate::form::{Axis, Form};

/// Work that is pending until a node can take it up.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pending {
    Nothing,
    /// A part of the planes, rows and columns, taken by the named ONNX node.
    Slice {
        node: String,
        ranges: [Range; 3],
    },
    /// A border of zeros, made by the named ONNX node.
    Border {
        node: String,
        padding: Padding,
    },
    /// Some channels of the value in some order, taken by the named ONNX node: ONNX's channel i is
    /// the graph's channel `order[i]`.
    Channels {
        node: String,
        order: Vec<usize>,
    },
    /// A function of each element, made by the named ONNX node.
    Function {
        node: String,
        function: Function,
    },
}

/// A value of the graph, as ONNX sees it.
#[derive(Clone, Debug)]
pub(super) struct Activation {
    pub(super) value: Value,
    pub(super) form: Form,
    /// Shape that ONNX sees, pending work included.
    pub(super) shape: Shape,
    pub(super) pending: Pending,
    /// A flattened picture: ONNX counts its features in (c, d, h, w) order of this shape, the graph
    /// in (d, h, w, c) order.
    pub(super) flattened: Option<Shape>,
    /// The axes that ONNX sees, if they are not those of the form.
    pub(super) view: Option<View>,
    /// Whether it holds the bytes of a `uint8` input: only a Cast turns them into numbers to
    /// compute with.
    pub(super) bytes: bool,
    /// A final Softmax or LogSoftmax was dropped; nothing may be computed from it.
    pub(super) softmax: bool,
    /// Whether it was the logarithm of a Softmax that was dropped.
    pub(super) logarithm: bool,
    /// Whether an ArgMax was dropped, perhaps after a Softmax. The shape is the one before it.
    pub(super) indices: bool,
}

impl Activation {
    pub(super) fn new(value: Value, form: Form, shape: Shape) -> Self {
        Self {
            value,
            form,
            shape,
            pending: Pending::Nothing,
            flattened: None,
            view: None,
            bytes: false,
            softmax: false,
            logarithm: false,
            indices: false,
        }
    }

    /// The special property that a reader of a dropped Softmax or ArgMax must understand.
    pub(super) fn probabilities(&self) -> Special {
        match (self.indices, self.logarithm) {
            (true, _) => Special::Indices,
            (false, true) => Special::LogProbabilities,
            (false, false) => Special::Probabilities,
        }
    }

    /// ONNX's dimensions, batch first.
    pub(super) fn dimensions(&self, batch: usize) -> Vec<usize> {
        match &self.view {
            Some(view) => [&[batch], &view.extents()[..]].concat(),
            None => self.form.dimensions(batch, self.shape),
        }
    }

    /// The axes that ONNX sees after the batch.
    pub(super) fn viewed(&self) -> View {
        let extents = self.form.dimensions(1, self.shape).into_iter().skip(1);
        let whole = || View::of(self.form.axes().iter().copied().zip(extents));
        self.view.clone().unwrap_or_else(whole)
    }

    /// The meaning of ONNX's axis `axis`; `None` for the batch.
    pub(super) fn axis(&self, axis: usize) -> Option<Axis> {
        axis.checked_sub(1).map(|after_batch| self.form.axes()[after_batch])
    }

    /// Whether ONNX sees both values' axes and features in the same order.
    pub(super) fn is_laid_out_like(&self, other: &Self) -> bool {
        self.form == other.form && self.flattened == other.flattened
    }

    /// Whether both are functions of the same value, seen in the same way.
    pub(super) fn is_same_value(&self, other: &Self) -> bool {
        self.value == other.value && self.is_laid_out_like(other) && self.shape == other.shape
    }

    /// The pending function; x itself if none is pending.
    pub(super) fn function(&self) -> Function {
        match &self.pending {
            Pending::Function { function, .. } => function.clone(),
            _ => Function::argument(),
        }
    }

    /// Replaces the pending function by `function` of the named node; by nothing if factors cancel
    /// each other, up to the rounding of f32.
    pub(super) fn with_function(self, node: &str, function: Function) -> Self {
        if function.as_factor().is_some_and(|factor| (factor - 1.0).abs() < 1e-6) {
            return Self { pending: Pending::Nothing, ..self };
        }
        Self { pending: Pending::Function { node: node.into(), function }, ..self }
    }

    /// The layout that reads ONNX's channels or features in the graph's order.
    pub(super) fn feature_order(&self) -> Strided {
        match self.flattened {
            Some(shape) => {
                let Shape { depth, height, width, channels } = shape;
                let spatial = [height * width, width, 1, shape.spatial()];
                Strided {
                    shape: vec![depth, height, width, channels],
                    strides: spatial.map(|stride| stride as isize).to_vec(),
                    offset: 0,
                }
            }
            None => Strided { shape: vec![self.shape.channels], strides: vec![1], offset: 0 },
        }
    }

    /// Turns one number per channel or feature from ONNX's order into the graph's.
    pub(super) fn reorder(&self, per_channel: &[f32]) -> Vec<f32> {
        self.feature_order().gather(per_channel)
    }

    /// Whether nothing is pending.
    pub(super) fn is_plain(&self) -> bool {
        self.pending == Pending::Nothing
    }

    /// The number of axes besides batch and channels: one to three.
    pub(super) fn spatial_axes(&self, node: &OnnxNode<'_>) -> Result<usize, ImportError> {
        match self.form.axes().iter().filter(|axis| axis.spatial().is_some()).count() {
            0 => Err(node.refuse("its input must be [n, C, ..] with one to three axes")),
            count => Ok(count),
        }
    }

    /// Succeeds if the channels come first, as operators that know channels require.
    pub(super) fn require_channels_first(&self, node: &OnnxNode<'_>) -> Result<(), ImportError> {
        match self.form.axes()[0] {
            Axis::Channel => Ok(()),
            _ => {
                Err(node
                    .refuse(format!("its input must be [n, C, ..], not {}", self.form.pattern())))
            }
        }
    }

    pub(super) fn require_vector(&self, node: &OnnxNode<'_>) -> Result<(), ImportError> {
        match self.form {
            Form::Vector => Ok(()),
            _ => Err(node.refuse("its input must be [n, features]")),
        }
    }
}
