//! Every operation alone, followed by a layer that shows its output.

mod edges;

use super::draft::Draft;
use crate::models::{Builder, Kind};
use crate::vectors::VectorFile;
use bayes8_core::graph::{GraphError, Op, Padding, Shape, Value, Window};
use bayes8_core::ops::{AveragePool, MaxPool, PadChannels};

pub(super) fn file() -> VectorFile {
    let mut draft = Draft::new(
        "operations",
        "One operation, then a linear layer over all of its output; random pictures, one of zeros \
         and one of 255.",
    );
    convolutions(&mut draft);
    pools(&mut draft);
    movements(&mut draft);
    additions(&mut draft);
    edges::add_all(&mut draft);
    // After all others, since the seeds depend on the position.
    tables(&mut draft);
    products(&mut draft);
    edges::add_products(&mut draft);
    draft.finish()
}

pub(super) fn maxima() -> VectorFile {
    let mut draft = Draft::new("maxima", "Maxima over all positions, as in the group operations.");
    let volume = Shape::volume(3, 4, 2, 9);
    for (name, input) in
        [("picture", Shape::new(6, 7, 18)), ("sequence", Shape::new(1, 9, 40)), ("volume", volume)]
    {
        operation(&mut draft, &format!("global max pool of a {name}"), input, |builder| {
            builder.op(Op::GlobalMaxPool, &[Value::Input])
        });
    }
    draft.finish()
}

/// Adds the operation that `build` pushes a few times, each time with a different grid.
fn operation(
    draft: &mut Draft,
    name: &str,
    input: Shape,
    build: impl Fn(&mut Builder) -> Result<Value, GraphError>,
) {
    for seed in 0..2 {
        let mut builder = Builder::new(seed + 31 * input.elements() as u64, input);
        let value = build(&mut builder).unwrap_or_else(|error| panic!("{name}: {error}"));
        let last = builder.linear(value, 5, Kind::Deterministic);
        last.unwrap_or_else(|error| panic!("{name}: {error}"));
        draft.model_and_vector(&format!("{name} {}", ["a", "b"][seed as usize]), &builder.finish());
    }
}

fn padded(kernel: [usize; 2], padding: usize) -> Window {
    Window { padding: Padding::uniform(padding), ..Window::new(kernel) }
}

fn convolutions(draft: &mut Draft) {
    let strided = |window, stride| Window { stride, ..window };
    let lopsided = Padding { top: 2, bottom: 1, right: 3, ..Padding::default() };
    let dilated = Window { dilation: [2, 3], padding: Padding::uniform(3), ..Window::new([3, 3]) };
    let shape = Shape::new;
    for (name, input, outputs, groups, window) in [
        ("conv 1x1", shape(5, 4, 3), 17, 1, Window::new([1, 1])),
        ("conv 1x1 deep", shape(2, 3, 70), 33, 1, Window::new([1, 1])),
        ("conv 1x1 of one pixel", shape(1, 1, 64), 16, 1, Window::new([1, 1])),
        ("conv 1x1 stride 2", shape(5, 5, 8), 16, 1, strided(Window::new([1, 1]), [2, 2])),
        ("conv 3x3", shape(6, 5, 4), 16, 1, padded([3, 3], 1)),
        ("conv 3x3 one channel", shape(7, 7, 1), 8, 1, padded([3, 3], 1)),
        ("conv 3x3 stride 2", shape(7, 8, 3), 20, 1, strided(padded([3, 3], 1), [2, 2])),
        ("conv 3x3 of 130 columns", shape(4, 4, 15), 7, 1, Window::new([3, 3])),
        ("conv 7x7 stride 2", shape(9, 9, 3), 8, 1, strided(padded([7, 7], 3), [2, 2])),
        (
            "conv 4x4 lopsided",
            shape(6, 6, 5),
            9,
            1,
            Window { padding: lopsided, ..Window::new([4, 4]) },
        ),
        ("conv 3x3 dilated", shape(8, 9, 2), 12, 1, dilated),
        ("conv groups of 3", shape(4, 5, 6), 4, 2, padded([3, 3], 1)),
        ("conv groups of 20 outputs", shape(3, 3, 8), 40, 2, padded([3, 3], 1)),
        ("conv groups of 1", shape(4, 4, 3), 6, 3, padded([3, 3], 1)),
        ("depthwise 3x3", shape(6, 5, 16), 16, 16, padded([3, 3], 1)),
        ("depthwise 3x3 of 3", shape(6, 5, 3), 3, 3, padded([3, 3], 1)),
        ("depthwise 5x5 stride 2", shape(7, 7, 20), 20, 20, strided(padded([5, 5], 2), [2, 2])),
        ("depthwise of 70", shape(3, 3, 70), 70, 70, Window::new([2, 2])),
    ] {
        operation(draft, name, input, |builder| {
            builder.conv(Value::Input, outputs, groups, window, Kind::Deterministic)
        });
        operation(draft, &format!("Bayesian {name}"), input, |builder| {
            builder.conv(Value::Input, outputs, groups, window, Kind::Bayesian)
        });
    }
    for (fan_in, outputs) in [(1, 1), (3, 2), (64, 32), (65, 49), (300, 10)] {
        operation(draft, &format!("linear {fan_in} x {outputs}"), shape(1, 1, fan_in), |builder| {
            builder.linear(Value::Input, outputs, Kind::Bayesian)
        });
    }
    operation(draft, "Bayesian bias", shape(4, 4, 3), |builder| {
        builder.conv(Value::Input, 18, 1, padded([3, 3], 1), Kind::BayesianBias)
    });
}

fn pools(draft: &mut Draft) {
    let input = Shape::new(7, 6, 18);
    let halved = Window { stride: [2, 2], ..Window::new([2, 2]) };
    let wide = Window { stride: [2, 1], ..padded([3, 3], 1) };
    // A window in a corner sees only padding.
    let far = Window { dilation: [5, 5], ..padded([2, 2], 4) };
    for (name, window) in [("2x2 stride 2", halved), ("3x3 padded", wide), ("of padding", far)] {
        operation(draft, &format!("max pool {name}"), input, |builder| {
            builder.op(Op::MaxPool(MaxPool { window }), &[Value::Input])
        });
        for (which, count_include_pad) in [("inside", false), ("with padding", true)] {
            operation(draft, &format!("average pool {name}, {which}"), input, |builder| {
                builder
                    .op(Op::AveragePool(AveragePool { window, count_include_pad }), &[Value::Input])
            });
        }
    }
    operation(draft, "global average pool", input, |builder| {
        builder.op(Op::GlobalAveragePool, &[Value::Input])
    });
}

fn movements(draft: &mut Draft) {
    let input = Shape::new(5, 7, 9);
    operation(draft, "slice", input, |builder| builder.slice(Value::Input, 1, 2));
    operation(draft, "pad channels", input, |builder| {
        builder.op(Op::PadChannels(PadChannels { before: 3, after: 5 }), &[Value::Input])
    });
    operation(draft, "flatten", input, |builder| builder.op(Op::Flatten, &[Value::Input]));
    operation(draft, "requantize", input, |builder| builder.op(Op::Requantize, &[Value::Input]));
    operation(draft, "concat", input, |builder| {
        let other = builder.op(Op::Requantize, &[Value::Input])?;
        let third = builder.op(Op::PadChannels(PadChannels { before: 1, after: 0 }), &[other])?;
        builder.op(Op::Concat, &[Value::Input, third, other])
    });
}

fn additions(draft: &mut Draft) {
    let input = Shape::new(4, 5, 20);
    operation(draft, "add", input, |builder| {
        let other = builder.op(Op::Requantize, &[Value::Input])?;
        builder.op(Op::Add, &[Value::Input, other])
    });
    operation(draft, "add to itself", input, |builder| {
        builder.op(Op::Add, &[Value::Input, Value::Input])
    });
    // In the epilogue of a convolution, as its first and as its second input.
    for (name, first) in [("add to a convolution", true), ("add a convolution", false)] {
        for (kind, what) in [(Kind::Deterministic, ""), (Kind::Bayesian, "Bayesian ")] {
            operation(draft, &format!("{what}{name}"), input, |builder| {
                let branch = builder.conv(Value::Input, 20, 1, padded([3, 3], 1), kind)?;
                let inputs = if first { [branch, Value::Input] } else { [Value::Input, branch] };
                builder.op(Op::Add, &inputs)
            });
        }
    }
    operation(draft, "add to a depthwise convolution", input, |builder| {
        let branch = builder.conv(Value::Input, 20, 20, padded([3, 3], 1), Kind::Bayesian)?;
        builder.op(Op::Add, &[branch, Value::Input])
    });
}

fn tables(draft: &mut Draft) {
    let input = Shape::new(4, 5, 20);
    operation(draft, "table", input, |builder| builder.op(Op::Table, &[Value::Input]));
    for (kind, what) in [(Kind::Deterministic, ""), (Kind::Bayesian, "Bayesian ")] {
        operation(draft, &format!("{what}conv and table"), input, |builder| {
            let x = builder.conv(Value::Input, 19, 1, padded([3, 3], 1), kind)?;
            builder.op(Op::Table, &[x])
        });
    }
}

fn products(draft: &mut Draft) {
    let input = Shape::new(4, 5, 20);
    operation(draft, "multiply", input, |builder| {
        let other = builder.op(Op::Requantize, &[Value::Input])?;
        builder.op(Op::Multiply, &[Value::Input, other])
    });
    operation(draft, "multiply by itself", input, |builder| {
        builder.op(Op::Multiply, &[Value::Input, Value::Input])
    });
    operation(draft, "multiply by channel", input, |builder| {
        let factors = builder.op(Op::GlobalAveragePool, &[Value::Input])?;
        builder.op(Op::Multiply, &[Value::Input, factors])
    });
    operation(draft, "squeeze and excitation", input, |builder| {
        let mean = builder.op(Op::GlobalAveragePool, &[Value::Input])?;
        let squeezed = builder.conv(mean, 8, 1, Window::new([1, 1]), Kind::Bayesian)?;
        let excited = builder.conv(squeezed, 20, 1, Window::new([1, 1]), Kind::Bayesian)?;
        let factors = builder.op(Op::Table, &[excited])?;
        builder.op(Op::Multiply, &[Value::Input, factors])
    });
}
