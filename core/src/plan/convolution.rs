//! Derives the convolution of a weighted node.

use crate::check::{check_count, check_not_negative, check_number, check_scale, named};
use crate::convolution::{Convolution, PlaneSums};
use crate::error::ModelError;
use crate::graph::Node;
use crate::layer::{Bias, Layer, Quantized};
use crate::numerics::{Quantization, Target, requantize_multiplier};
use crate::ops::Filters;
use crate::posterior::gaussian::{NOISE_MAX, sample_bias};
use alloc::{vec, vec::Vec};

/// Derives the convolution of `node`, which has `layer`, over an input on the grid `x`. `base` is that
/// of an input with two code planes.
///
/// # Errors
/// A [`ModelError`] if the layer does not fit the node, sums might overflow, or a multiplier is not
/// usable.
pub(super) fn derive(
    node: &Node<Quantized>,
    filters: Filters,
    layer: &Layer,
    x: Quantization,
    base: Option<i32>,
) -> Result<Convolution, ModelError> {
    // The weight of all planes together.
    let weight = base.map_or(1, |base| base + 1);
    check_layer(&node.name, filters, layer, weight)?;
    let Quantized { output, range, .. } = node.data;
    // Logits are in real units: steps of size one.
    let y = output.map_or(1.0, |output| output.scale);
    let multiplier = |&scale: &f32| {
        check_scale(named(&node.name, "scale"), scale)?;
        let multiplier = requantize_multiplier(x.scale, scale, y, weight);
        let what = named(&node.name, "input scale * weight scale / output scale");
        check_scale(what, multiplier)?;
        let largest = multiplier * -(i32::MIN as f32);
        let what = named(&node.name, "largest output");
        check_number(what, largest, largest.is_finite(), "a finite number")?;
        Ok(multiplier)
    };
    let multipliers: Vec<_> = layer.scale.iter().map(multiplier).collect::<Result<_, _>>()?;
    let target = output.map(|output| Target::new(output, range));
    let (zero_point, output) = (x.zero_point, node.shape);
    let (multipliers, target, planes) = match base {
        None => (multipliers, target, None),
        Some(base) => {
            let ones = vec![1.0; multipliers.len()];
            (ones, None, Some(PlaneSums { base, multipliers, target }))
        }
    };
    Ok(Convolution { filters, output, zero_point, multipliers, target, residual: None, planes })
}

fn check_layer(name: &str, filters: Filters, layer: &Layer, weight: i32) -> Result<(), ModelError> {
    let (channels, fan_in) = (filters.out_channels, filters.fan_in());
    if layer.out_channels != channels || layer.depthwise != filters.is_depthwise() {
        return Err(ModelError::Parameters { node: name.into() });
    }
    // If the product overflows, it saturates to a number that no layer has, which the next line
    // refuses.
    let weights = channels.saturating_mul(fan_in);
    check_count(named(name, "mu"), weights, layer.mu.len())?;
    check_count(named(name, "scale"), channels, layer.scale.len())?;
    if let Some(posterior) = &layer.posterior {
        posterior.check(name, weights, channels)?;
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
    // The sums of one plane of two stay below 2^24 then.
    if products.saturating_add(largest_bias) > i64::from(i32::MAX / weight) {
        return Err(ModelError::Accumulator { layer: name.into(), fan_in, bias: largest_bias });
    }
    Ok(())
}
