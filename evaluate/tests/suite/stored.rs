//! Thresholds that were put into a model file predict the sets that the evaluation reported, and cover what
//! they promise.

use std::path::Path;

use bayes8_conformance::models::{Builder, Kind};
use bayes8_core::conformal::PredictionRegion;
use bayes8_core::format;
use bayes8_core::graph::{Shape, Value};
use bayes8_core::head::Head;
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_core::head::labels::Labels;
use bayes8_evaluate::Options;
use bayes8_evaluate::conformal::{ClassScore, Conformal, Method};
use bayes8_native::{Model, ModelOptions, Pictures, PredictOptions, Uncertainty};
use ndarray::{Array, Array1, Array2, Axis, Dimension, s};
use ndarray_npy::{NpzReader, NpzWriter, WritableElement};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const FEATURES: usize = 5;
const CALIBRATION: usize = 300;
const TEST: usize = 500;
const SAMPLES: u32 = 8;
const SEED: u64 = 3;
const ALPHAS: [f64; 3] = [0.05, 0.1, 0.2];

fn model(head: Head) -> Model {
    let mut builder = Builder::new(11, Shape::vector(FEATURES));
    builder.takes_numbers();
    let hidden = builder.linear(Value::Input, 8, Kind::Bayesian).unwrap();
    let value = builder.linear(hidden, head.outputs(), Kind::Bayesian).unwrap();
    builder.output("answer", &[value], 1.5, head);
    Model::new(builder.finish(), ModelOptions::new()).unwrap()
}

/// Between 0 and 1, neither included.
fn uniform(random: &mut ChaCha8Rng) -> f64 {
    ((random.next_u64() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

fn inputs() -> Array2<f32> {
    let random = &mut ChaCha8Rng::seed_from_u64(1);
    Array2::from_shape_fn((CALIBRATION + TEST, FEATURES), |_| (4.0 * uniform(random) - 2.0) as f32)
}

fn predict(model: &Model, x: &Array2<f32>) -> Vec<(Uncertainty, Option<PredictionRegion>)> {
    let options = PredictOptions::new().samples(0..SAMPLES).seed(SEED);
    let predictions = model.predict(Pictures::Numbers(x.view()), &options).unwrap();
    predictions.iter().map(|prediction| (prediction.uncertainty(), prediction.region())).collect()
}

fn write<T: WritableElement, A: Dimension, B: Dimension>(
    path: &Path,
    x: &Array<f32, A>,
    y: &Array<T, B>,
) {
    let mut npz = NpzWriter::new(std::fs::File::create(path).unwrap());
    npz.add_array("x", x).unwrap();
    npz.add_array("y", y).unwrap();
    npz.finish().unwrap();
}

/// Calibrates on the first examples, stores, and compares what the stored model covers of the others with
/// the report. `covers` says of each part of an example whether its region holds the truth, and its size.
#[track_caller]
fn check<T: WritableElement + Clone, D: ndarray::RemoveAxis>(
    model: &Model,
    method: Method,
    y: &Array<T, D>,
    covers: impl Fn(&PredictionRegion, usize) -> Vec<(bool, f64)>,
) {
    let x = inputs();
    let folder = tempfile::tempdir().unwrap();
    let [file, data, calibration] =
        ["model", "test.npz", "calibration.npz"].map(|name| folder.path().join(name));
    std::fs::write(&file, format::write(model.quantized()).unwrap()).unwrap();
    let (first, others) = x.view().split_at(Axis(0), CALIBRATION);
    let (first_y, others_y) = y.view().split_at(Axis(0), CALIBRATION);
    write(&calibration, &first.to_owned(), &first_y.to_owned());
    write(&data, &others.to_owned(), &others_y.to_owned());
    for alpha in ALPHAS {
        let mut options = Options::new(&file, &data);
        (options.samples, options.seed) = (Some(SAMPLES), SEED);
        let calibration = calibration.clone();
        options.conformal = Some(Conformal { method, alpha, calibration });
        let evaluation = options.evaluate(model, &mut |_| ()).unwrap();
        // Coverage is within the exact bounds.
        evaluation.check().unwrap();
        let report = evaluation.conformal().unwrap();
        let predictor = Some(report.predictor.clone());
        let stored = model.quantized().clone().with_conformal("answer", predictor).unwrap();
        let stored = Model::from_bytes(&format::write(&stored).unwrap()).unwrap();
        let mut found = vec![(0, 0.0); report.parts.len()];
        for (example, (_, region)) in predict(&stored, &others.to_owned()).iter().enumerate() {
            let region = region.as_ref().expect("the model has a predictor");
            let parts = covers(region, CALIBRATION + example);
            for ((covered, size), (is_covered, part)) in found.iter_mut().zip(parts) {
                *covered += usize::from(is_covered);
                *size += part;
            }
        }
        let expected: Vec<_> = report.parts.iter().map(|part| part.coverage).collect();
        for (coverage, (covered, size)) in expected.iter().zip(found) {
            assert_eq!((coverage.covered, coverage.examples), (covered, TEST), "alpha {alpha}");
            assert_eq!(coverage.mean_size, size / TEST as f64);
        }
    }
}

#[test]
fn stored_sets_of_classes_are_those_of_the_report() {
    let model = model(Head::Classes(Classes { count: 4, names: Vec::new() }.into()));
    let random = &mut ChaCha8Rng::seed_from_u64(2);
    // Half of the truth is what the model says, the rest is random.
    let classes = predict(&model, &inputs()).into_iter().map(|(figures, _)| {
        let top = figures.classes().unwrap().top(1)[0].0;
        if uniform(random) < 0.5 { top as i64 } else { (random.next_u64() % 4) as i64 }
    });
    let y: Array1<i64> = classes.collect();
    for score in [ClassScore::Lac, ClassScore::Aps, ClassScore::raps(0.05, 1).unwrap()] {
        check(&model, Method::Classes(score), &y, |region, example| {
            let set = region.class_set().unwrap();
            vec![(set.contains(&(y[example] as usize)), set.len() as f64)]
        });
    }
}

#[test]
fn stored_answers_of_labels_are_those_of_the_report() {
    let model = model(Head::Labels(Labels { count: 3, names: Vec::new() }.into()));
    let random = &mut ChaCha8Rng::seed_from_u64(4);
    let mut y = Array2::<u8>::zeros((CALIBRATION + TEST, 3));
    for (mut row, (figures, _)) in y.outer_iter_mut().zip(predict(&model, &inputs())) {
        let p = figures.labels().unwrap().probabilities;
        row.iter_mut().zip(p).for_each(|(y, p)| *y = u8::from(uniform(random) < p));
    }
    check(&model, Method::Classes(ClassScore::Lac), &y, |region, example| {
        let sets = region.label_sets().unwrap().iter().zip(y.slice(s![example, ..]));
        sets.map(|(set, &y)| (set.contains(y == 1), set.size() as f64)).collect()
    });
}

#[test]
fn stored_intervals_are_those_of_the_report() {
    let target = |unit: &str, scale| Target {
        name: unit.into(),
        unit: unit.into(),
        scale,
        offset: -3.0,
        noise: 0.25,
        exponent: -24,
    };
    let targets = vec![target("m", 2.0), target("kg", 30.0)];
    let model = model(Head::Gaussian(Gaussian { variance: Variance::Log, targets }.into()));
    let random = &mut ChaCha8Rng::seed_from_u64(5);
    let mut y = Array2::<f32>::zeros((CALIBRATION + TEST, 2));
    for (mut row, (figures, _)) in y.outer_iter_mut().zip(predict(&model, &inputs())) {
        let of = figures.targets().unwrap();
        for (target, y) in row.iter_mut().enumerate() {
            // Thicker tails than the model states.
            let noise = (uniform(random) - 0.5) * 3.0 / uniform(random).sqrt();
            *y = (of.mean[target] + of.std[target] * noise) as f32;
        }
    }
    check(&model, Method::Residuals, &y, |region, example| {
        let intervals = region.intervals().unwrap().iter().zip(y.slice(s![example, ..]));
        intervals
            .map(|(&[low, high], &y)| ((low..=high).contains(&f64::from(y)), high - low))
            .collect()
    });
}

/// The first 200 pictures of the test set calibrate, and the last 200 are covered.
#[test]
fn a_shipped_model_covers_pictures() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = root.join("models/fashion-resnet14.safetensors");
    let pictures = std::fs::File::open(root.join("evaluate/tests/data/fashion-cnn/test.npz"));
    let mut npz = NpzReader::new(pictures.unwrap()).unwrap();
    let x: ndarray::Array4<u8> = npz.by_name("x").unwrap();
    let y: Array1<i64> = npz.by_name("y").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let paths = ["calibration.npz", "test.npz"].map(|name| folder.path().join(name));
    for (path, range) in paths.iter().zip([0..200, 200..400]) {
        let mut npz = NpzWriter::new(std::fs::File::create(path).unwrap());
        npz.add_array("x", &x.slice(s![range.clone(), .., .., ..])).unwrap();
        npz.add_array("y", &y.slice(s![range])).unwrap();
        npz.finish().unwrap();
    }
    let model = Model::load(&file).unwrap();
    for alpha in ALPHAS {
        let mut options = Options::new(&file, &paths[1]);
        options.samples = Some(2);
        let method = Method::Classes(ClassScore::Lac);
        options.conformal = Some(Conformal { method, alpha, calibration: paths[0].clone() });
        let evaluation = options.evaluate(&model, &mut |_| ()).unwrap();
        evaluation.check().unwrap();
        let coverage = evaluation.conformal().unwrap().parts[0].coverage;
        println!("alpha {alpha}: {coverage:?}");
        assert_eq!(coverage.examples, 200);
    }
}
