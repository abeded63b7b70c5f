//! Measures where the time of predictions goes: by step, and by kind of work.
//!
//! A [`Profiler`] predicts as a model on one thread does, with the same bits, but reads a clock around
//! the work of every step. Other predictions never read one.

mod stopwatch;
mod timed;

pub use stopwatch::Work;

use crate::engine::{Engine, Memory, Threaded};
use crate::isa::{Isa, IsaError};
use crate::kernels::{Kernel, with_kernel};
use crate::load_error::LoadError;
use crate::model::Model;
use crate::model_options::{ModelOptions, Threads};
use crate::pictures::Pictures;
use crate::predict_options::PredictOptions;
use crate::prediction::{PredictError, Prediction};
use bayes8_core::graph::{Graph, Value};
use bayes8_core::layer::Quantized;
use bayes8_core::model::QuantizedModel;
use bayes8_core::reference::Reference;
use bayes8_core::simd::{OneThread, Simd};
use ndarray::Dimension;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use stopwatch::Reading;
use timed::{Timed, TimedKernel};

/// A model whose predictions are timed step by step.
#[derive(Debug)]
pub struct Profiler(Model);

/// Where the time of a call went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The time of the call: that of the steps, and the time to quantize the input and to sum up the
    /// samples.
    pub total: Duration,
    /// The steps of the call, in the order of their nodes.
    pub steps: Vec<StepProfile>,
}

/// Where the time of one step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepProfile {
    /// Indices in the graph of the nodes that the step computes: one, or a convolution and the addition that is
    /// done in the same pass.
    pub nodes: Vec<usize>,
    /// Multiply-accumulates of the call.
    pub multiply_accumulates: u64,
    /// The time of each kind of work, in the order of [`Work::ALL`].
    times: [Duration; Work::ALL.len()],
}

impl Profiler {
    /// Prepares a model. Of `options`, the threads are ignored: the caller's thread runs alone.
    ///
    /// # Errors
    /// Those of [`Model::new`].
    pub fn new(quantized: QuantizedModel, options: ModelOptions) -> Result<Self, LoadError> {
        let options = options.threads(Threads::One);
        Model::prepare(quantized, options, None, engine).map(Self)
    }

    /// Returns the model that is timed.
    pub fn model(&self) -> &Model {
        &self.0
    }

    /// Predicts as [`Model::predict`] does, and returns where the time went. The first call also takes
    /// memory, and fills the bank if there is one.
    ///
    /// # Errors
    /// Those of [`Model::predict`].
    pub fn predict<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        options: &PredictOptions,
    ) -> Result<(Vec<Prediction>, Profile), PredictError> {
        // Forget what this thread has timed before.
        stopwatch::take();
        let start = Instant::now();
        let predictions = self.0.predict(pictures, options)?;
        let total = start.elapsed();
        let steps = steps(self.0.quantized().graph(), &stopwatch::take());
        Ok((predictions, Profile { total, steps }))
    }
}

impl StepProfile {
    /// Returns the time of one kind of work.
    pub fn time(&self, work: Work) -> Duration {
        self.times[work as usize]
    }

    /// Returns the time of the step.
    pub fn total(&self) -> Duration {
        self.times.iter().sum()
    }
}

/// Creates the engine of `model` on `isa` that is timed.
fn engine(model: &QuantizedModel, isa: Isa, memory: Memory) -> Result<Box<dyn Engine>, IsaError> {
    with_kernel!(
        isa,
        K => {
            let kernel = TimedKernel(K::new().ok_or(IsaError::Unavailable(isa))?);
            // What a convolution does apart from products is packing.
            let timed = Timed { backend: Simd::new(kernel, OneThread), around: Work::Packing };
            Ok(Box::new(Threaded::new(model, timed, memory)))
        },
        portable => {
            let timed = Timed { backend: Reference, around: Work::Products };
            Ok(Box::new(Threaded::new(model, timed, memory)))
        },
        missing => Err(IsaError::Unavailable(isa))
    )
}

/// Returns the steps that `readings`, by node, tell of.
fn steps(graph: &Graph<Quantized>, readings: &BTreeMap<usize, Reading>) -> Vec<StepProfile> {
    // A convolution without a reading is done by its addition, the only node that reads it.
    let fused = |value: &Value| match *value {
        Value::Node(n) if !readings.contains_key(&n) && graph.filters(n).is_some() => Some(n),
        Value::Node(_) | Value::Input => None,
    };
    let step = |(&node, reading): (&usize, &Reading)| {
        let fused = graph.nodes()[node].inputs.iter().find_map(fused);
        let Reading { multiply_accumulates, times } = *reading;
        StepProfile {
            nodes: fused.into_iter().chain([node]).collect(),
            multiply_accumulates,
            times,
        }
    };
    readings.iter().map(step).collect()
}
