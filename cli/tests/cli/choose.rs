//! `bayes8 choose`, `quantize --choose-draws`, and `--draws` and `--until` of `predict`.

use crate::support::{Fixture, keys, load};
use bayes8_native::core::format;
use bayes8_native::core::model::QuantizedModel;
use serde_json::json;

const MODEL: &str = "model.safetensors";
const CHOOSE: [&str; 10] = [
    "choose",
    MODEL,
    "--calibration",
    "x.npz",
    "--draws",
    "16",
    "--pool",
    "128",
    "-o",
    "chosen.safetensors",
];

/// A folder with the tiny model and 40 pictures.
fn fixture() -> Fixture {
    let fixture = Fixture::new(1);
    fixture.archive("x.npz", &[0; 40]);
    fixture.picture("a.png", 8, 8);
    fixture
}

fn model(fixture: &Fixture, name: &str) -> QuantizedModel {
    format::read(&fixture.read(name)).expect("a model")
}

#[test]
fn a_model_gets_a_list_that_predictions_take_unless_a_seed_is_given() {
    let fixture = fixture();
    let finished = fixture.run(&CHOOSE).succeeded();
    for part in ["16 of 128, chosen by 40 pictures", "mutual information", "chosen.safetensors: "] {
        assert!(finished.stdout.contains(part), "no {part:?} in {}", finished.stdout);
    }
    let chosen = model(&fixture, "chosen.safetensors");
    let list = chosen.chosen_draws().expect("a list");
    assert_eq!((list.seed(), list.samples().len()), (0, 16));
    assert_eq!(chosen.clone().with_draws(None), model(&fixture, MODEL));
    // The same list again, on the portable kernels and one thread.
    let again = [&CHOOSE[..9], &["again.safetensors", "--isa", "portable", "--threads", "1"]];
    fixture.run(&again.concat()).succeeded();
    assert_eq!(fixture.read("again.safetensors"), fixture.read("chosen.safetensors"));

    let predict = |model: &str, more: &[&str]| {
        let answers = fixture.json(&[&["predict", model, "a.png", "--json"], more].concat());
        let mut answer = answers[0].clone();
        answer.as_object_mut().expect("an object").remove("model_digest");
        answer
    };
    let by_default = predict("chosen.safetensors", &[]);
    assert_eq!((&by_default["draws"], &by_default["samples"]), (&json!("chosen"), &json!(16)));
    assert_eq!(by_default, predict("chosen.safetensors", &["--draws", "chosen"]));
    let random = predict("chosen.safetensors", &["--draws", "random"]);
    assert_eq!((&random["draws"], &random["samples"]), (&json!("random"), &json!(32)));
    assert_eq!(random, predict("chosen.safetensors", &["--seed", "0"]));
    assert_eq!(random, predict(MODEL, &[]));
    assert_ne!(by_default["logits_digest"], random["logits_digest"]);
    let text = fixture.run(&["predict", "chosen.safetensors", "a.png"]).succeeded().stdout;
    assert!(text.contains("16 samples, chosen draws"), "{text}");

    // A list of one draw has the sample of its index.
    let one = [list.samples()[3].to_string(), "1".into()];
    let index = ["--first-sample", one[0].as_str(), "--samples", one[1].as_str()];
    let draw = predict(MODEL, &index);
    let position = predict("chosen.safetensors", &["--first-sample", "3", "--samples", "1"]);
    assert_eq!(draw["logits_digest"], position["logits_digest"]);
}

#[test]
fn draws_that_do_not_exist_are_refused() {
    let fixture = fixture();
    fixture.run(&CHOOSE).succeeded();
    let predict =
        |model: &str, more: &[&str]| fixture.run(&[&["predict", model, "a.png"], more].concat());
    let chosen = "chosen.safetensors";
    predict(MODEL, &["--draws", "chosen"]).failed(&["no chosen draws", "bayes8 choose"]);
    predict(chosen, &["--draws", "chosen", "--seed", "0"]).misused("--seed is for random draws");
    predict(chosen, &["--samples", "17"]).failed(&["0..17", "16 chosen draws"]);
    predict(chosen, &["--first-sample", "16", "--samples", "1"]).failed(&["16..17"]);
    predict(chosen, &["--samples", "17", "--seed", "0"]).succeeded();
    // What is left of the list by default would be a surprise.
    predict(chosen, &["--first-sample", "1"]).failed(&["1..17"]);
}

#[test]
fn a_choice_that_makes_no_sense_is_refused_and_leaves_no_file() {
    let fixture = fixture();
    let choose = |more: &[&str]| {
        let arguments = ["choose", MODEL, "--calibration", "x.npz", "-o", "out.safetensors"];
        fixture.run(&[&arguments[..], more].concat())
    };
    choose(&["--draws", "16", "--pool", "63"]).failed(&["63 draws", "16", "at least 64"]);
    choose(&["--draws", "257"]).misused("a whole number from 1 to 256");
    choose(&["--pool", "3"]).misused("a whole number from 4 to 65536");
    fixture.archive("one.npz", &[0]);
    let one = ["choose", MODEL, "--calibration", "one.npz", "-o", "out.safetensors"];
    fixture.run(&one).failed(&["found 1 pictures"]);
    fixture.archive_of("rgb.npz", 3, &[0; 4]);
    let rgb = ["choose", MODEL, "--calibration", "rgb.npz", "-o", "out.safetensors"];
    fixture.run(&rgb).failed(&["rgb.npz", "8x8x3", "8x8x1"]);
    assert!(!fixture.path("out.safetensors").exists());

    let mean = model(&fixture, MODEL).map_layers(|_, _, layer| layer.posterior = None);
    let mean = mean.expect("a model").map_layers(|_, _, layer| {
        layer.bias.iter_mut().for_each(|bias| bias.sigma = None);
    });
    let bytes = format::write(&mean.expect("a model")).expect("a file");
    std::fs::write(fixture.path(MODEL), bytes).expect("a file");
    choose(&[]).failed(&["model.safetensors", "nothing varies"]);
    assert!(!fixture.path("out.safetensors").exists());
}

#[test]
fn few_pictures_choose_with_a_warning_and_other_pictures_can_measure() {
    let fixture = fixture();
    fixture.archive("few.npz", &[0; 6]);
    let few = ["choose", MODEL, "--calibration", "few.npz", "--draws", "8", "--pool", "32"];
    let few = [&few[..], &["--test", "x.npz", "--json", "-o", "few.safetensors"]].concat();
    let finished = fixture.run(&few).succeeded();
    assert!(finished.stderr.contains("only 6 pictures chose the draws"), "{}", finished.stderr);
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(keys(&report), ["draws", "gain", "pictures", "pool", "test_gain"]);
    assert_eq!((&report["draws"], &report["pictures"]), (&json!(8), &json!(6)));
    for gain in [&report["gain"], &report["test_gain"]] {
        let figures = ["draws", "entropy", "mutual_information", "probabilities"];
        assert_eq!(keys(&gain[0]), figures);
        assert!(gain[0]["probabilities"].as_f64().is_some_and(|worth| worth > 1.0), "{gain}");
    }
}

#[test]
fn quantize_chooses_draws_too() {
    let fixture = Fixture::with_network("residual");
    fixture.archive_of("x.npz", 3, &[0; 32]);
    let arguments = ["quantize", "--network", "network.onnx", "--moped", "0.3", "--calibration"];
    let more = ["x.npz", "--choose-draws", "8", "--pool", "64", "--report", "r.json", "-o", "out"];
    let finished = fixture.run(&[&arguments[..], &more].concat()).succeeded();
    assert!(finished.stdout.contains("8 of 64, chosen by 32 pictures"), "{}", finished.stdout);
    let list = load(&fixture.path("out")).quantized().chosen_draws().cloned().expect("a list");
    assert_eq!(list.samples().len(), 8);
    let report: serde_json::Value = serde_json::from_slice(&fixture.read("r.json")).expect("JSON");
    assert_eq!(report["chosen_draws"]["pool"], json!(64));
    let alone = [&arguments[..], &["x.npz", "--pool", "64", "-o", "out"]].concat();
    fixture.run(&alone).misused("--choose-draws");
    // The choice is that of `choose`.
    let choose = ["choose", "out", "--calibration", "x.npz", "--draws", "8", "--pool", "64"];
    fixture.run(&[&choose[..], &["-o", "again"]].concat()).succeeded();
    assert_eq!(fixture.read("again"), fixture.read("out"));
}

#[test]
fn predictions_end_as_soon_as_they_are_precise_enough() {
    let fixture = fixture();
    fixture.picture("b.png", 20, 9);
    let predict =
        |more: &[&str]| fixture.run(&[&["predict", MODEL, "a.png", "b.png"], more].concat());
    let decided = predict(&["--until", "decided", "--samples", "64", "--json"]).succeeded();
    let answers: serde_json::Value = serde_json::from_str(&decided.stdout).expect("JSON");
    for (answer, name) in answers.as_array().expect("a list").iter().zip(["a.png", "b.png"]) {
        let samples = answer["samples"].as_u64().expect("a number");
        assert!([8, 16, 32, 64].contains(&samples), "{answer}");
        // A prediction with that number of samples gives the same answer.
        let alone = ["predict", MODEL, name, "--samples", &samples.to_string(), "--json"];
        let mut same = fixture.json(&alone)[0].clone();
        same["until_met"] = answer["until_met"].clone();
        assert_eq!(*answer, same);
    }
    let never = predict(&["--until", "probability=1e-12", "--samples", "40"]).succeeded();
    let heading = "at most 40 samples until probabilities have an error of 0.000000000001, seed 0";
    assert!(never.stdout.contains(heading), "{}", never.stdout);
    assert!(never.stdout.contains("not precise enough after 40 samples"), "{}", never.stdout);
    let soon = predict(&["--until", "entropy=5"]).succeeded().stdout;
    assert!(soon.contains("at most 256 samples until the entropy"), "{soon}");
    assert!(soon.contains("ended after 32 samples"), "{soon}");

    for wrong in ["entropy=0", "entropy=-1", "entropy=NaN", "entropy=inf", "entropy", "entropy=x"] {
        predict(&["--until", wrong]).misused("expected entropy=X with a finite number X above 0");
    }
    predict(&["--until", "sure"]).misused("expected decided, probability=X, entropy=X");
    predict(&["--until", "decided", "--samples", "7"]).failed(&["7 samples are too few", "8"]);
}
