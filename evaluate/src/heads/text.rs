//! An evaluation of targets, labels or a map as text for a terminal.

use super::figure_table::{Row, figures, lines};
use super::figures::{HeadAgreement, HeadFigures, LabelsReport, Ranks, TargetFigures};
use super::map_text;
use super::report::HeadReport;
use crate::conformal::{ConformalPart, ConformalReport};
use crate::metrics::LabelFigures;
use crate::metrics::regression::INTERVAL_LEVELS;
use crate::report::Fp32Noise;
use crate::style::{Style, counted, four_places, printable};
use crate::table::{Align, Table};
use crate::verdict;

impl HeadReport {
    /// Returns tables of all figures, under the model's name.
    pub fn text(&self, style: Style) -> String {
        let mut text = format!("{}\n", style.bold(&printable(self.model.name())));
        text.push_str(&format!("{}\n", style.dim(&self.run())));
        text.push_str(&tables(&self.sides(), style));
        if let Some(fp32) = &self.fp32 {
            let noise = match fp32.noise {
                Fp32Noise::Own => "",
                Fp32Noise::Int8 => ", with the same noise",
            };
            let samples = counted(self.samples, "sample");
            let title = format!("INT8 against FP32, {samples} each{noise}");
            text.push_str(&format!("\n{}\n", style.bold(&title)));
            text.push_str(&agreement(&fp32.agreement));
        }
        if let Some(conformal) = &self.conformal {
            text.push_str(&conformal.text(style));
        }
        if !self.thresholds.is_empty() {
            text.push_str(&format!("\n{}\n", verdict::summary(&self.thresholds)));
        }
        text
    }

    /// The examples and samples, what varies, and the speed.
    fn run(&self) -> String {
        let Self { output, examples, samples, seed, kernel, threads, seconds, randomness, .. } =
            self;
        format!(
            "{}, {} each, seed {seed}; output {} ({})\nvaries: {randomness}\n{:.1} examples/s: \
             {seconds:.2} s, {kernel}, {}",
            counted(*examples as u64, "example"),
            counted(*samples, "sample"),
            printable(output),
            self.head,
            *examples as f64 / seconds,
            counted(*threads as u64, "thread")
        )
    }
}

/// The figures of the models; INT8 is first.
pub(super) fn tables(sides: &[(&'static str, &HeadFigures)], style: Style) -> String {
    let mut text = String::new();
    let Some((_, int8)) = sides.first() else { return text };
    for index in 0..int8.targets().len() {
        let targets = sides.iter().map(|(name, figures)| (*name, &figures.targets()[index]));
        text.push_str(&target(&targets.collect::<Vec<_>>(), style));
    }
    let labels = sides.iter().filter_map(|(name, figures)| Some((*name, figures.labels()?)));
    let labels: Vec<_> = labels.collect();
    if let [(_, int8), ..] = &labels[..] {
        text.push_str(&means(&labels, style));
        text.push_str(&each_label(int8, style));
    }
    let maps = sides.iter().filter_map(|(name, figures)| Some((*name, figures.map()?)));
    text.push_str(&map_text::tables(&maps.collect::<Vec<_>>(), style));
    text
}

/// The figures of one target.
fn target(models: &[(&str, &TargetFigures)], style: Style) -> String {
    let (names, figures_of): (Vec<&str>, Vec<&TargetFigures>) = models.iter().copied().unzip();
    let Some(first) = figures_of.first() else { return String::new() };
    let unit = printable(&first.unit);
    let in_unit = |what: &str| match unit.as_str() {
        "" => what.to_string(),
        unit if what.is_empty() => unit.to_string(),
        unit => format!("{unit}, {what}"),
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut push = |name: &str, note: String, value: &dyn Fn(&TargetFigures) -> Option<f64>| {
        let values: Vec<_> = figures_of.iter().map(|of| value(of)).collect();
        rows.push((name.into(), note, values));
    };
    push("RMSE", in_unit("root mean squared error"), &|f| Some(f.figures.rmse));
    push("MAE", in_unit("mean absolute error"), &|f| Some(f.figures.mae));
    push("NLL", "nats, of the mixture of all samples".into(), &|f| f.figures.mixture.nll);
    push("CRPS", in_unit("of the mixture of all samples"), &|f| f.figures.mixture.crps);
    push("Gaussian NLL", "nats, of mean and total std alone".into(), &|f| f.figures.gaussian.nll);
    push("Gaussian CRPS", in_unit("of mean and total std alone"), &|f| f.figures.gaussian.crps);
    for (i, level) in INTERVAL_LEVELS.into_iter().enumerate() {
        let of = format!("{:.0} % intervals", 100.0 * level);
        push("coverage", format!("of {of}"), &|f| Some(f.figures.mixture.intervals[i].coverage));
        push("width", in_unit(&of), &|f| Some(f.figures.mixture.intervals[i].width));
    }
    push("calibration error", "of quantiles, 0 to 1".into(), &|f| {
        Some(f.figures.calibration_error)
    });
    push("AUSE", "sparsification error, 0 is perfect".into(), &|f| {
        Some(f.figures.sparsification.ause)
    });
    push("total", in_unit("mean standard deviation"), &|f| Some(f.figures.mean_total));
    push("aleatoric", in_unit("mean noise of the data"), &|f| Some(f.figures.mean_aleatoric));
    push("epistemic", in_unit("mean doubt of the model"), &|f| Some(f.figures.mean_epistemic));
    if first.ood.is_some() {
        push("OOD total AUROC", "by total std".into(), &|f| Some(f.ood.as_ref()?.total.auroc));
        push("OOD epist. AUROC", "by epistemic std".into(), &|f| {
            Some(f.ood.as_ref()?.epistemic.auroc)
        });
    }
    let title = match unit.as_str() {
        "" => printable(&first.name),
        unit => format!("{}, in {unit}", printable(&first.name)),
    };
    format!("\n{}\n{}", style.bold(&title), figures(&names, rows, style))
}

/// The means over all labels.
fn means(models: &[(&str, &LabelsReport)], style: Style) -> String {
    let (names, reports): (Vec<&str>, Vec<&LabelsReport>) = models.iter().copied().unzip();
    let mut rows: Vec<Row> = Vec::new();
    let mut push = |name: &str, note: &str, value: fn(&LabelsReport) -> Option<f64>| {
        rows.push((name.into(), note.into(), reports.iter().map(|of| value(of)).collect()));
    };
    push("avg. precision", "mean of the labels that have one", |f| f.figures.average_precision);
    push("AUROC", "mean of the labels that have one", |f| f.figures.auroc);
    push("Brier score", "0 is perfect, 1 the worst", |f| Some(f.figures.brier));
    push("ECE", "expected calibration error", |f| Some(f.figures.ece));
    push("accuracy", "share of right answers", |f| Some(f.figures.accuracy));
    push("log loss", "nats, of a label", |f| Some(f.figures.log_loss));
    push("total", "nats, mean predictive entropy of a label", |f| Some(f.mean_predictive_entropy));
    push("aleatoric", "nats, mean expected entropy of a label", |f| Some(f.mean_expected_entropy));
    push("epistemic", "nats, mean mutual information of a label", |f| {
        Some(f.mean_mutual_information)
    });
    if reports.first().is_some_and(|report| report.ood.is_some()) {
        push("OOD total AUROC", "by the mean predictive entropy", |f| {
            Some(f.ood.as_ref()?.total.auroc)
        });
        push("OOD epist. AUROC", "by the mean mutual information", |f| {
            Some(f.ood.as_ref()?.epistemic.auroc)
        });
    }
    format!("\n{}\n{}", style.bold("Means of all labels"), figures(&names, rows, style))
}

/// The figures of each label of INT8.
fn each_label(report: &LabelsReport, style: Style) -> String {
    let mut columns = vec![("label", Align::Left)];
    let names =
        ["positives", "avg. precision", "AUROC", "Brier score", "ECE", "accuracy", "log loss"];
    columns.extend(names.map(|name| (name, Align::Right)));
    let mut table = Table::new(&columns);
    for (name, label) in report.names.iter().zip(&report.figures.labels) {
        let LabelFigures { positives, average_precision, auroc, .. } = *label;
        let or_dash = |value: Option<f64>| four_places(value.unwrap_or(f64::NAN));
        table.push(vec![
            printable(name),
            positives.to_string(),
            or_dash(average_precision),
            or_dash(auroc),
            four_places(label.brier),
            four_places(label.ece),
            format!("{:.2} %", 100.0 * label.accuracy),
            four_places(label.log_loss),
        ]);
    }
    format!("\n{}\n{}", style.bold("Labels, INT8"), lines(&table, style))
}

/// How far INT8 and FP32 agree, in lines.
pub(super) fn agreement(HeadAgreement { same_class, ranks }: &HeadAgreement) -> String {
    let same = same_class.iter().map(|same| format!("same class: {:.2} %\n", 100.0 * same));
    let ranks = ranks.iter().map(|Ranks { target, spearman_total, spearman_epistemic }| {
        let of = target.as_ref().map_or(String::new(), |name| format!(" of {}", printable(name)));
        format!(
            "rank correlation{of}: total uncertainty {}, epistemic {}\n",
            four_places(*spearman_total),
            four_places(*spearman_epistemic)
        )
    });
    same.chain(ranks).collect()
}

impl ConformalReport {
    /// The thresholds and their coverage, as a table.
    pub(crate) fn text(&self, style: Style) -> String {
        let title = format!("Conformal prediction: {}, alpha {}", self.method, self.alpha);
        let note = format!(
            "{}, {} each; a threshold is for this number of samples",
            counted(self.calibration_examples as u64, "calibration example"),
            counted(self.samples, "sample")
        );
        let mut table = Table::new(&[
            ("", Align::Left),
            ("threshold", Align::Right),
            ("covered", Align::Right),
            ("coverage", Align::Right),
            ("allowed", Align::Right),
            ("mean size", Align::Right),
            ("", Align::Left),
        ]);
        for part in &self.parts {
            let ConformalPart { name, unit, threshold, coverage, bounds, ties } = part;
            table.push(vec![
                name.as_ref().map_or("classes".into(), |name| printable(name)),
                four_places(*threshold),
                format!("{} of {}", coverage.covered, coverage.examples),
                format!("{:.2} %", 100.0 * coverage.coverage),
                match ties {
                    true => format!("at least {}", bounds.lower),
                    false => format!("{} to {}", bounds.lower, bounds.upper),
                },
                four_places(coverage.mean_size),
                printable(unit),
            ]);
        }
        if let Some(map) = &self.map {
            table.push(vec![
                "positions".into(),
                four_places(map.threshold),
                format!("mean of {}", counted(map.examples as u64, "picture")),
                format!("{:.2} %", 100.0 * map.coverage),
                format!("at least {:.2} %", 100.0 * map.lower),
                four_places(map.mean_size),
                String::new(),
            ]);
        }
        let caution = self.caution().map_or(String::new(), |text| format!("warning: {text}\n"));
        let (title, note) = (style.bold(&title), style.dim(&note));
        format!("\n{title}\n{note}\n{}{caution}", lines(&table, style))
    }
}
