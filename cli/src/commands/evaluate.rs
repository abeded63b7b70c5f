//! `bayes8 evaluate`: how good a model is on labelled pictures.

use crate::args::{Machine, Sampling};
use crate::evaluation::{Evaluation, OutOfDistribution, by_entropy};
use crate::gates::Gates;
use crate::prediction::Job;
use crate::style::{Style, printable};
use crate::{model_file, output};
use anyhow::{Context, bail};
use bayes8_convert::LabelledPictures;
use bayes8_convert::metrics::{Metrics, check_labels};
use bayes8_native::Model;
use bayes8_native::core::uncertainty::Uncertainty;
use clap::Args;
use ndarray::ArrayD;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Measure a model on labelled pictures: accuracy, calibration, uncertainty and speed
///
/// NLL is in nats, the Brier score is summed over the classes (0 to 2), ECE is the expected
/// calibration error over 15 bins of equal width. AvU is the share of predictions that are right and
/// sure or wrong and unsure, AURC the mean share of wrong ones among the surest, both by predictive
/// entropy. With --ood: how well the uncertainty tells other pictures from these. Seconds are those
/// of the predictions of --data alone.
#[derive(Args)]
#[command(after_help = "\
Examples:
  bayes8 evaluate models/fashion-resnet14.safetensors --data fashion-test.npz
  bayes8 evaluate models/mnist-scnn.safetensors --data mnist-test.npz --ood letters.npz
  bayes8 evaluate model.safetensors --data test.npz --samples 256 --json > figures.json
  bayes8 evaluate model.safetensors --data test.npz --min-accuracy 0.9 --max-ece 0.05")]
pub(crate) struct Arguments {
    /// Model file
    model: PathBuf,

    /// Pictures and labels: an npz with `x`, uint8 [N, H, W, C] ([N, D, H, W, C] of
    /// volumes, [N, L, C] of sequences), and `y`, N class indices
    #[arg(long, value_name = "NPZ")]
    data: PathBuf,

    /// Pictures of another distribution, which the model should be unsure of: an npz with `x`
    #[arg(long, value_name = "NPZ")]
    ood: Option<PathBuf>,

    #[command(flatten)]
    sampling: Sampling,

    #[command(flatten)]
    machine: Machine,

    #[command(flatten)]
    gates: Gates,

    /// Print JSON
    #[arg(long)]
    json: bool,
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
    let unknown = match &arguments.ood {
        Some(path) => Some((path, LabelledPictures::load(path)?.pictures)),
        None => None,
    };

    let start = Instant::now();
    let predictions = predict(&model, &arguments.data, &pictures, &arguments.sampling)?;
    let seconds = start.elapsed().as_secs_f64();
    let ood = unknown.map(|(path, unknown)| {
        let unknown = predict(&model, path, &unknown, &arguments.sampling)?;
        anyhow::Ok(OutOfDistribution::new(&predictions, &unknown))
    });
    let (avu, selective) = by_entropy(&predictions, &labels);
    let evaluation = Evaluation {
        metrics: Metrics::new(&predictions, &labels),
        avu,
        selective,
        ood: ood.transpose()?,
        pictures: labels.len(),
        samples,
        seed,
        kernel: model.kernel(),
        seconds,
    };
    if arguments.json {
        output::print_json(&evaluation)?;
    } else {
        let name = printable(model.description().name());
        output::print(&evaluation.text(&name, model.threads(), Style::detect()))?;
    }
    Ok(arguments.gates.check(&evaluation)?)
}

/// Predicts the pictures of `path`.
fn predict(
    model: &Model,
    path: &Path,
    pictures: &ArrayD<u8>,
    sampling: &Sampling,
) -> anyhow::Result<Vec<Uncertainty>> {
    let Sampling { samples, seed } = *sampling;
    let job = Job { model, pictures: pictures.view(), samples: 0..samples, seed, digests: false };
    let outcomes = job.run().with_context(|| format!("{}: array `x`", path.display()))?;
    Ok(outcomes.into_iter().map(|outcome| outcome.uncertainty).collect())
}
