//! Models that take numbers: tables and sequences.

use crate::support::{Finished, Fixture, bayes8};
use bayes8_conformance::models::{Builder, Kind};
use bayes8_native::core::graph::{Shape, Value, Window};
use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{NpzWriter, WritableElement, write_npy};
use serde_json::Value as Json;
use std::fs::File;

const MODEL: &str = "model.safetensors";

/// A folder with a model that takes numbers of this shape.
fn fixture(shape: Shape) -> Fixture {
    let mut b = Builder::new(7, shape);
    b.takes_numbers();
    b.takes_two_planes();
    let x = match shape.width {
        1 => b.linear(Value::Input, 6, Kind::Bayesian),
        _ => b.conv(Value::Input, 6, 1, Window::new([1, 3]), Kind::Bayesian),
    };
    b.linear(x.unwrap(), 3, Kind::Bayesian).unwrap();
    Fixture::of(&b.finish())
}

/// Four inputs whose numbers CSV holds exactly.
fn numbers(extents: &[usize]) -> ArrayD<f32> {
    let mut next = 0;
    ArrayD::from_shape_simple_fn([&[4], extents].concat(), || {
        next += 1;
        (next * 37 % 101) as f32 / 32.0 - 1.5
    })
}

fn write<T: WritableElement>(fixture: &Fixture, name: &str, x: &ArrayD<T>) {
    let mut npz = NpzWriter::new(File::create(fixture.path(name)).unwrap());
    npz.add_array("x", x).unwrap();
    npz.finish().unwrap();
}

fn digests(json: &Json) -> Vec<String> {
    let answers = json.as_array().unwrap().iter();
    answers.map(|answer| answer["logits_digest"].as_str().unwrap().to_owned()).collect()
}

fn csv(x: &ArrayD<f32>) -> String {
    let row = |row: ndarray::ArrayViewD<'_, f32>| {
        let cells: Vec<String> = row.iter().map(f32::to_string).collect();
        cells.join(",") + "\n"
    };
    x.outer_iter().map(row).collect()
}

#[test]
fn csv_npy_and_npz_give_the_same_bits() {
    for (shape, extents) in [
        (Shape::vector(5), &[5][..]),
        (Shape::new(1, 9, 1), &[9, 1]),
        (Shape::new(1, 9, 1), &[9]),
        (Shape::vector(1), &[1]),
    ] {
        let fixture = fixture(shape);
        let x = numbers(extents);
        write(&fixture, "x.npz", &x);
        write(&fixture, "x64.npz", &x.mapv(f64::from));
        write_npy(fixture.path("x.npy"), &x).unwrap();
        std::fs::write(fixture.path("x.csv"), csv(&x)).unwrap();
        let predict = |name: &str| {
            let json = fixture.json(&["predict", MODEL, name, "--json", "--samples", "4"]);
            assert_eq!(json[3]["picture"], format!("{name}[3]"));
            digests(&json)
        };
        let expected = predict("x.npz");
        assert_eq!(expected.len(), 4);
        for name in ["x64.npz", "x.npy", "x.csv"] {
            assert_eq!(predict(name), expected, "{name}");
        }
        let all = ["predict", MODEL, "x.csv", "x.npy", "x.npz", "--json", "--samples", "4"];
        let [csv, npy, npz] = [0, 4, 8].map(|at| digests(&fixture.json(&all))[at..at + 4].to_vec());
        assert!(csv == expected && npy == expected && npz == expected);
    }
}

#[test]
fn sequences_of_several_channels_are_arrays_with_the_channels_last() {
    let fixture = fixture(Shape::new(1, 9, 2));
    write_npy(fixture.path("x.npy"), &numbers(&[9, 2])).unwrap();
    fixture.run(&["predict", MODEL, "x.npy", "--samples", "2"]).succeeded();
    write_npy(fixture.path("ncl.npy"), &numbers(&[2, 9])).unwrap();
    fixture.run(&["predict", MODEL, "ncl.npy"]).failed(&[
        "ncl.npy",
        "inputs are 2x9, the network takes 1x9x2",
        "numpy.moveaxis(x, 1, -1) puts the channels last",
    ]);
    std::fs::write(fixture.path("x.csv"), csv(&numbers(&[9, 2]))).unwrap();
    fixture.run(&["predict", MODEL, "x.csv"]).failed(&[
        "x.csv is text, but a row of CSV cannot hold 9 positions, 2 channels",
        "[N, 9, 2], as npy or npz",
    ]);
}

#[test]
fn a_fault_in_a_csv_file_is_named_before_anything_is_printed() {
    let fixture = fixture(Shape::vector(3));
    std::fs::write(fixture.path("good.csv"), "1,2,3\n").unwrap();
    for (text, part) in [
        ("1,2,3\n4,5\n", "x.csv: line 2 has 2 columns, the model takes 3 features"),
        ("a,b,c\n1,2,3\n4,?,6\n", "x.csv: line 3, column 2 (b): the value is missing (`?`)"),
        (
            "one,two,three\n1,2,3\n4,\u{1b}[2J,6\n",
            "x.csv: line 3, column 2 (two): `\\u{1b}[2J` is not a number",
        ),
        ("1;2;3\n", "x.csv: line 1 is separated by semicolons"),
        ("1,2,inf\n", "x.csv: line 1, column 3: `inf` is not a finite number"),
        ("", "x.csv: it is empty"),
        ("a,b,c", "x.csv: it has a header, but no rows"),
    ] {
        std::fs::write(fixture.path("x.csv"), text).unwrap();
        fixture.run(&["predict", MODEL, "good.csv", "x.csv"]).failed(&[part]);
        fixture.run(&["predict", MODEL, "good.csv", "x.csv", "--json"]).failed(&[part]);
    }
}

#[test]
fn files_of_the_other_kind_are_refused() {
    let table = fixture(Shape::vector(3));
    table.picture("a.png", 8, 8);
    table
        .run(&["predict", MODEL, "a.png"])
        .failed(&["a.png is a picture, but the model takes numbers: 3 features"]);
    std::fs::write(table.path("binary"), b"\x01\x02\x00").unwrap();
    table
        .run(&["predict", MODEL, "binary"])
        .failed(&["binary is neither CSV in UTF-8 nor an npy or npz file"]);
    std::fs::write(table.path("wide.csv"), b"\xff\xfe1\0,\x002\0,\x003\0\n\0").unwrap();
    table.run(&["predict", MODEL, "wide.csv"]).failed(&["wide.csv is neither CSV in UTF-8"]);
    write(&table, "bytes.npz", &ArrayD::<u8>::zeros(IxDyn(&[2, 3])));
    table.run(&["predict", MODEL, "bytes.npz"]).failed(&["bytes.npz", "uint8", "float32"]);
    write(&table, "integers.npz", &ArrayD::<i64>::zeros(IxDyn(&[2, 3])));
    table.run(&["predict", MODEL, "integers.npz"]).failed(&["integers.npz", "'<i8'", "float32"]);
    write_npy(table.path("one.npy"), &ArrayD::<f32>::zeros(IxDyn(&[3]))).unwrap();
    table.run(&["predict", MODEL, "one.npy"]).failed(&["one.npy: its shape is [3], expected"]);
    let bytes = [&b"\x93NUMPY\x01\x00"[..], &[9; 3]].concat();
    std::fs::write(table.path("cut.npy"), bytes).unwrap();
    table.run(&["predict", MODEL, "cut.npy"]).failed(&["cut.npy: "]);
    table.run(&["predict", MODEL, MODEL]).failed(&["is a safetensors file"]);

    // A header may begin like a picture.
    std::fs::write(table.path("bmi.csv"), "BMI,age,P1\n1,2,3\n").unwrap();
    table.run(&["predict", MODEL, "bmi.csv", "--samples", "2"]).succeeded();

    let pictures = Fixture::new(1);
    std::fs::write(pictures.path("x.csv"), "1,2,3\n").unwrap();
    pictures
        .run(&["predict", MODEL, "x.csv"])
        .failed(&["x.csv is text: CSV is for models that take numbers", "8 x 8, 1 channel"]);
    write_npy(pictures.path("x.npy"), &ArrayD::<u8>::zeros(IxDyn(&[2, 8, 8]))).unwrap();
    pictures.run(&["predict", MODEL, "x.npy"]).succeeded();
}

#[test]
fn standard_input_may_be_csv() {
    let fixture = fixture(Shape::vector(3));
    std::fs::write(fixture.path("x.csv"), "1,2,3\n").unwrap();
    let mut command = bayes8(&["predict", MODEL, "-", "--json"]);
    command.current_dir(fixture.path(".")).stdin(File::open(fixture.path("x.csv")).unwrap());
    let piped = Finished::of(command.output().unwrap()).succeeded().stdout;
    let named = fixture.run(&["predict", MODEL, "x.csv", "--json"]).succeeded().stdout;
    assert_eq!(piped.replace("\"-[0]\"", "\"x.csv[0]\""), named);
}

#[test]
fn inspect_and_bench_take_models_of_numbers() {
    let fixture = fixture(Shape::vector(13));
    let text = fixture.run(&["inspect", MODEL]).succeeded().stdout;
    assert!(text.contains("13 features, float32 numbers, 16-bit input; scale "), "{text}");
    assert!(text.contains(", ...; std "), "{text}");
    assert_eq!(fixture.json(&["inspect", MODEL, "--json"])["input"]["planes"], 2);
    let bench = ["bench", MODEL, "--batch", "2", "--samples", "2", "--seconds", "0"];
    let text = fixture.run(&bench).succeeded().stdout;
    assert!(text.contains("same bits as the portable reference"), "{text}");
    fixture.run(&[&bench[..], &["--profile"]].concat()).succeeded();
}

#[test]
fn a_network_of_features_goes_all_the_way() {
    let fixture = Fixture::with_network("added");
    let x = numbers(&[6]);
    write(&fixture, "x.npz", &x);
    std::fs::write(fixture.path("x.csv"), csv(&x)).unwrap();
    let metadata = r#"{"preprocessing": {"values": "numbers", "mean": [0.25], "std": [0.5]}}"#;
    std::fs::write(fixture.path("m.json"), metadata).unwrap();
    let files = ["--network", "network.onnx", "--calibration", "x.npz", "--metadata", "m.json"];
    let head = ["--moped", "0.1", "--head", "gaussian-mean", "--target-scale", "2"];
    fixture.run(&[&["quantize", "-o", "out.safetensors"], &files[..], &head].concat()).succeeded();
    let predict = |name: &str| fixture.json(&["predict", "out.safetensors", name, "--json"]);
    let (csv, npz) = (predict("x.csv"), predict("x.npz"));
    assert_eq!(digests(&csv), digests(&npz));
    assert_eq!(csv[3]["outputs"]["output"]["head"], "gaussian");
    assert!(csv[3]["outputs"]["output"]["epistemic_std"][0].as_f64().unwrap() > 0.0);
    let facts = fixture.json(&["inspect", "out.safetensors", "--json"]);
    assert_eq!(facts["input"]["values"], "numbers");
    assert_eq!(facts["outputs"][0]["targets"][0]["scale"], 2.0);
}
