//! What is left out at the end of a network, and what is not.

use bayes8_convert::{HeadDetails, HeadKind, ImportOptions, OutputDetails, TargetDetails};
use ndarray::{Axis, concatenate};
use rten_onnx::onnx::{ModelProto, NodeProto};

use crate::common::{int, tensor};
use crate::heads::{assert_near, choose, logits, node, numbers, onnx, read};

fn with(mut node: NodeProto, attributes: &[(&str, i64)]) -> NodeProto {
    node.attribute.extend(attributes.iter().map(|&(name, value)| int(name, value)));
    node
}

#[test]
fn a_final_arg_max_over_classes_is_left_out() {
    let softmax = || node("Softmax", "p", &["logits"]);
    let cast = || with(node("Cast", "index", &["top"]), &[("to", 6)]);
    let top = |from, attributes: &[_]| with(node("ArgMax", "top", &[from]), attributes);
    for (nodes, output) in [
        (vec![top("logits", &[("axis", 1)])], "top"),
        (vec![top("logits", &[("axis", -1), ("keepdims", 0)])], "top"),
        (vec![softmax(), top("p", &[("axis", 1)])], "top"),
        (vec![softmax(), top("p", &[("axis", 1), ("keepdims", 0)]), cast()], "index"),
        (vec![top("logits", &[("axis", 1)]), node("Squeeze", "index", &["top"])], "index"),
    ] {
        let network = read(&onnx(nodes, &[output]), &ImportOptions::new()).unwrap();
        assert_eq!(network.outputs[0].head, Some(HeadKind::Classes));
        assert!(network.outputs[0].arg_max);
        assert_near(&numbers(&network), &logits());
    }
    let refused = |nodes, output, expected: &str| {
        let error = read(&onnx(nodes, &[output]), &ImportOptions::new()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    // The default axis is the batch.
    for batch in [top("logits", &[]), top("logits", &[("axis", 0)])] {
        refused(vec![batch], "top", "node `top` (ArgMax): only an ArgMax over classes");
    }
    let negated = vec![top("logits", &[("axis", 1)]), node("Neg", "n", &["top"])];
    refused(negated, "n", "reads an ArgMax; only a final one is supported");
}

/// `op(other) + 0.25` as the variance of `logits`.
fn variances(op: &str, shift: &str) -> Vec<u8> {
    let mut concat = node("Concat", "both", &["logits", "variance"]);
    concat.attribute.push(int("axis", 1));
    let last = node(shift, "variance", &["raw", "constant"]);
    let mut file = ModelProto::parse_buf(&onnx(
        vec![node(op, "raw", &["other"]), last, concat],
        &["both", "logits", "variance"],
    ))
    .unwrap();
    file.graph.as_mut().unwrap().initializer.push(tensor("constant", &[], &[0.25]));
    file.write_buf().unwrap()
}

#[test]
fn a_number_added_to_variances_becomes_noise_of_the_targets() {
    for (op, kind) in
        [("Softplus", HeadKind::GaussianSoftplus), ("Exp", HeadKind::GaussianLogVariance)]
    {
        for choice in ["both", "logits+variance", &format!("both={kind}")] {
            let network = read(&variances(op, "Add"), &choose(&[choice])).unwrap();
            assert_eq!(network.outputs[0].head, Some(kind), "{choice}");
            let both = concatenate(Axis(1), &[logits().view(), logits().view()]).unwrap();
            assert_near(&numbers(&network), &both);
            let noise = |targets| {
                let details = OutputDetails { targets, ..OutputDetails::default() };
                let outputs = network.heads(&HeadDetails::from(details)).unwrap();
                outputs[0].head.gaussian().unwrap().targets[0].noise
            };
            assert_eq!(noise(TargetDetails::default()), 0.5);
            let (scale, noisy) = (vec![8.0], vec![3.0]);
            assert_eq!(noise(TargetDetails { scale, noise: noisy, ..Default::default() }), 5.0);
        }
    }
}

#[test]
fn variances_are_not_made_twice() {
    for (op, last, head) in [
        ("Softplus", "Mul", "gaussian-softplus"),
        ("Softplus", "Max", "gaussian-softplus"),
        ("Exp", "Mul", "gaussian-log-variance"),
        ("Abs", "Add", "gaussian-softplus"),
    ] {
        for output in ["both", "logits+variance"] {
            let choice = format!("{output}={head}");
            let error = read(&variances(op, last), &choose(&[&choice])).unwrap_err().to_string();
            assert!(error.contains("node `variance` makes variances"), "{op} {last}: {error}");
        }
    }
    // Without variances an Exp belongs to the network.
    let positive = onnx(vec![node("Exp", "positive", &["logits"])], &["positive"]);
    let network = read(&positive, &ImportOptions::new()).unwrap();
    assert_near(&numbers(&network), &logits().mapv(f32::exp));
    // An activation function before the variances is none that makes them.
    let relu = onnx(vec![node("Relu", "positive", &["other"])], &["logits", "positive"]);
    read(&relu, &choose(&["logits+positive=gaussian-log-variance"])).unwrap();
}
