//! Channels that become positions and positions that become channels, as operators and as exporters spell them,
//! and borders of a value's own elements.

use bayes8_core::graph::Op;
use ndarray::{Array2, ArrayView3};
use rten_onnx::onnx::{NodeProto, TensorProto};

use bayes8_convert::Network;
use bayes8_convert::reference::{FloatWeights, run};

use crate::common::{assert_names, int, string};
use crate::heads::{assert_near, node};
use crate::normalizations::{
    CHANNELS, COLUMNS, PICTURES, ROWS, imported, integers, pictures, quantized, refused,
    transposed, with,
};

/// Asserts the outputs `[H, W, C]` of a network for each picture.
#[track_caller]
pub(crate) fn check(
    network: &Network,
    [rows, columns, channels]: [usize; 3],
    expected: impl Fn(ArrayView3<'_, f32>, [usize; 3]) -> f32,
) {
    let mut all = Vec::new();
    for picture in pictures().outer_iter() {
        for at in 0..rows * columns * channels {
            let place = [at / channels / columns, at / channels % columns, at % channels];
            all.push(expected(picture.view(), place));
        }
    }
    let expected = Array2::from_shape_vec((PICTURES, all.len() / PICTURES), all).unwrap();
    let weights = FloatWeights::mean(network, 0);
    assert_near(&run(network, &weights, pictures().view(), |_, _, _| {}).unwrap(), &expected);
}

/// Asserts that the value before the output has the grid of the input, so that no code changes.
#[track_caller]
fn check_grid(network: &Network) {
    let model = quantized(network);
    let [.., last, _output] = model.graph().nodes() else { panic!("no nodes before the output") };
    assert_eq!(last.data.output, Some(model.input()));
}

fn tensors() -> Vec<TensorProto> {
    vec![
        integers("twice", &[1, 2, 1, 1]),
        integers("apart", &[0, 3, 2, 2, ROWS as i64, COLUMNS as i64]),
        integers("joined", &[0, 3, 2 * ROWS as i64, 2 * COLUMNS as i64]),
        integers("one", &[1]),
        integers("start", &[0]),
        integers("end", &[4]),
        integers("axis", &[3]),
        integers("blocks", &[0, CHANNELS as i64, 2, 2, 2, 2]),
        integers("deep", &[0, 4 * CHANNELS as i64, 2, 2]),
    ]
}

fn import(nodes: Vec<NodeProto>) -> Network {
    imported(17, nodes, tensors())
}

/// Twelve channels, of which the last six are the first again.
fn tiled() -> NodeProto {
    node("Tile", "t", &["x", "twice"])
}

#[test]
fn channels_come_between_positions() {
    let op = |mode| {
        with(node("DepthToSpace", "y", &["t"]), vec![int("blocksize", 2), string("mode", mode)])
    };
    let spelled = vec![
        tiled(),
        node("Reshape", "a", &["t", "apart"]),
        transposed("a", "b", &[0, 1, 4, 2, 5, 3]),
        node("Reshape", "y", &["b", "joined"]),
    ];
    let shape = [2 * ROWS, 2 * COLUMNS, 3];
    let place = |[h, w, _]: [usize; 3]| (h / 2, w / 2, h % 2 * 2 + w % 2);
    for nodes in [vec![tiled(), op("CRD")], spelled] {
        let network = import(nodes);
        check(&network, shape, |x, at| {
            let (h, w, block) = place(at);
            x[[h, w, (at[2] * 4 + block) % CHANNELS]]
        });
        check_grid(&network);
    }
    let network = import(vec![tiled(), op("DCR")]);
    check(&network, shape, |x, at| {
        let (h, w, block) = place(at);
        x[[h, w, (block * 3 + at[2]) % CHANNELS]]
    });
}

#[test]
fn channels_come_between_planes_too() {
    let nodes = vec![
        node("Unsqueeze", "v", &["x", "plane"]),
        node("Tile", "t", &["v", "four"]),
        node("Reshape", "a", &["t", "apart3"]),
        transposed("a", "b", &[0, 1, 5, 2, 6, 3, 7, 4]),
        node("Reshape", "y", &["b", "joined3"]),
    ];
    let (rows, columns) = (ROWS as i64, COLUMNS as i64);
    let network = imported(
        17,
        nodes,
        vec![
            integers("plane", &[2]),
            integers("four", &[1, 4, 1, 1, 1]),
            integers("apart3", &[0, 3, 2, 2, 2, 1, rows, columns]),
            integers("joined3", &[0, 3, 2, 2 * rows, 2 * columns]),
        ],
    );
    // Planes one above the other.
    check(&network, [4 * ROWS, 2 * COLUMNS, 3], |x, [row, w, c]| {
        let (d, h) = (row / (2 * ROWS), row % (2 * ROWS));
        x[[h / 2, w / 2, (c * 8 + d * 4 + h % 2 * 2 + w % 2) % CHANNELS]]
    });
}

/// The operations of a network before the layer that copies its outputs.
fn operations(network: &Network) -> Vec<&'static str> {
    let [nodes @ .., _output] = network.graph.nodes() else { panic!("no nodes") };
    nodes.iter().map(|node| node.op.name()).collect()
}

#[test]
fn positions_that_are_repeated_are_one_resizing() {
    let (channels, rows, columns) = (CHANNELS as i64, ROWS as i64, COLUMNS as i64);
    // As TensorFlow repeats rows, then columns, with the channels last.
    let tiled = vec![
        node("Unsqueeze", "a", &["x", "third"]),
        node("Tile", "b", &["a", "rows"]),
        transposed("b", "c", &[0, 2, 3, 4, 1]),
        node("Reshape", "d", &["c", "tall"]),
        node("Unsqueeze", "e", &["d", "third"]),
        node("Tile", "f", &["e", "columns"]),
        node("Reshape", "g", &["f", "large"]),
        transposed("g", "repeated", &[0, 3, 1, 2]),
    ];
    let expanded = vec![
        node("Reshape", "a", &["x", "spaced"]),
        node("Expand", "b", &["a", "times"]),
        node("Reshape", "repeated", &["b", "larger"]),
    ];
    // A resizing at the end would be a part of the output.
    let last = || with(node("Concat", "y", &["repeated", "repeated"]), vec![int("axis", 1)]);
    for nodes in [tiled, expanded] {
        let tensors = vec![
            integers("third", &[3]),
            integers("rows", &[1, 1, 1, 2, 1]),
            integers("columns", &[1, 1, 1, 3, 1]),
            integers("tall", &[0, 2 * rows, columns, channels]),
            integers("large", &[0, 2 * rows, 3 * columns, channels]),
            integers("spaced", &[0, channels, rows, 1, columns, 1]),
            integers("times", &[1, 1, 1, 2, 1, 3]),
            integers("larger", &[0, channels, 2 * rows, 3 * columns]),
        ];
        let network = imported(17, [nodes, vec![last()]].concat(), tensors);
        assert_eq!(operations(&network), ["resize", "concat"]);
        let shape = [2 * ROWS, 3 * COLUMNS, 2 * CHANNELS];
        check(&network, shape, |x, [h, w, c]| x[[h / 2, w / 3, c % CHANNELS]]);
        check_grid(&network);
    }
}

#[test]
fn rows_that_come_again_after_all_are_refused() {
    let nodes = vec![
        node("Reshape", "a", &["x", "spaced"]),
        node("Tile", "b", &["a", "times"]),
        node("Reshape", "c", &["b", "tall"]),
        node("Relu", "y", &["c"]),
    ];
    let (channels, rows, columns) = (CHANNELS as i64, ROWS as i64, COLUMNS as i64);
    let tensors = vec![
        integers("spaced", &[0, channels, 1, 1, rows, columns]),
        integers("times", &[1, 1, 1, 2, 1, 1]),
        integers("tall", &[0, channels, 2 * rows, columns]),
    ];
    assert_names(&refused(17, nodes, tensors), &["axes split by a Reshape"]);
}

#[test]
fn positions_become_channels() {
    let square = node("Slice", "s", &["x", "start", "end", "axis"]);
    let op = with(node("SpaceToDepth", "y", &["s"]), vec![int("blocksize", 2)]);
    let network = import(vec![square.clone(), op]);
    check(&network, [2, 2, 4 * CHANNELS], |x, [h, w, at]| {
        let (block, c) = (at / CHANNELS, at % CHANNELS);
        x[[2 * h + block / 2, 2 * w + block % 2, c]]
    });
    check_grid(&network);
    let spelled = vec![
        square,
        node("Reshape", "a", &["s", "blocks"]),
        transposed("a", "b", &[0, 1, 3, 5, 2, 4]),
        node("Reshape", "y", &["b", "deep"]),
    ];
    let network = import(spelled);
    check(&network, [2, 2, 4 * CHANNELS], |x, [h, w, at]| {
        let (c, block) = (at / 4, at % 4);
        x[[2 * h + block / 2, 2 * w + block % 2, c]]
    });
}

#[test]
fn blocks_that_do_not_fit_are_refused() {
    for (op, blocks) in
        [("DepthToSpace", 4), ("SpaceToDepth", 2), ("SpaceToDepth", 0), ("DepthToSpace", -1)]
    {
        let nodes = vec![with(node(op, "y", &["x"]), vec![int("blocksize", blocks)])];
        assert_names(&refused(17, nodes, Vec::new()), &["`y`", &format!("blocks of {blocks}")]);
    }
}

#[test]
fn borders_repeat_the_value() {
    let pads = || integers("pads", &[0, 0, 1, 2, 0, 0, 2, 3]);
    let padded = |mode| with(node("Pad", "y", &["x", "pads"]), vec![string("mode", mode)]);
    let place = |mode: &str, at: usize, before: usize, extent: usize| -> usize {
        let (at, extent) = (at as i64 - before as i64, extent as i64);
        let place = match mode {
            "edge" => at.clamp(0, extent - 1),
            "wrap" => at.rem_euclid(extent),
            _ if at < 0 => -at,
            _ if at >= extent => 2 * extent - 2 - at,
            _ => at,
        };
        place as usize
    };
    for mode in ["edge", "reflect", "wrap"] {
        let network = imported(19, vec![padded(mode)], vec![pads()]);
        check(&network, [ROWS + 3, COLUMNS + 5, CHANNELS], |x, [h, w, c]| {
            x[[place(mode, h, 1, ROWS), place(mode, w, 2, COLUMNS), c]]
        });
        check_grid(&network);
    }
    // Nothing at all, as decoders pad values whose extents are even.
    let network = imported(17, vec![padded("edge")], vec![integers("pads", &[0; 8])]);
    assert!(network.graph.nodes().iter().all(|node| matches!(node.op, Op::Conv2d(_))));
    let wide = integers("pads", &[0, 0, 4, 0, 0, 0, 0, 0]);
    assert_names(&refused(17, vec![padded("reflect")], vec![wide]), &["`y` (Pad)", "not longer"]);
    let channels = integers("pads", &[0, 1, 0, 0, 0, 0, 0, 0]);
    assert_names(
        &refused(17, vec![padded("edge")], vec![channels]),
        &["`y` (Pad)", "rows and columns"],
    );
}
