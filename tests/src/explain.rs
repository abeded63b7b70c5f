//! Finds the first layer and element in which a result differs from the reference.

use crate::case::Case;
use crate::check::Implementation;
use crate::line::{Difference, Part};
use crate::outcome::TracedNode;
use crate::reference::REFERENCE;
use crate::vectors::from_base64;
use bayes8_core::format;
use bayes8_core::graph::Shape;
use bayes8_core::model::QuantizedModel;

/// Describes where `difference` begins.
///
/// # Errors
/// A case that cannot be run, or a difference that does not belong to it.
pub fn explain(case: &Case, difference: &Difference) -> Result<String, String> {
    let model = format::read(&case.model).map_err(|error| error.to_string())?;
    let found = from_base64(&difference.found)?;
    let expected = REFERENCE.run(case)?;
    match &difference.part {
        Part::Node(node) => {
            let sample = case.samples().start;
            let nodes = REFERENCE.trace(case, sample)?;
            let expected = nodes.iter().find(|expected| expected.node == *node);
            let expected = expected.ok_or_else(|| format!("the reference has no node `{node}`"))?;
            Ok(node_difference(&model, sample, expected, &found))
        }
        Part::Logits => {
            for trace in &difference.traces {
                let nodes = REFERENCE.trace(case, trace.sample)?;
                for expected in &nodes {
                    let found = trace.nodes.iter().find(|found| found.node == expected.node);
                    let found = found.map(|found| from_base64(&found.found)).transpose()?;
                    if let Some(found) = found.filter(|found| *found != expected.bytes) {
                        return Ok(node_difference(&model, trace.sample, expected, &found));
                    }
                }
            }
            let (count, samples) = (model.output_numbers(), case.samples().len());
            let place = |i: usize| {
                let (picture, sample) = (i / count / samples, i / count % samples);
                let sample = case.samples().start + sample as u32;
                format!("picture {picture}, sample {sample}, output {}", i % count)
            };
            let first = numbers(&expected.logits, &found, place, f32_text);
            // The run took another path than the trace: several threads, or kept weights.
            Ok(format!("logits, though no layer of any trace differs: {first}"))
        }
        Part::Sums => {
            let words = expected.sums.len() / 8 / case.count;
            let place = |i: usize| format!("picture {}, word {}", i / words, i % words);
            Ok(format!("sums: {}", numbers(&expected.sums, &found, place, i64_text)))
        }
        Part::Uncertainty => {
            let figures = expected.uncertainty.len() / 8 / case.count;
            let place = |i: usize| format!("picture {}, figure {}", i / figures, i % figures);
            let first = numbers(&expected.uncertainty, &found, place, f64_text);
            Ok(format!("uncertainty: {first}"))
        }
    }
}

/// Describes where the output of a node differs.
fn node_difference(
    model: &QuantizedModel,
    sample: u32,
    expected: &TracedNode,
    found: &[u8],
) -> String {
    let nodes = model.graph().nodes();
    let name = &expected.node;
    let node = nodes.iter().find(|node| node.name == *name);
    let shape = node.map(|node| node.shape);
    let is_output = node.is_some_and(|node| node.data.output.is_none());
    let place = |i: usize| element(shape.unwrap_or(Shape::vector(1)), i);
    let first = if is_output {
        numbers(&expected.bytes, found, place, f32_text)
    } else {
        numbers(&expected.bytes, found, place, |[code]: [u8; 1]| code.to_string())
    };
    format!("layer `{name}`, sample {sample}: {first}")
}

/// Describes the place of element `i` in pictures of shape `shape`.
fn element(shape: Shape, i: usize) -> String {
    let Shape { depth, height, width, channels } = shape;
    let (picture, within) = (i / shape.elements(), i % shape.elements());
    let (line, column) = (within / channels / width, within / channels % width);
    let row = line % height;
    let plane = if depth > 1 { format!("plane {}, ", line / height) } else { String::new() };
    format!("picture {picture}, {plane}row {row}, column {column}, channel {}", within % channels)
}

/// Describes the first number of `SIZE` bytes that differs: its place and both values.
fn numbers<const SIZE: usize>(
    expected: &[u8],
    found: &[u8],
    place: impl Fn(usize) -> String,
    text: impl Fn([u8; SIZE]) -> String,
) -> String {
    if expected.len() != found.len() {
        return format!("{} bytes, not {}", found.len(), expected.len());
    }
    let (expected, found) = (expected.as_chunks().0, found.as_chunks().0);
    let differs = |&i: &usize| expected[i] != found[i];
    let Some(first) = (0..expected.len()).find(differs) else {
        // The reference has changed since the file was written.
        return "the same as the reference, but not as the vector file, which is stale".into();
    };
    let count = (0..expected.len()).filter(differs).count();
    let (right, wrong) = (text(expected[first]), text(found[first]));
    format!(
        "{}: expected {right}, found {wrong} ({count} of {} differ)",
        place(first),
        expected.len()
    )
}

fn f32_text(bytes: [u8; 4]) -> String {
    let number = f32::from_le_bytes(bytes);
    format!("{number:?} ({:08x})", number.to_bits())
}

fn f64_text(bytes: [u8; 8]) -> String {
    let number = f64::from_le_bytes(bytes);
    format!("{number:?} ({:016x})", number.to_bits())
}

fn i64_text(bytes: [u8; 8]) -> String {
    i64::from_le_bytes(bytes).to_string()
}
