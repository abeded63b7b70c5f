//! A whole evaluation, from files to a report, as `bayes8 evaluate` does it.

use std::path::{Path, PathBuf};

use bayes8_convert::NetworkOutput;
use bayes8_convert::pictures::{self, Open};
use bayes8_convert::progress::{Observer, Progress};
use bayes8_convert::reference::CommonNoise;
use bayes8_convert::{ImportOptions, Inputs, LoadError, MemberFiles, Network, PosteriorSource};
use bayes8_core::head::Output;
use bayes8_core::model;
use bayes8_native::{Model, ModelOptions, file};

use crate::candidate::{Candidate, Engine};
use crate::conformal::{Conformal, ConformalReport};
use crate::corrupted::CorruptedPictures;
use crate::error::EvaluateError;
use crate::golden::{self, Golden};
use crate::labelled::Labelled;
use crate::measure::{Measured, Pictures, Predicted, Samples, measure};
use crate::metrics::Metrics;
use crate::other_posterior::other_posterior;
use crate::provenance::Provenance;
use crate::randomness::RandomnessReport;
use crate::report::{Fp32Noise, Peer, Report};
use crate::selected::Selected;
use crate::thresholds::{self, Threshold};

/// The pictures to evaluate a model on, and the peers to compare it with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// File of the model, for errors and the report.
    pub model: PathBuf,
    /// Pictures and labels: an npz archive with `x` and `y`.
    pub data: PathBuf,
    /// The output to evaluate; `None` for the first. `data` holds what is true of it.
    pub output: Option<String>,
    /// Of an output that is a map, the label of positions to leave out, such as those of no class.
    pub ignore_index: Option<i64>,
    /// Of an output that is a map, the number of pictures to show in the page, the first ones of `data`.
    pub shown_pictures: usize,
    /// Conformal prediction to measure.
    pub conformal: Option<Conformal>,
    /// Pictures of another distribution: an npz archive with `x`.
    pub ood: Option<PathBuf>,
    /// The labelled pictures, corrupted: an archive as [`CorruptedPictures`] reads it.
    pub drift: Option<PathBuf>,
    /// The FP32 network to compare with.
    pub fp32: Option<Fp32>,
    /// Recorded FP32 predictions to compare with, as [`Golden`] reads them.
    pub golden: Option<PathBuf>,
    /// Monte-Carlo samples of each picture; `None` for [`Model::default_samples`].
    pub samples: Option<u32>,
    /// Samples of each corrupted picture; `None` for the number of `samples`.
    pub drift_samples: Option<u32>,
    /// Seed of the weights.
    pub seed: u64,
    /// How to run the deterministic copy of the model.
    pub machine: ModelOptions,
    /// Thresholds and their limits.
    pub thresholds: Vec<(&'static Threshold, f64)>,
    /// The command line that gives the same result, for the report.
    pub command: Option<String>,
    /// Opens the files, except those of `fp32` and `golden`.
    pub open: Open,
}

/// The FP32 network of a model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fp32 {
    /// The ONNX file of the network, every weight at its mean, and the standard deviations of the
    /// weights; for an ensemble, those of all members.
    pub members: Vec<MemberFiles>,
    /// What the file leaves open about the network's input, and the dropout to activate.
    pub import: ImportOptions,
    /// Whether a network is refused if nothing in it varies from sample to sample.
    pub must_vary: bool,
    /// Monte-Carlo samples of the network, except for corrupted pictures; `None` for the number of the
    /// model. If the numbers differ, the first samples of both are compared.
    pub samples: Option<u32>,
    /// The noise of these samples.
    pub noise: Fp32Noise,
}

impl Fp32 {
    /// Returns an FP32 network that runs the model's number of samples with its own noise.
    pub fn new(network: impl Into<PathBuf>, posterior: PosteriorSource) -> Self {
        Self::of_members(vec![MemberFiles { network: network.into(), posterior }])
    }

    /// Returns an FP32 ensemble, or a network, that runs the model's number of samples with its own
    /// noise.
    pub fn of_members(members: Vec<MemberFiles>) -> Self {
        Self {
            members,
            import: ImportOptions::default(),
            must_vary: false,
            samples: None,
            noise: Fp32Noise::Own,
        }
    }
}

impl Options {
    /// Returns an evaluation on labelled pictures alone, with the model's default number of samples.
    /// `model` and `data` are plain files.
    pub fn new(model: impl Into<PathBuf>, data: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            data: data.into(),
            output: None,
            ignore_index: None,
            shown_pictures: 6,
            conformal: None,
            ood: None,
            drift: None,
            fp32: None,
            golden: None,
            samples: None,
            drift_samples: None,
            seed: 0,
            machine: ModelOptions::default(),
            thresholds: Vec::new(),
            command: None,
            open: file::open,
        }
    }

    /// Returns all files that are read, with their roles; the model is the first.
    pub fn files(&self) -> Vec<(&'static str, &Path)> {
        let mut files = vec![("model", self.model.as_path()), ("labelled examples", &self.data)];
        let calibration = self.conformal.iter().map(|of| ("calibration set", &*of.calibration));
        files.extend(calibration);
        files.extend(self.ood.iter().map(|path| ("other distribution", path.as_path())));
        files.extend(self.drift.iter().map(|path| ("corrupted pictures", path.as_path())));
        for MemberFiles { network, posterior } in self.fp32.iter().flat_map(|fp32| &fp32.members) {
            files.push(("FP32 network", network));
            if let PosteriorSource::File(path) = posterior {
                files.push(("FP32 posterior", path));
            }
        }
        files.extend(self.golden.iter().map(|path| ("recorded FP32 predictions", path.as_path())));
        files
    }

    /// Measures a classifier and its peers. `observer` sees the progress. [`Self::evaluate`] takes every
    /// head.
    ///
    /// # Errors
    /// [`EvaluateError`], which names the file.
    pub fn run(&self, model: &Model, observer: Observer<'_>) -> Result<Report, EvaluateError> {
        let quantized = model.quantized();
        let output = &Selected::find(model.outputs(), self.output.as_deref())?;
        let classes = match output.head.classes() {
            Some(_) if output.is_map() => {
                let (what, output) = ("this evaluation", output.name.clone());
                return Err(EvaluateError::NotForMaps { what, output });
            }
            Some(classes) => classes.count,
            None => return Err(EvaluateError::Head(output.head.name())),
        };
        if self.ignore_index.is_some() {
            let (what, output) = ("an ignore index", output.name.clone());
            return Err(EvaluateError::OnlyMaps { what, output });
        }
        let mut pictures = self.pictures(quantized, classes)?;
        let golden = self.golden.as_deref().map(Golden::load).transpose()?;
        if let Some(golden) = &golden {
            golden.check(&pictures.clean, classes)?;
        }
        let fp32 = self.load_fp32(quantized, observer)?;
        let noise = match &fp32 {
            Some((fp32, network)) => Some(fp32.common_noise(network, quantized, &self.model)?),
            None => None,
        };

        let samples = self.samples.unwrap_or_else(|| model.default_samples());
        let seed = self.seed;
        let conformal = self.measure_conformal(model, output, None, samples, observer)?;
        let fp32_samples = fp32.as_ref().map(|(fp32, _)| fp32.samples.unwrap_or(samples));
        let recorded_samples = golden.as_ref().and_then(|golden| golden.samples);
        let drift = self.drift_samples.unwrap_or(samples);
        // INT8 is also measured with the sample counts of its peers.
        let mut first = Vec::from_iter(fp32_samples.into_iter().chain(recorded_samples));
        first.retain(|&n| n < samples);
        first.dedup();
        let counts = Samples { clean: samples, first, drift, seed };
        let engine = Engine::Int8(model, self.machine.clone());
        let candidate = Candidate { engine, output };
        let (int8, seconds) = measure(&candidate, &mut pictures, &counts, observer)?;
        let fp32 = match fp32.as_ref().zip(fp32_samples) {
            Some(((fp32, network), fp32_samples)) => {
                let noise = noise.filter(|_| fp32.noise == Fp32Noise::Int8);
                let candidate =
                    Candidate { engine: Engine::Fp32(network, quantized, noise), output };
                let first = if samples < fp32_samples { vec![samples] } else { Vec::new() };
                let counts = Samples { clean: fp32_samples, first, ..counts };
                let (measured, seconds) = measure(&candidate, &mut pictures, &counts, observer)?;
                let noise = Some(fp32.noise);
                Some(Peer { noise, seconds: Some(seconds), ..Peer::new(&int8, measured) })
            }
            None => None,
        };
        let mut files = self.files();
        let figures = self.golden.as_deref().map(golden::figures);
        if let Some(path) = figures.as_ref().filter(|_| recorded_samples.is_some()) {
            files.push(("number of recorded samples", path));
        }
        let golden = golden.map(|golden| {
            let Golden { labels, predictions, mean_weights, ood, samples, .. } = golden;
            let unknown = ood.filter(|_| pictures.unknown.is_some());
            let mean_weights = mean_weights.map(|mean| Metrics::new(&mean, &labels));
            let whole =
                Predicted::new(samples, predictions, &labels, unknown.as_ref(), mean_weights);
            Peer::new(&int8, Measured { whole, first: Vec::new() })
        });
        let mut report = Report {
            model_digest: model.digest().to_string(),
            randomness: RandomnessReport::new(&quantized.randomness()),
            fp32,
            golden,
            pictures: pictures.clean.labels.len(),
            samples,
            drift_samples: self.drift.is_some().then_some(drift),
            seed,
            kernel: model.kernel(),
            threads: model.threads(),
            seconds,
            provenance: Provenance::new(self.command.clone(), &files, self.open)?,
            int8: int8.whole.figures,
            conformal,
            thresholds: Vec::new(),
            model: quantized.clone(),
        };
        report.thresholds = thresholds::verdicts(&report, &self.thresholds);
        report.thresholds.extend(report.conformal.iter().flat_map(ConformalReport::verdicts));
        Ok(report)
    }

    /// Reads the FP32 network, and warns if its posterior is not that of the model.
    pub(crate) fn load_fp32(
        &self,
        model: &model::QuantizedModel,
        observer: Observer<'_>,
    ) -> Result<Option<(&Fp32, Network)>, EvaluateError> {
        let Some(fp32) = &self.fp32 else { return Ok(None) };
        let network = fp32.load(model)?;
        if let Some(what) = other_posterior(&network, model) {
            let (fp32, model) = (fp32.path(), self.model.display());
            let fp32 = fp32.display();
            let warning = format!("{fp32}: its posterior differs from that of {model}: {what}");
            observer(Progress::Warning(warning));
        }
        Ok(Some((fp32, network)))
    }

    /// Reads the labelled pictures and the others.
    fn pictures(
        &self,
        model: &model::QuantizedModel,
        classes: usize,
    ) -> Result<Pictures, EvaluateError> {
        let Self { data, open, .. } = self;
        let clean = Labelled::load(data, *open, model.graph().input(), classes)?;
        let unknown = self.ood.as_ref().map(|path| {
            Ok::<_, EvaluateError>((
                path.clone(),
                Inputs::read(path, pictures::open(path, *open)?)?,
            ))
        });
        let unknown = unknown.transpose()?;
        let corrupted = match &self.drift {
            Some(path) => {
                let corrupted = CorruptedPictures::read(path, pictures::open(path, *open)?)?;
                if corrupted.labels() != clean.labels {
                    let (drift, data) = (path.clone(), data.clone());
                    return Err(EvaluateError::DriftLabels { drift, data });
                }
                Some((path.clone(), corrupted))
            }
            None => None,
        };
        Ok(Pictures { clean, unknown, corrupted })
    }
}

impl Fp32 {
    /// The file that errors name: that of the first member.
    fn path(&self) -> PathBuf {
        self.members.first().map(|member| member.network.clone()).unwrap_or_default()
    }

    /// Reads the network, which must have the model's input and classes.
    fn load(&self, model: &model::QuantizedModel) -> Result<Network, EvaluateError> {
        let mut network = Network::load_all(&self.members, &self.import)?;
        network
            .normalize_like(model)
            .map_err(|source| LoadError::Import { path: self.path(), source: source.into() })?;
        if self.must_vary && network.period() == Some(1) {
            return Err(EvaluateError::NothingVaries { network: self.path() });
        }
        let refuse = |reason| Err(EvaluateError::Shape { network: self.path(), reason });
        let (found, expected) = (network.graph.input(), model.graph().input());
        if found != expected {
            return refuse(format!("takes {found}, the model {expected}"));
        }
        let (found, expected) = (network.numbers(), model.output_numbers());
        if found != expected {
            return refuse(format!("has {found} outputs, the model {expected}"));
        }
        let nodes = network.graph.nodes();
        let is_same = |(own, of_model): (&NetworkOutput, &Output)| {
            let numbers: usize = own.nodes.iter().map(|&node| nodes[node].shape.channels).sum();
            own.name == of_model.name
                && numbers == of_model.head.outputs()
                && own.head.is_none_or(|kind| kind.is(&of_model.head))
        };
        let pairs = network.outputs.iter().zip(model.outputs());
        if network.outputs.len() != model.outputs().len() || !pairs.into_iter().all(is_same) {
            let expected: Vec<_> =
                model.outputs().iter().map(|output| output.name.as_str()).collect();
            let reason = "has other outputs, or of other heads; the model has";
            return refuse(format!("{reason} {}, in this order", expected.join(", ")));
        }
        Ok(network)
    }

    /// The noise of the INT8 model for `network`, from which the model must have been made.
    pub(crate) fn common_noise<'n>(
        &self,
        network: &'n Network,
        model: &model::QuantizedModel,
        path: &Path,
    ) -> Result<CommonNoise<'n>, EvaluateError> {
        let noise = CommonNoise::new(network);
        noise.check(model).map_err(|source| {
            let (network, model) = (self.path(), path.into());
            EvaluateError::OtherNetwork { network, model, source }
        })?;
        Ok(noise)
    }
}
