//! Models whose outputs are labels, targets of a regression, or several.

use crate::support::{Fixture, keys, load, table};
use bayes8_conformance::models::{Builder, Kind};
use bayes8_native::core::graph::{Shape, Value};
use bayes8_native::core::head::Head;
use bayes8_native::core::head::classes::Classes;
use bayes8_native::core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_native::core::head::labels::Labels;
use bayes8_native::{Pictures, PredictOptions, Uncertainty};
use ndarray::array;
use serde_json::{Value as Json, json};

const MODEL: &str = "model.safetensors";

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.into()).collect()
}

fn classes(of: &[&str]) -> Head {
    Head::Classes(Classes { count: of.len(), names: names(of) }.into())
}

fn labels(count: usize, of: &[&str]) -> Head {
    Head::Labels(Labels { count, names: names(of) }.into())
}

fn target(name: &str, unit: &str) -> Target {
    Target {
        name: name.into(),
        unit: unit.into(),
        scale: 16.5,
        offset: 35.75,
        noise: 0.0,
        exponent: -24,
    }
}

fn gaussian(variance: Variance, targets: &[Target]) -> Head {
    Head::Gaussian(Gaussian { variance, targets: targets.to_vec() }.into())
}

/// A folder with such a model and `x.csv`, of two rows.
fn fixture(outputs: &[(&str, Head)]) -> Fixture {
    let fixture = Fixture::of(&table(outputs));
    std::fs::write(fixture.path("x.csv"), "a,b,c\n0.5,-1,2\n1.5,0.25,-3\n").unwrap();
    fixture
}

/// What the library predicts for the second row of `x.csv`.
fn expected(fixture: &Fixture) -> Vec<Uncertainty> {
    let x = array![[1.5f32, 0.25, -3.0]];
    let options = PredictOptions::new().samples(0..8);
    let predictions =
        load(&fixture.path(MODEL)).predict(Pictures::Numbers(x.view()), &options).unwrap();
    predictions[0].outputs().map(|(_, sums)| sums.finish()).collect()
}

fn predict(fixture: &Fixture, more: &[&str]) -> String {
    let arguments = ["predict", MODEL, "x.csv", "--samples", "8"];
    fixture.run(&[&arguments[..], more].concat()).succeeded().stdout
}

fn predict_json(fixture: &Fixture, more: &[&str]) -> Json {
    let arguments = ["predict", MODEL, "x.csv", "--samples", "8", "--json"];
    fixture.json(&[&arguments[..], more].concat())
}

#[test]
fn a_regression_is_in_the_units_of_its_targets() {
    let fixture = fixture(&[("strength", gaussian(Variance::Log, &[target("strength", "MPa")]))]);
    let text = predict(&fixture, &[]);
    let line = text.lines().last().unwrap();
    assert!(line.starts_with("  strength  "), "{text}");
    for part in [" MPa (", "), 95 % between ", " and ", " from the data, ", " from the model"] {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
    assert!(text.contains("x.csv[0]\n") && text.contains("x.csv[1]\n"), "{text}");
    assert!(predict(&fixture, &["--level", "0.999"]).contains("), 99.9 % between "));

    let json = predict_json(&fixture, &["--level", "0.5"]);
    let answer = &json[1];
    let top = [
        "draws",
        "first_sample",
        "logits_digest",
        "model_digest",
        "outputs",
        "picture",
        "samples",
        "seed",
    ];
    assert_eq!((keys(answer), &answer["picture"]), (top.to_vec(), &json!("x.csv[1]")));
    let strength = &answer["outputs"]["strength"];
    let own = [
        "aleatoric_std",
        "epistemic_std",
        "head",
        "interval",
        "level",
        "mean",
        "names",
        "samples",
        "standard_errors",
        "std",
        "units",
    ];
    assert_eq!(keys(strength), own);
    let figures = expected(&fixture).remove(0).targets().unwrap();
    assert_eq!(strength["head"], "gaussian");
    assert_eq!(strength["names"], json!(["strength"]));
    assert_eq!(strength["units"], json!(["MPa"]));
    assert_eq!(strength["mean"], json!(figures.mean));
    assert_eq!(strength["std"], json!(figures.std));
    assert_eq!(strength["aleatoric_std"], json!(figures.aleatoric_std));
    assert_eq!(strength["epistemic_std"], json!(figures.epistemic_std));
    let errors = figures.standard_errors.as_ref().unwrap();
    assert_eq!(strength["standard_errors"], json!({ "mean": errors.mean }));
    assert_eq!(
        (&strength["level"], &strength["interval"]),
        (&json!(0.5), &json!([figures.interval(0, 0.5)]))
    );
}

#[test]
fn each_label_has_a_line_and_a_single_one_has_its_outcomes() {
    let several = fixture(&[("output", labels(3, &["rain", "wind", "snow"]))]);
    let text = predict(&several, &[]);
    let lines: Vec<&str> = text.lines().skip_while(|line| *line != "x.csv[1]").collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (line, name) in lines[1..].iter().zip(["rain", "wind", "snow"]) {
        assert!(line.starts_with(&format!("  {name}  ")), "{line}");
        assert!(line.contains(" % ± ") && line.ends_with(" epistemic"), "{line}");
    }
    let json = predict_json(&several, &[]);
    let figures = expected(&several).remove(0).labels().unwrap();
    let answer = &json[1]["outputs"]["output"];
    let own = [
        "expected_entropy",
        "head",
        "mutual_information",
        "names",
        "predictive_entropy",
        "probabilities",
        "samples",
        "standard_errors",
        "std",
    ];
    assert_eq!(keys(answer), own);
    assert_eq!(answer["probabilities"], json!(figures.probabilities));
    assert_eq!(answer["mutual_information"], json!(figures.mutual_information));
    assert_eq!(answer["standard_errors"], json!(figures.standard_errors.unwrap()));
    assert_eq!(answer["names"], json!(["rain", "wind", "snow"]));

    for (given, outcomes) in
        [(&["benign", "malignant"][..], ["benign", "malignant"]), (&[], ["no", "yes"])]
    {
        let single = fixture(&[("output", labels(1, given))]);
        let text = predict(&single, &[]);
        for part in [outcomes[0], outcomes[1], "total", "aleatoric", "epistemic"] {
            assert_eq!(text.matches(&format!("\n  {part} ")).count(), 2, "{part}: {text}");
        }
        let answer = &predict_json(&single, &[])[1]["outputs"]["output"];
        assert_eq!(
            (&answer["names"], &answer["outcomes"]),
            (&json!([outcomes[1]]), &json!(outcomes))
        );
        let percent = 100.0 * answer["probabilities"][0].as_f64().unwrap();
        assert!(text.contains(&format!("{percent:.2} %")), "{percent}: {text}");
    }
}

/// Three outputs: `kind`, `size` and `tags`.
fn three() -> Fixture {
    let targets = [target("length", "mm"), target("", "")];
    fixture(&[
        ("kind", classes(&["a", "b", "c", "d"])),
        ("size", gaussian(Variance::Softplus, &targets)),
        ("tags", labels(2, &[])),
    ])
}

#[test]
fn several_outputs_have_headings() {
    let fixture = three();
    let text = predict(&fixture, &["--top", "1", "--abstain-above", "0.25"]);
    assert!(text.contains("\nkind abstains above 0.250 nats of uncertainty\n"), "{text}");
    let lines: Vec<&str> = text.lines().skip_while(|line| *line != "x.csv[1]").collect();
    assert!(lines[1].starts_with("kind  ") && lines[1].ends_with("abstain"), "{text}");
    assert_eq!(lines[6], "size", "{text}");
    assert!(lines[7].starts_with("  length    ") && lines[7].contains(" mm ("), "{text}");
    assert!(lines[8].starts_with("  target 1  ") && lines[8].contains("), 95 % "), "{text}");
    assert_eq!(lines[9], "tags");
    assert!(lines[10].starts_with("  label 0  ") && lines[11].starts_with("  label 1  "));
    assert_eq!(lines.len(), 12, "{text}");

    let json = predict_json(&fixture, &["--top", "2"]);
    let outputs = &json[1]["outputs"];
    assert_eq!(keys(outputs), ["kind", "size", "tags"]);
    let own = [
        "abstain",
        "expected_entropy",
        "head",
        "mutual_information",
        "predictive_entropy",
        "probabilities",
        "samples",
        "standard_errors",
        "std",
        "top",
    ];
    assert_eq!(keys(&outputs["kind"]), own);
    assert_eq!(outputs["kind"]["top"].as_array().unwrap().len(), 2);
    let figures = expected(&fixture).remove(0).classes().unwrap();
    assert_eq!(outputs["kind"]["probabilities"], json!(figures.probabilities));
    assert_eq!(outputs["size"]["names"], json!(["length", "target 1"]));
    assert_eq!(outputs["size"]["units"], json!(["mm", ""]));
    assert_eq!(outputs["tags"]["head"], "labels");
}

#[test]
fn classes_of_a_table_are_answered_like_those_of_pictures() {
    let fixture = fixture(&[("output", classes(&["a", "b", "c"]))]);
    let json = predict_json(&fixture, &["--abstain-above", "0.1"]);
    assert_eq!(json[0]["top"].as_array().unwrap().len(), 3);
    assert!(json[0].get("outputs").is_none());
    let text = predict(&fixture, &[]);
    assert!(text.contains("\nabstains above 0.549 nats of uncertainty\n"), "{text}");
    let named = self::fixture(&[("kind", classes(&["a", "b", "c"]))]);
    assert_eq!(keys(&predict_json(&named, &[])[0]["outputs"]), ["kind"]);
}

#[test]
fn options_for_other_heads_are_refused() {
    let regression = fixture(&[("output", gaussian(Variance::None, &[target("y", "m")]))]);
    for option in [["--top", "1"], ["--abstain-above", "0.5"]] {
        let arguments = ["predict", MODEL, "x.csv"];
        let message = format!("{} is for classes, which the model does not predict", option[0]);
        regression.run(&[&arguments[..], &option].concat()).misused(&message);
    }
    let labels = fixture(&[("output", labels(2, &[]))]);
    labels
        .run(&["predict", MODEL, "x.csv", "--level", "0.9"])
        .misused("--level is for the targets of a regression");
    for level in ["0", "1", "-0.5", "nan", "95", "0.9999999999999999", "x"] {
        regression
            .run(&["predict", MODEL, "x.csv", "--level", level])
            .misused("expected a number above 0 and below 1");
    }
}

#[test]
fn a_target_without_uncertainty_says_so() {
    let mut b = Builder::new(5, Shape::vector(3));
    b.takes_numbers();
    let value = b.linear(Value::Input, 1, Kind::Deterministic).unwrap();
    b.output("output", &[value], 2.0, gaussian(Variance::None, &[target("y", "m")]));
    let fixture = Fixture::of(&b.finish());
    std::fs::write(fixture.path("x.csv"), "0.5,-1,2\n").unwrap();
    assert!(predict(&fixture, &[]).ends_with(" m, without uncertainty\n"));
    let json = predict_json(&fixture, &[]);
    let output = &json[0]["outputs"]["output"];
    assert_eq!(output["std"], json!([0.0]));
    assert_eq!(output["interval"][0][0], output["mean"][0]);
}

#[test]
fn inspect_shows_inputs_and_outputs() {
    let fixture = three();
    let text = fixture.run(&["inspect", MODEL]).succeeded().stdout;
    for part in [
        "3 features, float32 numbers; scale ",
        "numbers      mean ",
        "output       kind: 4 classes: a, b, c, d; 80 B",
        "output       size: gaussian, 2 targets: means and softplus variances; 96 B",
        "target       length in mm: scale 16.5, offset 35.75\n",
        "target       target 1: scale 16.5, offset 35.75\n",
        "output       tags: 2 labels; 72 B",
        " targets\n",
        " logits\n",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let facts = fixture.json(&["inspect", MODEL, "--json"]);
    assert_eq!(
        (&facts["input"]["values"], &facts["input"]["planes"]),
        (&json!("numbers"), &json!(1))
    );
    assert_eq!(
        (&facts["classes"], &facts["class_names"]),
        (&json!(4), &json!(["a", "b", "c", "d"]))
    );
    let outputs = &facts["outputs"];
    let own = ["count", "head", "memory_bytes", "name", "names", "nodes", "positions"];
    assert_eq!((keys(&outputs[0]), &outputs[0]["positions"]), (own.to_vec(), &json!([1, 1, 1])));
    assert_eq!(outputs[0]["nodes"], json!(["linear_1"]));
    assert_eq!(
        (&outputs[1]["head"], &outputs[1]["variance"]),
        (&json!("gaussian"), &json!("softplus"))
    );
    let expected = json!({
        "name": "length", "unit": "mm", "scale": 16.5, "offset": 35.75, "noise": 0.0, "exponent": -24
    });
    assert_eq!(outputs[1]["targets"][0], expected);
    assert_eq!(outputs[2]["count"], 2);
}

#[test]
fn inspect_shows_classes_only_where_there_are_some() {
    let regression = fixture(&[(
        "output",
        gaussian(Variance::None, &[Target { noise: 2.5, ..target("y", "m") }]),
    )]);
    let facts = regression.json(&["inspect", MODEL, "--json"]);
    assert!(facts.get("classes").is_none() && facts.get("class_names").is_none());
    let text = regression.run(&["inspect", MODEL]).succeeded().stdout;
    assert!(text.contains("y in m: scale 16.5, offset 35.75, noise 2.5\n"), "{text}");
    let pictures = Fixture::new(1).json(&["inspect", MODEL, "--json"]);
    assert_eq!(pictures["class_names"], json!(["circle", "square", "star"]));
    assert_eq!(
        (&pictures["classes"], &pictures["outputs"][0]["name"]),
        (&json!(3), &json!("output"))
    );
}
