//! `bayes8 evaluate --store` and what `predict` and `inspect` make of it.

use crate::support::{Fixture, table};
use bayes8_native::core::conformal::{ClassScore, ConformalPredictor, Method};
use bayes8_native::core::format;
use bayes8_native::core::head::Head;
use bayes8_native::core::head::classes::Classes;
use bayes8_native::core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_native::core::head::labels::Labels;
use bayes8_native::core::model::QuantizedModel;
use ndarray::{Array1, Array2};
use ndarray_npy::NpzWriter;
use serde_json::{Value as Json, json};
use std::fs::{self, File};

const MODEL: &str = "model.safetensors";
const EXAMPLES: usize = 60;

/// A table of three features with the outputs `strength` and `kind`.
fn two_outputs() -> QuantizedModel {
    let target = Target {
        name: String::new(),
        unit: "MPa".into(),
        scale: 16.5,
        offset: 35.75,
        noise: 0.0,
        exponent: -24,
    };
    let strength = Gaussian { variance: Variance::Log, targets: vec![target] };
    let names = ["sand", "clay", "rock"].map(String::from).to_vec();
    table(&[
        ("strength", Head::Gaussian(strength.into())),
        ("kind", Head::Classes(Classes { count: 3, names }.into())),
    ])
}

/// A folder with the model, `x.csv`, and `values.npz` and `kinds.npz` with the truth of both outputs.
fn fixture() -> Fixture {
    let fixture = Fixture::of(&two_outputs());
    fs::write(fixture.path("x.csv"), "a,b,c\n0.5,-1,2\n1.5,0.25,-3\n").unwrap();
    let x =
        Array2::from_shape_fn((EXAMPLES, 3), |(n, i)| ((n * 7 + i * 5) % 13) as f32 / 4.0 - 1.5);
    let archive = |name: &str| {
        let mut npz = NpzWriter::new(File::create(fixture.path(name)).unwrap());
        npz.add_array("x", &x).unwrap();
        npz
    };
    let mut values = archive("values.npz");
    let y = Array1::from_iter((0..EXAMPLES).map(|n| 30.0 + (n % 11) as f32));
    values.add_array("y", &y).unwrap();
    values.finish().unwrap();
    let mut kinds = archive("kinds.npz");
    kinds.add_array("y", &Array1::from_iter((0..EXAMPLES).map(|n| (n % 3) as i64))).unwrap();
    kinds.finish().unwrap();
    fixture
}

const STRENGTH: [&str; 8] = [
    "--data",
    "values.npz",
    "--conformal",
    "residuals",
    "--calibration-set",
    "values.npz",
    "--evaluate-output",
    "strength",
];
const KIND: [&str; 8] = [
    "--data",
    "kinds.npz",
    "--conformal",
    "lac",
    "--calibration-set",
    "kinds.npz",
    "--evaluate-output",
    "kind",
];

fn evaluate<'a>(of: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&["evaluate", MODEL, "--samples", "8"], of, more].concat()
}

fn predict(fixture: &Fixture, more: &[&str]) -> Json {
    fixture.json(&[&["predict", MODEL, "x.csv", "--json"], more].concat())
}

#[test]
fn thresholds_of_several_outputs_are_stored_one_after_the_other() {
    let fixture = fixture();
    let report = fixture.json(&evaluate(&STRENGTH, &["--store", "--json"]));
    let run = fixture.run(&evaluate(&KIND, &["--store", "--alpha", "0.2"])).succeeded();
    assert!(run.stdout.contains("model.safetensors: the model with its conformal thresholds"));

    let row = &predict(&fixture, &["--samples", "8"])[1]["outputs"];
    let strength = &row["strength"]["conformal"];
    let (mean, std) = (&row["strength"]["mean"][0], &row["strength"]["std"][0]);
    let half =
        report["conformal"]["parts"][0]["threshold"].as_f64().unwrap() * std.as_f64().unwrap();
    let mean = mean.as_f64().unwrap();
    let expected = json!({
        "method": "residuals", "alpha": 0.1, "calibration_examples": EXAMPLES, "as_calibrated": true,
        "intervals": [[mean - half, mean + half]],
    });
    assert_eq!(*strength, expected);
    let kind = &row["kind"]["conformal"];
    assert_eq!((&kind["method"], &kind["alpha"]), (&json!("lac"), &json!(0.2)));
    let first = &row["kind"]["top"][0];
    assert_eq!(kind["set"][0], json!({ "class": first["class"], "name": first["name"] }));

    let run = fixture.run(&["predict", MODEL, "x.csv", "--samples", "8"]).succeeded();
    for part in ["interval of 90 %", " MPa\n", "set of 80 %"] {
        assert!(run.stdout.contains(part), "no {part:?} in {}", run.stdout);
    }
    assert_eq!(run.stderr, "");
    let inspected = fixture.run(&["inspect", MODEL]).succeeded().stdout;
    for part in
        ["residuals, alpha 0.1, threshold ", "lac, alpha 0.2", "60 examples, 8 samples of seed 0"]
    {
        assert!(inspected.contains(part), "no {part:?} in {inspected}");
    }
    let inspected = fixture.json(&["inspect", MODEL, "--json"]);
    assert_eq!(inspected["outputs"][0]["conformal"]["samples"], 8);
}

#[test]
fn other_samples_than_the_calibrated_ones_get_a_note() {
    let fixture = fixture();
    fixture.run(&evaluate(&STRENGTH, &["--store"])).succeeded();
    for (more, what) in [
        (&["--samples", "9"][..], "with 9 samples of seed 0"),
        (&["--samples", "8", "--seed", "1"], "with 8 samples of seed 1"),
        (&["--samples", "8", "--first-sample", "2"], "seed 0, not from the first one"),
    ] {
        let run = fixture.run(&[&["predict", MODEL, "x.csv"], more].concat()).succeeded();
        assert!(run.stderr.contains("were calibrated with 8 samples of seed 0"), "{}", run.stderr);
        assert!(run.stderr.contains(what), "{what}: {}", run.stderr);
        let row = &predict(&fixture, more)[0]["outputs"]["strength"]["conformal"];
        assert_eq!(row["as_calibrated"], false);
    }
}

#[test]
fn a_model_is_stored_elsewhere_or_completely_or_not_at_all() {
    let fixture = fixture();
    let before = fixture.read(MODEL);
    // Ambiguous, or without what is stored.
    let all =
        ["--data", "values.npz", "--conformal", "residuals", "--calibration-set", "values.npz"];
    fixture.run(&evaluate(&all, &["--store"])).misused("--evaluate-output says which one");
    fixture.run(&evaluate(&["--data", "values.npz"], &["--store"])).misused("--conformal");
    fixture.run(&evaluate(&STRENGTH, &["-o", "other.safetensors"])).misused("--store");
    // A gate that is missed.
    let missed = fixture.run(&evaluate(&STRENGTH, &["--store", "--max-rmse", "0"]));
    assert_eq!(missed.code, Some(3), "{}", missed.stderr);
    assert!(missed.stderr.contains("the thresholds are not stored"), "{}", missed.stderr);
    // Inputs are never replaced.
    fixture
        .run(&evaluate(&STRENGTH, &["--store", "-o", "values.npz"]))
        .failed(&["values.npz is read"]);
    assert!(fixture.read(MODEL) == before);
    fixture.run(&evaluate(&STRENGTH, &["--store", "-o", "other.safetensors"])).succeeded();
    assert!(fixture.read(MODEL) == before);
    let stored = format::read(&fixture.read("other.safetensors")).unwrap();
    let predictor = stored.output("strength").unwrap().conformal.as_ref().unwrap();
    assert_eq!((predictor.samples, predictor.calibration_examples), (8, EXAMPLES as u64));
    fixture.run(&evaluate(&STRENGTH, &["--store"])).succeeded();
    assert!(fixture.read(MODEL) == fixture.read("other.safetensors"));
}

#[test]
fn answers_of_labels_are_named() {
    let head = |count, names: &[&str]| {
        let names = names.iter().map(|&name| name.into()).collect();
        Head::Labels(Labels { count, names }.into())
    };
    let predictor = |thresholds: &[f64]| ConformalPredictor {
        method: Method::Classes(ClassScore::Lac),
        alpha: 0.05,
        thresholds: thresholds.to_vec(),
        calibration_examples: 100,
        samples: 8,
        seed: 0,
    };
    let model = table(&[("tumour", head(1, &["benign", "malignant"])), ("tags", head(2, &[]))]);
    let model = model.with_conformal("tumour", Some(predictor(&[f64::INFINITY]))).unwrap();
    let model = model.with_conformal("tags", Some(predictor(&[0.0, 1.0]))).unwrap();
    let fixture = Fixture::of(&model);
    fs::write(fixture.path("x.csv"), "0.5,-1,2\n").unwrap();
    let run = fixture.run(&["predict", MODEL, "x.csv", "--samples", "8"]).succeeded();
    for part in [
        "set of 95 %  benign or malignant\n",
        "; set of 95 %: neither\n",
        "; set of 95 %: no or yes\n",
    ] {
        assert!(run.stdout.contains(part), "no {part:?} in {}", run.stdout);
    }
    let sets = &predict(&fixture, &["--samples", "8"])[0]["outputs"]["tags"]["conformal"]["sets"];
    let expected =
        json!([{ "absent": false, "present": false }, { "absent": true, "present": true }]);
    assert_eq!(*sets, expected);
}

#[test]
fn test_examples_that_calibrated_the_threshold_are_counted() {
    let fixture = fixture();
    let run = fixture.run(&evaluate(&STRENGTH, &["--html", "report.html"])).succeeded();
    let warning = "60 test examples are calibration examples too";
    assert!(run.stdout.contains(warning), "{}", run.stdout);
    let page = String::from_utf8(fixture.read("report.html")).unwrap();
    assert!(page.contains(warning), "{page}");
    let report = fixture.json(&evaluate(&STRENGTH, &["--json"]));
    assert_eq!(report["conformal"]["shared_examples"], EXAMPLES);
}

#[test]
fn options_of_raps_are_not_ignored_by_other_methods() {
    let fixture = fixture();
    for option in ["--raps-lambda", "--raps-places"] {
        fixture
            .run(&evaluate(&KIND, &[option, "1"]))
            .misused("--raps-lambda and --raps-places are for --conformal raps");
    }
}

#[test]
fn a_report_does_not_replace_the_model_that_is_stored() {
    let fixture = fixture();
    fixture
        .run(&evaluate(&STRENGTH, &["--store", "-o", "both", "--html", "./both"]))
        .misused("--html and --output name the same file");
    assert!(!fixture.path("both").exists());
}
