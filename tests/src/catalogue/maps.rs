//! Outputs that are maps, and the resizing that makes them as large as the input.

use super::draft::Draft;
use super::heads::{add, gaussian, labels, predictor, targets};
use crate::models::{Builder, Kind, with_seven_bits};
use crate::vectors::VectorFile;
use bayes8_core::conformal::{ClassScore, Method};
use bayes8_core::graph::{GraphError, Op, Padding, Shape, Value, Window};
use bayes8_core::head::Head;
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::Variance;
use bayes8_core::model::QuantizedModel;
use bayes8_core::ops::{
    Coordinates, Dropout, DropoutKind, DropoutProbability, Interpolation, Resize,
};

pub(super) fn file() -> VectorFile {
    let mut draft = Draft::new(
        "maps",
        "Networks that end in a map of classes, labels or targets, and that resize values.",
    );
    use Coordinates::{AlignCorners, Asymmetric, HalfPixel, TfHalfPixel};
    use Interpolation::{Linear, NearestCeil, NearestFloor, NearestPreferCeil, NearestPreferFloor};
    let picture = Shape::new(5, 7, 2);
    for (name, mode, coordinates, steps) in [
        ("bilinear", Linear, HalfPixel, None),
        ("bilinear, corners", Linear, AlignCorners, None),
        ("bilinear, steps", Linear, Asymmetric, Some([[1, 1], [2, 3], [5, 9]])),
        ("nearest before", NearestFloor, Asymmetric, None),
        ("nearest before, TensorFlow", NearestFloor, TfHalfPixel, None),
        ("nearest after", NearestCeil, HalfPixel, None),
        ("nearest, the one before of two", NearestPreferFloor, HalfPixel, None),
        (
            "nearest, the one after of two",
            NearestPreferCeil,
            HalfPixel,
            Some([[1, 1], [1, 2], [1, 2]]),
        ),
    ] {
        let resize = Resize { size: [1, 5, 7], mode, coordinates, steps };
        let model = network(picture, resize, 3.0, classes(3)).expect("a network that fits");
        add(&mut draft, name, &model);
    }
    let linear = |size| Resize { size, mode: Linear, coordinates: HalfPixel, steps: None };
    let volume = Shape::volume(3, 4, 5, 1);
    let sequence = Shape::new(1, 17, 3);
    for (name, input, size, scale, head) in [
        ("smaller", picture, [1, 2, 3], 3.0, classes(3)),
        ("volume", volume, [4, 3, 6], 3.0, classes(2)),
        ("sequence", sequence, [1, 1, 17], 3.0, classes(5)),
        ("certain classes", picture, [1, 5, 7], 300.0, classes(21)),
        ("labels", picture, [1, 4, 4], 3.0, labels(2)),
        ("certain labels of a volume", volume, [3, 4, 5], 300.0, labels(1)),
        ("targets", picture, [1, 5, 7], 4.0, gaussian(Variance::Log, &targets(2))),
        ("targets of a sequence", sequence, [1, 1, 33], 9.0, gaussian(Variance::None, &targets(1))),
    ] {
        let model = network(input, linear(size), scale, head).expect("a network that fits");
        add(&mut draft, name, &model);
        add(&mut draft, &format!("{name}, 7 bits"), &with_seven_bits(&model));
    }
    for (name, input, resize, head) in [
        ("resized classes", picture, linear([1, 11, 13]), classes(3)),
        (
            "resized classes, corners",
            picture,
            Resize { coordinates: AlignCorners, ..linear([1, 9, 4]) },
            classes(21),
        ),
        (
            "resized classes, nearest",
            picture,
            Resize { mode: NearestFloor, coordinates: Asymmetric, ..linear([1, 6, 8]) },
            classes(2),
        ),
        ("resized labels of a volume", volume, linear([5, 6, 7]), labels(2)),
        ("resized targets", picture, linear([1, 9, 9]), gaussian(Variance::Log, &targets(2))),
        ("resized sequence", sequence, linear([1, 1, 40]), classes(4)),
    ] {
        let model = resized(input, resize, head).expect("a network that fits");
        add(&mut draft, name, &model);
    }
    for (name, input, resize, score, threshold) in [
        ("sets of classes", picture, linear([1, 11, 13]), ClassScore::Lac, 0.75),
        ("sets of classes, aps", picture, linear([1, 5, 7]), ClassScore::Aps, 0.9),
        (
            "sets of classes of a volume",
            volume,
            linear([3, 4, 5]),
            ClassScore::Raps { lambda: 0.1, k_reg: 1 },
            1.0,
        ),
    ] {
        let model = resized(input, resize, classes(4)).expect("a network that fits");
        let predictor = predictor(Method::Classes(score), &[threshold]);
        let model = model.with_conformal("output", Some(predictor)).expect("a predictor that fits");
        add(&mut draft, name, &model);
    }
    draft.finish()
}

/// A convolution that makes a map, which is resized.
fn resized(input: Shape, by: Resize, head: Head) -> Result<QuantizedModel, GraphError> {
    let mut b = Builder::new(input.elements() as u64, input);
    let window = Window::new([input.height.min(2), 2]);
    let map = b.conv(Value::Input, head.outputs(), 1, window, Kind::Bayesian)?;
    b.output("output", &[map], 3.0, head);
    b.resize_output(by);
    Ok(b.finish())
}

/// A convolution that halves the extents, dropout, the resizing, and a layer that makes the map.
fn network(
    input: Shape,
    resize: Resize,
    size: f32,
    head: Head,
) -> Result<QuantizedModel, GraphError> {
    let mut b = Builder::new(input.elements() as u64, input);
    let rows = if input.height > 1 { 3 } else { 1 };
    let window = Window {
        padding: Padding {
            top: rows / 2,
            bottom: rows / 2,
            ..Padding { left: 1, right: 1, ..Padding::uniform(0) }
        },
        stride: [rows.min(2), 2],
        ..Window::new([rows, 3])
    };
    let features = b.conv(Value::Input, 5, 1, window, Kind::Deterministic)?;
    let probability = DropoutProbability::try_from(1 << 14).expect("1/4");
    let dropout = Dropout { probability, kind: DropoutKind::Element };
    let features = b.op(Op::Dropout(dropout), &[features])?;
    let resized = b.op(Op::Resize(resize), &[features])?;
    let map = b.conv(resized, head.outputs(), 1, Window::new([1, 1]), Kind::Bayesian)?;
    b.output("output", &[map], size, head);
    Ok(b.finish())
}

fn classes(count: usize) -> Head {
    Head::Classes(Classes { count, names: Vec::new() }.into())
}
