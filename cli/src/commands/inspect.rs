//! `bayes8 inspect`: shows what a model file holds.

mod outputs;

use crate::args::InputSize;
use crate::style::{self, shorten};
use crate::{model_file, output};
use bayes8_evaluate::model_report::{Evidence, Input, ModelReport, Quantiles};
use bayes8_evaluate::style::{Style, bytes, counted, printable, thousands};
use bayes8_evaluate::table::{Align, Table};
use bayes8_native::core::limits::Limits;
use bayes8_native::core::model::Values;
use clap::Args;
use std::path::PathBuf;

/// Show what a model file holds: input, outputs, layers, shapes, sizes, what varies, and calibration
///
/// `sigma/step` is the standard deviation of a weight in steps of its INT8 grid, exactly as the
/// integer sampler produces it: the 5, 50 and 95 % quantiles over the layer's weights. Weights and bytes
/// are those of all members of an ensemble together.
#[derive(Args)]
#[command(after_help = "\
Examples:
  bayes8 inspect models/fashion-resnet14.safetensors
  bayes8 inspect models/camvid-unet.safetensors --input-size 384x512
  bayes8 inspect model.safetensors --json | jq '.nodes[] | select(.bayesian) | .name'")]
pub(crate) struct Arguments {
    /// Model file; `-` is standard input, of at most 1 GiB
    model: PathBuf,

    #[command(flatten)]
    size: InputSize,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (model, file_bytes) = model_file::describe(&arguments.model, &arguments.size)?;
    let report = ModelReport::new(&model, file_bytes);
    match arguments.json {
        true => output::print_json(&report),
        false => output::print(&Text(&report).text(style::detect())),
    }
}

/// A report for people.
struct Text<'a>(&'a ModelReport);

impl Text<'_> {
    fn text(&self, style: Style) -> String {
        let mut text = format!("{}\n", style.bold(&printable(&self.0.model)));
        for (label, value) in self.facts() {
            text.push_str(&style::fact(label, &value, style));
        }
        text.push('\n');
        text.push_str(&style::table(&self.table(), style));
        text
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let input = &self.0.input;
        let range = match input.observed_range {
            Some(range) => format!(", observed {}", self::range(range)),
            None => String::new(),
        };
        let from = match &input.source {
            Some(source) => format!(", from {}", shorten(&source.input_axes, 40)),
            None => String::new(),
        };
        let share = 100.0 * self.0.bayesian_parameters as f64 / self.0.parameters.max(1) as f64;
        let of_all = if self.0.randomness.members > 1 { " in all members" } else { "" };
        let calibration = match &self.0.calibration {
            Some(Evidence { method, pictures, weight_samples }) => format!(
                "{}; {}, {} each",
                printable(method),
                counted(*pictures, self.one_input()),
                counted(*weight_samples, "weight sample")
            ),
            None => "not recorded in the file".to_string(),
        };
        let mut facts = vec![
            (
                "file",
                format!(
                    "{}, format version {}",
                    bytes(self.0.file_bytes as u64),
                    self.0.format_version
                ),
            ),
            ("digest", self.0.model_digest.clone()),
            (
                "input",
                format!(
                    "{}{from}{}; scale {:.5}, zero point {}{range}",
                    style::input(input.shape),
                    self.bits(),
                    input.scale,
                    input.zero_point
                ),
            ),
            (
                match input.values {
                    Values::Bytes => "pixels",
                    Values::Numbers => "numbers",
                },
                normalization(input),
            ),
        ];
        facts.extend(outputs::facts(self.0));
        facts.push(("varies", self.0.randomness.to_string()));
        facts.extend(self.0.chosen_draws.as_ref().map(|draws| {
            ("draws", format!("{} chosen of seed {}", draws.samples().len(), draws.seed()))
        }));
        facts.extend([
            (
                "parameters",
                format!("{}{of_all}, {share:.1} % Bayesian", thousands(self.0.parameters as u64)),
            ),
            (
                "work",
                format!(
                    "{:.1} M multiply-accumulates per {} and sample",
                    self.0.multiply_accumulates as f64 / 1e6,
                    self.one_input()
                ),
            ),
            ("takes", self.takes_text()),
            ("calibration", calibration),
        ]);
        facts
    }

    /// What the input holds, unless it holds bytes in one code plane.
    fn bits(&self) -> String {
        let Input { values, planes, .. } = self.0.input;
        let bits = planes as u32 * self.0.activation_bits.largest_code().count_ones();
        let numbers = if values == Values::Numbers { ", float32 numbers" } else { "" };
        match planes {
            1 => numbers.into(),
            _ => format!("{numbers}, {bits}-bit input"),
        }
    }

    /// Memory and steps, and the options that allow them if they exceed the limits.
    fn takes_text(&self) -> String {
        let (memory, steps) = (bytes(self.0.memory_bytes), thousands(self.0.steps));
        let limits = Limits::default();
        let mut raised = Vec::new();
        if self.0.memory_bytes > limits.memory_bytes {
            raised.push("--max-memory");
        }
        if self.0.steps > limits.steps {
            raised.push("--max-steps");
        }
        let over = match raised.is_empty() {
            true => String::new(),
            false => format!("; runs only with a higher {}", raised.join(" and ")),
        };
        let one = self.one_input();
        format!("{memory} of working memory and {steps} steps per {one} and sample{over}")
    }

    /// What one input is called.
    fn one_input(&self) -> &'static str {
        match self.0.input.values {
            Values::Bytes => "picture",
            Values::Numbers => "input",
        }
    }

    fn table(&self) -> Table {
        use Align::{Left, Right};
        let mut table = Table::new(&[
            ("node", Left),
            ("operation", Left),
            ("output", Left),
            ("weights", Right),
            ("bytes", Right),
            ("varies", Left),
            ("sigma/step 5%", Right),
            ("50%", Right),
            ("95%", Right),
            ("scale", Right),
            ("zero", Right),
            ("observed", Left),
        ]);
        for node in &self.0.nodes {
            let count = |n: usize| if n > 0 { thousands(n as u64) } else { String::new() };
            let mut kind = match (&node.dropout, node.weights, node.bayesian) {
                (Some(dropout), ..) => format!("drops {}", dropout.what()),
                (None, 0, _) => String::new(),
                (None, _, true) => "Bayesian".into(),
                (None, _, false) => "fixed".into(),
            };
            if self.0.randomness.members > 1 && node.members > 0 {
                kind += if node.members == 1 { ", shared" } else { ", per member" };
            }
            let quantile = |of: fn(Quantiles) -> f64| {
                node.sigma_over_step.map_or(String::new(), |q| format!("{:.3}", of(q)))
            };
            table.push(vec![
                shorten(&node.name, 40),
                node.op.to_string(),
                style::shape(node.shape),
                count(node.weights),
                count(node.bytes),
                kind,
                quantile(|q| q.q05),
                quantile(|q| q.median),
                quantile(|q| q.q95),
                node.scale.map_or_else(
                    || outputs::grid(self.0, &node.name).to_string(),
                    |scale| format!("{scale:.5}"),
                ),
                node.zero_point.map_or(String::new(), |zero| zero.to_string()),
                node.observed_range.map_or(String::new(), range),
            ]);
        }
        table
    }
}

/// The normalization of the input: the first few means and standard deviations.
fn normalization(Input { values, mean, std, .. }: &Input) -> String {
    const SHOWN: usize = 6;
    let number = |&x: &f32| match values {
        Values::Bytes => format!("{x}"),
        // Four digits of a measurement.
        Values::Numbers => format!("{x:.3e}").parse().map_or(x, |short: f32| short).to_string(),
    };
    let list = |numbers: &[f32]| {
        let shown: Vec<String> = numbers.iter().take(SHOWN).map(number).collect();
        let more = if numbers.len() > SHOWN { ", ..." } else { "" };
        format!("{}{more}", shown.join(", "))
    };
    format!("mean {}; std {}", list(mean), list(std))
}

fn range([low, high]: [f32; 2]) -> String {
    format!("{low:.3} .. {high:.3}")
}
