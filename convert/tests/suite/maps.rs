//! Networks that end in maps, and that resize values.

use bayes8_convert::reference::{FloatWeights, run};
use bayes8_convert::{HeadKind, ImportOptions, InputLayout, Network, import_with};
use bayes8_core::graph::Op;
use bayes8_core::ops::{Coordinates, Interpolation, Resize};
use rten_onnx::onnx::{NodeProto, TensorProto};

use crate::common::{assert_names, int, none, string, tensor};
use crate::heads::node;
use crate::normalizations::{CHANNELS, file, integers, numbers, pictures, transposed, with};

fn weights() -> Vec<f32> {
    numbers(3 * CHANNELS, 9)
}

fn tensors() -> Vec<TensorProto> {
    vec![
        tensor("w", &[3, CHANNELS as i64, 1, 1], &weights()),
        integers("sizes", &[1, 3, 8, 15]),
        tensor("twice", &[4], &[1.0, 1.0, 2.0, 2.0]),
        tensor("channels", &[4], &[1.0, 2.0, 1.0, 1.0]),
    ]
}

fn import(nodes: Vec<NodeProto>) -> Result<Network, String> {
    let options = ImportOptions::new().input_layout(InputLayout::Picture);
    import_with(&file(13, nodes, tensors()), &none(), &options).map_err(|error| error.to_string())
}

fn conv(output: &str, input: &str) -> NodeProto {
    node("Conv", output, &[input, "w"])
}

fn resize(output: &str, inputs: &[&str], mode: &str, coordinates: &str) -> NodeProto {
    let coordinates = string("coordinate_transformation_mode", coordinates);
    let nearest = string("nearest_mode", "floor");
    with(node("Resize", output, inputs), vec![string("mode", mode), coordinates, nearest])
}

#[test]
fn a_softmax_or_an_arg_max_over_the_channels_of_a_map_is_left_out() {
    for (op, arg_max) in [("Softmax", false), ("ArgMax", true)] {
        let last = with(node(op, "y", &["map"]), vec![int("axis", 1)]);
        let network = import(vec![conv("map", "x"), last]).unwrap();
        let [output] = &network.outputs[..] else { panic!("one output") };
        assert_eq!((output.head, output.arg_max), (Some(HeadKind::Classes), arg_max));
        let shape = network.graph.nodes()[output.nodes[0]].shape;
        assert_eq!((shape.axes(), shape.channels), ([1, 4, 5], 3));
    }
    let rows = with(node("Softmax", "y", &["map"]), vec![int("axis", 2)]);
    assert_names(&import(vec![conv("map", "x"), rows]).unwrap_err(), &["over classes"]);
}

#[test]
fn channels_may_move_to_the_end_after_a_softmax() {
    let softmax = |op| with(node(op, "p", &["map"]), vec![int("axis", 1)]);
    let moved = transposed("p", "y", &[0, 2, 3, 1]);
    for op in ["Softmax", "LogSoftmax"] {
        let network = import(vec![conv("map", "x"), softmax(op), moved.clone()]).unwrap();
        let [output] = &network.outputs[..] else { panic!("one output") };
        assert_eq!(output.head, Some(HeadKind::Classes));
        assert_eq!(network.graph.nodes()[output.nodes[0]].shape.channels, 3);
    }
}

#[test]
fn a_resizing_at_the_end_belongs_to_the_output() {
    let last = |output| resize(output, &["map", "", "", "sizes"], "linear", "half_pixel");
    let sigmoid = node("Sigmoid", "y", &["large"]);
    for (nodes, head) in [
        (vec![conv("map", "x"), last("y")], None),
        (vec![conv("map", "x"), last("large"), sigmoid], Some(HeadKind::Labels)),
    ] {
        let network = import(nodes).unwrap();
        let [output] = &network.outputs[..] else { panic!("one output") };
        let expected = Resize {
            size: [1, 8, 15],
            mode: Interpolation::Linear,
            coordinates: Coordinates::HalfPixel,
            steps: None,
        };
        assert_eq!((output.resize.as_ref(), output.head), (Some(&expected), head));
        assert!(network.graph.nodes().iter().all(|node| !matches!(node.op, Op::Resize(_))));
        assert_eq!(network.numbers(), 4 * 5 * 3);
    }
    // Something else needs it.
    let sum = node("Add", "y", &["large", "large"]);
    let network = import(vec![conv("map", "x"), last("large"), sum]).unwrap();
    assert_eq!(network.outputs[0].resize, None);
    assert_eq!(network.numbers(), 8 * 15 * 3);
}

#[test]
fn a_resizing_in_between_is_a_node() {
    let larger = resize("large", &["x", "", "twice"], "nearest", "asymmetric");
    let network = import(vec![larger, conv("y", "large")]).unwrap();
    let pictures = pictures();
    let weights_of = FloatWeights::mean(&network, 0);
    let found = run(&network, &weights_of, pictures.view().into_dyn(), |_, _, _| ()).unwrap();
    let weights = weights();
    for (picture, found) in pictures.outer_iter().zip(found.outer_iter()) {
        for (at, &found) in found.iter().enumerate() {
            let (row, column, channel) = (at / 30, at / 3 % 10, at % 3);
            let inputs = (0..CHANNELS).map(|c| picture[[row / 2, column / 2, c]]);
            let own = &weights[channel * CHANNELS..][..CHANNELS];
            let expected: f32 = inputs.zip(own).map(|(x, w)| x * w).sum();
            assert!((found - expected).abs() < 1e-4, "{at}: {found}, expected {expected}");
        }
    }
}

#[test]
fn resizings_that_are_not_supported_are_refused() {
    let ends = |mode, coordinates, scales| {
        let larger = resize("large", &["x", "", scales], mode, coordinates);
        import(vec![larger, conv("y", "large")]).unwrap_err()
    };
    assert_names(&ends("cubic", "half_pixel", "twice"), &["`large`", "cubic"]);
    assert_names(&ends("linear", "tf_crop_and_resize", "twice"), &["tf_crop_and_resize"]);
    assert_names(&ends("linear", "half_pixel", "channels"), &["resizes the channels"]);
    assert_names(&ends("linear", "half_pixel", ""), &["constant `sizes` or `scales`"]);
}
