//! Measures how good a bayes8 model is on labelled pictures, and what quantization did to its uncertainty.
//!
//! [`Options::run`] measures accuracy, calibration and uncertainty, how the uncertainty follows pictures of
//! another distribution and corrupted ones, and how INT8 differs from the FP32 network. It returns a
//! [`Report`], which can be JSON (serde), text or HTML, and says whether [`THRESHOLDS`] are kept.
//!
//! ```no_run
//! use bayes8_evaluate::{Options, THRESHOLDS};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = bayes8_native::Model::load("model.safetensors")?;
//! let mut options = Options::new("model.safetensors", "test.npz");
//! let max_ece = THRESHOLDS.iter().find(|threshold| threshold.option == "max-ece");
//! options.thresholds.extend(max_ece.map(|threshold| (threshold, 0.05)));
//! let report = options.run(&model, &mut |_| ())?;
//! println!("accuracy {:.4}", report.int8.metrics.accuracy);
//! std::fs::write("report.html", report.html())?;
//! report.check()?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod compared;
pub mod corrupted;
pub mod corruption;
mod end_to_end;
mod error;
mod evaluation;
mod figures;
mod first_error_writer;
pub mod golden;
mod html;
mod labelled;
mod measure;
pub mod metrics;
pub mod model_report;
pub mod prediction;
mod provenance;
mod report;
mod rows;
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
pub use labelled::{Labelled, LabelledError};
pub use provenance::{FileDigest, Provenance};
pub use report::{Fp32Noise, Peer, Report};
pub use thresholds::{Domain, Need, THRESHOLDS, Threshold};
pub use verdict::{Limit, Missed, Verdict};
