//! Runs a model on a back end: prediction = f(model, input, seed, sample range).
//!
//! The executor knows the order of the steps and nothing about speed. It is single-threaded, so
//! that every target can spread pictures and samples over its own kind of threads.

mod memory;
mod source;
mod trace;

pub use source::WeightSample;
pub use trace::NodeOutput;

use crate::aligned::Aligned;
use crate::backend::Backend;
use crate::convolution::{Convolution, Output};
use crate::model::QuantizedModel;
use crate::ops::Job;
use crate::plan::{Action, Place, Plan, Step};
use crate::posterior::Draw;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::ops::Range;
use memory::Memory;
use source::{Made, PreparedLayer, SampleSource, Source};
use thiserror::Error;

/// Not enough memory for the values of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not enough memory for this many pictures at once: predict fewer")]
pub struct OutOfMemory(#[from] TryReserveError);

/// A model prepared for one back end. Immutable: any number of threads may share it.
pub struct Executor<B: Backend> {
    backend: B,
    plan: Plan<B::Weights, PreparedLayer<B>>,
    /// Number of Bayesian layers.
    drawn: usize,
}

/// Reusable memory for one run at a time.
pub struct Workspace<B: Backend> {
    /// Pictures that run together.
    capacity: usize,
    /// Pictures of the current batch.
    pictures: usize,
    /// Kept values, in blocks of `capacity` pictures.
    kept: Aligned<u8>,
    scratch: Aligned<u8>,
    /// Outputs of the model, node by node, for each the pictures one after the other.
    outputs: Vec<f32>,
    /// All outputs of one picture, if several nodes make them.
    row: Vec<f32>,
    /// Sums of code planes.
    plane_sums: Vec<f32>,
    kernel: B::Scratch,
    /// Weights of the current layer.
    layer: B::Weights,
    /// Weights of all layers, for batches of several blocks.
    sample: WeightSample<B>,
}

impl<B: Backend> Executor<B> {
    /// Prepares `model` for `backend`.
    pub fn new(model: &QuantizedModel, backend: B) -> Self {
        let mut scratch = B::Scratch::default();
        let mut fixed = |layer: &B::Layer| {
            let mut weights = B::Weights::default();
            // Without a posterior, every draw is the mean.
            backend.sample(layer, Draw { seed: 0, sample: 0 }, &mut weights, &mut scratch);
            weights
        };
        let mut drawn = 0;
        let Plan { prefix, suffix, .. } = model.plan();
        let prefix = prefix.iter().map(|step| {
            step.with_layers(|convolution, layer| fixed(&backend.prepare(layer, convolution)))
        });
        let prefix = prefix.collect();
        let suffix = suffix.iter().map(|step| {
            let mut is_drawn = false;
            let step = step.with_layers(|convolution, layer| {
                let prepared = backend.prepare(layer, convolution);
                if layer.is_bayesian() {
                    is_drawn = true;
                    PreparedLayer::Drawn(drawn, prepared)
                } else {
                    PreparedLayer::Fixed(fixed(&prepared))
                }
            });
            drawn += usize::from(is_drawn);
            step
        });
        let suffix = suffix.collect();
        let Plan { kept_bytes, scratch_bytes, input, plane_sums, .. } = *model.plan();
        let outputs = model.plan().outputs.clone();
        let plan = Plan { prefix, suffix, kept_bytes, scratch_bytes, input, outputs, plane_sums };
        Self { backend, plan, drawn }
    }

    /// Returns the back end.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Returns the number of f32 outputs for one picture and weight sample.
    fn outputs(&self) -> usize {
        self.plan.outputs.iter().map(|place| place.size).sum()
    }

    /// Returns the bytes of activations that one picture needs, which helps to choose a workspace's
    /// capacity.
    pub fn bytes_per_picture(&self) -> usize {
        self.plan.kept_bytes + self.plan.scratch_bytes + size_of::<f32>() * 2 * self.plan.plane_sums
    }

    /// Returns the size in bytes of one weight sample.
    pub fn weight_bytes(&self) -> usize {
        let bytes = |layer: &(Convolution, PreparedLayer<B>)| match &layer.1 {
            PreparedLayer::Drawn(_, layer) => self.backend.weight_bytes(layer),
            PreparedLayer::Fixed(_) => 0,
        };
        // Members have layers of the same size.
        let of_step = |step: &Step<PreparedLayer<B>>| match &step.action {
            Action::Convolution(members) => members.iter().map(bytes).max().unwrap_or(0),
            Action::Loop(_) => 0,
        };
        self.plan.suffix.iter().map(of_step).sum()
    }

    /// Returns the part of [`Self::bytes_per_picture`] that a picture needs for as long as its
    /// batch runs.
    pub fn kept_bytes_per_picture(&self) -> usize {
        self.plan.kept_bytes
    }

    /// Creates a workspace that runs up to `capacity` pictures together.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn workspace(&self, capacity: usize) -> Result<Workspace<B>, OutOfMemory> {
        let capacity = capacity.max(1);
        let mut scratch = Aligned::default();
        scratch.try_grow(capacity.saturating_mul(self.plan.scratch_bytes), 0)?;
        let zeros = |count: usize| {
            let mut zeros = Vec::new();
            zeros.try_reserve_exact(count)?;
            zeros.resize(count, 0.0);
            Ok::<_, TryReserveError>(zeros)
        };
        let of_all = |count: usize| capacity.saturating_mul(count);
        // A single output is in its place already.
        let row = if self.plan.outputs.len() > 1 { self.outputs() } else { 0 };
        Ok(Workspace {
            capacity,
            pictures: 0,
            kept: Aligned::default(),
            scratch,
            outputs: zeros(of_all(self.outputs()))?,
            row: zeros(row)?,
            plane_sums: zeros(of_all(2 * self.plan.plane_sums))?,
            kernel: B::Scratch::default(),
            layer: B::Weights::default(),
            sample: WeightSample::new(),
        })
    }

    /// Lets up to `threads` threads share each operation of later runs.
    pub fn share(&self, workspace: &mut Workspace<B>, threads: usize) {
        self.backend.share(&mut workspace.kernel, threads);
    }

    /// Draws the weights of all Bayesian layers.
    pub fn sample(&self, draw: Draw, weights: &mut WeightSample<B>, workspace: &mut Workspace<B>) {
        weights.layers.resize_with(self.drawn, B::Weights::default);
        for step in &self.plan.suffix {
            let Action::Convolution(members) = &step.action else { continue };
            let (_, PreparedLayer::Drawn(number, layer)) = members.of(draw) else { continue };
            self.backend.enter(step.node);
            let weights = &mut weights.layers[*number];
            self.backend.sample(layer, draw, weights, &mut workspace.kernel);
        }
    }

    /// Predicts pictures given as input codes (NHWC, [`crate::input::InputQuantizer`]) with the
    /// weight samples `samples` of `seed`. Calls `each(picture, sample, outputs)` for every pair:
    /// samples in order, and within a sample the pictures in order.
    ///
    /// # Errors
    /// Those of [`Self::begin`].
    ///
    /// # Panics
    /// When `codes` is not a whole number of pictures.
    pub fn run(
        &self,
        codes: &[u8],
        seed: u64,
        samples: Range<u32>,
        workspace: &mut Workspace<B>,
        mut each: impl FnMut(usize, u32, &[f32]),
    ) -> Result<(), OutOfMemory> {
        self.begin(codes, workspace)?;
        for sample in samples {
            let draw = Draw { seed, sample };
            self.run_sample(draw, None, workspace, |picture, outputs| {
                each(picture, sample, outputs)
            });
        }
        Ok(())
    }

    /// Takes a batch of pictures, as [`Self::run`] does, and runs the steps that no weight sample
    /// changes.
    ///
    /// # Errors
    /// [`OutOfMemory`]. The workspace holds no batch then.
    ///
    /// # Panics
    /// When `codes` is not a whole number of pictures.
    pub fn begin(&self, codes: &[u8], workspace: &mut Workspace<B>) -> Result<(), OutOfMemory> {
        let picture_bytes = self.plan.input.size;
        assert!(codes.len().is_multiple_of(picture_bytes), "whole pictures");
        let pictures = codes.len() / picture_bytes;
        let blocks = pictures.div_ceil(workspace.capacity);
        let block_bytes = workspace.capacity.saturating_mul(self.plan.kept_bytes);
        workspace.pictures = 0;
        workspace.kept.try_grow(blocks.saturating_mul(block_bytes), 0)?;
        workspace.pictures = pictures;
        for (block, codes) in codes.chunks(workspace.capacity * picture_bytes).enumerate() {
            let pictures = codes.len() / picture_bytes;
            let kept = &mut workspace.kept[block * block_bytes..][..block_bytes];
            kept[self.plan.input.range(pictures)].copy_from_slice(codes);
            let prefix = &self.plan.prefix;
            self.block(prefix, block, Made, workspace, &mut |_, _, _| {});
        }
        Ok(())
    }

    /// Predicts the batch that [`Self::begin`] took with one sample. `kept` may hold its weights,
    /// which [`Self::sample`] drew earlier; otherwise they are drawn. Calls `each(picture, outputs)`
    /// for every picture in order.
    pub fn run_sample(
        &self,
        draw: Draw,
        kept: Option<&WeightSample<B>>,
        workspace: &mut Workspace<B>,
        mut each: impl FnMut(usize, &[f32]),
    ) {
        self.suffix(draw, kept, workspace, &mut |_, _, _| {}, &mut each);
    }

    /// Runs the steps that the sample changes. Calls `after` after every step, and `each` with the
    /// outputs of every picture.
    fn suffix(
        &self,
        draw: Draw,
        kept: Option<&WeightSample<B>>,
        workspace: &mut Workspace<B>,
        after: &mut dyn FnMut(usize, Place, &Memory<'_>),
        each: &mut impl FnMut(usize, &[f32]),
    ) {
        let blocks = workspace.pictures.div_ceil(workspace.capacity);
        let mut run = |kept: Option<&WeightSample<B>>, workspace: &mut Workspace<B>| {
            for block in 0..blocks {
                let source = SampleSource { draw, kept };
                self.block(&self.plan.suffix, block, source, workspace, after);
                let first = block * workspace.capacity;
                let pictures = workspace.capacity.min(workspace.pictures - first);
                for picture in 0..pictures {
                    each(first + picture, self.row(picture, pictures, workspace));
                }
            }
        };
        if kept.is_none() && blocks > 1 {
            // All blocks take the same weights: draw them once.
            let mut sample = core::mem::take(&mut workspace.sample);
            self.sample(draw, &mut sample, workspace);
            run(Some(&sample), workspace);
            workspace.sample = sample;
        } else {
            run(kept, workspace);
        }
    }

    /// Runs `steps` on one block of pictures. After each step, calls `after` with its node, the
    /// place of its output, and the memory.
    fn block<L>(
        &self,
        steps: &[Step<L>],
        block: usize,
        source: impl Source<B, L>,
        workspace: &mut Workspace<B>,
        after: &mut dyn FnMut(usize, Place, &Memory<'_>),
    ) {
        let block_bytes = workspace.capacity * self.plan.kept_bytes;
        let first = block * workspace.capacity;
        let pictures = workspace.capacity.min(workspace.pictures - first);
        let Workspace { kept, scratch, outputs, plane_sums, kernel, layer: drawn, .. } = workspace;
        let kept = &mut kept[block * block_bytes..][..block_bytes];
        let mut memory = Memory { pictures, kept, scratch, outputs };
        let draw = source.draw();
        for step in steps {
            self.backend.enter(step.node);
            match &step.action {
                Action::Convolution(members) => {
                    let (convolution, layer) = members.of(draw);
                    let weights = source.weights(&self.backend, layer, drawn, kernel);
                    let (input, mut output) = memory.convolution_operands(step, convolution);
                    let mut run = |output: Output<'_>| {
                        self.backend.convolution(convolution, weights, input, output, kernel);
                    };
                    match &convolution.planes {
                        None => run(output),
                        Some(planes) => {
                            let elements = convolution.output.elements();
                            let sums = &mut plane_sums[..2 * pictures * elements];
                            run(Output::Logits(sums));
                            planes.combine(sums, elements, &mut output);
                        }
                    }
                }
                Action::Loop(job) => {
                    self.run_loop(job, draw, &step.inputs, step.output, &mut memory);
                }
            }
            after(step.node, step.output, &memory);
        }
    }
}

impl<B: Backend> Executor<B> {
    /// Returns all outputs for a picture of a block of `pictures`.
    fn row<'a>(
        &self,
        picture: usize,
        pictures: usize,
        workspace: &'a mut Workspace<B>,
    ) -> &'a [f32] {
        let Workspace { outputs, row, .. } = workspace;
        let of = |place: &Place| {
            let start = place.offset * pictures + place.size * picture;
            start..start + place.size
        };
        if let [only] = &self.plan.outputs[..] {
            return &outputs[of(only)];
        }
        for place in &self.plan.outputs {
            row[place.offset..][..place.size].copy_from_slice(&outputs[of(place)]);
        }
        row
    }

    /// Runs a loop. A separate function, so that it is compiled once for all types of layers.
    #[inline(never)]
    fn run_loop(
        &self,
        job: &Job,
        draw: Draw,
        inputs: &[Place],
        output: Place,
        memory: &mut Memory<'_>,
    ) {
        let pictures = memory.pictures;
        let (values, output) = memory.operands(output);
        self.backend.run(job, draw, |index| values.get(inputs[index], pictures), output);
    }
}
