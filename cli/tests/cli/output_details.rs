//! What people say about outputs: whose it is, and whose fault.

use crate::support::{Finished, Fixture};
use ndarray::Array2;
use ndarray_npy::NpzWriter;
use std::fs::File;

const ARGUMENTS: [&str; 9] = [
    "quantize",
    "--network",
    "network.onnx",
    "--moped",
    "0.1",
    "--calibration",
    "x.npz",
    "-o",
    "out.safetensors",
];

/// A folder with a network of five logits and pictures to calibrate with.
fn fixture() -> Fixture {
    let fixture = Fixture::with_network("residual");
    fixture.archive_of("x.npz", 3, &[0, 1, 2, 3]);
    fixture
}

fn quantize(fixture: &Fixture, metadata: &str, options: &[&str]) -> Finished {
    std::fs::write(fixture.path("m.json"), metadata).unwrap();
    fixture.run(&[&ARGUMENTS[..], &["--metadata", "m.json"], options].concat())
}

#[test]
fn errors_name_the_option_or_the_file_that_is_at_fault() {
    let fixture = fixture();
    let names = r#"{"class_names": ["a", "b", "c", "d", "e"]}"#;
    quantize(&fixture, names, &["--classes", "a,b"])
        .failed(&["--classes: the network has 5 classes, not 2"]);
    quantize(&fixture, r#"{"class_names": ["a"]}"#, &["--head", "classes"])
        .failed(&["m.json: the network has 5 classes, not 1"]);
    let regression = ["--head", "gaussian-mean"];
    let targets = r#"{"targets": [{"scale": 0}, {}, {}, {}, {}]}"#;
    let with =
        |metadata, options: &[&str]| quantize(&fixture, metadata, &[&regression, options].concat());
    with(targets, &["--target-offset", "1"]).failed(&["m.json: the target scale is 0"]);
    with(targets, &["--target-scale", "2", "--target-noise", "-1"])
        .failed(&["--target-noise: the target noise is -1"]);
    quantize(&fixture, r#"{"targets": [{"scale": 2}]}"#, &["--head", "gaussian-softplus"])
        .failed(&["--head: 5 outputs cannot be means and variances"]);
    quantize(&fixture, r#"{"targets": [{"scale": 2}]}"#, &[]).failed(&[
        "m.json: ",
        "name the head",
        "--head gaussian-mean",
    ]);
    quantize(&fixture, r#"{"outputs": {"kind": {"class_names": ["a"]}}}"#, &[])
        .failed(&["m.json: `outputs` has `kind`, but the model has `output`"]);
    quantize(&fixture, names, &["--output-name", "y=classes", "--head", "classes"])
        .misused("--head classes has no effect: each --output-name says =HEAD");
}

#[test]
fn names_in_the_metadata_make_labels_of_logits() {
    let fixture = fixture();
    let names = r#"{"outputs": {"output": {"label_names": ["a", "b", "c", "d", "e"]}}}"#;
    quantize(&fixture, names, &[]).succeeded();
    let output = || fixture.json(&["inspect", "out.safetensors", "--json"])["outputs"][0].clone();
    assert_eq!(output()["head"], "labels");
    assert_eq!(output()["names"][4], "e");
    // An option replaces what the file says of the only output.
    quantize(&fixture, names, &["--labels", "v,w,x,y,z"]).succeeded();
    assert_eq!(output()["names"][4], "z");
    quantize(&fixture, r#"{"head": "gaussian-mean"}"#, &[]).succeeded();
    assert_eq!(output()["head"], "gaussian");
}

#[test]
fn sixteen_bits_are_refused_where_they_do_not_fit() {
    let pictures = fixture();
    let names = r#"{"class_names": ["a", "b", "c", "d", "e"]}"#;
    quantize(&pictures, names, &["--input-bits", "16"])
        .failed(&["cannot quantize network.onnx", "pixels have 8"]);
}

#[test]
fn recorded_answers_of_a_regression_are_not_called_classes() {
    let fixture = Fixture::with_network("added");
    let x = Array2::from_shape_fn((4, 6), |(i, j)| (i * 6 + j) as f32 / 8.0 - 1.0);
    let mut npz = NpzWriter::new(File::create(fixture.path("x.npz")).unwrap());
    npz.add_array("x", &x).unwrap();
    npz.add_array("logits", &Array2::<f32>::from_elem((4, 4), 1e6)).unwrap();
    npz.finish().unwrap();
    let finished = fixture.run(&[&ARGUMENTS[..], &["--head", "gaussian-mean"]].concat());
    finished.failed(&[
        "the mean of target ",
        " of the imported network is ",
        "recorded is 1000000",
    ]);
}
