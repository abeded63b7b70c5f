//! Whether a model and its FP32 network vary alike.

use bayes8_convert::Network;
use bayes8_convert::fidelity::{LayerFidelity, compare_posteriors};
use bayes8_core::model::{ActiveDropout, QuantizedModel};
use bayes8_core::ops::{Dropout, Op};

/// How far the standard deviations of a layer may differ from those of its FP32 network, as a share:
/// quantization keeps them within 3 %.
const STD_TOLERANCE: f64 = 0.1;

/// How the posterior of the FP32 network differs from the model's, if it does: its figures are then
/// those of another network.
pub(crate) fn other_posterior(network: &Network, model: &QuantizedModel) -> Option<String> {
    let ours = model.randomness();
    if ours.is_deterministic() && network.period() != Some(1) {
        return Some(
            "the model is deterministic (--deterministic), its FP32 network is not".into(),
        );
    }
    let (members, theirs) = (ours.members, network.members());
    if members != theirs {
        let count = |members| if members == 1 { "member" } else { "members" };
        return Some(format!(
            "the model has {members} {}, its FP32 network {theirs}",
            count(members)
        ));
    }
    match (ours.bayesian_layers > 0, network.is_bayesian()) {
        (true, false) => return Some("the model is Bayesian, its FP32 network is not".into()),
        (false, true) => return Some("its FP32 network is Bayesian, the model is not".into()),
        _ => {}
    }
    let nodes = network.graph.nodes().iter();
    let theirs: Vec<Dropout> = nodes
        .filter_map(|node| match node.op {
            Op::Dropout(dropout) => Some(dropout),
            _ => None,
        })
        .collect();
    if ours.dropout.len() != theirs.len() {
        let count = |nodes: usize| match nodes {
            0 => "no active dropout nodes".to_string(),
            1 => "1 active dropout node".into(),
            _ => format!("{nodes} active dropout nodes"),
        };
        let (ours, theirs) = (count(ours.dropout.len()), count(theirs.len()));
        return Some(format!("the model has {ours}, its FP32 network {theirs}"));
    }
    let mut nodes = ours.dropout.iter().zip(&theirs);
    if let Some((ActiveDropout { node, dropout, .. }, other)) =
        nodes.find(|(ours, theirs)| ours.dropout != **theirs)
    {
        let text = |d: &Dropout| format!("probability {} ({})", d.probability, d.kind.name());
        let (ours, theirs) = (text(dropout), text(other));
        return Some(format!(
            "dropout node `{node}` of the model has {ours}, that of its FP32 network {theirs}"
        ));
    }
    let differs = |layer: &LayerFidelity| (layer.layer_std_ratio - 1.0).abs() > STD_TOLERANCE;
    let mut layers = compare_posteriors(network, model).into_iter();
    let LayerFidelity { layer, layer_std_ratio, .. } = layers.find(differs)?;
    Some(format!(
        "the standard deviations of layer `{layer}` are {layer_std_ratio:.2} times those of its \
         FP32 network"
    ))
}
