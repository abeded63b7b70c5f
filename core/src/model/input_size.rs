//! The same network for inputs of another size.

use super::parts::Parts;
use super::{ModelError, QuantizedModel};
use crate::graph::{Graph, GraphError, MAX_ELEMENTS, Shape, Value};
use crate::head::Output;
use crate::head::map::MapResize;
use crate::layer::Quantized;
use crate::ops::{Operation, SizeChange};
use crate::quoted::Echo;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use thiserror::Error;

/// Why a model cannot take inputs of a size.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("the model cannot take inputs of {}: {fault}{}", Extents(.size), Nearest(.nearest))]
#[non_exhaustive]
pub struct InputSizeError {
    /// Planes, rows and columns of the inputs.
    pub size: [usize; 3],
    /// What keeps the model from it.
    pub fault: InputSizeFault,
    /// The nearest extents below and above that each axis can have, if the others are those of the model.
    /// All are `None` if the fault does not depend on the extents.
    pub nearest: Box<[[Option<usize>; 2]; 3]>,
}

/// What keeps a model from taking inputs of a size.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum InputSizeFault {
    /// An axis that the model's input does not have, or no elements.
    #[error("its input is {} ({}), and an axis of 1 stays 1", .0, .0.axis_names())]
    Axes(Shape),
    /// A node that only fits inputs of other sizes.
    #[error("node `{node}` ({op}) {why}", node = Echo(node))]
    Node {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// What it does.
        why: &'static str,
    },
    /// A node whose inputs do not fit together, or are too small or too large.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An output that would become a map, or a map that would get a single position.
    #[error("output `{output}` would have {positions:?} planes, rows and columns", output = Echo(output))]
    Output {
        /// The output.
        output: String,
        /// Its numbers of planes, rows and columns.
        positions: [usize; 3],
    },
    /// A model that is not valid, since it would be too large.
    #[error("{0}")]
    Model(Box<ModelError>),
}

/// The most extents that are tried on each side of one that does not fit.
const MOST_TRIED: usize = 256;

impl QuantizedModel {
    /// Returns the same network for inputs with `size` planes, rows and columns, such as `[1, 480, 640]` for
    /// pictures; a map of its outputs then has other numbers of positions, too.
    ///
    /// Windows, padding and weights stay as they are. What is resized keeps its ratio to the network's input.
    /// Conformal predictors are dropped, since they were calibrated at the size before. The digest stays that of the
    /// file, so that file, seed, samples and an input of some size give the same prediction on every target.
    ///
    /// # Errors
    /// [`InputSizeError`] if the network only fits inputs of other sizes, with the nearest of those. A layer
    /// that has weights for each position, for example, only fits one size.
    ///
    /// # Examples
    /// ```
    /// use bayes8_core::format;
    ///
    /// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    /// let streets = format::read(&std::fs::read("models/camvid-unet.safetensors")?)?;
    /// assert_eq!(streets.outputs()[0].positions, [1, 192, 256]);
    /// let larger = streets.with_input_size([1, 384, 512])?;
    /// assert_eq!(larger.outputs()[0].positions, [1, 384, 512]);
    /// assert!(larger.with_input_size([1, 100, 100]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_input_size(self, size: [usize; 3]) -> Result<Self, InputSizeError> {
        if size == self.graph().input().axes() {
            return Ok(self);
        }
        let error = |fault, nearest| InputSizeError { size, fault, nearest: Box::new(nearest) };
        let (graph, outputs) = resized(&self.parts, size).map_err(|fault| {
            let possible = |size| resized(&self.parts, size).is_ok();
            error(fault, nearest(self.graph().input().axes(), size, possible))
        })?;
        let parts = Parts { graph, outputs: outputs.into(), ..self.parts };
        let model = Self::new(parts).map_err(|fault| error(fault.into(), [[None; 2]; 3]))?;
        Ok(Self { provenance: self.provenance, file: self.file, ..model })
    }
}

impl From<ModelError> for InputSizeFault {
    fn from(error: ModelError) -> Self {
        Self::Model(Box::new(error))
    }
}

/// Returns the graph and the outputs for inputs of another size. Inlined at each of its calls, it would make modules
/// for browsers larger.
#[inline(never)]
fn resized(
    parts: &Parts,
    size: [usize; 3],
) -> Result<(Graph<Quantized>, Vec<Output>), InputSizeFault> {
    let from = &parts.graph;
    let input = from.input();
    let network = [input.axes(), size];
    if network[0].iter().zip(size).any(|(&before, after)| (before == 1) != (after == 1)) {
        return Err(InputSizeFault::Axes(input));
    }
    let [depth, height, width] = size;
    let mut graph = Graph::new(Shape { depth, height, width, ..input })?;
    for node in from.nodes() {
        let shapes = [from.shape(node.inputs[0]), graph.shape(node.inputs[0])];
        let change = SizeChange { network, input: shapes.map(Shape::axes) };
        let fails = |why| {
            let (node, op) = (node.name.clone(), node.op.name());
            InputSizeFault::Node { node, op, why }
        };
        let op = node.op.at_size(&change).map_err(fails)?;
        let fan_in = |shape| node.op.filters(shape).map(|filters| filters.fan_in());
        if fan_in(shapes[0]) != fan_in(shapes[1]) {
            return Err(fails("has weights for each position"));
        }
        graph.push(node.name.clone(), op, node.inputs.clone(), node.data.clone())?;
    }
    let outputs = parts.outputs.iter().map(|output| resized_output(output, network, from, &graph));
    let outputs = outputs.collect::<Result<_, _>>()?;
    Ok((graph, outputs))
}

/// Returns the output of the resized graph `graph`.
fn resized_output(
    output: &Output,
    network: [[usize; 3]; 2],
    from: &Graph<Quantized>,
    graph: &Graph<Quantized>,
) -> Result<Output, InputSizeFault> {
    let made = |graph: &Graph<Quantized>| graph.shape(Value::Node(output.nodes[0])).axes();
    let change = SizeChange { network, input: [made(from), made(graph)] };
    let mut positions = made(graph);
    let mut resize = None;
    if let Some(by) = output.resize.as_ref().map(|resize| resize.by()) {
        let by = by.at_size(&change).map_err(|why| {
            let node = graph.nodes()[output.nodes[0]].name.clone();
            InputSizeFault::Node { node, op: "output", why }
        })?;
        positions = by.size;
        resize = MapResize::new(made(graph), by).map(Arc::new);
    }
    let resized = Output { positions, resize, conformal: None, ..output.clone() };
    if resized.is_map() != output.is_map() {
        return Err(InputSizeFault::Output { output: output.name.clone(), positions });
    }
    Ok(resized)
}

/// Returns the nearest extents below and above those of `size` that are `possible`, if the other axes have those
/// of `input`.
fn nearest(
    input: [usize; 3],
    size: [usize; 3],
    possible: impl Fn([usize; 3]) -> bool,
) -> [[Option<usize>; 2]; 3] {
    let mut nearest = [[None; 2]; 3];
    for (axis, [below, above]) in nearest.iter_mut().enumerate() {
        let asked = size[axis].min(MAX_ELEMENTS);
        for distance in 0..if input[axis] == 1 { 0 } else { MOST_TRIED } {
            for (found, extent) in
                [(&mut *below, asked.saturating_sub(distance)), (&mut *above, asked + distance)]
            {
                let mut tried = input;
                tried[axis] = extent;
                if found.is_none() && possible(tried) {
                    *found = Some(extent);
                }
            }
            if below.is_some() && above.is_some() {
                break;
            }
        }
        // The axis is not at fault.
        if *below == Some(asked) {
            [*below, *above] = [None; 2];
        }
    }
    nearest
}

/// The axes of an input, for people.
const AXES: [&str; 3] = ["planes", "rows", "columns"];

/// Formats extents as `384x512`, without planes if there is one.
struct Extents<'a>(&'a [usize; 3]);

impl fmt::Display for Extents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [planes, rows, columns] = self.0;
        if *planes != 1 {
            write!(f, "{planes}x")?;
        }
        write!(f, "{rows}x{columns}")
    }
}

/// Formats the nearest extents that are possible, if there are any.
struct Nearest<'a>(&'a [[Option<usize>; 2]; 3]);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes =
            AXES.iter().zip(self.0).filter(|(_, nearest)| nearest.iter().any(Option::is_some));
        for (index, (axis, nearest)) in axes.enumerate() {
            f.write_str(if index == 0 { "; nearest that fit: " } else { "; " })?;
            match nearest {
                [Some(below), Some(above)] => write!(f, "{below} and {above} {axis}")?,
                [Some(extent), None] | [None, Some(extent)] => write!(f, "{extent} {axis}")?,
                [None, None] => {}
            }
        }
        Ok(())
    }
}
