//! `bayes8 predict` and `inspect` on a model with chosen draws.

use crate::support::{Fixture, load};
use bayes8_native::core::draws::{ChosenDraws, Draws};
use bayes8_native::{Pictures, PredictOptions};
use std::ops::Range;

const MODEL: &str = "model.safetensors";
const PLAIN: &str = "plain.safetensors";

/// The tiny model with three chosen draws of seed 5, the one without, and a picture.
fn fixture() -> Fixture {
    let plain = Fixture::new(1);
    let draws = ChosenDraws::new(5, vec![900, 2, 40]).unwrap();
    let model = load(&plain.path(MODEL)).quantized().clone().with_draws(Some(draws));
    let fixture = Fixture::of(&model);
    std::fs::write(fixture.path(PLAIN), plain.read(MODEL)).unwrap();
    fixture.picture("a.png", 8, 8);
    fixture
}

/// The digest that the library gives.
fn digest(fixture: &Fixture, model: &str, samples: Range<u32>, draws: Draws) -> String {
    let bytes = image::open(fixture.path("a.png")).unwrap().to_luma8().into_raw();
    let picture = ndarray::Array4::from_shape_vec((1, 8, 8, 1), bytes).unwrap();
    let options = PredictOptions::new().samples(samples).draws(draws).keep_logits(true);
    let model = load(&fixture.path(model));
    let predictions = model.predict(Pictures::Bytes(picture.view()), &options).unwrap();
    predictions[0].logits_digest().unwrap()
}

#[test]
fn a_list_is_taken_unless_a_seed_or_random_draws_are_asked_for() {
    let fixture = fixture();
    let predict = |model: &str, options: &[&str]| {
        let answers = fixture.json(&[&["predict", model, "a.png", "--json"], options].concat());
        let answer = answers[0].clone();
        let number = |key: &str| answer[key].as_u64().unwrap();
        let first = number("first_sample") as u32;
        let samples = first..first + number("samples") as u32;
        let draws = match answer["draws"].as_str() {
            Some("chosen") => Draws::Chosen,
            Some("random") => Draws::Random { seed: number("seed") },
            other => panic!("{other:?}"),
        };
        assert_eq!(answer["logits_digest"], digest(&fixture, model, samples.clone(), draws));
        (draws, number("seed"), samples)
    };
    let random = |seed| Draws::Random { seed };
    assert_eq!(predict(MODEL, &[]), (Draws::Chosen, 5, 0..3));
    assert_eq!(predict(MODEL, &["--draws", "chosen"]), (Draws::Chosen, 5, 0..3));
    let part = ["--first-sample", "1", "--samples", "2"];
    assert_eq!(predict(MODEL, &part), (Draws::Chosen, 5, 1..3));
    assert_eq!(predict(MODEL, &["--seed", "0"]), (random(0), 0, 0..32));
    assert_eq!(predict(MODEL, &["--draws", "random"]), (random(0), 0, 0..32));
    let both = ["--draws", "random", "--seed", "7", "--samples", "4"];
    assert_eq!(predict(MODEL, &both), (random(7), 7, 0..4));
    assert_eq!(predict(PLAIN, &[]), (random(0), 0, 0..32));
}

#[test]
fn the_heading_says_which_draws_a_prediction_takes() {
    let fixture = fixture();
    let heading = |options: &[&str]| {
        let finished = fixture.run(&[&["predict", MODEL, "a.png"], options].concat()).succeeded();
        finished.stdout.lines().nth(1).unwrap().to_owned()
    };
    assert!(heading(&[]).starts_with("3 samples, chosen draws, "));
    assert!(heading(&["--seed", "7"]).starts_with("32 samples, seed 7, "));
}

#[test]
fn draws_that_do_not_exist_are_refused() {
    let fixture = fixture();
    let predict = |model: &str, options: &[&str]| {
        fixture.run(&[&["predict", model, "a.png"], options].concat())
    };
    let seeded = ["--draws", "chosen", "--seed", "1"];
    predict(MODEL, &seeded).misused("--seed is for random draws: chosen ones have the seed");
    predict(MODEL, &["--draws", "best"]).misused("[possible values: chosen, random]");
    let advice = ["no chosen draws", "`bayes8 choose`", "random ones"];
    predict(PLAIN, &["--draws", "chosen"]).failed(&advice);
    let beyond = ["samples 0..4", "the model's 3 chosen draws", "take fewer, or random draws"];
    predict(MODEL, &["--samples", "4"]).failed(&beyond);
    predict(MODEL, &["--first-sample", "3", "--samples", "1"]).failed(&["samples 3..4"]);
}

#[test]
fn inspect_shows_the_list() {
    let fixture = fixture();
    let json = fixture.json(&["inspect", MODEL, "--json"]);
    assert_eq!(json["chosen_draws"], serde_json::json!({"seed": 5, "samples": [900, 2, 40]}));
    let text = |model| fixture.run(&["inspect", model]).succeeded().stdout;
    let of_list = text(MODEL);
    let line = of_list.lines().find(|line| line.trim_start().starts_with("draws")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), "draws 3 chosen of seed 5");
    assert!(fixture.json(&["inspect", PLAIN, "--json"])["chosen_draws"].is_null());
    assert!(!text(PLAIN).contains("chosen"));
}
