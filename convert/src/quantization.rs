//! Quantization from files to a model with a report of its fidelity, as `bayes8 quantize` does it.

use std::path::PathBuf;
use std::sync::Arc;

use bayes8_core::head::Output;
use bayes8_core::model::{Planes, Preprocessing, QuantizedModel, Values};
use bayes8_native::file;
use ndarray::{ArrayD, ArrayView, ArrayView2, Dimension};
use thiserror::Error;

use crate::answers::{self, AnswersError};
use crate::calibrate::{Observations, WEIGHT_SAMPLES};
use crate::conversion::{ConversionOptions, convert};
use crate::error::LoadError;
use crate::fidelity::FidelityReport;
use crate::form::Form;
use crate::heads::{HeadDetails, HeadError, TargetDetails};
use crate::inputs::Inputs;
use crate::metadata::{ChannelsError, Metadata, MetadataError};
use crate::misfit::Misfit;
use crate::network::Network;
use crate::onnx::ImportOptions;
use crate::pictures::{self, Open, PicturesError};
use crate::posterior::{MemberFiles, PosteriorSource};
use crate::preprocessing;
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
    /// A JSON file with names of classes, labels or targets, and preprocessing ([`Metadata::load`]).
    pub metadata: Option<PathBuf>,
    /// Class names that replace those of the metadata, and the name of their origin for errors.
    pub class_names: Option<(Vec<String>, &'static str)>,
    /// Label names that replace those of the metadata.
    pub label_names: Vec<String>,
    /// Properties of targets, each of which replaces that of the metadata if it is given.
    pub targets: TargetDetails,
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
            label_names: Vec::new(),
            targets: TargetDetails::default(),
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
    /// Number of codes of each element of the input; `None` leaves the choice to the conversion
    /// ([`ModelDetails`]).
    pub input_planes: Option<Planes>,
    /// Methods.
    pub options: ConversionOptions,
}

impl Settings {
    /// Returns the settings for a model of this name:
    /// [`WEIGHT_SAMPLES`] draws of seed 0 and the default methods.
    pub fn new(name: impl Into<String>) -> Self {
        let options = ConversionOptions::default();
        let (name, draws) = (name.into(), WEIGHT_SAMPLES);
        Self { name, draws, seed: 0, input_planes: None, options }
    }
}

/// A network that is ready to be quantized.
#[derive(Debug)]
#[non_exhaustive]
pub struct Quantization {
    /// The network.
    pub network: Network,
    /// Its outputs and what they mean.
    pub outputs: Arc<[Output]>,
    /// How pixels or numbers become its input, one number per channel.
    pub preprocessing: Preprocessing,
    /// Whether the preprocessing comes from the metadata. Otherwise pixels become numbers of 0 to
    /// 1, or stay bytes.
    pub has_preprocessing: bool,
    /// Whether the calibration pictures are pixels. Otherwise they are floats.
    pub are_pixels: bool,
    /// Whether all calibration pictures are equal. If so, the activation ranges may fit no other
    /// picture.
    pub are_equal: bool,
    /// A channel of the normalized pixels that is unlike anything that networks are trained on.
    pub misfit: Option<Misfit>,
    /// The calibration pictures, normalized.
    pictures: ArrayD<f32>,
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
    /// Preprocessing or calibration does not fit the network.
    #[error("{origin}: {reason}")]
    Unfit {
        /// The file.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// Names or properties of the outputs do not fit the network.
    #[error("{origin}: {reason}")]
    Heads {
        /// The file, or the origin of the class names.
        origin: String,
        /// What is wrong.
        reason: HeadError,
    },
    /// Nothing says what the outputs mean.
    #[error("{origin}: {reason}")]
    Unnamed {
        /// The file, or the origin of the class names.
        origin: String,
        /// Why a head or names are needed.
        reason: HeadError,
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
        let (outputs, preprocessing) = sources.metadata(&network)?;
        let has_preprocessing = preprocessing.is_some();
        let set = Inputs::read(calibration, pictures::open(calibration, *open)?)?;
        set.check(calibration, shape)?;
        let preprocessing = preprocessing.unwrap_or_else(|| preprocessing::default(&network, &set));
        if preprocessing.values == Values::Numbers && matches!(set, Inputs::Bytes(_)) {
            let reason = "the network takes numbers, but the array `x` holds bytes".into();
            return Err(QuantizationError::Unfit {
                origin: calibration.display().to_string(),
                reason,
            });
        }
        let are_equal = set.are_all_equal();
        let are_pixels = matches!(set, Inputs::Bytes(_));
        let pictures = set.into_fp32(&preprocessing, shape.channels)?;
        let is_checked = are_pixels && !are_equal && !network.input.takes_bytes;
        let misfit = is_checked.then(|| Misfit::find(pictures.view(), shape.channels)).flatten();
        let loaded = Self {
            network,
            outputs,
            preprocessing,
            has_preprocessing,
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
        answers::check(&self.network, &self.outputs, pictures, recorded)
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
        let Self { network, outputs, pictures, .. } = self;
        let &Settings { draws, seed, ref options, .. } = settings;
        let observations = Progress::during(observer, "calibrating", Some(draws.into()), |o| {
            let advance = || o(Progress::Advance(1));
            Observations::new(network, outputs, pictures.view(), draws, seed, advance)
        })?;
        let details = ModelDetails {
            name: settings.name.clone(),
            preprocessing: self.preprocessing.clone(),
            outputs: Arc::clone(outputs),
            input_planes: settings.input_planes,
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
    /// The outputs and what they mean, and the preprocessing if it is given, with one number per channel.
    fn metadata(
        &self,
        network: &Network,
    ) -> Result<(Arc<[Output]>, Option<Preprocessing>), QuantizationError> {
        let first = self.members.first().map(|member| member.network.display().to_string());
        let mut origin = first.unwrap_or_default();
        let mut metadata = Metadata { heads: HeadDetails::default(), preprocessing: None };
        if let Some(path) = &self.metadata {
            origin = path.display().to_string();
            metadata = Metadata::load(path)?;
        }
        let given = metadata.preprocessing.map(|given| preprocessing::checked(network, &given));
        let refuse =
            |origin: &str, reason| QuantizationError::Unfit { origin: origin.into(), reason };
        let preprocessing = given.transpose().map_err(|reason| refuse(&origin, reason))?;
        let mut heads = metadata.heads;
        if let Some((names, source)) = &self.class_names {
            heads.class_names.clone_from(names);
            origin = source.to_string();
        }
        if !self.label_names.is_empty() {
            heads.label_names.clone_from(&self.label_names);
        }
        let TargetDetails { names, units, scale, offset, noise } = &self.targets;
        let replace = |to: &mut Vec<f32>, given: &Vec<f32>| {
            if !given.is_empty() {
                to.clone_from(given);
            }
        };
        replace(&mut heads.targets.scale, scale);
        replace(&mut heads.targets.offset, offset);
        replace(&mut heads.targets.noise, noise);
        for (to, given) in [(&mut heads.targets.names, names), (&mut heads.targets.units, units)] {
            if !given.is_empty() {
                to.clone_from(given);
            }
        }
        match network.heads(&heads) {
            Ok(outputs) => Ok((outputs, preprocessing)),
            Err(reason @ HeadError::Unclear(_)) => {
                Err(QuantizationError::Unnamed { origin, reason })
            }
            Err(reason) => Err(QuantizationError::Heads { origin, reason }),
        }
    }
}
