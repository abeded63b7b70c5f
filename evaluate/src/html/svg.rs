//! Line and bar charts as SVG that only needs the page's style sheet.

use maud::{Markup, html};

/// Margins of the plot for labels, in units of the chart: left, right, top, bottom.
const MARGIN: [f64; 4] = [52.0, 12.0, 10.0, 40.0];

/// A chart.
pub(super) struct Chart {
    /// Unique on the page.
    pub(super) id: String,
    pub(super) title: String,
    /// A description for readers who cannot see it.
    pub(super) description: String,
    /// Width and height.
    pub(super) size: [f64; 2],
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Whether to draw the line on which x and y are equal.
    pub(super) diagonal: bool,
    pub(super) series: Vec<Series>,
}

/// An axis from `min` to `max`.
pub(super) struct Axis {
    pub(super) label: &'static str,
    pub(super) min: f64,
    pub(super) max: f64,
    /// Positions of the ticks, and their text.
    pub(super) ticks: Vec<(f64, String)>,
}

/// Points of one model.
pub(super) struct Series {
    /// Index among the page's colours.
    pub(super) colour: usize,
    pub(super) shape: Shape,
    /// Finite numbers.
    pub(super) points: Vec<[f64; 2]>,
    /// Half the length of each point's error bar; empty for none.
    pub(super) errors: Vec<f64>,
}

/// How points are drawn.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// A line without points.
    Line,
    /// A thin line without points, beside the line of the same model.
    ThinLine,
    /// Points without a line.
    Points,
    /// A line with points.
    Dots,
    /// Bars of this width around each point's x, from the bottom.
    Bars(f64),
}

impl Axis {
    /// An axis that covers all `values`, with round numbers; it begins at 0 if they come near it.
    pub(super) fn around(label: &'static str, values: impl Iterator<Item = f64>) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) = finite
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
        if low > high {
            return Self::from_to(label, 0.0, 1.0);
        }
        let low = if low > 0.0 && low < 0.5 * high { 0.0 } else { low };
        // Flat lines need some room too.
        let room = (high - low).max(0.02 * high.abs()).max(1e-6);
        Self::from_to(label, if low == 0.0 { 0.0 } else { low - 0.05 * room }, high + 0.05 * room)
    }

    /// An axis with about five round numbers.
    pub(super) fn from_to(label: &'static str, min: f64, max: f64) -> Self {
        let rough = (max - min) / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let digits = (-step.log10().floor()).max(0.0) as usize;
        let first = (min / step).ceil() as i64;
        let last = (max / step + 1e-9).floor() as i64;
        let ticks = (first..=last).map(|i| {
            let value = i as f64 * step;
            (value, format!("{value:.digits$}"))
        });
        Self { label, min, max, ticks: ticks.collect() }
    }

    /// Position of `value`, 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value - self.min) / (self.max - self.min)
    }
}

impl Chart {
    pub(super) fn markup(&self) -> Markup {
        let Self { id, title, description, size: [width, height], x, y, .. } = self;
        let [left, right, top, bottom] = MARGIN;
        let across = |value: f64| left + x.place(value) * (width - left - right);
        let up = |value: f64| height - bottom - y.place(value) * (height - top - bottom);
        let (end, base) = (width - right, height - bottom);
        html! {
            svg role="img" viewBox=(format!("0 0 {width} {height}"))
                aria-labelledby=(format!("{id}-title {id}-desc")) {
                title id=(format!("{id}-title")) { (title) }
                desc id=(format!("{id}-desc")) { (description) }
                @for (value, text) in &y.ticks {
                    line.grid x1=(left) x2=(end) y1=(n(up(*value))) y2=(n(up(*value))) {}
                    text.tick x=(left - 6.0) y=(n(up(*value) + 3.5)) text-anchor="end" { (text) }
                }
                @for (value, text) in &x.ticks {
                    @let x = n(across(*value));
                    line.grid x1=(x) x2=(x) y1=(base) y2=(base + 4.0) {}
                    text.tick x=(x) y=(base + 16.0) text-anchor="middle" { (text) }
                }
                line.axis x1=(left) x2=(end) y1=(base) y2=(base) {}
                text.label x=(n((left + end) / 2.0)) y=(height - 5.0) text-anchor="middle" {
                    (x.label)
                }
                @let turned = format!("translate(11 {}) rotate(-90)", n((top + base) / 2.0));
                text.label transform=(turned) text-anchor="middle" { (y.label) }
                @if self.diagonal {
                    line.diagonal x1=(n(across(x.min))) y1=(n(up(y.min)))
                        x2=(n(across(x.max))) y2=(n(up(y.max))) {}
                }
                @for series in &self.series {
                    g class=(format!("series c{}", series.colour)) {
                        (series.markup(&across, &up, base))
                    }
                }
            }
        }
    }
}

impl Series {
    fn markup(&self, across: &dyn Fn(f64) -> f64, up: &dyn Fn(f64) -> f64, base: f64) -> Markup {
        let path: Vec<String> =
            self.points.iter().map(|&[x, y]| format!("{} {}", n(across(x)), n(up(y)))).collect();
        html! {
            @if let Shape::Bars(width) = self.shape {
                @for &[x, y] in &self.points {
                    @let (from, to) = (across(x - width / 2.0), across(x + width / 2.0));
                    rect x=(n(from + 0.75)) width=(n((to - from - 1.5).max(0.5)))
                        y=(n(up(y))) height=(n((base - up(y)).max(0.0))) {}
                }
            } @else {
                @for (&[x, y], error) in self.points.iter().zip(&self.errors) {
                    @if error.is_finite() {
                        line.error x1=(n(across(x))) x2=(n(across(x)))
                            y1=(n(up(y - error))) y2=(n(up(y + error))) {}
                    }
                }
                @match self.shape {
                    Shape::Points => {}
                    Shape::ThinLine => { polyline.thin points=(path.join(" ")) {} }
                    _ => { polyline points=(path.join(" ")) {} }
                }
                @if matches!(self.shape, Shape::Dots | Shape::Points) {
                    @for &[x, y] in &self.points {
                        circle cx=(n(across(x))) cy=(n(up(y))) r="2.6" {}
                    }
                }
            }
        }
    }
}

/// A coordinate, to a tenth of a unit.
fn n(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let ticks = |min, max| {
            Axis::from_to("", min, max).ticks.into_iter().map(|tick| tick.1).collect::<Vec<_>>()
        };
        assert_eq!(ticks(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(ticks(0.27, 0.31), ["0.27", "0.28", "0.29", "0.30", "0.31"]);
        assert_eq!(ticks(0.0, 30.0), ["0", "10", "20", "30"]);
        let axis = Axis::around("", [f64::NAN, 0.1, 0.9].into_iter());
        assert!(axis.min == 0.0 && axis.max > 0.9);
        let axis = Axis::around("", [0.5, 0.5].into_iter());
        assert!(axis.min < 0.5 && axis.max > 0.5);
        assert_eq!(Axis::around("", std::iter::empty()).max, 1.0);
    }
}
