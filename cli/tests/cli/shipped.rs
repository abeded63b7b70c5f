//! The shipped models that take numbers, over the shipped tables and sequences, and the one of maps.

use crate::recorded::repository;
use crate::support::Fixture;
use image::{Rgb, RgbImage};
use serde_json::Value as Json;

/// Predicts inputs with a shipped model. Names of inputs are those in `models`.
fn predict(model: &str, inputs: &str) -> Vec<Json> {
    let fixture = Fixture::new(1);
    // The rows with which this one was trained may not be shipped.
    std::fs::write(fixture.path("zeros.csv"), ["0"; 103].join(",")).unwrap();
    let folder = repository().join("models");
    let path = |name: String| match name.as_str() {
        ZEROS => fixture.path("zeros.csv").display().to_string(),
        name => folder.join(name).display().to_string(),
    };
    let [model, inputs] = [path(format!("{model}.safetensors")), path(inputs.into())];
    match fixture.json(&["predict", &model, &inputs, "--samples", "40", "--json"]) {
        Json::Array(answers) => answers,
        other => panic!("{other}"),
    }
}

/// A row of 103 zeros.
const ZEROS: &str = "zeros";

/// Models, inputs, and the digest of the logits of the first input.
const RECORDED: [(&str, &str, &str); 5] = [
    (
        "concrete-gaussian",
        "tables/concrete.csv",
        "c13a84e35e5a1de3f3175583b50f92b9fde8819278421a79f2e52363e88cd1b1",
    ),
    (
        "energy-dropout",
        "tables/energy.csv",
        "cfdce51e86827c75261d8cd49a15620443cb339d2764959e67b7e42f461b0b95",
    ),
    (
        "power-ensemble",
        "tables/power.csv",
        "a8c3f40d68b630ab343a712b57532002e6903538ec790feb316c910de48f25aa",
    ),
    (
        "vowels-cnn",
        "sequences/vowels.npy",
        "5859d49ae4ab0ed2a2184c55af66b2859a4fd09eed2ff48e9389695ab3be57c0",
    ),
    ("yeast-labels", ZEROS, "5b43447a9a40a403f086137499a5295d8014fe1e69952bf1d7d6435c730ab8ec"),
];

#[test]
fn the_shipped_models_give_the_recorded_bits() {
    for (model, inputs, digest) in RECORDED {
        assert_eq!(predict(model, inputs)[0]["logits_digest"], digest, "{model}");
    }
}

/// Models, tables, and what was measured.
const MEASURED: [(&str, &str, [f64; 10]); 3] = [
    (
        "concrete-gaussian",
        "tables/concrete.csv",
        [24.4, 52.61, 33.95, 40.93, 14.8, 11.98, 45.37, 29.89, 62.5, 17.6],
    ),
    (
        "energy-dropout",
        "tables/energy.csv",
        [13.97, 32.33, 41.92, 16.77, 26.46, 36.95, 14.66, 11.34, 10.55, 24.77],
    ),
    (
        "power-ensemble",
        "tables/power.csv",
        [446.56, 470.74, 433.59, 465.26, 462.48, 472.13, 446.55, 430.92, 471.15, 451.09],
    ),
];

#[test]
fn the_intervals_of_the_shipped_regressions_hold_what_was_measured() {
    for (model, table, measured) in MEASURED {
        let answers = predict(model, table);
        assert_eq!(answers.len(), measured.len(), "{model}");
        let is_inside = |(answer, y): &(&Json, f64)| {
            let interval = &answer["outputs"]["output"]["interval"][0];
            interval[0].as_f64().unwrap() <= *y && *y <= interval[1].as_f64().unwrap()
        };
        let inside = answers.iter().zip(measured).filter(is_inside).count();
        assert!(inside >= 9, "{model}: {inside} of 10");
    }
}

#[test]
fn the_shipped_sequences_are_told_apart() {
    let answers = predict("vowels-cnn", "sequences/vowels.npy");
    let is_right = |(number, answer): &(usize, &Json)| {
        answer["top"][0]["name"] == format!("speaker {}", number + 1)
    };
    let right = answers.iter().enumerate().filter(is_right).count();
    // The card says which one is taken for another.
    assert_eq!((answers.len(), right), (9, 8));
}

#[test]
fn the_shipped_segmentation_gives_the_recorded_bits() {
    let fixture = Fixture::new(1);
    let picture = fixture.path("gradient.png");
    let pixel = |x: u32, y: u32| Rgb([x, y, x ^ y].map(|channel| channel as u8));
    RgbImage::from_fn(256, 192, pixel).save(&picture).unwrap();
    let model = repository().join("models/camvid-unet.safetensors").display().to_string();
    let picture = picture.display().to_string();
    let answer = fixture.json(&["predict", &model, &picture, "--samples", "4", "--json"]);
    let output = &answer[0]["outputs"]["output"];
    assert_eq!(output["positions"], serde_json::json!([1, 192, 256]));
    assert_eq!(output["top"][0]["name"], "SignSymbol");
    for (figure, value) in [
        (&output["top"][0]["share"], 0.700_480_143_229_166_6),
        (&output["top"][0]["probability"], 0.919_494_052_238_669_3),
        (&output["predictive_entropy"], 0.422_682_421_812_194_7),
        (&output["mutual_information"], 0.019_998_955_511_545_92),
    ] {
        assert_eq!(figure.as_f64(), Some(value));
    }
}
