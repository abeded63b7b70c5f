//! `bayes8 quantize`: from a trained FP32 network to an INT8 model file.

mod input;
mod warnings;

use crate::args::{
    Machine, NetworkInput, Sampling, percent, positive, posterior_source, usage_error, whole,
};
use crate::atomic_file::Pending;
use crate::prediction::Job;
use crate::progress::Progress;
use crate::style::{Style, bytes, printable};
use crate::{fidelity_table, output, picture};
use anyhow::{Context, bail};
use bayes8_convert::bias_correction::BiasCorrection;
use bayes8_convert::calibrate::{Observations, RangeMethod, WEIGHT_SAMPLES};
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_convert::error_feedback::Rounding;
use bayes8_convert::fidelity::{EndToEnd, FidelityReport, predict_fp32};
use bayes8_convert::inputs::fp32_inputs;
use bayes8_convert::quantize::{Description, QuantizeError};
use bayes8_convert::reference::stays_finite;
use bayes8_convert::{ImportError, Inputs, LoadError, Network};
use bayes8_native::core::format;
use bayes8_native::core::model::{self, Preprocessing};
use bayes8_native::core::numerics::ActivationBits;
use bayes8_native::{Model, ModelOptions};
use clap::{ArgGroup, Args, ValueEnum};
use ndarray::ArrayViewD;
use std::path::{Path, PathBuf};
use warnings::{lost_noise, misfit};

/// Make an INT8 model from a trained FP32 network and the standard deviations of its weights
///
/// The network is an ONNX file with every weight at its mean. The standard deviations come from a
/// safetensors file, with a tensor NAME.sigma for each Bayesian initializer NAME, or from the MOPED
/// rule: a fixed share of each weight's magnitude. Prints what rounding does to every value of the
/// network, how well the spread of the weights survives and, with --data, the predictions of both
/// networks side by side.
#[derive(Args)]
#[command(group(
    ArgGroup::new("spread").required(true).args(["posterior", "moped", "deterministic"])
))]
#[command(after_help = "\
Examples:
  bayes8 quantize --mean mean.onnx --posterior posterior.safetensors \\
      --calibration calibration.npz --metadata metadata.json -o model.safetensors
  bayes8 quantize --mean resnet50.onnx --moped 0.1 --calibration pictures.npz -o model.safetensors
  bayes8 quantize --mean resnet50.onnx --deterministic --calibration pictures.npz \\
      --calibration-method mse -o to-compare-with.safetensors
  bayes8 quantize --mean mean.onnx --posterior posterior.safetensors --calibration c.npz \\
      --activation-bits 7 -o for-the-web.safetensors
  bayes8 quantize --mean mean.onnx --posterior posterior.safetensors --calibration c.npz \\
      --metadata metadata.json --data test.npz --report report.json -o model.safetensors")]
pub(crate) struct Arguments {
    /// The network with its mean weights
    #[arg(long, value_name = "ONNX")]
    mean: PathBuf,

    /// Standard deviations of the weights
    #[arg(long, value_name = "SAFETENSORS")]
    posterior: Option<PathBuf>,

    /// Standard deviations as this share of each weight's magnitude
    #[arg(long, value_name = "D", allow_hyphen_values = true, value_parser = positive)]
    moped: Option<f32>,

    /// No standard deviations: an INT8 network of the mean weights alone, to compare with
    #[arg(long)]
    deterministic: bool,

    /// Pictures that show which activations occur: an npz with `x`, uint8 [N, H, W, C]
    /// ([N, D, H, W, C] of volumes, [N, L, C] of sequences, [N, C] of vectors). Floats in `x` are the
    /// network's input as it is, without preprocessing. The network must answer as an array `logits`,
    /// float32 [N, classes], says, if there is one. `-` is standard input, of at most 1 GiB
    #[arg(long, value_name = "NPZ")]
    calibration: PathBuf,

    /// Draws of the weights that the calibration pictures are run with
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = WEIGHT_SAMPLES)]
    #[arg(value_parser = whole::<u32>(1..=1 << 16))]
    calibration_draws: u32,

    /// How the range of each value follows from its activations [default: auto; percentile where
    /// --percentile is given]
    #[arg(long, value_name = "METHOD", value_enum)]
    calibration_method: Option<Method>,

    /// Share of the activations of each value that its range covers, for the method percentile
    /// [default: 99.99]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = percent)]
    percentile: Option<f64>,

    /// How mean weights become codes
    #[arg(long, value_name = "HOW", value_enum, default_value_t = WeightRounding::ErrorFeedback)]
    weight_rounding: WeightRounding,

    /// Whether biases take up what rounding the weights does to the mean of each output; auto: if
    /// it brings the logits of the calibration pictures nearer to those of FP32, beyond chance
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Correction::Auto)]
    bias_correction: Correction,

    /// Bits of the activations; 7 saves a browser with relaxed SIMD a second product for large ones
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, default_value_t = 8)]
    #[arg(value_parser = whole::<u8>(7..=8))]
    activation_bits: u8,

    /// JSON with `class_names`, `preprocessing` (`mean` and `std` of pixels in 0..1), or both
    /// [default: no names, mean 0, std 1; pixels as they are for a network that takes bytes]
    #[arg(long, value_name = "JSON")]
    metadata: Option<PathBuf>,

    /// Names of the classes, in the order of the outputs, instead of those of --metadata
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    classes: Vec<String>,

    #[command(flatten)]
    input: NetworkInput,

    /// Name of the model [default: the output's file name]
    #[arg(long)]
    name: Option<String>,

    /// Labelled pictures to compare FP32 and INT8 on: an npz with `x` and `y`
    #[arg(long, value_name = "NPZ")]
    data: Option<PathBuf>,

    /// What the FP32 network answers to the pictures of --data, as `bayes8-export golden` records it:
    /// the imported network must answer the same
    #[arg(long, value_name = "SAFETENSORS", requires = "data")]
    golden: Option<PathBuf>,

    /// Write the fidelity report to this file
    #[arg(long, value_name = "JSON")]
    report: Option<PathBuf>,

    #[command(flatten)]
    sampling: Sampling,

    #[command(flatten)]
    machine: Machine,

    /// The model file to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

/// Names of [`RangeMethod`].
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// The widest ranges that the network's precision affords: minmax, mse where outliers cost too
    /// much, percentile where rounding would outweigh a narrow posterior
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
    /// Each makes up for what rounding those before it did to the outputs of its row
    ErrorFeedback,
    /// Each to the nearest code
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

/// What `--calibration-method percentile` covers without `--percentile`.
const COMMON_PERCENTILE: f64 = 99.99;

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let options = arguments.options()?;
    let create = |path: &PathBuf| Pending::create(path, &arguments.inputs());
    let pending = create(&arguments.output)?;
    let pending_report = arguments.report.as_ref().map(create).transpose()?;
    if pending_report.as_ref().is_some_and(|report| report.is_same(&pending)) {
        bail!("{} cannot be both model and report", arguments.output.display());
    }
    arguments.machine.start_threads()?;

    let source = posterior_source(arguments.posterior.as_deref(), arguments.moped);
    let network = Network::load_with(&arguments.mean, &source, &arguments.input.options())
        .map_err(|error| arguments.explain_import(error))?;
    let shape = network.graph.input();
    let channels = shape.channels;
    let metadata = arguments.metadata(&network)?;
    let default = || input::default_preprocessing(&network);
    let preprocessing = &metadata.preprocessing.clone().unwrap_or_else(default);
    let set = picture::load_set(&arguments.calibration, Some(shape))?;
    let is_constant = set.are_all_equal();
    let are_pixels = matches!(set, Inputs::Bytes(_));
    let pictures = fp32_inputs(set.view(), preprocessing, channels)?;
    let is_checked = are_pixels && !is_constant && !network.input.takes_bytes;
    let misfit = is_checked.then(|| misfit(pictures.view(), channels)).flatten();
    if let Some(recorded) = picture::load_answers(&arguments.calibration)? {
        let source = format!("{}: array `logits`", arguments.calibration.display());
        arguments.check_answers(&network, pictures.view(), recorded.view(), &source)?;
    }
    let load = |path| picture::load_classified(path, shape, network.classes());
    let data = arguments.data.as_deref().map(load).transpose()?;
    if let (Some(path), Some(data)) = (&arguments.golden, &data) {
        arguments.check_golden(path, &network, preprocessing, data)?;
    }

    let draws = arguments.calibration_draws;
    let progress = Progress::new("calibrating", u64::from(draws));
    let seed = arguments.sampling.seed;
    let observations =
        Observations::new(&network, pictures.view(), draws, seed, || progress.advance(1))?;
    drop(progress);
    let description = Description {
        name: arguments.name(),
        preprocessing: preprocessing.clone(),
        class_names: metadata.class_names,
    };
    let progress = Progress::uncounted("quantizing");
    let conversion = convert(&network, pictures.view(), &observations, description, &options)
        .map_err(|error| arguments.explain_range(error, &network, pictures.view()))?;
    drop(progress);
    let model = &conversion.model;
    let compare = |data| arguments.compare(&network, model, preprocessing, data);
    let end_to_end = data.as_ref().map(compare).transpose()?;
    let progress = Progress::uncounted("comparing values");
    let report =
        FidelityReport::new(&network, &conversion, &observations, pictures.view(), end_to_end)?;
    drop(progress);
    let input = input::text(&network, metadata.preprocessing.is_some(), are_pixels);
    // Only the model is needed from here on: a large network leaves room for the file's bytes.
    drop((network, observations, pictures, data));
    drop(set);
    let file = format::write(&conversion.model)?;

    if is_constant {
        let path = arguments.calibration.display().to_string();
        output::warn(&format!(
            "{path}: all pictures are equal: no other one may fit the activation ranges"
        ));
    }
    misfit.iter().for_each(|warning| output::warn(warning));
    // Samples that are little but noise.
    if arguments.moped.is_some_and(|delta| delta > 1.0) {
        output::warn(&arguments.too_wide());
    }
    report.layers.iter().filter_map(lost_noise).for_each(|warning| output::warn(&warning));
    let text = fidelity_table::text(&report, Style::detect());
    let printed = output::print(&format!("{text}\n{input}\n"));

    // Both files are complete before either gets its name.
    pending.write(&file)?;
    if let Some(pending) = pending_report {
        let mut json = serde_json::to_vec_pretty(&report).context("cannot write the report")?;
        json.push(b'\n');
        pending.write(&json)?;
        pending.commit()?;
    }
    pending.commit()?;
    printed?;
    let path = printable(&arguments.output.display().to_string());
    output::print(&format!("{path}: {}\n", bytes(file.len() as u64)))
}

impl Arguments {
    /// Says why numbers of the network may have run out of range.
    fn explain_import(&self, error: LoadError) -> anyhow::Error {
        let overflows =
            matches!(&error, LoadError::Import { source: ImportError::SigmaOverflow(_), .. });
        let error = anyhow::Error::new(error);
        if overflows { error.context(self.too_wide()) } else { error }
    }

    /// Says why activations may have run out of range.
    fn explain_range(
        &self,
        error: QuantizeError,
        network: &Network,
        pictures: ArrayViewD<'_, f32>,
    ) -> anyhow::Error {
        let is_range = matches!(error, QuantizeError::Range { .. });
        let error = anyhow::Error::new(error);
        if !is_range {
            return error;
        }
        // Where the means stay finite, their spread is at fault.
        let is_spread = matches!(stays_finite(network, pictures), Ok(true));
        error.context(if is_spread { self.too_wide() } else { self.too_large() })
    }

    /// The likely cause of infinite numbers that the means alone make.
    fn too_large(&self) -> String {
        format!("the weights of {} may be too large", self.mean.display())
    }

    /// The likely cause of infinite numbers.
    fn too_wide(&self) -> String {
        match (&self.posterior, self.moped) {
            (Some(path), _) => {
                format!("the standard deviations of {} may be too large", path.display())
            }
            (None, Some(delta)) => format!(
                "--moped {delta} may be too large: sigma is that many times each weight, 0.1 is usual"
            ),
            (None, None) => self.too_large(),
        }
    }

    /// All files that are read.
    fn inputs(&self) -> Vec<&Path> {
        let optional = [&self.posterior, &self.metadata, &self.data, &self.golden];
        let mut inputs = vec![self.mean.as_path(), &self.calibration];
        inputs.extend(optional.into_iter().filter_map(Option::as_deref));
        inputs
    }

    /// How to quantize.
    fn options(&self) -> anyhow::Result<ConversionOptions> {
        let method = match (self.calibration_method, self.percentile) {
            (None | Some(Method::Auto), None) => None,
            (None | Some(Method::Percentile), Some(percentile)) => {
                Some(RangeMethod::Percentile(percentile))
            }
            (Some(_), Some(_)) => {
                let message = "--percentile belongs to --calibration-method percentile";
                return Err(usage_error("quantize", message));
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
        Ok(ConversionOptions { method, activation_bits, rounding, bias_correction })
    }

    fn name(&self) -> String {
        let stem = self.output.file_stem().unwrap_or_default();
        self.name.clone().unwrap_or_else(|| stem.to_string_lossy().into_owned())
    }

    /// Predicts labelled pictures with both networks.
    fn compare(
        &self,
        network: &Network,
        model: &model::Model,
        preprocessing: &Preprocessing,
        (pictures, labels): &(Inputs, Vec<i64>),
    ) -> anyhow::Result<EndToEnd> {
        let Sampling { samples, seed } = self.sampling;
        let progress = Progress::new("predicting in FP32", u64::from(samples));
        let channels = network.graph.input().channels;
        let inputs = fp32_inputs(pictures.view(), preprocessing, channels)?;
        let fp32 = predict_fp32(network, inputs.view(), seed, samples, || progress.advance(1))?;
        drop(progress);
        let options = ModelOptions { isa: self.machine.isa, ..ModelOptions::default() };
        let model = Model::new(model.clone(), options)?;
        let pictures = pictures.view();
        let job = Job { model: &model, pictures, samples: 0..samples, seed, digests: false };
        let int8: Vec<_> = job.run()?.into_iter().map(|outcome| outcome.uncertainty).collect();
        Ok(EndToEnd::new(&fp32, &int8, labels))
    }
}
