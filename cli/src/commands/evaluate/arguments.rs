//! The arguments of `bayes8 evaluate`, and the library options that they give.

use super::command_line;
use super::conformal::ConformalArguments;
use super::thresholds::Thresholds;
use crate::args::{Machine, Sampling, Tiles, label, sample_count, whole};
use crate::input;
use crate::network::{GivenNetwork, NetworkArguments};
use bayes8_evaluate::{Fp32, Fp32Noise, Options};
use clap::{ArgGroup, Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Measure a model on labelled examples: errors, calibration, uncertainty and speed
///
/// NLL is in nats, the Brier score is summed over the classes (0 to 2), ECE is the expected
/// calibration error over 15 bins of equal width. AvU is the share of predictions that are right and
/// sure or wrong and unsure, AURC the mean share of wrong ones among the surest, both by predictive
/// entropy. --ood measures how well the uncertainty separates other examples from these, --drift how
/// accuracy and uncertainty follow corruptions of the pictures. --network and --golden add the figures
/// of the FP32 network and of recorded FP32 predictions, and how INT8 differs from them. Seconds count
/// only the INT8 predictions of --data. Of a regression, RMSE, NLL, CRPS, intervals and calibration are
/// measured for each target and in its unit; of independent labels, average precision, AUROC, Brier score,
/// ECE and log loss for each. Of a map of classes, as a segmentation has, every position counts; IoU is the
/// intersection of predicted and true region over their union, PAvPU the share of positions that are right
/// and sure or wrong and unsure. docs/EVALUATION.md explains everything.
#[derive(Args)]
#[command(group(ArgGroup::new("peer").args(["network", "members", "golden"]).multiple(true)))]
#[command(after_help = "\
Examples:
  bayes8 evaluate models/fashion-resnet14.safetensors --data fashion-test.npz
  bayes8 evaluate models/mnist-scnn.safetensors --data mnist-test.npz --ood letters.npz
  bayes8 evaluate model.safetensors --data test.npz --samples 256 --json > figures.json
  bayes8 evaluate model.safetensors --data test.npz --min-accuracy 0.9 --max-ece 0.05

  # a regression, labels, and one of several outputs
  bayes8 evaluate concrete.safetensors --data test.npz --samples 256 --max-rmse 6 --min-coverage 0.9
  bayes8 evaluate tags.safetensors --data test.npz --min-average-precision 0.5 --max-log-loss 0.4
  bayes8 evaluate model.safetensors --data depth.npz --evaluate-output depth

  # a segmentation, in whose truth 255 stands where nothing is known
  bayes8 evaluate street.safetensors --data test.npz --ignore-index 255 --min-mean-iou 0.5 \\
      --html report.html

  # sets of classes, or intervals, that hold the truth in 90 % of cases
  bayes8 evaluate model.safetensors --data test.npz --conformal aps --calibration-set other.npz
  bayes8 evaluate concrete.safetensors --data test.npz --conformal residuals --alpha 0.05 \\
      --calibration-set other.npz
  bayes8 evaluate model.safetensors --data test.npz --conformal lac --calibration-set other.npz --store

  # how INT8 differs from FP32, also under drift, as a report for people
  bayes8 corrupt test.npz -o corruptions.npz
  bayes8 evaluate model.safetensors --data test.npz --drift corruptions.npz --drift-samples 32 \\
      --network network.onnx --posterior posterior.safetensors --samples 256 --html report.html
  bayes8 evaluate mc-dropout.safetensors --data test.npz --network network.onnx --mc-dropout all
  bayes8 evaluate ensemble.safetensors --data test.npz --member first.onnx --member second.onnx

  # what a pipeline should stop at
  bayes8 evaluate model.safetensors --data test.npz --golden golden.safetensors --samples 256 \\
      --max-accuracy-gap 0.005 --min-spearman-entropy 0.98 --min-spearman-mi 0.95")]
pub(crate) struct Arguments {
    /// Model file; `-` is standard input, of at most 1 GiB, here and for archives
    pub(super) model: PathBuf,

    /// Examples and what is true of them: an npz with `x`, uint8 [N, H, W, C] of pictures
    /// ([N, D, H, W, C] of volumes, [N, L, C] of sequences, [N, C] of vectors), or floats for a model
    /// that takes numbers, such as [N, features] of a table; and `y`: N class indices; labels of 0 and
    /// 1, [N, labels]; the values of targets, float32 [N, targets]; or the class of each position of a map,
    /// [N, H, W] ([N, D, H, W] of volumes, [N, L] of sequences). To other models, floats in `x` are the
    /// input as it is, without preprocessing
    #[arg(long, value_name = "NPZ")]
    data: PathBuf,

    /// The output of the model to evaluate, whose truth is in --data [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(super) evaluate_output: Option<String>,

    /// The label of positions of a map to leave out, such as those where nothing is known
    #[arg(long, value_name = "LABEL", allow_hyphen_values = true, value_parser = label)]
    ignore_index: Option<i64>,

    /// Examples of another distribution, about which the model should be unsure: an npz with `x`
    #[arg(long, value_name = "NPZ")]
    ood: Option<PathBuf>,

    /// The pictures of --data, corrupted, as `bayes8 corrupt` writes them: an npz with `y` and, for
    /// each corruption and severity, an array such as `contrast_3`, uint8 [N, H, W, C]
    #[arg(long, value_name = "NPZ")]
    drift: Option<PathBuf>,

    /// Monte-Carlo samples of each corrupted picture [default: --samples]
    #[arg(long, value_name = "N", allow_hyphen_values = true, requires = "drift")]
    #[arg(value_parser = sample_count())]
    drift_samples: Option<u32>,

    #[command(flatten, next_help_heading = "FP32 network to compare with; slow")]
    network: NetworkArguments,

    /// Monte-Carlo samples of the FP32 network, except for corrupted pictures [default: --samples]; if
    /// the numbers differ, the first samples of both are compared
    #[arg(long, value_name = "N", allow_hyphen_values = true, requires = "fp32")]
    #[arg(value_parser = sample_count())]
    #[arg(help_heading = "Comparison")]
    fp32_samples: Option<u32>,

    /// Noise of the FP32 samples
    #[arg(long, value_name = "WHOSE", value_enum, default_value_t = Noise::Own)]
    #[arg(requires = "fp32", help_heading = "Comparison")]
    fp32_noise: Noise,

    /// FP32 predictions of --data that the training framework recorded, to compare with
    #[arg(long, value_name = "SAFETENSORS", help_heading = "Comparison")]
    golden: Option<PathBuf>,

    #[command(flatten, next_help_heading = "Conformal prediction")]
    pub(super) conformal: ConformalArguments,

    #[command(flatten)]
    sampling: Sampling,

    #[command(flatten)]
    pub(super) tiles: Tiles,

    #[command(flatten)]
    pub(super) machine: Machine,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,

    /// Write a report with diagrams to this file, which is complete in itself
    #[arg(long, value_name = "HTML")]
    pub(super) html: Option<PathBuf>,

    /// Pictures that the report shows of a map, the first ones of --data
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        requires = "html",
        default_value_t = 6
    )]
    #[arg(value_parser = whole::<usize>(1..=1000))]
    html_pictures: usize,

    #[command(flatten)]
    thresholds: Thresholds,
}

/// Names of [`Fp32Noise`].
#[derive(Clone, Copy, ValueEnum)]
enum Noise {
    /// Gaussian noise, independent of the INT8 samples
    Own,
    /// The noise of the INT8 samples, one by one: only quantization then makes a difference, and a
    /// few samples show it
    Int8,
}

impl Arguments {
    /// The library options that these arguments give, which stand in `line`.
    ///
    /// # Errors
    /// A wrong usage, or too many threads.
    pub(super) fn options(&self, line: &[OsString]) -> anyhow::Result<Options> {
        let fp32 = self.network.given("evaluate")?.map(|given| {
            let GivenNetwork { members, import, must_vary } = given;
            let mut fp32 = Fp32::of_members(members);
            fp32.import = import;
            fp32.must_vary = must_vary;
            fp32.samples = self.fp32_samples;
            fp32.noise = match self.fp32_noise {
                Noise::Own => Fp32Noise::Own,
                Noise::Int8 => Fp32Noise::Int8,
            };
            fp32
        });
        let mut options = Options::new(&self.model, &self.data);
        options.output.clone_from(&self.evaluate_output);
        options.ignore_index = self.ignore_index;
        options.shown_pictures = self.html_pictures;
        options.conformal = self.conformal.given()?;
        options.ood.clone_from(&self.ood);
        options.drift.clone_from(&self.drift);
        options.fp32 = fp32;
        options.golden.clone_from(&self.golden);
        options.samples = self.sampling.samples;
        options.drift_samples = self.drift_samples;
        options.seed = self.sampling.seed();
        options.machine = self.machine.options()?;
        options.thresholds.clone_from(&self.thresholds.0);
        options.command = Some(command_line::command(line));
        options.open = input::open;
        Ok(options)
    }
}
