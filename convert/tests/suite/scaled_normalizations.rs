//! Normalizations as TensorFlow spells them: `x * scale + (bias - mean * scale)`.

use bayes8_core::ops::Over;
use rten_onnx::onnx::{NodeProto, TensorProto};

use crate::common::{assert_names, ints, tensor};
use crate::heads::node;
use crate::normalizations::{
    CHANNELS, COLUMNS, ROWS, bias, check, expected, imported, integers, refused, weight, with,
};

/// Layer normalization of the channels of `x`, by weights and biases or, without these, by itself.
fn spelled(has_weights: bool) -> Vec<NodeProto> {
    let mean = |to, from| with(node("ReduceMean", to, &[from]), vec![ints("axes", &[1])]);
    let scale = if has_weights { "scale" } else { "inverse" };
    let mut nodes = vec![
        mean("mean", "x"),
        node("Neg", "negative", &["mean"]),
        node("Reshape", "same", &["mean", "kept"]),
        node("Sub", "deviation", &["x", "same"]),
        node("Mul", "square", &["deviation", "deviation"]),
        mean("variance", "square"),
        node("Add", "sum", &["variance", "epsilon"]),
        node("Sqrt", "root", &["sum"]),
        node("Reciprocal", "inverse", &["root"]),
        node("Mul", "scaled", &["x", scale]),
        node("Mul", "shift", &["negative", scale]),
    ];
    if has_weights {
        nodes.push(node("Mul", "scale", &["inverse", "weights"]));
        nodes.push(node("Add", "shifted", &["shift", "biases"]));
        nodes.push(node("Add", "y", &["scaled", "shifted"]));
    } else {
        nodes.push(node("Add", "y", &["scaled", "shift"]));
    }
    nodes
}

fn tensors(kept: [i64; 4]) -> Vec<TensorProto> {
    let shape = [1, CHANNELS as i64, 1, 1];
    vec![
        tensor("weights", &shape, &weight()),
        tensor("biases", &shape, &bias()),
        integers("kept", &kept),
    ]
}

/// The extents of a mean.
const KEPT: [i64; 4] = [-1, 1, ROWS as i64, COLUMNS as i64];

#[test]
fn a_scale_and_a_shift_of_means_are_a_normalization() {
    let position = |[h, w, _]: [usize; 3]| h * COLUMNS + w;
    let found = imported(13, spelled(true), tensors(KEPT));
    check(&found, 1, Over::Channels, &expected(position, 1e-3, &weight(), &bias()));
    let found = imported(13, spelled(false), tensors(KEPT));
    let (ones, zeros) = ([1.0; CHANNELS], [0.0; CHANNELS]);
    check(&found, 1, Over::Channels, &expected(position, 1e-3, &ones, &zeros));
}

#[test]
fn other_sums_of_a_scale_and_a_shift_are_refused() {
    // A node reads something else than in a normalization.
    for (output, input, instead) in [
        // The shift without the weights.
        ("shift", 1, "inverse"),
        // The mean without its sign.
        ("shift", 0, "mean"),
        // Another value than that whose mean it is.
        ("scaled", 0, "other"),
        ("deviation", 0, "other"),
        ("y", 1, "scaled"),
        ("y", 0, "x"),
    ] {
        let mut nodes = spelled(true);
        nodes.push(node("Abs", "other", &["x"]));
        let changed = nodes.iter_mut().find(|node| node.output[0] == output).unwrap();
        changed.input[input] = instead.into();
        let error = refused(13, nodes, tensors(KEPT));
        assert_names(&error, &["`mean` (ReduceMean)", "a part of a normalization"]);
    }
    let moved = tensors([-1, ROWS as i64, 1, COLUMNS as i64]);
    assert_names(&refused(13, spelled(true), moved), &["`mean` (ReduceMean)"]);
}
