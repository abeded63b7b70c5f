//! Which operators and attributes there are, checked before anything is computed: an operator that is
//! not supported takes the blame itself, not the neighbour that cannot read its output.

use std::collections::HashMap;

use super::{ImportError, node::OnnxNode};
use bayes8_core::echo::Echo;

/// Every supported operator and its attributes in the operator sets 7 to 25. Another attribute could
/// change what the operator means.
const OPERATORS: &[(&str, &[&str])] = &[
    ("Abs", &[]),
    ("Acos", &[]),
    ("Acosh", &[]),
    ("Add", &[]),
    ("And", &[]),
    ("Asin", &[]),
    ("Asinh", &[]),
    ("Atan", &[]),
    ("Atanh", &[]),
    (
        "AveragePool",
        &[
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "strides",
        ],
    ),
    ("BatchNormalization", &["epsilon", "momentum", "spatial", "training_mode"]),
    ("Cast", &["round_mode", "saturate", "to"]),
    ("Ceil", &[]),
    ("Celu", &["alpha"]),
    ("Clip", &["max", "min"]),
    ("Concat", &["axis"]),
    (
        "Constant",
        &[
            "sparse_value",
            "value",
            "value_float",
            "value_floats",
            "value_int",
            "value_ints",
            "value_string",
            "value_strings",
        ],
    ),
    ("ConstantOfShape", &["value"]),
    ("Conv", &["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"]),
    (
        "ConvTranspose",
        &[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "output_padding",
            "output_shape",
            "pads",
            "strides",
        ],
    ),
    ("Cos", &[]),
    ("Cosh", &[]),
    ("Div", &[]),
    ("Dropout", &["ratio", "seed"]),
    ("Elu", &["alpha"]),
    ("Equal", &[]),
    ("Erf", &[]),
    ("Exp", &[]),
    ("Flatten", &["axis"]),
    ("Floor", &[]),
    ("Gather", &["axis"]),
    ("Gelu", &["approximate"]),
    ("Gemm", &["alpha", "beta", "transA", "transB"]),
    ("GlobalAveragePool", &[]),
    ("Greater", &[]),
    ("GreaterOrEqual", &[]),
    ("HardSigmoid", &["alpha", "beta"]),
    ("HardSwish", &[]),
    ("Identity", &[]),
    ("LeakyRelu", &["alpha"]),
    ("Less", &[]),
    ("LessOrEqual", &[]),
    ("Log", &[]),
    ("LogSoftmax", &["axis"]),
    ("MatMul", &[]),
    ("Max", &[]),
    (
        "MaxPool",
        &["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"],
    ),
    ("Min", &[]),
    ("Mish", &[]),
    ("Mul", &[]),
    ("Neg", &[]),
    ("Not", &[]),
    ("Or", &[]),
    ("PRelu", &[]),
    ("Pad", &["mode", "pads", "value"]),
    ("Pow", &[]),
    ("Reciprocal", &[]),
    ("ReduceMean", &["axes", "keepdims", "noop_with_empty_axes"]),
    ("ReduceProd", &["axes", "keepdims", "noop_with_empty_axes"]),
    ("Relu", &[]),
    ("Reshape", &["allowzero"]),
    ("Round", &[]),
    ("Selu", &["alpha", "gamma"]),
    ("Shape", &["end", "start"]),
    ("Shrink", &["bias", "lambd"]),
    ("Sigmoid", &[]),
    ("Sign", &[]),
    ("Sin", &[]),
    ("Sinh", &[]),
    ("Slice", &["axes", "ends", "starts"]),
    ("Softmax", &["axis"]),
    ("Softplus", &[]),
    ("Softsign", &[]),
    ("Split", &["axis", "num_outputs", "split"]),
    ("Sqrt", &[]),
    ("Squeeze", &["axes"]),
    ("Sub", &[]),
    ("Sum", &[]),
    ("Swish", &["alpha"]),
    ("Tan", &[]),
    ("Tanh", &[]),
    ("ThresholdedRelu", &["alpha"]),
    ("Transpose", &["perm"]),
    ("Unsqueeze", &["axes"]),
    ("Where", &[]),
    ("Xor", &[]),
];

/// Refuses the first of the live nodes whose operator or attributes are not supported.
pub(super) fn check(nodes: &[OnnxNode<'_>]) -> Result<(), ImportError> {
    let makers: HashMap<&str, &OnnxNode<'_>> = nodes
        .iter()
        .flat_map(|node| node.proto.output.iter().map(move |name| (name.as_str(), node)))
        .collect();
    let maker = |node: &OnnxNode<'_>, i| node.input(i).and_then(|name| makers.get(name).copied());
    for node in nodes {
        if let Some(domain) = node.proto.domain.as_deref()
            && !matches!(domain, "" | "ai.onnx")
        {
            let domain = Echo(domain);
            return Err(
                node.refuse(format!("operators of the domain `{domain}` are not supported"))
            );
        }
        let Some((_, attributes)) = OPERATORS.iter().find(|(op, _)| *op == node.op) else {
            let follows_reshape = maker(node, 0).is_some_and(|maker| maker.op == "Reshape");
            return Err(node.refuse(why_unsupported(node.op, follows_reshape)));
        };
        let names = node.proto.attribute.iter().map(|a| a.name.as_deref().unwrap_or(""));
        if let Some(name) = names.into_iter().find(|name| !attributes.contains(name)) {
            let name = Echo(name);
            return Err(node.refuse(format!("attribute `{name}` is not one of this operator's")));
        }
        // x - mean(x): what LayerNormalization is in operator sets that lack it.
        if node.op == "Sub"
            && let Some(mean) = maker(node, 1).filter(|maker| maker.op == "ReduceMean")
            && node.input(0) == mean.input(0)
        {
            return Err(mean.refuse(format!("with the nodes after it, {NORMALIZES}")));
        }
    }
    Ok(())
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
