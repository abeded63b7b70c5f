//! Runs a model on a back end: prediction = f(model, input, seed, sample range).
//!
//! The executor knows the order of steps and nothing of speed; it is single-threaded, so that
//! every target can spread pictures and samples over its own kind of threads.

use crate::backend::{Backend, Convolution, Output, Rescale};
use crate::graph::Shape;
use crate::model::Model;
use crate::numerics::Target;
use crate::plan::{Action, Place, Plan, Region, Step};
use crate::reference::{copy_channels, pad_channels, slice};
use crate::sampler::Draw;
use alloc::{vec, vec::Vec};
use core::ops::Range;

/// A model prepared for one back end. Immutable: any number of threads may share it.
pub struct Executor<B: Backend> {
    backend: B,
    plan: Plan,
    layers: Vec<PreparedLayer<B>>,
}

struct PreparedLayer<B: Backend> {
    layer: B::Layer,
    /// Weights of a deterministic layer, made once.
    fixed: Option<B::Weights>,
}

/// One draw of all Bayesian layers.
pub struct WeightSample<B: Backend> {
    /// One a layer; `None` where the layer is deterministic.
    layers: Vec<Option<B::Weights>>,
}

/// Memory of one thread, used again and again.
pub struct Workspace<B: Backend> {
    /// Pictures that run together.
    capacity: usize,
    /// Kept values, one block of `capacity` pictures after the other.
    kept: Vec<u8>,
    scratch: Vec<u8>,
    logits: Vec<f32>,
    kernel: B::Scratch,
    weights: WeightSample<B>,
}

impl<B: Backend> Executor<B> {
    /// Prepares `model` for `backend`.
    pub fn new(model: &Model, backend: B) -> Self {
        let plan = Plan::new(model);
        let mut layers = Vec::new();
        let mut steps: Vec<&Step> = plan.prefix.iter().chain(&plan.suffix).collect();
        steps.sort_by_key(|step| step.node);
        for step in steps {
            let Action::Convolution(number, convolution) = &step.action else { continue };
            let layer = &model.layers()[*number];
            let prepared = backend.prepare(layer, convolution);
            let fixed = (!layer.is_bayesian()).then(|| {
                let mut weights = backend.weights(&prepared);
                // Without a posterior every draw is the mean.
                backend.sample(&prepared, Draw { seed: 0, sample: 0 }, &mut weights);
                weights
            });
            layers.push(PreparedLayer { layer: prepared, fixed });
        }
        Self { backend, plan, layers }
    }

    /// The back end.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Number of logits a picture.
    pub fn classes(&self) -> usize {
        self.plan.classes
    }

    /// Bytes of activations that one picture needs at a time, to choose a workspace's capacity by.
    pub fn bytes_per_picture(&self) -> usize {
        self.plan.kept_bytes + self.plan.scratch_bytes
    }

    /// A workspace that runs up to `capacity` pictures together.
    pub fn workspace(&self, capacity: usize) -> Workspace<B> {
        let capacity = capacity.max(1);
        Workspace {
            capacity,
            kept: Vec::new(),
            scratch: vec![0; capacity * self.plan.scratch_bytes],
            logits: vec![0.0; capacity * self.plan.classes],
            kernel: B::Scratch::default(),
            weights: self.weight_sample(),
        }
    }

    /// Memory for one draw of the weights.
    pub fn weight_sample(&self) -> WeightSample<B> {
        let memory = |prepared: &PreparedLayer<B>| match prepared.fixed {
            Some(_) => None,
            None => Some(self.backend.weights(&prepared.layer)),
        };
        WeightSample { layers: self.layers.iter().map(memory).collect() }
    }

    /// Draws the weights of all Bayesian layers.
    pub fn sample(&self, draw: Draw, weights: &mut WeightSample<B>) {
        for (prepared, weights) in self.layers.iter().zip(&mut weights.layers) {
            if let Some(weights) = weights {
                self.backend.sample(&prepared.layer, draw, weights);
            }
        }
    }

    /// Predicts pictures of input codes (NHWC, [`crate::input::InputQuantizer`]) with the weight
    /// samples `samples` of `seed`. Calls `each(picture, sample, logits)` for every pair, sample
    /// after sample, the pictures of each in order.
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
    ) {
        let picture_bytes = self.plan.input.size;
        assert!(codes.len().is_multiple_of(picture_bytes), "whole pictures");
        let Workspace { capacity, kept, scratch, logits, kernel, weights } = workspace;
        let blocks =
            || codes.chunks(*capacity * picture_bytes).map(|b| (b, b.len() / picture_bytes));
        let block_bytes = *capacity * self.plan.kept_bytes;

        kept.resize(blocks().count() * block_bytes, 0);
        for ((codes, pictures), kept) in blocks().zip(kept.chunks_mut(block_bytes)) {
            kept[self.plan.input.range(pictures)].copy_from_slice(codes);
            let mut memory = Memory { pictures, kept, scratch, logits };
            for step in &self.plan.prefix {
                self.step(step, weights, &mut memory, kernel);
            }
        }
        for sample in samples {
            self.sample(Draw { seed, sample }, weights);
            let mut first = 0;
            for ((_, pictures), kept) in blocks().zip(kept.chunks_mut(block_bytes)) {
                let mut memory = Memory { pictures, kept, scratch, logits };
                for step in &self.plan.suffix {
                    self.step(step, weights, &mut memory, kernel);
                }
                for (i, logits) in logits.chunks(self.plan.classes).take(pictures).enumerate() {
                    each(first + i, sample, logits);
                }
                first += pictures;
            }
        }
    }

    fn step(
        &self,
        step: &Step,
        weights: &WeightSample<B>,
        memory: &mut Memory<'_>,
        kernel: &mut B::Scratch,
    ) {
        let pictures = memory.pictures;
        if let Action::Convolution(number, convolution) = &step.action {
            let fixed = self.layers[*number].fixed.as_ref();
            let weights = fixed.or(weights.layers[*number].as_ref());
            let weights = weights.expect("a layer is either deterministic or sampled");
            let (input, output) = memory.convolution_operands(step, convolution);
            self.backend.convolution(convolution, weights, input, output, kernel);
            return;
        }
        let (inputs, output) = memory.operands(step);
        let input = inputs.get(step.inputs[0], pictures);
        match &step.action {
            Action::Convolution(..) => {}
            Action::MaxPool(pool) => self.backend.max_pool(pool, input, output),
            Action::AveragePool(pool) => self.backend.average_pool(pool, input, output),
            Action::Add(add) => {
                let second = inputs.get(step.inputs[1], pictures);
                self.backend.add(add, input, second, output);
            }
            Action::Concat(parts, target) => {
                let inputs = step.inputs.iter().map(|&place| inputs.get(place, pictures));
                self.concat(parts, *target, inputs, output);
            }
            Action::Slice(shape, rows, columns) => slice(*shape, *rows, *columns, input, output),
            Action::PadChannels { channels, before, after, zero_point } => {
                pad_channels(*channels, *before, *after, *zero_point, input, output);
            }
            Action::Requantize(rescale, target) => {
                self.backend.requantize(*rescale, *target, input, output);
            }
        }
    }

    fn concat<'a>(
        &self,
        parts: &[(Rescale, Shape)],
        target: Target,
        inputs: impl Iterator<Item = &'a [u8]>,
        output: &mut [u8],
    ) {
        let width = parts.iter().map(|(_, shape)| shape.channels).sum();
        let mut rescaled = Vec::new();
        let mut at = 0;
        for ((rescale, shape), input) in parts.iter().zip(inputs) {
            rescaled.resize(input.len(), 0);
            self.backend.requantize(*rescale, target, input, &mut rescaled);
            copy_channels(shape.channels, at, width, &rescaled, output);
            at += shape.channels;
        }
    }
}

impl Place {
    /// Its bytes for a batch.
    fn range(&self, pictures: usize) -> Range<usize> {
        let start = self.offset * pictures;
        start..start + self.size * pictures
    }
}

/// The memory that the steps of one batch work on.
struct Memory<'a> {
    pictures: usize,
    kept: &'a mut [u8],
    scratch: &'a mut [u8],
    logits: &'a mut [f32],
}

/// What a step may read: all but its output.
struct Inputs<'a> {
    kept: Split<'a>,
    scratch: Split<'a>,
}

/// A region without the part that is being written, which began at `hole`.
struct Split<'a> {
    below: &'a [u8],
    above: &'a [u8],
    above_start: usize,
}

impl<'a> Split<'a> {
    fn whole(memory: &'a [u8]) -> Self {
        Self { below: memory, above: &[], above_start: memory.len() }
    }

    /// Takes `range` out of `memory` for writing.
    fn around(memory: &'a mut [u8], range: Range<usize>) -> (Self, &'a mut [u8]) {
        let above_start = range.end;
        let (below, rest) = memory.split_at_mut(range.start);
        let (hole, above) = rest.split_at_mut(range.end - range.start);
        (Self { below, above, above_start }, hole)
    }

    fn get(&self, range: Range<usize>) -> &'a [u8] {
        if range.start < self.above_start {
            &self.below[range]
        } else {
            &self.above[range.start - self.above_start..range.end - self.above_start]
        }
    }
}

impl<'a> Inputs<'a> {
    fn get(&self, place: Place, pictures: usize) -> &'a [u8] {
        let region = if place.region == Region::Kept { &self.kept } else { &self.scratch };
        region.get(place.range(pictures))
    }
}

impl Memory<'_> {
    /// The inputs and the output of a step that writes codes.
    fn operands(&mut self, step: &Step) -> (Inputs<'_>, &mut [u8]) {
        let range = step.output.range(self.pictures);
        if step.output.region == Region::Kept {
            let (kept, output) = Split::around(self.kept, range);
            (Inputs { kept, scratch: Split::whole(self.scratch) }, output)
        } else {
            let (scratch, output) = Split::around(self.scratch, range);
            (Inputs { kept: Split::whole(self.kept), scratch }, output)
        }
    }

    /// The input and the output of a weighted layer.
    fn convolution_operands(&mut self, step: &Step, job: &Convolution) -> (&[u8], Output<'_>) {
        let pictures = self.pictures;
        if let Some(target) = job.target {
            let (inputs, output) = self.operands(step);
            (inputs.get(step.inputs[0], pictures), Output::Codes(output, target))
        } else {
            let kept = Split::whole(self.kept);
            let inputs = Inputs { kept, scratch: Split::whole(self.scratch) };
            let logits = &mut self.logits[..pictures * job.output.elements()];
            (inputs.get(step.inputs[0], pictures), Output::Logits(logits))
        }
    }
}
