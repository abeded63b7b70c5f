//! The trained models of the folder `BAYES8_SHARED`, and INT8 models beside the results that the
//! training framework recorded.
use std::path::{Path, PathBuf};

use bayes8_convert::HeadDetails;
use bayes8_convert::metadata::normalize;
use bayes8_convert::quantize::ModelDetails;
use bayes8_convert::{Inputs, LabelledPictures, Metadata, Network, PosteriorSource, metadata};
use bayes8_core::head::classes::ClassUncertainty;
use bayes8_core::model::Preprocessing;
use bayes8_core::session::Estimate;
use bayes8_evaluate::golden::Golden;
use bayes8_evaluate::metrics::{accuracy, nll, spearman};
use bayes8_native::{Model, ModelOptions, Pictures, PredictOptions};
use ndarray::{Array2, ArrayD, Axis, Slice};

#[allow(dead_code, reason = "these tests use a part")]
#[path = "../../../convert/tests/suite/golden.rs"]
mod golden;

pub(crate) use golden::shared;

/// Name of each model and its data sets for calibration and test.
const SETS: [(&str, &str, &str); 5] = [
    ("fashion-resnet14", "fashion-calibration", "fashion-test"),
    ("cifar10-resnet20", "cifar10-calibration", "cifar10-test"),
    ("mnist-scnn", "mnist-calibration", "mnist-test"),
    ("pneumonia-cnn", "pneumonia-calibration", "pneumonia-validation"),
    ("efficientnet-lite0", "imagenette-calibration", "imagenette-test"),
];

/// A trained model with its pictures.
pub(crate) struct Trained {
    pub(crate) name: String,
    pub(crate) network: Network,
    pub(crate) preprocessing: Preprocessing,
    /// Normalized.
    pub(crate) calibration: ArrayD<f32>,
    pub(crate) test: ArrayD<u8>,
    pub(crate) labels: Vec<i64>,
    /// The classes of the test pictures.
    pub(crate) recorded: Predictions,
}

/// The folder of a model.
pub(crate) fn folder(shared: &Path, name: &str) -> PathBuf {
    shared.join("models").join(name)
}

impl Trained {
    pub(crate) fn load(shared: &Path, name: &str) -> Self {
        let posterior = match name {
            "efficientnet-lite0" => PosteriorSource::Moped { delta: 0.02 },
            _ => PosteriorSource::File(folder(shared, name).join("posterior.safetensors")),
        };
        Self::with_posterior(shared, name, &posterior)
    }

    pub(crate) fn with_posterior(shared: &Path, name: &str, posterior: &PosteriorSource) -> Self {
        let folder = folder(shared, name);
        let network = Network::load(&folder.join("mean.onnx"), posterior).unwrap();
        let metadata = Metadata::load(&folder.join("golden.json")).unwrap();
        let channels = network.graph.input().channels;
        let preprocessing =
            metadata::per_channel(&metadata.preprocessing.unwrap(), channels).unwrap();
        let (_, calibration, test) = SETS.into_iter().find(|set| set.0 == name).unwrap();
        let path = |set: &str| shared.join(format!("data/{set}.npz"));
        let Inputs::Bytes(calibration) = Inputs::load(&path(calibration)).unwrap() else {
            panic!("pixels")
        };
        let test = LabelledPictures::load(&path(test)).unwrap();
        let (Inputs::Bytes(test), labels) = (test.pictures, test.labels) else { panic!("pixels") };
        let recorded = Golden::load(&folder.join("golden.safetensors")).unwrap();
        Self {
            name: name.into(),
            calibration: normalize(&preprocessing, calibration.view(), channels).unwrap(),
            network,
            preprocessing,
            labels: labels.to_vec(),
            test,
            recorded: Predictions::new(&recorded.predictions),
        }
    }

    pub(crate) fn details(&self) -> ModelDetails {
        ModelDetails {
            name: self.name.clone(),
            preprocessing: self.preprocessing.clone(),
            outputs: self.network.heads(&HeadDetails::default()).unwrap(),
            input_planes: None,
        }
    }
}

/// Predictions for all pictures of a test set.
pub(crate) struct Predictions {
    /// `[N, classes]`.
    pub(crate) probabilities: Array2<f64>,
    pub(crate) predictive_entropy: Vec<f64>,
    pub(crate) mutual_information: Vec<f64>,
}

/// The number of pictures to predict together: enough for all threads.
const BATCH: usize = 50;

impl Predictions {
    /// The predictions of an INT8 model, with `samples` samples of seed 0.
    pub(crate) fn of(
        model: bayes8_core::model::QuantizedModel,
        pictures: &ArrayD<u8>,
        samples: u32,
    ) -> Self {
        let model = Model::new(model, ModelOptions::default()).unwrap();
        let options = PredictOptions::new().samples(0..samples);
        let count = pictures.len_of(Axis(0));
        let mut all = Vec::with_capacity(count);
        for first in (0..count).step_by(BATCH) {
            let slice = Slice::from(first..(first + BATCH).min(count));
            let batch = Pictures::Bytes(pictures.slice_axis(Axis(0), slice));
            let predictions = model.predict(batch, &options).unwrap();
            all.extend(predictions.iter().filter_map(|p| p.uncertainty().classes()));
        }
        Self::new(&all)
    }

    /// The predictions of the FP32 network.
    pub(crate) fn of_fp32(all: &[Estimate]) -> Self {
        let classes = all.iter().filter_map(|one| one.sums()[0].finish().classes());
        Self::new(&classes.collect::<Vec<_>>())
    }

    pub(crate) fn new(all: &[ClassUncertainty]) -> Self {
        let classes = all.first().map_or(0, |u| u.probabilities.len());
        Self {
            probabilities: Array2::from_shape_fn((all.len(), classes), |(n, class)| {
                all[n].probabilities[class]
            }),
            predictive_entropy: all.iter().map(|u| u.predictive_entropy).collect(),
            mutual_information: all.iter().map(|u| u.mutual_information).collect(),
        }
    }

    /// The number of pictures.
    pub(crate) fn len(&self) -> usize {
        self.predictive_entropy.len()
    }
}

/// INT8 beside FP32; pairs are FP32 and INT8.
pub(crate) struct Comparison {
    pub(crate) accuracy: [f64; 2],
    pub(crate) nll: [f64; 2],
    pub(crate) predictive_entropy: [f64; 2],
    pub(crate) mutual_information: [f64; 2],
    pub(crate) entropy_rank: f64,
    pub(crate) information_rank: f64,
}

impl Comparison {
    /// The names of the columns of [`Self::row`].
    pub(crate) const HEADER: &str = "accuracy         NLL                entropy            \
                                     information          rank: entropy, information";

    pub(crate) fn new(fp32: &Predictions, int8: &Predictions, labels: &[i64]) -> Self {
        let both = |of: fn(ndarray::ArrayView2<'_, f64>, &[i64]) -> f64| {
            [fp32, int8].map(|side| of(side.probabilities.view(), labels))
        };
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        Self {
            accuracy: both(accuracy),
            nll: both(nll),
            predictive_entropy: [fp32, int8].map(|side| mean(&side.predictive_entropy)),
            mutual_information: [fp32, int8].map(|side| mean(&side.mutual_information)),
            entropy_rank: spearman(&fp32.predictive_entropy, &int8.predictive_entropy),
            information_rank: spearman(&fp32.mutual_information, &int8.mutual_information),
        }
    }

    pub(crate) fn row(&self) -> String {
        let pair = |[fp32, int8]: [f64; 2], digits| format!("{fp32:.digits$} / {int8:.digits$}");
        format!(
            "{}  {}  {}  {}  {:.4}, {:.4}",
            pair(self.accuracy, 4),
            pair(self.nll, 5),
            pair(self.predictive_entropy, 5),
            pair(self.mutual_information, 6),
            self.entropy_rank,
            self.information_rank
        )
    }
}

/// How far INT8 may be from FP32.
pub(crate) struct Limits {
    /// Accuracy, in pictures of 100.
    pub(crate) accuracy_points: f64,
    /// Relative difference of the NLL.
    pub(crate) nll: f64,
    /// Least rank correlation.
    pub(crate) entropy_rank: f64,
    /// Least rank correlation.
    pub(crate) information_rank: f64,
}

impl Comparison {
    pub(crate) fn check(&self, limits: &Limits) {
        let Self { accuracy, nll, entropy_rank, information_rank, .. } = self;
        // Accuracies are whole numbers of pictures, but not in binary.
        let points = 100.0 * (accuracy[0] - accuracy[1]).abs() - 1e-9;
        assert!(points <= limits.accuracy_points, "accuracy {accuracy:?}");
        assert!((nll[1] / nll[0] - 1.0).abs() <= limits.nll, "NLL {nll:?}");
        assert!(*entropy_rank >= limits.entropy_rank, "predictive entropy: {entropy_rank}");
        assert!(*information_rank >= limits.information_rank, "information: {information_rank}");
    }
}
