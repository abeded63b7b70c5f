//! `bayes8 evaluate`: how good a model is on labelled pictures.

use crate::args::{Machine, Sampling};
use crate::prediction::Job;
use crate::style::{Style, printable, thousands};
use crate::{model_file, output};
use anyhow::{Context, bail};
use bayes8_convert::LabelledPictures;
use bayes8_convert::metrics::{Metrics, check_labels};
use bayes8_native::core::uncertainty::Uncertainty;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Measure a model on labelled pictures: accuracy, calibration, uncertainty and speed
///
/// NLL is in nats, the Brier score is summed over the classes (0 to 2), ECE is the expected
/// calibration error over 15 bins of equal width. Seconds are those of the predictions alone.
#[derive(Args)]
#[command(after_help = "\
Examples:
  bayes8 evaluate models/fashion-resnet14.safetensors --data fashion-test.npz
  bayes8 evaluate model.safetensors --data test.npz --samples 256 --json > figures.json")]
pub(crate) struct Arguments {
    /// Model file
    model: PathBuf,

    /// Pictures and labels: an npz with `x`, uint8 [N, H, W, C], and `y`, N class indices
    #[arg(long, value_name = "NPZ")]
    data: PathBuf,

    #[command(flatten)]
    sampling: Sampling,

    #[command(flatten)]
    machine: Machine,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    metrics: Metrics,
    pictures: usize,
    samples: u32,
    seed: u64,
    kernel: &'static str,
    seconds: f64,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Sampling { samples, seed } = arguments.sampling;
    let model = model_file::load(&arguments.model, &arguments.machine)?;
    let data = arguments.data.display();
    let LabelledPictures { pictures, labels } = LabelledPictures::load(&arguments.data)?;
    let Some(labels) = labels else {
        bail!("{data}: there is no array `y` of labels");
    };
    let labels = labels.to_vec();
    check_labels(&labels, model.description().classes())
        .with_context(|| format!("{data}: array `y`"))?;

    let job =
        Job { model: &model, pictures: pictures.view(), samples: 0..samples, seed, digests: false };
    let start = Instant::now();
    let outcomes = job.run().with_context(|| format!("{data}: array `x`"))?;
    let seconds = start.elapsed().as_secs_f64();

    let predictions: Vec<Uncertainty> = outcomes.into_iter().map(|o| o.uncertainty).collect();
    let report = Report {
        metrics: Metrics::new(&predictions, &labels),
        pictures: labels.len(),
        samples,
        seed,
        kernel: model.kernel(),
        seconds,
    };
    if arguments.json {
        return output::print_json(&report);
    }
    let name = printable(model.description().name());
    output::print(&report.text(&name, model.threads(), Style::detect()))
}

impl Report {
    fn text(&self, name: &str, threads: usize, style: Style) -> String {
        let Self { metrics, pictures, samples, seed, kernel, seconds } = self;
        let rate = *pictures as f64 / seconds;
        let mut text = format!("{}\n", style.bold(name));
        for (label, value) in [
            (
                "pictures",
                format!("{}, {samples} samples each, seed {seed}", thousands(*pictures as u64)),
            ),
            ("accuracy", format!("{:7.2} %", 100.0 * metrics.accuracy)),
            ("NLL", format!("{:7.4} nats", metrics.nll)),
            ("Brier score", format!("{:7.4}", metrics.brier)),
            ("ECE", format!("{:7.4}", metrics.ece)),
            (
                "total",
                format!("{:7.4} nats, mean predictive entropy", metrics.mean_predictive_entropy),
            ),
            (
                "aleatoric",
                format!("{:7.4} nats, mean expected entropy", metrics.mean_expected_entropy),
            ),
            (
                "epistemic",
                format!("{:7.4} nats, mean mutual information", metrics.mean_mutual_information),
            ),
            (
                "speed",
                format!(
                    "{rate:.1} pictures/s ({:.0} image-samples/s): {seconds:.2} s, {kernel}, {threads} threads",
                    rate * f64::from(*samples)
                ),
            ),
        ] {
            text.push_str(&format!("  {}  {value}\n", style.dim(&format!("{label:11}"))));
        }
        text
    }
}
