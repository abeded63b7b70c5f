//! Numbers at which implementations go wrong: ties of the rounding, sums that do not fit f32 or 16
//! bits, logits that overflow the exponential.

use crate::catalogue::draft::Draft;
use crate::models::{Builder, Kind, layer_mut, node_mut};
use bayes8_core::graph::{Op, Shape, Value};
use bayes8_core::layer::Bias;
use bayes8_core::model::{Parts, QuantizedModel};
use bayes8_core::numerics::{CodeRange, Quantization};

pub(super) fn add_all(draft: &mut Draft) {
    ties(draft);
    large_sums(draft);
    logits(draft);
}

fn finish(name: &str, builder: Builder, change: impl FnOnce(&mut Parts)) -> QuantizedModel {
    let mut parts = builder.parts();
    // Codes are the bytes of the picture.
    parts.input = Quantization { scale: 1.0 / 256.0, zero_point: 0 };
    parts.preprocessing.mean.fill(0.0);
    parts.preprocessing.std.fill(256.0 / 255.0);
    change(&mut parts);
    QuantizedModel::new(parts).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Gives the first node this grid and all codes.
fn set_output(parts: &mut Parts, grid: Quantization) {
    let node = node_mut(parts, 0);
    (node.output, node.range) = (Some(grid), CodeRange::FULL);
}

/// Every other code lies halfway between two codes of the output: round half to even, not up.
fn ties(draft: &mut Draft) {
    let input = Shape::new(16, 16, 1);
    let build = |op: Op, inputs: &[Value]| {
        let mut builder = Builder::new(1, input);
        let value = builder.op(op, inputs).expect("an operation that fits");
        builder.linear(value, 5, Kind::Deterministic).expect("any value is a vector");
        builder
    };
    for zero_point in [0, 101] {
        let halves = Quantization { scale: 1.0 / 128.0, zero_point };
        let name = format!("requantize ties, zero point {zero_point}");
        let builder = build(Op::Requantize, &[Value::Input]);
        draft.model_and_vector(&name, &finish(&name, builder, |parts| set_output(parts, halves)));
        let name = format!("add ties, zero point {zero_point}");
        let builder = build(Op::Add, &[Value::Input, Value::Input]);
        // Twice the code, in steps of four.
        let quarter = Quantization { scale: 1.0 / 64.0, zero_point };
        draft.model_and_vector(&name, &finish(&name, builder, |parts| set_output(parts, quarter)));
    }
    let name = "conv ties";
    let mut builder = Builder::new(1, input);
    let value = builder.linear(Value::Input, 40, Kind::Deterministic);
    builder.linear(value.expect("a vector"), 5, Kind::Deterministic).expect("a vector");
    let model = finish(name, builder, |parts| {
        set_output(parts, Quantization { scale: 1.0 / 128.0, zero_point: 128 });
        let layer = layer_mut(parts, 0);
        // Few weights, so that sums stay within the codes.
        layer.mu.iter_mut().enumerate().for_each(|(i, mu)| *mu = i8::from(i % 255 == 0));
        layer.scale.fill(1.0);
        layer.bias = None;
    });
    draft.model_and_vector(name, &model);
}

/// Products that lie halfway between two codes of the output, and the largest products.
pub(super) fn add_products(draft: &mut Draft) {
    let input = Shape::new(16, 16, 1);
    for zero_point in [0, 101] {
        for (what, scale) in [("ties", 1.0 / 512.0), ("wide grid", 1.0)] {
            let name = format!("multiply {what}, zero point {zero_point}");
            let mut builder = Builder::new(6, input);
            let value = builder.op(Op::Multiply, &[Value::Input, Value::Input]);
            let value = value.expect("an operation that fits");
            builder.linear(value, 5, Kind::Deterministic).expect("any value is a vector");
            let model = finish(&name, builder, |parts| {
                set_output(parts, Quantization { scale, zero_point });
            });
            draft.model_and_vector(&name, &model);
        }
    }
}

/// The largest products, in sums that 16 bits cannot hold pairwise nor f32 exactly.
fn large_sums(draft: &mut Draft) {
    for (name, weight) in [("all weights -128", -128), ("all weights 127", 127)] {
        for fan_in in [4, 67, 700] {
            let name = format!("{name}, {fan_in}");
            let mut builder = Builder::new(2, Shape::vector(fan_in));
            builder.linear(Value::Input, 2, Kind::Deterministic).expect("a vector");
            let model = finish(&name, builder, |parts| {
                let layer = layer_mut(parts, 0);
                layer.mu.fill(weight);
                layer.bias = Some(Bias { mu: vec![1, -7], sigma: None });
            });
            draft.model_and_vector(&name, &model);
        }
    }
    // As close to 2^31 as the loader allows.
    let name = "bias near 2^31";
    let mut builder = Builder::new(3, Shape::vector(2));
    builder.linear(Value::Input, 3, Kind::Deterministic).expect("a vector");
    let model = finish(name, builder, |parts| {
        let most = i32::MAX - 2 * 255 * 128;
        let layer = layer_mut(parts, 0);
        layer.scale.fill(1e-6);
        layer.bias = Some(Bias { mu: vec![most, -most, 0], sigma: None });
    });
    draft.model_and_vector(name, &model);
}

/// Logits of all magnitudes: equal, close, too far apart for the exponential, huge.
fn logits(draft: &mut Draft) {
    for (name, scale) in [("tiny", 1e-9), ("middling", 1.0), ("large", 30.0), ("huge", 1e25)] {
        let name = format!("{name} logits");
        let mut builder = Builder::new(4, Shape::vector(6));
        builder.linear(Value::Input, 7, Kind::Bayesian).expect("a vector");
        let model = finish(&name, builder, |parts| {
            let layer = layer_mut(parts, 0);
            // Codes of up to 255 by weights of up to 128, in units of the largest weight's.
            layer.scale.fill(scale / 128.0);
            layer.bias = None;
        });
        draft.model_and_vector(&name, &model);
    }
    let mut builder = Builder::new(5, Shape::vector(6));
    builder.linear(Value::Input, 1, Kind::Bayesian).expect("a vector");
    draft.model_and_vector("one class", &finish("one class", builder, |_| {}));
}
