//! Checks operators and attributes before anything is computed, so that the error of an unsupported
//! operator names that operator and not a neighbour that cannot read its output.

use std::collections::HashMap;

use bayes8_core::quoted::Echo;

use super::{lower, node::OnnxNode, operator::Operator};
use crate::error::ImportError;

/// The live nodes, each with its operator.
///
/// # Errors
/// The first node whose operator or attributes are not supported.
pub(super) fn resolve(
    nodes: Vec<OnnxNode<'_>>,
) -> Result<Vec<(OnnxNode<'_>, &'static Operator)>, ImportError> {
    let makers: HashMap<&str, &OnnxNode<'_>> = nodes
        .iter()
        .flat_map(|node| node.proto.output.iter().map(move |name| (name.as_str(), node)))
        .collect();
    let maker = |node: &OnnxNode<'_>, i| node.input(i).and_then(|name| makers.get(name).copied());
    let mut operators = Vec::with_capacity(nodes.len());
    for node in &nodes {
        if let Some(domain) = node.proto.domain.as_deref()
            && !matches!(domain, "" | "ai.onnx")
        {
            let domain = Echo(domain);
            return Err(
                node.refuse(format!("operators of the domain `{domain}` are not supported"))
            );
        }
        let Some(operator) = lower::operator(node.op) else {
            let follows_reshape = maker(node, 0).is_some_and(|maker| maker.op == "Reshape");
            return Err(node.refuse(why_unsupported(node.op, follows_reshape)));
        };
        let names = node.proto.attribute.iter().map(|a| a.name.as_deref().unwrap_or(""));
        if let Some(name) = names.into_iter().find(|name| !operator.attributes.contains(name)) {
            let name = Echo(name);
            return Err(node.refuse(format!("attribute `{name}` is not one of this operator's")));
        }
        // x - mean(x): the start of LayerNormalization in operator sets that lack it.
        if node.op == "Sub"
            && let Some(mean) = maker(node, 1).filter(|maker| maker.op == "ReduceMean")
            && node.input(0) == mean.input(0)
        {
            return Err(mean.refuse(format!("with the nodes after it, {NORMALIZES}")));
        }
        operators.push(operator);
    }
    let nodes = nodes.into_iter().zip(operators);
    Ok(nodes
        .map(|(node, operator)| (OnnxNode { takes: operator.takes, ..node }, operator))
        .collect())
}

const NORMALIZES: &str = "it normalizes by statistics of each input, as GroupNorm and LayerNorm do; \
    only BatchNormalization, whose statistics are stored, is supported";

fn why_unsupported(op: &str, follows_reshape: bool) -> String {
    match op {
        "InstanceNormalization" if follows_reshape => {
            format!("between two Reshapes it is a GroupNorm: {NORMALIZES}")
        }
        "LSTM" | "GRU" | "RNN" => "recurrent layers are not supported".into(),
        "If" | "Loop" | "Scan" => "control flow is not supported".into(),
        "QuantizeLinear"
        | "DequantizeLinear"
        | "DynamicQuantizeLinear"
        | "QLinearConv"
        | "QLinearMatMul"
        | "ConvInteger"
        | "MatMulInteger" => "the network is quantized already; export it in floating point".into(),
        _ if op.ends_with("Normalization") => NORMALIZES.into(),
        _ => "the operator is not supported".into(),
    }
}
