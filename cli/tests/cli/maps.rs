//! Models whose outputs are maps: a prediction for each position of a picture, a volume or a sequence.

use crate::map_models::{
    MODEL, array, classes, files, fixture, gaussian, labels, model, pictures, png, run,
};
use crate::support::{Fixture, keys, load};
use bayes8_conformance::models::{Builder, Kind};
use bayes8_native::core::format;
use bayes8_native::core::graph::{Shape, Value, Window};
use bayes8_native::core::head::Uncertainty;
use bayes8_native::core::head::map::{ClassMapUncertainty, MapUncertainty};
use bayes8_native::{Pictures, PredictOptions};
use ndarray::Axis;
use ndarray_npy::WriteNpyExt;
use png::ColorType;
use serde_json::{Value as Json, json};
use std::fs::File;

/// The maps of the second picture by the library.
fn expected(fixture: &Fixture, input: Shape) -> Vec<MapUncertainty> {
    let pictures = pictures(input);
    let options = PredictOptions::new().samples(0..8);
    let predictions =
        load(&fixture.path(MODEL)).predict(Pictures::Bytes(pictures.view()), &options).unwrap();
    predictions[1].outputs().filter_map(|(_, sums)| sums.finish().map()).collect()
}

fn class_map(fixture: &Fixture, input: Shape) -> ClassMapUncertainty {
    let MapUncertainty::Classes(map) = expected(fixture, input).remove(0) else {
        panic!("classes")
    };
    map
}

fn json(fixture: &Fixture, more: &[&str]) -> Json {
    let arguments = ["predict", MODEL, "x.npy", "--samples", "8", "--json"];
    fixture.json(&[&arguments[..], more].concat())
}

fn shade(figure: f32, white: f64) -> u8 {
    (255.0 * (f64::from(figure) / white).clamp(0.0, 1.0)).round() as u8
}

#[test]
fn files_hold_the_figures_of_every_position() {
    let shape = Shape::new(5, 7, 3);
    let fixture = fixture(shape, &[("output", classes(3, &["sky", "road", "car"]))]);
    std::fs::write(fixture.path("colours"), "#102030 sky\n#ff0000\n#00ff00 car\n#ffffff\n")
        .unwrap();
    let arguments = ["--map", "new/maps", "--palette", "colours"];
    let json = json(&fixture, &arguments);
    let map = class_map(&fixture, shape);
    let classes: Vec<u8> = map.most_likely().into_iter().map(|class| class as u8).collect();
    assert!(classes.iter().any(|&class| class != classes[0]), "a map of several classes");

    let ends = [
        "classes.png",
        "mutual_information.npy",
        "mutual_information.png",
        "overlay.png",
        "predictive_entropy.npy",
        "uncertainty.png",
    ];
    let names: Vec<String> =
        ["x_0", "x_1"].iter().flat_map(|name| ends.map(|end| format!("{name}.{end}"))).collect();
    assert_eq!(files(&fixture, "new/maps"), names);
    let mut listed: Vec<&str> = json[1]["outputs"]["output"]["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    listed.sort();
    let paths: Vec<String> = ends.iter().map(|end| format!("new/maps/x_1.{end}")).collect();
    assert_eq!(listed, paths);

    let colours = vec![16, 32, 48, 255, 0, 0, 0, 255, 0];
    assert_eq!(
        png(&fixture, "new/maps/x_1.classes.png"),
        (ColorType::Indexed, [7, 5], classes.clone(), colours.clone())
    );
    let limit = 3f64.ln();
    for (name, figures, white) in [
        ("uncertainty", &map.predictive_entropy, limit),
        ("mutual_information", &map.mutual_information, limit / 4.0),
    ] {
        let shades = figures.iter().map(|&figure| shade(figure, white)).collect();
        let found = png(&fixture, &format!("new/maps/x_1.{name}.png"));
        assert_eq!(found, (ColorType::Grayscale, [7, 5], shades, vec![]), "{name}");
    }
    for (name, figures) in [
        ("predictive_entropy", &map.predictive_entropy),
        ("mutual_information", &map.mutual_information),
    ] {
        let found = array::<f32>(&fixture, &format!("new/maps/x_1.{name}.npy"));
        assert_eq!(found.shape(), [5, 7]);
        assert!(found.iter().eq(figures), "{name}");
    }
    let (kind, size, bytes, _) = png(&fixture, "new/maps/x_1.overlay.png");
    assert_eq!((kind, size), (ColorType::Rgb, [7, 5]));
    let pixels: Vec<u8> = pictures(shape).index_axis(Axis(0), 1).iter().copied().collect();
    for (at, found) in bytes.chunks(3).enumerate() {
        let opacity = 0.6 * (1.0 - f64::from(map.predictive_entropy[at]) / limit);
        for channel in 0..3 {
            let (pixel, colour) = (
                f64::from(pixels[3 * at + channel]),
                f64::from(colours[3 * usize::from(classes[at]) + channel]),
            );
            let blended = (1.0 - opacity) * pixel + opacity * colour;
            assert!((f64::from(found[channel]) - blended).abs() < 0.51, "position {at}");
        }
    }
    // Once more, over the files that are there; without a palette, the colours are others.
    run(&fixture, &["--map", "new/maps"]).succeeded();
    assert_eq!(files(&fixture, "new/maps"), names);
    let (.., palette) = png(&fixture, "new/maps/x_1.classes.png");
    assert_eq!(palette, [0, 0, 0, 128, 0, 0, 0, 128, 0]);
}

#[test]
fn a_summary_says_what_covers_the_picture_and_how_sure_the_model_is() {
    let shape = Shape::new(5, 7, 3);
    let fixture = fixture(shape, &[("output", classes(3, &["sky", "road", "car"]))]);
    let map = class_map(&fixture, shape);
    let mut entropies = map.predictive_entropy.clone();
    entropies.sort_by(f32::total_cmp);
    let threshold = f64::from(entropies[17]);
    let abstain_above = ["--abstain-above", &threshold.to_string()];
    let answer = &json(&fixture, &[&abstain_above[..], &["--top", "1"]].concat())[1];
    assert_eq!((&answer["picture"], &answer["logits_digest"]), (&json!("x.npy[1]"), &Json::Null));
    let output = &answer["outputs"]["output"];
    let own = [
        "abstain_above",
        "abstain_share",
        "expected_entropy",
        "head",
        "mutual_information",
        "positions",
        "predictive_entropy",
        "samples",
        "top",
    ];
    assert_eq!(keys(output), own);
    assert_eq!((&output["head"], &output["positions"]), (&json!("classes"), &json!([1, 5, 7])));
    let near = |found: &Json, expected: f64| {
        let found = found.as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    };
    let mean = |figures: &[f32]| figures.iter().copied().map(f64::from).sum::<f64>() / 35.0;
    near(&output["predictive_entropy"], mean(&map.predictive_entropy));
    near(&output["expected_entropy"], mean(&map.expected_entropy));
    near(&output["mutual_information"], mean(&map.mutual_information));
    let uncertain = entropies.iter().filter(|&&entropy| f64::from(entropy) > threshold).count();
    assert!((1..18).contains(&uncertain), "{uncertain}");
    near(&output["abstain_share"], uncertain as f64 / 35.0);
    near(&output["abstain_above"], threshold);

    let classes = map.most_likely();
    let covered = |class: &usize| classes.iter().filter(|&&of| usize::from(of) == *class).count();
    let best = (0..3).rev().max_by_key(covered).unwrap();
    let top = &output["top"];
    assert_eq!(top.as_array().unwrap().len(), 1);
    assert_eq!(
        (&top[0]["class"], &top[0]["name"]),
        (&json!(best), &json!(["sky", "road", "car"][best]))
    );
    near(&top[0]["share"], covered(&best) as f64 / 35.0);
    let there = (0..35).filter(|&at| usize::from(classes[at]) == best);
    let sum: f64 = there.map(|at| f64::from(map.probabilities[3 * at + best])).sum();
    near(&top[0]["probability"], sum / covered(&best) as f64);

    let text = run(&fixture, &abstain_above).succeeded().stdout;
    assert!(text.contains(&format!("uncertain above {threshold:.3} nats\n")), "{text}");
    for part in
        ["x.npy[0]\n", "x.npy[1]\n", "  total ", "  aleatoric ", "  epistemic ", "  uncertain "]
    {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let share = 100.0 * covered(&best) as f64 / 35.0;
    assert!(text.contains(&format!("{share:.2} %, p 0.")), "{text}");
    assert!(!text.contains("written"), "{text}");
}

#[test]
fn figures_of_labels_and_targets_are_arrays() {
    let shape = Shape::new(4, 6, 2);
    let outputs = [("what", labels(&["wet", "cold"])), ("how deep", gaussian())];
    let fixture = fixture(shape, &outputs);
    let json = json(&fixture, &["--map", "maps"]);
    let maps = expected(&fixture, shape);
    let [MapUncertainty::Labels(what), MapUncertainty::Gaussian(deep)] = &maps[..] else {
        panic!("labels and targets")
    };
    for (name, figures) in
        [("probabilities", &what.probabilities), ("mutual_information", &what.mutual_information)]
    {
        let found = array::<f32>(&fixture, &format!("maps/x_1.what.{name}.npy"));
        assert_eq!(found.shape(), [4, 6, 2]);
        assert!(found.iter().eq(figures), "{name}");
    }
    for (name, figures) in
        [("mean", &deep.mean), ("std", &deep.std), ("epistemic_std", &deep.epistemic_std)]
    {
        let found = array::<f32>(&fixture, &format!("maps/x_1.how_deep.{name}.npy"));
        assert_eq!(found.shape(), [4, 6, 2]);
        assert!(found.iter().copied().eq(figures.iter().map(|&figure| figure as f32)), "{name}");
    }
    assert_eq!(files(&fixture, "maps").len(), 10);

    let mean = |figures: &mut dyn Iterator<Item = f64>| figures.sum::<f64>() / 24.0;
    let near = |found: &Json, expected: f64| {
        let found = found.as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    };
    let answers = &json[1]["outputs"];
    let answer = &answers["what"];
    assert_eq!((&answer["head"], &answer["names"]), (&json!("labels"), &json!(["wet", "cold"])));
    let cold = || what.probabilities.iter().skip(1).step_by(2).copied();
    near(&answer["shares"][1], cold().filter(|&p| p > 0.5).count() as f64 / 24.0);
    near(&answer["probabilities"][1], mean(&mut cold().map(f64::from)));
    let answer = &answers["how deep"];
    assert_eq!(
        (&answer["head"], &answer["names"], &answer["units"]),
        (&json!("gaussian"), &json!(["depth", "height"]), &json!(["m", "m"]))
    );
    let heights = || deep.mean.iter().skip(1).step_by(2).copied();
    near(&answer["mean"][1], mean(&mut heights()));
    near(&answer["min"][1], heights().fold(f64::INFINITY, f64::min));
    near(&answer["max"][1], heights().fold(f64::NEG_INFINITY, f64::max));
    near(&answer["aleatoric_std"][0], mean(&mut deep.aleatoric_std.iter().step_by(2).copied()));

    let text = run(&fixture, &[]).succeeded().stdout;
    for part in
        ["  wet   ", " % covered  ", "  height  ", " m on average, from ", " from the model"]
    {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn volumes_and_sequences_are_arrays() {
    for (shape, extents) in
        [(Shape::volume(3, 4, 2, 1), &[3, 4, 2][..]), (Shape::new(1, 9, 2), &[9])]
    {
        let fixture = fixture(shape, &[("output", classes(4, &[]))]);
        run(&fixture, &["--map", "maps"]).succeeded();
        let ends = ["classes", "mutual_information", "predictive_entropy"];
        let names: Vec<String> = ["x_0", "x_1"]
            .iter()
            .flat_map(|name| ends.map(|end| format!("{name}.{end}.npy")))
            .collect();
        assert_eq!(files(&fixture, "maps"), names);
        let map = class_map(&fixture, shape);
        let found = array::<u8>(&fixture, "maps/x_1.classes.npy");
        assert_eq!(found.shape(), extents);
        assert!(found.iter().copied().map(u16::from).eq(map.most_likely()));
        let found = array::<f32>(&fixture, "maps/x_1.mutual_information.npy");
        assert_eq!(found.shape(), extents);
        assert!(found.iter().eq(&map.mutual_information));
    }
}

#[test]
fn more_classes_than_colours_are_an_array() {
    let shape = Shape::new(3, 4, 1);
    let fixture = fixture(shape, &[("output", classes(300, &[]))]);
    let finished = run(&fixture, &["--map", "maps"]).succeeded();
    assert!(
        finished.stderr.contains("more classes than a PNG file has colours"),
        "{}",
        finished.stderr
    );
    let found = array::<u16>(&fixture, "maps/x_1.classes.npy");
    assert_eq!(found.shape(), [3, 4]);
    assert!(found.iter().eq(&class_map(&fixture, shape).most_likely()));
    assert!(!fixture.path("maps/x_1.classes.png").exists());
    assert!(fixture.path("maps/x_1.overlay.png").exists());
}

#[test]
fn a_map_smaller_than_its_picture_is_stretched_over_it() {
    let mut b = Builder::new(5, Shape::new(4, 6, 1));
    let halved = Window { stride: [2, 2], ..Window::new([2, 2]) };
    let value = b.conv(Value::Input, 2, 1, halved, Kind::Bayesian).unwrap();
    b.output("output", &[value], 4.0, classes(2, &[]));
    let fixture = Fixture::of(&b.finish());
    fixture.picture("gray.png", 6, 4);
    let arguments = ["predict", MODEL, "gray.png", "--map", "maps"];
    fixture.run(&arguments).succeeded();
    let (_, size, classes, palette) = png(&fixture, "maps/gray.classes.png");
    assert_eq!(size, [3, 2]);
    let entropies = array::<f32>(&fixture, "maps/gray.predictive_entropy.npy");
    let (_, size, rgb, _) = png(&fixture, "maps/gray.overlay.png");
    assert_eq!(size, [6, 4]);
    for (at, found) in rgb.chunks(3).enumerate() {
        let [row, column] = [at / 6, at % 6];
        let gray = f64::from((column * 31 + row * 17) as u8);
        let class = usize::from(classes[row / 2 * 3 + column / 2]);
        let opacity = 0.6 * (1.0 - f64::from(entropies[[row / 2, column / 2]]) / 2f64.ln());
        for channel in 0..3 {
            let blended = gray + opacity * (f64::from(palette[3 * class + channel]) - gray);
            assert!((f64::from(found[channel]) - blended).abs() < 0.51, "{row}, {column}");
        }
    }
}

#[test]
fn pictures_of_the_same_name_have_separate_files() {
    let fixture = fixture(Shape::new(4, 6, 1), &[("output", classes(2, &[]))]);
    for folder in ["a", "b"] {
        std::fs::create_dir(fixture.path(folder)).unwrap();
    }
    fixture.picture("a/street.png", 6, 4);
    fixture.picture("b/street.png", 9, 9);
    let arguments = ["predict", MODEL, "a/street.png", "b/street.png", "--map", "."];
    fixture.run(&arguments).succeeded();
    for name in ["street.classes.png", "street-2.classes.png"] {
        assert!(fixture.path(name).exists(), "{name}");
    }
}

#[test]
fn a_map_beside_a_single_prediction_keeps_both() {
    let mut b = Builder::new(5, Shape::new(4, 6, 1));
    let pixel = Window::new([1, 1]);
    let map = b.conv(Value::Input, 3, 1, pixel, Kind::Bayesian).unwrap();
    let whole = b.conv(Value::Input, 2, 1, Window::new([4, 6]), Kind::Bayesian).unwrap();
    b.output("where", &[map], 4.0, classes(3, &[]));
    b.output("what", &[whole], 4.0, classes(2, &["day", "night"]));
    let fixture = Fixture::of(&b.finish());
    pictures(Shape::new(4, 6, 1)).write_npy(File::create(fixture.path("x.npy")).unwrap()).unwrap();
    let json = json(&fixture, &["--map", "maps"]);
    let outputs = &json[1]["outputs"];
    assert_eq!(keys(outputs), ["what", "where"]);
    assert_eq!(outputs["where"]["positions"], json!([1, 4, 6]));
    assert!(outputs["what"]["abstain"].is_boolean());
    let options = PredictOptions::new().samples(0..8);
    let pictures = pictures(Shape::new(4, 6, 1));
    let predictions =
        load(&fixture.path(MODEL)).predict(Pictures::Bytes(pictures.view()), &options).unwrap();
    let Some(Uncertainty::Classes(what)) = predictions[1].output("what").map(|sums| sums.finish())
    else {
        panic!("classes")
    };
    assert_eq!(outputs["what"]["probabilities"], json!(what.probabilities));
    assert!(fixture.path("maps/x_1.where.classes.png").exists());
    let text = run(&fixture, &[]).succeeded().stdout;
    assert!(text.contains("\nwhat abstains above ") && text.contains("\nwhere p is "), "{text}");
}

/// The sums of a picture take more than half of the memory that a batch may take.
#[test]
fn pictures_in_separate_batches_have_their_own_maps() {
    let shape = Shape::new(512, 512, 1);
    let fixture = fixture(shape, &[("output", classes(21, &[]))]);
    let found = json(&fixture, &["--map", "maps"]);
    let map = class_map(&fixture, shape);
    let mean = map.predictive_entropy.iter().copied().map(f64::from).sum::<f64>() / 512.0 / 512.0;
    let entropy = found[1]["outputs"]["output"]["predictive_entropy"].as_f64().unwrap();
    assert!((entropy - mean).abs() < 1e-9, "{entropy}, expected {mean}");
    let [first, second] = ["x_0", "x_1"]
        .map(|name| array::<f32>(&fixture, &format!("maps/{name}.predictive_entropy.npy")));
    assert!(first != second && second.iter().eq(&map.predictive_entropy));
}

#[test]
fn inspect_shows_the_size_of_a_map_and_its_memory() {
    let fixture = fixture(Shape::new(4, 6, 1), &[("output", classes(3, &["sky", "road", "car"]))]);
    let output = &fixture.json(&["inspect", MODEL, "--json"])["outputs"][0];
    assert_eq!((&output["head"], &output["positions"]), (&json!("classes"), &json!([1, 4, 6])));
    let bytes = output["memory_bytes"].as_u64().unwrap();
    // The probabilities and their squares, in u32 and i64.
    assert!(bytes >= 24 * 3 * 2 * 12, "{bytes}");
    let text = fixture.run(&["inspect", MODEL]).succeeded().stdout;
    let line = "output: 3 classes: sky, road, car; map of 4 x 6 positions, ";
    assert!(text.contains(line) && text.contains(" B per input\n"), "{text}");
}

#[test]
fn inputs_of_another_size_have_maps_of_the_size_before() {
    let shape = Shape::new(24, 16, 1);
    let fixture = fixture(shape, &[("output", classes(3, &[]))]);
    let whole = json(&fixture, &[]);
    let small = model(Shape::new(12, 8, 1), &[("output", classes(3, &[]))]);
    std::fs::write(fixture.path(MODEL), format::write(&small).unwrap()).unwrap();
    run(&fixture, &[]).failed(&["x.npy", "24x16", "12x8"]);
    let larger = json(&fixture, &["--input-size", "24x16"]);
    let tiled = json(&fixture, &["--input-size", "24x16", "--tile-overlap", "4", "--map", "maps"]);
    for found in [&larger, &tiled] {
        let [found, expected] = [found, &whole].map(|all| &all[1]["outputs"]["output"]);
        assert_eq!(found["positions"], json!([1, 24, 16]));
        for figure in ["top", "predictive_entropy", "mutual_information"] {
            assert_eq!(found[figure], expected[figure], "{figure}");
        }
    }
    assert_eq!(array::<f32>(&fixture, "maps/x_1.predictive_entropy.npy").shape(), [24, 16]);
    let text = fixture.run(&["inspect", MODEL, "--input-size", "24x16"]).succeeded().stdout;
    assert!(text.contains("map of 24 x 16 positions"), "{text}");
}
