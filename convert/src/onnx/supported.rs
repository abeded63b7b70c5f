//! Checks operators and attributes before anything is computed, so that the error of an unsupported
//! operator names that operator and not a neighbour that cannot read its output.

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
            return Err(node.refuse(why_unsupported(node.op)));
        };
        let names = node.proto.attribute.iter().map(|a| a.name.as_deref().unwrap_or(""));
        if let Some(name) = names.into_iter().find(|name| !operator.attributes.contains(name)) {
            let name = Echo(name);
            return Err(node.refuse(format!("attribute `{name}` is not one of this operator's")));
        }
        operators.push(operator);
    }
    let nodes = nodes.into_iter().zip(operators);
    Ok(nodes
        .map(|(node, operator)| (OnnxNode { takes: operator.takes, ..node }, operator))
        .collect())
}

fn why_unsupported(op: &str) -> String {
    match op {
        "LSTM" | "GRU" | "RNN" => "recurrent layers are not supported".into(),
        "If" | "Loop" | "Scan" => "control flow is not supported".into(),
        "QuantizeLinear"
        | "DequantizeLinear"
        | "DynamicQuantizeLinear"
        | "QLinearConv"
        | "QLinearMatMul"
        | "ConvInteger"
        | "MatMulInteger" => "the network is quantized already; export it in floating point".into(),
        "ReduceMin" | "STFT" | "DFT" | "MelWeightMatrix" | "HannWindow" | "HammingWindow"
        | "BlackmanWindow" => {
            "the operator is not supported; if it prepares the input, such as the spectrogram of a \
             sound, cut the file after that (onnx.utils.extract_model), and prepare the input in the \
             program"
                .into()
        }
        _ if op.ends_with("Normalization") => {
            "of the normalizations, those of batches, instances, groups and layers are supported"
                .into()
        }
        _ => "the operator is not supported".into(),
    }
}
