//! Values of different extents in one sum or product, several values in one, and one constant per channel.

use ndarray::ArrayView3;
use rten_onnx::onnx::{NodeProto, TensorProto};

use crate::common::{assert_names, int, ints, tensor};
use crate::heads::node;
use crate::normalizations::{
    CHANNELS, COLUMNS, ROWS, imported, integers, numbers, refused, weight, with,
};
use crate::rearrangements::check;

const SHAPE: [usize; 3] = [ROWS, COLUMNS, CHANNELS];

/// A gate for each position, and a mean for each channel.
fn factors() -> Vec<NodeProto> {
    vec![node("Conv", "gate", &["x", "gates"]), node("GlobalAveragePool", "mean", &["x"])]
}

fn tensors() -> Vec<TensorProto> {
    vec![
        tensor("gates", &[1, CHANNELS as i64, 1, 1], &numbers(CHANNELS, 6)),
        integers("shape", &[1, CHANNELS as i64, 1, 1]),
        integers("front", &[0]),
        integers("third", &[2]),
    ]
}

fn gate(x: ArrayView3<'_, f32>, h: usize, w: usize) -> f32 {
    numbers(CHANNELS, 6).iter().enumerate().map(|(c, weight)| weight * x[[h, w, c]]).sum()
}

fn mean(x: ArrayView3<'_, f32>, c: usize) -> f32 {
    x.iter().skip(c).step_by(CHANNELS).sum::<f32>() / (ROWS * COLUMNS) as f32
}

#[test]
fn a_number_for_each_position_meets_all_channels() {
    type Sum = fn(f32, f32, f32) -> f32;
    let cases: [(NodeProto, Sum); 5] = [
        (node("Mul", "y", &["x", "gate"]), |x, gate, _| x * gate),
        (node("Mul", "y", &["gate", "x"]), |x, gate, _| x * gate),
        (node("Sub", "y", &["x", "gate"]), |x, gate, _| x - gate),
        (node("Add", "y", &["mean", "gate"]), |_, gate, mean| mean + gate),
        (node("Sum", "y", &["mean", "x", "gate"]), |x, gate, mean| mean + x + gate),
    ];
    for (last, expected) in cases {
        let network = imported(17, [factors(), vec![last]].concat(), tensors());
        check(&network, SHAPE, |x, [h, w, c]| expected(x[[h, w, c]], gate(x, h, w), mean(x, c)));
    }
    let expanded = node("Expand", "wide", &["gate", "shape"]);
    let nodes = [factors(), vec![expanded, node("Add", "y", &["x", "wide"])]].concat();
    check(&imported(17, nodes, tensors()), SHAPE, |x, [h, w, c]| x[[h, w, c]] + gate(x, h, w));
}

#[test]
fn a_bias_that_is_expanded_from_a_number_is_a_constant() {
    // As PyTorch's dynamo exporter writes a convolution without bias.
    let nodes = vec![
        node("Conv", "gate", &["x", "gates"]),
        node("Relu", "positive", &["gate"]),
        with(node("Shape", "count", &["wide"]), vec![int("start", 0), int("end", 1)]),
        node("CastLike", "number", &["seven", "gate"]),
        node("Expand", "bias", &["number", "count"]),
        node("Conv", "y", &["positive", "wide", "bias"]),
    ];
    let more = vec![tensor("wide", &[3, 1, 1, 1], &[1.0, -2.0, 0.5]), integers("seven", &[7])];
    let network = imported(17, nodes, [tensors(), more].concat());
    check(&network, [ROWS, COLUMNS, 3], |x, [h, w, c]| {
        gate(x, h, w).max(0.0) * [1.0, -2.0, 0.5][c] + 7.0
    });
    // The function is part of the convolution: what asks for the type does not read its numbers.
    assert_eq!(network.graph.nodes().len(), 2);
    let wrong = node("Expand", "bias", &["pair", "three"]);
    let nodes = vec![wrong, node("Add", "y", &["x", "bias"])];
    let pair = vec![tensor("pair", &[2], &[1.0; 2]), integers("three", &[3])];
    assert_names(&refused(17, nodes, pair), &["`bias` (Expand)", "[2]", "[3]"]);
}

#[test]
fn sums_and_means_have_any_number_of_terms() {
    for (op, factor) in [("Sum", 3.5), ("Mean", 3.5 / 3.0)] {
        let nodes = vec![
            node("Mul", "h", &["x", "scale"]),
            node("Add", "d", &["x", "x"]),
            node(op, "y", &["x", "h", "d"]),
        ];
        let network = imported(17, nodes, vec![tensor("scale", &[], &[0.5])]);
        check(&network, SHAPE, |x, [h, w, c]| x[[h, w, c]] * factor);
    }
}

/// As PyTorch exports the sum of `torch.stack`.
#[test]
fn stacked_values_can_be_added() {
    for (axis, name) in [(0, "front"), (2, "third")] {
        let nodes = |last| {
            vec![
                node("Relu", "r", &["x"]),
                node("Unsqueeze", "a", &["x", name]),
                node("Unsqueeze", "b", &["r", name]),
                with(node("Concat", "s", &["a", "b"]), vec![int("axis", axis)]),
                last,
            ]
        };
        let sum = with(node("ReduceSum", "y", &["s", name]), vec![int("keepdims", 0)]);
        let network = imported(17, nodes(sum), tensors());
        check(&network, SHAPE, |x, [h, w, c]| x[[h, w, c]] + x[[h, w, c]].max(0.0));
        let attributes = vec![int("keepdims", 0), ints("axes", &[axis])];
        let mean = with(node("ReduceMean", "y", &["s"]), attributes);
        let network = imported(17, nodes(mean), tensors());
        check(&network, SHAPE, |x, [h, w, c]| (x[[h, w, c]] + x[[h, w, c]].max(0.0)) / 2.0);
        let error = refused(17, nodes(node("Relu", "y", &["s"])), tensors());
        assert_names(&error, &["`y` (Relu)", "stacked values"]);
        let joined = with(node("Concat", "y", &["s", "s"]), vec![int("axis", 3)]);
        let error = refused(17, nodes(joined), tensors());
        assert_names(&error, &["`y` (Concat)", "only the sum or the mean along the new axis"]);
    }
}

#[test]
fn slopes_and_bounds_may_differ_by_channel() {
    type Of = fn(f32, f32) -> f32;
    let cases: [(&str, Of); 3] = [
        ("PRelu", |x, slope| if x < 0.0 { slope * x } else { x }),
        ("Min", f32::min),
        ("Max", f32::max),
    ];
    for (op, expected) in cases {
        let network = imported(17, vec![node(op, "y", &["x", "column.weight"])], Vec::new());
        check(&network, SHAPE, |x, [h, w, c]| expected(x[[h, w, c]], weight()[c]));
    }
    let row = || vec![tensor("row", &[COLUMNS as i64], &numbers(COLUMNS, 2))];
    for op in ["PRelu", "Min"] {
        let error = refused(17, vec![node(op, "y", &["x", "row"])], row());
        assert_names(&error, &["`y`", "one number per channel"]);
    }
}

/// As timm computes the padding of its convolutions.
#[test]
fn functions_of_constants_are_constants() {
    let nodes = vec![
        node("Ceil", "a", &["most"]),
        node("Min", "b", &["a", "bound"]),
        node("Clip", "c", &["b", "", "bound"]),
        node("Neg", "d", &["c"]),
        node("Mul", "y", &["x", "d"]),
    ];
    let constants = vec![tensor("most", &[], &[1.25]), tensor("bound", &[], &[1.5])];
    check(&imported(17, nodes, constants), SHAPE, |x, [h, w, c]| -1.5 * x[[h, w, c]]);
}
