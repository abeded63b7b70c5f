//! Thresholds that an evaluation has to keep, for a pipeline that should stop where it does not.

use crate::args::{nats, not_negative, share, signed_share};
use crate::evaluation::{Evaluation, Peer};
use bayes8_convert::metrics::Worst;
use clap::Args;
use serde::Serialize;
use std::error::Error;
use std::fmt;

/// Exit code where a threshold is missed.
pub(crate) const EXIT_CODE: u8 = 3;

/// What is least, or most, allowed.
#[derive(Args)]
#[command(next_help_heading = "Thresholds")]
pub(crate) struct Gates {
    /// Least accuracy, 0 to 1: below it the exit code is 3
    #[arg(long, value_name = "X")]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    min_accuracy: Option<f64>,

    /// Most NLL, in nats
    #[arg(long, value_name = "X")]
    #[arg(allow_hyphen_values = true, value_parser = nats)]
    max_nll: Option<f64>,

    /// Most Brier score
    #[arg(long, value_name = "X")]
    #[arg(allow_hyphen_values = true, value_parser = not_negative)]
    max_brier: Option<f64>,

    /// Most expected calibration error
    #[arg(long, value_name = "X")]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    max_ece: Option<f64>,

    /// Most area under the risk-coverage curve
    #[arg(long, value_name = "X")]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    max_aurc: Option<f64>,

    /// Least accuracy versus uncertainty
    #[arg(long, value_name = "X")]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    min_avu: Option<f64>,

    /// Least AUROC of the pictures of --ood, by predictive entropy
    #[arg(long, value_name = "X", requires = "ood")]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    min_ood_auroc: Option<f64>,

    /// Least AUROC of the pictures of --ood, by mutual information
    #[arg(long, value_name = "X", requires = "ood")]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    min_ood_mi_auroc: Option<f64>,

    /// Most accuracy, 0 to 1, that any corruption of --drift costs
    #[arg(long, value_name = "X", requires = "drift")]
    #[arg(allow_hyphen_values = true, value_parser = signed_share)]
    max_drift_accuracy_loss: Option<f64>,

    /// Largest difference of accuracy to any peer (--mean, --golden)
    #[arg(long, value_name = "X", requires = "peer")]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    max_accuracy_gap: Option<f64>,

    /// Largest difference of NLL to any peer, as a share of the peer's
    #[arg(long, value_name = "X", requires = "peer")]
    #[arg(allow_hyphen_values = true, value_parser = not_negative)]
    max_nll_gap: Option<f64>,

    /// Least rank correlation of predictive entropy with any peer
    #[arg(long, value_name = "X", requires = "peer")]
    #[arg(allow_hyphen_values = true, value_parser = signed_share)]
    min_spearman_entropy: Option<f64>,

    /// Least rank correlation of mutual information with any peer
    #[arg(long, value_name = "X", requires = "peer")]
    #[arg(allow_hyphen_values = true, value_parser = signed_share)]
    min_spearman_mi: Option<f64>,

    /// Largest difference to any peer of the AUROC of --ood, by entropy and by mutual information
    #[arg(long, value_name = "X", requires_all = ["peer", "ood"])]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    max_ood_auroc_gap: Option<f64>,

    /// Largest difference of accuracy to FP32 at any corruption of --drift
    #[arg(long, value_name = "X", requires_all = ["mean", "drift"])]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    max_drift_accuracy_gap: Option<f64>,

    /// Largest difference of mean predictive entropy to FP32 at any corruption of --drift, as a
    /// share of FP32's
    #[arg(long, value_name = "X", requires_all = ["mean", "drift"])]
    #[arg(allow_hyphen_values = true, value_parser = not_negative)]
    max_drift_entropy_gap: Option<f64>,
}

/// What became of a threshold.
#[derive(Serialize)]
pub(crate) struct Verdict {
    pub(crate) name: String,
    pub(crate) found: f64,
    #[serde(flatten)]
    pub(crate) limit: Limit,
    pub(crate) kept: bool,
}

/// A threshold.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtLeast(f64),
    AtMost(f64),
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

impl Verdict {
    fn new(name: &str, found: f64, limit: Limit) -> Self {
        // What is not a number keeps no threshold.
        let kept = match limit {
            Limit::AtLeast(least) => found >= least,
            Limit::AtMost(most) => found <= most,
        };
        Self { name: name.into(), found, limit, kept }
    }
}

impl Gates {
    /// All thresholds that were given.
    pub(crate) fn verdicts(&self, evaluation: &Evaluation) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let mut least = |name: &str, found: f64, least: Option<f64>| {
            verdicts.extend(least.map(|x| Verdict::new(name, found, Limit::AtLeast(x))));
        };
        let int8 = &evaluation.int8;
        let auroc = |mi: bool| {
            int8.ood.as_ref().map_or(f64::NAN, |ood| match mi {
                false => ood.predictive_entropy.auroc,
                true => ood.mutual_information.auroc,
            })
        };
        least("accuracy", int8.metrics.accuracy, self.min_accuracy);
        least("AvU", int8.avu.avu, self.min_avu);
        least("OOD AUROC", auroc(false), self.min_ood_auroc);
        least("OOD AUROC by mutual information", auroc(true), self.min_ood_mi_auroc);
        for (name, peer) in evaluation.peers() {
            let with = named("with", name, peer);
            let c = &peer.comparison;
            let entropy = format!("rank correlation of predictive entropy {with}");
            least(&entropy, c.spearman_predictive_entropy, self.min_spearman_entropy);
            let information = format!("rank correlation of mutual information {with}");
            least(&information, c.spearman_mutual_information, self.min_spearman_mi);
        }
        let mut most = |name: &str, found: f64, most: Option<f64>| {
            verdicts.extend(most.map(|x| Verdict::new(name, found, Limit::AtMost(x))));
        };
        let value = |worst: Option<&Worst>| worst.map_or(f64::NAN, |worst| worst.value);
        most("NLL", int8.metrics.nll, self.max_nll);
        most("Brier score", int8.metrics.brier, self.max_brier);
        most("ECE", int8.metrics.ece, self.max_ece);
        most("AURC", int8.selective.aurc, self.max_aurc);
        let loss = value(int8.drift_accuracy_loss.as_ref());
        most("accuracy lost to drift", loss, self.max_drift_accuracy_loss);
        for (name, peer) in evaluation.peers() {
            let to = named("to", name, peer);
            let [ours, theirs] = evaluation.comparable(peer);
            let gap = (ours.metrics.accuracy - theirs.metrics.accuracy).abs();
            most(&format!("difference of accuracy {to}"), gap, self.max_accuracy_gap);
            let gap = (ours.metrics.nll / theirs.metrics.nll - 1.0).abs();
            most(&format!("relative difference of NLL {to}"), gap, self.max_nll_gap);
            if let (Some(ours), Some(theirs)) = (&ours.ood, &theirs.ood) {
                let entropy = ours.predictive_entropy.auroc - theirs.predictive_entropy.auroc;
                let name = format!("difference of OOD AUROC {to}");
                most(&name, entropy.abs(), self.max_ood_auroc_gap);
                let information = ours.mutual_information.auroc - theirs.mutual_information.auroc;
                let name = format!("{name} by mutual information");
                most(&name, information.abs(), self.max_ood_auroc_gap);
            }
        }
        if evaluation.peers().all(|(_, peer)| peer.figures.ood.is_none()) {
            most("difference of OOD AUROC to any peer", f64::NAN, self.max_ood_auroc_gap);
        }
        let gaps = evaluation.fp32.as_ref().and_then(|peer| peer.drift_gaps.as_ref());
        let gap = value(gaps.map(|gaps| &gaps.accuracy));
        most("difference of accuracy to FP32 under drift", gap, self.max_drift_accuracy_gap);
        let gap = value(gaps.map(|gaps| &gaps.predictive_entropy));
        let name = "relative difference of mean predictive entropy to FP32 under drift";
        most(name, gap, self.max_drift_entropy_gap);
        verdicts
    }
}

/// A peer in the name of a threshold, with the samples that are compared where they are not all.
fn named(preposition: &str, name: &str, peer: &Peer) -> String {
    match peer.compared.is_whole() {
        true => format!("{preposition} {name}"),
        false => format!("{preposition} {name} ({})", peer.compared.text()),
    }
}

/// What became of thresholds, in a line without an end.
pub(crate) fn text(verdicts: &[Verdict]) -> String {
    let kept = verdicts.iter().filter(|verdict| verdict.kept).count();
    format!("thresholds kept: {kept} of {}", verdicts.len())
}

/// # Errors
/// [`Missed`], which names all that are missed.
pub(crate) fn check(verdicts: &[Verdict]) -> Result<(), Missed> {
    let missed = verdicts.iter().filter(|verdict| !verdict.kept).map(|verdict| {
        let Verdict { name, found, limit, .. } = verdict;
        match limit {
            _ if found.is_nan() => format!("{name} is undefined for these predictions"),
            Limit::AtLeast(least) => format!("{name} {found:.4} is below {least}"),
            Limit::AtMost(most) => format!("{name} {found:.4} is above {most}"),
        }
    });
    let missed: Vec<String> = missed.collect();
    if missed.is_empty() { Ok(()) } else { Err(Missed(missed)) }
}
