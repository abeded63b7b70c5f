//! Prediction sets of maps: calibrated by `evaluate`, written by `predict`.

use crate::map_models::{MODEL, array, classes, fixture, pictures, png};
use crate::support::Fixture;
use bayes8_native::core::graph::Shape;
use ndarray::{Array, Array3, Axis};
use ndarray_npy::{NpzWriter, WriteNpyExt};
use png::ColorType;
use serde_json::json;
use std::fs::File;

const SHAPE: Shape = Shape::new(5, 7, 3);

const CALIBRATED: [&str; 10] = [
    "evaluate",
    MODEL,
    "--data",
    "xy.npz",
    "--calibration-set",
    "xy.npz",
    "--samples",
    "8",
    "--ignore-index",
    "255",
];

/// A segmentation, and `xy.npz` with two pictures and their labels, some of which mean nothing.
fn segmentation() -> Fixture {
    let fixture = fixture(SHAPE, &[("output", classes(3, &["sky", "road", "car"]))]);
    let mut npz = NpzWriter::new(File::create(fixture.path("xy.npz")).unwrap());
    npz.add_array("x", &pictures(SHAPE)).unwrap();
    let label = |(n, y, x)| match (n * 5 + y * 3 + x) % 4 {
        3 => 255u8,
        label => label as u8,
    };
    npz.add_array("y", &Array3::from_shape_fn((2, 5, 7), label)).unwrap();
    npz.finish().unwrap();
    fixture
}

#[test]
fn sets_are_calibrated_stored_and_written() {
    let fixture = segmentation();
    let aps = ["--conformal", "aps", "--alpha", "0.5", "--store", "--json"];
    let report = fixture.json(&[&CALIBRATED[..], &aps].concat());
    let map = &report["conformal"]["map"];
    assert_eq!((&map["examples"], &report["conformal"]["parts"]), (&json!(2), &json!([])));
    assert!(map["coverage"].as_f64().unwrap() >= 0.5, "{map}");
    let threshold = map["threshold"].as_f64().unwrap();

    let predict = ["predict", MODEL, "x.npy", "--samples", "8", "--map", "maps"];
    let answers = fixture.json(&[&predict[..], &["--json"]].concat());
    let conformal = &answers[1]["outputs"]["output"]["conformal"];
    assert_eq!((&conformal["method"], &conformal["alpha"]), (&"aps".into(), &0.5.into()));
    assert_eq!(conformal["as_calibrated"], true);
    let set = array::<bool>(&fixture, "maps/x_1.set.npy");
    assert_eq!(set.shape(), [5, 7, 3]);
    let sizes: Vec<usize> = set
        .lanes(Axis(2))
        .into_iter()
        .map(|set| set.iter().filter(|&&is_in| is_in).count())
        .collect();
    assert!(sizes.iter().any(|&size| size != sizes[0]), "sets of several sizes");
    let share = |of: &dyn Fn(usize) -> bool| {
        sizes.iter().filter(|&&size| of(size)).count() as f64 / sizes.len() as f64
    };
    let mean = sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
    for (key, expected) in [
        ("mean_size", mean),
        ("empty_share", share(&|size| size == 0)),
        ("several_share", share(&|size| size > 1)),
    ] {
        assert!((conformal[key].as_f64().unwrap() - expected).abs() < 1e-12, "{key}: {conformal}");
    }
    let shades = sizes.iter().map(|&size| (255.0 * size as f64 / 3.0).round() as u8).collect();
    let found = png(&fixture, "maps/x_1.set_size.png");
    assert_eq!(found, (ColorType::Grayscale, [7, 5], shades, vec![]));

    let text = fixture.run(&predict).succeeded().stdout;
    assert!(
        text.contains(&format!("sets of 50 %  {mean:.2} classes on average, several at ")),
        "{text}"
    );
    let inspected = fixture.json(&["inspect", MODEL, "--json"]);
    assert_eq!(inspected["outputs"][0]["conformal"]["thresholds"][0], threshold);
    // Maps of another size were not calibrated.
    let mut larger = Array::<u8, _>::zeros((1, 10, 14, 3));
    larger[[0, 3, 5, 1]] = 200;
    larger.write_npy(File::create(fixture.path("large.npy")).unwrap()).unwrap();
    let run = ["predict", MODEL, "large.npy", "--input-size", "10x14", "--json"];
    let run = fixture.run(&run).succeeded();
    assert!(run.stderr.contains("they were calibrated for another --input-size"), "{}", run.stderr);
    assert!(!run.stdout.contains("conformal"), "{}", run.stdout);
    let tiles =
        ["predict", MODEL, "large.npy", "--input-size", "10x14", "--tile-overlap", "2", "--json"];
    let tiles = fixture.run(&tiles).succeeded();
    assert!(
        tiles.stderr.contains("they were calibrated for another --input-size"),
        "{}",
        tiles.stderr
    );
    assert!(!tiles.stdout.contains("conformal"), "{}", tiles.stdout);
}

#[test]
fn what_cannot_be_calibrated_is_refused_with_the_reason() {
    let fixture = segmentation();
    let run = |more: &[&str]| fixture.run(&[&CALIBRATED[..], more].concat());
    run(&["--conformal", "lac"])
        .failed(&["2 calibration examples for alpha 0.1, expected at least 9"]);
    run(&["--conformal", "residuals"])
        .failed(&["the method `residuals` is not for outputs of the head `classes`, which take lac, aps or raps"]);
}
