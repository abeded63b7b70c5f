//! `bayes8 quantize`: what it refuses. Its results on trained networks are `convert`'s to test.

use crate::support::Fixture;

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
