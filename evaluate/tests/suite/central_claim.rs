//! The central claim, on every checkout: quantization keeps a network's accuracy, likelihood and
//! uncertainty, and the standard deviations of its posterior. Two broken models show that these tests can
//! fail.
//!
//! `evaluate/tests/data/fashion-cnn/README.md` says where network, pictures and recorded figures come
//! from. `cargo test -p bayes8-evaluate central_claim -- --nocapture` prints all figures.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bayes8_convert::fidelity::compare_posteriors;
use bayes8_convert::quantization::{Quantization, Settings, Sources};
use bayes8_convert::{Network, PosteriorSource};
use bayes8_core::format;
use bayes8_core::layer::Layer;
use bayes8_core::model::QuantizedModel;
use bayes8_core::posterior::Posterior;
use bayes8_evaluate::{Fp32, Fp32Noise, Options, Threshold};
use bayes8_native::Model;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/fashion-cnn");

/// How far a model may be from a peer.
struct Limits {
    /// By the options of `bayes8 evaluate`.
    thresholds: [(&'static str, f64); 4],
    /// Relative difference of mean mutual information: rank correlations do not notice if the
    /// uncertainty of all pictures shrinks.
    mutual_information: f64,
}

/// FP32 and INT8 get the same noise, so no chance is involved and a few samples are enough. One of the
/// 400 pictures may change its class.
const FP32_SAMPLES: u32 = 32;
const FP32: Limits = Limits {
    thresholds: [
        ("max-accuracy-gap", 0.003),
        ("max-nll-gap", 0.005),
        ("min-spearman-entropy", 0.999),
        ("min-spearman-mi", 0.999),
    ],
    mutual_information: 0.03,
};

/// The recorded samples are independent of those of INT8. Two independent halves of them have rank
/// correlations of 0.9985 and 0.9915 with each other (`noise_floor` of golden.json). Three pictures may
/// change their class.
const GOLDEN_SAMPLES: u32 = 256;
const GOLDEN: Limits = Limits {
    thresholds: [
        ("max-accuracy-gap", 0.008),
        ("max-nll-gap", 0.01),
        ("min-spearman-entropy", 0.998),
        ("min-spearman-mi", 0.99),
    ],
    mutual_information: 0.05,
};

/// How far the exact standard deviation of a layer's sampler may be from the posterior's, as a share.
const STD: f64 = 1e-4;

fn file(name: &str) -> PathBuf {
    Path::new(DATA).join(name)
}

fn posterior() -> PosteriorSource {
    PosteriorSource::File(file("posterior.safetensors"))
}

/// The model that `bayes8 quantize` makes with its default options.
static QUANTIZED: LazyLock<QuantizedModel> = LazyLock::new(|| {
    let mut sources = Sources::new(file("network.onnx"), posterior(), file("calibration.npz"));
    sources.metadata = Some(file("metadata.json"));
    let settings = Settings::new("fashion-cnn");
    Quantization::load(&sources).unwrap().run(&settings, &mut |_| ()).unwrap().model
});

/// The parts of the claim that do not hold for `model`, in words: FP32 figures and deviations.
fn missed(model: &QuantizedModel) -> Vec<String> {
    let mut fp32 = Fp32::new(file("network.onnx"), posterior());
    fp32.noise = Fp32Noise::Int8;
    let mut missed = missed_figures(model, &FP32, |options| {
        options.samples = Some(FP32_SAMPLES);
        options.fp32 = Some(fp32);
    });
    missed.extend(missed_deviations(model));
    missed
}

/// The parts of the claim that do not hold for `model` compared with the recorded predictions.
fn missed_beside_golden(model: &QuantizedModel) -> Vec<String> {
    missed_figures(model, &GOLDEN, |options| {
        options.samples = Some(GOLDEN_SAMPLES);
        options.golden = Some(file("golden.safetensors"));
    })
}

fn missed_figures(
    model: &QuantizedModel,
    limits: &Limits,
    add_peer: impl FnOnce(&mut Options),
) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    std::fs::write(&path, format::write(model).unwrap()).unwrap();
    let mut options = Options::new(&path, file("test.npz"));
    add_peer(&mut options);
    let rows = limits.thresholds.map(|(option, limit)| (Threshold::named(option).unwrap(), limit));
    options.thresholds.extend(rows);
    let report = options.run(&Model::load(&path).unwrap(), &mut |_| ()).unwrap();
    assert_eq!((report.pictures, report.thresholds.len()), (400, limits.thresholds.len()));
    println!("{}", report.text(Default::default()));

    let (name, peer) = report.peers().next().unwrap();
    let ours = report.int8.metrics.mean_mutual_information;
    let theirs = peer.figures.metrics.mean_mutual_information;
    // Ranks of hardly any uncertainty would say nothing.
    assert!(peer.compared.is_whole() && theirs > 0.02, "{theirs} nats: {:?}", peer.compared);
    let gap = (ours / theirs - 1.0).abs();
    let mut missed = report.check().err().map_or(Vec::new(), |missed| missed.0);
    if gap.is_nan() || gap > limits.mutual_information {
        missed.push(format!("mean mutual information {ours}, that of {name} {theirs}"));
    }
    missed
}

fn missed_deviations(model: &QuantizedModel) -> Vec<String> {
    let network = Network::load(&file("network.onnx"), &posterior()).unwrap();
    let layers = compare_posteriors(&network, model);
    assert_eq!(layers.len(), 4, "every layer is Bayesian");
    let missed = layers.iter().filter_map(|layer| {
        let ratio = layer.layer_std_ratio;
        println!("layer `{}`: exact standard deviation {ratio:.6} times that of FP32", layer.layer);
        let is_kept = (ratio - 1.0).abs() <= STD;
        (!is_kept).then(|| format!("standard deviation of layer `{}`: {ratio}", layer.layer))
    });
    missed.collect()
}

/// Whether each of `words` occurs in an element of `missed`.
fn tells_of(missed: &[String], words: &[&str]) -> bool {
    words.iter().all(|word| missed.iter().any(|missed| missed.contains(word)))
}

#[test]
fn quantization_keeps_accuracy_likelihood_uncertainty_and_deviations() {
    let missed = missed(&QUANTIZED);
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_quantized_model_predicts_what_the_training_framework_recorded() {
    let missed = missed_beside_golden(&QUANTIZED);
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_model_with_half_of_the_noise_does_not_pass() {
    let halve = |_, _, layer: &mut Layer| {
        if let Some(Posterior::Gaussian(posterior)) = &mut layer.posterior {
            posterior.noise_multiplier.iter_mut().for_each(|multiplier| *multiplier /= 2);
        }
    };
    let missed = missed(&QUANTIZED.clone().map_layers(halve).unwrap());
    assert!(tells_of(&missed, &["standard deviation", "mean mutual information"]), "{missed:#?}");
}

#[test]
fn a_model_with_weights_of_five_bits_does_not_pass() {
    let round = |code: i8| (f32::from(code) / 8.0).round().clamp(-15.0, 15.0) as i8 * 8;
    let coarsen =
        |_, _, layer: &mut Layer| layer.mu.iter_mut().for_each(|code| *code = round(*code));
    let missed = missed(&QUANTIZED.clone().map_layers(coarsen).unwrap());
    let words = ["NLL", "predictive entropy", "mutual information"];
    assert!(tells_of(&missed, &words), "{missed:#?}");
}
