//! Evaluation of targets, labels and one of several outputs, beside computations from the samples.

use std::path::{Path, PathBuf};

use bayes8_conformance::models::{Builder, Kind};
use bayes8_core::graph::{Shape, Value};
use bayes8_core::head::Head;
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_core::head::labels::Labels;
use bayes8_evaluate::conformal::{ClassScore, Conformal, Method};
use bayes8_evaluate::metrics::regression::{Mixture, rmse};
use bayes8_evaluate::{Evaluation, HeadReport, Options, Threshold};
use bayes8_native::{Model, ModelOptions, Pictures, PredictOptions};
use ndarray::{Array1, Array2};
use ndarray_npy::{NpzWriter, WritableElement};
use tempfile::TempDir;

const FEATURES: usize = 6;
const EXAMPLES: usize = 40;
const SAMPLES: u32 = 16;

/// A model over six numbers with these outputs.
fn model(outputs: &[(&str, Head)]) -> Model {
    let mut builder = Builder::new(7, Shape::vector(FEATURES));
    builder.takes_numbers();
    let hidden = builder.linear(Value::Input, 8, Kind::Bayesian).unwrap();
    for (name, head) in outputs {
        let value = builder.linear(hidden, head.outputs(), Kind::Bayesian).unwrap();
        builder.output(name, &[value], 1.5, head.clone());
    }
    Model::new(builder.finish(), ModelOptions::new()).unwrap()
}

/// Two targets with variances, of which one has further noise.
fn regression() -> Head {
    let target = |name: &str, scale, offset, noise| Target {
        name: name.into(),
        unit: "m".into(),
        scale,
        offset,
        noise,
        exponent: -24,
    };
    let targets = vec![target("height", 2.0, 5.0, 0.0), target("width", 0.5, -1.0, 0.25)];
    Head::Gaussian(Gaussian { variance: Variance::Log, targets }.into())
}

fn labels() -> Head {
    Head::Labels(Labels { count: 3, names: Vec::new() }.into())
}

fn classes() -> Head {
    Head::Classes(Classes { count: 4, names: Vec::new() }.into())
}

fn inputs(first: usize) -> Array2<f32> {
    let number = |(n, feature)| ((n + first) * 37 % 101) as f32 / 50.0 - feature as f32 / 4.0;
    Array2::from_shape_fn((EXAMPLES, FEATURES), number)
}

/// Writes `x`, other inputs for another `first`, and `y`.
fn write<T: WritableElement, D: ndarray::Dimension>(
    path: &Path,
    first: usize,
    y: &ndarray::Array<T, D>,
) {
    let mut npz = NpzWriter::new(std::fs::File::create(path).unwrap());
    npz.add_array("x", &inputs(first)).unwrap();
    npz.add_array("y", y).unwrap();
    npz.finish().unwrap();
}

/// A folder with `xy.npz`, and an evaluation on it.
fn options<T: WritableElement, D: ndarray::Dimension>(
    y: &ndarray::Array<T, D>,
) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let [file, data] = ["model", "xy.npz"].map(|name| folder.path().join(name));
    std::fs::write(&file, "for its digest").unwrap();
    write(&data, 0, y);
    let mut options = Options::new(file, data);
    options.samples = Some(SAMPLES);
    options.seed = 3;
    (folder, options)
}

pub(crate) fn head_report(options: &Options, model: &Model) -> HeadReport {
    match options.evaluate(model, &mut |_| ()).unwrap() {
        Evaluation::Head(report) => *report,
        other => panic!("{other:?}"),
    }
}

/// The message of an error and of its source.
pub(crate) fn error(options: &Options, model: &Model) -> String {
    let error = options.evaluate(model, &mut |_| ()).unwrap_err();
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
}

/// The figures of the first target again, from the numbers of `predict`.
#[test]
fn figures_of_targets_are_those_of_the_samples() {
    let model = model(&[("size", regression())]);
    let truth = Array2::from_shape_fn((EXAMPLES, 2), |(n, t)| (n % 7) as f32 - 3.0 * t as f32);
    let (folder, mut options) = options(&truth);
    options.ood = Some(folder.path().join("ood.npz"));
    write(options.ood.as_ref().unwrap(), 500, &truth);
    let report = head_report(&options, &model);
    let x = inputs(0);
    let predict = PredictOptions::new().samples(0..SAMPLES).seed(3).keep_logits(true);
    let predictions = model.predict(Pictures::Numbers(x.view()), &predict).unwrap();
    for (target, [scale, offset, noise]) in [[2.0, 5.0, 0.0], [0.5, -1.0, 0.25]].iter().enumerate()
    {
        let y: Vec<f64> = truth.column(target).iter().map(|&y| f64::from(y)).collect();
        let (mut means, mut nll, mut inside) = (Vec::new(), 0.0, 0.0);
        for (prediction, y) in predictions.iter().zip(&y) {
            let numbers = prediction.logits().unwrap().mapv(f64::from);
            let of = numbers.column(target).mapv(|m| scale * m + offset).to_vec();
            let variance = |x: f64| (scale * scale).mul_add(x.exp(), noise * noise);
            let variances = numbers.column(target + 2).mapv(variance).to_vec();
            let mixture = Mixture::new(&of, &variances);
            nll -= mixture.log_density(*y).unwrap() / EXAMPLES as f64;
            let interval = [0.025, 0.975].map(|p| mixture.quantile(p));
            inside += f64::from(interval[0] <= *y && *y <= interval[1]) / EXAMPLES as f64;
            means.push(of.iter().sum::<f64>() / of.len() as f64);
        }
        let found = &report.int8.targets()[target];
        near(found.figures.rmse, rmse(&means, &y));
        near(found.figures.mixture.nll.unwrap(), nll);
        near(found.figures.coverage_95(), inside);
        assert_eq!(found.ood.as_ref().unwrap().examples, EXAMPLES);
    }
    let text = report.text(Default::default());
    assert!(text.contains("height, in m") && text.contains("OOD total AUROC"), "{text}");
    let page = report.html();
    assert!(page.contains("target-1") && page.contains("width of 95 % intervals"), "{page}");
    let json = serde_json::to_value(Evaluation::Head(report.into())).unwrap();
    assert_eq!(json["targets"][1]["name"], "width");
    assert_eq!(json["head"], "gaussian");
}

#[test]
fn figures_of_labels_are_those_of_predictions() {
    let model = model(&[("tags", labels())]);
    let present = Array2::from_shape_fn((EXAMPLES, 3), |(n, label)| (n + label) % 3 == 0);
    let (_folder, mut options) = options(&present);
    options.thresholds.push((Threshold::named("max-log-loss").unwrap(), 0.0));
    options.thresholds.push((Threshold::named("max-rmse").unwrap(), 1e9));
    let report = head_report(&options, &model);
    let x = inputs(0);
    let predict = PredictOptions::new().samples(0..SAMPLES).seed(3);
    let predictions = model.predict(Pictures::Numbers(x.view()), &predict).unwrap();
    let mut log_loss = 0.0;
    for (prediction, present) in predictions.iter().zip(present.rows()) {
        let p = prediction.uncertainty().labels().unwrap().probabilities;
        let loss = p.iter().zip(present).map(|(p, &has)| -(if has { *p } else { 1.0 - p }).ln());
        log_loss += loss.sum::<f64>() / (3 * EXAMPLES) as f64;
    }
    let found = report.int8.labels().unwrap();
    near(found.figures.log_loss, log_loss);
    assert_eq!(found.names[2], "label 2");
    let missed = report.check().unwrap_err().to_string();
    assert!(missed.contains("log loss") && missed.contains("RMSE is undefined"), "{missed}");
    assert!(report.text(Default::default()).contains("avg. precision"));
    assert!(report.html().contains("average precision"));
}

#[test]
fn any_output_can_be_evaluated() {
    let model = model(&[("size", regression()), ("kind", classes()), ("tags", labels())]);
    let y = Array1::from_iter((0..EXAMPLES).map(|n| n as i64 % 4));
    let (_folder, mut options) = options(&y);
    // The first output has two targets.
    assert!(error(&options, &model).contains("array `y`: it has 1 target"));
    options.output = Some("kind".into());
    let Evaluation::Classes(report) = options.evaluate(&model, &mut |_| ()).unwrap() else {
        panic!("classes")
    };
    let x = inputs(0);
    let predict = PredictOptions::new().samples(0..SAMPLES).seed(3);
    let predictions = model.predict(Pictures::Numbers(x.view()), &predict).unwrap();
    let right = predictions.iter().zip(&y).filter(|(prediction, label)| {
        let (_, sums) = prediction.outputs().nth(1).unwrap();
        sums.finish().classes().unwrap().top(1)[0].0 as i64 == **label
    });
    near(report.int8.metrics.accuracy, right.count() as f64 / EXAMPLES as f64);
    options.output = Some("none".into());
    let expected = "the model has no output `none`; its outputs are `size`, `kind`, `tags`";
    assert_eq!(error(&options, &model), expected);
}

/// Thresholds of each head, from examples like those of the test.
#[test]
fn conformal_sets_cover_what_they_promise() {
    let measure = |head: Head, methods: &[ClassScore], y: &dyn Fn(&Path, usize)| {
        let model = model(&[("y", head)]);
        let (folder, mut options) = options(&Array1::<u8>::zeros(EXAMPLES));
        let calibration: PathBuf = folder.path().join("calibration.npz");
        y(&options.data, 0);
        y(&calibration, 17);
        let methods = methods.iter().map(|&score| Method::Classes(score));
        let methods: Vec<Method> = methods.collect();
        let methods = if methods.is_empty() { vec![Method::Residuals] } else { methods };
        for method in methods {
            let calibration = calibration.clone();
            options.conformal = Some(Conformal { method, alpha: 0.2, calibration });
            let report = options.evaluate(&model, &mut |_| ()).unwrap();
            report.check().unwrap();
            let text = report.text(Default::default());
            assert!(text.contains(&format!("Conformal prediction: {}", method.name())), "{text}");
            assert!(report.html().contains("Conformal prediction"));
            let json = serde_json::to_value(&report).unwrap();
            let conformal = &json["conformal"];
            assert_eq!(conformal["calibration_examples"], EXAMPLES);
            assert!(conformal["parts"][0]["coverage"].as_f64().unwrap() > 0.5, "{conformal}");
        }
        // Too few for this share, and a score of another head.
        let conformal = options.conformal.as_mut().unwrap();
        conformal.alpha = 0.01;
        let few = error(&options, &model);
        assert!(few.contains("calibration.npz: 40 calibration examples for alpha"), "{few}");
        let conformal = options.conformal.as_mut().unwrap();
        conformal.alpha = 1.0;
        assert!(error(&options, &model).contains("alpha is 1, but must lie between 0 and 1"));
        let conformal = options.conformal.as_mut().unwrap();
        conformal.method = match conformal.method {
            Method::Residuals => Method::Classes(ClassScore::Aps),
            Method::Classes(_) => Method::Residuals,
        };
        assert!(error(&options, &model).contains("is not for outputs of the head"));
    };
    let raps = ClassScore::raps(0.01, 2).unwrap();
    measure(classes(), &[ClassScore::Lac, ClassScore::Aps, raps], &|path, first| {
        write(path, first, &Array1::from_iter((0..EXAMPLES).map(|n| (n * 3 + first) as i64 % 4)));
    });
    measure(labels(), &[ClassScore::Lac], &|path, first| {
        write(path, first, &Array2::from_shape_fn((EXAMPLES, 3), |(n, l)| (n + l) % 2 == 0));
    });
    measure(regression(), &[], &|path, first| {
        write(path, first, &Array2::from_shape_fn((EXAMPLES, 2), |(n, _)| (n * 7 % 11) as f32));
    });
}

#[test]
fn wrong_truth_and_other_heads_parts_are_refused() {
    let model = model(&[("size", regression())]);
    let (folder, mut options) = options(&Array2::<f32>::zeros((EXAMPLES, 3)));
    let columns = "xy.npz: array `y`: it has 3 targets for each example, the model has 2 targets";
    assert!(error(&options, &model).ends_with(columns));
    write(&options.data, 0, &Array2::<f32>::from_elem((EXAMPLES, 2), f32::NAN));
    assert!(error(&options, &model).ends_with("target 0 of example 0 is NaN"));
    write(&options.data, 0, &Array2::<f32>::zeros((EXAMPLES, 2)));
    options.drift = Some(folder.path().join("xy.npz"));
    let refused = "a set of corrupted pictures is for outputs with classes; the head of this one is \
                   `gaussian`";
    assert_eq!(error(&options, &model), refused);
}
