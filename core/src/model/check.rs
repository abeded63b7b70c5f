//! Checks that parts form a model: everything that execution relies on.

use super::parts::Parts;
use crate::check::{check_count, check_number, check_scale, named};
use crate::error::ModelError;
use crate::graph::{Node, Value};
use crate::head::Head;
use crate::layer::{Parameters, Quantized};
use crate::name;
use crate::numerics::CodeRange;
use crate::ops::GridRule;
use crate::posterior::MAX_MEMBERS;
use alloc::{format, string::String};

/// Checks every index, shape and number of the parts, except for layers and derived numbers, which
/// planning the execution checks.
///
/// # Errors
/// A [`ModelError`] that names the node, tensor or field.
pub(super) fn check(parts: &Parts) -> Result<(), ModelError> {
    let Parts { graph, input, preprocessing, class_names, .. } = parts;
    let nodes = graph.nodes();
    let last = nodes.last().ok_or(ModelError::Empty)?;
    if !last.op.is_weighted() || Head::of(last.shape).is_none() {
        return Err(ModelError::Output {
            node: last.name.clone(),
            op: last.op.name(),
            shape: last.shape,
        });
    }

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
    if !class_names.is_empty() {
        check_count("class_names", last.shape.channels, class_names.len())?;
    }
    check_name(|| "name".into(), &parts.name)?;
    for (class, name) in class_names.iter().enumerate() {
        check_name(|| format!("class_names[{class}]"), name)?;
    }
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
    let Node { name, op, inputs, data, .. } = &parts.graph.nodes()[index];
    let Quantized { output, range, parameters } = data;
    let rule = op.operation().grid();
    let is_last = index + 1 == parts.graph.nodes().len();
    if output.is_none() != is_last {
        return Err(ModelError::OutputQuantization { node: name.clone() });
    }
    let bounded = !is_last && rule == GridRule::Own;
    if range.low > range.high || (*range != CodeRange::FULL && !bounded) {
        let CodeRange { low, high } = *range;
        return Err(ModelError::Range { node: name.clone(), low, high });
    }
    let fits = match parameters {
        Parameters::None => !op.is_weighted() && rule != GridRule::Table,
        Parameters::Layer(_) => op.is_weighted(),
        Parameters::Table(_) => rule == GridRule::Table,
    };
    if !fits {
        return Err(ModelError::Parameters { node: name.clone() });
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
