//! A page for targets, labels or a map.

use maud::{Markup, html};

use super::parts::percent;
use super::{
    conformal, document, facts_of_run, labels, maps, model_facts, regression, reproduce, section,
};
use crate::heads::{
    HeadAgreement, HeadFigures, HeadReport, LabelsReport, Ranks, TargetFigures, Truth,
    UncertaintyDetection,
};
use crate::metrics::ReliabilityBin;
use crate::metrics::regression::{CalibrationPoint, RegressionFigures, Sparsification};
use crate::model_report::ModelReport;
use crate::style::{counted, four_places};

impl HeadReport {
    /// Returns one HTML page with diagrams, without scripts, other files or network access.
    pub fn html(&self) -> String {
        let file_bytes = self.provenance.files.first().map_or(0, |model| model.bytes as usize);
        let model = ModelReport::new(&self.model, file_bytes);
        document(&model, summary(self), tiles(self), sections(self, &model))
    }
}

fn summary(report: &HeadReport) -> String {
    let HeadReport { output, head, examples, samples, seed, .. } = report;
    format!(
        "{}, {} each, seed {seed}. Output {output}, of the head {head}.",
        counted(*examples as u64, "example"),
        counted(*samples, "Monte-Carlo sample"),
    )
}

/// The most important figures.
fn tiles(report: &HeadReport) -> Markup {
    let mut values: Vec<(String, String)> = Vec::new();
    if let [target] = report.int8.targets() {
        let RegressionFigures { rmse, mixture, .. } = &target.figures;
        values.push((format!("RMSE {}", target.unit), four_places(*rmse)));
        values.push(("NLL".into(), mixture.nll.map_or("–".into(), four_places)));
        values.push(("coverage of 95 %".into(), percent(target.figures.coverage_95())));
        values.push((
            format!("epistemic {}", target.unit),
            four_places(target.figures.mean_epistemic),
        ));
    }
    if let Some(labels) = report.int8.labels() {
        let or_dash = |value: Option<f64>| value.map_or("–".into(), four_places);
        values.push(("average precision".into(), or_dash(labels.figures.average_precision)));
        values.push(("AUROC".into(), or_dash(labels.figures.auroc)));
        values.push(("log loss".into(), four_places(labels.figures.log_loss)));
        values.push(("ECE".into(), four_places(labels.figures.ece)));
    }
    if let Some(map) = report.int8.map() {
        values.push(("pixel accuracy".into(), percent(map.accuracy)));
        values.push(("mean IoU".into(), four_places(map.mean_iou)));
        values.push(("NLL".into(), four_places(map.nll)));
        values.push(("ECE".into(), four_places(map.ece)));
        let auroc = map.error_detection.predictive_entropy.auroc;
        values.push(("AUROC of errors".into(), four_places(auroc)));
    }
    html! { dl.tiles { @for (name, value) in &values { div { dt { (name) } dd { strong { (value) } } } } } }
}

fn sections(report: &HeadReport, model: &ModelReport) -> Markup {
    let sides = report.sides();
    html! {
        @if !report.thresholds.is_empty() {
            (section("thresholds", "Thresholds", "", super::thresholds(&report.thresholds)))
        }
        @for index in 0..report.int8.targets().len() {
            @let models: Vec<_> =
                sides.iter().map(|(name, figures)| (*name, &figures.targets()[index])).collect();
            (target(report, index, &models))
        }
        @if let Some(int8) = report.int8.labels() { (section("labels", "Labels", "", html! {
            @for (name, figures) in &sides { @if let Some(of) = figures.labels() {
                (labels::figures(name, &of.names, &of.figures))
            } }
            (labels::reliability(&bins(&sides)))
            (label_uncertainty(int8))
        })) }
        (maps::sections(report))
        @if let Some(fp32) = &report.fp32 {
            (section("peers", "INT8 against FP32", "Whether both order the examples, or the positions of \
                maps, alike by their uncertainty: Spearman's rank correlation.", agreement(&fp32.agreement)))
        }
        @if let Some(report) = &report.conformal { (conformal::section(report)) }
        (section("model", "Model", "", model_facts(model)))
        (reproduce(&report.provenance, &facts_of_run(
            &report.model_digest,
            report.kernel,
            report.threads,
            report.seconds,
            report.fp32.as_ref().map(|peer| peer.seconds),
        )))
    }
}

/// The reliability diagrams of models of labels.
fn bins<'a>(sides: &[(&'a str, &'a HeadFigures)]) -> Vec<(&'a str, &'a [ReliabilityBin])> {
    let labels = sides.iter().filter_map(|(name, of)| Some((*name, of.labels()?)));
    labels.map(|(name, of)| (name, &of.reliability[..])).collect()
}

/// The section of a target.
fn target(report: &HeadReport, index: usize, models: &[(&str, &TargetFigures)]) -> Markup {
    let int8 = &report.int8.targets()[index];
    let truth = match &report.truth {
        Truth::Targets(values) => values.column(index).to_vec(),
        Truth::Classes(_) | Truth::Labels(_) | Truth::Map(_) => Vec::new(),
    };
    let predicted = regression::Predicted {
        truth: &truth,
        means: &int8.means,
        errors: &int8.uncertainty.total,
    };
    let id = format!("target-{index}");
    let figures: Vec<(&str, &RegressionFigures)> =
        models.iter().map(|(name, of)| (*name, &of.figures)).collect();
    let calibration: Vec<(&str, &[CalibrationPoint])> =
        figures.iter().map(|(name, of)| (*name, &of.interval_calibration[..])).collect();
    let sparsification: Vec<(&str, &Sparsification)> =
        figures.iter().map(|(name, of)| (*name, &of.sparsification)).collect();
    let content = html! {
        (regression::figures(&figures, &int8.unit))
        @if let Some(ood) = &int8.ood { (detection(ood, "standard deviation")) }
        (regression::predicted_against_true(&id, &predicted, "total standard deviation"))
        div.pair {
            div { (regression::interval_calibration(&id, &calibration)) }
            div { (regression::sparsification(&id, &sparsification)) }
        }
    };
    section(&id, &int8.name, "", content)
}

fn label_uncertainty(labels: &LabelsReport) -> Markup {
    html! {
        p {
            "Mean uncertainty of a label, in nats: total " (four_places(labels.mean_predictive_entropy))
            ", aleatoric " (four_places(labels.mean_expected_entropy))
            ", epistemic " (four_places(labels.mean_mutual_information)) "."
        }
        @if let Some(ood) = &labels.ood { (detection(ood, "entropy")) }
    }
}

/// How well examples of another distribution are told from the others by `what`.
fn detection(ood: &UncertaintyDetection, what: &str) -> Markup {
    html! { p {
        (counted(ood.examples as u64, "example")) " of another distribution: AUROC "
        (four_places(ood.total.auroc)) " by total " (what) ", "
        (four_places(ood.epistemic.auroc)) " by its epistemic part."
    } }
}

fn agreement(HeadAgreement { same_class, ranks }: &HeadAgreement) -> Markup {
    let all = if same_class.is_some() { "all positions" } else { "all labels" };
    html! {
        @if let Some(same) = same_class { p { "Both predict the same class for " (percent(*same)) " of all positions." } }
        div.scroll { table {
        thead { tr {
            th scope="col" { "of" }
            th.number scope="col" { "total uncertainty" }
            th.number scope="col" { "epistemic" }
        } }
        tbody { @for Ranks { target, spearman_total, spearman_epistemic } in ranks { tr {
            th scope="row" { (target.as_deref().unwrap_or(all)) }
            td.number { (four_places(*spearman_total)) }
            td.number { (four_places(*spearman_epistemic)) }
        } } }
    } } }
}
