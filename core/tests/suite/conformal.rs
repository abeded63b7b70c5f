//! Conformal predictors in model files: they come back as they were written, and what does not belong to the
//! model is refused.

use bayes8_conformance::{Builder, Kind};
use bayes8_core::conformal::{
    ClassScore, ConformalPredictor, LabelSet, Method, PredictionRegion, PredictorError,
};
use bayes8_core::format::{
    CONFORMAL_KEY, DIGEST_KEY, FormatError, check_digest, digest, read, version, write,
};
use bayes8_core::graph::{Shape, Value};
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, Target, TargetUncertainty, Variance};
use bayes8_core::head::labels::{LabelUncertainty, Labels};
use bayes8_core::head::{Head, MAX_SAMPLES, Uncertainty};
use bayes8_core::model::{ModelError, Parts, QuantizedModel};
use core::error::Error;

use crate::container::File;
use crate::small_model::model as small_model;

/// Returns a model with the outputs `kind` (3 classes), `tags` (2 labels) and `size` (2 targets).
fn model() -> QuantizedModel {
    let mut b = Builder::new(5, Shape::vector(4));
    let target = |unit: &str| Target {
        name: String::new(),
        unit: unit.into(),
        scale: 2.0,
        offset: 1.0,
        noise: 0.0,
        exponent: -24,
    };
    let targets = vec![target("m"), target("")];
    for (name, head) in [
        ("kind", Head::Classes(Classes { count: 3, names: Vec::new() }.into())),
        ("tags", Head::Labels(Labels { count: 2, names: Vec::new() }.into())),
        ("size", Head::Gaussian(Gaussian { variance: Variance::None, targets }.into())),
    ] {
        let outputs = b.linear(Value::Input, head.outputs(), Kind::Bayesian).unwrap();
        b.output(name, &[outputs], 2.0, head);
    }
    b.finish()
}

fn predictor(method: Method, thresholds: &[f64]) -> ConformalPredictor {
    ConformalPredictor {
        method,
        alpha: 0.1,
        thresholds: thresholds.to_vec(),
        calibration_examples: 500,
        samples: 32,
        seed: u64::MAX,
    }
}

const RAPS: Method = Method::Classes(ClassScore::Raps { lambda: 0.01, k_reg: 5 });
const LAC: Method = Method::Classes(ClassScore::Lac);

/// Thresholds whose decimals need all digits, and infinite ones.
fn calibrated() -> QuantizedModel {
    let model = model();
    let model = model.with_conformal("kind", Some(predictor(RAPS, &[0.1 + 0.2]))).unwrap();
    let labels = predictor(LAC, &[f64::INFINITY, 1.0 / 3.0]);
    let model = model.with_conformal("tags", Some(labels)).unwrap();
    let targets = predictor(Method::Residuals, &[f64::from_bits(0x4003_5555_5555_5557), 0.0]);
    model.with_conformal("size", Some(targets)).unwrap()
}

/// The file with another text under the conformal key, and a digest that is right.
fn with_text(text: &str) -> Vec<u8> {
    let mut file = File::parse(&write(&model()).unwrap());
    file.others.insert(CONFORMAL_KEY.into(), text.into());
    let Err(FormatError::Damaged { found, .. }) = check_digest(&file.bytes()) else {
        panic!("the digest covers the key");
    };
    file.others.insert(DIGEST_KEY.into(), found.to_string());
    file.bytes()
}

#[test]
fn predictors_come_back_with_all_their_bits() {
    let model = calibrated();
    let bytes = write(&model).unwrap();
    let back = read(&bytes).unwrap();
    assert!(back == model && write(&back).unwrap() == bytes);
    assert_eq!(digest(&model), check_digest(&bytes).unwrap());
    assert_ne!(digest(&model), digest(&self::model()));
    let file = File::parse(&bytes);
    let expected = format!(
        r#"{{"model":"{}","outputs":{{"kind":{{"method":"raps","lambda":0.01,"k_reg":5,"alpha":0.1,"thresholds":[0.30000000000000004],"calibration_examples":500,"samples":32,"seed":18446744073709551615}},"size":{{"method":"residuals","alpha":0.1,"thresholds":[2.4166666666666674,0.0],"calibration_examples":500,"samples":32,"seed":18446744073709551615}},"tags":{{"method":"lac","alpha":0.1,"thresholds":[null,0.3333333333333333],"calibration_examples":500,"samples":32,"seed":18446744073709551615}}}}}}"#,
        digest(&self::model())
    );
    assert_eq!(file.others[CONFORMAL_KEY], expected);
}

#[test]
fn a_model_without_predictors_keeps_its_bytes_and_version() {
    let plain = small_model();
    let one = Some(predictor(LAC, &[0.5]));
    let calibrated = plain.clone().with_conformal("output", one).unwrap();
    assert!(calibrated != plain);
    assert_eq!(version(&calibrated), version(&plain));
    let back = calibrated.with_conformal("output", None).unwrap();
    assert!(write(&back).unwrap() == write(&plain).unwrap());
}

#[test]
fn a_renamed_model_keeps_its_predictors_and_one_with_other_weights_loses_them() {
    let parts = Parts { name: "renamed".into(), ..calibrated().into_parts() };
    let renamed = read(&write(&QuantizedModel::new(parts).unwrap()).unwrap()).unwrap();
    assert!(renamed.outputs().iter().all(|output| output.conformal.is_some()));
    let changed = calibrated().map_layers(|_, _, layer| layer.mu[0] ^= 1).unwrap();
    assert!(changed.outputs().iter().all(|output| output.conformal.is_none()));
}

#[test]
fn predictors_of_another_model_are_refused() {
    let mut other = File::parse(&write(&calibrated()).unwrap());
    let text = other.others.remove(CONFORMAL_KEY).unwrap();
    assert!(read(&with_text(&text)).unwrap() == calibrated());
    other.description = other.description.replacen("model", "another", 1);
    let stranger = text.replacen("blake3:", "blake3:0", 1);
    let error = read(&with_text(&stranger)).unwrap_err();
    assert!(matches!(error, FormatError::OtherModel { .. }));
    let error = error.to_string();
    assert!(error.contains("was calibrated for the model `blake3:0"), "{error}");
    assert!(error.contains(&format!("but this one is {}", digest(&model()))), "{error}");
    // Without a digest of the file, the metadata may have come from anywhere.
    let mut file = File::parse(&with_text(&text));
    file.others.remove(DIGEST_KEY);
    assert!(matches!(read(&file.bytes()), Err(FormatError::NoDigest(key)) if key == CONFORMAL_KEY));
}

#[test]
fn damaged_predictors_are_refused() {
    let text = File::parse(&write(&calibrated()).unwrap()).others[CONFORMAL_KEY].clone();
    for (from, to, culprit) in [
        ("{\"model", "[\"model", "bayes8.conformal"),
        ("\"lac\"", "\"naive\"", "unknown method `naive`"),
        ("\"lac\"", "\"aps\"", "the method `aps` is not for outputs of the head `labels`"),
        ("\"lac\"", "\"raps\"", "`lambda` and `k_reg` belong to `raps`"),
        ("\"lambda\":0.01,", "", "`lambda` and `k_reg` belong to `raps`"),
        ("\"lambda\":0.01", "\"lambda\":-0.5", "lambda is -0.5"),
        ("\"k_reg\":5", "\"k_reg\":-5", "bayes8.conformal"),
        ("\"alpha\":0.1", "\"alpha\":1.0", "alpha is 1"),
        ("\"alpha\":0.1", "\"alpha\":0", "alpha is 0"),
        ("[null,", "[-0.5,", "threshold 0 is -0.5"),
        ("[null,", "[", "output `tags`: 1 conformal threshold, expected 2"),
        ("[null,", "[NaN,", "bayes8.conformal"),
        ("[null,", "[1e999,", "bayes8.conformal"),
        ("\"calibration_examples\":500", "\"calibration_examples\":0", "0 calibration examples"),
        ("\"samples\":32", "\"samples\":0", "for 0 samples"),
        ("\"samples\":32", "\"samples\":268435457", "for 268435457 samples"),
        ("\"samples\":32", "\"samples\":4294967296", "bayes8.conformal"),
        ("\"seed\"", "\"soil\"", "soil"),
        ("\"tags\"", "\"tag\"", "the model has no output `tag`"),
    ] {
        assert!(text.contains(from), "{from} is not in {text}");
        let error = read(&with_text(&text.replacen(from, to, 1))).expect_err(to);
        assert!(error.to_string().contains(culprit), "{to}: {error}");
        // Whoever prints the causes too says nothing twice.
        let repeats = |cause: &dyn Error| error.to_string().contains(&cause.to_string());
        assert!(!error.source().is_some_and(repeats), "{to}: {error}");
    }
    assert_eq!(MAX_SAMPLES, 268_435_456);
}

#[test]
fn numbers_that_no_predictor_has_are_refused() {
    let refused = |output: &str, predictor: ConformalPredictor| {
        model().with_conformal(output, Some(predictor)).expect_err("a wrong predictor")
    };
    for threshold in [f64::NAN, -1.0, f64::NEG_INFINITY] {
        let error = refused("kind", predictor(LAC, &[threshold]));
        let source = PredictorError::Threshold { index: 0, value: threshold };
        assert_eq!(error.to_string(), format!("output `kind`: {source}"));
    }
    for alpha in [0.0, 1.0, -0.1, f64::NAN] {
        let error = refused("kind", ConformalPredictor { alpha, ..predictor(LAC, &[0.5]) });
        assert!(error.to_string().contains("alpha is"), "{error}");
    }
    let error = refused("size", predictor(LAC, &[0.5, 0.5]));
    assert!(error.to_string().contains("which take residuals"), "{error}");
    assert_eq!(refused("none", predictor(LAC, &[0.5])), ModelError::OutputUnknown("none".into()));
}

#[test]
fn regions_are_those_of_their_formulas() {
    let model = calibrated();
    let region = |output: &str, figures: &Uncertainty| {
        model.output(output).expect("an output").region(figures)
    };
    let probabilities = vec![0.5, 0.25];
    let labels = Uncertainty::Labels(LabelUncertainty { probabilities, ..Default::default() });
    let all = LabelSet { absent: true, present: true };
    let absent = LabelSet { absent: true, present: false };
    assert_eq!(region("tags", &labels), Some(PredictionRegion::LabelSets(vec![all, absent])));
    // Figures of another head.
    assert_eq!(region("size", &labels), None);
    assert_eq!(self::model().outputs()[1].region(&labels), None);
    let (mean, std) = (vec![1.0, 3.0], vec![0.0, 2.0]);
    let targets = Uncertainty::Gaussian(TargetUncertainty { mean, std, ..Default::default() });
    let expected = PredictionRegion::Intervals(vec![[1.0, 1.0], [3.0, 3.0]]);
    assert_eq!(region("size", &targets), Some(expected));
}
