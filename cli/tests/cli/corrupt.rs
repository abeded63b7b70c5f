//! `bayes8 corrupt`, and `bayes8 evaluate --drift` on its output.

use crate::support::Fixture;
use ndarray::{Array1, Array4};
use ndarray_npy::NpzReader;
use std::fs::File;

const MODEL: &str = "model.safetensors";

#[test]
fn the_archive_has_labels_and_an_array_for_each_corruption_and_severity() {
    let fixture = Fixture::new(1);
    fixture.archive("xy.npz", &[0, 1, 2]);
    let corrupt = |output: &str, more: &[&str]| {
        let arguments = [&["corrupt", "xy.npz", "-o", output][..], more];
        fixture.run(&arguments.concat()).succeeded()
    };
    corrupt("all.npz", &[]);
    let archive = |name: &str| NpzReader::new(File::open(fixture.path(name)).unwrap()).unwrap();
    assert_eq!(archive("all.npz").names().unwrap().len(), 51);
    let y: Array1<i64> = archive("all.npz").by_name("y").unwrap();
    assert_eq!(y.to_vec(), [0, 1, 2]);

    let some = ["--corruptions", "contrast,shot_noise", "--severities", "5,1", "--seed", "3"];
    corrupt("some.npz", &some);
    let mut some_names = archive("some.npz").names().unwrap();
    some_names.sort_unstable();
    assert_eq!(some_names, ["contrast_1", "contrast_5", "shot_noise_1", "shot_noise_5", "y"]);
    let pictures = |name: &str| -> Array4<u8> { archive(name).by_name("shot_noise_5").unwrap() };
    assert_eq!(pictures("some.npz").dim(), (3, 8, 8, 1));
    assert_ne!(pictures("some.npz"), pictures("all.npz"), "another seed");
    corrupt("again.npz", &some);
    assert_eq!(fixture.read("some.npz"), fixture.read("again.npz"));
}

#[test]
fn bad_arguments_are_named_and_leave_no_file() {
    let fixture = Fixture::new(1);
    fixture.archive("xy.npz", &[0]);
    let corrupt = |more: &[&str]| fixture.run(&[&["corrupt", "-o", "o.npz"][..], more].concat());
    corrupt(&[]).misused("PICTURES");
    corrupt(&["xy.npz", "--corruptions", "fog"]).misused("gaussian_noise");
    corrupt(&["xy.npz", "--severities", "6"]).misused("--severities");
    corrupt(&["none.npz"]).failed(&["none.npz"]);
    fixture.archive_of("four.npz", 4, &[0]);
    corrupt(&["four.npz"]).failed(&["four.npz", "`x`", "4 channels"]);
    assert!(!fixture.path("o.npz").exists());
    assert_eq!(std::fs::read_dir(fixture.path(".")).unwrap().count(), 3);
}

#[test]
fn drift_is_measured_from_the_clean_pictures() {
    let fixture = Fixture::new(1);
    fixture.archive("xy.npz", &[0, 1, 2, 1]);
    let some = ["--corruptions", "contrast,gaussian_noise", "--severities", "1,5"];
    fixture.run(&[&["corrupt", "xy.npz", "-o", "c.npz"][..], &some].concat()).succeeded();
    let evaluate = ["evaluate", MODEL, "--data", "xy.npz", "--drift", "c.npz"];
    let json = fixture.json(&[&evaluate[..], &["--drift-samples", "4", "--json"]].concat());
    let points = json["drift"].as_array().unwrap();
    let named: Vec<_> =
        points.iter().map(|p| (p["corruption"].as_str().unwrap(), p["severity"].clone())).collect();
    let expected = [("gaussian_noise", 1), ("gaussian_noise", 5), ("contrast", 1), ("contrast", 5)];
    assert_eq!(named, expected.map(|(name, severity)| (name, severity.into())));
    assert_eq!(json["drift_samples"], 4);
    let loss = json["drift_accuracy_loss"]["value"].as_f64().unwrap();
    let worst = points.iter().map(|p| p["accuracy"].as_f64().unwrap()).fold(1.0, f64::min);
    let clean = json["drift_clean"]["accuracy"].as_f64().unwrap();
    assert!((loss - (clean - worst)).abs() < 1e-12);

    let auroc = |point: &serde_json::Value| point["auroc"]["predictive_entropy"].as_f64().unwrap();
    assert!(points.iter().all(|point| (0.0..=1.0).contains(&auroc(point))));

    let run = fixture.run(&[&evaluate[..], &["--max-drift-accuracy-loss=-1"]].concat());
    let missed = run.missed(&["accuracy lost to drift"]);
    assert!(missed.stdout.contains("gaussian_noise"), "{}", missed.stdout);

    fixture.archive("other.npz", &[1, 1, 2, 1]);
    let other = ["evaluate", MODEL, "--data", "other.npz", "--drift", "c.npz"];
    fixture.run(&other).failed(&["c.npz", "`y`", "other.npz"]);
    fixture
        .run(&["evaluate", MODEL, "--data", "xy.npz", "--drift", "xy.npz"])
        .failed(&["xy.npz", "`x`"]);
}
