//! Operations over sequences and volumes, and transposed convolutions.

use super::draft::Draft;
use crate::models::{Builder, Kind, random_volume_model};
use crate::vectors::VectorFile;
use bayes8_core::format;
use bayes8_core::graph::{
    AxisPadding, Depth, GraphError, Op, Padding, Range, Shape, Value, Window,
};
use bayes8_core::ops::{AveragePool, MaxPool, Pad, Slice};

/// Number of random networks in the file, and the bytes of the largest: the repository holds the file.
const NETWORKS: usize = 4;
const LARGEST: usize = 6 << 10;

pub(super) fn file() -> VectorFile {
    let mut draft = Draft::new(
        "geometry",
        "Operations over sequences and volumes and transposed convolutions, each followed by a \
         linear layer over all of its output, and random networks over volumes; random pictures, \
         one of zeros and one of 255.",
    );
    sequences(&mut draft);
    convolutions(&mut draft);
    pools(&mut draft);
    movements(&mut draft);
    transposed(&mut draft);
    let models = (0..).map(|seed| (seed, random_volume_model(seed)));
    let small =
        models.filter(|(_, model)| format::write(model).is_ok_and(|bytes| bytes.len() <= LARGEST));
    for (seed, model) in small.take(NETWORKS) {
        draft.model_and_vector(&format!("network {seed}"), &model);
    }
    draft.finish()
}

/// Adds the operation that `build` pushes.
fn operation(
    draft: &mut Draft,
    name: &str,
    input: Shape,
    build: impl Fn(&mut Builder) -> Result<Value, GraphError>,
) {
    let mut builder = Builder::new(31 * input.elements() as u64, input);
    let value = build(&mut builder).unwrap_or_else(|error| panic!("{name}: {error}"));
    let last = builder.linear(value, 2, Kind::Deterministic);
    last.unwrap_or_else(|error| panic!("{name}: {error}"));
    draft.model_and_vector(name, &builder.finish());
}

/// A window of `kernel` planes, rows and columns with `padding` around all of them.
fn window(kernel: [usize; 3], stride: [usize; 3], padding: usize) -> Window {
    let [planes, rows, columns] = kernel;
    let depth = Depth { kernel: planes, stride: stride[0], dilation: 1 };
    let padding = Padding { front: padding, back: padding, ..Padding::uniform(padding) };
    let stride = [stride[1], stride[2]];
    Window { stride, padding, depth, ..Window::new([rows, columns]) }
}

fn sequences(draft: &mut Draft) {
    let input = Shape::new(1, 19, 6);
    let padding = Padding { left: 4, right: 2, ..Padding::default() };
    let along = Window { dilation: [1, 2], padding, ..Window::new([1, 3]) };
    for (name, outputs, groups) in [("conv", 20, 1), ("grouped conv", 9, 3), ("depthwise", 6, 6)] {
        for (stride, which) in [([1, 1], ""), ([1, 3], " stride 3")] {
            let window = Window { stride, ..along };
            operation(draft, &format!("{name} over a sequence{which}"), input, |builder| {
                builder.conv(Value::Input, outputs, groups, window, Kind::Bayesian)
            });
        }
    }
    let pair = Window { stride: [1, 2], ..Window::new([1, 2]) };
    operation(draft, "max pool over a sequence", input, |builder| {
        builder.op(Op::MaxPool(MaxPool { window: pair }), &[Value::Input])
    });
}

fn convolutions(draft: &mut Draft) {
    let volume = Shape::volume;
    let dilated = Window {
        depth: Depth { kernel: 2, stride: 1, dilation: 3 },
        dilation: [2, 1],
        padding: Padding { front: 1, right: 2, ..Padding::default() },
        ..Window::new([2, 3])
    };
    for (name, input, outputs, groups, window) in [
        ("1x1x1", volume(3, 2, 3, 7), 17, 1, window([1; 3], [1; 3], 0)),
        ("1x1x1 stride 2", volume(5, 4, 3, 8), 16, 1, window([1; 3], [2; 3], 0)),
        ("3x1x1", volume(6, 3, 2, 4), 5, 1, window([3, 1, 1], [1; 3], 0)),
        ("3x3x3", volume(3, 4, 3, 4), 18, 1, window([3; 3], [1; 3], 1)),
        ("3x3x3 one channel", volume(4, 5, 4, 1), 8, 1, window([3; 3], [1; 3], 1)),
        ("3x3x3 stride 2", volume(5, 4, 5, 3), 20, 1, window([3; 3], [2; 3], 1)),
        ("dilated", volume(6, 5, 4, 3), 6, 1, dilated),
        ("of all planes", volume(4, 3, 3, 16), 4, 1, window([4, 1, 1], [1; 3], 0)),
        ("in groups", volume(3, 3, 2, 8), 12, 2, window([3; 3], [1; 3], 1)),
        ("depthwise", volume(4, 4, 3, 20), 20, 20, window([3; 3], [1, 2, 1], 1)),
    ] {
        operation(draft, &format!("conv {name}"), input, |builder| {
            builder.conv(Value::Input, outputs, groups, window, Kind::Bayesian)
        });
    }
    operation(draft, "add to a convolution", volume(3, 4, 3, 5), |builder| {
        let branch = builder.conv(Value::Input, 5, 1, window([3; 3], [1; 3], 1), Kind::Bayesian)?;
        builder.op(Op::Add, &[branch, Value::Input])
    });
}

fn pools(draft: &mut Draft) {
    let input = Shape::volume(5, 4, 6, 9);
    let window = window([3, 3, 2], [2, 1, 2], 1);
    operation(draft, "max pool", input, |builder| {
        builder.op(Op::MaxPool(MaxPool { window }), &[Value::Input])
    });
    for (which, count_include_pad) in [("inside", false), ("with padding", true)] {
        operation(draft, &format!("average pool, {which}"), input, |builder| {
            builder.op(Op::AveragePool(AveragePool { window, count_include_pad }), &[Value::Input])
        });
    }
    operation(draft, "global average pool", input, |builder| {
        builder.op(Op::GlobalAveragePool, &[Value::Input])
    });
}

fn movements(draft: &mut Draft) {
    let input = Shape::volume(4, 5, 3, 7);
    let all = |extent| Range { start: 0, end: extent, step: 1 };
    operation(draft, "slice of planes", input, |builder| {
        let planes = Some(Range { start: 1, end: 4, step: 2 });
        builder.op(Op::Slice(Slice { rows: all(5), columns: all(3), planes }), &[Value::Input])
    });
    operation(draft, "slice of all axes", input, |builder| builder.slice(Value::Input, 1, 2));
    operation(draft, "concat and flatten", input, |builder| {
        let other = builder.op(Op::Requantize, &[Value::Input])?;
        let both = builder.op(Op::Concat, &[Value::Input, other])?;
        builder.op(Op::Flatten, &[both])
    });
    let zeros = |before, between, after| AxisPadding { before, between, after };
    let none = AxisPadding::default();
    for (name, shape, rows, columns, planes) in [
        ("of a picture", Shape::new(3, 4, 5), zeros(1, 1, 0), zeros(0, 2, 3), none),
        ("of a sequence", Shape::new(1, 6, 3), none, zeros(0, 3, 1), none),
        ("of a volume", input, zeros(0, 1, 2), none, zeros(2, 1, 1)),
    ] {
        operation(draft, &format!("pad {name}"), shape, |builder| {
            builder.op(Op::Pad(Pad { rows, columns, planes }), &[Value::Input])
        });
    }
}

/// Zeros between neighbours, then a convolution: the converter's form of a ConvTranspose of stride 2.
fn transposed(draft: &mut Draft) {
    let zeros = AxisPadding { before: 0, between: 1, after: 0 };
    let none = AxisPadding::default();
    for (name, input, planes, kernel) in [
        ("picture", Shape::new(4, 3, 6), none, [1, 3, 3]),
        ("volume", Shape::volume(3, 2, 3, 4), zeros, [3, 3, 3]),
    ] {
        for (groups, which) in [(1, ""), (2, " in groups")] {
            operation(draft, &format!("transposed conv of a {name}{which}"), input, |builder| {
                let op = Op::Pad(Pad { rows: zeros, columns: zeros, planes });
                let spread = builder.op(op, &[Value::Input])?;
                let mut window = window(kernel, [1; 3], 1);
                if kernel[0] == 1 {
                    window.padding = Padding::uniform(1);
                }
                builder.conv(spread, 10, groups, window, Kind::Bayesian)
            });
        }
    }
}
