//! Diagrams of how much to rely on the confidence of models.

use maud::{Markup, html};

use super::parts::{self, figure, percent};
use super::svg::{Axis, Chart, Series, Shape};
use crate::metrics::{ReliabilityBin, Selective};

/// The confidence of a model, and how much to rely on it.
pub(super) struct Confident<'a> {
    /// Its colour on the page.
    pub(super) colour: usize,
    /// Its name in the legend.
    pub(super) name: String,
    pub(super) reliability: &'a [ReliabilityBin],
    pub(super) selective: &'a Selective,
}

fn legend(sides: &[Confident<'_>]) -> Markup {
    parts::legend(sides.iter().map(|side| (side.colour, side.name.as_str())))
}

/// Accuracy against confidence, and a histogram of confidence.
pub(super) fn reliability(sides: &[Confident<'_>], what: &'static str, ece: f64) -> Markup {
    let share = || Axis::from_to("accuracy", 0.0, 1.0);
    let series = sides.iter().map(|&Confident { colour, reliability, .. }| {
        let bins = reliability.iter().filter(|bin| bin.count > 0);
        let shape = if colour == 0 { Shape::Bars(1.0 / 15.0) } else { Shape::Dots };
        let points = bins.map(|bin| match shape {
            Shape::Bars(_) => [(bin.lower + bin.upper) / 2.0, bin.accuracy],
            _ => [bin.confidence, bin.accuracy],
        });
        Series { colour, shape, points: points.collect(), errors: Vec::new() }
    });
    let diagram = Chart {
        id: "reliability".into(),
        title: "Accuracy of predictions of each confidence".into(),
        description: format!(
            "Reliability diagram over 15 bins of confidence; on the diagonal, confidence is \
             accuracy. The expected calibration error of INT8 is {ece:.4}. The table below holds all \
             bins."
        ),
        size: [480.0, 320.0],
        x: Axis { label: "confidence", ..share() },
        y: share(),
        diagonal: true,
        series: series.collect(),
    };
    let bins = sides.first().map_or(&[][..], |int8| int8.reliability);
    let counts = bins.iter().map(|bin| [(bin.lower + bin.upper) / 2.0, bin.count as f64]);
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1) as f64;
    let histogram = Chart {
        id: "confidence".into(),
        title: format!("Number of {what} of each confidence, INT8"),
        description: format!(
            "Histogram of the largest probabilities of {what}, over the same bins."
        ),
        size: [480.0, 320.0],
        x: Axis { label: "confidence", ..share() },
        y: Axis::from_to(what, 0.0, most.max(1.0)),
        diagonal: false,
        series: vec![Series {
            colour: 0,
            shape: Shape::Bars(1.0 / 15.0),
            points: counts.collect(),
            errors: Vec::new(),
        }],
    };
    html! {
        (legend(sides))
        div.pair { (figure(&diagram)) (figure(&histogram)) }
        div.scroll { table {
            caption { "Bins that are not empty: number of " (what) ", mean confidence, share that is right" }
            thead { tr {
                th scope="col" { "confidence" }
                @for Confident { name, .. } in sides {
                    th.number scope="col" { (name) ": " (what) }
                    th.number scope="col" { "mean" }
                    th.number scope="col" { "right" }
                }
            } }
            tbody { @for (index, bin) in bins.iter().enumerate() {
                @if sides.iter().any(|side| side.reliability[index].count > 0) { tr {
                    th scope="row" { (format!("{:.2} – {:.2}", bin.lower, bin.upper)) }
                    @for side in sides {
                        @let bin = &side.reliability[index];
                        td.number { (bin.count) }
                        td.number { (percent(bin.confidence)) }
                        td.number { (percent(bin.accuracy)) }
                    }
                } }
            } }
        } }
    }
}

/// Risk against coverage.
pub(super) fn selective(sides: &[Confident<'_>], aurc: f64) -> Markup {
    let series = sides.iter().map(|&Confident { colour, selective, .. }| {
        let risks = selective.curve.iter().enumerate();
        let points = risks.map(|(i, &risk)| [(i + 1) as f64 / 100.0, risk]);
        Series { colour, shape: Shape::Line, points: points.collect(), errors: Vec::new() }
    });
    let chart = Chart {
        id: "selective".into(),
        title: "Wrong answers when only the surest are given".into(),
        description: format!(
            "Risk-coverage curve by predictive entropy: the share of wrong predictions among the \
             surest. The area under the curve of INT8 is {aurc:.4}."
        ),
        size: [1000.0, 300.0],
        x: Axis::from_to("coverage: share that is answered", 0.0, 1.0),
        y: Axis::around(
            "risk: share that is wrong",
            sides.iter().flat_map(|side| side.selective.curve.clone()).chain([0.0]),
        ),
        diagonal: false,
        series: series.collect(),
    };
    html! { (legend(sides)) (figure(&chart)) }
}
