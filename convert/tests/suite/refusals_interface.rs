//! Inputs and outputs of a graph that the importer refuses, and how it prints names.

use crate::common::{Fixture, assert_names, find, int, refusal};
use rten_onnx::onnx::{DataType, Dimension, ModelProto, NodeProto};

#[test]
fn probabilities_are_not_logits() {
    let output = |op: &str| {
        refusal("residual", |m| {
            let graph = m.graph.as_mut().unwrap();
            let last = graph.node.last().unwrap().output[0].clone();
            graph.node.push(NodeProto {
                name: Some("tail".into()),
                op_type: Some(op.into()),
                input: vec![last],
                output: vec!["out".into()],
                ..NodeProto::default()
            });
            graph.output[0].name = Some("out".into());
        })
    };
    let reason = "between 0 and 1";
    assert_names(&output("HardSigmoid"), &["graph output `out`", "`tail`", reason]);
    // The same after a pool, as a clamp.
    let pooled = refusal("mobile", |m| {
        let graph = m.graph.as_mut().unwrap();
        let pool = graph.node.iter().find(|n| n.op_type.as_deref() == Some("GlobalAveragePool"));
        let mean = pool.unwrap().output[0].clone();
        let clip = NodeProto {
            name: Some("clip".into()),
            op_type: Some("Clip".into()),
            input: vec![mean],
            output: vec!["clipped".into()],
            attribute: Vec::new(),
            ..NodeProto::default()
        };
        graph.node.push(NodeProto { op_type: Some("HardSigmoid".into()), ..clip });
        graph.output[0].name = Some("clipped".into());
    });
    assert_names(&pooled, &["graph output", "`clip`", "between 0 and 1"]);
    let middle = refusal("flatten", |m| find(m, "Gemm").op_type = Some("LogSoftmax".into()));
    assert_names(&middle, &["Softmax"]);
    let twice = refusal("flatten", |m| {
        let graph = m.graph.as_mut().unwrap();
        let last = graph.node.last().unwrap().output[0].clone();
        graph.node.push(NodeProto {
            op_type: Some("Log".into()),
            input: vec![last],
            output: vec!["out".into()],
            ..NodeProto::default()
        });
        graph.output[0].name = Some("out".into());
    });
    // The fixture ends in a LogSoftmax.
    assert_names(&twice, &["(Log)", "Softmax"]);
}

#[test]
fn interfaces_that_do_not_fit() {
    let open = refusal("residual", |m| {
        let info = &mut m.graph.as_mut().unwrap().input[0];
        let tensor = info.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        tensor.shape.as_mut().unwrap().dim[2] =
            Dimension { dim_value: None, dim_param: Some("h".into()) };
    });
    assert_names(&open, &["graph input `input`", "[n, 3, ?, 8]", "input shape"]);
    let integers = refusal("residual", |m| {
        let info = &mut m.graph.as_mut().unwrap().input[0];
        let tensor = info.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        tensor.elem_type = Some(DataType::INT64);
    });
    assert_names(&integers, &["graph input `input`", "its type is INT64, expected FLOAT"]);
    let gone = refusal("residual", |m| {
        m.graph.as_mut().unwrap().node.retain(|n| n.op_type.as_deref() != Some("AveragePool"));
    });
    assert_names(&gone, &["averagepool", "nothing makes"]);
}

#[test]
fn several_outputs_are_named() {
    let message = refusal("residual", |m| {
        let graph = m.graph.as_mut().unwrap();
        let mut second = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
        let mut second = second.graph.as_mut().unwrap().output.remove(0);
        second.name = Some("boxes".into());
        graph.output.push(second);
    });
    assert_names(&message, &["2 outputs", "`gemm", "`boxes`", "choose"]);
}

#[test]
fn names_of_a_file_cannot_flood_a_terminal() {
    let message = refusal("residual", |m| {
        let gemm = find(m, "Gemm");
        gemm.name = Some("x".repeat(100_000) + "\x1b[2J");
        gemm.attribute.push(int("transA", 1));
    });
    assert!(message.len() < 300, "{}", message.len());
    assert!(!message.contains('\x1b') && message.contains("\\u{1b}[2J"), "{message}");
    let message = refusal("residual", |m| find(m, "Relu").input[0] = "y".repeat(100_000));
    assert!(message.len() < 300, "{}", message.len());
    let message = refusal("residual", |m| find(m, "Relu").op_type = Some("Z".repeat(100_000)));
    assert!(message.len() < 300, "{}", message.len());
}
