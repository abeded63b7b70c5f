//! What the diagrams of a page share.

use maud::{Markup, html};

use super::svg::Chart;

/// A diagram with its caption.
pub(super) fn figure(chart: &Chart) -> Markup {
    html! {
        figure {
            figcaption { (chart.title) }
            (chart.markup())
        }
    }
}

/// The names of the models in their colours, if there are several.
pub(super) fn legend<'a>(names: impl ExactSizeIterator<Item = (usize, &'a str)>) -> Markup {
    html! { @if names.len() > 1 {
        ul.legend {
            @for (colour, name) in names {
                li {
                    svg viewBox="0 0 22 8" aria-hidden="true" {
                        g class=(format!("series c{colour}")) { polyline points="1 4 21 4" {} }
                    }
                    (name)
                }
            }
        }
    } }
}

/// A share as text, or a dash if there is none.
pub(super) fn percent(share: f64) -> String {
    if share.is_nan() { "–".into() } else { format!("{:.2} %", 100.0 * share) }
}

/// A section of the page with a heading.
pub(super) fn section(id: &str, title: &str, introduction: &str, content: Markup) -> Markup {
    let heading = format!("{id}-heading");
    html! { section id=(id) aria-labelledby=(heading) {
        h2 id=(heading) { (title) }
        @if !introduction.is_empty() { p { (introduction) } }
        (content)
    } }
}
