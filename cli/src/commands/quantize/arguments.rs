//! The arguments of `bayes8 quantize`, and the library options that they give.

use super::heads::Names;
use crate::args::{Machine, Sampling, UsageError, label, percent, whole};
use crate::input;
use crate::network::{GivenNetwork, NetworkArguments};
use bayes8_convert::bias_correction::BiasCorrection;
use bayes8_convert::calibrate::{RangeMethod, WEIGHT_SAMPLES};
use bayes8_convert::choose::ChooseOptions;
use bayes8_convert::conversion::ConversionOptions;
use bayes8_convert::error_feedback::Rounding;
use bayes8_convert::quantization::{Settings, Sources};
use bayes8_native::core::draws::MAX_CHOSEN;
use bayes8_native::core::numerics::{ActivationBits, Planes};
use clap::{ArgGroup, Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Make an INT8 model from a trained FP32 network whose samples vary
///
/// The network is an ONNX file with every weight at its mean. What varies from sample to sample is one
/// or several of these: the weights, by standard deviations from a safetensors file, with a tensor
/// NAME.sigma for each Bayesian initializer NAME, or from the MOPED rule, a fixed share of each weight's
/// magnitude; dropout, in training mode or named by --mc-dropout; the members of an ensemble, by --member
/// or by tensors NAME.member.K of the safetensors file. Prints what rounding does to every value of the
/// network, how well the spread of the weights survives and, with --data, the predictions of both
/// networks side by side.
#[derive(Args)]
#[command(group(ArgGroup::new("required").required(true).args(["network", "members"])))]
#[command(after_help = "\
Examples:
  bayes8 quantize --network network.onnx --posterior posterior.safetensors \\
      --calibration calibration.npz --metadata metadata.json -o model.safetensors
  bayes8 quantize --network resnet50.onnx --moped 0.1 --calibration pictures.npz -o model.safetensors
  bayes8 quantize --network network.onnx --mc-dropout all --calibration pictures.npz \\
      -o mc-dropout.safetensors
  bayes8 quantize --member first.onnx --member second.onnx --member third.onnx \\
      --calibration pictures.npz -o ensemble.safetensors
  bayes8 quantize --network resnet50.onnx --deterministic --calibration pictures.npz \\
      --calibration-method mse -o to-compare-with.safetensors
  bayes8 quantize --network network.onnx --posterior posterior.safetensors --calibration c.npz \\
      --activation-bits 7 -o for-the-web.safetensors
  bayes8 quantize --network network.onnx --posterior posterior.safetensors --calibration c.npz \\
      --choose-draws 64 -o with-chosen-draws.safetensors
  bayes8 quantize --network concrete.onnx --mc-dropout all --calibration features.npz \\
      --metadata metadata.json --head gaussian-log-variance --target-unit MPa -o concrete.safetensors
  bayes8 quantize --network network.onnx --posterior posterior.safetensors --calibration c.npz \\
      --metadata metadata.json --data test.npz --report report.json -o model.safetensors")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) network: NetworkArguments,

    /// Pictures that show which activations occur: an npz with `x`, uint8 [N, H, W, C]
    /// ([N, D, H, W, C] of volumes, [N, L, C] of sequences, [N, C] of vectors). Floats in `x` are the
    /// network's input as it is, without preprocessing. If there is an array `logits`, float32
    /// [N, classes], the network must give these answers. `-` is standard input, of at most 1 GiB
    #[arg(long, value_name = "NPZ")]
    pub(super) calibration: PathBuf,

    /// Draws of the weights with which the calibration pictures are run
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = WEIGHT_SAMPLES)]
    #[arg(value_parser = whole::<u32>(1..=1 << 16))]
    calibration_draws: u32,

    /// How the range of each value follows from its activations [default: auto; percentile if
    /// --percentile is given]
    #[arg(long, value_name = "METHOD", value_enum)]
    calibration_method: Option<Method>,

    /// Percentage of the activations of each value that its range covers, for the method percentile
    /// [default: 99.99]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = percent)]
    percentile: Option<f64>,

    /// How mean weights become codes
    #[arg(long, value_name = "HOW", value_enum, default_value_t = WeightRounding::ErrorFeedback)]
    weight_rounding: WeightRounding,

    /// Whether biases compensate for what rounding the weights does to the mean of each output; auto: if
    /// this brings the logits of the calibration pictures nearer to FP32, beyond chance
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Correction::Auto)]
    bias_correction: Correction,

    /// Bits of the activations; 7 saves browsers with relaxed SIMD a second product for large ones
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, default_value_t = 8)]
    #[arg(value_parser = whole::<u8>(7..=8))]
    activation_bits: u8,

    /// JSON with names of what the outputs stand for (`class_names`, `label_names`, `targets`), with
    /// `preprocessing` (`mean` and `std` of pixels in 0..1; of the features, with `values` `numbers`),
    /// or both [default: no names, mean 0, std 1; pixels as they are for a network that takes bytes]
    #[arg(long, value_name = "JSON")]
    metadata: Option<PathBuf>,

    /// Bits of an input that is numbers: 16 are two code planes [default: 16 where the first layers
    /// are small enough]
    #[arg(long, value_name = "8|16", value_parser = ["8", "16"])]
    input_bits: Option<String>,

    #[command(flatten)]
    names: Names,

    /// Choose this many draws that stand for thousands, as `bayes8 choose` does, by the calibration pictures
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = whole::<usize>(1..=MAX_CHOSEN as u64))]
    choose_draws: Option<usize>,

    /// Size of the pool from which --choose-draws takes its draws: at least four times their number
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = ChooseOptions::default().pool)]
    #[arg(value_parser = whole::<u32>(4..=1 << 16), requires = "choose_draws")]
    pool: u32,

    /// Name of the model [default: the output's file name]
    #[arg(long)]
    name: Option<String>,

    /// Labelled pictures to compare FP32 and INT8 on: an npz with `x` and `y`
    #[arg(long, value_name = "NPZ")]
    pub(super) data: Option<PathBuf>,

    /// The label of positions of a map to leave out of the comparison
    #[arg(long, value_name = "LABEL", allow_hyphen_values = true, requires = "data", value_parser = label)]
    pub(super) ignore_index: Option<i64>,

    /// Answers of the FP32 network to the pictures of --data, as `bayes8-export golden` records them:
    /// the imported network must give the same
    #[arg(long, value_name = "SAFETENSORS", requires = "data")]
    pub(super) golden: Option<PathBuf>,

    /// Write the fidelity report to this file
    #[arg(long, value_name = "JSON")]
    pub(super) report: Option<PathBuf>,

    #[command(flatten)]
    pub(super) sampling: Sampling,

    #[command(flatten)]
    pub(super) machine: Machine,

    /// The model file to write
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: PathBuf,
}

/// Names of [`RangeMethod`].
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// The widest ranges that the network's precision affords: minmax; mse if outliers cost too much;
    /// percentile if rounding would outweigh a narrow posterior
    Auto,
    /// From the smallest to the largest activation
    #[value(name = "minmax")]
    MinMax,
    /// Without the rarest activations
    Percentile,
    /// The range with the least mean squared error
    Mse,
    /// The range with the least Kullback-Leibler divergence
    Entropy,
}

/// Names of [`Rounding`].
#[derive(Clone, Copy, ValueEnum)]
enum WeightRounding {
    /// Each weight makes up for what rounding the earlier ones did to the outputs of its row
    ErrorFeedback,
    /// Each weight to the nearest code
    Nearest,
}

/// Names of [`BiasCorrection`].
#[derive(Clone, Copy, ValueEnum)]
enum Correction {
    /// Where it clearly helps on the calibration pictures
    Auto,
    /// Always
    On,
    /// Never
    Off,
}

/// The percentage of `--calibration-method percentile` without `--percentile`.
const COMMON_PERCENTILE: f64 = 99.99;

impl Arguments {
    /// All files that are read.
    pub(super) fn inputs(&self) -> Vec<&Path> {
        let optional = [&self.metadata, &self.data, &self.golden];
        let optional = optional.into_iter().filter_map(Option::as_deref);
        self.network.files().chain([self.calibration.as_path()]).chain(optional).collect()
    }

    /// What to quantize.
    ///
    /// # Errors
    /// [`UsageError`].
    pub(super) fn sources(&self) -> Result<Sources, UsageError> {
        let given = self.network.given("quantize")?.expect("the group `required` is");
        let GivenNetwork { members, import, must_vary } = given;
        let mut sources = Sources::of_members(members, &self.calibration);
        sources.import = import;
        sources.details = self.names.details();
        sources.must_vary = must_vary;
        sources.metadata.clone_from(&self.metadata);
        sources.open = input::open;
        Ok(sources)
    }

    /// How to quantize.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let method = match (self.calibration_method, self.percentile) {
            (None | Some(Method::Auto), None) => None,
            (None | Some(Method::Percentile), Some(percentile)) => {
                Some(RangeMethod::Percentile(percentile))
            }
            (Some(_), Some(_)) => {
                let message = "--percentile belongs to --calibration-method percentile".into();
                return Err(UsageError { command: "quantize", message }.into());
            }
            (Some(Method::MinMax), None) => Some(RangeMethod::MinMax),
            (Some(Method::Percentile), None) => Some(RangeMethod::Percentile(COMMON_PERCENTILE)),
            (Some(Method::Mse), None) => Some(RangeMethod::Mse),
            (Some(Method::Entropy), None) => Some(RangeMethod::Entropy),
        };
        let bias_correction = match self.bias_correction {
            Correction::Auto => BiasCorrection::Auto,
            Correction::On => BiasCorrection::On,
            Correction::Off => BiasCorrection::Off,
        };
        let rounding = match self.weight_rounding {
            WeightRounding::ErrorFeedback => Rounding::ErrorFeedback,
            WeightRounding::Nearest => Rounding::Nearest,
        };
        let activation_bits = ActivationBits::try_from(self.activation_bits)?;
        let mut settings = Settings::new(self.name());
        settings.draws = self.calibration_draws;
        settings.seed = self.sampling.seed();
        settings.input_planes = self.input_bits.as_deref().map(|bits| match bits {
            "16" => Planes::Two,
            _ => Planes::One,
        });
        settings.options = ConversionOptions::new()
            .method(method)
            .activation_bits(activation_bits)
            .rounding(rounding)
            .bias_correction(bias_correction);
        Ok(settings)
    }

    /// How to choose draws, if that is asked for.
    pub(super) fn choosing(&self) -> Option<ChooseOptions> {
        let draws = self.choose_draws?;
        Some(ChooseOptions::new().draws(draws).pool(self.pool))
    }

    fn name(&self) -> String {
        let stem = self.output.file_stem().unwrap_or_default();
        self.name.clone().unwrap_or_else(|| stem.to_string_lossy().into_owned())
    }
}
