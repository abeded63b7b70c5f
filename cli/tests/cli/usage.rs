//! Help, wrong usage, and the commands that need no pictures.

use crate::support::{Fixture, keys};
use bayes8_native::Isa;

const MODEL: &str = "model.safetensors";

#[test]
fn every_command_has_help_with_examples() {
    let fixture = Fixture::new(1);
    for command in ["predict", "inspect", "quantize", "evaluate", "corrupt", "bench"] {
        let help = fixture.run(&[command, "--help"]).succeeded().stdout;
        let example = format!("Examples:\n  bayes8 {command} ");
        assert!(help.contains(&example), "{help}");
        assert!(fixture.run(&["--help"]).succeeded().stdout.contains(command));
    }
    assert!(fixture.run(&["--version"]).succeeded().stdout.starts_with("bayes8 "));
}

#[test]
fn wrong_usage_exits_with_2() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    fixture.archive("xy.npz", &[0]);
    fixture.run(&[]).misused("Usage");
    fixture.run(&["conjure"]).misused("conjure");
    fixture.run(&["predict"]).misused("MODEL");
    fixture.run(&["predict", MODEL]).misused("PICTURE");
    fixture.run(&["evaluate", MODEL]).misused("--data");
    for wrong in [
        ["--samples", "0"],
        ["--samples", "-1"],
        ["--samples", "many"],
        ["--samples", "268435457"],
        ["--first-sample", "268435456"],
        ["--seed", "-1"],
        ["--threads", "0"],
        ["--threads", "100000"],
        ["--isa", "sse2"],
        ["--top", "0"],
        ["--abstain-above", "-0.1"],
        ["--abstain-above", "NaN"],
        ["--abstain-above", "lots"],
    ] {
        let [option, _] = wrong;
        fixture.run(&[&["predict", MODEL, "a.png"], &wrong[..]].concat()).misused(option);
    }
    for wrong in [["--batch", "0"], ["--samples", "0"], ["--threads", "0"], ["--seconds", "-1"]] {
        let [option, _] = wrong;
        fixture.run(&[&["bench", MODEL], &wrong[..]].concat()).misused(option);
    }
    fixture.run(&["evaluate", MODEL, "--data", "xy.npz", "--samples", "0"]).misused("--samples");
    fixture.run(&["inspect", MODEL, "--frob"]).misused("--frob");
}

#[test]
fn inspect_shows_layers_and_evidence() {
    let fixture = Fixture::new(1);
    let text = fixture.run(&["inspect", MODEL]).succeeded().stdout;
    for part in [
        "tiny",
        "8x8x1",
        "circle, square, star",
        "percentile 99.99",
        "12 pictures",
        "features",
        "conv2d",
        "8x8x5",
        "max_pool",
        "classifier",
        "linear",
        "logits",
        "Bayesian",
        "0.000 .. 20.000",
        "-7.500 .. 6.500",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let json = fixture.json(&["inspect", MODEL, "--json"]);
    let size = std::fs::metadata(fixture.path(MODEL)).unwrap().len();
    assert_eq!(json["file_bytes"], size);
    assert_eq!(json["parameters"], 45 + 5 + 60 + 3);
    assert_eq!(json["multiply_accumulates"], 64 * 45 + 60);
    assert_eq!(json["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(json["nodes"][0]["weights"], 45);
    // mu, sigma, scale, noise multiplier, bias mu and sigma.
    assert_eq!(json["nodes"][0]["bytes"], 45 + 45 + 5 * (4 + 2 + 4 + 4));
    assert_eq!(json["nodes"][1]["bayesian"], false);
    // Codes 0..=127 under multiplier 60 of standard deviation 31.13 * 60 / 2^15 * code.
    let quantiles = &json["nodes"][0]["sigma_over_step"];
    let at = |key: &str| quantiles[key].as_f64().unwrap();
    assert!(at("q05") <= at("median") && at("median") <= at("q95"), "{quantiles}");
    assert!(at("q95") < 127.0 * 31.2 * 60.0 / 32_768.0 + 0.1, "{quantiles}");

    fixture.run(&["inspect", "missing"]).failed(&["missing"]);
    fixture.run(&["inspect", "."]).failed(&["."]);
}

#[test]
fn bench_json_has_the_documented_keys() {
    let fixture = Fixture::new(1);
    let run = ["bench", MODEL, "--batch", "3", "--samples", "4", "--threads", "1"];
    let json = fixture.json(&[&run[..], &["--seconds", "0.05", "--json"]].concat());
    let expected = [
        "bank_bytes",
        "batch",
        "giga_macs_per_second",
        "image_samples_per_second",
        "isa",
        "kernel",
        "peak_memory_bytes",
        "repeats",
        "samples",
        "sampling_share",
        "seconds",
        "threads",
    ];
    assert_eq!(keys(&json), expected);
    assert_eq!((&json["batch"], &json["samples"]), (&3.into(), &4.into()));
    assert_eq!(json["threads"], 1);
    assert!(json["image_samples_per_second"].as_f64().unwrap() > 0.0);
    let share = json["sampling_share"].as_f64().unwrap();
    assert!(share > 0.0 && share.is_finite(), "{share}");

    // A bank that holds every sample leaves nothing to draw.
    let json =
        fixture.json(&[&run[..], &["--seconds", "0.05", "--bank", "1MiB", "--json"]].concat());
    assert_eq!((&json["bank_bytes"], &json["sampling_share"]), (&(1 << 20).into(), &0.0.into()));
    fixture.run(&[&run[..], &["--bank", "much"]].concat()).misused("--bank");

    let fastest = Isa::available().last().unwrap();
    assert_eq!(json["isa"], fastest.name());
    let text = fixture.run(&[&run[..], &["--seconds", "0", "--isa", "portable"]].concat());
    let text = text.succeeded().stdout;
    assert!(text.contains("image-samples/s") && text.contains("portable"), "{text}");
}

#[test]
fn the_environment_chooses_the_instruction_set() {
    let fixture = Fixture::new(1);
    let run = |isa| {
        let mut command = crate::support::bayes8(&["bench", MODEL, "--seconds", "0", "--json"]);
        command.env("BAYES8_ISA", isa).current_dir(fixture.path(".")).output().unwrap()
    };
    let json: serde_json::Value = serde_json::from_slice(&run("portable").stdout).unwrap();
    assert_eq!(json["isa"], "portable");
    let unknown = run("mmx");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8(unknown.stderr).unwrap().starts_with("error: `mmx` is no"));
}
