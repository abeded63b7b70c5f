//! A model with its threads, which Python's objects share.

use crate::attend::attend;
use crate::draws::Draws;
use crate::errors::{Error, message, of_load, of_predict};
use crate::origin::Origin;
use crate::pictures::Batch;
use crate::pool::pool;
use crate::prediction::Prediction;
use crate::progress::Progress;
use bayes8::convert::fidelity::FidelityReport;
use bayes8::convert::quantization::Quantized;
use bayes8::core::format;
use bayes8::core::graph::Shape;
use bayes8::core::model::QuantizedModel;
use bayes8::{
    Isa, Limits, LoadError, Model, ModelOptions, Observer, Pool, PredictOptions, Threads, file,
};
use pyo3::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// How a model runs, as Python gave it.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// Number of threads; 0 for one per processor.
    pub(crate) threads: usize,
    pub(crate) isa: Option<Isa>,
    pub(crate) bank_bytes: usize,
    pub(crate) limits: Limits,
    /// Planes, rows and columns, if not those of the file.
    pub(crate) input_size: Option<[usize; 3]>,
    /// Whether inputs are divided into tiles, and how many elements these share.
    pub(crate) tile_overlap: Option<usize>,
}

/// A model that is ready to predict, and where it comes from.
pub(crate) struct Engine {
    pub(crate) model: Model,
    /// The file, if the model comes from one.
    pub(crate) path: Option<PathBuf>,
    /// The contents of the file, if the model comes from memory and takes inputs of another size than it says.
    pub(crate) original: Option<Vec<u8>>,
    pub(crate) settings: Settings,
    /// What quantization did, if this process made the model.
    pub(crate) fidelity: Option<FidelityReport>,
    origin: OnceLock<Arc<Origin>>,
}

impl Engine {
    /// Takes a model that was loaded from `path`, or from memory.
    pub(crate) fn new(
        model: Result<Model, LoadError>,
        path: Option<PathBuf>,
        settings: Settings,
    ) -> PyResult<Self> {
        let model = model.map_err(|error| of_load(&error))?;
        Ok(Self { model, path, original: None, settings, fidelity: None, origin: OnceLock::new() })
    }

    /// Prepares a model that the converter made, with the default settings.
    pub(crate) fn from_quantized(Quantized { model, fidelity, .. }: Quantized) -> PyResult<Self> {
        let settings = Settings::default();
        let engine = Self::new(Model::new(model, settings.options()), None, settings)?;
        Ok(Self { fidelity: Some(fidelity), ..engine })
    }

    /// Prepares a model that differs from this one only in its conformal thresholds, with the same settings.
    pub(crate) fn with_model(&self, model: QuantizedModel) -> PyResult<Self> {
        let settings = self.settings.clone();
        let engine = Self::new(Model::new(model, settings.options()), None, settings)?;
        Ok(Self { fidelity: self.fidelity.clone(), ..engine })
    }

    /// Returns the file that the model comes from if it still holds it. Otherwise writes one to `folder`.
    pub(crate) fn file_in(&self, folder: &Path) -> PyResult<PathBuf> {
        if let Some(path) = &self.path
            && let Ok(file) = file::read(path)
            && format::check_digest(&file).is_ok_and(|digest| digest == self.model.digest())
        {
            return Ok(path.clone());
        }
        let path = folder.join("model");
        fs::write(&path, self.file()?)?;
        Ok(path)
    }

    /// Returns the shape of a picture.
    pub(crate) fn shape(&self) -> Shape {
        self.model.input()
    }

    /// Returns the threads of the model: `None` for the caller's alone.
    pub(crate) fn pool(&self) -> PyResult<Option<Arc<Pool>>> {
        match self.settings.threads {
            1 => Ok(None),
            count => pool(count).map(Some),
        }
    }

    /// Returns the number of threads of a prediction.
    pub(crate) fn threads(&self) -> PyResult<usize> {
        Ok(self.pool()?.map_or(1, |pool| pool.current_num_threads()))
    }

    /// Returns what identifies the model in its predictions.
    pub(crate) fn origin(&self) -> &Arc<Origin> {
        self.origin.get_or_init(|| {
            let outputs = self.model.outputs();
            Arc::new(Origin::new(self.model.digest().to_string(), outputs))
        })
    }

    /// Returns the bytes of the model file.
    pub(crate) fn file(&self) -> PyResult<Vec<u8>> {
        format::write(self.model.quantized()).map_err(|e| Error::new_err(message(&e)))
    }

    /// Predicts a batch.
    pub(crate) fn predict(
        &self,
        py: Python<'_>,
        batch: &Batch<'_>,
        options: &PredictOptions,
        progress: &Progress,
    ) -> PyResult<Prediction> {
        let (input, count) = (batch.pictures(), batch.count());
        let samples = self.model.samples_of(options);
        let (draws, samples) = samples.map_err(|error| of_predict(&error.into()))?;
        let total = count as u64 * samples.count() as u64;
        progress.begin("predicting", Some(total));
        let pool = self.pool()?;
        let predictions = attend(py, pool.as_deref(), &|py| progress.report(py), |attendant| {
            let each = |pictures: usize| {
                progress.advance(pictures as u64);
                attendant.flow()
            };
            self.model.predict_with(input, options, Observer::new().progress(&each))
        })?;
        let predictions = predictions.map_err(|error| of_predict(&error))?;
        progress.report(py)?;
        let draws = Draws::new(draws.seed(), samples.indices());
        let origin = Arc::clone(self.origin());
        Ok(Prediction::new(predictions, draws, origin, batch.is_single, options.keep_logits))
    }
}

impl Settings {
    /// Returns the options of the engine.
    pub(crate) fn options(&self) -> ModelOptions {
        let threads = match self.threads {
            1 => Threads::One,
            // The pool that the call runs in.
            _ => Threads::Caller,
        };
        ModelOptions::new()
            .isa(self.isa)
            .threads(threads)
            .bank_bytes(self.bank_bytes)
            .limits(self.limits)
            .input_size(self.input_size)
            .tile_overlap(self.tile_overlap)
    }
}
