//! An evaluation as one HTML page without scripts, other files or network access.
//!
//! [`regression`] and [`labels`] are parts for such pages; they need the page's style sheet.

mod confidence;
mod conformal;
mod glossary;
mod heads;
pub mod labels;
mod maps;
mod parts;
mod plots;
pub mod regression;
mod svg;

use bayes8_core::model::Values;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::compared::Compared;
use crate::metrics::{Difference, DriftGaps, Worst};
use crate::model_report::{ClassNames, Evidence, ModelReport};
use crate::provenance::Provenance;
use crate::report::{Peer, Report};
use crate::rows::rows;
use crate::style::{bytes, counted, four_places, thousands};
use crate::verdict::{self, Limit, Verdict};
use parts::{percent, section};

impl Report {
    /// Returns one HTML page with diagrams, without scripts, other files or network access.
    pub fn html(&self) -> String {
        let file_bytes = self.provenance.files.first().map_or(0, |model| model.bytes as usize);
        page(self, &ModelReport::new(&self.model, file_bytes))
    }
}

fn page(evaluation: &Report, model: &ModelReport) -> String {
    document(model, summary(evaluation, model), tiles(evaluation), sections(evaluation, model))
}

/// A whole page about a model.
fn document(model: &ModelReport, lead: String, tiles: Markup, sections: Markup) -> String {
    let title = format!("{}: evaluation of an INT8 Bayesian neural network", model.model);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    p.kicker { "bayes8 evaluation" }
                    h1 { (model.model) }
                    p.lead { (lead) }
                    (tiles)
                }
                main { (sections) }
            }
        }
    };
    page.into_string()
}

fn sections(evaluation: &Report, model: &ModelReport) -> Markup {
    let has_peers = evaluation.peers().next().is_some();
    html! {
        @if !evaluation.thresholds.is_empty() {
            (section("thresholds", "Thresholds", "", thresholds(&evaluation.thresholds)))
        }
        (section("figures", "Figures", "", figures(evaluation)))
        @if has_peers {
            (section(
                "peers",
                "INT8 against FP32",
                &peers_introduction(evaluation),
                peers(evaluation),
            ))
        }
        (section(
            "calibration",
            "Calibration",
            "When a calibrated model says 80 %, it is right four times in five: its bars end on the \
             dashed line.",
            plots::reliability(evaluation),
        ))
        (section(
            "abstention",
            "Answering only when sure",
            "Examples in the order of their predictive entropy. Wrong predictions should be unsure; \
             the curve then falls to the left.",
            plots::selective(evaluation),
        ))
        @if evaluation.int8.ood.is_some() {
            (section(
                "ood",
                "Examples of another distribution",
                "The model should be less sure of them than of the labelled ones. As the threshold of \
                 uncertainty falls, more of them are found (true positives), and more labelled ones are \
                 taken for them (false positives). On the dashed line the uncertainty is useless.",
                plots::ood(evaluation),
            ))
        }
        @if !evaluation.int8.drift.is_empty() {
            (section(
                "drift",
                "Drift of the input",
                &format!(
                    "The same pictures, corrupted. As accuracy falls, an honest model becomes \
                     unsure. {}",
                    drift_summary(evaluation)
                ),
                plots::drift(evaluation),
            ))
        }
        (section(
            "convergence",
            "How many samples are enough",
            "The samples of this run, cut into disjoint ranges of 1, 2, 4, … samples. Each range is \
             an independent prediction, and their spread is the standard error of one. With fewer \
             than four ranges, it is the standard error at half the samples, divided by the root of \
             two. Error bars reach one standard error to each side.",
            plots::convergence(evaluation),
        ))
        @if let Some(report) = &evaluation.conformal { (conformal::section(report)) }
        (section("model", "Model", "", model_facts(model)))
        (reproduce(&evaluation.provenance, &run_facts(evaluation)))
        (section("meaning", "What the figures mean", "", glossary::markup()))
    }
}

/// Names with their values.
fn facts(facts: &[(&str, String)]) -> Markup {
    html! { dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } } }
}

fn summary(evaluation: &Report, model: &ModelReport) -> String {
    let Report { pictures, samples, seed, kernel, seconds, .. } = evaluation;
    format!(
        "{} of {} classes, {} each, seed {seed}. {:.0} examples per second on {} with kernel {kernel}.",
        counted(*pictures as u64, "labelled example"),
        model.classes.as_ref().map_or(0, |classes| classes.count),
        counted(*samples, "Monte-Carlo sample"),
        *pictures as f64 / seconds,
        counted(evaluation.threads as u64, "thread"),
    )
}

/// The most important figures, with those of the first peer.
fn tiles(evaluation: &Report) -> Markup {
    const SHOWN: [&str; 6] = ["accuracy", "NLL", "ECE", "total", "epistemic", "OOD total AUROC"];
    let peer = evaluation.peers().next();
    let rows = rows(evaluation);
    html! { dl.tiles {
        @for row in rows.iter().filter(|row| SHOWN.contains(&row.name.as_str())) { div {
            dt { (row.name) }
            dd { strong { (row.cells[0]) }
                @if let (Some((name, peer)), Some(difference)) = (peer, &row.difference) {
                    span {
                        @if peer.compared.is_whole() { (row.cells[1]) " " (name) ", " (difference) }
                        @else { (difference) " to " (name) ", " (peer.compared.text()) }
                    }
                }
            }
        } }
    } }
}

fn thresholds(verdicts: &[Verdict]) -> Markup {
    html! {
        p { (verdict::summary(verdicts)) }
        div.scroll { table {
            thead { tr { th scope="col" { "figure" } th.number scope="col" { "found" }
                th.number scope="col" { "allowed" } th scope="col" { "verdict" } } }
            tbody { @for verdict in verdicts { tr {
                th scope="row" { (verdict.name) }
                td.number { (four_places(verdict.found)) }
                td.number { @match verdict.limit {
                    Limit::AtLeast(least) => { "at least " (least) }
                    Limit::AtMost(most) => { "at most " (most) }
                } }
                @if verdict.kept { td.kept { "✓ kept" } } @else { td.missed { "✗ missed" } }
            } } }
        } }
    }
}

fn figures(evaluation: &Report) -> Markup {
    let sides = evaluation.sides();
    html! { div.scroll { table {
        thead { tr { th scope="col" { "figure" }
            @for side in &sides { th.number scope="col" { (side.name) } }
            @if sides.len() > 1 { th.number scope="col" { "INT8 − " (sides[1].name) } }
            th scope="col" { "meaning" } } }
        tbody { @for row in rows(evaluation) { tr {
            th scope="row" { (row.name) }
            @for cell in &row.cells { td.number { (cell) } }
            @if sides.len() > 1 { td.number { (row.difference.unwrap_or_default()) } }
            td.note { (row.note) }
        } } }
    } } }
}

fn peers(evaluation: &Report) -> Markup {
    html! { @for (name, peer) in evaluation.peers() { (comparison(name, peer)) } }
}

fn peers_introduction(evaluation: &Report) -> String {
    let fp32 = evaluation.fp32.as_ref().map(|_| {
        "FP32 is the network that the model was made from, run by bayes8, with its own noise unless \
         stated otherwise. "
    });
    let golden = evaluation.golden.as_ref().map(|_| {
        "Golden is the FP32 network as the training framework ran it when it recorded the \
         predictions. "
    });
    [fp32, golden].into_iter().flatten().collect::<String>()
        + "All figures are estimates from finitely many samples: two runs of one network differ too."
}

fn comparison(name: &str, peer: &Peer) -> Markup {
    let c = &peer.comparison;
    let mut values = vec![
        ("rank correlation of predictive entropy", four_places(c.spearman_predictive_entropy)),
        ("rank correlation of mutual information", four_places(c.spearman_mutual_information)),
        ("same class predicted", percent(c.same_class)),
    ];
    if let Some(DriftGaps { accuracy, predictive_entropy, auroc }) = &peer.drift_gaps {
        let points = format!("{:.2} points ({})", 100.0 * accuracy.value, at(accuracy));
        values.push(("largest difference of accuracy under drift", points));
        let entropy = format!("{} ({})", percent(predictive_entropy.value), at(predictive_entropy));
        values.push(("largest difference of mean entropy under drift", entropy));
        let auroc = format!("{:.4} ({})", auroc.value, at(auroc));
        values.push(("largest difference of AUROC, corrupted against clean", auroc));
    }
    let differences: [(&str, Difference); 3] = [
        ("probability of a class", c.probability),
        ("predictive entropy, nats", c.predictive_entropy),
        ("mutual information, nats", c.mutual_information),
    ];
    html! {
        h3 { "INT8 against " (name) ", " (peer.compared_text()) }
        @if !peer.compared.is_fair() { p { (Compared::UNFAIR) } }
        (facts(&values))
        div.scroll { table {
            thead { tr {
                th scope="col" { "difference per example" }
                th.number scope="col" { "on average" }
                th.number scope="col" { "at most" }
                th.number scope="col" { "example" }
            } }
            tbody { @for (what, difference) in differences { tr {
                th scope="row" { (what) }
                td.number { (format!("{:.4}", difference.mean)) }
                td.number { (format!("{:.4}", difference.largest)) }
                td.number { (difference.picture) }
            } } }
        } }
    }
}

fn at(worst: &Worst) -> String {
    format!("{} {}", worst.corruption.replace('_', " "), worst.severity)
}

fn drift_summary(evaluation: &Report) -> String {
    let samples = evaluation.drift_samples.unwrap_or(evaluation.samples);
    let loss = evaluation.int8.drift_accuracy_loss.as_ref().map_or(String::new(), |worst| {
        format!("; INT8 loses most accuracy to {}: {:.2} points", at(worst), 100.0 * worst.value)
    });
    format!("{} each{loss}.", counted(samples, "sample"))
}

fn model_facts(model: &ModelReport) -> Markup {
    let share = 100.0 * model.bayesian_parameters as f64 / model.parameters.max(1) as f64;
    let work = model.multiply_accumulates as f64 / 1e6;
    let values = match model.input.values {
        Values::Bytes => "bytes",
        Values::Numbers => "numbers",
    };
    let mut values = vec![
        ("input", format!("{} {values}", model.input.shape)),
        ("varies from sample to sample", model.randomness.to_string()),
        ("parameters", format!("{}, {share:.1} % Bayesian", thousands(model.parameters as u64))),
        ("work of a sample", format!("{work:.1} M multiply-accumulates")),
        (
            "file",
            format!("{}, format version {}", bytes(model.file_bytes as u64), model.format_version),
        ),
    ];
    if let Some(Evidence { method, pictures, weight_samples }) = &model.calibration {
        let inputs = counted(*pictures, "input");
        let samples = counted(*weight_samples, "weight sample");
        let evidence = format!("{method}; {inputs}, {samples} each");
        values.push(("calibration", evidence));
    }
    html! {
        (facts(&values))
        @if let Some(ClassNames { names, .. }) = &model.classes && !names.is_empty() {
            h3 { "Classes" }
            details open[names.len() <= 20] {
                summary { (names.len()) " names" }
                ol.classes start="0" { @for name in names { li { (name) } } }
            }
        }
    }
}

/// What a run of classes was.
fn run_facts(evaluation: &Report) -> Vec<(&'static str, String)> {
    let Report { kernel, threads, seconds, model_digest, fp32, .. } = evaluation;
    let fp32 = fp32.as_ref().and_then(|peer| peer.seconds);
    facts_of_run(model_digest, kernel, *threads, *seconds, fp32)
}

/// The digest of the model and the speeds.
fn facts_of_run(
    digest: &str,
    kernel: &str,
    threads: usize,
    seconds: f64,
    fp32: Option<f64>,
) -> Vec<(&'static str, String)> {
    let mut values = vec![
        ("model", digest.to_string()),
        ("kernel", format!("{kernel}, {}", counted(threads as u64, "thread"))),
        ("INT8 predictions", format!("{seconds:.2} s")),
    ];
    values.extend(fp32.map(|seconds| ("FP32 predictions", format!("{seconds:.2} s"))));
    values
}

/// The section that says how to get the same figures again.
fn reproduce(provenance: &Provenance, run: &[(&'static str, String)]) -> Markup {
    let Provenance { version, platform, command, files } = provenance;
    let mut values = run.to_vec();
    values.insert(1, ("program", format!("bayes8 {version}")));
    values.insert(2, ("machine", platform.clone()));
    let introduction = "With the same files, this command prints the same INT8 figures, bit for bit, on \
                        any machine. Only speeds and the last digits of FP32 depend on the machine.";
    let content = html! {
        @if let Some(command) = command { pre { code { (command) } } }
        (facts(&values))
        div.scroll { table {
            caption { "Files that were read" }
            thead { tr {
                th scope="col" { "file" }
                th scope="col" { "is" }
                th.number scope="col" { "bytes" }
                th scope="col" { "SHA-256" }
            } }
            tbody { @for file in files { tr {
                th scope="row" { (file.path) }
                td { (file.role) }
                td.number { (thousands(file.bytes)) }
                td { code.digest { (file.sha256) } }
            } } }
        } }
    };
    section("reproduce", "How to reproduce this", introduction, content)
}
