//! Every reason to refuse a node of a graph, with the name of the node.

use bayes8_core::graph::{
    AxisPadding, Depth, Graph, GraphError, MAX_ELEMENTS, Op, Padding, Range, Shape, Value, Window,
};
use bayes8_core::ops::{AveragePool, Conv2d, Linear, MaxPool, Pad, PadChannels, Slice};

fn graph_error(inputs: &[Shape], op: Op, culprit: &str) -> GraphError {
    let mut graph = Graph::new(inputs[0]).unwrap();
    // Linear layers make inputs of other shapes.
    let mut values = vec![Value::Input];
    for (i, shape) in inputs.iter().enumerate().skip(1) {
        let op = Op::Linear(Linear { out_features: shape.channels });
        values.push(graph.push(format!("input {i}"), op, vec![Value::Input], ()).unwrap());
    }
    let before = graph.clone();
    let error = graph.push("culprit".into(), op, values, ()).unwrap_err();
    assert_eq!(graph, before, "an error leaves the graph as it was");
    assert!(error.to_string().contains(culprit), "`{error}` does not name `{culprit}`");
    error
}

const INPUT: Shape = Shape::new(6, 6, 4);

fn conv(groups: usize, window: Window) -> Op {
    Op::Conv2d(Conv2d { out_channels: 4, groups, window })
}

#[test]
fn empty_or_absurd_inputs_are_refused() {
    let huge = usize::MAX;
    for shape in [[0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 1, MAX_ELEMENTS + 1], [huge, huge, huge]] {
        let shape = Shape::new(shape[0], shape[1], shape[2]);
        assert_eq!(Graph::<()>::new(shape), Err(GraphError::InputShape(shape)));
    }
    for shape in [Shape::volume(0, 1, 1, 1), Shape::volume(huge, huge, 1, 1)] {
        assert_eq!(Graph::<()>::new(shape), Err(GraphError::InputShape(shape)));
    }
    assert!(Graph::<()>::new(Shape::vector(MAX_ELEMENTS)).is_ok());
}

/// A kernel may read a padded copy of the input.
#[test]
fn padding_that_makes_an_input_absurd_is_refused() {
    let tall = Shape::new(MAX_ELEMENTS / 4, 1, 1);
    let window = |kernel: usize| Window {
        padding: Padding::uniform(kernel - 1),
        ..Window::new([kernel, kernel])
    };
    let error = graph_error(&[tall], conv(1, window(200)), "culprit");
    assert!(matches!(error, GraphError::PaddedInput { op: "conv2d", .. }), "{error}");
    let mut graph = Graph::new(Shape::new(1000, 1000, 1)).unwrap();
    graph.push("fits".into(), conv(1, window(200)), vec![Value::Input], ()).unwrap();
}

#[test]
fn names_must_be_unique_and_not_empty() {
    let mut graph = Graph::new(INPUT).unwrap();
    let flatten = |graph: &mut Graph, name: &str| {
        graph.push(name.into(), Op::Flatten, vec![Value::Input], ())
    };
    assert_eq!(flatten(&mut graph, ""), Err(GraphError::EmptyName(0)));
    flatten(&mut graph, "a").unwrap();
    for name in ["a", "input"] {
        assert_eq!(flatten(&mut graph, name), Err(GraphError::DuplicateName(name.into())));
    }
}

#[test]
fn a_node_reads_earlier_nodes_only() {
    let mut graph = Graph::new(INPUT).unwrap();
    for later in [0, 1, usize::MAX] {
        let error =
            graph.push("culprit".into(), Op::Add, vec![Value::Input, Value::Node(later)], ());
        assert_eq!(error, Err(GraphError::InputOrder { node: "culprit".into(), input: 1 }));
    }
}

#[test]
fn operations_take_their_number_of_inputs() {
    let shapes = [INPUT; 3];
    for (op, count) in [
        (Op::Add, 1),
        (Op::Multiply, 3),
        (Op::Concat, 1),
        (Op::Flatten, 2),
        (Op::Requantize, 3),
        (Op::Table, 2),
    ] {
        let error = graph_error(&shapes[..count], op, "culprit");
        assert!(matches!(error, GraphError::InputCount { found, .. } if found == count));
    }
    let none = Graph::new(INPUT).unwrap().push("culprit".into(), Op::Flatten, vec![], ());
    assert!(matches!(none, Err(GraphError::InputCount { found: 0, .. })));
}

#[test]
fn inputs_that_do_not_fit_together_are_named_with_their_shapes() {
    for op in [Op::Add, Op::Concat] {
        let error = graph_error(&[INPUT, Shape::vector(4)], op, "6x6x4 and 1x1x4");
        assert!(matches!(error, GraphError::InputShapes { .. }));
    }
}

/// The second factor may be a single pixel; the first may not.
#[test]
fn the_factors_of_a_product_have_one_shape_or_the_second_is_per_channel() {
    let mut graph = Graph::new(INPUT).unwrap();
    let mean = graph.push("mean".into(), Op::GlobalAveragePool, vec![Value::Input], ()).unwrap();
    for (name, second) in [("by channel", mean), ("by itself", Value::Input)] {
        let product =
            graph.push(name.into(), Op::Multiply, vec![Value::Input, second], ()).unwrap();
        assert_eq!(graph.shape(product), INPUT);
    }
    let error =
        graph.push("culprit".into(), Op::Multiply, vec![mean, Value::Input], ()).unwrap_err();
    assert!(matches!(error, GraphError::InputShapes { .. }));
    for channels in [1, 3, 144] {
        let error = graph_error(&[INPUT, Shape::vector(channels)], Op::Multiply, "culprit");
        assert!(matches!(error, GraphError::InputShapes { .. }));
    }
}

/// The shape of a picture does not show its depth.
#[test]
fn shapes_are_shown_and_matched_by_their_axes() {
    let (picture, volume) = (Shape::new(28, 28, 1), Shape::volume(16, 28, 28, 3));
    assert_eq!(picture.to_string(), "28x28x1");
    assert_eq!(volume.to_string(), "16x28x28x3");
    for fitting in [&[28, 28, 1][..], &[28, 28], &[1, 28, 28, 1]] {
        assert!(picture.fits(fitting), "{fitting:?}");
    }
    for other in [&[28][..], &[28, 28, 3], &[784], &[16, 28, 28, 1]] {
        assert!(!picture.fits(other), "{other:?}");
    }
    assert!(volume.fits(&[16, 28, 28, 3]) && !volume.fits(&[28, 16, 28, 3]));
    assert!(Shape::new(1, 100, 3).fits(&[100, 3]) && !Shape::new(1, 100, 3).fits(&[3, 100]));
    assert!(Shape::vector(1).fits(&[]) && Shape::vector(5).fits(&[5]));
}

/// `8x8x1` once passed for `8x1x8`: a gray picture was read as eight channels.
#[test]
fn axes_of_extent_1_do_not_hide_another_order() {
    for (shape, others) in [
        (Shape::new(8, 1, 8), &[&[8usize, 8, 1][..], &[1, 8, 8], &[8, 8]][..]),
        (Shape::new(8, 8, 1), &[&[1, 8, 8], &[8, 1, 8], &[1, 1, 8, 8], &[64]]),
        (Shape::new(1, 8, 8), &[&[8, 8, 1], &[8, 1, 8], &[64]]),
        (Shape::new(1, 9, 1), &[&[9, 1, 1], &[1, 1, 9]]),
        (Shape::vector(8), &[&[8, 1], &[8, 1, 1], &[]]),
        (Shape::volume(2, 8, 8, 1), &[&[1, 2, 8, 8], &[2, 1, 8, 8], &[8, 8, 2], &[8, 8]]),
    ] {
        for other in others {
            assert!(!shape.fits(other), "{shape} {other:?}");
        }
    }
    for (shape, fitting) in [
        (Shape::new(8, 1, 8), &[&[8usize, 1, 8][..], &[1, 8, 1, 8]][..]),
        (Shape::new(8, 8, 1), &[&[8, 8, 1], &[8, 8], &[1, 8, 8, 1]]),
        (Shape::new(1, 8, 3), &[&[8, 3], &[1, 8, 3], &[1, 1, 8, 3]]),
        (Shape::new(1, 9, 1), &[&[9, 1], &[9], &[1, 9], &[1, 9, 1]]),
        (Shape::vector(8), &[&[8], &[1, 8], &[1, 1, 8]]),
        (Shape::volume(2, 8, 8, 1), &[&[2, 8, 8, 1], &[2, 8, 8]]),
    ] {
        for array in fitting {
            assert!(shape.fits(array), "{shape} {array:?}");
        }
    }
}

#[test]
fn groups_must_divide_both_channel_counts() {
    for groups in [0, 3, 8, usize::MAX] {
        let error = graph_error(&[INPUT], conv(groups, Window::new([1, 1])), "culprit");
        assert!(matches!(error, GraphError::Groups { .. }));
    }
    let op = Op::Conv2d(Conv2d { out_channels: 6, groups: 4, window: Window::new([1, 1]) });
    assert!(matches!(graph_error(&[INPUT], op, "4 groups"), GraphError::Groups { .. }));
}

#[test]
fn windows_must_fit_and_have_extents() {
    let one = Window::new([1, 1]);
    let huge = usize::MAX;
    let windows = [
        Window::new([0, 1]),
        Window::new([7, 1]),
        Window::new([huge, huge]),
        Window { stride: [0, 1], ..one },
        Window { stride: [1, huge], ..one },
        Window { dilation: [0, 1], ..one },
        Window { dilation: [6, 1], ..Window::new([2, 1]) },
        Window { dilation: [huge, huge], ..Window::new([2, 2]) },
        Window { padding: Padding::uniform(huge), ..Window::new([3, 3]) },
        // So much padding that an output would see nothing else.
        Window { padding: Padding::uniform(1), ..one },
        Window { padding: Padding { bottom: 3, ..Padding::default() }, ..Window::new([3, 3]) },
        // A picture has one plane.
        Window { depth: Depth { kernel: 2, ..Depth::default() }, ..one },
        Window { depth: Depth { kernel: 0, ..Depth::default() }, ..one },
        Window { depth: Depth { kernel: huge, ..Depth::default() }, ..one },
        Window { depth: Depth { stride: 0, ..Depth::default() }, ..one },
        Window { depth: Depth { dilation: 0, ..Depth::default() }, ..one },
        Window { padding: Padding { front: 1, ..Padding::default() }, ..one },
        Window { padding: Padding { back: huge, ..Padding::default() }, ..one },
    ];
    for window in windows {
        let pool = Op::AveragePool(AveragePool { window, count_include_pad: true });
        for op in [conv(1, window), Op::MaxPool(MaxPool { window }), pool] {
            let error = graph_error(&[INPUT], op, "culprit");
            assert!(matches!(error, GraphError::Window { .. }), "{window:?}");
        }
    }
}

#[test]
fn slices_must_be_inside_and_not_empty() {
    let whole = Range { start: 0, end: 6, step: 1 };
    let wrong = [
        Range { start: 3, end: 3, step: 1 },
        Range { start: 0, end: 7, step: 1 },
        Range { start: 0, end: 6, step: 0 },
        Range { start: usize::MAX, end: 6, step: 1 },
    ];
    for range in wrong {
        let (rows, columns, planes) = (whole, whole, None);
        for op in [
            Op::Slice(Slice { rows: range, columns, planes }),
            Op::Slice(Slice { rows, columns: range, planes }),
            // A picture has one plane.
            Op::Slice(Slice { rows, columns, planes: Some(Range { start: 1, ..range }) }),
        ] {
            let error = graph_error(&[INPUT], op, "6x6x4");
            assert!(matches!(error, GraphError::Slice { .. }));
        }
    }
}

#[test]
fn outputs_must_not_be_empty_or_absurd() {
    let window = Window::new([1, 1]);
    let none = AxisPadding::default();
    let pad = |rows, columns, planes| Op::Pad(Pad { rows, columns, planes });
    for op in [
        Op::Linear(Linear { out_features: 0 }),
        Op::Linear(Linear { out_features: MAX_ELEMENTS + 1 }),
        Op::Conv2d(Conv2d { out_channels: 0, groups: 1, window }),
        Op::Conv2d(Conv2d { out_channels: usize::MAX, groups: 1, window }),
        Op::PadChannels(PadChannels { before: usize::MAX, after: usize::MAX }),
        Op::PadChannels(PadChannels { before: MAX_ELEMENTS, after: 0 }),
        pad(AxisPadding { before: MAX_ELEMENTS, ..none }, none, none),
        pad(none, AxisPadding { between: MAX_ELEMENTS, ..none }, none),
        pad(none, none, AxisPadding { after: usize::MAX, ..none }),
        pad(AxisPadding { between: usize::MAX, ..none }, none, none),
    ] {
        let error = graph_error(&[INPUT], op, "culprit");
        assert!(matches!(error, GraphError::OutputShape { .. }));
    }
}
