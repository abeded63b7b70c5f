//! Limits on the cost of quantization, for trained models of the folder `BAYES8_SHARED`, with
//! default options and 256 samples. These models are quantized here because they are too large to
//! ship, or compared with more than recorded results; `shipped_models.rs` has the others.
//!
//! `BAYES8_SHARED=FOLDER cargo test --release -p bayes8-evaluate --test suite targets -- --nocapture`

use bayes8_convert::HeadDetails;
use bayes8_convert::calibrate::{Observations, WEIGHT_SAMPLES};
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_convert::metadata::normalize;
use bayes8_convert::reference::predict;

use crate::trained::{Comparison, Limits, Predictions, Trained, shared};

const SAMPLES: u32 = 256;

/// The model quantized with default options, and its predictions.
fn quantized(trained: &Trained) -> Predictions {
    let pictures = || trained.calibration.view();
    let outputs = trained.network.heads(&HeadDetails::default()).unwrap();
    let observations =
        Observations::new(&trained.network, &outputs, pictures(), WEIGHT_SAMPLES, 0, || ())
            .unwrap();
    let options = ConversionOptions::default();
    let converted =
        convert(&trained.network, pictures(), &observations, trained.details(), &options).unwrap();
    Predictions::of(converted.model, &trained.test, SAMPLES)
}

fn compare(title: &str, fp32: &Predictions, int8: &Predictions, trained: &Trained) -> Comparison {
    let found = Comparison::new(fp32, int8, &trained.labels);
    println!("{}, FP32 by {title} / INT8: {}", trained.name, Comparison::HEADER);
    println!("  {}", found.row());
    found
}

#[test]
fn efficientnet_lite0_keeps_accuracy_likelihood_and_uncertainty() {
    let test = "efficientnet_lite0_keeps_accuracy_likelihood_and_uncertainty";
    let Some(shared) = shared(test) else { return };
    let trained = Trained::load(&shared, "efficientnet-lite0");
    let int8 = quantized(&trained);
    compare("bayesian-torch", &trained.recorded, &int8, &trained).check(&Limits {
        accuracy_points: 0.7,
        nll: 0.02,
        entropy_rank: 0.97,
        information_rank: 0.95,
    });
}

/// The recorded samples come from Flipout convolutions, which draw a sign for every pixel. Their
/// mutual information is lower than that of the posterior, so its ranks are compared with those of
/// our FP32 network, which draws weights.
#[test]
fn pneumonia_cnn_keeps_accuracy_likelihood_and_uncertainty() {
    let test = "pneumonia_cnn_keeps_accuracy_likelihood_and_uncertainty";
    let Some(shared) = shared(test) else { return };
    let trained = Trained::load(&shared, "pneumonia-cnn");
    let int8 = quantized(&trained);
    let limits =
        Limits { accuracy_points: 0.5, nll: 0.02, entropy_rank: 0.98, information_rank: 0.95 };
    let recorded = compare("bayesian-torch", &trained.recorded, &int8, &trained);
    recorded.check(&Limits { information_rank: -1.0, ..limits });
    let pictures = normalize(&trained.preprocessing, trained.test.view(), 1).unwrap();
    let outputs = trained.network.heads(&HeadDetails::default()).unwrap();
    let fp32 = predict(&trained.network, &outputs, pictures.view(), 1, SAMPLES, || ()).unwrap();
    compare("our reference", &Predictions::of_fp32(&fp32), &int8, &trained).check(&limits);
}
