//! InstanceNormalization, GroupNormalization and LayerNormalization.

use bayes8_core::model::Affine;
use bayes8_core::ops::Over;

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Axis};
use crate::onnx::builder::Builder;
use crate::onnx::constant::Constant;
use crate::onnx::evidence::{Step, Traced, channels_first, kept};
use crate::onnx::groups::Groups;
use crate::onnx::known::Known;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operator::Operator;
use crate::onnx::weights::{finite_floats, layer_name};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("InstanceNormalization", &["epsilon"])
        .lower(|builder, node| builder.instance_normalization(node))
        .takes(&[Special::Groups])
        .trace(channels_first),
    Operator::new("GroupNormalization", &["epsilon", "num_groups", "stash_type"])
        .lower(|builder, node| builder.group_normalization(node))
        .trace(channels_first),
    Operator::new("LayerNormalization", &["axis", "epsilon", "stash_type"])
        .lower(|builder, node| builder.layer_normalization(node))
        .trace(channels_last),
];

impl<'a> Builder<'a> {
    /// Each channel over all positions, or, after a Reshape to `[n, groups, ..]`, each group.
    fn instance_normalization(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        let dimensions = x.dimensions(self.batch);
        let ordered = (x.form.axes()[0] == Axis::Channel || x.shape.spatial() == 1)
            && x.view.as_ref().is_none_or(|view| !view.moved);
        match dimensions[..] {
            [_, groups, _, ..] if ordered && x.shape.channels.is_multiple_of(groups.max(1)) => {
                self.normalize_groups(node, x, groups, groups)
            }
            _ => Err(node.refuse(format!(
                "its input must be [n, C, ..], or channels in groups, not {dimensions:?}"
            ))),
        }
    }

    fn group_normalization(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        x.require_channels_first(node)?;
        let channels = x.shape.channels;
        let groups = node.int("num_groups", 0)?;
        let fits = |groups: &usize| *groups > 0 && channels.is_multiple_of(*groups);
        let groups = usize::try_from(groups).ok().filter(fits).ok_or_else(|| {
            node.refuse(format!(
                "`num_groups` is {groups}, which does not divide {channels} channels"
            ))
        })?;
        // One number per group at first.
        let numbers = if self.operator_set < 21 { groups } else { channels };
        self.normalize_groups(node, x, groups, numbers)
    }

    /// Normalizes groups of channels at all positions; inputs 1 and 2 have `numbers` numbers.
    fn normalize_groups(
        &mut self,
        node: &OnnxNode<'a>,
        x: Activation,
        groups: usize,
        numbers: usize,
    ) -> Result<Activation, ImportError> {
        if x.flattened.is_some() && groups > 1 {
            return Err(
                node.refuse("its input is a flattened picture, whose channels are not in groups")
            );
        }
        let channels = x.shape.channels;
        self.budget.charge(node.name, channels.saturating_mul(2))?;
        let parameter = |i| {
            self.require_certain(node, i)?;
            let own = self.per_channel(node, i, numbers)?;
            let spread: Vec<f32> = (0..channels).map(|c| own[c * numbers / channels]).collect();
            Ok::<_, ImportError>(if numbers == channels { x.reorder(&spread) } else { spread })
        };
        let affine = Affine { weight: parameter(1)?, bias: parameter(2)? };
        let groups = Groups { count: groups, over: Over::ChannelsAndPositions };
        let (name, epsilon) = (self.name_of_scale(node)?, node.float("epsilon", 1e-5)?);
        self.normalized(node, &name, x, groups, epsilon, affine)
    }

    /// All axes from `axis` on.
    fn layer_normalization(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        let dimensions = x.dimensions(self.batch);
        let first = node.axis(node.int("axis", -1)?, dimensions.len())?;
        let axes: Vec<usize> = (first..dimensions.len()).collect();
        let groups = Groups::along(&x, &axes).ok_or_else(|| {
            node.refuse(format!(
                "it normalizes the axes from {first} on of {dimensions:?}; only all channels, all \
                 positions, or both can be normalized together"
            ))
        })?;
        let affine = Affine {
            weight: self.along_channels(node, 1, &x, first)?,
            bias: match node.input(2) {
                Some(_) => self.along_channels(node, 2, &x, first)?,
                None => vec![0.0; x.shape.channels],
            },
        };
        let (name, epsilon) = (self.name_of_scale(node)?, node.float("epsilon", 1e-5)?);
        self.normalized(node, &name, x, groups, epsilon, affine)
    }

    /// Constant input `i`, which is broadcast to the axes of `x` from `first` on, as one number per
    /// channel.
    pub(in crate::onnx) fn along_channels(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        x: &Activation,
        first: usize,
    ) -> Result<Vec<f32>, ImportError> {
        self.require_certain(node, i)?;
        let constant = self.constant(node, i)?;
        let constant = constant.ok_or_else(|| node.refuse(format!("input {i} is missing")))?;
        self.budget.charge(node.name, x.shape.channels)?;
        let dimensions = x.dimensions(self.batch);
        let Constant { shape, .. } = &*constant;
        let numbers = finite_floats(node, i, &constant)?;
        let own = dimensions.len().checked_sub(shape.len()).filter(|own| *own >= first);
        let fits = |own: &usize| {
            shape.iter().zip(&dimensions[*own..]).all(|(&d, &extent)| d == 1 || d == extent)
        };
        let own = own.filter(fits).ok_or_else(|| {
            node.refuse(format!("input {i} of shape {shape:?} does not fit {dimensions:?}"))
        })?;
        let axis = (own..dimensions.len()).find(|&axis| x.axis(axis) == Some(Axis::Channel));
        let (extent, step) = match axis {
            Some(axis) => (shape[axis - own], shape[axis - own + 1..].iter().product::<usize>()),
            None => (1, 1),
        };
        let of = |index: usize| index / step.max(1) % extent.max(1);
        let mut per_channel = vec![None; extent];
        for (index, &number) in numbers.iter().enumerate() {
            if *per_channel[of(index)].get_or_insert(number) != number {
                return Err(node.refuse(format!(
                    "input {i} differs from position to position; only one number per channel is \
                     supported (`elementwise_affine=False` in PyTorch has none)"
                )));
            }
        }
        let per_channel = per_channel.into_iter().flatten().collect::<Vec<_>>();
        Ok(match per_channel[..] {
            [number] => vec![number; x.shape.channels],
            _ => x.reorder(&per_channel),
        })
    }

    /// Succeeds if constant input `i` has no standard deviations.
    fn require_certain(&self, node: &OnnxNode<'a>, i: usize) -> Result<(), ImportError> {
        let constant = self.constant(node, i)?;
        let source = constant.as_ref().and_then(|constant| constant.source.as_ref());
        match source.filter(|source| source.sigma.is_some()) {
            Some(source) => Err(node.refuse(format!(
                "input {i} (`{}`) has standard deviations, but the weights of normalizations cannot be \
                 random",
                bayes8_core::quoted::Echo(&source.initializer)
            ))),
            None => Ok(()),
        }
    }

    /// A normalization has the name of its scale's module, or otherwise of its node.
    fn name_of_scale(&self, node: &OnnxNode<'a>) -> Result<String, ImportError> {
        let scale = self.constant(node, 1)?;
        Ok(scale.map_or_else(|| node.name.to_owned(), |scale| layer_name(node, &scale)))
    }
}

/// If only the last axis is normalized, it holds the channels.
fn channels_last(node: &OnnxNode<'_>, axes: &[Traced], known: &Known<'_, '_>) -> Option<Step> {
    let axis = node.axis(node.int("axis", -1).ok()?, axes.len() + 1).ok()?;
    if axis == axes.len() {
        Some(Step::Channels(axis.checked_sub(1)?))
    } else {
        kept(node, axes, known)
    }
}
