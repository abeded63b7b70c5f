//! `bayes8 quantize`: from arguments to files. The tests of `convert` check their quality.

use crate::support::Fixture;
use ndarray::{Array1, Array4, ArrayD};
use ndarray_npy::NpzWriter;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value as Json;
use std::fs::File;

const ARGUMENTS: [&str; 7] =
    ["quantize", "--network", "network.onnx", "--calibration", "x.npz", "-o", "out.safetensors"];

fn quantize(fixture: &Fixture, more: &[&str]) -> crate::support::Finished {
    fixture.run(&[&ARGUMENTS[..], more].concat())
}

/// A folder with the network `network.onnx` of three layers, 8x8x3 pictures and five classes.
fn residual() -> Fixture {
    Fixture::with_network("residual")
}

/// From `[N, L, C]` and `[N, D, H, W, C]` to predictions of the same archive.
#[test]
fn sequences_and_volumes_go_all_the_way() {
    for (name, extents, shape) in [
        ("sequence", vec![21, 3], "1x21x3"),
        ("volume", vec![5, 6, 4, 2], "5x6x4x2"),
        ("transposed", vec![2, 3, 3, 4], "2x3x3x4"),
    ] {
        let fixture = Fixture::with_network(name);
        let count = 9;
        let elements: usize = extents.iter().product();
        let bytes = (0..count * elements).map(|i| (i * 97 % 251) as u8).collect();
        let batch = [&[count], &extents[..]].concat();
        let x = ArrayD::from_shape_vec(batch, bytes).unwrap();
        let mut npz = NpzWriter::new(File::create(fixture.path("x.npz")).unwrap());
        npz.add_array("x", &x).unwrap();
        npz.add_array("y", &Array1::from_elem(count, 1i64)).unwrap();
        npz.finish().unwrap();
        fixture.archive("pictures.npz", &[0, 1]);
        let wrong = ["quantize", "--network", "network.onnx", "--moped", "0.1"];
        let wrong = [&wrong[..], &["--calibration", "pictures.npz", "-o", "out"]].concat();
        fixture.run(&wrong).failed(&["pictures.npz", "8x8x1", shape]);

        quantize(&fixture, &["--moped", "0.1", "--data", "x.npz"]).succeeded();
        let facts = fixture.json(&["inspect", "out.safetensors", "--json"]);
        let depth_first = if name == "sequence" { vec![1, 21, 3] } else { extents };
        assert_eq!(facts["input"]["shape"], serde_json::json!(depth_first));
        let evaluate = ["evaluate", "out.safetensors", "--data"];
        fixture.json(&[&evaluate[..], &["x.npz", "--json"]].concat());
        fixture.run(&[&evaluate[..], &["pictures.npz"]].concat()).failed(&["`x`", "8x8x1", shape]);
        let answers = fixture.json(&["predict", "out.safetensors", "x.npz", "--json"]);
        let answers = answers.as_array().unwrap();
        assert_eq!(answers.len(), count);
        assert_eq!(answers[8]["picture"], "x.npz[8]");
    }
}

#[test]
fn standard_deviations_come_from_exactly_one_source() {
    let fixture = Fixture::new(1);
    quantize(&fixture, &["--posterior", "p", "--moped", "0.1"]).misused("--moped");
    quantize(&fixture, &["--deterministic", "--moped", "0.1"]).misused("--moped");
    quantize(&fixture, &["--posterior", "p", "--deterministic"]).misused("--deterministic");
    let method = ["--calibration-method", "mse", "--percentile", "99"];
    let method = [&["--posterior", "p"], &method[..]].concat();
    quantize(&fixture, &method).misused("--percentile");
    quantize(&fixture, &method).misused("Usage: bayes8 quantize");
    for wrong in [
        ["--moped", "0"],
        ["--moped", "-1"],
        ["--moped", "inf"],
        ["--moped", "NaN"],
        ["--percentile", "101"],
        ["--calibration-method", "median"],
        ["--bias-correction", "maybe"],
        ["--activation-bits", "6"],
        ["--calibration-draws", "0"],
        ["--samples", "0"],
    ] {
        let [option, _] = wrong;
        let source: &[&str] = if option == "--moped" { &[] } else { &["--posterior", "p"] };
        quantize(&fixture, &[source, &wrong].concat()).misused(option);
    }
}

#[test]
fn failures_name_the_file_and_leave_no_output() {
    let fixture = Fixture::new(1);
    fixture.archive("x.npz", &[0, 1]);
    let entries = || std::fs::read_dir(fixture.path(".")).unwrap().count();
    let before = entries();
    quantize(&fixture, &["--moped", "0.1"]).failed(&["network.onnx"]);
    quantize(&fixture, &["--posterior", "none"]).failed(&["none"]);
    quantize(&fixture, &["--posterior", "x.npz"]).failed(&["x.npz", "safetensors"]);
    quantize(&fixture, &["--moped", "0.1", "--report", "none/r.json"]).failed(&["none/r.json"]);
    assert_eq!(entries(), before);

    std::fs::write(fixture.path("network.onnx"), "no network").unwrap();
    quantize(&fixture, &["--moped", "0.1"]).failed(&["network.onnx"]);
    assert_eq!(entries(), before + 1);
}

#[test]
fn makes_a_model_that_predicts_and_a_report() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1, 2, 3, 4]);
    let names = r#"{"class_names": ["a", "b", "c", "d", "e"],
        "preprocessing": {"mean": [0.5], "std": [0.25, 0.5, 1]}}"#;
    std::fs::write(fixture.path("names.json"), names).unwrap();
    let options = ["--moped", "0.1", "--metadata", "names.json", "--threads", "1"];
    let data = ["--data", "x.npz", "--samples", "3", "--report", "r.json"];
    let text = quantize(&fixture, &[&options[..], &data].concat()).succeeded().stdout;
    for part in [
        "conv1",
        "fc",
        "bias correction",
        "SQNR",
        "End to end",
        "FP32",
        "INT8",
        "rank correlation",
        "out.safetensors",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let report: Json = serde_json::from_slice(&fixture.read("r.json")).unwrap();
    assert_eq!(report["layers"].as_array().unwrap().len(), 3);
    assert_eq!(report["end_to_end"]["pictures"], 5);
    let value = &report["values"][1];
    assert_eq!(value["value"], "conv1");
    for ratio in ["sqnr_db", "weight_sqnr_db"] {
        assert!(value[ratio].as_f64().is_some_and(|ratio| ratio > 20.0), "{ratio}: {value}");
    }
    assert_eq!(report["calibration_method"], report["range_choice"]["method"]);
    assert!(report["range_choice"]["mse_error"].is_f64());
    assert!(report["bias_correction"]["error_with"].is_f64());

    let model = fixture.json(&["inspect", "out.safetensors", "--json"]);
    assert_eq!(model["model"], "out");
    assert_eq!(model["class_names"][4], "e");
    assert_eq!(model["input"]["mean"], serde_json::json!([0.5, 0.5, 0.5]));
    fixture.picture("a.png", 8, 8);
    fixture.run(&["predict", "out.safetensors", "a.png"]).succeeded();

    let first = fixture.read("out.safetensors");
    quantize(&fixture, &options).succeeded();
    assert!(first == fixture.read("out.safetensors"), "the same input gives the same bytes");
}

/// Every method gives a model; those that clip nothing and something differ.
#[test]
fn the_method_of_calibration_is_recorded_and_matters() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1, 2, 3, 4]);
    let mut files = Vec::new();
    for (method, recorded) in [
        ("minmax", "min-max"),
        ("percentile", "percentile 99.99"),
        ("mse", "mse"),
        ("entropy", "entropy"),
    ] {
        let options = ["--moped", "0.1", "--calibration-method", method];
        quantize(&fixture, &options).succeeded();
        let text = fixture.run(&["inspect", "out.safetensors"]).succeeded().stdout;
        assert!(text.contains(recorded), "no {recorded} in {text}");
        files.push(fixture.read("out.safetensors"));
    }
    assert!(files[0] != files[2] && files[0] != files[3] && files[2] != files[3]);
    quantize(&fixture, &["--moped", "0.1", "--percentile", "100"]).succeeded();
    let text = fixture.run(&["inspect", "out.safetensors"]).succeeded().stdout;
    assert!(text.contains("percentile 100"), "{text}");
}

#[test]
fn a_deterministic_model_predicts_without_epistemic_uncertainty() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1, 2, 3, 4]);
    let data = ["--data", "x.npz", "--samples", "3"];
    let text = quantize(&fixture, &[&["--deterministic"], &data[..]].concat()).succeeded().stdout;
    assert!(!text.contains("Spread of the weights"), "{text}");
    let evaluate = ["evaluate", "out.safetensors", "--data", "x.npz", "--samples", "3"];
    let evaluation = fixture.json(&[&evaluate[..], &["--json"]].concat());
    // Nothing but what the fixed-point sums round.
    assert!(evaluation["mean_mutual_information"].as_f64().is_some_and(|nats| nats < 1e-8));
    assert!(evaluation["nll"].as_f64().is_some());
    // Rounding destroys ranks, so no threshold could hold.
    let fp32 = ["--network", "network.onnx", "--deterministic", "--min-spearman-mi", "-1"];
    let run = fixture
        .run(&[&evaluate[..], &fp32].concat())
        .missed(&["rank correlation of mutual information with FP32 is undefined"]);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    let other = ["--network", "network.onnx", "--moped", "0.1"];
    let run = fixture.run(&[&evaluate[..], &other].concat()).succeeded();
    assert!(run.stderr.contains("the model is deterministic"), "{}", run.stderr);
}

/// A single picture, no error to reduce, and no correction at all.
#[test]
fn bias_correction_is_reported_or_off() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0]);
    let report = |when: &str| -> Json {
        let options = ["--moped", "0.1", "--report", "r.json", "--bias-correction", when];
        quantize(&fixture, &options).succeeded();
        serde_json::from_slice(&fixture.read("r.json")).unwrap()
    };
    assert_eq!(report("auto")["bias_correction"]["corrected"], false);
    assert_eq!(report("on")["bias_correction"]["corrected"], true);
    assert_eq!(report("off")["bias_correction"], Json::Null);
}

#[test]
fn inputs_are_never_replaced() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1]);
    let network = fixture.read("network.onnx");
    let report = ["--moped", "0.1", "--report", "network.onnx"];
    let run = quantize(&fixture, &report);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("network.onnx is read"), "{}", run.stderr);
    assert_eq!(fixture.read("network.onnx"), network);
    let run = fixture.run(&["corrupt", "x.npz", "-o", "./x.npz"]);
    assert!(run.code == Some(1) && run.stderr.contains("x.npz is read"), "{}", run.stderr);
}

#[test]
fn the_rounding_is_recorded_and_matters() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1, 2]);
    let made = |rounding: &str| {
        let options = ["--moped", "0.1", "--report", "r.json", "--weight-rounding", rounding];
        let text = quantize(&fixture, &options);
        text.succeeded();
        let report: Json = serde_json::from_slice(&fixture.read("r.json")).unwrap();
        (report["rounding"].clone(), fixture.read("out.safetensors"))
    };
    let (fed, nearest) = (made("error-feedback"), made("nearest"));
    assert_eq!((fed.0, nearest.0), ("error_feedback".into(), "nearest".into()));
    assert_ne!(fed.1, nearest.1);
}

#[test]
fn seven_bits_are_recorded() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1, 2]);
    quantize(&fixture, &["--moped", "0.1", "--activation-bits", "7"]).succeeded();
    let model = crate::support::load(&fixture.path("out.safetensors"));
    assert_eq!(u8::from(model.quantized().activation_bits()), 7);
    fixture.picture("a.png", 8, 8);
    fixture.run(&["predict", "out.safetensors", "a.png"]).succeeded();
}

/// Standard deviations for the three layers of `residual.onnx`, all `sigma` except the first of the
/// first layer.
fn posterior(fixture: &Fixture, sigma: f32, first: f32) {
    let mut tensors = Vec::new();
    for (name, shape) in [("conv1.weight.sigma", vec![4, 3, 3, 3]), ("fc.weight.sigma", vec![5, 8])]
    {
        let mut values = vec![sigma; shape.iter().product()];
        if name.starts_with("conv1") {
            values[0] = first;
        }
        let bytes: Vec<u8> = values.iter().flat_map(|s| s.to_le_bytes()).collect();
        tensors.push((name, shape, bytes));
    }
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    let file = safetensors::serialize(views, None).unwrap();
    std::fs::write(fixture.path("posterior"), file).unwrap();
}

/// One sigma that is far too large takes the noise from all weights that share its step.
#[test]
fn a_posterior_that_loses_its_noise_is_made_known() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1]);
    for (first, is_lossy) in [(0.05, false), (1e4, true), (1e30, true)] {
        posterior(&fixture, 0.05, first);
        let stderr = quantize(&fixture, &["--posterior", "posterior"]).succeeded().stderr;
        let parts = ["warning: layer `conv1`: in 1 of 4 output channels", "largest is "];
        let is_named = parts.iter().all(|part| stderr.contains(part));
        assert_eq!(is_named, is_lossy, "{first}: {stderr}");
        assert_eq!(stderr.lines().count(), usize::from(is_lossy), "only that layer: {stderr}");
    }
}

#[test]
fn calibration_pictures_that_are_all_equal_are_made_known() {
    let fixture = residual();
    let x = Array4::<u8>::from_elem((9, 8, 8, 3), 7);
    let mut npz = NpzWriter::new(File::create(fixture.path("x.npz")).unwrap());
    npz.add_array("x", &x).unwrap();
    npz.finish().unwrap();
    let warning = quantize(&fixture, &["--moped", "0.1"]).succeeded().stderr;
    assert!(warning.starts_with("warning: x.npz: all pictures are equal"), "{warning}");
    fixture.archive_of("x.npz", 3, &[0, 1]);
    assert_eq!(quantize(&fixture, &["--moped", "0.1"]).succeeded().stderr, "");
}

#[test]
fn samples_that_are_little_but_noise_are_made_known() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1]);
    for (delta, is_noise) in [("1", false), ("1.1", true), ("100", true)] {
        let warning = quantize(&fixture, &["--moped", delta]).succeeded().stderr;
        assert_eq!(
            warning.contains(&format!("warning: --moped {delta} may be")),
            is_noise,
            "{warning}"
        );
    }
}

#[test]
fn spreads_without_end_name_the_flag_or_file_they_come_from() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1]);
    for share in ["1e15", "3e38"] {
        let flag = format!("--moped {}", share.parse::<f32>().unwrap());
        quantize(&fixture, &["--moped", share]).failed(&[&flag, "too large", "0.1 is usual"]);
    }
    posterior(&fixture, 1e30, 1e30);
    let parts = ["standard deviations of posterior", "too large", "no finite range"];
    quantize(&fixture, &["--posterior", "posterior"]).failed(&parts);
    assert!(!fixture.path("out.safetensors").exists());
}

#[test]
fn inputs_that_do_not_fit_are_refused_by_name() {
    let fixture = residual();
    let refused = |more: &[&str], parts: &[&str]| {
        quantize(&fixture, &[&["--moped", "0.1"], more].concat()).failed(parts);
        assert!(!fixture.path("out.safetensors").exists());
    };
    fixture.archive("x.npz", &[0]);
    refused(&[], &["x.npz", "8x8x1", "8x8x3"]);
    fixture.archive_of("x.npz", 3, &[0]);
    fixture.archive_of("y.npz", 3, &[5]);
    refused(&["--data", "y.npz"], &["y.npz", "label 5"]);
    let names = r#"{"class_names": ["a"], "preprocessing": {"mean": [0], "std": [1]}}"#;
    std::fs::write(fixture.path("names.json"), names).unwrap();
    refused(&["--metadata", "names.json"], &["names.json", "the network has 5 classes, not 1"]);
    refused(&["--report", "out.safetensors"], &["out.safetensors"]);
}

/// Names alone are metadata too; the message then says how pixels are read.
#[test]
fn metadata_needs_no_preprocessing() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1]);
    let with = |json: &str| {
        std::fs::write(fixture.path("m.json"), json).unwrap();
        quantize(&fixture, &["--moped", "0.1", "--metadata", "m.json"])
    };
    let names = r#""class_names": ["a", "b", "c", "d", "e"]"#;
    let preprocessing = r#""preprocessing": {"mean": [0.5], "std": [0.25]}"#;
    let note = "preprocessing: mean 0 and std 1";
    let facts = || fixture.json(&["inspect", "out.safetensors", "--json"]);
    assert!(with(&format!("{{{names}}}")).succeeded().stdout.contains(note));
    assert_eq!(facts()["class_names"][4], "e");
    assert_eq!(facts()["input"]["std"], serde_json::json!([1.0, 1.0, 1.0]));
    let both = with(&format!(r#"{{{names}, {preprocessing}, "nll": 0.5, "samples": 200}}"#));
    assert!(!both.succeeded().stdout.contains(note));
    assert_eq!(facts()["input"]["std"], serde_json::json!([0.25, 0.25, 0.25]));
    with("{}").failed(&["m.json", "none of `class_names`", "`targets`"]);
}

/// A mean in 0..255 beside pixels in 0..1 leaves pictures that all look alike to the network.
#[test]
fn a_preprocessing_that_does_not_fit_is_made_known() {
    let fixture = residual();
    fixture.archive_of("x.npz", 3, &[0, 1]);
    for (preprocessing, fits) in [
        (r#"{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}"#, true),
        (r#"{"mean": [123.7, 116.3, 103.5], "std": [58.4, 57.1, 57.4]}"#, false),
        (r#"{"mean": [0.5], "std": [0.001]}"#, false),
    ] {
        let json = format!(
            r#"{{"class_names": ["a", "b", "c", "d", "e"], "preprocessing": {preprocessing}}}"#
        );
        std::fs::write(fixture.path("m.json"), json).unwrap();
        let options = ["--moped", "0.1", "--metadata", "m.json"];
        let stderr = quantize(&fixture, &options).succeeded().stderr;
        assert_eq!(stderr.contains("does the `preprocessing` of"), !fits, "{stderr}");
    }
}
