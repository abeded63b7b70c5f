//! ConvTranspose: zeros between the positions of its input, and a convolution with the kernel turned
//! around ([Dumoulin and Visin](https://arxiv.org/abs/1603.07285), section 4).

use bayes8_core::ops::{Pad, Slice};
use bayes8_core::{
    graph::{AxisPadding, Op, Range},
    quoted::Echo,
};

use crate::error::ImportError;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Constant, Strided, strides};
use crate::onnx::evidence::channels_first;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;
use crate::onnx::weights::kernel_extents;
use crate::onnx::window::{Sliding, extent};

/// A transposed convolution along one axis.
struct TransposedAxis {
    /// Zeros between neighbours, and after the last if the window's padding cannot hold them.
    zeros: AxisPadding,
    /// Positions to leave out at both ends, if the node pads by more than its reach.
    crop: [usize; 2],
    /// Padding of the convolution.
    padding: [usize; 2],
}

impl TransposedAxis {
    /// `reach` is from the first tap to the last; `pads` leave out outputs at the ends and
    /// `output_padding` adds some after them.
    fn new(
        reach: usize,
        stride: usize,
        [before, after]: [usize; 2],
        output_padding: usize,
    ) -> Self {
        let end = reach + output_padding;
        // More padding than a window reaches would give an output of padding only, which is not a
        // window.
        let padding = end.saturating_sub(after);
        let surplus = padding.saturating_sub(reach);
        Self {
            zeros: AxisPadding { before: 0, between: stride - 1, after: surplus },
            crop: [before.saturating_sub(reach), after.saturating_sub(end)],
            padding: [reach.saturating_sub(before), padding - surplus],
        }
    }
}

pub(super) const OPERATORS: &[Operator] = &[Operator::new(
    "ConvTranspose",
    &[
        "auto_pad",
        "dilations",
        "group",
        "kernel_shape",
        "output_padding",
        "output_shape",
        "pads",
        "strides",
    ],
)
.lower(|builder, node| builder.transposed_convolution(node))
.trace(channels_first)];

impl<'a> Builder<'a> {
    fn transposed_convolution(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let weight = self.constant(node, 1)?.ok_or_else(|| node.refuse("it has no weights"))?;
        let mut x = self.settled(node, 0)?;
        x.require_channels_first(node)?;
        let (&[in_channels, per_group], kernel) = kernel_extents(node, &weight, &x)?;
        let groups = usize::try_from(node.int("group", 1)?).unwrap_or(0);
        if in_channels != x.shape.channels || groups == 0 || !in_channels.is_multiple_of(groups) {
            return Err(node.refuse(format!(
                "weights for {in_channels} channels in {groups} groups do not fit an input of {}",
                x.shape
            )));
        }
        let out_channels = per_group
            .checked_mul(groups)
            .ok_or_else(|| node.refuse(format!("{groups} groups are too many")))?;

        let sliding = Sliding::new(node, kernel.len(), Some(kernel))?;
        let axes = transposed_axes(node, &sliding, kernel.len())?;
        self.spread(node, &axes, &mut x)?;
        let window = sliding.with_stride_1().window([0, 1, 2].map(|i| axes[i].padding));
        let layout = turned(&weight, kernel, groups);
        self.push_convolution(node, &weight, &layout, (out_channels, groups, window), &x)
    }

    /// Appends the nodes that prepare the input for the convolution.
    fn spread(
        &mut self,
        node: &OnnxNode<'a>,
        axes: &[TransposedAxis; 3],
        x: &mut Activation,
    ) -> Result<(), ImportError> {
        let [planes, rows, columns] = [0, 1, 2].map(|i| axes[i].zeros);
        if [planes, rows, columns] != [AxisPadding::default(); 3] {
            let op = Op::Pad(Pad { rows, columns, planes });
            x.value = self.push(&format!("{}.zeros", node.name), op, vec![x.value])?;
        }
        if axes.iter().any(|axis| axis.crop != [0; 2]) {
            let extents = self.graph.shape(x.value).axes();
            let part = |i: usize| {
                let [before, after] = axes[i].crop;
                Range { start: before, end: extents[i].saturating_sub(after), step: 1 }
            };
            let [planes, rows, columns] = [0, 1, 2].map(part);
            let planes = Some(planes).filter(|&planes| planes != Range::whole(extents[0]));
            let op = Op::Slice(Slice { rows, columns, planes });
            x.value = self.push(&format!("{}.part", node.name), op, vec![x.value])?;
        }
        Ok(())
    }
}

fn transposed_axes(
    node: &OnnxNode<'_>,
    sliding: &Sliding,
    spatial: usize,
) -> Result<[TransposedAxis; 3], ImportError> {
    if node.ints("output_shape")?.is_some() {
        return Err(node.refuse("`output_shape` is not supported; use `pads`"));
    }
    let pads = match node.string("auto_pad")? {
        None | Some("" | "NOTSET") => sliding.pads(node)?,
        Some("VALID") => [[0; 2]; 3],
        Some(other) => {
            return Err(node.refuse(format!("auto_pad {} is not supported", Echo(other))));
        }
    };
    let mut output_padding = [0; 3];
    if let Some(list) = node.ints("output_padding")? {
        if list.len() != spatial {
            return Err(node.refuse(format!("`output_padding` must hold {spatial} numbers")));
        }
        for (to, &n) in output_padding[3 - spatial..].iter_mut().zip(list) {
            *to = extent(node, "output_padding", n)?;
        }
    }
    let axis =
        |i| TransposedAxis::new(sliding.reach(i), sliding.stride[i], pads[i], output_padding[i]);
    Ok([0, 1, 2].map(axis))
}

/// Turns weights `[I][O / groups][kernel]` into those of the convolution:
/// `[O][kernel][I / groups]`, with every axis of the kernel reversed.
fn turned(weight: &Constant, kernel: &[usize], groups: usize) -> Strided {
    let (inputs, steps) = (weight.shape[0] / groups, strides(&weight.shape));
    let backwards: Vec<isize> = steps[2..].iter().map(|step| -step).collect();
    let group = steps[0] * inputs as isize;
    Strided {
        shape: [&[groups, weight.shape[1]], kernel, &[inputs]].concat(),
        strides: [&[group, steps[1]], &backwards[..], &steps[..1]].concat(),
        offset: kernel.iter().product::<usize>() - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output extent of a transposed convolution by PyTorch's formula.
    #[test]
    fn axes_have_the_extent_of_the_definition() {
        for kernel in 1..5usize {
            for (stride, dilation) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 3)] {
                for (before, after) in [(0, 0), (1, 1), (0, 2), (3, 0), (4, 4)] {
                    for output_padding in 0..stride.max(dilation) {
                        let reach = (kernel - 1) * dilation;
                        let axis =
                            TransposedAxis::new(reach, stride, [before, after], output_padding);
                        let extent = 9;
                        let full = (extent - 1) * stride + reach + 1 + output_padding;
                        let spread = (extent - 1) * (axis.zeros.between + 1) + 1 + axis.zeros.after;
                        let cropped = spread - axis.crop[0] - axis.crop[1];
                        let padded = cropped + axis.padding[0] + axis.padding[1];
                        assert_eq!(padded - reach, full - before - after);
                        assert!(axis.padding.iter().all(|&padding| padding <= reach));
                    }
                }
            }
        }
    }
}
