//! Checks that parts form a model: everything that execution relies on.

use super::parts::Parts;
use crate::check::{check_count, check_number, check_scale, named};
use crate::error::ModelError;
use crate::graph::{Node, Shape, Value};
use crate::head::{Head, Output};
use crate::layer::{Affine, Parameters, Quantized};
use crate::name;
use crate::numerics::CodeRange;
use crate::ops::GridRule;
use crate::posterior::MAX_MEMBERS;
use alloc::{boxed::Box, format, string::String, vec};

/// Checks every index, shape and number of the parts, except for layers and derived numbers, which
/// planning the execution checks.
///
/// # Errors
/// A [`ModelError`] that names the node, tensor or field.
pub(super) fn check(parts: &Parts) -> Result<(), ModelError> {
    let Parts { graph, input, preprocessing, .. } = parts;
    let nodes = graph.nodes();
    if nodes.is_empty() {
        return Err(ModelError::Empty);
    }
    check_outputs(parts)?;

    check_scale("input.scale", input.scale)?;
    check_code(parts, "input.zero_point", input.zero_point)?;
    let channels = graph.input().channels;
    check_count("input.preprocessing.mean", channels, preprocessing.mean.len())?;
    check_count("input.preprocessing.std", channels, preprocessing.std.len())?;
    for &mean in &preprocessing.mean {
        check_number("input.preprocessing.mean", mean, mean.is_finite(), "a finite number")?;
    }
    for &std in &preprocessing.std {
        check_scale("input.preprocessing.std", std)?;
    }
    check_name(|| "name".into(), &parts.name)?;
    if let Some(calibration) = &parts.calibration {
        check_count("calibration.ranges", nodes.len() + 1, calibration.ranges.len())?;
        // JSON has only finite numbers.
        for &end in calibration.ranges.as_flattened() {
            check_number("calibration.ranges", end, end.is_finite(), "a finite number")?;
        }
    }

    for index in 0..nodes.len() {
        check_node(parts, index)?;
    }
    check_members(parts)?;
    check_tensor_names(parts)
}

/// The most numbers of a map at a position: indices of classes fit 16 bits.
const MOST_OF_MAP: usize = 1 << 16;

/// Checks which nodes make the outputs, and what they mean.
fn check_outputs(parts: &Parts) -> Result<(), ModelError> {
    let nodes = parts.graph.nodes();
    let mut made = vec![false; nodes.len()];
    check_count("outputs", 1, parts.outputs.len().min(1))?;
    for (index, output) in parts.outputs.iter().enumerate() {
        let Output { name, nodes: of, head, positions, resize: _, conformal: _ } = output;
        check_name(|| format!("outputs[{index}].name"), name)?;
        let same = parts.outputs[..index].iter().any(|other| other.name == *name);
        if name.is_empty() || same {
            return Err(ModelError::OutputName(name.clone()));
        }
        let mut outputs = 0usize;
        for &node in of {
            let found = nodes.get(node).ok_or_else(|| ModelError::OutputNode(name.clone()))?;
            if core::mem::replace(&mut made[node], true) {
                return Err(ModelError::OutputTwice { node: found.name.clone() });
            }
            let single = !output.is_map() || of.len() == 1;
            if !found.op.is_weighted() || found.shape.axes() != output.made() || !single {
                let (node, op, shape) = (found.name.clone(), found.op.name(), found.shape);
                return Err(ModelError::Output { node, op, shape });
            }
            outputs = outputs.saturating_add(found.shape.channels);
        }
        if output.resize.as_ref().is_some_and(|resize| resize.by().size != *positions) {
            return Err(ModelError::OutputResize { output: name.clone() });
        }
        let [depth, height, width] = *positions;
        let numbers = Shape { depth, height, width, channels: outputs }.checked();
        if output.is_map() && (numbers.is_none() || outputs > MOST_OF_MAP) {
            return Err(ModelError::MapSize { output: name.clone(), positions: *positions });
        }
        match head {
            Head::Classes(classes) => {
                check_count("class_names", outputs, classes.count)?;
                check_names("class_names", classes.count, &classes.names)?;
            }
            Head::Labels(labels) => {
                let what = format!("{name}.names");
                check_count(&*what, outputs, labels.count)?;
                let pair = labels.count == 1 && labels.names.len() == 2;
                let count = if pair { 2 } else { labels.count };
                check_names(&what, count, &labels.names)?;
            }
            Head::Gaussian(gaussian) => {
                gaussian.check(name, outputs)?;
                for (index, target) in gaussian.targets.iter().enumerate() {
                    check_name(|| format!("{name}.targets[{index}].name"), &target.name)?;
                    check_name(|| format!("{name}.targets[{index}].unit"), &target.unit)?;
                }
            }
        }
        check_conformal(output)?;
    }
    for (node, is_output) in nodes.iter().zip(made) {
        if node.data.output.is_none() != is_output {
            return Err(ModelError::OutputQuantization { node: node.name.clone() });
        }
    }
    Ok(())
}

/// Checks that the conformal predictor of an output fits it.
pub(super) fn check_conformal(output: &Output) -> Result<(), ModelError> {
    let Some(conformal) = &output.conformal else { return Ok(()) };
    conformal.check(&output.head, output.is_map()).map_err(|fault| {
        let (output, fault) = (output.name.clone(), Box::new(fault));
        ModelError::Conformal { output, fault }
    })
}

/// Checks the names of classes or labels: none, or `count`.
fn check_names(what: &str, count: usize, names: &[String]) -> Result<(), ModelError> {
    if names.is_empty() {
        return Ok(());
    }
    check_count(what, count, names.len())?;
    let mut names = names.iter().enumerate();
    names.try_for_each(|(index, name)| check_name(|| format!("{what}[{index}]"), name))
}

/// Checks that all layers that are not shared have the same number of members.
fn check_members(parts: &Parts) -> Result<(), ModelError> {
    let mut expected = None;
    for node in parts.graph.nodes() {
        let Some(members) = node.data.layer().filter(|layer| !layer.is_shared()) else { continue };
        let found = members.count();
        let expected = *expected.get_or_insert(found);
        if found != expected || found > MAX_MEMBERS {
            let expected = expected.min(MAX_MEMBERS);
            return Err(ModelError::Members { node: node.name.clone(), expected, found });
        }
    }
    Ok(())
}

/// Checks that no two layers have tensors of the same name.
fn check_tensor_names(parts: &Parts) -> Result<(), ModelError> {
    let nodes = parts.graph.nodes();
    let is_weighted = |name: &str| match parts.graph.value(name) {
        Some(Value::Node(n)) => nodes[n].op.is_weighted(),
        Some(Value::Input) | None => false,
    };
    let several = nodes.iter().filter_map(|node| node.data.layer()).any(|layer| !layer.is_shared());
    for node in nodes.iter().filter(|node| node.op.is_weighted()) {
        let own = node.name.strip_suffix(".bias");
        if own.is_some_and(is_weighted) {
            return Err(ModelError::TensorName(node.name.clone()));
        }
        // `OWNER.member.K`.
        let split = own.unwrap_or(&node.name).rsplit_once('.');
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let owner = split.filter(|(_, number)| is_number(number));
        let owner = owner.and_then(|(rest, _)| rest.strip_suffix(".member"));
        if several && owner.is_some_and(is_weighted) {
            return Err(ModelError::TensorName(node.name.clone()));
        }
    }
    Ok(())
}

/// Checks a zero point or a bound: no activation may have a code with more bits than the model's
/// activations.
fn check_code(parts: &Parts, what: impl Into<String>, code: u8) -> Result<(), ModelError> {
    let largest = parts.activation_bits.largest_code();
    if code <= largest {
        Ok(())
    } else {
        Err(ModelError::Code { what: what.into(), code, largest })
    }
}

fn check_name(what: impl FnOnce() -> String, name: &str) -> Result<(), ModelError> {
    match name::fault(name) {
        Some(fault) => Err(ModelError::Name { what: what(), name: name.into(), fault }),
        None => Ok(()),
    }
}

fn check_node(parts: &Parts, index: usize) -> Result<(), ModelError> {
    let Node { name, op, inputs, shape, data } = &parts.graph.nodes()[index];
    let Quantized { output, range, parameters } = data;
    let rule = op.operation().grid();
    let bounded = output.is_some() && rule == GridRule::Own;
    if range.low > range.high || (*range != CodeRange::FULL && !bounded) {
        let CodeRange { low, high } = *range;
        return Err(ModelError::Range { node: name.clone(), low, high });
    }
    let fits = match parameters {
        Parameters::None => !op.is_weighted() && !op.is_affine() && rule != GridRule::Table,
        Parameters::Layer(_) => op.is_weighted(),
        Parameters::Affine(_) => op.is_affine(),
        Parameters::Table(_) => rule == GridRule::Table,
    };
    if !fits {
        return Err(ModelError::Parameters { node: name.clone() });
    }
    if let Parameters::Affine(affine) = parameters {
        check_affine(name, shape.channels, affine)?;
    }
    if let Parameters::Table(table) = parameters {
        let largest = table.iter().copied().max().unwrap_or(0);
        check_code(parts, named(name, "table"), largest)?;
    }
    let Some(output) = output else { return Ok(()) };
    check_scale(named(name, "output.scale"), output.scale)?;
    check_code(parts, named(name, "output.zero_point"), output.zero_point)?;
    match rule {
        GridRule::Own => check_code(parts, named(name, "range"), range.high),
        GridRule::Kept => {
            let kept = parts.grid(inputs[0]).map(|input| op.operation().kept_grid(input));
            let moved = || ModelError::Moved { node: name.clone(), op: op.name() };
            (kept == Some(*output)).then_some(()).ok_or_else(moved)
        }
        GridRule::Table => Ok(()),
    }
}

/// Checks that a node has finite numbers for all channels.
fn check_affine(node: &str, channels: usize, affine: &Affine) -> Result<(), ModelError> {
    for (what, numbers) in [("weight", &affine.weight), ("bias", &affine.bias)] {
        check_count(named(node, what), channels, numbers.len())?;
        for &number in numbers {
            check_number(named(node, what), number, number.is_finite(), "a finite number")?;
        }
    }
    Ok(())
}
