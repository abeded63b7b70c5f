//! The fidelity report as text.

use crate::style::{shorten, table};
use bayes8_convert::bias_correction::{CLEAR_GAIN, CorrectionReport};
use bayes8_convert::error_feedback::Rounding;
use bayes8_convert::fidelity::{FidelityReport, Quantiles};
use bayes8_convert::range_choice::{OUTLIERS, OUTWEIGHED, RangeChoice};
use bayes8_evaluate::style::{Style, counted, four_places, thousands};
use bayes8_evaluate::table::{Align, Table};
use bayes8_evaluate::{EndToEnd, HeadEndToEnd};
use serde::Serialize;

/// Predictions of both networks.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Comparison {
    /// Of classes.
    Classes(EndToEnd),
    /// Of targets or labels.
    Head(HeadEndToEnd),
}

/// Formats the report as tables.
pub(crate) fn text(
    report: &FidelityReport,
    end_to_end: Option<&Comparison>,
    style: Style,
) -> String {
    let FidelityReport { calibration_method, activation_bits, rounding, .. } = report;
    let rounding = match rounding {
        Rounding::ErrorFeedback => "weights rounded with error feedback",
        Rounding::Nearest => "weights rounded to the nearest code",
    };
    let mut text = heading(
        style,
        "Values of the network",
        &format!(
            "INT8 against FP32 with mean weights; ranges by {calibration_method}, {} bits; \
             {rounding}; SQNR: signal to quantization noise",
            u8::from(*activation_bits)
        ),
    );
    text.push_str(&table(&values(report), style));
    if let Some(choice) = &report.range_choice {
        text.push_str(&format!("ranges: {}\n", self::choice(choice)));
    }
    if let Some(correction) = &report.bias_correction {
        text.push_str(&format!("bias correction: {}\n", self::correction(correction)));
    }
    if !report.layers.is_empty() {
        text.push('\n');
        text.push_str(&heading(
            style,
            "Spread of the weights",
            "std ratio: exact standard deviation of the integer sampler over sigma, of weights (0 \
             if larger sigmas of the row leave none), rows and layer",
        ));
        text.push_str(&table(&layers(report), style));
    }
    match end_to_end {
        Some(Comparison::Classes(end_to_end)) => text.push_str(&classes(end_to_end, style)),
        Some(Comparison::Head(end_to_end)) => {
            let HeadEndToEnd { examples, samples, .. } = end_to_end;
            let examples = counted(*examples as u64, "example");
            let run = format!("{examples}, {} each", counted(*samples, "sample"));
            text.push_str(&format!("\n{}", heading(style, "End to end", &run)));
            text.push_str(&end_to_end.text(style));
        }
        None => {}
    }
    text
}

/// Predictions of classes.
fn classes(end_to_end: &EndToEnd, style: Style) -> String {
    let EndToEnd { pictures, samples, .. } = end_to_end;
    let pictures = counted(*pictures as u64, "picture");
    let run = format!("{pictures}, {} each", counted(*samples, "sample"));
    let mut text = format!("\n{}", heading(style, "End to end", &run));
    text.push_str(&table(&figures(end_to_end), style));
    text.push_str(&format!(
        "rank correlation: predictive entropy {}, mutual information {}\n",
        four_places(end_to_end.spearman_predictive_entropy),
        four_places(end_to_end.spearman_mutual_information)
    ));
    text
}

fn heading(style: Style, title: &str, note: &str) -> String {
    format!("{}\n{}\n", style.bold(title), style.dim(note))
}

/// Why these ranges were chosen, in words.
fn choice(choice: &RangeChoice) -> String {
    let RangeChoice { method, min_max_error, mse_error, .. } = choice;
    let mut text = format!(
        "{method}; median squared error of the logits {min_max_error:.5} with min-max, \
         {mse_error:.5} with mse (allowed: {OUTLIERS} times the latter)"
    );
    let tried = choice.tried.iter().map(|tried| {
        let over = tried.mutual_information / choice.fp32_mutual_information;
        format!("{over:.2} with {}", tried.method)
    });
    let tried: Vec<String> = tried.collect();
    if !tried.is_empty() {
        text.push_str(&format!(
            "; mutual information over that of FP32 {} (allowed: {OUTWEIGHED} times, or the reverse)",
            tried.join(", ")
        ));
    }
    text
}

/// The effect of bias correction, in words.
fn correction(correction: &CorrectionReport) -> String {
    let CorrectionReport { corrected, error_without, error_with, gain_over_standard_error } =
        correction;
    let used = if *corrected { "on" } else { "off" };
    format!(
        "{used}; squared error of the logits {error_without:.5} without, {error_with:.5} with it, a \
         gain of {gain_over_standard_error:.1} standard errors (auto: on from {CLEAR_GAIN:.0})"
    )
}

fn values(report: &FidelityReport) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("value", Left),
        ("operation", Left),
        ("from", Right),
        ("to", Right),
        ("clipped", Right),
        ("SQNR", Right),
        ("of the weights", Right),
    ]);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let decibels = |ratio: Option<f64>| or_dash(ratio.map(|ratio| format!("{ratio:.1} dB")));
    for value in &report.values {
        table.push(vec![
            shorten(&value.value, 40),
            value.operation.into(),
            or_dash(value.low.map(|low| format!("{low:.3}"))),
            or_dash(value.high.map(|high| format!("{high:.3}"))),
            or_dash(value.clipped.map(|share| format!("{:.3} %", 100.0 * share))),
            decibels(value.sqnr_db),
            decibels(value.weight_sqnr_db),
        ]);
    }
    table
}

fn layers(report: &FidelityReport) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("layer", Left),
        ("weights", Right),
        ("sigma/step 5%", Right),
        ("50%", Right),
        ("95%", Right),
        ("std ratio 5%", Right),
        ("50%", Right),
        ("95%", Right),
        ("rows 5%", Right),
        ("95%", Right),
        ("layer", Right),
        ("saturated", Right),
    ]);
    let number = |x: f64| format!("{x:.3}");
    let three = |q: &Quantiles| [number(q.q05), number(q.median), number(q.q95)];
    for layer in &report.layers {
        let mut cells = vec![shorten(&layer.layer, 40), thousands(layer.weights as u64)];
        cells.extend(three(&layer.sigma_over_step));
        cells.extend(three(&layer.std_ratio));
        cells.extend([number(layer.row_std_ratio.q05), number(layer.row_std_ratio.q95)]);
        cells.push(number(layer.layer_std_ratio));
        cells.push(format!("{:.3} %", 100.0 * layer.saturated));
        table.push(cells);
    }
    table
}

fn figures(end_to_end: &EndToEnd) -> Table {
    use Align::{Left, Right};
    let EndToEnd { fp32, int8, .. } = end_to_end;
    let mut table = Table::new(&[("", Left), ("FP32", Right), ("INT8", Right)]);
    for (name, fp32, int8) in [
        ("accuracy", fp32.accuracy, int8.accuracy),
        ("NLL", fp32.nll, int8.nll),
        ("Brier score", fp32.brier, int8.brier),
        ("ECE", fp32.ece, int8.ece),
        ("predictive entropy", fp32.mean_predictive_entropy, int8.mean_predictive_entropy),
        ("expected entropy", fp32.mean_expected_entropy, int8.mean_expected_entropy),
        ("mutual information", fp32.mean_mutual_information, int8.mean_mutual_information),
    ] {
        table.push(vec![name.to_string(), format!("{fp32:.4}"), format!("{int8:.4}")]);
    }
    table
}
