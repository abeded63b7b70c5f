//! The diagrams of a report, each with the table of its numbers.

use maud::{Markup, html};

use super::confidence::{self, Confident};
use super::parts::{self, figure, percent};
use super::svg::{Axis, Chart, Series, Shape};
use crate::figures::Figures;
use crate::metrics::{ConvergencePoint, Estimate, Metrics};
use crate::report::{Report, Side};

/// Models, with their colour on the page and their name in a legend.
type Sides<'a> = Vec<(usize, String, &'a Figures)>;

/// Models whose figures come from all their samples; the legend gives the number.
fn labelled<'a>(evaluation: &'a Report, has: fn(&Figures) -> bool) -> Sides<'a> {
    sides(evaluation, has, |side| side.label())
}

/// Models whose figures come from equal numbers of samples.
fn named<'a>(evaluation: &'a Report, has: fn(&Figures) -> bool) -> Sides<'a> {
    sides(evaluation, has, |side| side.name.into())
}

fn sides<'a>(
    evaluation: &'a Report,
    has: fn(&Figures) -> bool,
    name: fn(&Side<'_>) -> String,
) -> Sides<'a> {
    let all = evaluation.sides().into_iter().enumerate();
    let all = all.filter(|(_, side)| has(side.figures));
    all.map(|(colour, side)| (colour, name(&side), side.figures)).collect()
}

/// The legend of models.
fn legend(sides: &Sides<'_>) -> Markup {
    parts::legend(sides.iter().map(|(colour, name, _)| (*colour, name.as_str())))
}

/// Figures against the number of samples of a prediction.
pub(super) fn convergence(evaluation: &Report) -> Markup {
    type Part = fn(&ConvergencePoint) -> Estimate;
    let sides = named(evaluation, |figures| !figures.convergence.is_empty());
    let parts: [(&str, &str, Part); 3] = [
        ("nll", "NLL", |point| point.nll),
        ("entropy", "Mean predictive entropy", |point| point.predictive_entropy),
        ("mi", "Mean mutual information", |point| point.mutual_information),
    ];
    let charts = parts.map(|(id, title, part)| {
        let series = sides.iter().map(|&(colour, _, figures)| Series {
            colour,
            shape: Shape::Dots,
            points: figures
                .convergence
                .iter()
                .map(|point| [(point.samples as f64).log2(), part(point).value])
                .collect(),
            errors: figures.convergence.iter().map(|point| part(point).standard_error).collect(),
        });
        let points = sides.iter().flat_map(|(_, _, figures)| &figures.convergence);
        let last = points.clone().map(|point| point.samples).max().unwrap_or(1);
        let doublings = (last as f64).log2();
        let ticks = (0..=doublings as u32).step_by(if doublings > 6.0 { 2 } else { 1 });
        Chart {
            id: format!("convergence-{id}"),
            title: title.into(),
            description: format!(
                "{title} in nats against the number of samples, from 1 to {last}, with standard \
                 errors. The table below holds all numbers."
            ),
            size: [330.0, 240.0],
            x: Axis {
                label: "samples",
                min: -0.2,
                max: doublings.max(1.0) + 0.2,
                ticks: ticks.map(|power| (f64::from(power), (1u64 << power).to_string())).collect(),
            },
            y: Axis::around(
                "nats",
                points.map(part).flat_map(|Estimate { value, standard_error }| {
                    [value, value - standard_error, value + standard_error]
                }),
            ),
            diagonal: false,
            series: series.collect(),
        }
    });
    html! {
        (legend(&sides))
        div.row { @for chart in &charts { (figure(chart)) } }
        @for (_, name, figures) in &sides { div.scroll { table {
            caption {
                (name) ": value ± standard error of a prediction with this number of samples, in nats"
            }
            thead { tr {
                th scope="col" { "samples" } th.number scope="col" { "disjoint ranges" }
                @for (_, title, _) in &parts { th.number scope="col" { (title) } }
            } }
            tbody { @for point in &figures.convergence { tr {
                th scope="row" { (point.samples) }
                td.number { (point.ranges) }
                @for (_, _, part) in &parts { td.number { (estimate(part(point))) } }
            } } }
        } } }
    }
}

/// Accuracy against confidence, and a histogram of confidence.
pub(super) fn reliability(evaluation: &Report) -> Markup {
    confidence::reliability(&confident(evaluation), "examples", evaluation.int8.metrics.ece)
}

/// Risk against coverage.
pub(super) fn selective(evaluation: &Report) -> Markup {
    confidence::selective(&confident(evaluation), evaluation.int8.selective.aurc)
}

fn confident(evaluation: &Report) -> Vec<Confident<'_>> {
    let sides = labelled(evaluation, |_| true).into_iter();
    let confident = sides.map(|(colour, name, figures)| Confident {
        colour,
        name,
        reliability: &figures.reliability,
        selective: &figures.selective,
    });
    confident.collect()
}

/// Receiver operating characteristics of the pictures of another distribution.
pub(super) fn ood(evaluation: &Report) -> Markup {
    let sides = labelled(evaluation, |figures| figures.ood.is_some());
    let parts = [("entropy", "predictive entropy"), ("mi", "mutual information")];
    let charts = parts.iter().enumerate().map(|(part, (id, name))| {
        let series = sides.iter().filter_map(|&(colour, _, figures)| {
            let points = figures.ood.as_ref()?.roc[part].clone();
            Some(Series { colour, shape: Shape::Line, points, errors: Vec::new() })
        });
        let areas = sides.iter().filter_map(|(_, side, figures)| {
            let ood = figures.ood.as_ref()?;
            let auroc = [&ood.predictive_entropy, &ood.mutual_information][part].auroc;
            Some(format!("{side}: {auroc:.4}"))
        });
        Chart {
            id: format!("ood-{id}"),
            title: format!("By {name}"),
            description: format!(
                "Receiver operating characteristic by {name}. Areas under the curves: {}.",
                areas.collect::<Vec<_>>().join("; ")
            ),
            size: [480.0, 320.0],
            x: Axis::from_to("false positive rate", 0.0, 1.0),
            y: Axis::from_to("true positive rate", 0.0, 1.0),
            diagonal: true,
            series: series.collect(),
        }
    });
    html! {
        (legend(&sides))
        div.pair { @for chart in charts { (figure(&chart)) } }
    }
}

/// Accuracy and uncertainty against the severity of each corruption.
pub(super) fn drift(evaluation: &Report) -> Markup {
    type Part = fn(&Metrics) -> f64;
    let sides = named(evaluation, |figures| !figures.drift.is_empty());
    let mut corruptions: Vec<&str> = Vec::new();
    for point in &evaluation.int8.drift {
        if !corruptions.contains(&point.corruption.as_str()) {
            corruptions.push(&point.corruption);
        }
    }
    let parts: [(&str, &str, &'static str, Part); 2] = [
        ("accuracy", "Accuracy", "accuracy", |m| m.accuracy),
        ("entropy", "Mean predictive entropy", "nats", |m| m.mean_predictive_entropy),
    ];
    let largest = |part: Part| {
        let points = sides.iter().flat_map(|(_, _, figures)| &figures.drift);
        points.map(|point| part(&point.metrics)).fold(0.0, f64::max)
    };
    let chart = |corruption: &str, (id, title, unit, part): (&str, &str, &'static str, Part)| {
        let of = |figures: &Figures| -> Vec<[f64; 2]> {
            let clean = figures.drift_clean.iter().map(|clean| [0.0, part(clean)]);
            let points = figures.drift.iter().filter(|point| point.corruption == corruption);
            let points = points.map(|point| [f64::from(point.severity), part(&point.metrics)]);
            clean.chain(points).collect()
        };
        let series = sides.iter().map(|&(colour, _, figures)| Series {
            colour,
            shape: Shape::Dots,
            points: of(figures),
            errors: Vec::new(),
        });
        let end = of(&evaluation.int8).last().map_or(1.0, |point| point[0]).max(1.0);
        let highest = if id == "accuracy" { 1.0 } else { 1.05 * largest(part) };
        Chart {
            id: format!("drift-{id}-{corruption}"),
            title: corruption.replace('_', " "),
            description: format!(
                "{title} against the severity of {}; severity 0 is the clean pictures. The table below \
                 holds all numbers.",
                corruption.replace('_', " ")
            ),
            size: [260.0, 190.0],
            x: Axis { label: "severity", min: -0.2, max: end + 0.2, ..Axis::from_to("", 0.0, end) },
            y: Axis::from_to(unit, 0.0, highest.max(1e-6)),
            diagonal: false,
            series: series.collect(),
        }
    };
    html! {
        (legend(&sides))
        @for part in parts {
            h3 { (part.1) " against severity" }
            div.many { @for corruption in &corruptions { (figure(&chart(corruption, part))) } }
        }
        details { summary { "All numbers of the corruptions" }
        div.scroll { table {
            caption {
                "Each corruption and severity; entropies in nats; AUROC against the clean pictures, by \
                 predictive entropy"
            }
            thead { tr {
                th scope="col" { "corruption" }
                th.number scope="col" { "severity" }
                @for (_, name, _) in &sides {
                    th.number scope="col" { (name) " accuracy" }
                    th.number scope="col" { "NLL" }
                    th.number scope="col" { "ECE" }
                    th.number scope="col" { "total" }
                    th.number scope="col" { "epistemic" }
                    th.number scope="col" { "AUROC" }
                }
            } }
            tbody {
                tr {
                    th scope="row" { "none" }
                    td.number { "0" }
                    @for clean in sides.iter().filter_map(|(_, _, figures)| figures.drift_clean) {
                        (cells(&clean, None))
                    }
                }
                @for (index, point) in evaluation.int8.drift.iter().enumerate() { tr {
                    th scope="row" { (point.corruption) }
                    td.number { (point.severity) }
                    @for point in sides.iter().map(|(_, _, figures)| &figures.drift[index]) {
                        (cells(&point.metrics, Some(point.auroc.predictive_entropy)))
                    }
                } }
            }
        } } }
    }
}

fn cells(metrics: &Metrics, auroc: Option<f64>) -> Markup {
    html! {
        td.number { (percent(metrics.accuracy)) } td.number { (format!("{:.4}", metrics.nll)) }
        td.number { (format!("{:.4}", metrics.ece)) }
        td.number { (format!("{:.4}", metrics.mean_predictive_entropy)) }
        td.number { (format!("{:.4}", metrics.mean_mutual_information)) }
        td.number { (auroc.map_or("–".into(), |auroc| format!("{auroc:.4}"))) }
    }
}

fn estimate(Estimate { value, standard_error }: Estimate) -> String {
    match standard_error.is_nan() {
        true => format!("{value:.4}"),
        false => format!("{value:.4} ± {standard_error:.4}"),
    }
}
