//! `bayes8 evaluate` on a tiny model.

use crate::support::{Fixture, keys, load};
use bayes8_native::{Pictures, PredictOptions};
use ndarray::Array4;
use ndarray_npy::{NpzReader, NpzWriter};
use std::fs::File;

const MODEL: &str = "model.safetensors";

#[test]
fn json_has_the_documented_keys_and_the_librarys_figures() {
    let fixture = Fixture::new(1);
    let labels = [0, 1, 2, 0, 1, 2, 2];
    fixture.archive("xy.npz", &labels);
    let json = fixture.json(&[
        "evaluate",
        MODEL,
        "--data",
        "xy.npz",
        "--samples",
        "6",
        "--seed",
        "3",
        "--isa",
        "portable",
        "--json",
    ]);
    let expected = [
        "accuracy",
        "avu",
        "brier",
        "convergence",
        "ece",
        "kernel",
        "mean_expected_entropy",
        "mean_mutual_information",
        "mean_predictive_entropy",
        "mean_weights",
        "model_digest",
        "nll",
        "pictures",
        "provenance",
        "randomness",
        "reliability",
        "samples",
        "seconds",
        "seed",
        "selective",
        "threads",
        "thresholds",
    ];
    assert_eq!(keys(&json), expected);
    assert_eq!((&json["pictures"], &json["samples"]), (&7.into(), &6.into()));
    assert_eq!(json["seed"], 3);

    let mut npz = NpzReader::new(File::open(fixture.path("xy.npz")).unwrap()).unwrap();
    let x: Array4<u8> = npz.by_name("x").unwrap();
    let options = PredictOptions::new().samples(0..6).seed(3);
    let model = load(&fixture.path(MODEL));
    let predictions = model.predict(Pictures::Bytes(x.view()), &options).unwrap();
    let (mut right, mut nll, mut information) = (0.0, 0.0, 0.0);
    for (prediction, &label) in predictions.iter().zip(&labels) {
        let uncertainty = prediction.uncertainty().classes().unwrap();
        right += f64::from(uncertainty.top(1)[0].0 == label as usize) / 7.0;
        nll -= uncertainty.probabilities[label as usize].ln() / 7.0;
        information += uncertainty.mutual_information / 7.0;
    }
    for (key, value) in
        [("accuracy", right), ("nll", nll), ("mean_mutual_information", information)]
    {
        let found = json[key].as_f64().unwrap();
        assert!((found - value).abs() < 1e-12, "{key}: {found}, expected {value}");
    }
}

/// Each threshold by itself, and its message when it is missed; the exit code is 3, and the report
/// is printed anyway.
#[test]
fn a_missed_threshold_is_named_and_has_an_exit_code_of_its_own() {
    let fixture = Fixture::new(1);
    fixture.archive("xy.npz", &[0, 1, 2]);
    let evaluate = |options: &[&str]| {
        let arguments = [&["evaluate", MODEL, "--data", "xy.npz", "--ood", "xy.npz"], options];
        fixture.run(&arguments.concat())
    };
    for (option, kept, missed, name) in [
        ("--min-accuracy", "0", "1", "accuracy"),
        ("--max-nll", "1000", "0", "NLL"),
        ("--max-brier", "2", "0", "Brier score"),
        ("--max-ece", "1", "0", "ECE"),
        ("--max-aurc", "1", "0", "AURC"),
        ("--min-ood-auroc", "0.5", "0.51", "OOD AUROC"),
        ("--min-ood-mi-auroc", "0.5", "0.51", "OOD AUROC by mutual information"),
    ] {
        evaluate(&[option, kept]).succeeded();
        evaluate(&[&format!("{option}={missed}")]).missed(&[name, missed]);
    }
    fixture
        .run(&["evaluate", MODEL, "--data", "xy.npz", "--min-ood-auroc", "0.5"])
        .misused("--ood");
    for (option, wrong) in [
        ("--min-accuracy", "1.5"),
        ("--min-accuracy", "-0.1"),
        ("--max-ece", "NaN"),
        ("--max-nll", "inf"),
        ("--max-brier", "much"),
        ("--min-ood-auroc", "50"),
    ] {
        fixture
            .run(&["evaluate", MODEL, "--data", "xy.npz", "--ood", "xy.npz", option, wrong])
            .misused(option);
    }
}

#[test]
fn pictures_like_the_known_ones_are_not_told_from_them() {
    let fixture = Fixture::new(1);
    fixture.archive("xy.npz", &[0, 1, 2, 1]);
    let json = fixture.json(&["evaluate", MODEL, "--data", "xy.npz", "--ood", "xy.npz", "--json"]);
    assert_eq!(json["ood"]["pictures"], 4);
    for by in ["predictive_entropy", "mutual_information"] {
        assert_eq!(json["ood"][by]["auroc"], 0.5, "{by}");
    }
}

/// Sums of sample ranges merge exactly: the longest range is the whole prediction.
#[test]
fn convergence_ends_at_the_prediction() {
    let fixture = Fixture::new(1);
    fixture.archive("xy.npz", &[0, 1, 2]);
    let json = fixture.json(&["evaluate", MODEL, "--data", "xy.npz", "--samples", "16", "--json"]);
    let points = json["convergence"].as_array().unwrap();
    let samples: Vec<_> = points.iter().map(|point| point["samples"].as_u64().unwrap()).collect();
    assert_eq!(samples, [1, 2, 4, 8, 16]);
    for (key, total) in [
        ("nll", "nll"),
        ("predictive_entropy", "mean_predictive_entropy"),
        ("mutual_information", "mean_mutual_information"),
    ] {
        let last = points[4][key]["value"].as_f64().unwrap();
        assert!((last - json[total].as_f64().unwrap()).abs() < 1e-12, "{key}");
        assert!(points[4][key]["standard_error"].as_f64().unwrap() > 0.0, "{key}");
    }
    // A single sample has no mutual information; 2^-30 is the step of the sums.
    assert!(points[0]["mutual_information"]["value"].as_f64().unwrap() < 1e-8);
    assert!(json["mean_weights"]["mean_mutual_information"].as_f64().unwrap() < 1e-8);
}

#[test]
fn text_names_every_figure() {
    let fixture = Fixture::new(1);
    fixture.archive("xy.npz", &[0, 1, 2]);
    let text = fixture.run(&["evaluate", MODEL, "--data", "xy.npz"]).succeeded().stdout;
    for part in ["tiny", "accuracy", "NLL", "Brier", "ECE", "total", "epistemic", "examples/s"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn bad_data_names_the_file_and_the_array() {
    let fixture = Fixture::new(1);
    let evaluate = |data| fixture.run(&["evaluate", MODEL, "--data", data]);
    evaluate("missing.npz").failed(&["missing.npz"]);
    evaluate(MODEL).failed(&[MODEL]);
    fixture.archive("label.npz", &[0, 3]);
    evaluate("label.npz").failed(&["label.npz", "`y`", "label 3 of example 1"]);
    fixture.archive("negative.npz", &[-1]);
    evaluate("negative.npz").failed(&["negative.npz", "label -1 of example 0"]);

    let write = |name: &str, labels: Option<[i64; 1]>, shape| {
        let mut npz = NpzWriter::new(File::create(fixture.path(name)).unwrap());
        npz.add_array("x", &Array4::<u8>::zeros(shape)).unwrap();
        if let Some(labels) = labels {
            npz.add_array("y", &ndarray::arr1(&labels)).unwrap();
        }
        npz.finish().unwrap();
    };
    write("bare.npz", None, (1, 8, 8, 1));
    evaluate("bare.npz").failed(&["bare.npz", "`y`"]);
    write("rgb.npz", Some([0]), (1, 8, 8, 3));
    evaluate("rgb.npz").failed(&["rgb.npz", "8x8x3", "8x8x1"]);
    // The shape comes first: another set also has other labels.
    write("other.npz", Some([9]), (1, 8, 8, 3));
    evaluate("other.npz").failed(&["other.npz", "8x8x3", "8x8x1"]);
    write("empty.npz", Some([0]), (0, 8, 8, 1));
    evaluate("empty.npz").failed(&["empty.npz", "`x`"]);
}
