//! Inputs of the commands: arrays of floats, standard input, and paths other than plain files.

use crate::support::{Finished, Fixture, bayes8};
use bayes8_native::core::input::normalize;
use image::{Rgba, RgbaImage};
use ndarray::{Array1, Array2, Array4, ArrayD};
use ndarray_npy::{NpzReader, NpzWriter, WritableElement};
use std::fs::File;
use std::process::Stdio;

const MODEL: &str = "model.safetensors";

/// An archive of `x` and three labels.
fn write<T: WritableElement>(fixture: &Fixture, name: &str, x: &ArrayD<T>) {
    let mut npz = NpzWriter::new(File::create(fixture.path(name)).unwrap());
    npz.add_array("x", x).unwrap();
    npz.add_array("y", &Array1::from(vec![0i64, 1, 2])).unwrap();
    npz.finish().unwrap();
}

/// Pictures of the tiny model as bytes in `bytes.npz`, and normalized in `floats.npz`.
fn bytes_and_floats(channels: usize) -> Fixture {
    let fixture = Fixture::new(channels);
    fixture.archive_of("bytes.npz", channels, &[0, 1, 2]);
    let mut npz = NpzReader::new(File::open(fixture.path("bytes.npz")).unwrap()).unwrap();
    let bytes: Array4<u8> = npz.by_name("x").unwrap();
    write(&fixture, "floats.npz", &bytes.mapv(|byte| normalize(byte, 0.5, 0.25)).into_dyn());
    fixture
}

#[test]
fn floats_are_what_the_preprocessing_makes_of_bytes() {
    let fixture = bytes_and_floats(3);
    let digests = |name: &str| {
        let json = fixture.json(&["predict", MODEL, name, "--json"]);
        let answers = json.as_array().unwrap().iter();
        answers.map(|answer| answer["logits_digest"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(digests("bytes.npz"), digests("floats.npz"));
    fixture
        .run(&["predict", MODEL, "bytes.npz", "floats.npz"])
        .failed(&["some files hold pixels, others floats"]);

    let evaluate = |data: &str| {
        let options = ["--ood", "floats.npz", "--samples", "4", "--json"];
        let mut json = fixture.json(&[&["evaluate", MODEL, "--data", data], &options[..]].concat());
        let figures = json.as_object_mut().unwrap();
        figures.retain(|key, _| !["seconds", "provenance"].contains(&key.as_str()));
        json
    };
    assert_eq!(evaluate("bytes.npz"), evaluate("floats.npz"));
}

#[test]
fn only_what_needs_labels_reads_them() {
    let fixture = bytes_and_floats(1);
    let x = ArrayD::<u8>::zeros(vec![3, 8, 8, 1]);
    let mut npz = NpzWriter::new(File::create(fixture.path("one-hot.npz")).unwrap());
    npz.add_array("x", &x).unwrap();
    npz.add_array("y", &Array2::<f64>::eye(3)).unwrap();
    npz.finish().unwrap();
    fixture.run(&["predict", MODEL, "one-hot.npz"]).succeeded();
    let ood = ["--ood", "one-hot.npz", "--samples", "4"];
    fixture.run(&[&["evaluate", MODEL, "--data", "bytes.npz"], &ood[..]].concat()).succeeded();
    let refused = ["one-hot.npz", "array `y`: its type is '<f8', expected an integer type"];
    fixture.run(&["evaluate", MODEL, "--data", "one-hot.npz"]).failed(&refused);
    fixture.run(&["corrupt", "one-hot.npz", "-o", "o.npz"]).failed(&refused);
}

/// FP32 and INT8 alike.
#[test]
fn a_network_is_calibrated_and_compared_on_floats() {
    let fixture = bytes_and_floats(3);
    fixture.network("network.onnx", "residual");
    let metadata = r#"{"preprocessing": {"mean": [0.5], "std": [0.25]}}"#;
    std::fs::write(fixture.path("metadata.json"), metadata).unwrap();
    let report = |data: &str, output: &str, more: &[&str]| {
        let files =
            ["quantize", "--network", "network.onnx", "--calibration", data, "--data", data];
        let options = ["--moped", "0.1", "--name", "same", "--report", "report.json", "-o", output];
        let run = fixture.run(&[&files[..], &options, more].concat()).succeeded();
        (run.stdout, fixture.read("report.json"))
    };
    let described = ["--metadata", "metadata.json"];
    let (_, bytes) = report("bytes.npz", "bytes.safetensors", &described);
    let (text, floats) = report("floats.npz", "floats.safetensors", &described);
    assert!(bytes == floats, "other figures");
    assert!(fixture.read("bytes.safetensors") == fixture.read("floats.safetensors"));
    assert!(text.contains("preprocessing: none; the floats"), "{text}");

    let fp32 = |data: &str| {
        let peer = ["--network", "network.onnx", "--moped", "0.1", "--samples", "4", "--json"];
        let arguments = ["evaluate", "bytes.safetensors", "--data", data];
        fixture.json(&[&arguments[..], &peer].concat())["fp32"]["nll"].clone()
    };
    assert_eq!(fp32("bytes.npz"), fp32("floats.npz"));
}

#[test]
fn vectors_of_floats_go_all_the_way() {
    let fixture = Fixture::with_network("added");
    let x = ArrayD::from_shape_fn(vec![3, 6], |i| (i[0] * 7 + i[1]) as f64 / 5.0 - 2.0);
    write(&fixture, "x.npz", &x);
    let quantize =
        ["quantize", "--network", "network.onnx", "--moped", "0.1", "--calibration", "x.npz"];
    fixture.run(&[&quantize[..], &["-o", "out.safetensors"]].concat()).succeeded();
    assert_eq!(
        fixture.json(&["predict", "out.safetensors", "x.npz", "--json"]).as_array().unwrap().len(),
        3
    );
}

#[test]
fn floats_that_are_no_numbers_or_no_pixels_are_refused_by_name() {
    let fixture = bytes_and_floats(1);
    let mut x = ArrayD::<f32>::zeros(vec![3, 8, 8, 1]);
    x[[2, 0, 7, 0]] = f32::NEG_INFINITY;
    write(&fixture, "infinite.npz", &x);
    let place =
        ["infinite.npz", "array `x`: it holds -inf, or a number beyond float32, at [2, 0, 7, 0]"];
    fixture.run(&["predict", MODEL, "infinite.npz"]).failed(&place);
    fixture.run(&["evaluate", MODEL, "--data", "infinite.npz"]).failed(&place);
    fixture.run(&["corrupt", "floats.npz", "-o", "o.npz"]).failed(&[
        "floats.npz",
        "array `x`",
        "holds floats: only pixels",
    ]);
}

#[test]
fn what_never_ends_or_never_begins_is_not_read() {
    let fixture = bytes_and_floats(1);
    let made = std::process::Command::new("mkfifo").arg(fixture.path("pipe")).status();
    if !made.is_ok_and(|status| status.success()) || !std::path::Path::new("/dev/zero").exists() {
        println!("SKIPPED: this system has no named pipes or no /dev/zero");
        return;
    }
    for path in ["pipe", "/dev/zero", "."] {
        let parts = [path, "not a file"];
        for arguments in [
            &["predict", path, "bytes.npz"][..],
            &["inspect", path],
            &["bench", path],
            &["evaluate", path, "--data", "bytes.npz"],
            &["predict", MODEL, path],
            &["evaluate", MODEL, "--data", path],
            &["evaluate", MODEL, "--data", "bytes.npz", "--ood", path],
            &["evaluate", MODEL, "--data", "bytes.npz", "--drift", path],
            &["evaluate", MODEL, "--data", "bytes.npz", "--golden", path],
            &["corrupt", path, "-o", "o.npz"],
        ] {
            fixture.run(arguments).failed(&parts);
        }
    }
}

/// A run with a file as standard input.
fn piped(fixture: &Fixture, file: &str, arguments: &[&str]) -> Finished {
    let mut command = bayes8(arguments);
    command.current_dir(fixture.path(".")).stdin(File::open(fixture.path(file)).unwrap());
    Finished::of(command.output().unwrap())
}

#[test]
fn standard_input_is_a_model_a_picture_or_an_archive() {
    let fixture = bytes_and_floats(1);
    fixture.picture("a.png", 8, 8);
    let file = fixture.run(&["predict", MODEL, "a.png", "--json"]).succeeded().stdout;
    let model = piped(&fixture, MODEL, &["predict", "-", "a.png", "--json"]).succeeded().stdout;
    assert_eq!(file, model);
    let picture = piped(&fixture, "a.png", &["predict", MODEL, "-", "--json"]).succeeded().stdout;
    assert_eq!(file, picture.replace("\"picture\": \"-\"", "\"picture\": \"a.png\""));
    let data = ["evaluate", MODEL, "--data", "-", "--json"];
    let text = piped(&fixture, "bytes.npz", &data).succeeded().stdout;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["provenance"]["files"][1]["bytes"], fixture.read("bytes.npz").len());
    piped(&fixture, MODEL, &["inspect", "-"]).succeeded();
    piped(&fixture, "a.png", &["inspect", "-"]).failed(&["- is a picture, not a model"]);

    // From a pipe, which ends when its writer does.
    let mut command = bayes8(&["inspect", "-", "--json"]);
    command.current_dir(fixture.path(".")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut pipe, &fixture.read(MODEL)).unwrap();
    drop(pipe);
    let piped: serde_json::Value =
        serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(piped, fixture.json(&["inspect", MODEL, "--json"]));
}

#[test]
fn empty_standard_input_is_named() {
    let fixture = bytes_and_floats(1);
    std::fs::write(fixture.path("empty"), "").unwrap();
    for arguments in [
        &["predict", "-", "a.png"][..],
        &["predict", MODEL, "-"],
        &["evaluate", MODEL, "--data", "-"],
        &["corrupt", "-", "-o", "o.npz"],
    ] {
        piped(&fixture, "empty", arguments).failed(&["standard input is empty"]);
    }
}

#[test]
fn where_archives_are_read_other_files_are_refused_with_advice() {
    let fixture = bytes_and_floats(1);
    fixture.picture("a.png", 8, 8);
    let advice = ["a.png is not an npz archive", "numpy.savez(FILE, x=inputs)", "y=labels"];
    for arguments in [
        &["evaluate", MODEL, "--data", "a.png"][..],
        &["evaluate", MODEL, "--data", "bytes.npz", "--ood", "a.png"],
        &["evaluate", MODEL, "--data", "bytes.npz", "--drift", "a.png"],
        &["corrupt", "a.png", "-o", "o.npz"],
    ] {
        fixture.run(arguments).failed(&advice);
    }
    let archive = fixture.read("bytes.npz");
    std::fs::write(fixture.path("part.npz"), &archive[..archive.len() / 2]).unwrap();
    for arguments in
        [&["evaluate", MODEL, "--data", "part.npz"][..], &["predict", MODEL, "part.npz"]]
    {
        fixture.run(arguments).failed(&["part.npz: the npz archive is cut off or damaged"]);
    }
}

#[test]
fn swapped_arguments_are_recognised() {
    let fixture = bytes_and_floats(1);
    fixture.picture("a.png", 8, 8);
    fixture
        .run(&["predict", "a.png", MODEL])
        .failed(&["a.png is a picture", "order of the arguments"]);
    fixture
        .run(&["evaluate", "bytes.npz", "--data", MODEL])
        .failed(&["bytes.npz is an npz archive", "order of the arguments"]);
    let model = ["model.safetensors is a safetensors file", "order of the arguments"];
    fixture.run(&["predict", MODEL, MODEL]).failed(&model);
    fixture.run(&["evaluate", MODEL, "--data", MODEL]).failed(&model);
}

#[test]
fn transparent_pictures_lie_on_white() {
    let fixture = Fixture::new(3);
    // A shape that only the alpha channel has.
    let alpha = |x, y| Rgba([0, 0, 0, if (x + y) % 3 == 0 { 255 } else { 0 }]);
    RgbaImage::from_fn(8, 8, alpha).save(fixture.path("alpha.png")).unwrap();
    let white = |x, y| Rgba([[255, 255, 255, 255], [0, 0, 0, 255]][usize::from((x + y) % 3 == 0)]);
    RgbaImage::from_fn(8, 8, white).save(fixture.path("white.png")).unwrap();
    let json = fixture.json(&["predict", MODEL, "alpha.png", "white.png", "--json"]);
    assert_eq!(json[0]["logits_digest"], json[1]["logits_digest"]);
    let help = fixture.run(&["predict", "--help"]).succeeded().stdout;
    assert!(help.contains("over white where they are transparent"), "{help}");
}

#[test]
fn a_picture_has_no_more_pixels_than_allowed() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 20, 50);
    fixture.run(&["predict", MODEL, "a.png", "--max-pixels", "1000"]).succeeded();
    fixture.run(&["predict", MODEL, "a.png", "--max-pixels", "999"]).failed(&[
        "a.png",
        "20 x 50 pixels",
        "--max-pixels",
    ]);
}
