//! Members of one architecture as one network.

use bayes8_core::model::MAX_MEMBERS;
use bayes8_core::posterior::PerMember;
use bayes8_core::quoted::Echo;
use thiserror::Error;

use crate::network::{LayerParameters, Network, RealParameters};

/// Why networks are not the members of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnsembleError {
    /// Too few or too many.
    #[error("an ensemble has 2 to {MAX_MEMBERS} members, not {0}")]
    Count(usize),
    /// A member has members.
    #[error("member {0} is an ensemble itself: give all members side by side")]
    Nested(usize),
    /// A member takes another input or ends otherwise than the first.
    #[error("member {member} is another network than member 0: its {part} differs")]
    Interface {
        /// Index of the member.
        member: usize,
        /// What differs.
        part: &'static str,
    },
    /// A normalization of a member has other weights or biases than that of the first.
    #[error(
        "member {member} differs from member 0 in the weights or biases of the normalization `{node}`, which \
         members must share", node = Echo(node)
    )]
    Normalization {
        /// Index of the member.
        member: usize,
        /// Name of the node in member 0.
        node: String,
    },
    /// A node of a member is unlike that of the first.
    #[error(
        "member {member} is another network than member 0: {part} of node `{node}` differs; members \
         must have one architecture", node = Echo(node)
    )]
    Node {
        /// Index of the member.
        member: usize,
        /// Name of the node in member 0.
        node: String,
        /// What differs.
        part: &'static str,
    },
}

impl EnsembleError {
    /// The member that does not fit.
    pub(crate) fn member(&self) -> Option<usize> {
        match *self {
            Self::Count(_) => None,
            Self::Nested(member)
            | Self::Interface { member, .. }
            | Self::Normalization { member, .. }
            | Self::Node { member, .. } => Some(member),
        }
    }
}

impl Network {
    /// Joins networks of one architecture, of which samples take one after the other. Layers that are
    /// equal in all are shared.
    ///
    /// # Errors
    /// [`EnsembleError`], which names the first node that differs by more than its weights.
    pub fn ensemble(members: Vec<Self>) -> Result<Self, EnsembleError> {
        let count = members.len();
        if let Some(nested) = members.iter().position(|member| member.members() > 1) {
            return Err(EnsembleError::Nested(nested));
        }
        let mut members = members.into_iter();
        let joined = members.next().filter(|_| (2..=MAX_MEMBERS).contains(&count));
        let mut joined = joined.ok_or(EnsembleError::Count(count))?;
        for (member, network) in (1..).zip(members) {
            joined.join(member, network)?;
        }
        for data in joined.graph.data_mut() {
            if let RealParameters::Layer(layer) = &mut data.parameters
                && layer.iter().all(|member| member == layer.member(0))
            {
                *layer = PerMember::shared(layer.member(0).clone());
            }
        }
        Ok(joined)
    }

    fn join(&mut self, member: usize, network: Self) -> Result<(), EnsembleError> {
        let differs = |part| EnsembleError::Interface { member, part };
        if self.graph.input() != network.graph.input() || self.input != network.input {
            return Err(differs("input"));
        }
        if self.graph.nodes().len() != network.graph.nodes().len() {
            return Err(differs("number of nodes"));
        }
        if self.outputs != network.outputs {
            return Err(differs("outputs"));
        }
        for (node, other) in self.graph.nodes().iter().zip(network.graph.nodes()) {
            let parameters = match (&node.data.parameters, &other.data.parameters) {
                (RealParameters::Layer(layer), RealParameters::Layer(other)) => {
                    has_bias(layer) == has_bias(other) && other.is_shared()
                }
                (RealParameters::Affine(one), RealParameters::Affine(other)) if one != other => {
                    return Err(EnsembleError::Normalization { member, node: node.name.clone() });
                }
                (one, other) => one == other,
            };
            let parts = [
                ("the operation", node.op == other.op),
                ("an input", node.inputs == other.inputs),
                ("the activation function", node.data.clamp == other.data.clamp && parameters),
            ];
            if let Some((part, _)) = parts.into_iter().find(|(_, equal)| !equal) {
                return Err(EnsembleError::Node { member, node: node.name.clone(), part });
            }
        }
        for (data, other) in self.graph.data_mut().zip(network.graph.into_nodes()) {
            if let (RealParameters::Layer(layer), RealParameters::Layer(other)) =
                (&mut data.parameters, other.data.parameters)
            {
                other.map(|own| layer.push(own));
            }
        }
        Ok(())
    }
}

fn has_bias(layer: &PerMember<LayerParameters>) -> bool {
    layer.iter().all(|layer| layer.bias.is_some())
}
