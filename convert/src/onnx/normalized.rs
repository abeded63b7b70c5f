//! Normalizations of groups of channels.

use bayes8_core::graph::Op;
use bayes8_core::model::Affine;
use bayes8_core::ops::{Epsilon, Normalize};

use super::{activation::Activation, builder::Builder, groups::Groups, node::OnnxNode};
use crate::{
    error::ImportError,
    network::{Real, RealParameters},
};

impl<'a> Builder<'a> {
    /// Normalizes groups of `x`, of which nothing is pending.
    pub(super) fn normalized(
        &mut self,
        node: &OnnxNode<'a>,
        name: &str,
        x: Activation,
        groups: Groups,
        epsilon: f32,
        affine: Affine,
    ) -> Result<Activation, ImportError> {
        let epsilon = Epsilon::try_from(epsilon).map_err(|error| node.refuse(error.to_string()))?;
        let op = Op::Normalize(Normalize { groups: groups.count, over: groups.over, epsilon });
        let data = Real::new(RealParameters::Affine(affine));
        let value = self.push_node(name, op, vec![x.value], data)?;
        Ok(Activation { value, ..x })
    }
}
