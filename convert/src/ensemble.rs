//! Members of one architecture as one network.

use bayes8_core::graph::{Graph, GraphError, Node, Value, Window};
use bayes8_core::model::{Affine, MAX_MEMBERS};
use bayes8_core::ops::Conv2d;
use bayes8_core::posterior::PerMember;
use bayes8_core::quoted::Echo;
use thiserror::Error;

use crate::clamp::Clamp;
use crate::network::{Gaussian, LayerParameters, Network, Real, RealParameters};

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
    /// The network of a member is too large with a layer for the weights of each normalization.
    #[error(transparent)]
    Graph(#[from] GraphError),
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
            Self::Count(_) | Self::Graph(_) => None,
            Self::Nested(member) | Self::Interface { member, .. } | Self::Node { member, .. } => {
                Some(member)
            }
        }
    }
}

impl Network {
    /// Joins networks of one architecture, of which samples take one after the other. Layers that are
    /// equal in all are shared. The weights and biases of normalizations become layers if they differ.
    ///
    /// # Errors
    /// [`EnsembleError`], which names the first node that differs by more than its weights.
    pub fn ensemble(members: Vec<Self>) -> Result<Self, EnsembleError> {
        let count = members.len();
        if let Some(nested) = members.iter().position(|member| member.members() > 1) {
            return Err(EnsembleError::Nested(nested));
        }
        let members = with_scales(members)?;
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

/// The members with a layer after each normalization whose weights or biases differ, which scales and shifts its
/// channels instead.
fn with_scales(members: Vec<Network>) -> Result<Vec<Network>, EnsembleError> {
    let Some((first, others)) = members.split_first() else { return Ok(members) };
    let differs = |n: usize| {
        let affine = |network: &Network| network.graph.nodes().get(n)?.data.affine().cloned();
        let own = affine(first);
        own.is_some() && others.iter().any(|other| affine(other) != own)
    };
    let differing: Vec<bool> = (0..first.graph.nodes().len()).map(differs).collect();
    if !differing.contains(&true) {
        return Ok(members);
    }
    members.into_iter().map(|member| with_scales_after(member, &differing)).collect()
}

fn with_scales_after(network: Network, after: &[bool]) -> Result<Network, EnsembleError> {
    let Network { input, graph, mut outputs } = network;
    let mut scaled = Graph::new(graph.input())?;
    let mut places: Vec<Value> = Vec::new();
    for (n, Node { name, op, mut inputs, shape, mut data }) in
        graph.into_nodes().into_iter().enumerate()
    {
        for value in &mut inputs {
            if let Value::Node(n) = *value {
                *value = places[n];
            }
        }
        let split = after.get(n) == Some(&true);
        let place = match &mut data.parameters {
            RealParameters::Affine(affine) if split => {
                let channels = shape.channels;
                let plain = Affine { weight: vec![1.0; channels], bias: vec![0.0; channels] };
                let Affine { weight, bias } = std::mem::replace(affine, plain);
                let layer = LayerParameters {
                    weight: Gaussian::deterministic(weight),
                    bias: Some(Gaussian::deterministic(bias)),
                };
                let clamp = std::mem::replace(&mut data.clamp, Clamp::NONE);
                let parameters = RealParameters::Layer(PerMember::shared(layer));
                let window = Window::new([1, 1]);
                let conv = Conv2d { out_channels: channels, groups: channels, window };
                let scale = format!("{name}.scale");
                let value = scaled.push(name, op, inputs, data)?;
                scaled.push(scale, conv, vec![value], Real { clamp, parameters })?
            }
            _ => scaled.push(name, op, inputs, data)?,
        };
        places.push(place);
    }
    for node in outputs.iter_mut().flat_map(|output| &mut output.nodes) {
        if let Value::Node(n) = places[*node] {
            *node = n;
        }
    }
    Ok(Network { input, graph: scaled, outputs })
}

fn has_bias(layer: &PerMember<LayerParameters>) -> bool {
    layer.iter().all(|layer| layer.bias.is_some())
}
