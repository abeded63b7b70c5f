//! What `quantize` says about a network's input and outputs, and the options that it asks for.

use crate::support::{Finished, Fixture};
use ndarray::{Array1, Array2, ArrayD};
use ndarray_npy::NpzWriter;
use std::fs::File;

/// Calibration pictures of these extents, with these answers if there are any.
fn pictures(fixture: &Fixture, name: &str, extents: &[usize], answers: Option<&Array2<f32>>) {
    let count = 6;
    let length = count * extents.iter().product::<usize>();
    let bytes = (0..length).map(|i| (i * 97 % 251) as u8).collect();
    let x = ArrayD::from_shape_vec([&[count], extents].concat(), bytes).unwrap();
    let mut npz = NpzWriter::new(File::create(fixture.path(name)).unwrap());
    npz.add_array("x", &x).unwrap();
    npz.add_array("y", &Array1::from_elem(count, 1i64)).unwrap();
    if let Some(answers) = answers {
        npz.add_array("logits", answers).unwrap();
    }
    npz.finish().unwrap();
}

fn quantize(fixture: &Fixture, more: &[&str]) -> Finished {
    let common =
        ["quantize", "--network", "network.onnx", "--moped", "0.02", "-o", "out.safetensors"];
    let calibration: &[&str] =
        if more.contains(&"--calibration") { &[] } else { &["--calibration", "x.npz"] };
    fixture.run(&[&common[..], calibration, more].concat())
}

/// Flattened `[n, H, W, 1]` was once read transposed: 0 of these pictures were right.
#[test]
fn a_flattened_keras_picture_is_not_transposed() {
    let fixture = Fixture::with_network("flatten-nhwc");
    let bars = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/bars.npz");
    let names = ["--calibration", bars, "--classes", "row,column"];
    let text = quantize(&fixture, &names).succeeded().stdout;
    assert!(text.contains("input 8 x 8, 1 channel, from [n, 8, 8, 1]"), "{text}");
    let report = fixture.json(&["evaluate", "out.safetensors", "--data", bars, "--json"]);
    assert_eq!(report["accuracy"], 1.0);
    let facts = fixture.run(&["inspect", "out.safetensors"]).succeeded().stdout;
    assert!(facts.contains("8 x 8, 1 channel, from [n, 8, 8, 1]; scale"), "{facts}");
    assert!(facts.contains("2: row, column"), "{facts}");
}

#[test]
fn an_ambiguous_input_is_asked_about() {
    let fixture = Fixture::with_network("nhwc_bytes");
    pictures(&fixture, "x.npz", &[5, 4, 3], None);
    for layout in ["hwc", "NHWC", ""] {
        quantize(&fixture, &["--input-layout", layout]).misused("nchw, nhwc");
    }
    quantize(&fixture, &["--input-layout", "nhw"]).failed(&["network.onnx", "[n, 5, 4, 3]", "nhw"]);
    for shape in ["5x", "5x4x3x2x1", "0x4x3", "-5x4x3", "5,4,3"] {
        quantize(&fixture, &[&format!("--input-shape={shape}")]).misused("224x224x3");
    }
}

#[test]
fn open_extents_are_given_by_an_option() {
    let fixture = Fixture::with_network("nchw_open");
    pictures(&fixture, "x.npz", &[7, 6, 3], None);
    quantize(&fixture, &[]).failed(&["network.onnx", "[n, 3, ?, ?]", "--input-shape"]);
    let shape = ["--input-shape", "7x6x3"];
    let text = quantize(&fixture, &shape).succeeded().stdout;
    assert!(text.contains("input 7 x 6, 3 channels, from [n, 3, 7, 6]"), "{text}");
    let evaluate = ["evaluate", "out.safetensors", "--data", "x.npz", "--samples", "2", "--json"];
    let peer = ["--network", "network.onnx", "--moped", "0.02"];
    fixture.run(&[&evaluate[..], &peer].concat()).failed(&[
        "network.onnx",
        "[n, 3, ?, ?]",
        "--input-shape",
    ]);
    fixture.json(&[&evaluate[..], &peer, &shape].concat());
    fixture.run(&[&evaluate[..], &shape].concat()).misused("--network");
}

/// Pictures of 8x8x1 once passed for 8x1x8.
#[test]
fn pictures_have_the_extents_of_the_network() {
    let fixture = Fixture::with_network("nhw_flatten");
    for (extents, found) in
        [(&[4, 5][..], "4x5"), (&[5, 4, 3], "5x4x3"), (&[1, 5, 4], "1x5x4"), (&[20], "20")]
    {
        pictures(&fixture, "x.npz", extents, None);
        quantize(&fixture, &[]).failed(&["x.npz", "`x`", found, "5x4x1"]);
    }
    for extents in [&[5, 4][..], &[5, 4, 1]] {
        pictures(&fixture, "x.npz", extents, None);
        quantize(&fixture, &[]).succeeded();
    }
}

#[test]
fn bytes_are_not_normalized_twice() {
    let fixture = Fixture::with_network("nhwc_bytes");
    pictures(&fixture, "x.npz", &[5, 4, 3], None);
    let finished = quantize(&fixture, &[]).succeeded();
    assert_eq!(finished.stderr, "", "nothing to warn of");
    assert!(finished.stdout.contains("bytes of 0 to 255"), "{}", finished.stdout);
    let facts = fixture.json(&["inspect", "out.safetensors", "--json"]);
    assert_eq!(facts["input"]["mean"], serde_json::json!([0.0, 0.0, 0.0]));
    assert!((facts["input"]["std"][2].as_f64().unwrap() * 255.0 - 1.0).abs() < 1e-6);
    let metadata = |mean: &str, std: &str| {
        let json = format!(r#"{{"preprocessing": {{"mean": {mean}, "std": {std}}}}}"#);
        std::fs::write(fixture.path("m.json"), json).unwrap();
        quantize(&fixture, &["--metadata", "m.json"])
    };
    metadata("[0.5]", "[0.25]").failed(&["m.json", "`preprocessing`", "twice", "uint8"]);
    metadata("[0]", "[1]").failed(&["m.json", "twice"]);
    metadata("[0]", "[0.00392156862745098]").succeeded();
}

/// As classes, every prediction of one output would be class 0 with 100 %.
#[test]
fn one_output_is_a_label_by_its_sigmoid_or_must_be_told() {
    let fixture = Fixture::with_network("single-sigmoid");
    pictures(&fixture, "x.npz", &[28, 28, 1], None);
    quantize(&fixture, &["--labels", "no,yes"]).succeeded();
    let output = &fixture.json(&["inspect", "out.safetensors", "--json"])["outputs"][0];
    assert_eq!((&output["head"], &output["names"][1]), (&"labels".into(), &"yes".into()));
    quantize(&fixture, &["--classes", "yes"]).failed(&["--classes", "class names", "classes"]);

    let fixture = Fixture::with_network("single-logit");
    pictures(&fixture, "x.npz", &[28, 28, 1], None);
    quantize(&fixture, &[]).failed(&["network.onnx", "1 output", "--head"]);
    quantize(&fixture, &["--head", "gaussian-mean", "--target-unit", "m"]).succeeded();
}

/// They may be the mean and the log variance of a regression.
#[test]
fn two_outputs_without_a_softmax_need_names() {
    let fixture = Fixture::with_network("flatten-nhwc");
    pictures(&fixture, "x.npz", &[8, 8, 1], None);
    quantize(&fixture, &[]).failed(&["network.onnx", "2 outputs", "--classes", "class_names"]);
    quantize(&fixture, &["--classes", "a,b,c"])
        .failed(&["--classes: the network has 2 classes, not 3"]);
    quantize(&fixture, &["--classes", "a,"]).failed(&["--classes: the name of class 1 is empty"]);
    quantize(&fixture, &["--classes", "a,b"]).succeeded();
    let names = r#"{"class_names": ["a", "b"], "preprocessing": {"mean": [0], "std": [1]}}"#;
    std::fs::write(fixture.path("m.json"), names).unwrap();
    quantize(&fixture, &["--metadata", "m.json"]).succeeded();
}

/// No comparison of INT8 with an import that reads the axes in another order can show that.
#[test]
fn recorded_answers_stop_a_network_that_is_misread() {
    let fixture = Fixture::with_network("nhw_reshape");
    let wrong = Array2::from_shape_fn((6, 3), |(n, c)| (n * 3 + c) as f32 % 5.0);
    pictures(&fixture, "x.npz", &[5, 5], Some(&wrong));
    let parts = ["network.onnx", "--input-layout", "`preprocessing`", "x.npz: array `logits`"];
    quantize(&fixture, &[]).failed(&parts);
    pictures(&fixture, "x.npz", &[5, 5], Some(&Array2::zeros((5, 3))));
    quantize(&fixture, &[]).failed(&["x.npz: array `logits`", "[5, 3]", "[6, 3]"]);
    assert!(!fixture.path("out.safetensors").exists());
    let golden = ["--golden", "none.safetensors"];
    quantize(&fixture, &golden).misused("--data");
}
