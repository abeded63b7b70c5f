//! `bayes8 evaluate`: how good a model is on labelled pictures, and how it differs from FP32.

use crate::args::{Machine, NetworkInput, Sampling, positive, posterior_source, sample_count};
use crate::atomic_file::Pending;
use crate::evaluation::measure::{Candidate, Measured, Pictures, Predicted, Samples, measure};
use crate::evaluation::{Evaluation, Fp32Noise, Peer, Provenance};
use crate::gates::{self, Gates};
use crate::model_report::Report;
use crate::style::{Style, printable};
use crate::{model_file, output, picture, report};
use anyhow::{Context, bail};
use bayes8_convert::Network;
use bayes8_convert::fidelity::{LayerFidelity, compare_posteriors};
use bayes8_convert::golden::{self, Golden};
use bayes8_convert::metrics::Metrics;
use bayes8_convert::reference::CommonNoise;
use bayes8_native::Model;
use bayes8_native::core::model;
use clap::{ArgGroup, Args};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Measure a model on labelled pictures: accuracy, calibration, uncertainty and speed
///
/// NLL is in nats, the Brier score is summed over the classes (0 to 2), ECE is the expected
/// calibration error over 15 bins of equal width. AvU is the share of predictions that are right and
/// sure or wrong and unsure, AURC the mean share of wrong ones among the surest, both by predictive
/// entropy. With --ood: how well the uncertainty tells other pictures from these. With --drift: how
/// accuracy and uncertainty follow corruptions of the pictures. With --mean and --golden: the same
/// figures of the FP32 network and of recorded FP32 predictions, and how INT8 differs from them.
/// Seconds are those of the INT8 predictions of --data alone. docs/EVALUATION.md explains all.
#[derive(Args)]
#[command(group(ArgGroup::new("peer").args(["mean", "golden"]).multiple(true)))]
#[command(group(
    ArgGroup::new("spread").args(["posterior", "moped", "deterministic"]).requires("mean")
))]
#[command(after_help = "\
Examples:
  bayes8 evaluate models/fashion-resnet14.safetensors --data fashion-test.npz
  bayes8 evaluate models/mnist-scnn.safetensors --data mnist-test.npz --ood letters.npz
  bayes8 evaluate model.safetensors --data test.npz --samples 256 --json > figures.json
  bayes8 evaluate model.safetensors --data test.npz --min-accuracy 0.9 --max-ece 0.05

  # how INT8 differs from FP32, also under drift, as a report for people
  bayes8 corrupt test.npz -o corruptions.npz
  bayes8 evaluate model.safetensors --data test.npz --drift corruptions.npz --drift-samples 32 \\
      --mean mean.onnx --posterior posterior.safetensors --samples 256 --html report.html

  # what a pipeline should stop at
  bayes8 evaluate model.safetensors --data test.npz --golden golden.safetensors --samples 256 \\
      --max-accuracy-gap 0.005 --min-spearman-entropy 0.98 --min-spearman-mi 0.95")]
pub(crate) struct Arguments {
    /// Model file; `-` is standard input, of at most 1 GiB, here and for archives
    model: PathBuf,

    /// Pictures and labels: an npz with `x`, uint8 [N, H, W, C] ([N, D, H, W, C] of
    /// volumes, [N, L, C] of sequences, [N, C] of vectors), and `y`, N class indices. Floats in `x`
    /// are the model's input as it is, without preprocessing
    #[arg(long, value_name = "NPZ")]
    data: PathBuf,

    /// Pictures of another distribution, which the model should be unsure of: an npz with `x`
    #[arg(long, value_name = "NPZ")]
    ood: Option<PathBuf>,

    /// The pictures of --data, corrupted, as `bayes8 corrupt` writes them: an npz with `y` and for
    /// each corruption and severity an array such as `contrast_3`, uint8 [N, H, W, C]
    #[arg(long, value_name = "NPZ")]
    drift: Option<PathBuf>,

    /// Monte-Carlo samples of each corrupted picture [default: as --samples]
    #[arg(long, value_name = "N", allow_hyphen_values = true, requires = "drift")]
    #[arg(value_parser = sample_count())]
    drift_samples: Option<u32>,

    /// The FP32 network with its mean weights, to compare with; slow
    #[arg(long, value_name = "ONNX", requires = "spread", help_heading = "Comparison")]
    mean: Option<PathBuf>,

    /// Standard deviations of its weights
    #[arg(long, value_name = "SAFETENSORS", help_heading = "Comparison")]
    posterior: Option<PathBuf>,

    /// Standard deviations as this share of each weight's magnitude
    #[arg(long, value_name = "D", allow_hyphen_values = true, value_parser = positive)]
    #[arg(help_heading = "Comparison")]
    moped: Option<f32>,

    /// No standard deviations: the FP32 network of a deterministic model
    #[arg(long, help_heading = "Comparison")]
    deterministic: bool,

    #[command(flatten)]
    input: NetworkInput,

    /// Monte-Carlo samples of the FP32 network, but for corrupted pictures [default: as --samples];
    /// where they differ from --samples, the first of both are compared
    #[arg(long, value_name = "N", allow_hyphen_values = true, requires = "mean")]
    #[arg(value_parser = sample_count())]
    #[arg(help_heading = "Comparison")]
    fp32_samples: Option<u32>,

    /// Noise of the FP32 samples
    #[arg(long, value_name = "WHOSE", value_enum, default_value_t = Fp32Noise::Own)]
    #[arg(requires = "mean", help_heading = "Comparison")]
    fp32_noise: Fp32Noise,

    /// FP32 predictions of --data that the training framework recorded, to compare with
    #[arg(long, value_name = "SAFETENSORS", help_heading = "Comparison")]
    golden: Option<PathBuf>,

    #[command(flatten)]
    sampling: Sampling,

    #[command(flatten)]
    machine: Machine,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Write a report with diagrams to this file; it needs no other file and no network
    #[arg(long, value_name = "HTML")]
    html: Option<PathBuf>,

    // The last: its heading holds for all that follow.
    #[command(flatten)]
    gates: Gates,
}

/// How far the standard deviations of a layer may be off those of its FP32 network, as a share:
/// quantization keeps them within 3 %.
const STD_TOLERANCE: f64 = 0.1;

/// The JSON output.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    thresholds: &'a [gates::Verdict],
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let inputs: Vec<&Path> = arguments.files().into_iter().map(|(_, path)| path).collect();
    let create = |path: &PathBuf| Pending::create(path, &inputs);
    let html = arguments.html.as_ref().map(create).transpose()?;
    let model = model_file::load(&arguments.model, &arguments.machine)?;
    let mut pictures = arguments.pictures(&model)?;
    let golden = arguments.golden.as_deref().map(Golden::load).transpose()?;
    if let Some(golden) = &golden {
        arguments.check_golden(golden, &model, &pictures)?;
    }
    let network = arguments.network(&model)?;
    let noise = |network| arguments.common_noise(network, model.description());
    let noise = network.as_ref().map(noise).transpose()?;
    let noise = noise.filter(|_| arguments.fp32_noise == Fp32Noise::Int8);
    let other_posterior = |network| arguments.other_posterior(network, model.description());
    if let Some(warning) = network.as_ref().and_then(other_posterior) {
        output::warn(&warning);
    }

    let Sampling { samples, seed } = arguments.sampling;
    let fp32_samples = network.is_some().then(|| arguments.fp32_samples.unwrap_or(samples));
    let recorded_samples = golden.as_ref().and_then(|golden| golden.samples);
    let drift = arguments.drift_samples.unwrap_or(samples);
    // As many samples of INT8 as a peer has.
    let mut first = Vec::from_iter(fp32_samples.into_iter().chain(recorded_samples));
    first.retain(|&n| n < samples);
    first.dedup();
    let counts = Samples { clean: samples, first, drift, seed };
    let candidate = Candidate::Int8(&model, arguments.machine.options()?);
    let (int8, seconds) = measure(&candidate, &mut pictures, &counts)?;
    let fp32 = match network.as_ref().zip(fp32_samples) {
        Some((network, fp32_samples)) => {
            let candidate = Candidate::Fp32(network, model.description().preprocessing(), noise);
            let first = if samples < fp32_samples { vec![samples] } else { Vec::new() };
            let counts = Samples { clean: fp32_samples, first, ..counts };
            let (fp32, seconds) = measure(&candidate, &mut pictures, &counts)?;
            let noise = Some(arguments.fp32_noise);
            Some(Peer { noise, seconds: Some(seconds), ..Peer::new(&int8, fp32) })
        }
        None => None,
    };
    let mut files = arguments.files();
    let figures = arguments.golden.as_deref().map(golden::figures);
    if let Some(path) = figures.as_ref().filter(|_| recorded_samples.is_some()) {
        files.push(("number of recorded samples", path));
    }
    let golden =
        golden.map(|Golden { labels, predictions, mean_weights, ood, samples, .. }| {
            let unknown = ood.filter(|_| pictures.unknown.is_some());
            let mean_weights = mean_weights.map(|mean| Metrics::new(&mean, &labels));
            let unknown = unknown.as_ref();
            let whole = Predicted::new(samples, predictions, &labels, unknown, mean_weights);
            Peer::new(&int8, Measured { whole, first: Vec::new() })
        });
    let evaluation = Evaluation {
        model_digest: model.digest().to_string(),
        fp32,
        golden,
        pictures: pictures.labels.len(),
        samples,
        drift_samples: arguments.drift.is_some().then_some(drift),
        seed,
        kernel: model.kernel(),
        threads: model.threads(),
        seconds,
        provenance: Provenance::of(&files)?,
        int8: int8.whole.figures,
    };
    let verdicts = arguments.gates.verdicts(&evaluation);
    let printed = if arguments.json {
        output::print_json(&Json { evaluation: &evaluation, thresholds: &verdicts })
    } else {
        let name = printable(model.description().name());
        let mut text = evaluation.text(&name, Style::detect());
        if !verdicts.is_empty() {
            text.push_str(&format!("\n{}\n", gates::text(&verdicts)));
        }
        output::print(&text)
    };
    let written = html.map_or(Ok(()), |pending| {
        let file_bytes = evaluation.provenance.files[0].bytes as usize;
        let facts = Report::new(model.description(), file_bytes);
        pending.write(report::html(&evaluation, &facts, &verdicts).as_bytes())?;
        pending.commit()
    });
    // One does not hide another: whoever closes the pipe still wants to know what was missed.
    let missed = gates::check(&verdicts).map_err(anyhow::Error::new);
    let mut errors = [missed, written, printed].into_iter().filter_map(Result::err);
    let Some(first) = errors.next() else { return Ok(()) };
    errors.for_each(|error| output::complain_of(&error));
    Err(first)
}

impl Arguments {
    /// The labelled pictures, and all that is compared with them.
    fn pictures(&self, model: &Model) -> anyhow::Result<Pictures> {
        let path = &self.data;
        let model = model.description();
        let (pictures, labels) =
            picture::load_classified(path, model.graph().input(), model.classes())?;
        let unknown = match &self.ood {
            Some(path) => Some((path.clone(), picture::load_set(path, None)?)),
            None => None,
        };
        let path = path.clone();
        let mut pictures = Pictures { path, pictures, labels, unknown, corrupted: None };
        if let Some(path) = &self.drift {
            pictures.open_corrupted(path)?;
        }
        Ok(pictures)
    }

    /// The FP32 network, if there is one, with the model's input and classes.
    fn network(&self, model: &Model) -> anyhow::Result<Option<Network>> {
        let Some(mean) = &self.mean else { return Ok(None) };
        let source = posterior_source(self.posterior.as_deref(), self.moped);
        self.machine.start_threads()?;
        let network = Network::load_with(mean, &source, &self.input.options())?;
        let model = model.description();
        let (found, expected) = (network.graph.input(), model.graph().input());
        if found != expected {
            bail!("{}: the network takes {found}, the model {expected}", mean.display());
        }
        let (found, expected) = (network.classes(), model.classes());
        if found != expected {
            bail!("{}: the network has {found} classes, the model {expected}", mean.display());
        }
        Ok(Some(network))
    }

    /// The noise of the INT8 model for its FP32 network; it must be that of the model.
    fn common_noise<'n>(
        &self,
        network: &'n Network,
        model: &model::Model,
    ) -> anyhow::Result<CommonNoise<'n>> {
        let noise = CommonNoise::new(network);
        noise.check(model).with_context(|| {
            let mean = self.mean.as_deref().unwrap_or(Path::new(""));
            format!("{}: {} was not made from it", mean.display(), self.model.display())
        })?;
        Ok(noise)
    }

    /// A warning where the FP32 network has another posterior than the model: its figures are then
    /// those of another Bayesian network.
    fn other_posterior(&self, network: &Network, model: &model::Model) -> Option<String> {
        let mean = self.mean.as_deref().unwrap_or(Path::new("")).display();
        let is_bayesian = model.layers().any(|layer| layer.is_bayesian());
        let differs = |layer: &LayerFidelity| (layer.layer_std_ratio - 1.0).abs() > STD_TOLERANCE;
        let what = match (is_bayesian, network.is_bayesian()) {
            (true, false) => "the model is Bayesian, its FP32 network is not".to_string(),
            (false, true) => {
                "the model is deterministic (--deterministic), its FP32 network is not".to_string()
            }
            _ => {
                let layers = compare_posteriors(network, model);
                let LayerFidelity { layer, layer_std_ratio, .. } =
                    layers.into_iter().find(differs)?;
                format!(
                    "the standard deviations of layer `{layer}` are {layer_std_ratio:.2} times those of \
                     its FP32 network"
                )
            }
        };
        Some(format!("{mean}: another posterior than that of {}: {what}", self.model.display()))
    }

    /// Recorded predictions must be those of the labelled pictures.
    fn check_golden(
        &self,
        golden: &Golden,
        model: &Model,
        pictures: &Pictures,
    ) -> anyhow::Result<()> {
        let path = self.golden.as_deref().unwrap_or(Path::new("")).display();
        if golden.labels != pictures.labels {
            bail!("{path}: tensor `labels`: these are not the labels of {}", self.data.display());
        }
        let found = golden.predictions.first().map_or(0, |u| u.probabilities.len());
        let expected = model.description().classes();
        if found != expected {
            bail!(
                "{path}: tensor `mc_mean_probabilities` has {found} classes, the model {expected}"
            );
        }
        Ok(())
    }

    /// All files that are read, with what they are.
    fn files(&self) -> Vec<(&'static str, &Path)> {
        let optional = [
            ("other distribution", &self.ood),
            ("corrupted pictures", &self.drift),
            ("FP32 network", &self.mean),
            ("FP32 posterior", &self.posterior),
            ("recorded FP32 predictions", &self.golden),
        ];
        let mut files = vec![("model", self.model.as_path()), ("labelled pictures", &self.data)];
        files.extend(optional.iter().filter_map(|(role, path)| Some((*role, path.as_deref()?))));
        files
    }
}
