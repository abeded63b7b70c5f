//! Random masks, as exporters spell dropout: `x * Bernoulli(keep) / keep`, or a comparison of
//! `RandomUniform` numbers.

use bayes8_core::graph::Op;
use bayes8_core::ops::{Dropout, DropoutKind, DropoutProbability};

use super::activation::{Activation, Axis, Pending};
use super::builder::{Builder, Slot};
use super::mask::{Mask, Numbers};
use super::node::OnnxNode;
use crate::error::ImportError;
use crate::function::Unary;
use crate::network::{Real, RealParameters};

/// How far a factor may be from 1 to count as 1: the error of computing it in f32.
const ROUNDING: f64 = 1e-6;

impl<'a> Builder<'a> {
    /// Succeeds if the graph has the dropout nodes that are to be activated.
    ///
    /// # Errors
    /// [`ImportError::DropoutUnknown`].
    pub(super) fn check_dropout(&self) -> Result<(), ImportError> {
        let Some(chosen) = &self.mc_dropout else { return Ok(()) };
        let known = &self.dropout_nodes;
        let unknown = match &chosen.nodes {
            None => known.is_empty().then_some("all"),
            Some(names) => names.iter().find(|name| !known.contains(name)).map(String::as_str),
        };
        match unknown {
            Some(name) => {
                Err(ImportError::DropoutUnknown { name: name.into(), known: known.clone() })
            }
            None => Ok(()),
        }
    }

    /// The output of a node that reads a mask.
    pub(super) fn masked(&mut self, node: &OnnxNode<'a>) -> Result<Slot, ImportError> {
        let masks = (0..node.proto.input.len()).filter(|&i| self.mask(node, i).is_some());
        let masks: Vec<usize> = masks.collect();
        let (&[at], Some(mask)) = (&*masks, masks.first().and_then(|&i| self.mask(node, i))) else {
            return Err(node.refuse("it combines several random values"));
        };
        let mask = mask.clone();
        let other = if at == 0 { 1 } else { 0 };
        let keeps = |keep: f64| {
            let keep = keep.clamp(0.0, 1.0);
            let numbers = Numbers::Kept { keep, value: 1.0 };
            Ok(Slot::Mask(Mask { numbers, ..mask.clone() }))
        };
        match (node.op, mask.numbers, self.mask_number(node, other)?) {
            ("Cast" | "CastLike" | "Identity", ..) => Ok(Slot::Mask(mask)),
            ("Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual", uniform, Some(bound)) => {
                let Numbers::Uniform { low, high } = uniform else { return Err(strange(node)) };
                let below = (bound - low) / (high - low);
                let is_below = node.op.starts_with("Less") == (at == 0);
                keeps(if is_below { below } else { 1.0 - below })
            }
            ("Not", Numbers::Kept { keep, value: 1.0 }, _) => keeps(1.0 - keep),
            ("Add", Numbers::Uniform { low, high }, Some(number)) => {
                let numbers = Numbers::Uniform { low: low + number, high: high + number };
                Ok(Slot::Mask(Mask { numbers, ..mask }))
            }
            // Old versions of TensorFlow: floor(keep + uniform).
            ("Floor", Numbers::Uniform { low, high }, _)
                if (high - low - 1.0).abs() < ROUNDING && (0.0..=1.0).contains(&low) =>
            {
                keeps(low)
            }
            ("Mul" | "Div", Numbers::Kept { keep, value }, Some(number)) => {
                let value = match (node.op, at) {
                    ("Mul", _) => value * number,
                    (_, 0) if number != 0.0 => value / number,
                    _ => return Err(strange(node)),
                };
                Ok(Slot::Mask(Mask { numbers: Numbers::Kept { keep, value }, ..mask }))
            }
            ("Mul", Numbers::Kept { keep, value }, None) => {
                self.drop_units(node, other, &mask.shape, 1.0 - keep, value)
            }
            // Where, as TensorFlow's exporter spells it: x * mask + 0 * (not mask).
            ("Add", Numbers::Kept { value: 0.0, .. }, None) => {
                let x = self.activation(node, other)?;
                self.kind(node, &x, &mask.shape)?;
                Ok(Slot::Activation(Box::new(x)))
            }
            ("Where", Numbers::Kept { keep, value: 1.0 }, _) if at == 0 => {
                let zero = |i| matches!(self.mask_number(node, i), Ok(Some(0.0)));
                match (zero(1), zero(2)) {
                    (false, true) => self.drop_units(node, 1, &mask.shape, 1.0 - keep, 1.0),
                    (true, false) => self.drop_units(node, 2, &mask.shape, keep, 1.0),
                    _ => Err(strange(node)),
                }
            }
            _ => Err(strange(node)),
        }
    }

    /// The mask that is input `i`, if it is one.
    fn mask(&self, node: &OnnxNode<'_>, i: usize) -> Option<&Mask> {
        match self.slot(node, node.input(i)?) {
            Ok(Slot::Mask(mask)) => Some(mask),
            _ => None,
        }
    }

    /// The number that constant input `i` holds, if there is such an input.
    fn mask_number(&self, node: &OnnxNode<'_>, i: usize) -> Result<Option<f64>, ImportError> {
        if !self.is_constant(node, i) {
            return Ok(None);
        }
        let number = self.constant(node, i)?.and_then(|constant| constant.uniform());
        let number = number.filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| node.refuse("random values are combined with a tensor"))
    }

    /// Input `i` with units dropped with `probability`, and the others multiplied by `value`; a unit
    /// is what a number of a mask of shape `shape` is broadcast to.
    fn drop_units(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        shape: &[usize],
        probability: f64,
        value: f64,
    ) -> Result<Slot, ImportError> {
        // A factor may as well come after: exporters of TensorFlow make up for dropped units first.
        let x = self.function_of(node, i)?;
        let (x, before) = match x.function().as_factor() {
            Some(factor) => (Activation { pending: Pending::Nothing, ..x }, factor),
            None => (self.settled(node, i)?, 1.0),
        };
        let kind = self.kind(node, &x, shape)?;
        let factor = before * value * (1.0 - probability);
        let mut y = self.dropout(node, x, kind, probability)?;
        // If the mask is not scaled, the factor that makes up for dropped units may follow.
        if (factor - 1.0).abs() > ROUNDING {
            let function = y.function().then(Unary::scaling(factor));
            y = self.bounded_function(node, y, function)?;
        }
        Ok(Slot::Activation(Box::new(y)))
    }

    /// `x`, of which nothing is pending, with units dropped with `probability`.
    pub(super) fn dropout(
        &mut self,
        node: &OnnxNode<'a>,
        x: Activation,
        kind: DropoutKind,
        probability: f64,
    ) -> Result<Activation, ImportError> {
        let probability = match DropoutProbability::nearest(probability) {
            Some(nearest) => nearest,
            None if probability.abs() < f64::from(f32::EPSILON) => return Ok(x),
            None => {
                return Err(node.refuse(format!(
                    "it drops with probability {probability}, which must be above 0 and below 1, in \
                     units of 2^-16"
                )));
            }
        };
        let op = Op::Dropout(Dropout { probability, kind });
        let data = Real::new(RealParameters::None);
        let value = self.push_node(node.name, op, vec![x.value], data)?;
        Ok(Activation { value, ..x })
    }

    /// What a mask of this shape drops of `x` as a whole.
    fn kind(
        &self,
        node: &OnnxNode<'a>,
        x: &Activation,
        shape: &[usize],
    ) -> Result<DropoutKind, ImportError> {
        let extents = x.dimensions(self.batch);
        let refused = || {
            node.refuse(format!(
                "a random mask of shape {shape:?} over a value of shape {extents:?}: only masks of \
                 elements, of whole channels and of the whole value are supported"
            ))
        };
        let missing = extents.len().checked_sub(shape.len()).ok_or_else(refused)?;
        let own = |axis: usize| axis.checked_sub(missing).map_or(1, |i| shape[i]);
        if (0..extents.len()).any(|axis| own(axis) != 1 && own(axis) != extents[axis]) {
            return Err(refused());
        }
        // Axes along which units differ, and those along which they could.
        let long = (1..extents.len()).filter(|&axis| extents[axis] > 1);
        let (own, shared): (Vec<usize>, Vec<usize>) = long.partition(|&axis| own(axis) > 1);
        let channels = x.form.axes().iter().position(|&axis| axis == Axis::Channel);
        match (&*own, &*shared) {
            ([], [_, ..]) => Ok(DropoutKind::Value),
            (_, []) => Ok(DropoutKind::Element),
            (&[axis], _) if Some(axis - 1) == channels => Ok(DropoutKind::Channel),
            _ => Err(refused()),
        }
    }
}

fn strange(node: &OnnxNode<'_>) -> ImportError {
    node.refuse(
        "it computes with random values in a way that is not known from any dropout; noise is \
         supported as dropout and as standard deviations of weights",
    )
}
