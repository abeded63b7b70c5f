//! What outputs mean, and what inputs hold.

use super::draft::Draft;
use crate::models::{Builder, Kind, with_seven_bits};
use crate::vectors::VectorFile;
use bayes8_core::conformal::{ClassScore, ConformalPredictor, Method};
use bayes8_core::graph::{GraphError, Op, Padding, Shape, Value, Window};
use bayes8_core::head::Head;
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_core::head::labels::Labels;
use bayes8_core::model::QuantizedModel;

pub(super) fn heads() -> VectorFile {
    let mut draft = Draft::new(
        "heads",
        "Networks that end in labels, in the targets of a regression, or in several outputs.",
    );
    // The size of the outputs: usual, and so large that probabilities are 0 and 1 and that sums
    // saturate.
    for (name, size, head) in [
        ("one label", 3.0, labels(1)),
        ("7 labels", 3.0, labels(7)),
        ("certain labels", 300.0, labels(4)),
        ("one mean", 2.0, gaussian(Variance::None, &[target(1.0, 0.0, -24)])),
        ("one mean, noise", 2.0, gaussian(Variance::None, &[noisy(target(16.5, 35.8, -24))])),
        ("a log-variance", 4.0, gaussian(Variance::Log, &[target(16.5, 35.8, -24)])),
        ("3 log-variances", 4.0, gaussian(Variance::Log, &targets(3))),
        ("a softplus variance", 4.0, gaussian(Variance::Softplus, &[target(0.01, -7.0, -24)])),
        ("3 softplus variances", 9.0, gaussian(Variance::Softplus, &targets(3))),
        ("means that saturate", 300.0, gaussian(Variance::Softplus, &[target(1.0, 0.0, -26)])),
        ("variances that saturate", 90.0, gaussian(Variance::Log, &[target(2.0, 0.0, -24)])),
        ("large steps", 1e6, gaussian(Variance::Softplus, &[target(1.0, 0.0, 3)])),
    ] {
        let outputs = head.outputs();
        let kinds = [Kind::Deterministic, Kind::Bayesian];
        let model = network(outputs, kinds, |b, x| b.output("output", &[x], size, head.clone()));
        add(&mut draft, name, &model.expect("a network that fits"));
    }
    let model = several(Kind::Bayesian).expect("a network that fits");
    add(&mut draft, "classes, labels and targets", &model);
    let model = several(Kind::Deterministic).expect("a network that fits");
    add(&mut draft, "nothing random", &model);
    draft.finish()
}

/// Sets and intervals of all methods. The thresholds let in few, some and all.
pub(super) fn conformal() -> VectorFile {
    let mut draft = Draft::new(
        "conformal",
        "Networks with conformal predictors: sets of classes and of answers to labels, and intervals.",
    );
    let (lac, infinity) = (Method::Classes(ClassScore::Lac), f64::INFINITY);
    let raps = |lambda, k_reg| Method::Classes(ClassScore::Raps { lambda, k_reg });
    for (name, method, classes, labels, targets) in [
        ("lac", lac, 0.8, [0.25, 0.5, 0.75], [1.7, 0.3]),
        ("aps", Method::Classes(ClassScore::Aps), 0.9, [0.0, 0.4, 1.0], [0.1 + 0.2, 1e-3]),
        ("raps", raps(0.1, 1), 1.0, [0.9, infinity, 0.6], [0.0, infinity]),
        ("raps from the first place", raps(0.25, 0), 1.2, [0.1, 0.2, 0.3], [3.0, 1e6]),
        ("everything", raps(1e9, 2), infinity, [infinity; 3], [infinity; 2]),
    ] {
        let model = [
            ("kind", predictor(method, &[classes])),
            ("tags", predictor(lac, &labels)),
            ("size", predictor(Method::Residuals, &targets)),
        ]
        .into_iter()
        .fold(
            several(Kind::Bayesian).expect("a network that fits"),
            |model, (output, of)| {
                model.with_conformal(output, Some(of)).expect("predictors that fit")
            },
        );
        add(&mut draft, name, &model);
    }
    draft.finish()
}

pub(super) fn predictor(method: Method, thresholds: &[f64]) -> ConformalPredictor {
    ConformalPredictor {
        method,
        alpha: 0.1,
        thresholds: thresholds.to_vec(),
        calibration_examples: 1000,
        samples: 4,
        seed: 0,
    }
}

/// A convolution, and a layer that makes the outputs.
fn network(
    outputs: usize,
    kinds: [Kind; 2],
    output: impl FnOnce(&mut Builder, Value),
) -> Result<QuantizedModel, GraphError> {
    let mut b = Builder::new(outputs as u64, Shape::new(3, 4, 3));
    let conv = b.conv(Value::Input, 5, 1, Window::new([2, 2]), kinds[0])?;
    let last = b.linear(conv, outputs, kinds[1])?;
    output(&mut b, last);
    Ok(b.finish())
}

/// Three outputs, of which one has two nodes that stand in another order than the outputs.
fn several(kind: Kind) -> Result<QuantizedModel, GraphError> {
    let mut b = Builder::new(31, Shape::new(4, 4, 2));
    let conv = b.conv(Value::Input, 6, 1, Window::new([2, 2]), Kind::Deterministic)?;
    let log_variance = b.linear(conv, 2, kind)?;
    let features = b.linear(conv, 9, kind)?;
    let classes = b.linear(features, 4, kind)?;
    let labels = b.linear(conv, 3, Kind::BayesianBias)?;
    let mean = b.linear(features, 2, kind)?;
    let head = Head::Classes(Classes { count: 4, names: Vec::new() }.into());
    b.output("kind", &[classes], 3.0, head);
    b.output("size", &[mean, log_variance], 2.0, gaussian(Variance::Log, &targets(2)));
    b.output("tags", &[labels], 3.0, self::labels(3));
    Ok(b.finish())
}

pub(super) fn labels(count: usize) -> Head {
    Head::Labels(Labels { count, names: Vec::new() }.into())
}

pub(super) fn gaussian(variance: Variance, targets: &[Target]) -> Head {
    Head::Gaussian(Gaussian { variance, targets: targets.to_vec() }.into())
}

fn target(scale: f32, offset: f32, exponent: i8) -> Target {
    Target { name: String::new(), unit: String::new(), scale, offset, noise: 0.0, exponent }
}

fn noisy(target: Target) -> Target {
    Target { noise: 2.5, ..target }
}

/// Targets with different units and steps.
pub(super) fn targets(count: usize) -> Vec<Target> {
    let all = [target(16.5, 35.8, -24), noisy(target(0.02, -1.0, -22)), target(1e5, 2e5, -20)];
    all[..count].to_vec()
}

pub(super) fn inputs() -> VectorFile {
    let mut draft = Draft::new(
        "inputs",
        "Networks that take numbers, and networks whose input has two code planes.",
    );
    let padded = |kernel: [usize; 2]| Window {
        padding: Padding { left: 1, right: 1, ..Padding::uniform(0) },
        ..Window::new(kernel)
    };
    let square = Window { padding: Padding::uniform(1), stride: [2, 2], ..Window::new([3, 3]) };
    let wide = |model: &mut Builder| {
        model.takes_numbers();
        model.takes_two_planes();
    };
    type Start = fn(&mut Builder);
    let bytes: Start = Builder::takes_two_planes;
    for (name, input, start, first) in [
        ("13 features", Shape::vector(13), Builder::takes_numbers as Start, None),
        ("13 features, two planes", Shape::vector(13), wide as Start, None),
        ("one feature, two planes", Shape::vector(1), wide, None),
        ("200 features, two planes", Shape::vector(200), wide, None),
        ("sequence", Shape::new(1, 20, 3), Builder::takes_numbers, Some((padded([1, 3]), 1))),
        ("sequence, two planes", Shape::new(1, 20, 3), wide, Some((padded([1, 3]), 1))),
        ("depthwise, two planes", Shape::new(1, 9, 4), wide, Some((padded([1, 3]), 4))),
        ("picture, two planes", Shape::new(7, 6, 3), bytes, Some((square, 1))),
        ("volume, two planes", Shape::volume(3, 4, 5, 2), bytes, Some((square, 1))),
    ] {
        for kind in [Kind::Bayesian, Kind::Deterministic] {
            let mut b = Builder::new(input.elements() as u64, input);
            start(&mut b);
            let x = match first {
                Some((window, groups)) => b.conv(Value::Input, 4.max(groups), groups, window, kind),
                None => b.linear(Value::Input, 18, kind),
            };
            b.linear(x.expect("a window that fits"), 3, Kind::Bayesian).expect("any shape");
            add(&mut draft, &format!("{name}, {kind:?}"), &b.finish());
        }
    }
    // The first layer makes the outputs; two layers and a flattened value read the input.
    let mut b = Builder::new(3, Shape::vector(21));
    wide(&mut b);
    b.linear(Value::Input, 3, Kind::Bayesian).expect("any shape");
    let model = b.finish();
    add(&mut draft, "outputs from two planes", &model);
    add(&mut draft, "outputs from two planes of 7 bits", &with_seven_bits(&model));
    let mut b = Builder::new(4, Shape::new(1, 6, 4));
    wide(&mut b);
    let conv = b.conv(Value::Input, 4, 1, padded([1, 3]), Kind::Bayesian).expect("a fit");
    let other = b.conv(Value::Input, 4, 1, Window::new([1, 1]), Kind::Bayesian).expect("a fit");
    let sum = b.op(Op::Add, &[conv, other]).expect("equal shapes");
    let flat = b.op(Op::Flatten, &[Value::Input]).expect("any shape");
    let flat = b.linear(flat, 9, Kind::Bayesian).expect("any shape");
    let sum = b.op(Op::Flatten, &[sum]).expect("any shape");
    let all = b.op(Op::Concat, &[sum, flat]).expect("vectors");
    b.linear(all, 3, Kind::Bayesian).expect("any shape");
    add(&mut draft, "several readers of two planes", &b.finish());
    draft.finish()
}

/// Adds a model, a vector, and one of other samples.
pub(super) fn add(draft: &mut Draft, name: &str, model: &QuantizedModel) {
    let pictures = draft.model_and_vector(name, model);
    draft.next_vector(name, &pictures);
}
