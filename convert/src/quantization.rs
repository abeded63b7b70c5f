//! Quantization from files to a model with a report of its fidelity, as `bayes8 quantize` does it.

use std::path::PathBuf;

use bayes8_core::model::{Preprocessing, QuantizedModel};
use bayes8_native::file;
use ndarray::{ArrayD, ArrayView, ArrayView2, ArrayViewD, Dimension};
use thiserror::Error;

use crate::answers::{self, AnswersError};
use crate::calibrate::{Observations, WEIGHT_SAMPLES};
use crate::conversion::{ConversionOptions, convert};
use crate::error::LoadError;
use crate::fidelity::FidelityReport;
use crate::form::Form;
use crate::inputs::Inputs;
use crate::metadata::{ChannelsError, Metadata, MetadataError, per_channel};
use crate::network::{Network, UnnamedOutputs};
use crate::onnx::ImportOptions;
use crate::pictures::{self, Open, PicturesError};
use crate::posterior::{MemberFiles, PosteriorSource};
use crate::progress::{Observer, Progress};
use crate::quantize::{ModelDetails, QuantizeError};
use crate::reference::{RunError, stays_finite};

/// The files that a model is made from, and the answers to what they leave open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sources {
    /// The ONNX network with its mean weights, and the standard deviations of these; for an
    /// ensemble, those of all members.
    pub members: Vec<MemberFiles>,
    /// Properties of the network's input that its file leaves open, and the dropout to activate.
    pub import: ImportOptions,
    /// Whether a network is refused if nothing in it varies from sample to sample.
    pub must_vary: bool,
    /// The npz archive of pictures that show which activations occur.
    pub calibration: PathBuf,
    /// A JSON file with class names, preprocessing, or both.
    pub metadata: Option<PathBuf>,
    /// Class names that replace those of the metadata, and the name of their origin for errors.
    pub class_names: Option<(Vec<String>, &'static str)>,
    /// Opens the archive.
    pub open: Open,
}

impl Sources {
    /// Creates the sources of a network whose files leave nothing else open.
    pub fn new(
        network: impl Into<PathBuf>,
        posterior: PosteriorSource,
        calibration: impl Into<PathBuf>,
    ) -> Self {
        let network = network.into();
        Self::of_members(vec![MemberFiles { network, posterior }], calibration)
    }

    /// Creates the sources of an ensemble, or of a network, whose files leave nothing else open.
    pub fn of_members(members: Vec<MemberFiles>, calibration: impl Into<PathBuf>) -> Self {
        Self {
            members,
            import: ImportOptions::default(),
            must_vary: false,
            calibration: calibration.into(),
            metadata: None,
            class_names: None,
            open: file::open,
        }
    }
}

/// How to quantize.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Name of the model.
    pub name: String,
    /// The number of samples to run the calibration pictures with, at least one per member;
    /// [`WEIGHT_SAMPLES`] are enough in practice.
    pub draws: u32,
    /// Seed of these draws.
    pub seed: u64,
    /// Methods.
    pub options: ConversionOptions,
}

impl Settings {
    /// Returns the settings for a model of this name:
    /// [`WEIGHT_SAMPLES`] draws of seed 0 and the default methods.
    pub fn new(name: impl Into<String>) -> Self {
        let options = ConversionOptions::default();
        Self { name: name.into(), draws: WEIGHT_SAMPLES, seed: 0, options }
    }
}

/// A network that is ready to be quantized.
#[derive(Debug)]
#[non_exhaustive]
pub struct Quantization {
    /// The network.
    pub network: Network,
    /// How pixels become its input, one number per channel.
    pub preprocessing: Preprocessing,
    /// Whether the preprocessing comes from the metadata. Otherwise pixels become numbers of 0 to
    /// 1, or stay bytes.
    pub has_preprocessing: bool,
    /// One name per class, or no names at all.
    pub class_names: Vec<String>,
    /// Whether the calibration pictures are pixels. Otherwise they are floats that the network
    /// takes as they are.
    pub are_pixels: bool,
    /// Whether all calibration pictures are equal. If so, the activation ranges may fit no other
    /// picture.
    pub are_equal: bool,
    /// A channel of the normalized pixels that is unlike anything that networks are trained on.
    pub misfit: Option<Misfit>,
    /// The calibration pictures, normalized.
    pictures: ArrayD<f32>,
}

/// A channel of normalized pictures whose numbers are unlike those that networks are trained on.
/// The preprocessing probably belongs to another network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Misfit {
    /// Index of the channel.
    pub channel: usize,
    /// Mean of its numbers.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
}

/// A quantized model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quantized {
    /// The model.
    pub model: QuantizedModel,
    /// The effect of quantization on it.
    pub fidelity: FidelityReport,
}

/// Why files cannot become a model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuantizationError {
    /// The network or its posterior is refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Nothing varies, although it has to.
    #[error("{}: nothing varies from sample to sample{}", network.display(), equal(*members))]
    NothingVaries {
        /// The file of the network, or of the first member.
        network: PathBuf,
        /// The number of members, which are all equal; 1 for a single network.
        members: usize,
    },
    /// The metadata cannot be read.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Class names or preprocessing do not fit the network.
    #[error("{origin}: {reason}")]
    Unfit {
        /// The file, or the origin of the class names.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The classes have no names, and the outputs may not be classes.
    #[error("{origin}: {reason}")]
    Unnamed {
        /// The file, or the origin of the class names.
        origin: String,
        /// Why names are needed.
        reason: UnnamedOutputs,
    },
    /// The calibration pictures cannot be read.
    #[error(transparent)]
    Pictures(#[from] PicturesError),
    /// The preprocessing does not fit the pictures.
    #[error(transparent)]
    Channels(#[from] ChannelsError),
    /// The network does not give the recorded answers.
    #[error("the answers recorded in {origin} do not match")]
    Answers {
        /// The file and the array of the recorded answers.
        origin: String,
        /// The order in which the axes of the network's input were read.
        layout: Form,
        /// Why.
        source: AnswersError,
    },
    /// The network does not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Activations overflow.
    #[error("activations overflow")]
    Range {
        /// Whether only the spread of the weights is at fault; otherwise the mean weights alone
        /// overflow.
        is_spread: bool,
        /// Where they overflow.
        source: QuantizeError,
    },
    /// The network cannot be quantized.
    #[error(transparent)]
    Quantize(QuantizeError),
}

fn equal(members: usize) -> String {
    match members {
        0 | 1 => String::new(),
        _ => format!(", as all {members} members are equal"),
    }
}

impl Quantization {
    /// Reads the files and checks that they belong together. If the archive of the calibration
    /// pictures has an array `logits`, the network must give these answers
    /// ([`Self::check_answers`]).
    ///
    /// # Errors
    /// [`QuantizationError`], which names the file.
    pub fn load(sources: &Sources) -> Result<Self, QuantizationError> {
        let Sources { members, import, calibration, open, .. } = sources;
        let network = Network::load_all(members, import)?;
        if sources.must_vary && network.period() == Some(1) {
            let network = members.first().map(|member| member.network.clone()).unwrap_or_default();
            let members = members.len();
            return Err(QuantizationError::NothingVaries { network, members });
        }
        let shape = network.graph.input();
        let Metadata { class_names, preprocessing } = sources.metadata(&network)?;
        let has_preprocessing = preprocessing.is_some();
        let preprocessing = preprocessing.unwrap_or_else(|| default_preprocessing(&network));
        let set = Inputs::read(calibration, pictures::open(calibration, *open)?)?;
        set.check(calibration, shape)?;
        let are_equal = set.are_all_equal();
        let are_pixels = matches!(set, Inputs::Bytes(_));
        let pictures = set.into_fp32(&preprocessing, shape.channels)?;
        let is_checked = are_pixels && !are_equal && !network.input.takes_bytes;
        let misfit = is_checked.then(|| Misfit::find(pictures.view(), shape.channels)).flatten();
        let loaded = Self {
            network,
            preprocessing,
            has_preprocessing,
            class_names,
            are_pixels,
            are_equal,
            misfit,
            pictures,
        };
        let archive = pictures::open(calibration, *open)?;
        if let Some(recorded) = answers::read(calibration, archive)? {
            let origin = format!("{}: array `logits`", calibration.display());
            loaded.check_answers(loaded.pictures.view(), recorded.view(), origin)?;
        }
        Ok(loaded)
    }

    /// Compares the network's answers to the normalized `pictures` with the `recorded` ones
    /// `[N, classes]`; `origin` names these in errors.
    ///
    /// # Errors
    /// [`QuantizationError::Answers`].
    pub fn check_answers<D: Dimension>(
        &self,
        pictures: ArrayView<'_, f32, D>,
        recorded: ArrayView2<'_, f32>,
        origin: String,
    ) -> Result<(), QuantizationError> {
        let layout = self.network.input.layout;
        answers::check(&self.network, pictures, recorded)
            .map_err(|source| QuantizationError::Answers { origin, layout, source })
    }

    /// Calibrates, quantizes and compares.
    ///
    /// # Errors
    /// [`QuantizationError`] when numbers overflow, or the outputs may not be classes.
    pub fn run(
        &self,
        settings: &Settings,
        observer: Observer<'_>,
    ) -> Result<Quantized, QuantizationError> {
        let Self { network, pictures, .. } = self;
        let &Settings { draws, seed, ref options, .. } = settings;
        let observations = Progress::during(observer, "calibrating", Some(draws.into()), |o| {
            Observations::new(network, pictures.view(), draws, seed, || o(Progress::Advance(1)))
        })?;
        let details = ModelDetails {
            name: settings.name.clone(),
            preprocessing: self.preprocessing.clone(),
            class_names: self.class_names.clone(),
        };
        let conversion = Progress::during(observer, "quantizing", None, |_| {
            convert(network, pictures.view(), &observations, details, options)
        });
        let conversion = conversion.map_err(|source| self.explain(source))?;
        let fidelity = Progress::during(observer, "comparing values", None, |_| {
            FidelityReport::new(network, &conversion, &observations, pictures.view())
        });
        let fidelity = fidelity.map_err(QuantizationError::Quantize)?;
        Ok(Quantized { model: conversion.model, fidelity })
    }

    /// Finds out whether the mean weights overflow or only their spread.
    fn explain(&self, source: QuantizeError) -> QuantizationError {
        if !matches!(source, QuantizeError::Range { .. }) {
            return QuantizationError::Quantize(source);
        }
        let is_spread = matches!(stays_finite(&self.network, self.pictures.view()), Ok(true));
        QuantizationError::Range { is_spread, source }
    }
}

impl Sources {
    /// Class names and preprocessing, as far as they are given, with one number per channel.
    fn metadata(&self, network: &Network) -> Result<Metadata, QuantizationError> {
        let mut metadata = Metadata { class_names: Vec::new(), preprocessing: None };
        let first = self.members.first().map(|member| member.network.display().to_string());
        let mut origin = first.unwrap_or_default();
        if let Some(path) = &self.metadata {
            origin = path.display().to_string();
            metadata = Metadata::load(path)?;
        }
        let given = metadata.preprocessing.map(|given| preprocessing(network, &given));
        let refuse =
            |origin: &str, reason| QuantizationError::Unfit { origin: origin.into(), reason };
        metadata.preprocessing = given.transpose().map_err(|reason| refuse(&origin, reason))?;
        if let Some((names, source)) = &self.class_names {
            metadata.class_names.clone_from(names);
            origin = source.to_string();
        }
        check_names(network, &metadata.class_names).map_err(|reason| refuse(&origin, reason))?;
        match network.check_classes(&metadata.class_names) {
            Ok(()) => Ok(metadata),
            Err(reason) => Err(QuantizationError::Unnamed { origin, reason }),
        }
    }
}

/// How pixels become inputs if no metadata says so: numbers of 0 to 1, or bytes as they are.
fn default_preprocessing(network: &Network) -> Preprocessing {
    let channels = network.graph.input().channels;
    let std = if network.input.takes_bytes { 1.0 / 255.0 } else { 1.0 };
    Preprocessing { mean: vec![0.0; channels], std: vec![std; channels] }
}

/// The given preprocessing, with one number per channel; refused for a network that normalizes
/// pixels itself.
fn preprocessing(network: &Network, given: &Preprocessing) -> Result<Preprocessing, String> {
    let channels = network.graph.input().channels;
    let preprocessing = per_channel(given, channels).map_err(|error| error.to_string())?;
    let Preprocessing { mean, std } = &preprocessing;
    let is_byte = |std: &f32| (std * 255.0 - 1.0).abs() < 1e-4;
    let is_default = mean.iter().all(|&m| m == 0.0) && std.iter().all(is_byte);
    match network.input.takes_bytes && !is_default {
        true => Err(
            "`preprocessing` would normalize twice: the network takes bytes of 0 to 255 (uint8) \
                     and scales them itself; leave it out"
                .into(),
        ),
        false => Ok(preprocessing),
    }
}

fn check_names(network: &Network, class_names: &[String]) -> Result<(), String> {
    let (names, classes) = (class_names.len(), network.classes());
    if names > 0 && names != classes {
        return Err(format!("the network has {classes} classes, not {names}"));
    }
    if let Some(class) = class_names.iter().position(|name| name.trim().is_empty()) {
        return Err(format!("the name of class {class} is empty"));
    }
    Ok(())
}

impl Misfit {
    /// The largest distance of a normalized channel's mean from zero, and its largest spread. Dark,
    /// pale and one-sided sets stay well within; a mean or spread in 0..255 does not.
    const SUSPECT: f64 = 20.0;

    /// Finds the first such channel.
    fn find(pictures: ArrayViewD<'_, f32>, channels: usize) -> Option<Self> {
        (0..channels).find_map(|channel| {
            // The axis of a single channel may be left out.
            let numbers = pictures.iter().skip(channel).step_by(channels).map(|&x| f64::from(x));
            let count = (pictures.len() / channels) as f64;
            let mean = numbers.clone().sum::<f64>() / count;
            let std = (numbers.map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
            let is_suspect = mean.abs() > Self::SUSPECT * std || std > Self::SUSPECT;
            is_suspect.then_some(Self { channel, mean, std })
        })
    }
}
