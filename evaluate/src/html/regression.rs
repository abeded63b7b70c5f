//! Parts of a page for a regression: figures and diagrams of one target.
//!
//! A model is a name with its data; the first has the first colour. `id` names the target on the page:
//! diagrams of different targets need different ones. They fill the width that they get: the page's classes
//! `pair` and `row` place two or three side by side.

use std::borrow::Cow;

use maud::{Markup, html};

use super::parts::{figure, legend, percent};
use super::svg::{Axis, Chart, Series, Shape};
use crate::metrics::regression::{
    CalibrationPoint, INTERVAL_LEVELS, RegressionFigures, Scores, Sparsification,
};
use crate::style::four_places;

/// Most examples in a diagram of predictions; of more, evenly spaced ones are shown.
const MOST_POINTS: usize = 400;

/// Predictions of one target, in its units.
#[derive(Clone, Copy, Debug)]
pub struct Predicted<'a> {
    /// True values.
    pub truth: &'a [f64],
    /// Means of the predictions.
    pub means: &'a [f64],
    /// Half the length of each error bar, such as the total standard deviation.
    pub errors: &'a [f64],
}

/// Draws predicted against true values, with error bars. `what` says what the bars are, such as "total
/// standard deviation".
///
/// # Panics
/// When the lengths differ.
pub fn predicted_against_true(id: &str, predicted: &Predicted<'_>, what: &str) -> Markup {
    let &Predicted { truth, means, errors } = predicted;
    assert_eq!(means.len(), truth.len(), "one mean for every true value");
    assert_eq!(errors.len(), truth.len(), "one error bar for every true value");
    let shown: Vec<usize> =
        (0..truth.len()).step_by(truth.len().div_ceil(MOST_POINTS).max(1)).collect();
    let part = match shown.len() < truth.len() {
        true => Cow::from(format!(" {} of {} examples are shown.", shown.len(), truth.len())),
        false => Cow::from(""),
    };
    // The same axis twice, so that the diagonal is where both are equal.
    let ends = |n: &usize| [truth[*n], means[*n] - errors[*n], means[*n] + errors[*n]];
    let axis = |label| Axis::around(label, shown.iter().flat_map(ends));
    let chart = Chart {
        id: format!("predicted-{id}"),
        title: "Predicted against true values".into(),
        description: format!(
            "Each point is an example; on the diagonal the prediction is right. Bars reach one {what} to \
             each side.{part}"
        ),
        size: [480.0, 480.0],
        x: axis("true"),
        y: axis("predicted"),
        diagonal: true,
        series: vec![Series {
            colour: 0,
            shape: Shape::Points,
            points: shown.iter().map(|&n| [truth[n], means[n]]).collect(),
            errors: shown.iter().map(|&n| errors[n]).collect(),
        }],
    };
    figure(&chart)
}

/// Draws the observed against the expected coverage of central intervals, with a table of the points.
///
/// # Panics
/// When the curves differ in their number of points.
pub fn interval_calibration(id: &str, models: &[(&str, &[CalibrationPoint])]) -> Markup {
    let expected: &[CalibrationPoint] = models.first().map_or(&[], |(_, curve)| curve);
    let same = models.iter().all(|(_, curve)| curve.len() == expected.len());
    assert!(same, "the same levels for all models");
    let series = models.iter().enumerate().map(|(colour, (_, curve))| {
        let points = curve.iter().map(|point| [point.expected, point.observed]);
        // Without examples there is no observed share.
        let points = points.filter(|[_, observed]| observed.is_finite()).collect();
        Series { colour, shape: Shape::Dots, points, errors: Vec::new() }
    });
    let chart = Chart {
        id: format!("interval-calibration-{id}"),
        title: "True values inside intervals of each level".into(),
        description: "Observed against expected coverage of central intervals. On the diagonal the \
                      intervals hold what they promise; below it they are too narrow. The table below \
                      holds all points."
            .into(),
        size: [480.0, 320.0],
        x: Axis::from_to("expected coverage", 0.0, 1.0),
        y: Axis::from_to("observed coverage", 0.0, 1.0),
        diagonal: true,
        series: series.collect(),
    };
    html! {
        (legend(names(models)))
        (figure(&chart))
        details { summary { "All points of the calibration" }
        div.scroll { table {
            caption { "Share of true values inside the central interval of each level" }
            thead { tr {
                th scope="col" { "expected" }
                @for (name, _) in models { th.number scope="col" { (name) } }
            } }
            tbody { @for (index, point) in expected.iter().enumerate() { tr {
                th scope="row" { (percent(point.expected)) }
                @for (_, curve) in models { td.number { (percent(curve[index].observed)) } }
            } } }
        } } }
    }
}

/// Draws the error of the examples that remain as the most uncertain ones are left out. Thin lines leave
/// out the largest errors.
pub fn sparsification(id: &str, models: &[(&str, &Sparsification)]) -> Markup {
    let series = models.iter().enumerate().flat_map(|(colour, (_, figures))| {
        let curves = [(Shape::Line, &figures.curve), (Shape::ThinLine, &figures.oracle)];
        curves.map(|(shape, curve)| {
            let points = curve.iter().enumerate().map(|(i, &rmse)| [i as f64 / 100.0, rmse]);
            let points = points.filter(|[_, rmse]| rmse.is_finite()).collect();
            Series { colour, shape, points, errors: Vec::new() }
        })
    });
    let areas =
        models.iter().map(|(name, figures)| format!("{name}: {}", four_places(figures.ause)));
    let values = models.iter().flat_map(|(_, figures)| figures.curve.iter().chain(&figures.oracle));
    let chart = Chart {
        id: format!("sparsification-{id}"),
        title: "Error without the most uncertain examples".into(),
        description: format!(
            "Sparsification: root mean squared error of the examples that remain, as a share of that of \
             all. Thin lines leave out the largest errors. Areas between the two, AUSE: {}.",
            areas.collect::<Vec<_>>().join("; ")
        ),
        size: [480.0, 320.0],
        x: Axis::from_to("share that is left out", 0.0, 1.0),
        y: Axis::around("RMSE, share of that of all", values.copied().chain([0.0])),
        diagonal: false,
        series: series.collect(),
    };
    html! { (legend(names(models))) (figure(&chart)) }
}

/// Returns the table of the figures of one target. `unit` is that of the target, empty if it has none.
pub fn figures(models: &[(&str, &RegressionFigures)], unit: &str) -> Markup {
    type Part = Box<dyn Fn(&RegressionFigures) -> String>;
    let in_units = |name: &str| match unit {
        "" => name.to_string(),
        _ => format!("{name}, {unit}"),
    };
    let number = |name: String, part: fn(&RegressionFigures) -> f64| -> (String, Part) {
        (name, Box::new(move |figures| four_places(part(figures))))
    };
    let mut rows = vec![
        number(in_units("RMSE"), |f| f.rmse),
        number(in_units("MAE"), |f| f.mae),
        number(in_units("mean aleatoric std"), |f| f.mean_aleatoric),
        number(in_units("mean epistemic std"), |f| f.mean_epistemic),
        number(in_units("mean total std"), |f| f.mean_total),
        number("calibration error".into(), |f| f.calibration_error),
        number("AUSE".into(), |f| f.sparsification.ause),
    ];
    type Form = fn(&RegressionFigures) -> &Scores;
    let forms: [(&str, Form); 2] = [("mixture", |f| &f.mixture), ("Gaussian", |f| &f.gaussian)];
    for (form, scores) in forms {
        let defined = |value: Option<f64>| value.map_or("–".into(), four_places);
        rows.push((
            format!("NLL of the {form}, nats"),
            Box::new(move |figures| defined(scores(figures).nll)),
        ));
        rows.push((
            in_units(&format!("CRPS of the {form}")),
            Box::new(move |figures| defined(scores(figures).crps)),
        ));
        for (i, level) in INTERVAL_LEVELS.into_iter().enumerate() {
            let of = format!("{:.0} % intervals of the {form}", 100.0 * level);
            rows.push((
                format!("coverage of {of}"),
                Box::new(move |figures| percent(scores(figures).intervals[i].coverage)),
            ));
            rows.push((
                in_units(&format!("width of {of}")),
                Box::new(move |figures| four_places(scores(figures).intervals[i].width)),
            ));
        }
    }
    html! { div.scroll { table {
        thead { tr { th scope="col" { "figure" }
            @for (name, _) in models { th.number scope="col" { (name) } } } }
        tbody { @for (name, part) in &rows { tr {
            th scope="row" { (name) }
            @for (_, figures) in models { td.number { (part(figures)) } }
        } } }
    } } }
}

/// The names of models with their colours.
fn names<'a, T: ?Sized>(
    models: &'a [(&'a str, &'a T)],
) -> impl ExactSizeIterator<Item = (usize, &'a str)> {
    models.iter().enumerate().map(|(colour, (name, _))| (colour, *name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::regression::Predictions;

    /// A thousand examples with two samples each.
    fn example() -> (Vec<f64>, RegressionFigures) {
        let truth: Vec<f64> = (0..1000).map(|i| f64::from(i) / 10.0).collect();
        let means: Vec<f64> = truth.iter().flat_map(|y| [y + 0.5, y - 1.0]).collect();
        let variances = vec![0.25; means.len()];
        let predictions = Predictions { means: &means, variances: &variances, samples: 2 };
        let figures = RegressionFigures::new(&predictions, &truth);
        (truth, figures)
    }

    #[test]
    fn many_examples_are_thinned_out() {
        let (truth, _) = example();
        let errors = vec![1.0; truth.len()];
        let predicted = Predicted { truth: &truth, means: &truth, errors: &errors };
        let page = predicted_against_true("y", &predicted, "standard deviation").into_string();
        let points = page.matches("<circle").count();
        assert_eq!((points, page.matches("class=\"error\"").count()), (334, 334));
        assert!(page.contains("334 of 1000 examples"), "{page}");
        assert!(!page.contains("<polyline") && page.contains("class=\"diagonal\""));
    }

    #[test]
    fn every_model_has_its_curves() {
        let (_, figures) = example();
        let curve = figures.interval_calibration.as_slice();
        let page = interval_calibration("y", &[("INT8", curve), ("FP32", curve)]).into_string();
        assert_eq!(page.matches("<circle").count(), 2 * curve.len());
        assert!(page.contains("c0") && page.contains("c1") && page.contains("FP32"));
        let sparse = &figures.sparsification;
        let page = sparsification("y", &[("INT8", sparse), ("FP32", sparse)]).into_string();
        assert_eq!(page.matches("class=\"thin\"").count(), 2);
    }

    #[test]
    fn figures_are_in_units() {
        let (_, mut regression) = example();
        regression.mixture.nll = None;
        let page = figures(&[("INT8", &regression)], "MPa").into_string();
        assert!(page.contains("RMSE, MPa") && page.contains("width of 95 % intervals"), "{page}");
        assert!(page.contains("NLL of the mixture, nats</th><td class=\"number\">–"), "{page}");
        assert!(
            figures(&[("INT8", &regression)], "")
                .into_string()
                .contains("<th scope=\"row\">RMSE</th>")
        );
    }

    #[test]
    fn nothing_to_draw_has_no_numbers_that_are_none() {
        let empty = Predictions { means: &[], variances: &[], samples: 1 };
        let none = RegressionFigures::new(&empty, &[]);
        let predicted = Predicted { truth: &[], means: &[], errors: &[] };
        let pages = [
            predicted_against_true("y", &predicted, "standard deviation"),
            interval_calibration("y", &[("INT8", &none.interval_calibration)]),
            sparsification("y", &[("INT8", &none.sparsification)]),
            figures(&[("INT8", &none)], ""),
        ];
        for page in pages {
            let page = page.into_string();
            assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
        }
    }
}
