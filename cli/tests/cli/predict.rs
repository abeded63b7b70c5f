//! `bayes8 predict` on a tiny model.

use crate::support::{Fixture, bayes8, keys, load};
use bayes8_native::{Isa, Pictures, PredictOptions};
use image::{Rgb, RgbImage, Rgba, RgbaImage};
use std::io::Read;
use std::process::Stdio;

const MODEL: &str = "model.safetensors";

#[test]
fn json_has_the_documented_keys() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    fixture.picture("b.png", 31, 17);
    let json = fixture.json(&["predict", MODEL, "a.png", "b.png", "--json", "--samples", "5"]);
    let answers = json.as_array().unwrap();
    assert_eq!(answers.len(), 2);
    for (answer, name) in answers.iter().zip(["a.png", "b.png"]) {
        let expected = [
            "abstain",
            "draws",
            "expected_entropy",
            "first_sample",
            "logits_digest",
            "model_digest",
            "mutual_information",
            "picture",
            "predictive_entropy",
            "samples",
            "seed",
            "standard_errors",
            "top",
        ];
        assert_eq!(keys(answer), expected);
        assert_eq!(answer["picture"], name);
        assert_eq!((&answer["samples"], &answer["seed"]), (&5.into(), &0.into()));
        let top = answer["top"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        let mut previous = 1.0;
        for class in top {
            assert_eq!(keys(class), ["class", "name", "probability", "standard_error", "std"]);
            let index = class["class"].as_u64().unwrap() as usize;
            assert_eq!(class["name"], ["circle", "square", "star"][index]);
            let probability = class["probability"].as_f64().unwrap();
            assert!(probability <= previous, "best first");
            previous = probability;
        }
        assert_eq!(answer["logits_digest"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn equals_the_library_even_when_it_runs_in_pieces() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    let json = fixture.json(&[
        "predict",
        MODEL,
        "a.png",
        "--json",
        "--samples",
        "150",
        "--seed",
        "7",
        "--threads",
        "2",
        "--first-sample",
        "9",
        "--top",
        "1",
    ]);
    let bytes = image::open(fixture.path("a.png")).unwrap().to_luma8().into_raw();
    let picture = ndarray::Array4::from_shape_vec((1, 8, 8, 1), bytes).unwrap();
    let options = PredictOptions::new().samples(9..159).seed(7).keep_logits(true);
    let model = load(&fixture.path(MODEL));
    let expected = &model.predict(Pictures::Bytes(picture.view()), &options).unwrap()[0];
    assert_eq!(json[0]["logits_digest"], expected.logits_digest().unwrap());
    assert_eq!(json[0]["model_digest"], model.digest().to_string());
    let uncertainty = expected.uncertainty().classes().unwrap();
    assert_eq!(json[0]["mutual_information"], uncertainty.mutual_information);
    assert_eq!(json[0]["predictive_entropy"], uncertainty.predictive_entropy);
    let top = json[0]["top"].as_array().unwrap();
    assert_eq!(top.len(), 1);
    let (class, probability) = uncertainty.top(1)[0];
    assert_eq!((&top[0]["class"], &top[0]["probability"]), (&class.into(), &probability.into()));
    assert_eq!(top[0]["std"], uncertainty.std[class]);
    let errors = uncertainty.standard_errors.unwrap();
    assert_eq!(top[0]["standard_error"], errors.probabilities[class]);
    let expected = serde_json::json!({
        "predictive_entropy": errors.predictive_entropy,
        "expected_entropy": errors.expected_entropy,
        "mutual_information": errors.mutual_information,
    });
    assert_eq!(json[0]["standard_errors"], expected);
}

#[test]
fn errors_are_in_brackets_unless_there_is_one_sample() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    let text = |samples| {
        fixture.run(&["predict", MODEL, "a.png", "--samples", samples]).succeeded().stdout
    };
    let json = fixture.json(&["predict", MODEL, "a.png", "--samples", "9", "--json"]);
    let (top, errors) = (&json[0]["top"][0], &json[0]["standard_errors"]);
    let percent = |of: &serde_json::Value| 100.0 * of.as_f64().unwrap();
    let of_top = format!(
        "{:6.2} % ± {:5.2} ({:.2})  ",
        percent(&top["probability"]),
        percent(&top["std"]),
        percent(&top["standard_error"])
    );
    let epistemic = format!(
        "{:6.3} nats      ({:.3})  ",
        json[0]["mutual_information"].as_f64().unwrap(),
        errors["mutual_information"].as_f64().unwrap()
    );
    let several = text("9");
    for part in [&of_top[..], &epistemic, "\nin brackets: the standard error"] {
        assert!(several.contains(part), "no {part:?} in {several}");
    }
    let one = text("1");
    assert!(!one.contains('(') && !one.contains("brackets"), "{one}");
    let json = fixture.json(&["predict", MODEL, "a.png", "--samples", "1", "--json"]);
    assert!(json[0].get("standard_errors").is_none());
    assert!(json[0]["top"][0].get("standard_error").is_none());
}

#[test]
fn an_archive_holds_many_pictures() {
    let fixture = Fixture::new(1);
    fixture.archive("x.npz", &[0, 1, 2]);
    fixture.picture("a.png", 8, 8);
    let names = |json: &serde_json::Value| -> Vec<String> {
        let pictures = json.as_array().unwrap().iter();
        pictures.map(|p| p["picture"].as_str().unwrap().to_owned()).collect()
    };
    let json = fixture.json(&["predict", MODEL, "x.npz", "a.png", "--json"]);
    assert_eq!(names(&json), ["x.npz[0]", "x.npz[1]", "x.npz[2]", "a.png"]);
    let alone = fixture.json(&["predict", MODEL, "a.png", "--json"]);
    assert_eq!(json[3], alone[0]);
    fixture.archive_of("colour.npz", 3, &[0]);
    let finished = fixture.run(&["predict", MODEL, "colour.npz"]);
    finished.failed(&["colour.npz", "8x8x3", "8x8x1 (height x width x channels)"]);
}

#[test]
fn back_ends_and_threads_give_the_same_bits() {
    let fixture = Fixture::new(1);
    let names: Vec<String> = (0..70).map(|i| format!("{i}.png")).collect();
    for (i, name) in names.iter().enumerate() {
        fixture.picture(name, 5 + i as u32, 9);
    }
    let mut arguments = vec!["predict", MODEL, "--json", "--samples", "9"];
    arguments.extend(names.iter().map(String::as_str));
    let reference =
        fixture.json(&[&arguments[..], &["--isa", "portable", "--threads", "1"]].concat());
    for isa in Isa::compiled() {
        if !isa.is_available() {
            println!("SKIPPED: this processor has no {isa}");
            continue;
        }
        for threads in ["1", "2"] {
            let run = [&arguments[..], &["--isa", isa.name(), "--threads", threads]].concat();
            assert_eq!(fixture.json(&run), reference, "{isa}, {threads} threads");
        }
    }
}

#[test]
fn reads_jpeg_and_transparent_pictures_of_any_size() {
    let colour = |x: u32, y: u32| [(x * 3) as u8, (y * 5) as u8, (x + y) as u8];
    for channels in [1, 3] {
        let fixture = Fixture::new(channels);
        let jpeg = RgbImage::from_fn(37, 101, |x, y| Rgb(colour(x, y)));
        jpeg.save(fixture.path("odd.jpg")).unwrap();
        let alpha = |x, y| {
            let [r, g, b] = colour(x, y);
            Rgba([r, g, b, x as u8])
        };
        RgbaImage::from_fn(200, 3, alpha).save(fixture.path("alpha.png")).unwrap();
        // The name says nothing about the contents of a file.
        std::fs::copy(fixture.path("odd.jpg"), fixture.path("odd.png")).unwrap();
        let json = fixture.json(&["predict", MODEL, "odd.jpg", "alpha.png", "odd.png", "--json"]);
        assert_eq!(json[0]["logits_digest"], json[2]["logits_digest"]);
        assert_ne!(json[0]["logits_digest"], json[1]["logits_digest"]);
    }
}

#[test]
fn a_picture_that_does_not_decode_fails_before_anything_is_printed() {
    let fixture = Fixture::new(1);
    fixture.picture("good.png", 64, 64);
    let bytes = std::fs::read(fixture.path("good.png")).unwrap();
    std::fs::write(fixture.path("cut.png"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(fixture.path("text.png"), "not a picture").unwrap();
    std::fs::write(fixture.path("empty.png"), "").unwrap();
    for bad in ["cut.png", "text.png", "empty.png", "missing.png", "."] {
        fixture.run(&["predict", MODEL, "good.png", bad]).failed(&[bad]);
        fixture.run(&["predict", MODEL, "good.png", bad, "--json"]).failed(&[bad]);
    }
}

#[test]
fn refuses_what_is_no_model_or_takes_no_pictures() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    fixture.run(&["predict", "missing", "a.png"]).failed(&["missing"]);
    fixture.run(&["predict", "a.png", "a.png"]).failed(&["a.png is a picture, not a model"]);
    std::fs::write(fixture.path("text"), "not a model").unwrap();
    fixture
        .run(&["predict", "text", "a.png"])
        .failed(&["text is not a valid model", "a text, not a model that `bayes8 quantize` made"]);
    let bytes = std::fs::read(fixture.path(MODEL)).unwrap();
    for length in [4, 100, bytes.len() - 1] {
        std::fs::write(fixture.path("part"), &bytes[..length]).unwrap();
        fixture
            .run(&["predict", "part", "a.png"])
            .failed(&["part is not a valid model", "the file is cut off, damaged, or not a model"]);
    }

    let two = Fixture::new(2);
    two.picture("a.png", 8, 8);
    two.run(&["predict", MODEL, "a.png"]).failed(&["2 channels"]);
}

#[test]
fn the_threshold_decides() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    let abstains = |threshold: &[&str]| {
        let arguments = ["predict", MODEL, "a.png"];
        let text = fixture.run(&[&arguments[..], threshold].concat()).succeeded().stdout;
        let json = fixture.json(&[&arguments[..], &["--json"], threshold].concat());
        let abstains = json[0]["abstain"].as_bool().unwrap();
        assert_eq!(text.contains("abstain\n"), abstains, "{text}");
        assert_eq!(text.contains("answer\n"), !abstains, "{text}");
        (abstains, json[0]["predictive_entropy"].as_f64().unwrap())
    };
    assert!(abstains(&["--abstain-above", "0"]).0);
    assert!(!abstains(&["--abstain-above", "1.1"]).0);
    let (abstained, entropy) = abstains(&[]);
    assert_eq!(abstained, entropy > 0.5 * 3f64.ln());
    let exactly = entropy.to_string();
    assert!(!abstains(&["--abstain-above", &exactly]).0, "only above");
}

#[test]
fn text_is_plain_and_fits_80_columns() {
    let fixture = Fixture::new(1);
    let long = format!("{}.png", "long".repeat(40));
    fixture.picture("a.png", 8, 8);
    fixture.picture(&long, 8, 8);
    let text = fixture.run(&["predict", MODEL, "a.png", &long]).succeeded().stdout;
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains('\u{1b}'), "no colours in a pipe: {line}");
    }
    for part in ["a.png", "circle", "±", "total", "aleatoric", "epistemic", "nats"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let fixture = Fixture::new(1);
    let names: Vec<String> = (0..400).map(|i| format!("{i}.png")).collect();
    names.iter().for_each(|name| fixture.picture(name, 8, 8));
    let mut arguments = vec!["predict", MODEL];
    arguments.extend(names.iter().map(String::as_str));
    let mut command = bayes8(&arguments);
    command.current_dir(fixture.path(".")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!(complaint, "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
