//! A model and its predictions, in plain Rust.

use crate::conformal::predictor_of;
use crate::engine::{Kernels, kernels};
use crate::error::Error;
use crate::info::{NetworkInfo, output_of};
use crate::rgba::fit_rgba;
use bayes8_core::conformal::PredictionRegion;
use bayes8_core::draws::{ChosenDraws, Draws};
use bayes8_core::executor::Workspace;
use bayes8_core::format;
use bayes8_core::head::{Output, Sums, Uncertainty};
use bayes8_core::input::InputQuantizer;
use bayes8_core::limits::{Cost, Limits};
use bayes8_core::model::Values;
use bayes8_core::session::{DrawSequence, Estimate, Input, RequestError, Session};
use std::cell::RefCell;
use std::ops::{ControlFlow, Range};
use std::rc::Rc;
use std::sync::Arc;

/// Bytes of activations that run together: about the size of the caches of a small processor.
const BLOCK_BYTES: usize = 8 << 20;

/// Most bytes of activations of a batch, out of the 4 GiB that a module can have.
const BATCH_BYTES: usize = 1 << 30;

/// Most idle workspaces that are kept; further ones are freed.
const MOST_IDLE: usize = 4;

/// A model, ready to predict. Copies share it.
#[derive(Clone)]
pub struct LoadedModel(Rc<Shared>);

struct Shared {
    outputs: Arc<[Output]>,
    info: NetworkInfo,
    quantizer: InputQuantizer,
    session: Session<Kernels>,
    node_names: Vec<String>,
    chosen: Option<Arc<ChosenDraws>>,
    /// Number of weights in one draw.
    weights: u64,
    /// Workspaces of earlier batches, for reuse: the memory of a module never shrinks.
    idle: RefCell<Vec<Workspace<Kernels>>>,
}

/// One prediction under way: samples are added run by run.
pub struct Batch {
    network: LoadedModel,
    /// Returns to the model when the batch is dropped.
    workspace: Option<Workspace<Kernels>>,
    /// One estimate per picture, with the numbers of the runs that kept them.
    estimates: Vec<Estimate>,
}

impl LoadedModel {
    /// Loads a model file, for inputs of another size if `size` has planes, rows and columns.
    ///
    /// # Errors
    /// [`Error::Model`], [`Error::InputSize`], and [`Error::Limit`] for a model that exceeds `limits`.
    pub fn new(file: &[u8], size: Option<[usize; 3]>, limits: Limits) -> Result<Self, Error> {
        let mut model = format::read(file)?;
        if let Some(size) = size {
            model = model.with_input_size(size)?;
        }
        let digest = model.file_digest().expect("a model that was read has the digest of its file");
        let cost = Cost::new(&model);
        cost.check(&model, limits)?;
        let session = Session::new(&model, kernels(), BLOCK_BYTES);
        // Those of the member that draws most of a layer.
        let drawn = model.layers().map(|members| {
            let drawn = members.iter().filter(|layer| layer.posterior.is_some());
            drawn.map(|layer| layer.mu.len() as u64).max().unwrap_or(0)
        });
        Ok(Self(Rc::new(Shared {
            outputs: Arc::clone(model.shared_outputs()),
            info: NetworkInfo::new(&model, digest, &cost, session.executor().weight_bytes()),
            quantizer: InputQuantizer::new(&model),
            session,
            node_names: model.graph().nodes().iter().map(|node| node.name.clone()).collect(),
            chosen: model.chosen_draws().cloned(),
            weights: drawn.sum(),
            idle: RefCell::default(),
        })))
    }

    /// The description of the model.
    pub fn info(&self) -> &NetworkInfo {
        &self.0.info
    }

    /// Converts an RGBA picture of any size to bytes `[H, W, C]` of the model's shape, as
    /// `bayes8 predict` does.
    ///
    /// # Errors
    /// [`Error::Sides`], [`Error::Rgba`] and [`Error::Fit`].
    pub fn fit(&self, rgba: Vec<u8>, width: u32, height: u32) -> Result<Vec<u8>, Error> {
        fit_rgba(rgba, width, height, self.0.quantizer.shape())
    }

    /// Begins a prediction of one or more pictures.
    ///
    /// # Errors
    /// [`Error::TooManyPictures`], and [`Error::Request`] for pictures that cannot be predicted.
    pub fn begin(&self, input: Input<'_>) -> Result<Batch, Error> {
        let Shared { outputs, quantizer, session, idle, .. } = &*self.0;
        let pictures = input.pictures(quantizer)?;
        let executor = session.executor();
        let most = (BATCH_BYTES / executor.bytes_per_picture().max(1)).max(1);
        if pictures > most {
            return Err(Error::TooManyPictures { pictures, most });
        }
        let mut codes = Vec::new();
        input.quantize(quantizer, &mut codes)?;
        let memory = |_| RequestError::Memory { pictures, numbers: 0 };
        let idle = idle.borrow_mut().pop();
        let mut workspace = idle.map_or_else(|| session.workspace(), Ok).map_err(memory)?;
        executor.begin(&codes, &mut workspace).map_err(memory)?;
        let estimates: Result<_, _> = (0..pictures).map(|_| Estimate::new(outputs)).collect();
        Ok(Batch {
            network: self.clone(),
            workspace: Some(workspace),
            estimates: estimates.map_err(memory)?,
        })
    }

    /// Begins a prediction of numbers: raw ones, if the model takes numbers, or else pictures that are
    /// already normalized.
    ///
    /// # Errors
    /// Those of [`Self::begin`].
    pub fn begin_floats(&self, pictures: &[f32]) -> Result<Batch, Error> {
        self.begin(match self.0.quantizer.values() {
            Values::Bytes => Input::Normalized(pictures),
            Values::Numbers => Input::Numbers(pictures),
        })
    }

    /// Draws samples `first..first + count` of the weights and discards them, to measure the cost of
    /// drawing. Returns the number of weights drawn.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn draw_weights(&self, seed: u64, first: u32, count: u32) -> Result<u64, Error> {
        let draws = DrawSequence::Random { seed };
        self.0.session.draw_weights(&draws, draws.range(range(first, count))?)?;
        Ok(u64::from(count) * self.0.weights)
    }
}

impl Batch {
    /// Number of pictures.
    pub fn pictures(&self) -> usize {
        self.estimates.len()
    }

    /// Adds samples `first..first + count` of a seed, or of the model's chosen draws if there is none. A seed
    /// and an index always give the same weights.
    ///
    /// # Errors
    /// [`Error::Request`] for samples that cannot be run, or if there is no memory for the logits to
    /// keep. The prediction is then unchanged.
    pub fn run(
        &mut self,
        seed: Option<u64>,
        first: u32,
        count: u32,
        keep_logits: bool,
    ) -> Result<(), Error> {
        let before = self.estimates.first().map_or(0, |estimate| estimate.sums()[0].samples());
        let Shared { session, chosen, .. } = &*self.network.0;
        let draws = sequence(seed, chosen.as_ref())?;
        let samples = draws.range(range(first, count))?.after(before)?;
        if keep_logits {
            let (pictures, count) = (self.pictures(), samples.count());
            let each = self.estimates.first().map_or(0, Estimate::numbers_per_sample);
            let numbers = count.saturating_mul(each);
            self.estimates
                .iter_mut()
                .try_for_each(|estimate| estimate.reserve(count))
                .map_err(|_| RequestError::Memory { pictures, numbers })?;
        }
        let workspace = self.workspace.as_mut().expect("a batch has it until it is dropped");
        let estimates = &mut self.estimates;
        let each = |picture: usize, logits: &[f32]| estimates[picture].add(logits, keep_logits);
        let go_on = || ControlFlow::Continue(());
        // Never breaks off: a page cancels by running no more samples.
        let _ = session.run(workspace, &draws, samples, |_, _| None, each, go_on);
        Ok(())
    }

    /// The name and output of every node for all pictures and one sample of a seed, or of the model's chosen
    /// draws if there is none, in the order of the nodes. Does not change the prediction. See
    /// [`Executor::trace`](bayes8_core::executor::Executor::trace).
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn trace(
        &mut self,
        seed: Option<u64>,
        sample: u32,
    ) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let Shared { session, node_names, chosen, .. } = &*self.network.0;
        let draws = sequence(seed, chosen.as_ref())?;
        let samples = draws.range(range(sample, 1))?;
        let workspace = self.workspace.as_mut().expect("a batch has it until it is dropped");
        let traces = draws.of(samples).map(|draw| session.executor().trace(draw, workspace));
        let outputs = traces.flatten();
        Ok(outputs.map(|o| (node_names[o.node].clone(), o.bytes)).collect())
    }

    /// The sums of each output for a picture over all samples so far.
    ///
    /// # Errors
    /// [`Error::Picture`].
    pub fn sums(&self, picture: usize) -> Result<&[Sums], Error> {
        self.estimate(picture).map(Estimate::sums)
    }

    /// The numbers of all outputs for a picture, `[samples, numbers]`, from the runs that kept them, in the order of the runs.
    ///
    /// # Errors
    /// [`Error::Picture`].
    pub fn logits(&self, picture: usize) -> Result<&[f32], Error> {
        self.estimate(picture).map(Estimate::numbers)
    }

    fn estimate(&self, picture: usize) -> Result<&Estimate, Error> {
        let pictures = self.pictures();
        self.estimates.get(picture).ok_or(Error::Picture { picture, pictures })
    }
}

/// The figures of an output from the words of its sums, and its prediction set or intervals if it has a conformal
/// predictor: see [`figures`](crate::bindings::figures).
///
/// # Errors
/// [`Error::Sums`].
pub fn figures(
    head: &[f64],
    positions: &[usize],
    conformal: &[f64],
    words: &[i64],
) -> Result<(Uncertainty, Option<PredictionRegion>), Error> {
    let figures = output_of(head, positions).figures_from_words(words)?;
    let region = predictor_of(conformal).and_then(|of| of.region(&figures));
    Ok((figures, region))
}

/// The draws of a seed, or the chosen ones if there is none.
fn sequence(
    seed: Option<u64>,
    chosen: Option<&Arc<ChosenDraws>>,
) -> Result<DrawSequence, RequestError> {
    let draws = seed.map_or(Draws::Chosen, |seed| Draws::Random { seed });
    DrawSequence::of_list(chosen, Some(draws))
}

/// Samples `first..first + count`.
fn range(first: u32, count: u32) -> Range<u32> {
    first..first.saturating_add(count)
}

impl Drop for Batch {
    fn drop(&mut self) {
        let mut idle = self.network.0.idle.borrow_mut();
        if idle.len() < MOST_IDLE {
            idle.extend(self.workspace.take());
        }
    }
}
