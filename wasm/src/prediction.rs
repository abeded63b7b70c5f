//! A network and its predictions, in plain Rust.

use crate::engine::{Kernels, kernels};
use crate::error::Error;
use crate::info::NetworkInfo;
use crate::picture::fit_rgba;
use bayes8_core::executor::{Executor, OutOfMemory, WeightSample, Weights, Workspace};
use bayes8_core::format;
use bayes8_core::graph::Shape;
use bayes8_core::input::InputQuantizer;
use bayes8_core::limits::{Cost, Limits};
use bayes8_core::sampler::{Draw, MAX_SAMPLES};
use bayes8_core::uncertainty::SampleSums;
use std::cell::RefCell;
use std::rc::Rc;

/// Bytes of activations that run together: about what stays in the caches of a small processor.
const BLOCK_BYTES: usize = 8 << 20;

/// More pictures at a time gain nothing: the weights of a layer are in cache long before.
const MOST_TOGETHER: usize = 32;

/// Bytes of activations of a whole batch, of the 4 GiB that a module can have.
const BATCH_BYTES: usize = 1 << 30;

/// Idle workspaces that are kept; beyond them, they are freed.
const MOST_IDLE: usize = 4;

/// A model, ready to predict. Copies share it.
#[derive(Clone)]
pub struct Network(Rc<Shared>);

struct Shared {
    input: Shape,
    info: NetworkInfo,
    quantizer: InputQuantizer,
    executor: Executor<Kernels>,
    node_names: Vec<String>,
    /// Weights of one draw.
    weights: u64,
    /// Memory of earlier batches, for later ones: that of a module never shrinks.
    idle: RefCell<Vec<Workspace<Kernels>>>,
}

/// One prediction under way: samples are added run by run.
pub struct Batch {
    network: Network,
    /// Taken back by the network when the batch is dropped.
    workspace: Option<Workspace<Kernels>>,
    /// One a picture.
    sums: Vec<SampleSums>,
    /// Logits of the runs that kept them, one a picture.
    logits: Vec<Vec<f32>>,
}

impl Network {
    /// The network of a model file that takes no more than `limits`.
    ///
    /// # Errors
    /// [`Error::Model`] and [`Error::Limit`].
    pub fn new(file: &[u8], limits: Limits) -> Result<Self, Error> {
        let model = format::read(file)?;
        let digest = model.file_digest().expect("that of the file, for a model that was read");
        let cost = Cost::new(&model);
        cost.check(&model, limits)?;
        let executor = Executor::new(&model, kernels());
        let drawn = model.layers().filter(|layer| layer.posterior.is_some());
        Ok(Self(Rc::new(Shared {
            input: model.graph().input(),
            info: NetworkInfo::new(&model, digest, &cost, executor.weight_bytes()),
            quantizer: InputQuantizer::new(&model),
            executor,
            node_names: model.graph().nodes().iter().map(|node| node.name.clone()).collect(),
            weights: drawn.map(|layer| layer.mu.len() as u64).sum(),
            idle: RefCell::default(),
        })))
    }

    /// What the file says.
    pub fn info(&self) -> &NetworkInfo {
        &self.0.info
    }

    /// A picture of any size, RGBA, as bytes `[H, W, C]` of the model's shape: what
    /// `bayes8 predict` makes of a picture file.
    ///
    /// # Errors
    /// [`Error::Sides`], [`Error::Rgba`] and [`Error::Fit`].
    pub fn fit(&self, rgba: Vec<u8>, width: u32, height: u32) -> Result<Vec<u8>, Error> {
        fit_rgba(rgba, width, height, self.0.input)
    }

    /// Begins a prediction of whole pictures, bytes `[N, D, H, W, C]`.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::TooManyPictures`] and [`Error::Memory`].
    pub fn begin_bytes(&self, pictures: &[u8]) -> Result<Batch, Error> {
        let mut codes = self.room(pictures.len())?;
        self.0.quantizer.bytes(pictures, &mut codes);
        self.begin(&codes)
    }

    /// Begins a prediction of whole pictures that are normalized already, `[N, D, H, W, C]`.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::TooManyPictures`], [`Error::NotFinite`] and [`Error::Memory`].
    pub fn begin_normalized(&self, pictures: &[f32]) -> Result<Batch, Error> {
        let mut codes = self.room(pictures.len())?;
        if let Some(place) = pictures.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { picture: place / self.0.input.elements() });
        }
        self.0.quantizer.normalized(pictures, &mut codes);
        self.begin(&codes)
    }

    /// Draws weight samples and forgets them: for measuring what drawing costs. Returns how many
    /// weights were drawn.
    ///
    /// # Errors
    /// [`Error::Samples`] and [`Error::Memory`].
    pub fn draw_weights(&self, seed: u64, first: u32, count: u32) -> Result<u64, Error> {
        check_samples(first, count, 0)?;
        let Shared { executor, weights, .. } = &*self.0;
        let mut drawn = WeightSample::new();
        let mut workspace = executor.workspace(1)?;
        for sample in first..first + count {
            executor.sample(Draw { seed, sample }, &mut drawn, &mut workspace);
        }
        Ok(u64::from(count) * weights)
    }

    /// Memory for the codes of whole pictures of `found` elements.
    fn room(&self, found: usize) -> Result<Vec<u8>, Error> {
        let Shared { input: shape, executor, .. } = &*self.0;
        if found == 0 || !found.is_multiple_of(shape.elements()) {
            return Err(Error::Length { found, shape: *shape });
        }
        let pictures = found / shape.elements();
        let most = (BATCH_BYTES / executor.bytes_per_picture().max(1)).max(1);
        if pictures > most {
            return Err(Error::TooManyPictures { pictures, most });
        }
        let mut codes = Vec::new();
        codes.try_reserve_exact(found).map_err(OutOfMemory::from)?;
        codes.resize(found, 0);
        Ok(codes)
    }

    fn begin(&self, codes: &[u8]) -> Result<Batch, Error> {
        let Shared { input, executor, idle, .. } = &*self.0;
        let idle = idle.borrow_mut().pop();
        let mut workspace = match idle {
            Some(workspace) => workspace,
            None => {
                let together = BLOCK_BYTES / executor.bytes_per_picture().max(1);
                executor.workspace(together.clamp(1, MOST_TOGETHER))?
            }
        };
        executor.begin(codes, &mut workspace)?;
        let pictures = codes.len() / input.elements();
        let sums = (0..pictures).map(|_| SampleSums::try_new(executor.classes()));
        Ok(Batch {
            network: self.clone(),
            workspace: Some(workspace),
            sums: sums.collect::<Result<_, _>>().map_err(OutOfMemory::from)?,
            logits: vec![Vec::new(); pictures],
        })
    }
}

impl Batch {
    /// Number of pictures.
    pub fn pictures(&self) -> usize {
        self.sums.len()
    }

    /// Adds samples `first..first + count` of `seed`; the same index always has the same weights.
    ///
    /// # Errors
    /// [`Error::Samples`], and [`Error::Logits`] where they are to be kept and there is no memory;
    /// the prediction is as it was.
    pub fn run(
        &mut self,
        seed: u64,
        first: u32,
        count: u32,
        keep_logits: bool,
    ) -> Result<(), Error> {
        check_samples(first, count, self.sums.first().map_or(0, SampleSums::samples))?;
        let Shared { executor, .. } = &*self.network.0;
        if keep_logits {
            let more = (count as usize).saturating_mul(executor.classes());
            for logits in &mut self.logits {
                logits.try_reserve(more).map_err(|_| Error::Logits { count })?;
            }
        }
        let workspace = self.workspace.as_mut().expect("it is there until the batch is dropped");
        for sample in first..first + count {
            let weights = Weights::Fresh(Draw { seed, sample });
            executor.run_sample(weights, workspace, |picture, logits| {
                self.sums[picture].add(logits);
                if keep_logits {
                    self.logits[picture].extend_from_slice(logits);
                }
            });
        }
        Ok(())
    }

    /// What every node gives for all pictures and one weight sample, in the order of the nodes, with
    /// their names ([`Executor::trace`]). The prediction is as it was.
    ///
    /// # Errors
    /// [`Error::Samples`].
    pub fn trace(&mut self, seed: u64, sample: u32) -> Result<Vec<(String, Vec<u8>)>, Error> {
        if sample >= MAX_SAMPLES {
            return Err(Error::Samples { first: sample, count: 1, before: 0 });
        }
        let Shared { executor, node_names, .. } = &*self.network.0;
        let workspace = self.workspace.as_mut().expect("it is there until the batch is dropped");
        let outputs = executor.trace(Draw { seed, sample }, workspace);
        Ok(outputs.into_iter().map(|o| (node_names[o.node].clone(), o.bytes)).collect())
    }

    /// The sums of a picture over all samples that were run.
    ///
    /// # Errors
    /// [`Error::Picture`].
    pub fn sums(&self, picture: usize) -> Result<&SampleSums, Error> {
        self.sums.get(picture).ok_or_else(|| self.no_picture(picture))
    }

    /// Logits `[samples, classes]` of a picture, of the runs that kept them, in their order.
    ///
    /// # Errors
    /// [`Error::Picture`].
    pub fn logits(&self, picture: usize) -> Result<&[f32], Error> {
        let logits = self.logits.get(picture).ok_or_else(|| self.no_picture(picture))?;
        Ok(logits)
    }

    fn no_picture(&self, picture: usize) -> Error {
        Error::Picture { picture, pictures: self.pictures() }
    }
}

/// Whether a batch that has `before` samples can take `count` more, from index `first` on.
fn check_samples(first: u32, count: u32, before: u64) -> Result<(), Error> {
    let (end, most) = (u64::from(first) + u64::from(count), u64::from(MAX_SAMPLES));
    if count == 0 || end > most || before + u64::from(count) > most {
        return Err(Error::Samples { first, count, before });
    }
    Ok(())
}

impl Drop for Batch {
    fn drop(&mut self) {
        let mut idle = self.network.0.idle.borrow_mut();
        if idle.len() < MOST_IDLE {
            idle.extend(self.workspace.take());
        }
    }
}
