//! Maps that cannot be written or predicted.

use crate::map_models::{MODEL, classes, fixture, gaussian, run};
use crate::support::Fixture;
use bayes8_conformance::models::{Builder, Kind};
use bayes8_native::core::graph::{Shape, Value};
use bayes8_native::core::model::QuantizedModel;
use ndarray::{Array, IxDyn};
use ndarray_npy::WriteNpyExt;
use std::fs::File;

#[test]
fn files_that_are_read_are_not_replaced() {
    let fixture = fixture(Shape::new(4, 6, 1), &[("output", classes(2, &[]))]);
    fixture.picture("x.png", 6, 4);
    fixture.picture("x.classes.png", 6, 4);
    let before = fixture.read("x.classes.png");
    let arguments = ["predict", MODEL, "x.png", "x.classes.png", "--map", "."];
    fixture.run(&arguments).failed(&["cannot write ./x.classes.png", "x.classes.png is read"]);
    assert_eq!(fixture.read("x.classes.png"), before);
}

#[test]
fn bad_folders_and_palettes_are_refused() {
    let fixture = fixture(Shape::new(4, 6, 1), &[("output", classes(4, &[]))]);
    run(&fixture, &["--map", "x.npy"]).failed(&["cannot write to the folder x.npy: it is a file"]);
    run(&fixture, &["--map", "x.npy/maps"]).failed(&["cannot make the folder x.npy/maps"]);
    let palette = |contents: &[u8], parts: &[&str]| {
        std::fs::write(fixture.path("colours"), contents).unwrap();
        run(&fixture, &["--map", "maps", "--palette", "colours"]).failed(parts);
    };
    palette(
        b"#000000\n#ff0000 car\n",
        &["the palette colours: it has 2 colours for 4 classes: add 2"],
    );
    palette(b"", &["it has 0 colours for 4 classes: add 4"]);
    palette(b"// colours\n255 0 0\n", &["the palette colours: line 2 begins with `255`"]);
    palette(b"\xff\xfe#", &["cannot read the palette colours", "not text in UTF-8"]);
    run(&fixture, &["--map", "maps", "--palette", "none"])
        .failed(&["cannot read the palette none"]);
    assert!(!fixture.path("maps").exists());
}

#[test]
fn options_for_other_models_are_refused() {
    let single = Fixture::new(1);
    single.picture("a.png", 8, 8);
    let arguments = ["predict", MODEL, "a.png"];
    let misused = |more: &[&str], message: &str| {
        single.run(&[&arguments[..], more].concat()).misused(message);
    };
    misused(
        &["--map", "maps"],
        "--map is for maps, such as segmentations, which the model does not",
    );
    misused(&["--palette", "colours"], "--map <FOLDER>");
    let regression = fixture(Shape::new(4, 6, 1), &[("output", gaussian())]);
    run(&regression, &["--map", "maps", "--palette", "colours"])
        .misused("--palette is for maps of classes");
    run(&regression, &["--level", "0.9"])
        .misused("--level is for the targets of a regression that is not a map");
    assert!(!regression.path("maps").exists());
}

#[test]
fn pictures_are_refused_where_volumes_are_expected() {
    let fixture = fixture(Shape::volume(3, 4, 2, 1), &[("output", classes(2, &[]))]);
    fixture.picture("slice.png", 2, 4);
    let arguments = ["predict", MODEL, "slice.png", "--map", "maps"];
    fixture.run(&arguments).failed(&[
        "slice.png",
        "the model takes volumes of 3x4x2x1",
        "not pictures",
    ]);
    let slices = Array::<u8, _>::zeros(IxDyn(&[2, 4, 2, 1]));
    slices.write_npy(File::create(fixture.path("slices.npy")).unwrap()).unwrap();
    let arguments = ["predict", MODEL, "slices.npy", "--map", "maps"];
    fixture.run(&arguments).failed(&["slices.npy", "the network takes 3x4x2x1"]);
    let volume = Array::<u8, _>::zeros(IxDyn(&[3, 4, 2, 1]));
    volume.write_npy(File::create(fixture.path("volume.npy")).unwrap()).unwrap();
    let arguments = ["predict", MODEL, "volume.npy", "--map", "maps"];
    fixture
        .run(&arguments)
        .failed(&["volume.npy", "the first axis, N, is missing: x[None] adds it"]);
    assert!(!fixture.path("maps").exists());
}

#[test]
fn maps_that_take_too_much_memory_are_refused() {
    let fixture = fixture(Shape::new(64, 64, 1), &[("output", classes(21, &[]))]);
    run(&fixture, &["--max-memory", "1MiB"]).failed(&[MODEL, "--max-memory"]);
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let map = fixture(Shape::new(12, 8, 1), &[("output", classes(3, &[]))]);
    let refused = |fixture: &Fixture, more: &[&str], parts: &[&str]| {
        run(fixture, more).failed(parts);
    };
    for size in ["0x8", "1x2x3x4", "12x", "-1"] {
        run(&map, &["--input-size", size]).misused("numbers above 0, such as 384x512");
    }
    run(&map, &["--tile-overlap", "2"]).misused("--input-size");
    refused(&map, &["--input-size", "2x12x8"], &[MODEL, "cannot take inputs of 2x12x8", "stays 1"]);
    let tiles = |size, overlap| ["--input-size", size, "--tile-overlap", overlap];
    refused(&map, &tiles("11x8", "2"), &[MODEL, "[1, 11, 8]", "tiles of 12x8x1"]);
    refused(&map, &tiles("24x16", "5"), &[MODEL, "cannot overlap by 5", "more than half"]);
    for more in [&["--input-size", "384"][..], &tiles("384", "2")] {
        refused(&map, more, &[MODEL, "--input-size ROWSxCOLUMNS, such as 12x8"]);
    }
    let volumes = fixture(Shape::volume(3, 4, 2, 1), &[("output", classes(2, &[]))]);
    let planes = [MODEL, "--input-size PLANESxROWSxCOLUMNS, such as 3x4x2"];
    refused(&volumes, &["--input-size", "8x6"], &planes);
    let vector = Fixture::of(&three_classes());
    vector.picture("x.png", 8, 8);
    let predict = |more: &[&str], parts: &[&str]| {
        vector.run(&[&["predict", MODEL, "x.png"], more].concat()).failed(parts);
    };
    predict(&["--input-size", "16x8"], &[MODEL, "16x8", "(linear) has weights for each position"]);
    predict(&tiles("16x16", "4"), &[MODEL, "output `output` is not a map"]);
}

/// A classifier without pooling.
fn three_classes() -> QuantizedModel {
    let mut b = Builder::new(5, Shape::new(8, 8, 1));
    b.linear(Value::Input, 3, Kind::Bayesian).unwrap();
    b.finish()
}

#[test]
fn a_label_to_ignore_is_a_whole_number() {
    let map = fixture(Shape::new(5, 7, 3), &[("output", classes(3, &[]))]);
    for wrong in ["abc", "1.5", ""] {
        let run = map.run(&["evaluate", MODEL, "--data", "x.npy", "--ignore-index", wrong]);
        run.misused("expected a whole number, such as 255");
    }
}
