//! The parts of a page for a map of classes.

use maud::{Markup, html};

use super::confidence::{self, Confident};
use super::parts::{percent, section};
use crate::heads::{HeadReport, Truth, is_share, map_rows};
use crate::maps::MapFigures;
use crate::maps::colours::{self, Colour, IGNORED, RIGHT_AND_WRONG};
use crate::maps::picture::Picture;
use crate::metrics::Overlap;
use crate::style::{four_places, thousands};

/// The sections of a map; nothing for other outputs.
pub(super) fn sections(report: &HeadReport) -> Markup {
    let sides: Vec<(&str, &MapFigures)> = report
        .sides()
        .into_iter()
        .filter_map(|(name, figures)| Some((name, figures.map()?)))
        .collect();
    let [(_, int8), ..] = sides[..] else { return html! {} };
    let confident: Vec<_> = sides.iter().enumerate().map(confident).collect();
    html! {
        (section("figures", "Figures", &counted(report, int8), figures(&sides)))
        (section("classes", "Classes", "Positions of each class, and how far the predicted region and the \
            true one overlap. A dash stands where the class is neither true nor predicted.",
            classes(&sides)))
        @if !report.pictures.is_empty() {
            (section("pictures", "Pictures", "The first pictures of the data, as INT8 sees them. Where the \
                prediction is wrong, the uncertainty should be high.", pictures(report, int8)))
        }
        (section("calibration", "Calibration", "When a calibrated model says 80 %, it is right four times in \
            five: its bars end on the dashed line.",
            confidence::reliability(&confident, "positions", int8.ece)))
        (section("abstention", "Answering only when sure", "Positions in the order of their predictive \
            entropy. Wrong predictions should be unsure; the curve then falls to the left.",
            confidence::selective(&confident, int8.selective.aurc)))
    }
}

fn confident<'a>((colour, (name, map)): (usize, &(&'a str, &'a MapFigures))) -> Confident<'a> {
    let (reliability, selective) = (&map.reliability[..], &map.selective);
    Confident { colour, name: (*name).into(), reliability, selective }
}

/// What was measured, in words.
fn counted(report: &HeadReport, map: &MapFigures) -> String {
    let measured = format!("Means over {} positions", thousands(map.measured));
    match report.ignore_index {
        Some(label) => {
            format!("{measured}; {} with the label {label} are ignored.", thousands(map.ignored))
        }
        None => format!("{measured}."),
    }
}

fn figures(sides: &[(&str, &MapFigures)]) -> Markup {
    html! { div.scroll { table {
        thead { tr {
            th scope="col" { "figure" }
            @for (name, _) in sides { th.number scope="col" { (name) } }
            @if sides.len() > 1 { th.number scope="col" { "INT8 − FP32" } }
            th scope="col" { "meaning" }
        } }
        tbody { @for (name, note, values) in map_rows(sides) {
            @let is_share = is_share(&name);
            tr {
                th scope="row" { (name) }
                @for value in &values { td.number { @match value {
                    Some(value) if is_share => { (percent(*value)) }
                    Some(value) => { (four_places(*value)) }
                    None => { "–" }
                } } }
                @if let [int8, fp32] = values[..] { td.number { @match int8.zip(fp32) {
                    Some((int8, fp32)) if is_share => { (format!("{:+.2}", 100.0 * (int8 - fp32))) }
                    Some((int8, fp32)) => { (format!("{:+.4}", int8 - fp32)) }
                    None => {}
                } } }
                td.note { (note) }
            }
        } }
    } } }
}

fn classes(sides: &[(&str, &MapFigures)]) -> Markup {
    let [(_, int8), ..] = sides else { return html! {} };
    let or_dash = |value: Option<f64>| value.map_or("–".into(), four_places);
    html! { div.scroll { table {
        thead { tr {
            th scope="col" { "class" }
            th.number scope="col" { "positions" }
            @for (name, _) in sides {
                th.number scope="col" { (name) ": IoU" }
                th.number scope="col" { "Dice" }
            }
        } }
        tbody { @for (index, class) in int8.classes.iter().enumerate() { tr {
            th scope="row" { (class.name) }
            td.number { (thousands(class.overlap.positions)) }
            @for (_, map) in sides {
                @let Overlap { iou, dice, .. } = map.classes[index].overlap;
                td.number { (or_dash(iou)) }
                td.number { (or_dash(dice)) }
            }
        } } }
    } } }
}

/// Rows of pictures: input, truth, prediction, errors and uncertainties.
fn pictures(report: &HeadReport, map: &MapFigures) -> Markup {
    let Truth::Map(truth) = &report.truth else { return html! {} };
    let size: usize = map.positions.iter().product();
    let shown = report.pictures.len() * size;
    let largest = |values: &[f32]| values[..shown].iter().copied().fold(0.0, f32::max);
    let most_entropy = (map.classes.len() as f32).ln();
    let most_information = largest(map.mutual_information());
    let heat = |values: &[f32], at: usize, most: f32| {
        colours::heat(if most > 0.0 { values[at] / most } else { 0.0 })
    };
    let row = |(index, input): (usize, &Picture)| {
        let first = index * size;
        let of_map = |colour: &dyn Fn(usize) -> Colour| {
            Picture::of_map(map.positions, |at| colour(first + at)).data_uri()
        };
        let predicted = map.most_likely();
        [
            ("input", input.data_uri()),
            ("truth", of_map(&|at| truth[at].map_or(IGNORED, colours::class))),
            ("prediction", of_map(&|at| colours::class(predicted[at]))),
            (
                "errors",
                of_map(&|at| match truth[at] {
                    Some(class) => RIGHT_AND_WRONG[usize::from(class != predicted[at])],
                    None => IGNORED,
                }),
            ),
            ("predictive entropy", of_map(&|at| heat(map.predictive_entropy(), at, most_entropy))),
            (
                "mutual information",
                of_map(&|at| heat(map.mutual_information(), at, most_information)),
            ),
        ]
    };
    html! {
        (legend(report, map))
        p.note {
            "Errors are red. Uncertainty grows from black to yellow: entropy from 0 to "
            (format!("{most_entropy:.2}")) " nats, the entropy of equally likely classes; mutual \
            information from 0 to " (format!("{most_information:.2}")) " nats, the largest of these pictures."
            @if map.positions[0] > 1 { " Of each volume, the plane in the middle is shown." }
        }
        @for (index, input) in report.pictures.iter().enumerate() { div.scroll { div.maps {
            @for (what, picture) in row((index, input)) { div {
                p { (what) }
                img src=(picture) alt=(format!("picture {index}: {what}"));
            } }
        } } }
    }
}

/// The colours of the classes.
fn legend(report: &HeadReport, map: &MapFigures) -> Markup {
    let classes = map.classes.iter().zip(0..);
    let classes = classes.map(|(class, index)| (class.name.as_str(), colours::class(index)));
    let ignored = report.ignore_index.map(|_| ("ignored", IGNORED));
    html! { ul.legend.of-classes { @for (name, [red, green, blue]) in classes.chain(ignored) { li {
        span.swatch style=(format!("background: rgb({red} {green} {blue})")) {}
        (name)
    } } } }
}
