//! Thresholds for an evaluation, for a pipeline that should stop if one is missed.

use thiserror::Error;

use crate::figures::{Figures, OutOfDistribution};
use crate::heads::Ranks;
use crate::maps::MapFigures;
use crate::metrics::regression::RegressionFigures;
use crate::metrics::{Comparison, DriftGaps, LabelsFigures, Worst};
use crate::report::{Peer, Report};
use crate::verdict::{Limit, Verdict};

/// A figure that may have a limit.
#[derive(Debug)]
pub struct Threshold {
    /// Name of the option, such as `max-ece`.
    pub option: &'static str,
    /// Help for the option, in a sentence without a full stop.
    pub help: &'static str,
    /// Whether a limit is the least or the largest allowed value.
    pub limit: fn(f64) -> Limit,
    /// The limits that are allowed.
    pub domain: Domain,
    /// The parts of an evaluation without which the figure is undefined.
    pub needs: &'static [Need],
    /// The figures that are compared with the limit: names, in which `{}` stands for a peer, and places in
    /// a report.
    pub(crate) figures: &'static [(&'static str, Figure)],
}

/// A name that none of [`THRESHOLDS`] has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown threshold `{0}`; the thresholds are {names}", names = THRESHOLDS.each_ref().map(|t| t.option).join(", "))]
pub struct UnknownThreshold(pub String);

impl Threshold {
    /// Finds a threshold by the name of its option, such as `max-ece`.
    ///
    /// # Errors
    /// [`UnknownThreshold`].
    pub fn named(option: &str) -> Result<&'static Self, UnknownThreshold> {
        let found = THRESHOLDS.iter().find(|threshold| threshold.option == option);
        found.ok_or_else(|| UnknownThreshold(option.into()))
    }
}

/// The possible values of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// From 0 to 1.
    Share,
    /// From -1 to 1: a correlation, or a share that may be a gain or a loss.
    SignedShare,
    /// A finite number, 0 or above, in nats.
    Nats,
    /// A finite number, 0 or above.
    NotNegative,
    /// A finite number.
    Finite,
}

/// An optional part of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Pictures of another distribution.
    Ood,
    /// Corrupted pictures.
    Drift,
    /// The FP32 network.
    Fp32,
    /// The FP32 network or recorded predictions.
    Peer,
}

/// The place of a figure in a report.
#[derive(Debug)]
pub(crate) enum Figure {
    /// Among the figures of INT8.
    Int8(fn(&Figures) -> Option<f64>),
    /// In the comparison with each peer.
    Peer(fn(&Pair<'_>) -> Option<f64>),
    /// In the comparison with FP32 under drift.
    Drift(fn(&DriftGaps) -> &Worst),
    /// Among the figures of each target of INT8.
    Target(fn(&RegressionFigures) -> Option<f64>),
    /// In those of each target of INT8 and of FP32.
    TargetGap(fn(&RegressionFigures, &RegressionFigures) -> Option<f64>),
    /// Among the figures of all labels of INT8.
    Labels(fn(&LabelsFigures) -> Option<f64>),
    /// In those of all labels of INT8 and of FP32.
    LabelsGap(fn(&LabelsFigures, &LabelsFigures) -> Option<f64>),
    /// Among the figures of a map of INT8.
    Map(fn(&MapFigures) -> f64),
    /// In those of a map of INT8 and of FP32.
    MapGap(fn(&MapFigures, &MapFigures) -> f64),
    /// Among the rank correlations of a map of INT8 with that of FP32.
    MapRanks(fn(&Ranks) -> f64),
}

/// INT8 and a peer.
pub(crate) struct Pair<'a> {
    int8: &'a Figures,
    peer: &'a Figures,
    comparison: &'a Comparison,
}

/// All thresholds.
#[rustfmt::skip]
pub static THRESHOLDS: [Threshold; 32] = {
    use Domain::{Finite, Nats, NotNegative, Share, SignedShare};
    use Figure::{Drift, Int8, Labels, LabelsGap, Map, MapGap, MapRanks, Peer, Target, TargetGap};
    use Limit::{AtLeast, AtMost};
    [
        row("min-accuracy", AtLeast, Share, &[],
            "Least accuracy, 0 to 1; below it the exit code is 3",
            &[("accuracy", Int8(|f| Some(f.metrics.accuracy))),
              ("accuracy", Labels(|f| Some(f.accuracy))),
              ("accuracy", Map(|f| f.accuracy))]),
        row("max-nll", AtMost, Nats, &[],
            "Most NLL, in nats",
            &[("NLL", Int8(|f| Some(f.metrics.nll))),
              ("NLL", Map(|f| f.nll))]),
        row("max-brier", AtMost, NotNegative, &[],
            "Most Brier score",
            &[("Brier score", Int8(|f| Some(f.metrics.brier))),
              ("Brier score", Labels(|f| Some(f.brier))),
              ("Brier score", Map(|f| f.brier))]),
        row("max-ece", AtMost, Share, &[],
            "Most expected calibration error",
            &[("ECE", Int8(|f| Some(f.metrics.ece))),
              ("ECE", Labels(|f| Some(f.ece))),
              ("ECE", Map(|f| f.ece))]),
        row("max-aurc", AtMost, Share, &[],
            "Most area under the risk-coverage curve",
            &[("AURC", Int8(|f| Some(f.selective.aurc))),
              ("AURC", Map(|f| f.selective.aurc))]),
        row("min-avu", AtLeast, Share, &[],
            "Least accuracy versus uncertainty",
            &[("AvU", Int8(|f| Some(f.avu.avu)))]),
        row("min-ood-auroc", AtLeast, Share, &[Need::Ood],
            "Least AUROC of the examples of --ood, by predictive entropy",
            &[("OOD AUROC", Int8(|f| Some(f.ood.as_ref()?.predictive_entropy.auroc)))]),
        row("min-ood-mi-auroc", AtLeast, Share, &[Need::Ood],
            "Least AUROC of the examples of --ood, by mutual information",
            &[("OOD AUROC by mutual information",
                Int8(|f| Some(f.ood.as_ref()?.mutual_information.auroc)))]),
        row("max-drift-accuracy-loss", AtMost, SignedShare, &[Need::Drift],
            "Most accuracy, 0 to 1, that any corruption of --drift costs",
            &[("accuracy lost to drift", Int8(|f| Some(f.drift_accuracy_loss.as_ref()?.value)))]),
        row("max-accuracy-gap", AtMost, Share, &[Need::Peer],
            "Largest difference of accuracy to any peer (--network, --golden)",
            &[("difference of accuracy to {}",
                Peer(|p| Some((p.int8.metrics.accuracy - p.peer.metrics.accuracy).abs()))),
              ("difference of accuracy to {}",
                LabelsGap(|int8, fp32| Some((int8.accuracy - fp32.accuracy).abs()))),
              ("difference of accuracy to {}",
                MapGap(|int8, fp32| (int8.accuracy - fp32.accuracy).abs()))]),
        row("max-nll-gap", AtMost, NotNegative, &[Need::Peer],
            "Largest difference of NLL to any peer, as a share of the peer's",
            &[("relative difference of NLL to {}",
                Peer(|p| Some((p.int8.metrics.nll / p.peer.metrics.nll - 1.0).abs()))),
              ("relative difference of NLL to {}",
                MapGap(|int8, fp32| (int8.nll / fp32.nll - 1.0).abs()))]),
        row("min-spearman-entropy", AtLeast, SignedShare, &[Need::Peer],
            "Least rank correlation of predictive entropy with any peer",
            &[("rank correlation of predictive entropy with {}",
                Peer(|p| Some(p.comparison.spearman_predictive_entropy))),
              ("rank correlation of predictive entropy with {}", MapRanks(|ranks| ranks.spearman_total))]),
        row("min-spearman-mi", AtLeast, SignedShare, &[Need::Peer],
            "Least rank correlation of mutual information with any peer",
            &[("rank correlation of mutual information with {}",
                Peer(|p| Some(p.comparison.spearman_mutual_information))),
              ("rank correlation of mutual information with {}",
                MapRanks(|ranks| ranks.spearman_epistemic))]),
        row("max-ood-auroc-gap", AtMost, Share, &[Need::Peer, Need::Ood],
            "Largest difference to any peer of the AUROC of --ood, by entropy and by mutual information",
            &[("difference of OOD AUROC to {}",
                Peer(|p| p.ood_gap(|ood| ood.predictive_entropy.auroc))),
              ("difference of OOD AUROC to {} by mutual information",
                Peer(|p| p.ood_gap(|ood| ood.mutual_information.auroc)))]),
        row("max-drift-accuracy-gap", AtMost, Share, &[Need::Fp32, Need::Drift],
            "Largest difference of accuracy to FP32 at any corruption of --drift",
            &[("difference of accuracy to FP32 under drift", Drift(|gaps| &gaps.accuracy))]),
        row("max-drift-entropy-gap", AtMost, NotNegative, &[Need::Fp32, Need::Drift],
            "Largest difference of mean predictive entropy to FP32 at any corruption of --drift, as a \
             share of FP32's",
            &[("relative difference of mean predictive entropy to FP32 under drift",
                Drift(|gaps| &gaps.predictive_entropy))]),
        row("max-rmse", AtMost, NotNegative, &[],
            "Most RMSE of any target of a regression, in its unit",
            &[("RMSE", Target(|f| Some(f.rmse)))]),
        row("max-target-nll", AtMost, Finite, &[],
            "Most NLL of any target, of the mixture of all samples, in nats",
            &[("NLL", Target(|f| f.mixture.nll))]),
        row("max-crps", AtMost, NotNegative, &[],
            "Most CRPS of any target, of the mixture of all samples, in its unit",
            &[("CRPS", Target(|f| f.mixture.crps))]),
        row("min-coverage", AtLeast, Share, &[],
            "Least coverage of the 95 % intervals of any target, 0 to 1",
            &[("coverage of 95 % intervals", Target(|f| Some(f.coverage_95())))]),
        row("max-calibration-error", AtMost, Share, &[],
            "Most calibration error of any target",
            &[("calibration error", Target(|f| Some(f.calibration_error)))]),
        row("max-rmse-gap", AtMost, NotNegative, &[Need::Fp32],
            "Largest difference of RMSE to FP32, as a share of FP32's, of any target",
            &[("relative difference of RMSE to {}",
                TargetGap(|int8, fp32| Some((int8.rmse / fp32.rmse - 1.0).abs())))]),
        row("max-target-nll-gap", AtMost, NotNegative, &[Need::Fp32],
            "Largest difference of NLL to FP32, in nats, of any target",
            &[("difference of NLL to {}",
                TargetGap(|int8, fp32| Some((int8.mixture.nll? - fp32.mixture.nll?).abs())))]),
        row("max-coverage-gap", AtMost, Share, &[Need::Fp32],
            "Largest difference of the coverage of 95 % intervals to FP32, of any target",
            &[("difference of coverage to {}",
                TargetGap(|int8, fp32| Some((int8.coverage_95() - fp32.coverage_95()).abs())))]),
        row("min-average-precision", AtLeast, Share, &[],
            "Least mean average precision of labels",
            &[("average precision", Labels(|f| f.average_precision))]),
        row("min-auroc", AtLeast, Share, &[],
            "Least mean AUROC of labels",
            &[("AUROC", Labels(|f| f.auroc))]),
        row("max-log-loss", AtMost, Nats, &[],
            "Most mean log loss of labels, in nats",
            &[("log loss", Labels(|f| Some(f.log_loss)))]),
        row("min-mean-iou", AtLeast, Share, &[],
            "Least mean intersection over union of the classes of a map",
            &[("mean IoU", Map(|f| f.mean_iou))]),
        row("min-error-auroc", AtLeast, Share, &[],
            "Least AUROC of the wrong positions of a map, by predictive entropy",
            &[("AUROC of errors", Map(|f| f.error_detection.predictive_entropy.auroc))]),
        row("min-pavpu", AtLeast, Share, &[],
            "Least PAvPU of a map: accurate and certain, or inaccurate and uncertain",
            &[("PAvPU", Map(|f| f.patches.pavpu))]),
        row("max-mean-iou-gap", AtMost, Share, &[Need::Fp32],
            "Largest difference to FP32 of the mean intersection over union of a map",
            &[("difference of mean IoU to {}",
                MapGap(|int8, fp32| (int8.mean_iou - fp32.mean_iou).abs()))]),
        row("max-error-auroc-gap", AtMost, Share, &[Need::Fp32],
            "Largest difference to FP32 of the AUROC of the wrong positions of a map",
            &[("difference of the AUROC of errors to {}",
                MapGap(|int8, fp32| {
                    let auroc = |map: &MapFigures| map.error_detection.predictive_entropy.auroc;
                    (auroc(int8) - auroc(fp32)).abs()
                }))]),
    ]
};

const fn row(
    option: &'static str,
    limit: fn(f64) -> Limit,
    domain: Domain,
    needs: &'static [Need],
    help: &'static str,
    figures: &'static [(&'static str, Figure)],
) -> Threshold {
    Threshold { option, help, limit, domain, needs, figures }
}

impl Pair<'_> {
    /// The difference of a figure of [`OutOfDistribution`].
    fn ood_gap(&self, figure: fn(&OutOfDistribution) -> f64) -> Option<f64> {
        Some((figure(self.int8.ood.as_ref()?) - figure(self.peer.ood.as_ref()?)).abs())
    }
}

/// The place of a verdict in a report: lower limits come first. In each half come the figures of INT8,
/// those of each peer, then those under drift.
type Place = (bool, Part);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Int8,
    Peer(usize),
    AnyPeer,
    Drift,
}

/// The limits in the order of the table, whatever their own order.
pub(crate) fn given(
    limits: &[(&Threshold, f64)],
) -> impl Iterator<Item = (&'static Threshold, Limit)> {
    THRESHOLDS.iter().flat_map(|row| {
        let mut of_row = limits.iter().filter(|(threshold, _)| threshold.option == row.option);
        of_row.next_back().map(|&(_, limit)| (row, (row.limit)(limit)))
    })
}

/// The verdicts on a report under limits.
pub(crate) fn verdicts(report: &Report, limits: &[(&Threshold, f64)]) -> Vec<Verdict> {
    let mut verdicts: Vec<(Place, Verdict)> = given(limits)
        .flat_map(|(threshold, limit)| {
            let found = threshold.found(report).into_iter();
            let place = move |part| (matches!(limit, Limit::AtMost(_)), part);
            found.map(move |(part, name, found)| (place(part), Verdict::new(name, found, limit)))
        })
        .collect();
    verdicts.sort_by(|(a, _), (b, _)| a.cmp(b));
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

impl Threshold {
    /// The values of the figure in a report; NaN if it has none.
    fn found(&self, report: &Report) -> Vec<(Part, String, f64)> {
        let mut found = Vec::new();
        for (name, figure) in self.figures {
            match figure {
                Figure::Int8(value) => {
                    let value = value(&report.int8).unwrap_or(f64::NAN);
                    found.push((Part::Int8, name.to_string(), value));
                }
                Figure::Drift(worst) => {
                    let gaps = report.fp32.as_ref().and_then(|peer| peer.drift_gaps.as_ref());
                    let value = gaps.map_or(f64::NAN, |gaps| worst(gaps).value);
                    found.push((Part::Drift, name.to_string(), value));
                }
                Figure::Peer(value) => {
                    found.extend(report.peers().enumerate().filter_map(|(index, (peer, with))| {
                        let [int8, theirs] = report.comparable(with);
                        let pair = Pair { int8, peer: theirs, comparison: &with.comparison };
                        let name = name.replace("{}", &named(peer, with));
                        Some((Part::Peer(index), name, value(&pair)?))
                    }));
                }
                // Those of other heads.
                Figure::Target(_)
                | Figure::TargetGap(_)
                | Figure::Labels(_)
                | Figure::LabelsGap(_)
                | Figure::Map(_)
                | Figure::MapGap(_)
                | Figure::MapRanks(_) => {}
            }
        }
        if let (true, [(name, _), ..]) = (found.is_empty(), self.figures) {
            found.push((Part::AnyPeer, name.replace("{}", "any peer"), f64::NAN));
        }
        found
    }
}

/// The name of a peer in that of a threshold, with the samples that are compared unless they are all.
fn named(name: &str, peer: &Peer) -> String {
    match peer.compared.is_whole() {
        true => name.into(),
        false => format!("{name} ({})", peer.compared.text()),
    }
}
