//! Parts of a page for independent labels: their figures and their reliability.

use maud::{Markup, html};

use super::parts::{figure, legend, percent};
use super::svg::{Axis, Chart, Series, Shape};
use crate::metrics::{ECE_BINS, LabelFigures, LabelsFigures, ReliabilityBin};
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

/// Draws how often a label is present against its probability, and how often each probability is predicted.
/// The first model has the first colour.
///
/// # Panics
/// When the models differ in their number of bins.
pub fn reliability(models: &[(&str, &[ReliabilityBin])]) -> Markup {
    let Some((int8, first)) = models.first() else { return html! {} };
    let same = models.iter().all(|(_, bins)| bins.len() == first.len());
    assert!(same, "the same bins for all models");
    let share = |label| Axis::from_to(label, 0.0, 1.0);
    let series = models.iter().enumerate().map(|(colour, (_, bins))| {
        let bins = bins.iter().filter(|bin| bin.count > 0);
        let points = bins.map(|bin| [bin.confidence, bin.accuracy]).collect();
        Series { colour, shape: Shape::Dots, points, errors: Vec::new() }
    });
    let diagram = Chart {
        id: "label-reliability".into(),
        title: "Labels that are present, of each probability".into(),
        description: format!(
            "Reliability diagram of all labels together, over {ECE_BINS} bins of probability; on the \
             diagonal a label is present as often as predicted. The table below holds all bins."
        ),
        size: [480.0, 320.0],
        x: share("probability"),
        y: share("share that is present"),
        diagonal: true,
        series: series.collect(),
    };
    let most = first.iter().map(|bin| bin.count).max().unwrap_or(0);
    let counts = first.iter().map(|bin| [(bin.lower + bin.upper) / 2.0, bin.count as f64]);
    let histogram = Chart {
        id: "label-probabilities".into(),
        title: format!("Predictions of each probability, {int8}"),
        description: "Histogram of the probabilities of all labels, over the same bins.".into(),
        size: [480.0, 320.0],
        x: share("probability"),
        y: Axis::from_to("predictions", 0.0, most.max(1) as f64),
        diagonal: false,
        series: vec![Series {
            colour: 0,
            shape: Shape::Bars(1.0 / ECE_BINS as f64),
            points: counts.collect(),
            errors: Vec::new(),
        }],
    };
    html! {
        (legend(models.iter().enumerate().map(|(colour, (name, _))| (colour, *name))))
        div.pair { (figure(&diagram)) (figure(&histogram)) }
        div.scroll { table {
            caption { "Bins that are not empty: number of predictions, mean probability, share that is present" }
            thead { tr {
                th scope="col" { "probability" }
                @for (name, _) in models {
                    th.number scope="col" { (name) ": predictions" }
                    th.number scope="col" { "mean" }
                    th.number scope="col" { "present" }
                }
            } }
            tbody { @for (index, bin) in first.iter().enumerate() {
                @if models.iter().any(|(_, bins)| bins[index].count > 0) { tr {
                    th scope="row" { (format!("{:.2} – {:.2}", bin.lower, bin.upper)) }
                    @for (_, bins) in models {
                        td.number { (bins[index].count) }
                        td.number { (percent(bins[index].confidence)) }
                        td.number { (percent(bins[index].accuracy)) }
                    }
                } }
            } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::label_reliability;
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

    #[test]
    fn labels_have_diagrams_of_their_reliability() {
        let p = array![[0.9, 0.2], [0.3, 0.4]];
        let bins = label_reliability(p.view(), array![[true, false], [false, true]].view());
        let page = reliability(&[("INT8", &bins), ("FP32", &bins)]).into_string();
        assert_eq!(page.matches("<figure").count(), 2, "{page}");
        // Four bins of both models are not empty.
        assert_eq!(page.matches("<circle").count(), 8, "{page}");
        assert_eq!(page.matches("<th scope=\"row\"").count(), 4, "{page}");
        assert!(page.contains("FP32: predictions") && !page.contains("NaN"), "{page}");
        assert!(!reliability(&[]).into_string().contains("svg"));
    }
}
