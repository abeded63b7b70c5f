//! `bayes8 quantize`: from arguments to files. How good they are is `convert`'s to test.

use crate::support::Fixture;
use serde_json::Value as Json;

const ARGUMENTS: [&str; 7] =
    ["quantize", "--mean", "mean.onnx", "--calibration", "x.npz", "-o", "out.safetensors"];

fn quantize(fixture: &Fixture, more: &[&str]) -> crate::support::Finished {
    fixture.run(&[&ARGUMENTS[..], more].concat())
}

#[test]
fn standard_deviations_come_from_exactly_one_source() {
    let fixture = Fixture::new(1);
    quantize(&fixture, &[]).misused("--posterior");
    quantize(&fixture, &["--posterior", "p", "--moped", "0.1"]).misused("--moped");
    for wrong in [
        ["--moped", "0"],
        ["--moped", "-1"],
        ["--moped", "inf"],
        ["--moped", "NaN"],
        ["--percentile", "101"],
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
    quantize(&fixture, &["--moped", "0.1"]).failed(&["mean.onnx"]);
    quantize(&fixture, &["--posterior", "none"]).failed(&["none"]);
    quantize(&fixture, &["--posterior", "x.npz"]).failed(&["x.npz", "safetensors"]);
    quantize(&fixture, &["--moped", "0.1", "--report", "none/r.json"]).failed(&["none/r.json"]);
    assert_eq!(entries(), before);

    std::fs::write(fixture.path("mean.onnx"), "no network").unwrap();
    quantize(&fixture, &["--moped", "0.1"]).failed(&["mean.onnx"]);
    assert_eq!(entries(), before + 1);
}

#[test]
fn makes_a_model_that_predicts_and_a_report() {
    let fixture = Fixture::new(1);
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/../convert/tests/data/residual.onnx");
    std::fs::copy(network, fixture.path("mean.onnx")).unwrap();
    fixture.archive_of("x.npz", 3, &[0, 1, 2, 3, 4]);
    let names = r#"{"class_names": ["a", "b", "c", "d", "e"],
        "preprocessing": {"mean": [0.5], "std": [0.25, 0.5, 1]}}"#;
    std::fs::write(fixture.path("names.json"), names).unwrap();
    let options = ["--moped", "0.1", "--metadata", "names.json", "--threads", "1"];
    let data = ["--data", "x.npz", "--samples", "3", "--report", "r.json"];
    let text = quantize(&fixture, &[&options[..], &data].concat()).succeeded().stdout;
    for part in ["conv1", "fc", "End to end", "FP32", "INT8", "rank correlation", "out.safetensors"]
    {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let report: Json = serde_json::from_slice(&fixture.read("r.json")).unwrap();
    assert_eq!(report["layers"].as_array().unwrap().len(), 3);
    assert_eq!(report["end_to_end"]["pictures"], 5);

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

#[test]
fn inputs_that_do_not_fit_are_refused_by_name() {
    let fixture = Fixture::new(1);
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/../convert/tests/data/residual.onnx");
    std::fs::copy(network, fixture.path("mean.onnx")).unwrap();
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
    refused(&["--metadata", "names.json"], &["names.json", "1 `class_names` for 5 classes"]);
    refused(&["--report", "out.safetensors"], &["out.safetensors"]);
}
