//! Figures side by side, as table rows.

use crate::compared::Compared;
use crate::figures::Figures;
use crate::metrics::{COVERAGES, Metrics};
use crate::report::Report;

/// A figure of all models that have it.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Its meaning in a few words.
    pub(crate) note: &'static str,
    /// One text for each of [`Report::sides`]; empty if the model lacks the figure.
    pub(crate) cells: Vec<String>,
    /// INT8 minus the first peer, with the samples of [`crate::report::Peer::compared`], if both have the
    /// figure.
    pub(crate) difference: Option<String>,
}

#[derive(Clone, Copy)]
enum Unit {
    /// A share, shown in percent; its differences are in points.
    Share,
    Plain,
}

type Value = fn(&Figures) -> Option<f64>;

/// The table of all figures.
pub(crate) fn rows(report: &Report) -> Vec<Row> {
    use Unit::{Plain, Share};
    let rows: [(&str, &str, Unit, Value); 20] = [
        ("accuracy", "share of right predictions", Share, |f| Some(f.metrics.accuracy)),
        ("NLL", "nats, negative log-likelihood of the labels", Plain, |f| Some(f.metrics.nll)),
        ("Brier score", "0 is perfect, 2 the worst", Plain, |f| Some(f.metrics.brier)),
        ("ECE", "expected calibration error", Plain, |f| Some(f.metrics.ece)),
        ("total", "nats, mean predictive entropy", Plain, |f| {
            Some(f.metrics.mean_predictive_entropy)
        }),
        ("aleatoric", "nats, mean expected entropy", Plain, |f| {
            Some(f.metrics.mean_expected_entropy)
        }),
        ("epistemic", "nats, mean mutual information", Plain, |f| {
            Some(f.metrics.mean_mutual_information)
        }),
        ("members differ", "pairs of members with another class", Share, |f| {
            Some(f.member_disagreement?.classes)
        }),
        ("members' distance", "total variation between two members", Plain, |f| {
            Some(f.member_disagreement?.total_variation)
        }),
        ("AvU", "right and sure, or wrong and unsure", Plain, |f| Some(f.avu.avu)),
        ("AvU threshold", "nats, above is unsure", Plain, |f| Some(f.avu.threshold)),
        ("AURC", "area under risk and coverage", Plain, |f| Some(f.selective.aurc)),
        ("OOD total AUROC", "by predictive entropy", Plain, |f| {
            Some(f.ood.as_ref()?.predictive_entropy.auroc)
        }),
        ("OOD total AUPR", "", Plain, |f| Some(f.ood.as_ref()?.predictive_entropy.aupr)),
        ("OOD total FPR", "at 95 % TPR", Share, |f| {
            Some(f.ood.as_ref()?.predictive_entropy.fpr_at_95_tpr)
        }),
        ("OOD epist. AUROC", "by mutual information", Plain, |f| {
            Some(f.ood.as_ref()?.mutual_information.auroc)
        }),
        ("OOD epist. AUPR", "", Plain, |f| Some(f.ood.as_ref()?.mutual_information.aupr)),
        ("OOD epist. FPR", "at 95 % TPR", Share, |f| {
            Some(f.ood.as_ref()?.mutual_information.fpr_at_95_tpr)
        }),
        ("mean weights", "accuracy of the deterministic network", Share, |f| {
            mean_of(f, |m| m.accuracy)
        }),
        ("mean weights NLL", "nats", Plain, |f| mean_of(f, |m| m.nll)),
    ];
    let mut table: Vec<Row> = rows
        .into_iter()
        .filter_map(|(name, note, unit, value)| row(report, name.into(), note, unit, value))
        .collect();
    let after_aurc = table.iter().position(|row| row.name == "AURC").map_or(0, |at| at + 1);
    let risks = (0..COVERAGES.len()).rev().filter_map(|i| {
        let name = format!("wrong of {:.0} %", 100.0 * COVERAGES[i]);
        let risk = |f: &Figures| Some(f.selective.risk[i]);
        row(report, name, "of predictions that are surest", Share, risk)
    });
    table.splice(after_aurc..after_aurc, risks);
    table.splice(0..0, samples(report));
    table
}

/// The numbers of samples, if there are several models.
fn samples(report: &Report) -> Option<Row> {
    let (_, peer) = report.peers().next()?;
    let text = |samples: Option<u32>| samples.map_or("unknown".into(), |n| n.to_string());
    let Compared { int8_samples, peer_samples, .. } = &peer.compared;
    let compared = match peer.compared.is_fair() {
        true if peer.compared.is_whole() => int8_samples.to_string(),
        true => format!("first {int8_samples}"),
        false => format!("{int8_samples} - {}", text(*peer_samples)),
    };
    Some(Row {
        name: "samples".into(),
        note: "Monte-Carlo samples of each picture",
        cells: report.sides().iter().map(|side| text(side.samples)).collect(),
        difference: Some(compared),
    })
}

fn mean_of(figures: &Figures, part: fn(&Metrics) -> f64) -> Option<f64> {
    figures.mean_weights.as_ref().map(part)
}

/// Returns `None` if no model has the figure.
fn row(
    report: &Report,
    name: String,
    note: &'static str,
    unit: Unit,
    value: impl Fn(&Figures) -> Option<f64>,
) -> Option<Row> {
    let values: Vec<Option<f64>> = report.sides().iter().map(|side| value(side.figures)).collect();
    if values.iter().all(Option::is_none) {
        return None;
    }
    let text = |value: Option<f64>| match (value, unit) {
        (None, _) => String::new(),
        (Some(value), _) if value.is_nan() => "-".into(),
        (Some(value), Unit::Share) => format!("{:.2} %", 100.0 * value),
        (Some(value), Unit::Plain) => format!("{value:.4}"),
    };
    let peer = report.peers().next();
    let compared = peer.map(|(_, peer)| report.comparable(peer).map(&value));
    let difference = match compared {
        Some([Some(int8), Some(peer)]) if !int8.is_nan() && !peer.is_nan() => Some(match unit {
            Unit::Share => format!("{:+.2}", 100.0 * (int8 - peer)),
            Unit::Plain => format!("{:+.4}", int8 - peer),
        }),
        _ => None,
    };
    Some(Row { name, note, cells: values.into_iter().map(text).collect(), difference })
}
