//! The trained models of a folder outside the repository, which `BAYES8_SHARED` names: mean-weight
//! logits and Monte-Carlo uncertainty must equal those that the training framework recorded.

use std::{path::Path, time::Instant};

use bayes8_convert::inputs::fp32_inputs;
use bayes8_convert::{
    Inputs, Metadata, Network, PosteriorSource,
    reference::{FloatWeights, draw, run},
};
use ndarray::{Array2, ArrayD, Axis, s};

use crate::golden::{Golden, shared};

struct Model {
    network: Network,
    pictures: ArrayD<f32>,
    golden: Golden,
}

impl Model {
    fn load(shared: &Path, name: &str, set: &str, count: usize) -> Self {
        let folder = shared.join("models").join(name);
        let posterior = match name {
            "efficientnet-lite0" => PosteriorSource::Moped { delta: 0.02 },
            _ => PosteriorSource::File(folder.join("posterior.safetensors")),
        };
        let network = Network::load(&folder.join("mean.onnx"), &posterior).unwrap();
        let metadata = Metadata::load(&folder.join("golden.json")).unwrap();
        let set = Inputs::load(&shared.join(format!("data/{set}.npz"))).unwrap();
        let pictures = set.view(bayes8_core::model::Values::Bytes);
        let channels = network.graph.input().channels;
        let preprocessing = metadata.preprocessing.unwrap();
        let pictures = fp32_inputs(pictures.range(0..count), &preprocessing, channels).unwrap();
        let pictures = pictures.into_owned();
        let names = metadata.heads.common.class_names.len();
        assert!(names == 0 || names == network.numbers());
        let golden = Golden::load(shared, name);
        Self { network, pictures, golden }
    }

    /// The first rows of a golden tensor, one per picture.
    fn golden(&self, name: &str) -> Array2<f32> {
        let all = self.golden.tensor(name);
        all.slice(s![..self.pictures.len_of(Axis(0)), ..]).to_owned()
    }

    fn logits(&self, weights: &FloatWeights<'_>) -> Array2<f32> {
        run(&self.network, weights, self.pictures.view(), |_, _, _| ()).unwrap()
    }
}

fn log_softmax(logits: &Array2<f32>) -> Array2<f32> {
    let mut out = logits.clone();
    for mut row in out.rows_mut() {
        let max = row.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let sum: f32 = row.iter().map(|x| (x - max).exp()).sum();
        row -= max + sum.ln();
    }
    out
}

#[test]
fn mean_weights_reproduce_the_recorded_logits() {
    let Some(shared) = shared("mean_weights_reproduce_the_recorded_logits") else { return };
    for (name, set, count) in [
        ("fashion-resnet14", "fashion-test", 64),
        ("cifar10-resnet20", "cifar10-test", 64),
        ("mnist-scnn", "mnist-test", 64),
        ("pneumonia-cnn", "pneumonia-validation", 64),
        ("efficientnet-lite0", "imagenette-test", 16),
    ] {
        let model = Model::load(&shared, name, set, count);
        let weights = FloatWeights::mean(&model.network, 0);
        let start = Instant::now();
        let mut logits = model.logits(&weights);
        let rate = count as f64 / start.elapsed().as_secs_f64();
        if name == "mnist-scnn" {
            logits = log_softmax(&logits);
        }
        let deviation = (logits - model.golden("mean_weights_logits"))
            .iter()
            .fold(0f32, |max, d| max.max(d.abs()));
        println!("{name}: largest deviation {deviation:e}, {rate:.0} pictures/s");
        assert!(deviation < 1e-3, "{name}: {deviation}");
        let bayesian = model.network.layers().all(|l| l.member(0).weight.sigma.is_some());
        assert!(bayesian, "{name}: every layer is Bayesian");
    }
}

#[test]
fn draws_reproduce_the_recorded_uncertainty() {
    let Some(shared) = shared("draws_reproduce_the_recorded_uncertainty") else { return };
    for (name, set) in [("fashion-resnet14", "fashion-test"), ("mnist-scnn", "mnist-test")] {
        const SAMPLES: u32 = 100;
        let model = Model::load(&shared, name, set, 100);
        let entropy = |p: &Array2<f32>| {
            p.map_axis(Axis(1), |row| row.fold(0.0, |h, &p| h - p * p.max(1e-30).ln()))
        };
        let start = Instant::now();
        let mut mean = Array2::<f32>::zeros((100, model.network.numbers()));
        let mut expected = ndarray::Array1::<f32>::zeros(100);
        for sample in 0..SAMPLES {
            let p = log_softmax(&model.logits(&draw(&model.network, 1, sample))).mapv(f32::exp);
            expected += &(entropy(&p) / SAMPLES as f32);
            mean += &(p / SAMPLES as f32);
        }
        let rate = f64::from(100 * SAMPLES) / start.elapsed().as_secs_f64();
        let predictive = entropy(&mean);
        let information = &predictive - &expected;
        let average = |x: &ndarray::Array1<f32>| x.mean().unwrap();
        let golden = |key| average(&model.golden(key).column(0).to_owned());
        for (key, ours) in [
            ("mc_predictive_entropy", average(&predictive)),
            ("mc_mutual_information", average(&information)),
        ] {
            let theirs = golden(key);
            println!("{name}: {key} {ours:.4}, recorded {theirs:.4}, {rate:.0} samples/s");
            // Draws are shared by all pictures: over 100 of them the mutual information still has
            // a standard error of 11 %.
            assert!((ours - theirs).abs() < 0.25 * theirs, "{name} {key}");
        }
    }
}
