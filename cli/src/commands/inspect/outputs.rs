//! The outputs of a model, as text.

use crate::style::shorten;
use bayes8_evaluate::model_report::ModelReport;
use bayes8_evaluate::output_report::{HeadReport, OutputReport, TargetReport};
use bayes8_evaluate::style::{bytes, counted, four_places, thousands};
use bayes8_native::core::conformal::ConformalPredictor;
use bayes8_native::core::head::Output;
use bayes8_native::core::head::gaussian::Variance;

/// Facts about the outputs: the classes of a model that has nothing else, or each output and its targets.
pub(super) fn facts(report: &ModelReport) -> Vec<(&'static str, String)> {
    if let [OutputReport { name, head: HeadReport::Classes { count, names }, positions, .. }] =
        &report.outputs[..]
        && (name.as_str(), *positions) == (Output::NAME, [1; 3])
    {
        let classes = ("classes", format!("{}{}", thousands(*count as u64), listed(names)));
        return [classes].into_iter().chain(conformal(&report.outputs[0])).collect();
    }
    report.outputs.iter().flat_map(of_output).collect()
}

/// What stands in the place of the scale of the node `name`, which makes an output.
pub(super) fn grid(report: &ModelReport, name: &str) -> &'static str {
    let makes = |output: &&OutputReport| output.nodes.iter().any(|node| node == name);
    match report.outputs.iter().find(makes).map(|output| &output.head) {
        Some(HeadReport::Gaussian { .. }) => "targets",
        _ => "logits",
    }
}

fn of_output(output: &OutputReport) -> Vec<(&'static str, String)> {
    let (what, targets) = match &output.head {
        HeadReport::Classes { count, names } => {
            (format!("{}{}", counted(*count as u64, "class"), listed(names)), &[][..])
        }
        HeadReport::Labels { count, names } => {
            (format!("{}{}", counted(*count as u64, "label"), listed(names)), &[][..])
        }
        HeadReport::Gaussian { variance, targets } => {
            let variance = match variance {
                Variance::None => "means only",
                Variance::Log => "means and log-variances",
                Variance::Softplus => "means and softplus variances",
            };
            let count = counted(targets.len() as u64, "target");
            (format!("gaussian, {count}: {variance}"), &targets[..])
        }
    };
    let memory = bytes(output.memory_bytes as u64);
    let memory = match map(output.positions) {
        Some(map) => format!("{map}, {memory} per input"),
        None => memory,
    };
    let head = ("output", format!("{}: {what}; {memory}", shorten(&output.name, 24)));
    let targets =
        targets.iter().enumerate().map(|(index, target)| ("target", of_target(index, target)));
    [head].into_iter().chain(targets).chain(conformal(output)).collect()
}

/// The size of a map: `map of 192 x 256 positions`; `None` for other outputs.
fn map(positions: [usize; 3]) -> Option<String> {
    let ones = positions.iter().take_while(|&&extent| extent == 1).count();
    let extents: Vec<String> = positions[ones..].iter().map(usize::to_string).collect();
    (!extents.is_empty()).then(|| format!("map of {} positions", extents.join(" x ")))
}

/// What gives the sets or intervals of an output.
fn conformal(output: &OutputReport) -> Option<(&'static str, String)> {
    let ConformalPredictor { method, alpha, thresholds, calibration_examples, samples, seed } =
        output.conformal.as_ref()?;
    let raps = method.raps().map(|(lambda, k_reg)| format!(" (lambda {lambda}, k_reg {k_reg})"));
    let thresholds = first(thresholds.iter().map(|threshold| four_places(*threshold)));
    let text = format!(
        "{}{}, alpha {alpha}, threshold {thresholds}; from {}, {} of seed {seed}",
        method.name(),
        raps.unwrap_or_default(),
        counted(*calibration_examples, "example"),
        counted(*samples, "sample"),
    );
    Some(("conformal", text))
}

fn of_target(index: usize, target: &TargetReport) -> String {
    let TargetReport { name, unit, scale, offset, noise, .. } = target;
    let name = if name.is_empty() { format!("target {index}") } else { shorten(name, 24) };
    let unit = if unit.is_empty() { String::new() } else { format!(" in {}", shorten(unit, 24)) };
    let noise = if *noise == 0.0 { String::new() } else { format!(", noise {noise}") };
    format!("{name}{unit}: scale {scale}, offset {offset}{noise}")
}

/// The first few names, after a colon.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!(": {}", first(names.iter().map(|name| shorten(name, 24)))),
    }
}

/// The first few of `all`.
fn first(all: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 10;
    let more = if all.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", all.take(SHOWN).collect::<Vec<_>>().join(", "))
}
