//! A small model, its file, and the errors that damage to the file causes.

use bayes8_conformance::name_classes;
use bayes8_conformance::{Builder, Kind};
use bayes8_core::format::{FormatError, read, write};
use bayes8_core::graph::{Padding, Shape, Value, Window};
use bayes8_core::model::{Calibration, Parts, QuantizedModel};

use crate::container::File;

/// Returns a small model with all kinds of layers: Bayesian, grouped, depthwise, deterministic.
pub(crate) fn model() -> QuantizedModel {
    QuantizedModel::new(parts()).unwrap()
}

pub(crate) fn parts() -> Parts {
    let mut b = Builder::new(3, Shape::new(4, 4, 2));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let conv = b.conv(Value::Input, 4, 1, window, Kind::Bayesian).unwrap();
    let grouped = b.conv(conv, 6, 2, window, Kind::BayesianBias).unwrap();
    let depthwise = b.conv(grouped, 6, 6, window, Kind::Bayesian).unwrap();
    b.linear(depthwise, 3, Kind::Deterministic).unwrap();
    let mut parts = b.parts();
    name_classes(&mut parts, &["cat", "\"quoted\" \\ \u{1f408}", ""]);
    parts.calibration = Some(Calibration {
        method: "percentile 99.99".into(),
        pictures: 100,
        weight_samples: 4,
        ranges: vec![[-1.5, 2.25], [0.0, 0.1], [-0.3, 1e-30], [0.0, 3e38], [-7.0, 7.0]],
    });
    parts
}

pub(crate) fn file() -> File {
    File::without_digest(&write(&model()).unwrap())
}

/// Returns the error of reading `file`, which must name `culprit`.
pub(crate) fn error(file: &File, culprit: &str) -> FormatError {
    let error = read(&file.bytes()).expect_err("a damaged file");
    assert!(error.to_string().contains(culprit), "`{error}` does not name `{culprit}`");
    error
}

/// Returns the error after replacing `from`, which must occur, in the description.
pub(crate) fn described(from: &str, to: &str, culprit: &str) -> FormatError {
    let mut file = file();
    assert!(file.description.contains(from), "{from} is not in {}", file.description);
    file.description = file.description.replacen(from, to, 1);
    error(&file, culprit)
}
