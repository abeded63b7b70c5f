//! What makes parts a model: everything that execution relies on.

use super::{ModelError, NodeQuantization, Parts, is_depthwise};
use crate::graph::{Op, Shape, Value};
use crate::layer::{Bias, Layer, Posterior};
use crate::name;
use crate::numerics::{
    CodeRange, Quantization, mean_multiplier, requantize_multiplier, rescale_multiplier,
};
use crate::sampler::{NOISE_MAX, sample_bias};
use alloc::{format, string::String, sync::Arc};

/// Checks every index, shape and number of the parts, whose layers stand beside them.
///
/// # Errors
/// A [`ModelError`] that names the culprit.
pub(super) fn check(parts: &Parts, layers: &[Arc<Layer>]) -> Result<(), ModelError> {
    let Parts { graph, input, preprocessing, class_names, quantization, .. } = parts;
    let nodes = graph.nodes();
    let last = nodes.last().ok_or(ModelError::Empty)?;
    if !last.op.is_weighted() || last.shape != Shape::vector(last.shape.channels) {
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
        // JSON has no other numbers.
        for &end in calibration.ranges.as_flattened() {
            check_number("calibration.ranges", end, end.is_finite(), "a finite number")?;
        }
    }

    check_count("nodes", nodes.len(), quantization.len())?;
    for index in 0..nodes.len() {
        check_node(parts, index)?;
    }
    let tables = || nodes.iter().filter(|node| node.op == Op::Table);
    check_count("tables", tables().count(), parts.tables.len())?;
    for (node, table) in tables().zip(&parts.tables) {
        let largest = table.iter().copied().max().unwrap_or(0);
        check_code(parts, named(&node.name, "table"), largest)?;
    }

    for layer in layers {
        let Some(owner) = layer.name.strip_suffix(".bias") else { continue };
        if matches!(graph.value(owner), Some(Value::Node(n)) if nodes[n].op.is_weighted()) {
            return Err(ModelError::TensorName(owner.into()));
        }
    }
    let weighted = || nodes.iter().enumerate().filter(|(_, n)| n.op.is_weighted());
    check_count("layers", weighted().count(), layers.len())?;
    for (position, ((index, _), layer)) in weighted().zip(layers).enumerate() {
        check_layer(parts, index, position, layer)?;
    }
    Ok(())
}

fn check_number(
    what: impl Into<String>,
    value: f32,
    ok: bool,
    expected: &'static str,
) -> Result<(), ModelError> {
    if ok { Ok(()) } else { Err(ModelError::Number { what: what.into(), value, expected }) }
}

fn check_scale(what: impl Into<String>, value: f32) -> Result<(), ModelError> {
    check_number(what, value, value.is_normal() && value > 0.0, "a normal positive number")
}

/// Checks a zero point or a bound: no activation may have a code beyond the model's bits.
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

fn check_count(what: impl Into<String>, expected: usize, found: usize) -> Result<(), ModelError> {
    if expected == found {
        Ok(())
    } else {
        Err(ModelError::Count { what: what.into(), expected, found })
    }
}

fn check_node(parts: &Parts, index: usize) -> Result<(), ModelError> {
    let node = &parts.graph.nodes()[index];
    let NodeQuantization { output, range } = parts.quantization[index];
    let is_last = index + 1 == parts.graph.nodes().len();
    if output.is_none() != is_last {
        return Err(ModelError::OutputQuantization { node: node.name.clone() });
    }
    // A table holds its bounds in itself.
    let unbounded = is_last || node.op.only_moves() || node.op == Op::Table;
    if range.low > range.high || (range != CodeRange::FULL && unbounded) {
        let CodeRange { low, high } = range;
        return Err(ModelError::Range { node: node.name.clone(), low, high });
    }
    let Some(output) = output else { return Ok(()) };
    check_scale(named(&node.name, "output.scale"), output.scale)?;
    check_code(parts, named(&node.name, "output.zero_point"), output.zero_point)?;
    // What only moves codes has those of its input; a table's are checked with the tables.
    if !node.op.only_moves() && node.op != Op::Table {
        check_code(parts, named(&node.name, "range"), range.high)?;
    }
    for &value in &node.inputs {
        // Every value but the logits is quantized, and nothing reads the logits.
        let Some(input) = parts.value_quantization(value) else {
            return Err(ModelError::OutputQuantization { node: node.name.clone() });
        };
        if node.op.only_moves() && input != output {
            return Err(ModelError::Moved { node: node.name.clone(), op: node.op.name() });
        }
        // Neither takes the quotient of scales below.
        if matches!(node.op, Op::Table | Op::Multiply) {
            continue;
        }
        let spatial = parts.graph.shape(value).spatial();
        // The mean of fewer elements, at a border, lies between these two.
        let elements = match node.op {
            Op::AveragePool { window, .. } => window.taps(),
            Op::GlobalAveragePool => spatial,
            _ => 1,
        };
        if elements.min(spatial) > i32::MAX as usize / 255 {
            return Err(ModelError::Mean { node: node.name.clone(), elements });
        }
        for count in [1, elements] {
            let multiplier = mean_multiplier(input.scale, output.scale, count);
            check_scale(named(&node.name, "input scale / output scale"), multiplier)?;
        }
    }
    let scales = || node.inputs.iter().filter_map(|&value| parts.value_quantization(value));
    let mut factors = scales();
    if node.op == Op::Multiply
        && let (Some(a), Some(b)) = (factors.next(), factors.next())
    {
        let multiplier = requantize_multiplier(a.scale, b.scale, output.scale);
        check_scale(named(&node.name, "input scale * input scale / output scale"), multiplier)?;
    }
    if node.op == Op::Add {
        // The largest sum that codes can have: beyond all floats it would be no number.
        let most = |input: Quantization| 255.0 * rescale_multiplier(input.scale, output.scale);
        let sum: f32 = scales().map(most).sum();
        if !sum.is_finite() {
            return Err(ModelError::Number {
                what: named(&node.name, "255 * (input scales / output scale)"),
                value: sum,
                expected: "a finite number",
            });
        }
    }
    Ok(())
}

fn check_layer(
    parts: &Parts,
    index: usize,
    position: usize,
    layer: &Layer,
) -> Result<(), ModelError> {
    let node = &parts.graph.nodes()[index];
    let name = layer.name.as_str();
    let input = parts.graph.shape(node.inputs[0]);
    let fan_in = parts.graph.fan_in(index);
    if name != node.name
        || layer.index as usize != position
        || layer.out_channels != node.shape.channels
        || layer.depthwise != is_depthwise(&node.op, input)
    {
        return Err(ModelError::Layer { layer: name.into(), node: node.name.clone() });
    }
    let channels = layer.out_channels;
    // Cannot overflow: an output has at most 2^26 channels and a fan-in below 2^53 only if the
    // weights were really there, which the next line asks for.
    let weights = channels.saturating_mul(fan_in);
    check_count(named(name, "mu"), weights, layer.mu.len())?;
    check_count(named(name, "scale"), channels, layer.scale.len())?;
    if let Some(Posterior { sigma, noise_multiplier }) = &layer.posterior {
        check_count(named(name, "sigma"), weights, sigma.len())?;
        check_count(named(name, "noise_multiplier"), channels, noise_multiplier.len())?;
        check_not_negative(name, "noise_multiplier", noise_multiplier)?;
    }
    let mut largest_bias = 0;
    if let Some(Bias { mu, sigma }) = &layer.bias {
        check_count(named(name, "bias.mu"), channels, mu.len())?;
        largest_bias = mu.iter().map(|&b| i64::from(b).abs()).max().unwrap_or(0);
        if let Some(sigma) = sigma {
            check_count(named(name, "bias.sigma"), channels, sigma.len())?;
            check_not_negative(name, "bias.sigma", sigma)?;
            let noise = |&s: &i32| i64::from(sample_bias(0, s, NOISE_MAX as i8));
            largest_bias += sigma.iter().map(noise).max().unwrap_or(0);
        }
    }
    let products = (fan_in as i64).saturating_mul(255 * 128);
    if products.saturating_add(largest_bias) > i64::from(i32::MAX) {
        return Err(ModelError::Accumulator { layer: name.into(), fan_in, bias: largest_bias });
    }

    let Some(x) = parts.value_quantization(node.inputs[0]) else {
        return Err(ModelError::OutputQuantization { node: node.name.clone() });
    };
    // Logits are in real units: steps of size one.
    let y = parts.quantization[index].output.map_or(1.0, |q| q.scale);
    for &scale in &layer.scale {
        check_scale(named(name, "scale"), scale)?;
        let multiplier = requantize_multiplier(x.scale, scale, y);
        check_scale(named(name, "input scale * weight scale / output scale"), multiplier)?;
        let largest = multiplier * -(i32::MIN as f32);
        check_number(
            named(name, "largest output"),
            largest,
            largest.is_finite(),
            "a finite number",
        )?;
    }
    Ok(())
}

fn check_not_negative<T: Copy + Into<i32>>(
    layer: &str,
    tensor: &str,
    values: &[T],
) -> Result<(), ModelError> {
    match values.iter().position(|&v| v.into() < 0) {
        Some(index) => Err(ModelError::Negative { tensor: named(layer, tensor), index }),
        None => Ok(()),
    }
}

fn named(node: &str, what: &str) -> String {
    alloc::format!("{node}.{what}")
}
