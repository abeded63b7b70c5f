//! `bayes8 evaluate` beside FP32 peers, and its HTML report.

use crate::support::Fixture;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value as Json;

const DATA: [&str; 8] =
    ["evaluate", "out.safetensors", "--data", "x.npz", "--samples", "8", "--threads", "1"];
const FP32: [&str; 4] = ["--network", "network.onnx", "--moped", "0.1"];

/// A folder with `network.onnx`, its model `out.safetensors`, and pictures `x.npz`.
fn quantized() -> Fixture {
    let fixture = Fixture::with_network("residual");
    fixture.archive_of("x.npz", 3, &[0, 1, 2, 3, 4, 0, 1]);
    let quantize = ["quantize", "--calibration", "x.npz", "-o", "out.safetensors"];
    fixture.run(&[&quantize[..], &FP32].concat()).succeeded();
    fixture
}

/// Writes recorded predictions: every class equally probable.
fn golden(fixture: &Fixture, labels: &[i64], entropy: f32) {
    let count = labels.len();
    let labels: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
    let floats = |values: Vec<f32>| -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    let (p, h, mi) =
        (floats(vec![0.2; 5 * count]), floats(vec![entropy; count]), vec![0; 4 * count]);
    let f32s = |shape: &[usize], bytes| TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap();
    let tensors = [
        ("labels", TensorView::new(Dtype::I64, vec![count], &labels).unwrap()),
        ("mc_mean_probabilities", f32s(&[count, 5], &p)),
        ("mc_predictive_entropy", f32s(&[count], &h)),
        ("mc_expected_entropy", f32s(&[count], &h)),
        ("mc_mutual_information", f32s(&[count], &mi)),
    ];
    let file = safetensors::serialize(tensors, None).unwrap();
    std::fs::write(fixture.path("golden.safetensors"), file).unwrap();
}

#[test]
fn int8_stands_beside_fp32_and_recorded_predictions() {
    let fixture = quantized();
    golden(&fixture, &[0, 1, 2, 3, 4, 0, 1], 1.5);
    let options = ["--ood", "x.npz", "--fp32-samples", "6", "--golden", "golden.safetensors"];
    let json = fixture.json(&[&DATA[..], &FP32, &options, &["--json"]].concat());
    let (fp32, golden) = (&json["fp32"], &json["golden"]);
    assert_eq!((&fp32["samples"], &json["samples"]), (&6.into(), &8.into()));
    let entropy = fp32["comparison"]["spearman_predictive_entropy"].as_f64().unwrap();
    assert!(entropy > 0.5, "the same network: {entropy}");
    let (ours, theirs) = (json["nll"].as_f64().unwrap(), fp32["nll"].as_f64().unwrap());
    assert!((ours / theirs - 1.0).abs() < 0.2, "{ours} {theirs}");
    assert!(fp32["convergence"].is_array() && fp32["ood"]["mutual_information"].is_object());
    // ln 5 for every label.
    assert!((golden["nll"].as_f64().unwrap() - 5f64.ln()).abs() < 1e-6);
    assert_eq!(golden["mean_predictive_entropy"], 1.5);
    assert_eq!(golden.get("ood"), None, "nothing was recorded");
}

/// A key of the JSON output by its path.
fn at<'a>(json: &'a Json, pointer: &str) -> &'a Json {
    json.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {json}"))
}

/// Fewer samples have less mutual information, which is not an effect of quantization.
#[test]
fn equal_numbers_of_samples_are_compared() {
    let fixture = quantized();
    let evaluate = |samples: &str, fp32_samples: &str, more: &[&str]| {
        let samples = ["--samples", samples, "--fp32-samples", fp32_samples, "--ood", "x.npz"];
        let evaluate = ["evaluate", "out.safetensors", "--data", "x.npz", "--threads", "1"];
        fixture.run(&[&evaluate[..], &FP32, &samples, more].concat())
    };
    let json = |samples, fp32_samples| -> Json {
        let run = evaluate(samples, fp32_samples, &["--json"]).succeeded();
        serde_json::from_str(&run.stdout).unwrap()
    };
    let (equal, more, fewer) = (json("8", "8"), json("32", "8"), json("8", "32"));
    assert_eq!(
        (equal["samples"].clone(), at(&equal, "/fp32/samples").clone()),
        (8.into(), 8.into())
    );
    assert_eq!(equal.pointer("/fp32/compared/int8"), None, "all samples are compared");
    for (unequal, cut, whole) in [(&more, "int8", ""), (&fewer, "peer", "/fp32")] {
        for key in ["int8_samples", "peer_samples"] {
            assert_eq!(*at(unequal, &format!("/fp32/compared/{key}")), 8, "{cut}");
        }
        assert_eq!(at(unequal, "/fp32/comparison"), at(&equal, "/fp32/comparison"), "{cut}");
        for key in ["nll", "mean_mutual_information", "avu", "selective", "ood", "mean_weights"] {
            let first = at(unequal, &format!("/fp32/compared/{cut}/{key}"));
            assert_eq!(first, at(&equal, &format!("{whole}/{key}")), "{cut} {key}");
        }
        let information = format!("{whole}/mean_mutual_information");
        assert_ne!(at(unequal, &information), at(&equal, &information), "all 32 samples");
    }

    // The differences are equal wherever they are shown, and each names its number of samples.
    let column = |text: &str, row: &str| {
        let line = text.lines().find(|line| line.starts_with(row)).unwrap().to_string();
        line.split_whitespace().find(|word| word.starts_with(['+', '-'])).unwrap().to_string()
    };
    let gates = ["--html", "r.html", "--max-nll-gap", "0", "--min-spearman-mi", "1"];
    let equal = evaluate("8", "8", &gates).missed(&["NLL to FP32 0.", "information with FP32 0."]);
    for (samples, fp32_samples) in [("32", "8"), ("8", "32")] {
        let unequal = evaluate(samples, fp32_samples, &gates);
        let first = "the first 8 samples of each";
        let [nll, information] =
            ["NLL to FP32", "information with FP32"].map(|name| format!("{name} ({first}) 0."));
        let unequal = unequal.missed(&[&nll, &information]).stdout;
        for row in ["NLL", "total", "epistemic", "AURC", "OOD epist. AUROC"] {
            assert_eq!(column(&unequal, row), column(&equal.stdout, row), "{row}");
        }
        assert!(unequal.contains(&format!("INT8 against FP32, {first}")), "{unequal}");
        let words: Vec<&str> = unequal.lines().nth(6).unwrap().split_whitespace().collect();
        assert_eq!(words[..5], ["samples", samples, fp32_samples, "first", "8"], "{unequal}");
        let html = String::from_utf8(fixture.read("r.html")).unwrap();
        for part in [
            format!("INT8 against FP32, {first}"),
            format!("to FP32, {first}"),
            format!("INT8, {samples} samples"),
            format!("FP32, {fp32_samples} samples"),
        ] {
            assert!(html.contains(&part), "no {part}");
        }
    }
}

/// Recorded predictions cannot be cut, but INT8 can.
#[test]
fn recorded_predictions_tell_their_number_of_samples() {
    let fixture = quantized();
    golden(&fixture, &[0, 1, 2, 3, 4, 0, 1], 1.5);
    let record = ["--golden", "golden.safetensors", "--min-spearman-entropy=1"];
    for (json, samples, compared, text) in [
        (None, Json::Null, 8, "8 samples against an unknown number"),
        (Some(r#"{"nll": 1}"#), Json::Null, 8, "8 samples against an unknown number"),
        (Some(r#"{"samples": 300}"#), 300.into(), 8, "8 samples against 300"),
        (Some(r#"{"samples": 8}"#), 8.into(), 8, "8 samples each"),
        (Some(r#"{"samples": 2}"#), 2.into(), 2, "the first 2 samples of each"),
    ] {
        if let Some(json) = json {
            std::fs::write(fixture.path("golden.json"), json).unwrap();
        }
        let run = fixture.run(&[&DATA[..], &record].concat());
        let whole = text == "8 samples each";
        let name = if whole { "golden".into() } else { format!("golden ({text})") };
        let run = run.missed(&[&format!("predictive entropy with {name}")]);
        assert!(run.stdout.contains(&format!("INT8 against golden, {text}")), "{}", run.stdout);
        let warned = run.stdout.contains("numbers of samples");
        assert_eq!(warned, text.contains("against"), "{}", run.stdout);

        let run = fixture.run(&[&DATA[..], &record[..2], &["--json"]].concat()).succeeded();
        let json: Json = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(*at(&json, "/golden/samples"), samples);
        assert_eq!(*at(&json, "/golden/compared/peer_samples"), samples);
        assert_eq!(*at(&json, "/golden/compared/int8_samples"), compared);
        // Every file that was read.
        let files = json.to_string().matches("golden.json").count();
        assert_eq!(files, usize::from(!samples.is_null()));
    }
}

/// A deterministic network gives the same result with any number of samples: one run is enough.
#[test]
fn a_deterministic_peer_has_as_many_samples_as_it_is_asked_for() {
    let fixture = quantized();
    let peer = ["--network", "network.onnx", "--deterministic", "--json"];
    let run = fixture.run(&[&DATA[..], &peer].concat()).succeeded();
    let json: Json = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(*at(&json, "/fp32/samples"), 8);
    assert_eq!(*at(&json, "/fp32/compared/int8_samples"), 8);
    assert_eq!(at(&json, "/fp32/nll"), at(&json, "/fp32/mean_weights/nll"));
    assert!(at(&json, "/mean_mutual_information").as_f64().unwrap() > 1e-6);
}

#[test]
fn noise_in_common_leaves_only_what_quantization_does() {
    let fixture = quantized();
    let difference = |noise: &str, samples: &str| {
        let options = ["--fp32-noise", noise, "--fp32-samples", samples, "--json"];
        let json = fixture.json(&[&DATA[..], &FP32, &options].concat());
        assert_eq!(json["fp32"]["noise"], noise);
        json["fp32"]["comparison"]["probability"]["mean"].as_f64().unwrap()
    };
    for samples in ["8", "2"] {
        let (own, common) = (difference("own", samples), difference("int8", samples));
        assert!(common < own / 2.0, "{common} {own}");
    }

    fixture.network("other.onnx", "dense");
    let other = ["--network", "other.onnx", "--moped", "0.1"];
    let run = fixture.run(&[&DATA[..], &other].concat());
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("other.onnx"), "{}", run.stderr);
    fixture.run(&[&DATA[..], &["--fp32-noise", "int8"]].concat()).misused("--network");
}

#[test]
fn the_report_is_one_page_with_every_figure() {
    let fixture = quantized();
    fixture.run(&["corrupt", "x.npz", "--severities", "2,4", "-o", "c.npz"]).succeeded();
    let options =
        ["--drift", "c.npz", "--ood", "x.npz", "--html", "r.html", "--max-nll", "0", "--max-ece=1"];
    let run = fixture.run(&[&DATA[..], &FP32, &options].concat());
    assert_eq!(run.code, Some(3), "written all the same: {}", run.stderr);
    for part in [
        "FP32",
        "INT8 against FP32",
        "rank correlation",
        "Drift",
        "pixelate",
        "INT8 - FP32",
        "thresholds kept: 1 of 2",
    ] {
        assert!(run.stdout.contains(part), "no {part} in {}", run.stdout);
    }
    let html = String::from_utf8(fixture.read("r.html")).unwrap();
    for part in [
        "<!DOCTYPE html>",
        "--max-nll 0",
        "✗ missed",
        "id=\"reliability-title\"",
        "id=\"convergence-mi-desc\"",
        "id=\"drift-entropy-jpeg_compression-title\"",
        "id=\"ood-mi-title\"",
        "run by bayes8",
        "prefers-color-scheme",
        "@media print",
        "SHA-256",
        "network.onnx",
    ] {
        assert!(html.contains(part), "no {part}");
    }
    for foreign in ["<script", "http://", "https://", "NaN", "recorded its predictions"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
}

/// Each threshold that needs a peer, kept and missed.
#[test]
fn differences_have_thresholds() {
    let fixture = quantized();
    fixture.run(&["corrupt", "x.npz", "--severities", "3", "-o", "c.npz"]).succeeded();
    fixture.archive_of("some.npz", 3, &[2, 4]);
    let all = ["--ood", "some.npz", "--drift", "c.npz"];
    // Far wider than the model's posterior, so that they differ in every figure.
    let other = ["--network", "network.onnx", "--moped", "3"];
    let run = |gate: &str| fixture.run(&[&DATA[..], &other, &all, &[gate]].concat());
    for (option, kept, missed, name) in [
        ("--max-accuracy-gap", "1", "0", "difference of accuracy to FP32"),
        ("--max-nll-gap", "1", "0", "relative difference of NLL to FP32"),
        ("--min-spearman-entropy", "-1", "1", "predictive entropy with FP32"),
        ("--min-spearman-mi", "-1", "1", "mutual information with FP32"),
        ("--max-ood-auroc-gap", "1", "0", "difference of OOD AUROC to FP32"),
        ("--max-drift-accuracy-gap", "1", "0", "difference of accuracy to FP32 under drift"),
        ("--max-drift-entropy-gap", "9", "0", "mean predictive entropy to FP32 under drift"),
    ] {
        let kept = run(&format!("{option}={kept}")).succeeded();
        assert!(kept.stderr.contains("network.onnx: its posterior differs"), "{}", kept.stderr);
        run(&format!("{option}={missed}")).missed(&[name]);
    }
    golden(&fixture, &[0, 1, 2, 3, 4, 0, 1], 1.5);
    let recorded = ["--golden", "golden.safetensors", "--ood", "x.npz"];
    let run = fixture.run(&[&DATA[..], &recorded, &["--max-ood-auroc-gap", "1"]].concat());
    assert_eq!(run.code, Some(3), "nothing was recorded: {}", run.stderr);
    fixture.run(&[&DATA[..], &["--max-nll-gap", "1"]].concat()).misused("--network");
    fixture.run(&[&DATA[..], &["--network", "network.onnx"]].concat()).misused("--posterior");
    fixture.run(&[&DATA[..], &["--moped", "0.1"]].concat()).misused("--network");
}

#[test]
fn peers_that_do_not_fit_are_refused() {
    let fixture = quantized();
    golden(&fixture, &[0, 1, 2, 3, 4, 0, 2], 1.5);
    let recorded =
        |fixture: &Fixture| fixture.run(&[&DATA[..], &["--golden", "golden.safetensors"]].concat());
    recorded(&fixture).failed(&["golden.safetensors", "`labels`", "x.npz"]);
    golden(&fixture, &[0, 1, 2, 3, 4, 0, 1], f32::NAN);
    recorded(&fixture).failed(&["golden.safetensors", "`mc_predictive_entropy`", "NaN"]);
    fixture.archive("gray.npz", &[0, 1]);
    let gray = ["evaluate", "model.safetensors", "--data", "gray.npz"];
    fixture.run(&[&gray[..], &FP32].concat()).failed(&["network.onnx", "8x8x3", "8x8x1"]);
}
