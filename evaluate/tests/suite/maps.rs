//! Evaluation of maps of classes, beside naive computations from the predictions of one picture at a time.

use std::path::Path;

use bayes8_conformance::models::{Builder, Kind};
use bayes8_core::graph::{Padding, Shape, Value, Window};
use bayes8_core::head::classes::Classes;
use bayes8_core::head::labels::Labels;
use bayes8_core::head::map::{ClassMapUncertainty, MapUncertainty};
use bayes8_core::head::{Head, Uncertainty};
use bayes8_evaluate::metrics::NLL_FLOOR;
use bayes8_evaluate::{Evaluation, Options, Threshold};
use bayes8_native::{Model, ModelOptions, Pictures, PredictOptions, Prediction};
use ndarray::{Array, Array3, Array4, Axis, Dimension};
use ndarray_npy::{NpzWriter, WritableElement};
use tempfile::TempDir;

use crate::heads::{error, head_report as report};

pub(crate) const PICTURES: usize = 7;
const SIZE: [usize; 2] = [5, 6];
pub(crate) const CLASSES: usize = 3;
const SAMPLES: u32 = 12;
pub(crate) const VOID: u8 = 255;

/// A model over pictures with such a head at each position.
pub(crate) fn model(head: Head) -> Model {
    let mut builder = Builder::new(11, Shape::new(SIZE[0], SIZE[1], 3));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let hidden = builder.conv(Value::Input, 4, 1, window, Kind::Bayesian).unwrap();
    let map = builder.conv(hidden, head.outputs(), 1, window, Kind::Bayesian).unwrap();
    builder.output("regions", &[map], 1.5, head);
    Model::new(builder.finish(), ModelOptions::new()).unwrap()
}

pub(crate) fn classes() -> Head {
    let names = ["road", "sky", "<tree>"].map(String::from).to_vec();
    Head::Classes(Classes { count: CLASSES, names }.into())
}

fn inputs() -> Array4<u8> {
    inputs_of(PICTURES, SIZE)
}

fn inputs_of(pictures: usize, [height, width]: [usize; 2]) -> Array4<u8> {
    let byte = |(n, y, x, c)| ((n * 83 + y * 31 + x * 57 + c * 101) % 256) as u8;
    Array4::from_shape_fn((pictures, height, width, 3), byte)
}

/// Labels, some of which mean nothing; all of the second picture do.
pub(crate) fn labels() -> Array3<u8> {
    Array3::from_shape_fn((PICTURES, SIZE[0], SIZE[1]), |(n, y, x)| match (n * 7 + y * 3 + x) % 8 {
        _ if n == 1 => VOID,
        7 => VOID,
        label => label as u8 % CLASSES as u8,
    })
}

fn write<T: WritableElement, D: Dimension>(path: &Path, y: &Array<T, D>) {
    write_both(path, &inputs(), y);
}

fn write_both<T: WritableElement, D: Dimension>(path: &Path, x: &Array4<u8>, y: &Array<T, D>) {
    let mut npz = NpzWriter::new(std::fs::File::create(path).unwrap());
    npz.add_array("x", x).unwrap();
    npz.add_array("y", y).unwrap();
    npz.finish().unwrap();
}

/// A folder with `xy.npz`, and an evaluation on it.
pub(crate) fn options<T: WritableElement, D: Dimension>(y: &Array<T, D>) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let [file, data] = ["model", "xy.npz"].map(|name| folder.path().join(name));
    std::fs::write(&file, "for its digest").unwrap();
    write(&data, y);
    let mut options = Options::new(file, data);
    options.samples = Some(SAMPLES);
    options.seed = 5;
    options.ignore_index = Some(VOID.into());
    (folder, options)
}

#[track_caller]
pub(crate) fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

/// The map of each picture, which is predicted alone.
pub(crate) fn maps(model: &Model) -> Vec<ClassMapUncertainty> {
    let predict = PredictOptions::new().samples(0..SAMPLES).seed(5);
    let map = |n| {
        let picture = inputs().slice_axis(Axis(0), (n..n + 1).into()).to_owned();
        let predictions = model.predict(Pictures::Bytes(picture.view()), &predict).unwrap();
        match predictions[0].uncertainty() {
            Uncertainty::Map(MapUncertainty::Classes(map)) => map,
            other => panic!("{other:?}"),
        }
    };
    (0..PICTURES).map(map).collect()
}

/// A position that has a class.
struct Position {
    probabilities: Vec<f64>,
    class: usize,
    predicted: usize,
    entropy: f64,
    information: f64,
}

fn positions(model: &Model) -> Vec<Position> {
    let labels = labels();
    let mut positions = Vec::new();
    for (map, labels) in maps(model).iter().zip(labels.outer_iter()) {
        for (at, &label) in labels.iter().enumerate().filter(|(_, label)| **label != VOID) {
            let p = &map.probabilities[at * CLASSES..][..CLASSES];
            let predicted = (0..CLASSES).rev().max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap();
            positions.push(Position {
                probabilities: p.iter().map(|&p| f64::from(p)).collect(),
                class: label.into(),
                predicted,
                entropy: map.predictive_entropy[at].into(),
                information: map.mutual_information[at].into(),
            });
        }
    }
    positions
}

pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// The chance that a wrong position is more uncertain than a right one, pair by pair.
fn auroc(positions: &[Position], of: fn(&Position) -> f64) -> f64 {
    let is_right = |p: &&Position| p.predicted == p.class;
    let wrong: Vec<&Position> = positions.iter().filter(|p| !is_right(p)).collect();
    let pairs = positions.iter().filter(is_right).flat_map(|right| {
        wrong.iter().map(move |wrong| match of(wrong).total_cmp(&of(right)) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
    });
    mean(pairs)
}

#[test]
fn figures_of_maps_are_those_of_their_positions() {
    let model = model(classes());
    let (_folder, options) = options(&labels());
    let report = report(&options, &model);
    let map = report.int8.map().unwrap();
    let all = positions(&model);
    let count = all.len() as f64;
    assert_eq!((map.measured, map.positions), (all.len() as u64, [1, SIZE[0], SIZE[1]]));
    assert_eq!(map.ignored, (PICTURES * SIZE[0] * SIZE[1] - all.len()) as u64);

    near(map.accuracy, mean(all.iter().map(|p| f64::from(p.predicted == p.class))));
    near(map.nll, mean(all.iter().map(|p| -p.probabilities[p.class].max(NLL_FLOOR).ln())));
    near(
        map.brier,
        mean(all.iter().map(|p| {
            let one = |class: usize| f64::from(class == p.class);
            p.probabilities.iter().enumerate().map(|(c, p)| (p - one(c)).powi(2)).sum()
        })),
    );
    let mut ece = 0.0;
    for bin in 0..15 {
        let confidence = |p: &&Position| p.probabilities[p.predicted];
        let inside = |p: &&Position| ((confidence(p) * 15.0) as usize).min(14) == bin;
        let inside: Vec<&Position> = all.iter().filter(inside).collect();
        let gap = |p: &&Position| f64::from(p.predicted == p.class) - confidence(p);
        ece += inside.iter().map(gap).sum::<f64>().abs() / count;
    }
    near(map.ece, ece);

    let mut ious = Vec::new();
    for class in 0..CLASSES {
        let number = |of: &dyn Fn(&Position) -> bool| all.iter().filter(|p| of(p)).count() as f64;
        let both = number(&|p| p.class == class && p.predicted == class);
        let either = number(&|p| p.class == class || p.predicted == class);
        let [truth, predicted] = [number(&|p| p.class == class), number(&|p| p.predicted == class)];
        let found = map.classes[class].overlap;
        near(found.positions as f64, truth);
        near(found.iou.unwrap(), both / either);
        near(found.dice.unwrap(), 2.0 * both / (truth + predicted));
        near(map.confusion[class][class] as f64, both);
        ious.push(both / either);
    }
    near(map.mean_iou, mean(ious.into_iter()));

    near(map.error_detection.predictive_entropy.auroc, auroc(&all, |p| p.entropy));
    near(map.error_detection.mutual_information.auroc, auroc(&all, |p| p.information));
    let threshold = mean(all.iter().map(|p| p.entropy));
    near(map.patches.threshold, threshold);
    let agrees = |p: &Position| (p.predicted == p.class) == (p.entropy <= threshold);
    near(map.patches.pavpu, mean(all.iter().map(|p| f64::from(agrees(p)))));
    // Of equally uncertain positions, each is answered as likely as any other.
    let mut entropies: Vec<f64> = all.iter().map(|p| p.entropy).collect();
    entropies.sort_by(f64::total_cmp);
    let risk = |answered: usize| {
        let last = entropies[answered - 1];
        let count = |of: &dyn Fn(f64) -> bool, wrong: bool| {
            let is_counted = |p: &&Position| of(p.entropy) && !(wrong && p.predicted == p.class);
            all.iter().filter(is_counted).count() as f64
        };
        let (surer, equal) = (|h: f64| h < last, |h: f64| h == last);
        let share = (answered as f64 - count(&surer, false)) / count(&equal, false);
        (count(&surer, true) + share * count(&equal, true)) / answered as f64
    };
    near(map.selective.aurc, mean((1..=all.len()).map(risk)));
    near(map.mean_predictive_entropy, threshold);
    near(map.mean_mutual_information, mean(all.iter().map(|p| p.information)));
    // All positions, those without a class too.
    let whole: Vec<f32> = maps(&model).into_iter().flat_map(|map| map.predictive_entropy).collect();
    assert_eq!(map.predictive_entropy(), whole);
}

#[test]
fn a_report_shows_maps_in_every_form() {
    let model = model(classes());
    let (_folder, mut options) = options(&labels());
    options.shown_pictures = 2;
    for (name, limit) in [
        ("min-mean-iou", 0.999),
        ("max-nll", 1e6),
        ("min-error-auroc", 0.0),
        ("min-pavpu", 0.0),
        ("max-rmse", 1.0),
        ("max-mean-iou-gap", 1.0),
    ] {
        options.thresholds.push((Threshold::named(name).unwrap(), limit));
    }
    let report = report(&options, &model);
    let missed = report.check().unwrap_err().to_string();
    for expected in ["mean IoU 0.", "is below 0.999", "RMSE is undefined", "any peer is undefined"]
    {
        assert!(missed.contains(expected), "{missed}");
    }
    assert!(!missed.contains("NLL") && !missed.contains("PAvPU"), "{missed}");
    let text = report.text(Default::default());
    for expected in ["Maps of 5x6 positions", "pixel accuracy", "PAvPU", "<tree>", "ignored"] {
        assert!(text.contains(expected), "{text}");
    }
    let page = report.html();
    assert_eq!(page.matches("data:image/png;base64,").count(), 2 * 6);
    for expected in ["&lt;tree&gt;", "with the label 255 are ignored", "risk: share that is wrong"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("NaN"), "{page}");
    let json = serde_json::to_value(Evaluation::Head(report.into())).unwrap();
    assert_eq!((&json["head"], &json["ignore_index"]), (&"classes".into(), &255.into()));
    assert_eq!(json["classes"][2]["name"], "<tree>");
    for key in ["accuracy", "mean_iou", "nll", "ece", "brier"] {
        assert!(json[key].is_f64(), "{key}: {json}");
    }
    assert!(json["error_detection"]["predictive_entropy"]["auroc"].is_f64(), "{json}");
}

#[test]
fn labels_that_are_not_classes_are_refused_with_their_place() {
    let model = model(classes());
    let mut y = labels();
    y[[3, 2, 4]] = 9;
    let (_folder, mut options) = options(&y);
    let expected = "label 9 of picture 3 at row 2, column 4 is not a class: the model has 3; if it means \
                    that nothing is known there, leave it out with --ignore-index 9";
    assert!(error(&options, &model).ends_with(expected), "{}", error(&options, &model));
    options.ignore_index = Some(9);
    assert!(error(&options, &model).contains("label 255 of picture 0 at row"));
    options.ignore_index = None;
    write(&options.data, &labels().mapv(|label| label % 3));
    assert_eq!(report(&options, &model).int8.map().unwrap().ignored, 0);
    options.ignore_index = Some(VOID.into());
    write(&options.data, &labels().mapv(|_| VOID));
    assert!(
        error(&options, &model).contains("all labels are 255, which --ignore-index leaves out")
    );
    let turned = labels().permuted_axes([0, 2, 1]).as_standard_layout().to_owned();
    write(&options.data, &turned);
    assert!(error(&options, &model).contains("its shape is [7, 6, 5], expected [N, 5, 6]"));
    write(&options.data, &labels().mapv(f32::from));
    assert!(error(&options, &model).contains("its type is '<f4', expected an integer type"));
}

#[test]
fn inputs_may_be_divided_into_tiles() {
    let quantized = model(classes()).quantized().clone();
    let options = ModelOptions::new().input_size([1, 10, 12]).tile_overlap(2);
    let model = Model::new(quantized, options).unwrap();
    let (x, y) = (inputs_of(2, [10, 12]), Array3::from_elem((2, 10, 12), 1u8));
    let (_folder, options) = self::options(&y);
    write_both(&options.data, &x, &y);
    let report = report(&options, &model);
    let map = report.int8.map().unwrap();
    assert_eq!((map.positions, map.measured), ([1, 10, 12], 2 * 120));
    let predict = PredictOptions::new().samples(0..SAMPLES).seed(5);
    let predictions = model.predict(Pictures::Bytes(x.view()), &predict).unwrap();
    let entropy = |prediction: &Prediction| match prediction.uncertainty() {
        Uncertainty::Map(MapUncertainty::Classes(map)) => map.predictive_entropy,
        other => panic!("{other:?}"),
    };
    let entropies: Vec<f32> = predictions.iter().flat_map(entropy).collect();
    assert_eq!(map.predictive_entropy(), entropies);
}

/// A class that is ignored is left out of the truth; as a prediction it still counts.
#[test]
fn a_class_may_be_ignored() {
    let model = model(classes());
    let y = labels().mapv(|label| label % 3);
    let (_folder, mut options) = options(&y);
    options.ignore_index = Some(1);
    let report = report(&options, &model);
    let map = report.int8.map().unwrap();
    assert_eq!(map.ignored, y.iter().filter(|&&label| label == 1).count() as u64);
    assert_eq!(map.classes[1].overlap.positions, 0);
    assert_eq!(map.classes[1].overlap.iou, Some(0.0));
}

#[test]
fn parts_that_maps_do_not_have_are_refused() {
    let segmentation = model(classes());
    let (_folder, mut options) = options(&labels());
    options.ood = Some(options.data.clone());
    let refused =
        "a set of another distribution is for outputs with one position; output `regions` is a map";
    assert_eq!(error(&options, &segmentation), refused);
    let run = options.run(&segmentation, &mut |_| ()).unwrap_err().to_string();
    assert!(run.contains("output `regions` is a map"), "{run}");
    options.ood = None;
    let tags = model(Head::Labels(Labels { count: 2, names: Vec::new() }.into()));
    let refused = "output `regions` is a map of the head `labels`, which cannot be evaluated: only maps of \
                   classes can";
    assert_eq!(error(&options, &tags), refused);
    let shape = Shape::new(SIZE[0], SIZE[1], 3);
    let mut builder = Builder::new(3, shape);
    let whole = Window::whole(shape);
    let kind = builder.conv(Value::Input, CLASSES, 1, whole, Kind::Bayesian).unwrap();
    builder.output("kind", &[kind], 1.5, classes());
    let classifier = Model::new(builder.finish(), ModelOptions::new()).unwrap();
    let refused = "an ignore index is for outputs that are maps of classes; output `kind` is not";
    assert_eq!(error(&options, &classifier), refused);
}
