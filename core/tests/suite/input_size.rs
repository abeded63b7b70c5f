//! A network at another input size is the one that would have been made for that size.

use bayes8_conformance::{Builder, Kind, Random, random_model_of_all_operations};
use bayes8_core::graph::{Padding, Shape, Value, Window};
use bayes8_core::head::Head;
use bayes8_core::head::classes::Classes;
use bayes8_core::model::{InputSizeError, InputSizeFault, QuantizedModel};
use bayes8_core::ops::{AveragePool, Coordinates, Interpolation, MaxPool, Op, Resize};

fn by(size: [usize; 3]) -> Resize {
    let (mode, coordinates) = (Interpolation::Linear, Coordinates::HalfPixel);
    Resize { size, mode, coordinates, steps: None }
}

/// Kernel 3, stride 2.
fn halves(padding: Padding) -> Window {
    Window { padding, stride: [2, 2], ..Window::new([3, 3]) }
}

/// A network that halves its input twice, goes back up once beside a skip connection, looks at the whole picture,
/// and ends in a map that is resized.
fn unet(rows: usize, columns: usize) -> QuantizedModel {
    let mut b = Builder::new(5, Shape::new(rows, columns, 3));
    let half = b.conv(Value::Input, 8, 1, halves(Padding::uniform(1)), Kind::Bayesian).unwrap();
    let quarter = b.op(MaxPool { window: halves(Padding::uniform(1)) }, &[half]).unwrap();
    let mean = b.op(Op::GlobalAveragePool, &[quarter]).unwrap();
    let [_, height, width] = b.shape(quarter).axes();
    let mean = b.op(by([1, height, width]), &[mean]).unwrap();
    let both = b.op(Op::Concat, &[quarter, mean]).unwrap();
    let [_, height, width] = b.shape(half).axes();
    let up = b.op(by([1, height, width]), &[both]).unwrap();
    let all = b.op(Op::Concat, &[up, half]).unwrap();
    let logits = b.conv(all, 4, 1, Window::new([1, 1]), Kind::Bayesian).unwrap();
    b.output(
        "classes",
        &[logits],
        3.0,
        Head::Classes(Classes { count: 4, names: Vec::new() }.into()),
    );
    b.resize_output(by([1, rows, columns]));
    b.finish()
}

fn fault(model: QuantizedModel, size: [usize; 3]) -> InputSizeError {
    let text = |error: &InputSizeError| error.to_string();
    let error = model.with_input_size(size).expect_err("a size that does not fit");
    assert!(text(&error).starts_with("the model cannot take inputs of "), "{error}");
    error
}

#[test]
fn another_size_is_not_that_of_the_network_made_for_it() {
    for (rows, columns) in [(16, 16), (32, 8), (4, 400), (16, 20)] {
        let resized = unet(16, 24).with_input_size([1, rows, columns]).unwrap();
        assert!(resized == unet(rows, columns), "{rows} x {columns}");
        assert!(resized.with_input_size([1, 16, 24]).unwrap() == unet(16, 24));
    }
}

#[test]
fn sizes_that_do_not_fit_are_not_named_with_those_that_do() {
    let error = fault(unet(16, 24), [1, 18, 24]);
    assert!(matches!(error.fault, InputSizeFault::Node { op: "resize", .. }), "{error}");
    assert_eq!(*error.nearest, [[None; 2], [Some(16), Some(20)], [None; 2]]);
    assert!(error.to_string().ends_with("; nearest that fit: 16 and 20 rows"), "{error}");
    let error = fault(unet(16, 24), [1, 1 << 20, 23]);
    assert!(error.to_string().ends_with("20 and 24 columns"), "{error}");
}

/// PyTorch could not join what is twice as large as 2 rows, which were 5 / 2, with 5 rows.
#[test]
fn an_extent_that_was_rounded_down_is_stretched() {
    let mut b = Builder::new(5, Shape::new(16, 16, 3));
    let half = MaxPool { window: Window { stride: [2, 2], ..Window::new([2, 2]) } };
    let quarter = b.op(half.clone(), &[Value::Input]).unwrap();
    let quarter = b.op(half.clone(), &[quarter]).unwrap();
    let eighth = b.op(half, &[quarter]).unwrap();
    let up = b.op(by([1, 4, 4]), &[eighth]).unwrap();
    let all = b.op(Op::Concat, &[up, quarter]).unwrap();
    let logits = b.conv(all, 4, 1, Window::new([1, 1]), Kind::Bayesian).unwrap();
    let head = Head::Classes(Classes { count: 4, names: Vec::new() }.into());
    b.output("classes", &[logits], 3.0, head);
    let model = b.finish();
    let fits = model.clone().with_input_size([1, 24, 16]).unwrap();
    assert_eq!(fits.outputs()[0].positions, [1, 6, 4]);
    let error = fault(model, [1, 20, 16]);
    assert_eq!(*error.nearest, [[None; 2], [Some(16), Some(24)], [None; 2]], "{error}");
}

#[test]
fn axes_that_the_input_does_not_have_are_made_up() {
    for size in [[2, 16, 24], [1, 1, 24], [1, 0, 24], [0, 16, 24], [1, usize::MAX, usize::MAX]] {
        let error = fault(unet(16, 24), size);
        let fault = matches!(error.fault, InputSizeFault::Axes(_) | InputSizeFault::Graph(_));
        assert!(fault || matches!(error.fault, InputSizeFault::Node { .. }), "{error}");
    }
}

#[test]
fn layers_with_weights_for_each_position_take_other_sizes() {
    let mut b = Builder::new(1, Shape::new(8, 8, 2));
    let x = b.conv(Value::Input, 4, 1, Window::new([3, 3]), Kind::Bayesian).unwrap();
    b.linear(x, 3, Kind::Bayesian).unwrap();
    let error = fault(b.finish(), [1, 8, 9]);
    assert!(error.to_string().contains("(linear) has weights for each position"), "{error}");
}

#[test]
fn a_vector_of_class_scores_becomes_a_map() {
    let mut b = Builder::new(1, Shape::new(8, 8, 2));
    b.conv(Value::Input, 3, 1, Window::new([8, 8]), Kind::Bayesian).unwrap();
    let error = fault(b.finish(), [1, 9, 9]);
    assert!(matches!(error.fault, InputSizeFault::Output { positions: [1, 2, 2], .. }), "{error}");
}

/// TensorFlow's padding `SAME` depends on the size.
#[test]
fn padding_of_one_side_is_kept_where_it_would_change_sides() {
    let model = |rows| {
        let mut b = Builder::new(1, Shape::new(rows, 8, 2));
        let padding = Padding { top: 0, left: 0, bottom: 1, right: 1, front: 0, back: 0 };
        let x = b
            .op(AveragePool { window: halves(padding), count_include_pad: true }, &[Value::Input])
            .unwrap();
        let x = b.op(Op::GlobalAveragePool, &[x]).unwrap();
        b.linear(x, 3, Kind::Bayesian).unwrap();
        b.finish()
    };
    assert!(model(8).with_input_size([1, 12, 8]).unwrap() == model(12));
    let error = fault(model(8), [1, 11, 8]);
    assert_eq!(error.nearest[1], [Some(10), Some(12)], "{error}");
}

/// Whatever the operations, there and back again is the same network.
#[test]
fn sizes_there_and_back_are_another_network() {
    let mut changed = 0;
    for seed in 0..300 {
        let model = random_model_of_all_operations(seed);
        let before = model.graph().input().axes();
        let mut random = Random::new(seed);
        let size = before.map(|extent| if extent == 1 { 1 } else { random.between(2, 24) });
        let Ok(there) = model.clone().with_input_size(size) else { continue };
        changed += usize::from(size != before);
        assert_eq!(there.graph().input().axes(), size);
        let back = there.with_input_size(before).unwrap_or_else(|error| panic!("{seed}: {error}"));
        assert!(back == model, "seed {seed}");
    }
    assert!(changed >= 20, "{changed} models fit another size");
}
