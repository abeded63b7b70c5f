//! Operators and attributes that the importer refuses: its errors name the node.

use std::cell::RefCell;

use crate::common::{Fixture, assert_names, find, initializer, int, ints, none, refusal, string};
use bayes8_convert::import;
use rten_onnx::onnx::{AttributeProto, DataType, ModelProto, NodeProto, TensorProto};

#[test]
fn unsupported_operators_and_attributes_name_their_node() {
    let replaced = refusal("residual", |m| find(m, "Relu").op_type = Some("Det".into()));
    assert_names(&replaced, &["/relu2", "Det", "not supported"]);
    let mode = refusal("mobile", |m| find(m, "Pad").attribute.push(string("mode", "mirror")));
    assert_names(&mode, &["/pad", "(Pad)", "mode mirror"]);
    let auto = refusal("mobile", |m| find(m, "Conv").attribute.push(string("auto_pad", "SAME")));
    assert_names(&auto, &["(Conv)", "auto_pad SAME"]);
    let training = refusal("mobile", |m| {
        find(m, "BatchNormalization").attribute.push(int("training_mode", 1));
    });
    assert_names(&training, &["(BatchNormalization)", "training mode"]);
    let transposed = refusal("flatten", |m| find(m, "Gemm").attribute.push(int("transA", 1)));
    assert_names(&transposed, &["(Gemm)", "transA"]);
    // Of 21 positions after a stride of 2 and a slice: the fourth window has one.
    let ceil = refusal("branches", |m| {
        let pool = find(m, "AveragePool");
        pool.attribute.retain(|a| a.name.as_deref() == Some("count_include_pad"));
        for (name, values) in [("kernel_shape", [2, 2]), ("strides", [4, 4])] {
            pool.attribute.push(ints(name, &values));
        }
        pool.attribute.push(int("ceil_mode", 1));
    });
    assert_names(&ceil, &["(AveragePool)", "ceil_mode"]);
}

#[test]
fn windows_have_the_axes_of_their_input() {
    for dims in [&[6i64, 3, 9][..], &[6, 3, 1, 3, 3], &[6, 27], &[162]] {
        let message = refusal("mobile", |m| initializer(m, "stem.weight").dims = dims.to_vec());
        assert_names(&message, &["(Conv)", &format!("{dims:?}"), "2 axes"]);
    }
    let changed = |fixture: &str, op: &str, name: &str, numbers: &[i64]| {
        refusal(fixture, |m| {
            let attributes = &mut find(m, op).attribute;
            attributes.retain(|a| a.name.as_deref() != Some(name));
            attributes.push(ints(name, numbers));
        })
    };
    let strides = changed("sequence", "MaxPool", "strides", &[1, 1]);
    assert_names(&strides, &["(MaxPool)", "`strides` holds 2 numbers for 1 axes"]);
    let pads = changed("volume", "AveragePool", "pads", &[1, 1, 1, 1]);
    assert_names(&pads, &["(AveragePool)", "`pads` must hold 6 numbers"]);
    let axes = changed("sequence", "ReduceMean", "axes", &[1]);
    assert_names(&axes, &["(ReduceMean)", "only a mean over axes after"]);
}

#[test]
fn transposed_convolutions_that_cannot_be() {
    let changed = |attribute: AttributeProto| {
        refusal("transposed", |m| {
            let attributes = &mut find(m, "ConvTranspose").attribute;
            attributes.retain(|a| a.name != attribute.name);
            attributes.push(attribute);
        })
    };
    let most = i64::MAX;
    for (attribute, parts) in [
        (ints("output_shape", &[4, 3, 9]), &["`output_shape`"][..]),
        (string("auto_pad", "SAME_UPPER"), &["auto_pad SAME_UPPER"]),
        (ints("output_padding", &[1]), &["`output_padding` must hold 3 numbers"]),
        (ints("output_padding", &[-1, 0, 0]), &["`output_padding` holds -1"]),
        (ints("pads", &[0, 0, 0, 0, 0, most]), &["`pads` holds"]),
        (ints("strides", &[0, 1, 1]), &["must be positive"]),
        (ints("strides", &[1 << 26, 1 << 26, 1]), &["/convtranspose0.zeros", "2^26"]),
        (ints("pads", &[9, 0, 0, 9, 0, 0]), &["/convtranspose0.part", "slice"]),
        (int("group", 3), &["4 channels in 3 groups"]),
        (int("group", 0), &["4 channels in 0 groups"]),
        (int("group", -1), &["groups"]),
    ] {
        assert_names(&changed(attribute), parts);
    }
    let message = refusal("transposed", |m| initializer(m, "up.weight").dims = vec![2, 6, 3, 2, 3]);
    assert_names(&message, &["(ConvTranspose)", "2 channels in 2 groups", "2x3x3x4"]);
}

/// Puts `node` before the Relu of the fixture and returns the error's message.
fn with_node(op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
    refusal("residual", |m| {
        let nodes = &mut m.graph.as_mut().unwrap().node;
        let relu = nodes.iter().position(|n| n.op_type.as_deref() == Some("Relu")).unwrap();
        let x = nodes[relu].input[0].clone();
        let node = NodeProto {
            name: Some("culprit".into()),
            op_type: Some(op.into()),
            input: inputs.iter().map(|&i| if i == "x" { x.clone() } else { i.into() }).collect(),
            output: vec!["changed".into()],
            attribute: attributes,
            ..NodeProto::default()
        };
        nodes[relu].input[0] = "changed".into();
        nodes.insert(relu, node);
    })
}

#[test]
fn functions_and_arithmetic_beyond_the_subset_name_their_node() {
    let culprit = |message: String, what: &str| assert_names(&message, &["`culprit`", what]);
    culprit(with_node("Div", &["bn1.weight", "x"], vec![]), "one number per channel");
    culprit(with_node("Div", &["x", "input"], vec![]), "values of shapes");
    culprit(with_node("PRelu", &["x", "bn1.bias"], vec![]), "one number per channel");
    culprit(with_node("Gelu", &["x"], vec![string("approximate", "erf")]), "`approximate` erf");
    culprit(with_node("Max", &["x", "bn1.bias"], vec![]), "one number per channel");
    culprit(with_node("Max", &["x", "input"], vec![]), "one and the same value");
    culprit(with_node("Where", &["x", "x", "input"], vec![]), "one and the same value");
    culprit(with_node("Greater", &["x", "bn1.bias"], vec![]), "one and the same value");
    culprit(with_node("Pow", &["x", "x"], vec![]), "one number as its exponent");
    culprit(with_node("Pow", &["x", "bn1.bias"], vec![]), "one number as its exponent");
    culprit(with_node("Sum", &["x", "x", "input"], vec![]), "values of shapes");
    culprit(with_node("Mul", &["x", "input"], vec![]), "values of shapes");
    culprit(with_node("Add", &["x", "input"], vec![]), "values of shapes");
    culprit(with_node("ReduceMean", &["x"], vec![]), "axes after the channels");
    culprit(with_node("ReduceMean", &["x"], vec![ints("axes", &[1])]), "axes after the channels");
    let lost = vec![ints("axes", &[2]), int("keepdims", 0)];
    culprit(with_node("ReduceMean", &["x"], lost), "must keep");
    culprit(with_node("Transpose", &["x"], vec![ints("perm", &[0, 1, 3, 2])]), "only channels");
    culprit(with_node("Transpose", &["x"], vec![]), "[3, 2, 1, 0]");
    culprit(with_node("Cast", &["x"], vec![int("to", 7)]), "not supported");
    culprit(with_node("Mul", &["x", "conv2.weight"], vec![]), "one number per channel");
}

#[test]
fn channels_in_groups_are_for_a_shuffle_only() {
    let shuffled = |op: &str, perm: &[i64]| {
        refusal("channels", |m| {
            let transpose = find(m, "Transpose");
            transpose.name = Some("culprit".into());
            transpose.op_type = Some(op.into());
            transpose.attribute = if perm.is_empty() { vec![] } else { vec![ints("perm", perm)] };
        })
    };
    for perm in [&[0, 2, 1, 4, 3][..], &[0, 3, 2, 1, 4]] {
        assert_names(&shuffled("Transpose", perm), &["(Reshape)", "reshaping"]);
    }
    assert_names(&shuffled("Transpose", &[1, 0, 2, 3, 4]), &["`culprit`", "moves the batch"]);
    for perm in [&[0, 2, 1, 3][..], &[0, 2, 2, 3, 4], &[0, 1, 2, 3, 9]] {
        assert_names(&shuffled("Transpose", perm), &["`culprit`"]);
    }
    assert_names(&shuffled("Relu", &[]), &["`culprit`", "split by a Reshape"]);
    assert_names(&shuffled("GlobalAveragePool", &[]), &["`culprit`", "split by a Reshape"]);
    let gathered = |indices: Vec<u8>, dims: Vec<i64>| {
        refusal("channels", |m| {
            let gather = find(m, "Gather");
            gather.name = Some("culprit".into());
            let tensor = TensorProto {
                dims: dims.clone(),
                data_type: Some(DataType::INT64),
                raw_data: Some(RefCell::new(indices.clone())),
                name: Some("indices".into()),
                ..TensorProto::default()
            };
            gather.input[1] = "indices".into();
            m.graph.as_mut().unwrap().initializer.push(tensor);
        })
    };
    let uneven = refusal("channels", |m| {
        find(m, "Split").output.pop();
    });
    assert_names(&uneven, &["(Split)", "an axis of 3 cannot be split into 2 parts"]);
    let numbers = |numbers: &[i64]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    assert_names(&gathered(numbers(&[3]), vec![1]), &["`culprit`", "index 3 is outside of 0..3"]);
    assert_names(&gathered(numbers(&[]), vec![0]), &["`culprit`", "indices"]);
    assert_names(&gathered(numbers(&[0, 1]), vec![1, 2]), &["`culprit`", "indices"]);
}

/// Each squaring doubles the function; its tree must not be walked for ever.
#[test]
fn functions_cannot_grow_without_bound() {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let relu = nodes.iter().position(|n| n.op_type.as_deref() == Some("Relu")).unwrap();
    let mut name = nodes[relu].input[0].clone();
    for i in 0..200 {
        let squared = NodeProto {
            name: Some(format!("square{i}")),
            op_type: Some("Mul".into()),
            input: vec![name.clone(), name],
            output: vec![format!("squared{i}")],
            ..NodeProto::default()
        };
        name = squared.output[0].clone();
        nodes.insert(relu + i, squared);
    }
    nodes[relu + 200].input[0] = name;
    let network = import(&model.write_buf().unwrap(), &none()).unwrap();
    let largest = network
        .graph
        .nodes()
        .iter()
        .filter_map(|node| node.data.function())
        .map(|f| f.size())
        .max();
    assert!((8..=64).contains(&largest.unwrap()), "{largest:?}");
}

#[test]
fn unsupported_operators_take_the_blame_before_their_neighbours() {
    let inserted = |op: &str| {
        // Here a Reshape would not understand the shape and be blamed first.
        refusal("residual", |m| {
            let nodes = &mut m.graph.as_mut().unwrap().node;
            let last = nodes.last_mut().unwrap();
            let maker = NodeProto {
                name: Some("odd".into()),
                op_type: Some(op.into()),
                input: vec![last.input[0].clone()],
                output: vec!["odd_out".into()],
                ..NodeProto::default()
            };
            last.input[0] = "odd_out".into();
            nodes[0].attribute.push(int("group", 7));
            let at = nodes.len() - 1;
            nodes.insert(at, maker);
        })
    };
    assert_names(&inserted("LSTM"), &["`odd` (LSTM)", "recurrent"]);
    assert_names(&inserted("LpNormalization"), &["`odd` (LpNormalization)", "groups and layers"]);
    assert_names(&inserted("QuantizeLinear"), &["`odd`", "quantized already"]);
    assert_names(&inserted("Einsum"), &["`odd` (Einsum)", "the operator is not supported"]);
    for op in ["ReduceMin", "STFT"] {
        assert_names(&inserted(op), &[&format!("`odd` ({op})"), "onnx.utils.extract_model"]);
    }
    let custom = refusal("residual", |m| {
        find(m, "Gemm").domain = Some("com.microsoft".into());
    });
    assert_names(&custom, &["(Gemm)", "domain `com.microsoft`"]);
}
