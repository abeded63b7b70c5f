//! Thresholds that an evaluation has to keep, for a pipeline that should stop where it does not.

use crate::evaluation::Evaluation;
use clap::Args;
use std::error::Error;
use std::fmt;

/// Exit code where a threshold is missed.
pub(crate) const EXIT_CODE: u8 = 3;

/// What is least, or most, allowed.
#[derive(Args)]
pub(crate) struct Gates {
    /// Least accuracy, 0 to 1: below it the exit code is 3
    #[arg(long, value_name = "X", help_heading = "Thresholds")]
    min_accuracy: Option<f64>,

    /// Most NLL, in nats
    #[arg(long, value_name = "X", help_heading = "Thresholds")]
    max_nll: Option<f64>,

    /// Most expected calibration error
    #[arg(long, value_name = "X", help_heading = "Thresholds")]
    max_ece: Option<f64>,

    /// Most area under the risk-coverage curve
    #[arg(long, value_name = "X", help_heading = "Thresholds")]
    max_aurc: Option<f64>,

    /// Least AUROC of the pictures of --ood, by predictive entropy
    #[arg(long, value_name = "X", help_heading = "Thresholds", requires = "ood")]
    min_ood_auroc: Option<f64>,
}

/// Thresholds that were missed.
#[derive(Debug)]
pub(crate) struct Missed(Vec<String>);

impl Error for Missed {}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "threshold missed: {}", self.0.join("; "))
    }
}

impl Gates {
    /// # Errors
    /// [`Missed`], which names all that are missed.
    pub(crate) fn check(&self, evaluation: &Evaluation) -> Result<(), Missed> {
        let metrics = &evaluation.metrics;
        let auroc = evaluation.ood.as_ref().map_or(f64::NAN, |ood| ood.predictive_entropy.auroc);
        let mut missed = Vec::new();
        // What is not a number keeps no threshold.
        let least = [
            ("accuracy", metrics.accuracy, self.min_accuracy),
            ("OOD AUROC", auroc, self.min_ood_auroc),
        ];
        for (name, found, least) in least {
            if let Some(least) = least.filter(|least| found.is_nan() || found < *least) {
                missed.push(format!("{name} {found:.4} is below {least}"));
            }
        }
        let most = [
            ("NLL", metrics.nll, self.max_nll),
            ("ECE", metrics.ece, self.max_ece),
            ("AURC", evaluation.selective.aurc, self.max_aurc),
        ];
        for (name, found, most) in most {
            if let Some(most) = most.filter(|most| found.is_nan() || found > *most) {
                missed.push(format!("{name} {found:.4} is above {most}"));
            }
        }
        if missed.is_empty() { Ok(()) } else { Err(Missed(missed)) }
    }
}
