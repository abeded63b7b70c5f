//! The meaning of the outputs: the logits of two or more classes, until there are other heads.

use super::{
    activation::{Activation, Pending},
    builder::{Builder, Slot},
};
use crate::{error::ImportError, network::Network};

/// How to export a binary classifier that can be imported.
const TWO_LOGITS: &str = "for a binary classifier export two logits and a Softmax, by a last layer \
                          whose first output has weights and bias 0 and whose second is this one";

impl Builder<'_> {
    /// The finished network, whose logits are the value `output`.
    pub(super) fn finish(mut self, output: &str) -> Result<Network, ImportError> {
        if let Some(name) = self.sigmas.iter().find(|name| !self.sampled.contains(*name)) {
            return Err(ImportError::SigmaNotWeight(name.clone()));
        }
        let refuse =
            |reason: String| ImportError::Interface { kind: "output", name: output.into(), reason };
        let Some(Slot::Activation(activation)) = self.slots.get(output) else {
            return Err(refuse("it does not depend on the input".into()));
        };
        let activation = Activation::clone(activation);
        check(&activation).map_err(refuse)?;
        let softmax = activation.softmax;
        self.make_logits(activation, refuse)?;
        let Self { input, graph, .. } = self;
        Ok(Network { input, graph, softmax })
    }
}

/// Refuses outputs that are not the logits of classes, with the reason.
fn check(output: &Activation) -> Result<(), String> {
    let labels = output.shape.channels;
    let sigmoid = match &output.pending {
        Pending::Function { node, function } if function.ends_in_sigmoid() => Some(node),
        _ => None,
    };
    match (labels, sigmoid) {
        (1, Some(node)) => Err(format!(
            "node `{node}` makes one probability by a Sigmoid, and a model has two or more classes; \
             {TWO_LOGITS}"
        )),
        (1, None) if output.shape.spatial() == 1 => Err(format!(
            "it is one number, the logit of a binary classifier or a regression, and a model has two \
             or more classes; {TWO_LOGITS}"
        )),
        (_, Some(node)) => Err(format!(
            "node `{node}` makes {labels} probabilities by a Sigmoid, which need not sum to 1: \
             independent labels are not supported, and their logits are not those of classes"
        )),
        _ => Ok(()),
    }
}
