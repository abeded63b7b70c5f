//! Normalizations as TensorFlow spells them: `x * scale + (bias - mean * scale)`, where `scale` is the weights
//! divided by the root of the variance.

use bayes8_core::model::Affine;
use bayes8_core::ops::Over;

use super::activation::Axis;
use super::builder::{Builder, Slot};
use super::moment::{Moment, Stage};
use super::node::OnnxNode;
use crate::error::ImportError;

impl<'a> Builder<'a> {
    /// The output of a node that reads moments of the same groups; `None` if it is not a step of this formula.
    pub(super) fn scaled_moment(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Option<Slot>, ImportError> {
        let moments = [0, 1].map(|i| self.moment_at(node, i).cloned());
        let next = match (node.op, moments) {
            ("Neg", [Some(mean), None]) if mean.stage == Stage::Mean => {
                Some(Moment { stage: Stage::Negative, ..mean })
            }
            // A Transpose that only moves axes of extent 1.
            ("Reshape", [Some(mean), None]) if mean.stage == Stage::Mean => {
                self.keeps_axes(node, &mean)?.then_some(mean)
            }
            ("Mul", [Some(moment), None]) => self.scaled(node, moment, 1)?,
            ("Mul", [None, Some(moment)]) => self.scaled(node, moment, 0)?,
            ("Mul", [Some(first), Some(second)]) => match (first.stage, second.stage) {
                (Stage::Negative, Stage::Inverse(epsilon) | Stage::Scale(epsilon)) => {
                    Some(Moment { stage: Stage::Shift(epsilon), ..second })
                }
                (Stage::Inverse(epsilon) | Stage::Scale(epsilon), Stage::Negative) => {
                    Some(Moment { stage: Stage::Shift(epsilon), ..first })
                }
                _ => None,
            },
            ("Add", [Some(moment), None]) => self.shifted(node, moment, 1)?,
            ("Add", [None, Some(moment)]) => self.shifted(node, moment, 0)?,
            ("Add", [Some(first), Some(second)]) => {
                let (product, shift) = match first.stage {
                    Stage::Product(_) => (first, second),
                    _ => (second, first),
                };
                return match (product.stage, shift.stage) {
                    (Stage::Product(epsilon), Stage::Shift(other))
                        if epsilon == other && product.affine.weight == shift.affine.weight =>
                    {
                        let Moment { x, groups, .. } = product;
                        let y =
                            self.normalized(node, node.name, x, groups, epsilon, shift.affine)?;
                        Ok(Some(Slot::Activation(Box::new(y))))
                    }
                    _ => Ok(None),
                };
            }
            _ => None,
        };
        Ok(next.map(|moment| Slot::Moment(Box::new(moment))))
    }

    /// The product of `moment` and input `i`: constant weights, or what the moment is of.
    fn scaled(
        &mut self,
        node: &OnnxNode<'a>,
        moment: Moment,
        i: usize,
    ) -> Result<Option<Moment>, ImportError> {
        Ok(match moment.stage {
            Stage::Inverse(epsilon) if self.is_constant(node, i) => {
                let weight = self.along_channels(node, i, &moment.x, 0)?;
                let affine = Affine { weight, ..moment.affine };
                Some(Moment { stage: Stage::Scale(epsilon), affine, ..moment })
            }
            Stage::Inverse(epsilon) | Stage::Scale(epsilon)
                if !self.is_constant(node, i) && self.reads(node, i, &moment.x)? =>
            {
                Some(Moment { stage: Stage::Product(epsilon), ..moment })
            }
            _ => None,
        })
    }

    /// `moment` with the constant input `i` as its biases.
    fn shifted(
        &mut self,
        node: &OnnxNode<'a>,
        moment: Moment,
        i: usize,
    ) -> Result<Option<Moment>, ImportError> {
        let is_first = moment.affine.bias.iter().all(|&bias| bias == 0.0);
        if !matches!(moment.stage, Stage::Shift(_)) || !is_first || !self.is_constant(node, i) {
            return Ok(None);
        }
        let bias = self.along_channels(node, i, &moment.x, 0)?;
        Ok(Some(Moment { affine: Affine { bias, ..moment.affine }, ..moment }))
    }

    /// Whether a Reshape of a mean, whose axes have extent 1 where it is over them, changes nothing.
    fn keeps_axes(&self, node: &OnnxNode<'a>, mean: &Moment) -> Result<bool, ImportError> {
        let Moment { x, groups, .. } = mean;
        let extents = x.dimensions(self.batch);
        let kept = |axis: usize| match (x.axis(axis), groups.over) {
            (None, _) => extents[axis],
            (Some(Axis::Channel), _) => groups.count.min(extents[axis]),
            (Some(_), Over::Channels) => extents[axis],
            (Some(_), Over::ChannelsAndPositions) => 1,
        };
        let to = self.integers(node, 1, "shape")?.unwrap_or_default();
        let same = |(axis, &to): (usize, &i64)| to == -1 || usize::try_from(to) == Ok(kept(axis));
        let open = to.iter().filter(|&&extent| extent == -1).count();
        Ok(to.len() == extents.len() && open <= 1 && to.iter().enumerate().all(same))
    }
}
