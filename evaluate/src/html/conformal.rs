//! The section of a page about conformal prediction.

use maud::{Markup, html};

use super::parts::{self, percent};
use crate::conformal::{ConformalPart, ConformalReport};
use crate::style::{counted, four_places};

/// The thresholds and their coverage.
pub(super) fn section(report: &ConformalReport) -> Markup {
    let ConformalReport { method, alpha, calibration_examples, samples, parts, map, .. } = report;
    let introduction = format!(
        "Sets or intervals by the method {method} that should hold the truth in {} of {}, with a threshold \
         from {}, {} each. {}",
        percent(1.0 - alpha),
        if map.is_some() { "a picture's positions on average" } else { "cases" },
        counted(*calibration_examples as u64, "calibration example"),
        counted(*samples, "sample"),
        match map {
            Some(_) =>
                "Each picture counts the same. The bound says what chance allows, by the normal approximation.",
            None => "Exact bounds say how many test examples may be covered by chance.",
        },
    );
    let table = html! {
    @if let Some(caution) = report.caution() { p { strong { (caution) "." } } }
    div.scroll { table {
        thead { tr {
            th scope="col" { "of" }
            th.number scope="col" { "threshold" }
            th.number scope="col" { "covered" }
            th.number scope="col" { "coverage" }
            th.number scope="col" { "allowed" }
            th.number scope="col" { "mean size" }
        } }
        tbody { @for part in parts {
            @let ConformalPart { name, unit, threshold, coverage, bounds, ties } = part;
            tr {
                th scope="row" { (name.as_deref().unwrap_or("classes")) }
                td.number { (four_places(*threshold)) }
                td.number { (coverage.covered) " of " (coverage.examples) }
                td.number { (percent(coverage.coverage)) }
                td.number {
                    @if *ties { "at least " (bounds.lower) }
                    @else { (bounds.lower) " to " (bounds.upper) }
                }
                td.number { (four_places(coverage.mean_size)) " " (unit) }
            }
        }
        @if let Some(map) = map { tr {
            th scope="row" { "positions" }
            td.number { (four_places(map.threshold)) }
            td.number { "mean of " (counted(map.examples as u64, "picture")) }
            td.number { (percent(map.coverage)) }
            td.number { "at least " (percent(map.lower)) }
            td.number { (four_places(map.mean_size)) }
        } } }
    } } };
    parts::section("conformal", "Conformal prediction", &introduction, table)
}
