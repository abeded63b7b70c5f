//! A part of a page for independent labels: their figures.

use maud::{Markup, html};

use super::parts::percent;
use crate::metrics::{LabelFigures, LabelsFigures};
use crate::style::four_places;

/// Returns the table of the figures of a model, with a row for each label and their means.
///
/// # Panics
/// When the number of names is not that of the labels.
pub fn figures(model: &str, names: &[String], figures: &LabelsFigures) -> Markup {
    assert_eq!(names.len(), figures.labels.len(), "one name for every label");
    let undefined = |value: Option<f64>| value.map_or("–".into(), four_places);
    html! { div.scroll { table {
        caption { (model) ": a dash where all examples have the label, or none has it" }
        thead { tr {
            th scope="col" { "label" }
            th.number scope="col" { "positives" }
            th.number scope="col" { "average precision" }
            th.number scope="col" { "AUROC" }
            th.number scope="col" { "Brier score" }
            th.number scope="col" { "ECE" }
            th.number scope="col" { "accuracy" }
            th.number scope="col" { "log loss, nats" }
        } }
        tbody {
            @for (name, label) in names.iter().zip(&figures.labels) {
                @let LabelFigures { positives, average_precision, auroc, .. } = *label;
                tr {
                    th scope="row" { (name) }
                    td.number { (positives) }
                    td.number { (undefined(average_precision)) }
                    td.number { (undefined(auroc)) }
                    td.number { (four_places(label.brier)) }
                    td.number { (four_places(label.ece)) }
                    td.number { (percent(label.accuracy)) }
                    td.number { (four_places(label.log_loss)) }
                }
            }
            tr {
                th scope="row" { "mean" }
                td.number {}
                td.number { (undefined(figures.average_precision)) }
                td.number { (undefined(figures.auroc)) }
                td.number { (four_places(figures.brier)) }
                td.number { (four_places(figures.ece)) }
                td.number { (percent(figures.accuracy)) }
                td.number { (four_places(figures.log_loss)) }
            }
        }
    } } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn undefined_figures_are_dashes() {
        let p = array![[0.9, 0.2], [0.3, 0.4]];
        let labels = LabelsFigures::new(p.view(), array![[true, false], [false, false]].view());
        let names = ["cat".to_string(), "<dog>".to_string()];
        let page = figures("INT8", &names, &labels).into_string();
        assert!(page.contains("&lt;dog&gt;") && page.contains("–"), "{page}");
        assert!(page.contains("1.0000") && !page.contains("NaN"), "{page}");
    }
}
