//! Measures how good a bayes8 model is on labelled examples, and what quantization did to its uncertainty.
//!
//! [`Options::run`] measures accuracy, calibration and uncertainty of a classifier, how the uncertainty
//! follows pictures of another distribution and corrupted ones, and how INT8 differs from the FP32 network.
//! It returns a [`Report`], which can be JSON (serde), text or HTML, and says whether [`THRESHOLDS`] are
//! kept. [`Options::evaluate`] takes every head, also regressions and labels.
//!
//! # Examples
//! ```
//! use bayes8_evaluate::{Options, Threshold};
//!
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
//! let path = "models/fashion-resnet14.safetensors";
//! let model = bayes8_native::Model::load(path)?;
//! let mut options = Options::new(path, "evaluate/tests/data/fashion-cnn/test.npz");
//! options.samples = Some(4);
//! options.thresholds.push((Threshold::named("max-ece")?, 0.1));
//! let report = options.run(&model, &mut |_progress| ())?;
//! assert!(report.int8.metrics.accuracy > 0.9);
//! report.check()?; // an error if the calibration error is above 0.1
//! let page = report.html();
//! # assert!(page.starts_with("<!DOCTYPE html>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod candidate;
mod compared;
pub mod conformal;
pub mod corrupted;
pub mod corruption;
mod end_to_end;
mod error;
mod evaluation;
mod figures;
mod first_error_writer;
pub mod golden;
mod heads;
pub mod html;
mod labelled;
pub mod maps;
mod measure;
pub mod metrics;
pub mod model_report;
mod other_posterior;
pub mod output_report;
pub mod prediction;
mod provenance;
pub mod randomness;
mod report;
mod rows;
mod selected;
pub mod style;
pub mod table;
mod text;
mod thresholds;
mod verdict;

pub use bayes8_convert::Progress;
pub use compared::Compared;
pub use end_to_end::EndToEnd;
pub use error::{EvaluateError, PredictionError};
pub use evaluation::{Fp32, Options};
pub use figures::{Figures, OutOfDistribution};
pub use heads::{
    Evaluation, HeadAgreement, HeadEndToEnd, HeadExamples, HeadFigures, HeadPeer, HeadReport,
    LabelsReport, Ranks, TargetFigures, UncertaintyDetection,
};
pub use labelled::{Labelled, LabelledError};
pub use provenance::{FileDigest, Provenance};
pub use report::{Fp32Noise, Peer, Report};
pub use thresholds::{Domain, Need, THRESHOLDS, Threshold, UnknownThreshold};
pub use verdict::{Limit, Missed, Verdict};
