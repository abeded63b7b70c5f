//! Quantization from files to a model with a report of its fidelity, as `bayes8 quantize` does it.

use std::path::PathBuf;
use std::sync::Arc;

use bayes8_core::head::Output;
use bayes8_core::model::{Planes, Preprocessing, QuantizedModel, Values};
use ndarray::{ArrayD, ArrayView, ArrayView2, ArrayViewD, Dimension};

use crate::answers;
use crate::calibrate::{Observations, WEIGHT_SAMPLES};
use crate::conversion::{ConversionOptions, convert};
use crate::fidelity::FidelityReport;
use crate::inputs::Inputs;
use crate::misfit::Misfit;
use crate::network::Network;
use crate::pictures;
use crate::preprocessing;
use crate::progress::{Observer, Progress};
use crate::quantize::{ModelDetails, QuantizeError};
use crate::reference::stays_finite;

pub use crate::quantization_error::QuantizationError;
pub use crate::sources::Sources;

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
    /// The node of the network that normalized its input, and became part of the preprocessing.
    pub normalization: Option<String>,
    /// Whether the calibration pictures are pixels. Otherwise they are floats.
    pub are_pixels: bool,
    /// Whether all calibration pictures are equal. If so, the activation ranges may fit no other
    /// picture.
    pub are_equal: bool,
    /// A channel of the normalized pixels that is unlike anything that networks are trained on.
    pub misfit: Option<Misfit>,
    /// The file of the network, or of the first member.
    path: PathBuf,
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

impl Quantization {
    /// Reads the files and checks that they belong together. If the archive of the calibration
    /// pictures has an array `logits`, the network must give these answers
    /// ([`Self::check_answers`]).
    ///
    /// # Errors
    /// [`QuantizationError`], which names the file.
    pub fn load(sources: &Sources) -> Result<Self, QuantizationError> {
        let Sources { members, calibration, open, .. } = sources;
        let metadata = sources.metadata()?;
        let mut network = Network::load_all(members, &sources.options(&metadata))?;
        if sources.must_vary && network.period() == Some(1) {
            let (network, members) = (sources.first_network(), members.len());
            return Err(QuantizationError::NothingVaries { network, members });
        }
        let shape = network.graph.input();
        let mut outputs = sources.heads(&metadata.heads, &network)?;
        let preprocessing = sources.preprocessing(&metadata, &network)?;
        let has_preprocessing = preprocessing.is_some();
        let set = Inputs::read(calibration, pictures::open(calibration, *open)?)?;
        set.check(calibration, shape)?;
        let default = || preprocessing::default(&network, &set);
        let mut preprocessing = preprocessing.unwrap_or_else(default);
        if preprocessing.values == Values::Numbers && matches!(set, Inputs::Bytes(_)) {
            let reason = "the network takes numbers, but the array `x` holds bytes".into();
            return Err(QuantizationError::Unfit {
                origin: calibration.display().to_string(),
                reason,
            });
        }
        let mut normalization = None;
        if preprocessing.values == Values::Numbers
            && let Some(own) =
                network.take_normalization().map_err(|source| sources.import_error(source))?
        {
            preprocessing = own.after(&preprocessing);
            outputs = sources.heads(&metadata.heads, &network)?;
            normalization = Some(own.node);
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
            normalization,
            are_pixels,
            are_equal,
            misfit,
            path: sources.first_network(),
            pictures,
        };
        let archive = pictures::open(calibration, *open)?;
        if let Some(recorded) = answers::read(calibration, archive)? {
            let origin = format!("{}: array `logits`", calibration.display());
            loaded.check_answers(loaded.pictures.view(), recorded.view(), origin)?;
        }
        Ok(loaded)
    }

    /// Returns the calibration pictures, normalized.
    pub fn pictures(&self) -> ArrayViewD<'_, f32> {
        self.pictures.view()
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
        let fidelity = fidelity.map_err(|source| self.refused(source))?;
        Ok(Quantized { model: conversion.model, fidelity })
    }

    fn refused(&self, source: QuantizeError) -> QuantizationError {
        QuantizationError::Quantize { network: self.path.clone(), source: Box::new(source) }
    }

    /// Finds out whether the mean weights overflow or only their spread.
    fn explain(&self, source: QuantizeError) -> QuantizationError {
        if !matches!(source, QuantizeError::Range { .. }) {
            return self.refused(source);
        }
        let is_spread = matches!(stays_finite(&self.network, self.pictures.view()), Ok(true));
        QuantizationError::Range { is_spread, source }
    }
}
