//! Normalizations that exporters spell as means of groups: `(x - mean) / sqrt(mean((x - mean)^2) + epsilon)`.

use std::collections::{HashMap, HashSet};

use bayes8_core::model::Affine;

use super::activation::Activation;
use super::builder::{Builder, Slot};
use super::groups::Groups;
use super::moment::{Moment, Stage};
use super::node::OnnxNode;
use super::operator::Operator;
use crate::error::ImportError;

/// The outputs of ReduceMean nodes that are subtracted from the value that they are means of.
pub(super) fn centers<'a>(nodes: &[(OnnxNode<'a>, &Operator)]) -> HashSet<&'a str> {
    let nodes = || nodes.iter().map(|(node, _)| node);
    let means = nodes().filter(|node| node.op == "ReduceMean");
    let of: HashMap<_, _> = means.map(|node| (node.name_of_output(), node.input(0))).collect();
    let differences = nodes().filter(|node| node.op == "Sub");
    let centers = differences.filter_map(|node| {
        let mean = node.input(1)?;
        (*of.get(mean)? == node.input(0)).then_some(mean)
    });
    centers.collect()
}

impl<'a> Builder<'a> {
    /// The output of a ReduceMean over channels, perhaps also over all positions, or over positions at the
    /// beginning of a normalization; `None` if it is another.
    pub(super) fn mean_of_groups(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Option<Slot>, ImportError> {
        let x = self.settled(node, 0)?;
        let stage = Stage::Mean;
        Ok(match self.groups(node, &x)? {
            // A mean over positions is a pool unless the value's deviation from it follows.
            Some(groups) if groups.count == 1 || self.centers.contains(node.name_of_output()) => {
                let mean = node.name.to_owned();
                let channels = x.shape.channels;
                self.budget.check(node.name, channels)?;
                let affine = Affine { weight: vec![1.0; channels], bias: vec![0.0; channels] };
                Some(Slot::Moment(Box::new(Moment { mean, x, groups, stage, affine })))
            }
            _ => None,
        })
    }

    /// The groups of which a ReduceMean that keeps all axes takes means.
    fn groups(&self, node: &OnnxNode<'a>, x: &Activation) -> Result<Option<Groups>, ImportError> {
        let rank = x.form.rank();
        let axes = self.integers(node, 1, "axes")?.unwrap_or_default();
        let axes = axes.iter().map(|&axis| node.axis(axis, rank)).collect::<Result<Vec<_>, _>>()?;
        let keeps = node.int("keepdims", 1)? != 0;
        Ok(if axes.is_empty() || !keeps { None } else { Groups::along(x, &axes) })
    }

    /// The output of a node that reads a moment.
    pub(super) fn moment(&mut self, node: &OnnxNode<'a>) -> Result<Slot, ImportError> {
        let at = [0, 1].map(|i| self.moment_at(node, i).map(|moment| moment.stage));
        let first = (0..2).find_map(|i| self.moment_at(node, i)).cloned();
        let first = first.ok_or_else(|| node.refuse("it reads a mean over channels"))?;
        let strange = || first.unfinished();
        let mut others = (0..node.proto.input.len()).filter_map(|i| self.moment_at(node, i));
        if !others.all(|other| other.is_of_same(&first)) {
            return Err(strange());
        }
        if let Some(slot) = self.scaled_moment(node)? {
            return Ok(slot);
        }
        let Moment { mean, x, groups, affine, .. } = first.clone();
        let number = |i: usize| -> Result<Option<f64>, ImportError> {
            match self.is_constant(node, i) {
                true => Ok(self.constant(node, i)?.and_then(|constant| constant.uniform())),
                false => Ok(None),
            }
        };
        let stage = match (node.op, at[0], at[1]) {
            ("Identity" | "Cast", Some(stage), None) => stage,
            ("Sub", None, Some(Stage::Mean)) if self.reads(node, 0, &x)? => Stage::Deviation,
            ("Mul", Some(Stage::Deviation), Some(Stage::Deviation)) => Stage::Square,
            ("Pow", Some(Stage::Deviation), None) if number(1)? == Some(2.0) => Stage::Square,
            ("ReduceMean", Some(Stage::Square), None) if self.groups(node, &x)? == Some(groups) => {
                Stage::Variance
            }
            ("Add", Some(Stage::Variance), None) | ("Add", None, Some(Stage::Variance)) => {
                let epsilon = number(if at[0].is_none() { 0 } else { 1 })?;
                Stage::Sum(epsilon.ok_or_else(strange)? as f32)
            }
            ("Sqrt", Some(Stage::Sum(epsilon)), None) => Stage::Root(epsilon),
            ("Pow", Some(Stage::Sum(epsilon)), None) if number(1)? == Some(0.5) => {
                Stage::Root(epsilon)
            }
            ("Pow", Some(Stage::Sum(epsilon)), None) if number(1)? == Some(-0.5) => {
                Stage::Inverse(epsilon)
            }
            ("Reciprocal", Some(Stage::Root(epsilon)), None) => Stage::Inverse(epsilon),
            ("Div", None, Some(Stage::Root(epsilon))) if number(0)? == Some(1.0) => {
                Stage::Inverse(epsilon)
            }
            ("Div", Some(Stage::Deviation), Some(Stage::Root(epsilon)))
            | ("Mul", Some(Stage::Deviation), Some(Stage::Inverse(epsilon)))
            | ("Mul", Some(Stage::Inverse(epsilon)), Some(Stage::Deviation)) => {
                let y = self.normalized(node, node.name, x, groups, epsilon, affine)?;
                return Ok(Slot::Activation(Box::new(y)));
            }
            _ => return Err(strange()),
        };
        Ok(Slot::Moment(Box::new(Moment { mean, x, groups, stage, affine })))
    }

    /// Whether input `i` is `x` itself, not a function of it.
    pub(super) fn reads(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
        x: &Activation,
    ) -> Result<bool, ImportError> {
        let input = self.activation(node, i)?;
        Ok(input.is_plain() && input.is_same_value(x))
    }

    /// The moment that is input `i`, if it is one.
    pub(super) fn moment_at(&self, node: &OnnxNode<'_>, i: usize) -> Option<&Moment> {
        match self.slot(node, node.input(i)?) {
            Ok(Slot::Moment(moment)) => Some(moment),
            _ => None,
        }
    }
}
