//! Reads what a file says about the outputs of a model.

use super::FormatError;
use super::schema::{self, Description, Names};
use crate::graph::{Graph, Value};
use crate::head::{Head, Output, classes::Classes, labels::Labels, map::MapResize};
use crate::layer::Quantized;
use crate::model::ModelError;
use alloc::{string::String, sync::Arc, vec, vec::Vec};

/// Returns the outputs that the file describes.
pub(super) fn outputs(
    description: &Description,
    graph: &Graph<Quantized>,
) -> Result<Vec<Output>, FormatError> {
    let nodes = graph.nodes();
    let channels = |node: usize| nodes[node].shape.channels;
    let described = match (&description.class_names, &description.outputs) {
        (Some(names), None) => {
            let last = nodes.len().checked_sub(1).ok_or(ModelError::Empty)?;
            return Ok(vec![Output::of_classes(last, channels(last), names.clone())]);
        }
        (None, Some(outputs)) => outputs,
        (Some(_), Some(_)) | (None, None) => {
            let wrong = "expected either `class_names` or `outputs`";
            return Err(FormatError::Description(wrong.into()));
        }
    };
    let output = |schema::Output { name, nodes: of, head, resize }: &schema::Output| {
        let node = |node: &String| match graph.value(node) {
            Some(Value::Node(index)) => Ok(index),
            Some(Value::Input) | None => {
                Err(FormatError::UnknownOutput { output: name.clone(), node: node.clone() })
            }
        };
        let of = of.iter().map(node).collect::<Result<Vec<_>, _>>()?;
        let count = of.iter().fold(0usize, |sum, &node| sum.saturating_add(channels(node)));
        let head = match head {
            schema::Head::Classes(Names { names }) => {
                Head::Classes(Classes { count, names: names.clone() }.into())
            }
            schema::Head::Labels(Names { names }) => {
                Head::Labels(Labels { count, names: names.clone() }.into())
            }
            schema::Head::Gaussian(gaussian) => Head::Gaussian(gaussian.clone().into()),
        };
        // The nodes of an output have the same positions.
        let positions = of.first().map_or([1; 3], |&node| nodes[node].shape.axes());
        let resize = resize.clone().map(|by| {
            let resize = MapResize::new(positions, by).map(Arc::new);
            resize.ok_or_else(|| ModelError::OutputResize { output: name.clone() })
        });
        let resize = resize.transpose()?;
        let positions = resize.as_ref().map_or(positions, |resize| resize.by().size);
        Ok(Output { name: name.clone(), nodes: of, head, positions, resize, conformal: None })
    };
    described.iter().map(output).collect()
}
