//! The graph's input: type, extents, and the meaning of its axes.

use std::collections::HashMap;

use bayes8_core::graph::{MAX_ELEMENTS, Shape};
use rten_onnx::onnx::{DataType, Dimension, GraphProto, TensorProto, ValueInfoProto};

use super::{constant::is_float, evidence::Evidence, layout};
use crate::{
    dropout::McDropout,
    error::ImportError,
    form::Form,
    head_kind::{HeadKind, OutputChoice},
};

/// Properties of a network's input that its ONNX file leaves open.
///
/// # Examples
/// ```
/// use bayes8_convert::{ImportOptions, InputLayout};
///
/// let options = ImportOptions::new().input_layout(InputLayout::ChannelsLast);
/// assert_eq!(options.input_shape, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportOptions {
    /// The meaning of its axes; `None`: as the network uses them, or otherwise as their extents
    /// suggest.
    pub input_layout: Option<Form>,
    /// The size of one picture; needed if the file leaves extents open.
    pub input_shape: Option<Shape>,
    /// Dropout nodes in evaluation mode to activate. Those in training mode are active anyway.
    pub mc_dropout: Option<McDropout>,
    /// The outputs of the model; empty for the only one of the file.
    pub outputs: Vec<OutputChoice>,
    /// What the numbers of outputs mean of which neither the file nor [`Self::outputs`] says so.
    pub head: Option<HeadKind>,
}

impl ImportOptions {
    /// Returns options that leave everything to the file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the meaning of the axes of the input.
    #[must_use]
    pub fn input_layout(self, input_layout: impl Into<Option<Form>>) -> Self {
        Self { input_layout: input_layout.into(), ..self }
    }

    /// Sets the size of one picture.
    #[must_use]
    pub fn input_shape(self, input_shape: impl Into<Option<Shape>>) -> Self {
        Self { input_shape: input_shape.into(), ..self }
    }

    /// Sets the dropout nodes to activate.
    #[must_use]
    pub fn mc_dropout(self, mc_dropout: impl Into<Option<McDropout>>) -> Self {
        Self { mc_dropout: mc_dropout.into(), ..self }
    }

    /// Sets the outputs of the model.
    #[must_use]
    pub fn outputs(self, outputs: impl Into<Vec<OutputChoice>>) -> Self {
        Self { outputs: outputs.into(), ..self }
    }

    /// Sets what the numbers of outputs mean that have no other head.
    #[must_use]
    pub fn head(self, head: impl Into<Option<HeadKind>>) -> Self {
        Self { head: head.into(), ..self }
    }
}

pub(super) struct Input<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Shape,
    pub(super) form: Form,
    /// The batch, if the file fixes it.
    pub(super) batch: Option<usize>,
    /// Whether the input is bytes of 0 to 255.
    pub(super) bytes: bool,
}

impl<'a> Input<'a> {
    /// Reads the only input of `graph`. If `options` do not give the meaning of its axes,
    /// `evidence` does, a function of its name, the batch and the extents after it.
    pub(super) fn new(
        graph: &'a GraphProto,
        initializers: &HashMap<&'a str, &'a TensorProto>,
        options: &ImportOptions,
        evidence: impl FnOnce(&str, usize, &[Option<usize>]) -> Option<Evidence>,
    ) -> Result<Self, ImportError> {
        let name_of = |info: &'a ValueInfoProto| info.name.as_deref().unwrap_or("");
        // Files of old IR versions list initializers among the inputs.
        let mut inputs =
            graph.input.iter().filter(|info| !initializers.contains_key(name_of(info)));
        let refused = |name: &str, reason: String| ImportError::Interface {
            kind: "input",
            name: name.into(),
            reason,
        };
        let Some(first) = inputs.next() else {
            return Err(refused("", "there is none".into()));
        };
        if let Some(second) = inputs.next() {
            return Err(refused(name_of(second), "there must be one input only".into()));
        }
        let name = name_of(first);
        let refuse = |reason: String| refused(name, reason);
        let Some(tensor) = first.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
            return Err(refuse("it is not a tensor".into()));
        };
        let bytes = match tensor.elem_type.unwrap_or(DataType(0)) {
            DataType::UINT8 => true,
            float if is_float(float) => false,
            found => {
                let expected = "expected FLOAT, FLOAT16, DOUBLE or UINT8";
                return Err(refuse(format!("its type is {found}, {expected}")));
            }
        };
        let dimensions = tensor.shape.as_ref().map_or(&[][..], |s| &s.dim);
        let fixed = |axis: &Dimension| {
            let extent = usize::try_from(axis.dim_value?).ok()?;
            (1..=MAX_ELEMENTS).contains(&extent).then_some(extent)
        };
        let Some((batch, axes)) = dimensions.split_first() else {
            return Err(refuse("it has no shape".into()));
        };
        let batch = fixed(batch);
        let axes: Vec<Option<usize>> = axes.iter().map(fixed).collect();
        let form = match options.input_layout {
            Some(form) if form.axes().len() == axes.len() => form,
            Some(form) => {
                let (shape, pattern) = (shown(&axes), form.pattern());
                return Err(refuse(format!(
                    "its shape {shape} is not {pattern}, as the input layout {form} has it"
                )));
            }
            None => layout::infer(evidence(name, batch.unwrap_or(1), &axes), &axes)
                .map_err(|reason| refuse(format!("its shape is {}: {reason}", shown(&axes))))?,
        };
        let shape = match options.input_shape {
            Some(given) => completed(form, &axes, given).map_err(refuse)?,
            None => match axes.iter().copied().collect::<Option<Vec<_>>>() {
                Some(extents) => form.shape(&extents),
                None => {
                    return Err(ImportError::OpenExtents {
                        name: name.into(),
                        shape: shown(&axes),
                    });
                }
            },
        };
        Ok(Self { name, shape, form, batch, bytes })
    }
}

/// The `given` shape, if it completes these `axes`.
fn completed(form: Form, axes: &[Option<usize>], given: Shape) -> Result<Shape, String> {
    let extents = form.dimensions(1, given);
    let agree = |(axis, extent): (&Option<usize>, &usize)| axis.is_none_or(|a| a == *extent);
    let fits = axes.iter().zip(&extents[1..]).all(agree);
    if fits && form.shape(&extents[1..]) == given {
        return Ok(given);
    }
    Err(format!(
        "its shape {} ({form}) cannot be the given input shape {given} ({})",
        shown(axes),
        given.axis_names()
    ))
}

/// Extents after an open batch, as errors show them.
fn shown(axes: &[Option<usize>]) -> String {
    let axes = axes.iter().map(|axis| axis.map_or("?".into(), |extent| extent.to_string()));
    format!("[{}]", std::iter::once("n".into()).chain(axes).collect::<Vec<String>>().join(", "))
}
