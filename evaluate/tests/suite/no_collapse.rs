//! The uncertainty survives INT8 at any sigma: `cifar10-resnet20` of the folder `BAYES8_SHARED` with
//! one rho for all weights, and with MOPED posteriors, down to spreads far below a step.
//!
//! `BAYES8_SHARED=FOLDER cargo test --release -p bayes8-evaluate --test suite no_collapse -- --nocapture`

use std::path::{Path, PathBuf};

use bayes8_convert::HeadDetails;
use bayes8_convert::PosteriorSource;
use bayes8_convert::calibrate::{Observations, WEIGHT_SAMPLES};
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_convert::fidelity::FidelityReport;
use bayes8_convert::metadata::normalize;
use bayes8_convert::reference::{CommonNoise, predict_samples};
use ndarray::{Axis, Slice};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::trained::{Predictions, Trained, folder, shared};

const MODEL: &str = "cifar10-resnet20";

/// The number of samples of both networks; it biases estimates of mutual information.
const SAMPLES: u32 = 32;

/// The largest ratio of INT8's mutual information to FP32's, or the reverse, if FP32's is between
/// 1e-4 and 1e-2 nats. The weights' variance is exact, but activations are rounded: rounding
/// differs between two samples as soon as a weight does, which adds about 2e-4 nats.
const FACTOR: f64 = 1.5;

const CALIBRATION_PICTURES: usize = 100;

/// A row of the table.
struct Row {
    posterior: String,
    /// The method of the ranges.
    method: String,
    /// Mean mutual information of FP32 and of INT8.
    information: [f64; 2],
    /// Smallest and largest standard deviation of a layer's integer sampler, divided by that of its
    /// posterior.
    ratio: [f64; 2],
}

impl Row {
    fn of(shared: &Path, posterior: String, source: &PosteriorSource) -> Self {
        let trained = Trained::with_posterior(shared, MODEL, source);
        let calibration =
            trained.calibration.slice_axis(Axis(0), Slice::from(..CALIBRATION_PICTURES));
        let outputs = trained.network.heads(&HeadDetails::default()).unwrap();
        let observations = Observations::new(
            &trained.network,
            &outputs,
            calibration.view(),
            WEIGHT_SAMPLES,
            0,
            || (),
        )
        .unwrap();
        let network = &trained.network;
        let options = ConversionOptions::default();
        let details = trained.details();
        let converted =
            convert(network, calibration.view(), &observations, details, &options).unwrap();
        let report =
            FidelityReport::new(network, &converted, &observations, calibration.view()).unwrap();
        let ratios = || report.layers.iter().map(|layer| layer.layer_std_ratio);

        let pictures = trained.test.view();
        let normalized = normalize(&trained.preprocessing, pictures, 3).unwrap();
        // Both have the same noise, so that they differ by quantization only.
        let noise = CommonNoise::new(network);
        let draws = (0..SAMPLES).map(|sample| noise.draw(0, sample));
        let outputs = network.heads(&HeadDetails::default()).unwrap();
        let fp32 = predict_samples(network, &outputs, normalized.view(), draws, |_| ()).unwrap();
        let int8 = Predictions::of(converted.model, &trained.test, SAMPLES);
        let mean = |side: &Predictions| {
            side.mutual_information.iter().sum::<f64>() / side.mutual_information.len() as f64
        };
        Self {
            posterior,
            method: report.calibration_method,
            information: [mean(&Predictions::of_fp32(&fp32)), mean(&int8)],
            ratio: [ratios().fold(f64::MAX, f64::min), ratios().fold(0.0, f64::max)],
        }
    }

    fn print(&self) {
        let Self { posterior, method, information: [fp32, int8], ratio: [least, largest] } = self;
        let over = int8 / fp32;
        println!(
            "{posterior:12}  {fp32:.7}  {int8:.7}  {over:9.3}  {least:.4} .. {largest:.4}  {method}"
        );
    }

    fn check(&self) {
        let Self { posterior, information: [fp32, int8], ratio: [least, largest], .. } = self;
        assert!(*least > 0.97 && *largest < 1.03, "{posterior}: ratios {least} to {largest}");
        let over = int8 / fp32;
        let within = if *fp32 > 0.01 { 0.9..=1.1 } else { 1.0 / FACTOR..=FACTOR };
        assert!(*fp32 < 1e-4 || within.contains(&over), "{posterior}: information {over} times");
    }
}

/// A posterior with `rho` for every tensor that the trained one has: sigma = log(1 + exp(rho)).
fn write_posterior(shared: &Path, rho: f32, path: &Path) {
    let trained = std::fs::read(folder(shared, MODEL).join("posterior.safetensors")).unwrap();
    let trained = SafeTensors::deserialize(&trained).unwrap();
    let sigma = rho.exp().ln_1p().to_le_bytes();
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = trained
        .iter()
        .map(|(name, tensor)| {
            let count = tensor.shape().iter().product();
            (name.to_string(), tensor.shape().to_vec(), sigma.repeat(count))
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn no_sigma_is_so_small_or_so_large_that_its_uncertainty_is_lost_or_invented() {
    let test = "no_sigma_is_so_small_or_so_large_that_its_uncertainty_is_lost_or_invented";
    let Some(shared) = shared(test) else { return };
    let temporary = tempfile::tempdir().unwrap();
    println!("{MODEL}: all test pictures, {SAMPLES} samples; std ratio of the layers");
    println!("posterior     FP32 MI    INT8 MI    INT8/FP32  std ratio         ranges");
    let mut rows = Vec::new();
    for rho in [-5.0, -7.0, -9.0] {
        let path: PathBuf = temporary.path().join("posterior.safetensors");
        write_posterior(&shared, rho, &path);
        rows.push(Row::of(&shared, format!("rho {rho}"), &PosteriorSource::File(path)));
        rows[rows.len() - 1].print();
    }
    for delta in [0.05, 0.01, 0.001] {
        rows.push(Row::of(&shared, format!("MOPED {delta}"), &PosteriorSource::Moped { delta }));
        rows[rows.len() - 1].print();
    }
    rows.iter().for_each(Row::check);
}
