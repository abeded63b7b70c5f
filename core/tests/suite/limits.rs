//! The cost of a model is known before it runs: small files that would take hours or all
//! memory are refused, large networks are not.

use bayes8_core::executor::Executor;
use bayes8_core::format::{read, write};
use bayes8_core::graph::{Op, Padding, Range, Shape, Value, Window};
use bayes8_core::limits::{Cost, LimitError, Limits};
use bayes8_core::model::QuantizedModel;
use bayes8_core::ops::{AveragePool, MaxPool, Slice};
use bayes8_core::reference::Reference;

use bayes8_conformance::{Builder, Kind, random_model_of_all_operations, random_volume_model};

/// Appends a classifier on the first pixel of `x`.
fn finish(mut b: Builder, x: Value) -> QuantizedModel {
    let first = Range { start: 0, end: 1, step: 1 };
    let pixel = b.op(Op::Slice(Slice { rows: first, columns: first, planes: None }), &[x]).unwrap();
    b.linear(pixel, 3, Kind::Bayesian).unwrap();
    b.finish()
}

/// Returns a model with `count` values of 4 MiB that live until the last one is made.
fn many_values(count: usize) -> QuantizedModel {
    let mut b = Builder::new(1, Shape::new(2048, 2048, 1));
    let value = |b: &mut Builder| b.op(Op::Requantize, &[Value::Input]).unwrap();
    let values: Vec<_> = (0..count).map(|_| value(&mut b)).collect();
    let sum = |sum, &x: &Value| b.op(Op::Add, &[sum, x]).unwrap();
    let all = values.iter().fold(Value::Input, sum);
    finish(b, all)
}

fn huge_pool(op: fn(Window) -> Op) -> QuantizedModel {
    let mut b = Builder::new(1, Shape::new(4096, 4096, 1));
    let pooled = b.op(op(Window::new([2048, 2048])), &[Value::Input]).unwrap();
    finish(b, pooled)
}

fn check(model: &QuantizedModel) -> Result<(), LimitError> {
    Cost::new(model).check(model, Limits::default())
}

/// Each value is small, but their sum is not.
#[test]
fn values_that_live_together_are_summed() {
    let model = many_values(600);
    assert!(Cost::new(&model).memory_bytes >= 600 << 22);
    let error = check(&model).unwrap_err();
    let LimitError::Memory(excess) = &error else { panic!("{error}") };
    assert_eq!(excess.largest, 1 << 22);
    // Allocators of 32-bit processors give one byte less than 2 GiB.
    let limit = if cfg!(target_pointer_width = "64") { "2048 MiB" } else { "2047 MiB" };
    let text = error.to_string();
    for part in [&excess.node, "requantize", limit, "4194304 bytes", "raise the limit on memory"] {
        assert!(text.contains(part), "`{text}` does not say `{part}`");
    }
    // Values that do not live together are not summed.
    let mut b = Builder::new(1, Shape::new(2048, 2048, 1));
    let next = |x, _| b.op(Op::Requantize, &[x]).unwrap();
    let last = (0..600).fold(Value::Input, next);
    let chain = finish(b, last);
    assert!(Cost::new(&chain).memory_bytes < 5 << 22);
    check(&chain).unwrap();
}

#[test]
fn a_huge_window_is_refused_by_its_steps() {
    let mean = |window| Op::AveragePool(AveragePool { window, count_include_pad: false });
    for model in [huge_pool(|window| MaxPool { window }.into()), huge_pool(mean)] {
        let steps = 64 * 2049 * 2049 * (2048u64 * 2048) + 2 * 64;
        assert!(Cost::new(&model).steps.abs_diff(steps) < 1000, "{}", Cost::new(&model).steps);
        let error = check(&model).unwrap_err();
        let LimitError::Steps(excess) = &error else { panic!("{error}") };
        assert!(excess.op.ends_with("_pool"), "{error}");
        assert!(error.to_string().contains("raise the limit on steps"), "{error}");
    }
}

/// Many short operations.
#[test]
fn steps_are_summed() {
    let chain = |length: usize| {
        let mut b = Builder::new(1, Shape::new(1024, 1024, 1));
        let window = Window { padding: Padding::uniform(10), ..Window::new([21, 21]) };
        let next = |x, _| b.op(Op::MaxPool(MaxPool { window }), &[x]).unwrap();
        let last = (0..length).fold(Value::Input, next);
        finish(b, last)
    };
    check(&chain(140)).unwrap();
    assert!(matches!(check(&chain(160)), Err(LimitError::Steps(_))));
}

/// A U-Net over 1024 x 1024 pixels, with the largest values that a graph can have.
#[test]
fn a_large_network_is_within_the_limits() {
    let mut b = Builder::new(1, Shape::new(1024, 1024, 3));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let half = Window { stride: [2, 2], ..Window::new([2, 2]) };
    let mut x = Value::Input;
    let mut shortcuts = Vec::new();
    // With padding, 64 channels would exceed the largest value.
    for channels in [60, 60, 60] {
        x = b.conv(x, channels, 1, window, Kind::Bayesian).unwrap();
        x = b.conv(x, channels, 1, window, Kind::Bayesian).unwrap();
        shortcuts.push(x);
        x = b.op(Op::MaxPool(MaxPool { window: half }), &[x]).unwrap();
    }
    let first = shortcuts[0];
    x = b.conv(first, 60, 1, window, Kind::Bayesian).unwrap();
    x = b.op(Op::Add, &[x, first]).unwrap();
    let model = finish(b, x);
    let Cost { memory_bytes, steps, .. } = Cost::new(&model);
    assert!(memory_bytes > 200 << 20 && steps > 100_000_000_000, "{memory_bytes} {steps}");
    check(&model).unwrap();
}

#[test]
fn the_figures_match_the_definition() {
    let mut b = Builder::new(1, Shape::new(4, 4, 2));
    b.linear(Value::Input, 3, Kind::Bayesian).unwrap();
    let model = b.finish();
    let Cost { memory_bytes, steps, .. } = Cost::new(&model);
    // 32 codes of the input in a line of 64; a copy of them in 16 bits; 3 logits and their sums.
    assert_eq!(memory_bytes, 64 + 2 * 32 + 3 * (4 + 8 + 8));
    // 3 outputs of 32 products, which count as 64.
    assert_eq!(steps, 3 * 64);
    let exactly = Limits::new().memory_bytes(memory_bytes).steps(steps);
    let cost = Cost::new(&model);
    cost.check(&model, exactly).unwrap();
    let less = exactly.memory_bytes(memory_bytes - 1);
    assert!(matches!(cost.check(&model, less), Err(LimitError::Memory(_))));
    let less = exactly.steps(steps - 1);
    assert!(matches!(cost.check(&model, less), Err(LimitError::Steps(_))));
}

/// The arena of an executor is part of the announced cost.
#[test]
fn no_executor_takes_more_than_the_announced_memory() {
    for model in (0..100).flat_map(|s| [random_model_of_all_operations(s), random_volume_model(s)])
    {
        let announced = Cost::new(&read(&write(&model).unwrap()).unwrap()).memory_bytes;
        let taken = Executor::new(&model, Reference).bytes_per_picture() as u64;
        assert!((taken..taken + (1 << 20)).contains(&announced), "{taken} of {announced}");
    }
}
