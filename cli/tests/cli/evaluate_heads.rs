//! `bayes8 quantize` and `bayes8 evaluate` of regressions and labels, and conformal prediction.

use crate::support::{Finished, Fixture};
use ndarray::{Array, Array1, Array4, Dimension};
use ndarray_npy::{NpzWriter, WritableElement};

const PICTURES: usize = 40;

/// Writes pictures of `size` rows and columns, and `y`.
fn archive<T: WritableElement, D: Dimension>(
    fixture: &Fixture,
    name: &str,
    size: usize,
    y: &Array<T, D>,
) {
    let byte = |(n, h, w, _)| (n * 57 + h * 31 + w * 11) as u8;
    let mut npz = NpzWriter::new(std::fs::File::create(fixture.path(name)).unwrap());
    npz.add_array("x", &Array4::from_shape_fn((PICTURES, size, size, 1), byte)).unwrap();
    npz.add_array("y", y).unwrap();
    npz.finish().unwrap();
}

/// A network of two outputs as a regression, quantized as `out.safetensors`; `y.npz` has values.
fn regression() -> (Fixture, Finished) {
    let fixture = Fixture::with_network("flatten-nhwc");
    archive(&fixture, "y.npz", 8, &Array1::from_iter((0..PICTURES).map(|n| (n % 9) as f32)));
    let quantized = quantize(
        &fixture,
        &["--head", "gaussian-log-variance", "--target-unit", "MPa", "--data", "y.npz"],
        "y.npz",
    );
    (fixture, quantized.succeeded())
}

fn quantize(fixture: &Fixture, more: &[&str], calibration: &str) -> Finished {
    let command = ["quantize", "--network", "network.onnx", "--moped", "0.1"];
    let files = ["--calibration", calibration, "-o", "out.safetensors", "--samples", "4"];
    fixture.run(&[&command[..], &files, more].concat())
}

const EVALUATE: [&str; 5] = ["evaluate", "out.safetensors", "--samples", "8", "--data"];

#[test]
fn a_regression_is_measured_beside_fp32() {
    let (fixture, quantized) = regression();
    for part in ["End to end", "RMSE", "nats, of the mixture of all samples"] {
        assert!(quantized.stdout.contains(part), "no {part:?} in {}", quantized.stdout);
    }
    let head = ["--head", "gaussian-log-variance"];
    let network = ["--network", "network.onnx", "--moped", "0.1", "--fp32-noise", "int8"];
    let evaluate =
        |more: &[&str]| fixture.run(&[&EVALUATE[..], &["y.npz"], &network, &head, more].concat());
    let text = evaluate(&["--html", "page.html"]).succeeded().stdout;
    for part in ["in MPa", "INT8 - FP32", "coverage", "with the same noise", "rank correlation"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let page = String::from_utf8(fixture.read("page.html")).unwrap();
    assert!(page.contains("RMSE, MPa") && page.contains("INT8 against FP32"));
    let json: serde_json::Value =
        serde_json::from_str(&evaluate(&["--json"]).succeeded().stdout).unwrap();
    let (int8, fp32) = (&json["targets"][0], &json["fp32"]["targets"][0]);
    let rmse = |of: &serde_json::Value| of["rmse"].as_f64().unwrap();
    assert!((rmse(int8) / rmse(fp32) - 1.0).abs() < 0.1, "{json}");
    assert_eq!((&json["samples"], &int8["unit"]), (&8.into(), &"MPa".into()));

    let gates = ["--max-rmse", "0", "--max-rmse-gap", "1", "--max-target-nll", "-100", "--json"];
    let missed = evaluate(&gates);
    assert_eq!(missed.code, Some(3), "{}", missed.stderr);
    assert!(missed.stderr.contains("RMSE ") && missed.stderr.contains("is above -100"));
    assert!(!missed.stderr.contains("RMSE to FP32"), "{}", missed.stderr);
    let unequal = evaluate(&["--fp32-samples", "4"]);
    unequal.failed(&["FP32 has 4 samples, INT8 8", "`gaussian`"]);
}

#[test]
fn wrong_truth_names_file_and_array() {
    let (fixture, _) = regression();
    archive(&fixture, "flags.npz", 8, &Array1::from_elem(PICTURES, true));
    archive(&fixture, "few.npz", 8, &Array1::<f32>::zeros(PICTURES - 1));
    archive(&fixture, "nan.npz", 8, &Array1::from_elem(PICTURES, f32::INFINITY));
    for (file, part) in [
        ("flags.npz", "its type is '|b1', expected float32 or integers"),
        ("few.npz", "39 rows for 40 examples"),
        ("nan.npz", "target 0 of example 0 is inf"),
    ] {
        let run = fixture.run(&[&EVALUATE[..], &[file]].concat());
        run.failed(&[&format!("{file}: array `y`: "), part]);
    }
    let named = [&EVALUATE[..], &["y.npz", "--evaluate-output", "no"]].concat();
    fixture.run(&named).failed(&["the model has no output `no`", "`output`"]);
    let drift = [&EVALUATE[..], &["y.npz", "--drift", "y.npz"]].concat();
    fixture.run(&drift).failed(&["corrupted pictures", "`gaussian`"]);
}

#[test]
fn a_label_is_zero_or_one() {
    let fixture = Fixture::with_network("single-logit");
    archive(&fixture, "y.npz", 28, &Array1::from_iter((0..PICTURES).map(|n| n % 3 == 0)));
    archive(&fixture, "two.npz", 28, &Array1::from_elem(PICTURES, 2u8));
    let quantized = quantize(&fixture, &["--head", "labels", "--data", "y.npz"], "y.npz");
    assert!(quantized.succeeded().stdout.contains("log loss"));
    let text = fixture.run(&[&EVALUATE[..], &["y.npz"]].concat()).succeeded().stdout;
    assert!(text.contains("Means of all labels") && text.contains("AUROC"), "{text}");
    let two = fixture.run(&[&EVALUATE[..], &["two.npz"]].concat());
    two.failed(&["two.npz: array `y`: label 0 of example 0 is 2, not 0 or 1"]);
    let gate = fixture.run(&[&EVALUATE[..], &["y.npz", "--max-log-loss", "0"]].concat());
    assert_eq!(gate.code, Some(3), "{}", gate.stderr);
}

#[test]
fn conformal_prediction_is_checked_and_reported() {
    let (fixture, _) = regression();
    let conformal = ["y.npz", "--conformal", "residuals", "--calibration-set", "y.npz"];
    let run = |more: &[&str]| fixture.run(&[&EVALUATE[..], &conformal, more].concat());
    let text = run(&["--alpha", "0.2"]).succeeded().stdout;
    assert!(text.contains("Conformal prediction: residuals, alpha 0.2"), "{text}");
    assert!(text.contains("40 calibration examples"), "{text}");
    run(&["--alpha", "0.01"])
        .failed(&["y.npz", "40 calibration examples for alpha 0.01, expected at least 99"]);
    for alpha in ["0", "1", "-0.1", "nan"] {
        run(&["--alpha", alpha]).misused("above 0 and below 1");
    }
    let aps = ["y.npz", "--conformal", "aps", "--calibration-set", "y.npz"];
    let aps = fixture.run(&[&EVALUATE[..], &aps].concat());
    aps.failed(&["`aps` is not for outputs of the head `gaussian`, which take residuals"]);
    let alone = fixture.run(&[&EVALUATE[..], &["y.npz", "--conformal", "lac"]].concat());
    alone.misused("--calibration-set");
}
