//! Resize and Upsample: the nearest elements, or lines between neighbours.

use bayes8_core::graph::Op;
use bayes8_core::ops::{Coordinates, Interpolation, Resize};

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Axis};
use crate::onnx::builder::Builder;
use crate::onnx::evidence::resized;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        "Resize",
        &[
            "antialias",
            "axes",
            "coordinate_transformation_mode",
            "cubic_coeff_a",
            "exclude_outside",
            "extrapolation_value",
            "keep_aspect_ratio_policy",
            "mode",
            "nearest_mode",
        ],
    )
    .lower(|builder, node| builder.resize(node))
    .trace(resized),
    Operator::new("Upsample", &["mode", "scales", "height_scale", "width_scale"])
        .lower(|builder, node| builder.upsample(node))
        .trace(resized),
];

/// The extent of an axis of the output, and the factor that makes it, if the file gives one.
type Target = (usize, Option<f32>);

impl<'a> Builder<'a> {
    fn resize(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        if node.int("antialias", 0)? != 0 {
            return Err(node.refuse("antialias is not supported; export the network without it"));
        }
        if !matches!(node.string("keep_aspect_ratio_policy")?, None | Some("stretch")) {
            return Err(node.refuse("only the aspect ratio policy `stretch` is supported"));
        }
        // Before operator set 11 there is neither a region nor a choice of coordinates.
        let is_old = self.operator_set < 11;
        let coordinates = match node.string("coordinate_transformation_mode")? {
            _ if is_old => Coordinates::Asymmetric,
            None | Some("half_pixel" | "pytorch_half_pixel") => Coordinates::HalfPixel,
            Some("align_corners") => Coordinates::AlignCorners,
            Some("asymmetric") => Coordinates::Asymmetric,
            Some("tf_half_pixel_for_nn") => Coordinates::TfHalfPixel,
            Some(other) => {
                return Err(node.refuse(format!("`{other}` coordinates are not supported")));
            }
        };
        let mode = match (node.string("mode")?, node.string("nearest_mode")?) {
            (Some("linear"), _) => Interpolation::Linear,
            (Some("nearest") | None, _) if is_old => Interpolation::NearestFloor,
            (Some("nearest") | None, Some("round_prefer_floor") | None) => {
                Interpolation::NearestPreferFloor
            }
            (Some("nearest") | None, Some("round_prefer_ceil")) => Interpolation::NearestPreferCeil,
            (Some("nearest") | None, Some("floor")) => Interpolation::NearestFloor,
            (Some("nearest") | None, Some("ceil")) => Interpolation::NearestCeil,
            (Some(mode), _) if mode != "nearest" => {
                return Err(node.refuse(format!("mode `{mode}` is not supported")));
            }
            (_, Some(other)) => {
                return Err(node.refuse(format!("nearest_mode `{other}` is not supported")));
            }
            (_, None) => Interpolation::NearestPreferFloor,
        };
        let x = self.settled(node, 0)?;
        let (scales, sizes) = if is_old { (1, 3) } else { (2, 3) };
        let axes = match node.ints("axes")? {
            Some(axes) => {
                let axis = |&axis| node.axis(axis, x.form.rank());
                axes.iter().map(axis).collect::<Result<Vec<_>, _>>()?
            }
            None => (0..x.form.rank()).collect(),
        };
        let dimensions = x.dimensions(self.batch);
        let mut targets: Vec<Target> = dimensions.iter().map(|&extent| (extent, None)).collect();
        let sizes = self.constant(node, sizes)?.filter(|sizes| sizes.shape != [0]);
        let scales = self.constant(node, scales)?.filter(|scales| scales.shape != [0]);
        match (sizes, scales) {
            (Some(sizes), _) => {
                let sizes =
                    sizes.as_integers().ok_or_else(|| node.refuse("`sizes` are not integers"))?;
                if sizes.len() != axes.len() {
                    return Err(node.refuse("`sizes` has another length than its input has axes"));
                }
                for (&axis, &size) in axes.iter().zip(sizes) {
                    let extent = usize::try_from(size);
                    targets[axis] = (extent.map_err(|_| node.refuse("a size is negative"))?, None);
                }
            }
            (None, Some(scales)) => {
                let scales =
                    scales.floats().ok_or_else(|| node.refuse("`scales` are not floats"))?;
                self.scale(node, &mut targets, &axes, scales)?;
            }
            (None, None) => return Err(node.refuse("it needs constant `sizes` or `scales`")),
        }
        self.push_resize(node, x, targets, mode, coordinates)
    }

    fn upsample(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let mode = match node.string("mode")? {
            None | Some("nearest") => Interpolation::NearestFloor,
            Some("linear" | "bilinear") => Interpolation::Linear,
            Some(mode) => return Err(node.refuse(format!("mode `{mode}` is not supported"))),
        };
        let x = self.settled(node, 0)?;
        let dimensions = x.dimensions(self.batch);
        let mut targets: Vec<Target> = dimensions.iter().map(|&extent| (extent, None)).collect();
        let axes: Vec<usize> = (0..dimensions.len()).collect();
        let input = self.constant(node, 1)?;
        let attribute = node.floats("scales")?;
        let scales = input.as_deref().and_then(|input| input.floats()).or(attribute);
        let scales = scales.ok_or_else(|| node.refuse("it needs constant `scales`"))?;
        self.scale(node, &mut targets, &axes, scales)?;
        self.push_resize(node, x, targets, mode, Coordinates::Asymmetric)
    }

    /// Multiplies the extents of `axes` by `scales`.
    fn scale(
        &self,
        node: &OnnxNode<'a>,
        targets: &mut [Target],
        axes: &[usize],
        scales: &[f32],
    ) -> Result<(), ImportError> {
        if scales.len() != axes.len() {
            return Err(node.refuse("`scales` has another length than its input has axes"));
        }
        for (&axis, &scale) in axes.iter().zip(scales) {
            if !(scale.is_normal() && scale > 0.0) {
                return Err(node.refuse(format!("a scale is {scale}")));
            }
            let (extent, _) = targets[axis];
            // Exact: an extent has at most 27 bits. As large as it may be, it saturates.
            let scaled = (extent as f64 * f64::from(scale)).floor();
            targets[axis] = (scaled as usize, Some(scale));
        }
        Ok(())
    }

    fn push_resize(
        &mut self,
        node: &OnnxNode<'a>,
        mut x: Activation,
        targets: Vec<Target>,
        mode: Interpolation,
        coordinates: Coordinates,
    ) -> Result<Activation, ImportError> {
        let from = x.shape.axes();
        let mut size = from;
        let mut steps = [[1, 1]; 3];
        let mut is_given = false;
        for (axis, (extent, scale)) in targets.into_iter().enumerate() {
            match x.axis(axis).map(Axis::spatial) {
                Some(Some(spatial)) => {
                    size[spatial] = extent;
                    let by_extents = [from[spatial] as u32, extent.min(1 << 26) as u32];
                    steps[spatial] = match scale {
                        // The factor counts, unless it is the ratio of the extents.
                        Some(scale) if f64::from(scale) * from[spatial] as f64 != extent as f64 => {
                            is_given = true;
                            fraction(scale).ok_or_else(|| {
                                node.refuse(format!("a scale of {scale} is not supported"))
                            })?
                        }
                        _ => by_extents,
                    };
                }
                Some(None) if extent != x.shape.channels => {
                    return Err(node.refuse("it resizes the channels"));
                }
                None if extent != self.batch => return Err(node.refuse("it resizes the batch")),
                Some(None) | None => {}
            }
        }
        if coordinates == Coordinates::AlignCorners {
            is_given = false;
        }
        // PyTorch takes the first element where a single one is left, and otherwise the middle.
        let single = (0..3).any(|axis| size[axis] == 1 && from[axis] > 1);
        let transform = node.string("coordinate_transformation_mode")?;
        if single && transform == Some("pytorch_half_pixel") {
            return Err(node.refuse("it resizes an axis to a single element"));
        }
        if size == from && !is_given {
            return Ok(x);
        }
        let op = Resize { size, mode, coordinates, steps: is_given.then_some(steps) };
        x.value = self.push(node.name, Op::Resize(op), vec![x.value])?;
        x.shape = self.graph.shape(x.value);
        Ok(x)
    }
}

/// 1 / `scale` as a fraction of numbers below 2^32, exact.
fn fraction(scale: f32) -> Option<[u32; 2]> {
    // scale = m 2^e with an odd m.
    let bits = scale.to_bits();
    let (exponent, m) = ((bits >> 23) as i32 - 150, (bits & 0x7f_ffff) | 0x80_0000);
    let (exponent, m) = (exponent + m.trailing_zeros() as i32, m >> m.trailing_zeros());
    match u32::try_from(-exponent) {
        Ok(shift) => Some([1u32.checked_shl(shift)?, m]),
        Err(_) => {
            let shift = u32::try_from(exponent).ok()?;
            Some([1, u32::try_from(u64::from(m).checked_shl(shift)?).ok()?])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fraction;

    #[test]
    fn fractions_are_exact() {
        assert_eq!(fraction(1.0), Some([1, 1]));
        assert_eq!(fraction(2.5), Some([2, 5]));
        assert_eq!(fraction(0.375), Some([8, 3]));
        assert_eq!(fraction(6.0), Some([1, 6]));
        for scale in [0.1f32, 1.7, 31.9] {
            let [a, b] = fraction(scale).unwrap();
            assert_eq!(f64::from(b) / f64::from(a), f64::from(scale));
        }
        assert_eq!(fraction(1e-30), None);
    }
}
