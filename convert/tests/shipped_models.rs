//! The shipped INT8 models against the FP32 Monte-Carlo results that bayesian-torch recorded
//! (`BAYES8_SHARED`): the uncertainty of the trained network must survive quantization.
//!
//! The model cards state what this prints:
//! `BAYES8_SHARED=FOLDER cargo test --release -p bayes8-convert --test shipped_models -- --nocapture`

use std::path::Path;

use bayes8_convert::LabelledPictures;
use bayes8_convert::metrics::{accuracy, nll, spearman};
use bayes8_native::{Model, Pictures, PredictOptions};
use ndarray::{Array2, Axis, Slice};

mod golden;

use golden::{Golden, shared};

const SAMPLES: u32 = 256;

/// Pictures that are predicted together: enough for all threads.
const BATCH: usize = 50;

/// Predictions for all pictures of a test set.
struct Predictions {
    /// `[N, classes]`.
    probabilities: Array2<f64>,
    predictive_entropy: Vec<f64>,
    mutual_information: Vec<f64>,
}

impl Predictions {
    fn of(model: &Model, set: &LabelledPictures) -> Self {
        let options = PredictOptions { samples: 0..SAMPLES, ..PredictOptions::default() };
        let count = set.pictures.len_of(Axis(0));
        let mut all = Vec::with_capacity(count);
        for first in (0..count).step_by(BATCH) {
            let slice = Slice::from(first..(first + BATCH).min(count));
            let batch = Pictures::Bytes(set.pictures.slice_axis(Axis(0), slice));
            let predictions = model.predict(batch, &options).unwrap();
            all.extend(predictions.iter().map(|prediction| prediction.uncertainty()));
        }
        let classes = model.description().classes();
        Self {
            probabilities: Array2::from_shape_fn((count, classes), |(n, class)| {
                all[n].probabilities[class]
            }),
            predictive_entropy: all.iter().map(|u| u.predictive_entropy).collect(),
            mutual_information: all.iter().map(|u| u.mutual_information).collect(),
        }
    }

    fn recorded(golden: &Golden) -> Self {
        let column = |name| golden.tensor(name).iter().map(|&x| f64::from(x)).collect();
        Self {
            probabilities: golden.tensor("mc_mean_probabilities").mapv(f64::from),
            predictive_entropy: column("mc_predictive_entropy"),
            mutual_information: column("mc_mutual_information"),
        }
    }
}

/// INT8 beside the recorded FP32 results.
struct Comparison {
    accuracy: [f64; 2],
    nll: [f64; 2],
    entropy_rank: f64,
    information_rank: f64,
}

/// Compares and prints; `None` where the folder is not given.
fn compare(test: &str, name: &str, set: &str) -> Option<Comparison> {
    let shared = shared(test)?;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let model = Model::load(shipped.join(name).with_extension("safetensors")).unwrap();
    let set = LabelledPictures::load(&shared.join(format!("data/{set}.npz"))).unwrap();
    let labels = set.labels.as_ref().unwrap().to_vec();
    let recorded = Predictions::recorded(&Golden::load(&shared, name));
    let int8 = Predictions::of(&model, &set);

    let both = |of: fn(ndarray::ArrayView2<'_, f64>, &[i64]) -> f64| {
        [&recorded, &int8].map(|side| of(side.probabilities.view(), &labels))
    };
    let found = Comparison {
        accuracy: both(accuracy),
        nll: both(nll),
        entropy_rank: spearman(&recorded.predictive_entropy, &int8.predictive_entropy),
        information_rank: spearman(&recorded.mutual_information, &int8.mutual_information),
    };
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let Comparison { accuracy, nll, entropy_rank, information_rank } = &found;
    println!("{name}: bayesian-torch FP32 / INT8, {} pictures, {SAMPLES} samples", labels.len());
    println!("  accuracy            {:.4} / {:.4}", accuracy[0], accuracy[1]);
    println!("  NLL                 {:.5} / {:.5}", nll[0], nll[1]);
    for (what, of) in [
        ("predictive entropy", (|p| &p.predictive_entropy) as fn(&Predictions) -> &Vec<f64>),
        ("mutual information", |p| &p.mutual_information),
    ] {
        println!("  {what}  {:.4} / {:.4}", mean(of(&recorded)), mean(of(&int8)));
    }
    println!("  Spearman: entropy {entropy_rank:.4}, mutual information {information_rank:.4}");
    Some(found)
}

/// How far INT8 may be from the recorded FP32 results.
struct Limits {
    /// Of 100 pictures.
    accuracy_points: f64,
    /// Relative difference.
    nll: f64,
    /// Least rank correlation.
    entropy_rank: f64,
    /// Least rank correlation.
    information_rank: f64,
}

impl Comparison {
    fn check(&self, limits: &Limits) {
        let Self { accuracy, nll, entropy_rank, information_rank } = self;
        // Accuracies are whole numbers of pictures over 1,000, but not in binary.
        let points = 100.0 * (accuracy[0] - accuracy[1]).abs() - 1e-9;
        assert!(points <= limits.accuracy_points, "accuracy {accuracy:?}");
        assert!((nll[1] / nll[0] - 1.0).abs() <= limits.nll, "NLL {nll:?}");
        assert!(*entropy_rank >= limits.entropy_rank, "predictive entropy: {entropy_rank}");
        assert!(*information_rank >= limits.information_rank, "information: {information_rank}");
    }
}

#[test]
fn cifar10_resnet20_keeps_accuracy_likelihood_and_uncertainty() {
    let test = "cifar10_resnet20_keeps_accuracy_likelihood_and_uncertainty";
    let Some(found) = compare(test, "cifar10-resnet20", "cifar10-test") else { return };
    found.check(&Limits {
        accuracy_points: 0.5,
        nll: 0.02,
        entropy_rank: 0.98,
        information_rank: 0.95,
    });
}

#[test]
fn mnist_scnn_keeps_accuracy_likelihood_and_uncertainty() {
    let test = "mnist_scnn_keeps_accuracy_likelihood_and_uncertainty";
    let Some(found) = compare(test, "mnist-scnn", "mnist-test") else { return };
    found.check(&Limits {
        accuracy_points: 0.2,
        nll: 0.02,
        entropy_rank: 0.98,
        information_rank: 0.95,
    });
}

/// Two runs of bayesian-torch itself, 100 samples each, differ by 1.9 % of the NLL; their rank
/// correlations are 0.982 and 0.942.
#[test]
fn fashion_resnet14_keeps_accuracy_likelihood_and_uncertainty() {
    let test = "fashion_resnet14_keeps_accuracy_likelihood_and_uncertainty";
    let Some(found) = compare(test, "fashion-resnet14", "fashion-test") else { return };
    found.check(&Limits {
        accuracy_points: 0.5,
        nll: 0.03,
        entropy_rank: 0.98,
        information_rank: 0.95,
    });
}
