//! A back end and a kernel that time what another one does.

use super::stopwatch::{Work, count, enter, time};
use crate::kernels::{Block, BlockOutput, Drawing, Kernel, PANEL};
use bayes8_core::backend::Backend;
use bayes8_core::chacha::{ChaCha8, Group};
use bayes8_core::convolution::{Convolution, Output};
use bayes8_core::layer::Layer;
use bayes8_core::ops::Job;
use bayes8_core::posterior::Draw;
use bayes8_core::posterior::gaussian::CHUNK;
use bayes8_core::simd::{DepthwiseBlock, Task, Tiles, TransformedBlock, Winograd};
use std::sync::Arc;

/// A back end that is timed.
pub(super) struct Timed<B> {
    pub(super) backend: B,
    /// What a convolution that is not depthwise does, apart from what its kernel times.
    pub(super) around: Work,
}

impl<B: Backend> Backend for Timed<B> {
    type Layer = B::Layer;
    type Weights = B::Weights;
    type Scratch = B::Scratch;

    fn kernel(&self) -> &'static str {
        self.backend.kernel()
    }

    fn prepare(&self, layer: &Arc<Layer>, convolution: &Convolution) -> B::Layer {
        self.backend.prepare(layer, convolution)
    }

    fn weight_bytes(&self, layer: &B::Layer) -> usize {
        self.backend.weight_bytes(layer)
    }

    fn share(&self, scratch: &mut B::Scratch, threads: usize) {
        self.backend.share(scratch, threads);
    }

    fn enter(&self, node: usize) {
        enter(node);
    }

    fn sample(
        &self,
        layer: &B::Layer,
        draw: Draw,
        weights: &mut B::Weights,
        scratch: &mut B::Scratch,
    ) {
        time(Work::Sampling, || self.backend.sample(layer, draw, weights, scratch));
    }

    fn convolution(
        &self,
        job: &Convolution,
        weights: &B::Weights,
        input: &[u8],
        output: Output<'_>,
        scratch: &mut B::Scratch,
    ) {
        let pictures = input.len() / job.filters.input.elements();
        count(pictures * job.output.elements() * job.filters.fan_in());
        let work = if job.filters.is_depthwise() { Work::Depthwise } else { self.around };
        time(work, || self.backend.convolution(job, weights, input, output, scratch));
    }

    fn run<'a>(&self, job: &Job, draw: Draw, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        time(Work::Loop, || self.backend.run(job, draw, input, output));
    }
}

/// A kernel whose products are timed.
#[derive(Clone, Copy)]
pub(super) struct TimedKernel<K>(pub(super) K);

impl<K: Kernel> Kernel for TimedKernel<K> {
    const NAME: &'static str = K::NAME;
    const STEP: usize = K::STEP;
    const ROW_MULTIPLE: usize = K::ROW_MULTIPLE;
    const ACTIVATION_OFFSET: i32 = K::ACTIVATION_OFFSET;
    const UNIFORM_ROWS: bool = K::UNIFORM_ROWS;
    const BLOCK_BYTES: usize = K::BLOCK_BYTES;
    const BLOCK_OUTPUTS: usize = K::BLOCK_OUTPUTS;
    const WINOGRAD: Option<Winograd<Self>> = match K::WINOGRAD {
        Some(Winograd { rows, channels, .. }) => Some(Winograd {
            rows,
            channels,
            pack: Self::pack_transformed,
            transform: Self::transform,
            multiply: Self::multiply_transformed,
        }),
        None => None,
    };
    const DEPTHWISE: Option<fn(Self, DepthwiseBlock<'_, '_>)> = match K::DEPTHWISE {
        Some(_) => Some(Self::run_depthwise),
        None => None,
    };
    type Activation = K::Activation;
    type Weight = K::Weight;
    type Session = K::Session;

    fn new() -> Option<Self> {
        K::new().map(Self)
    }

    fn session(self) -> K::Session {
        self.0.session()
    }

    fn in_place(input: &[u8]) -> Option<&[K::Activation]> {
        K::in_place(input)
    }

    fn vectorize<T: Task>(self, task: T) -> T::Output {
        self.0.vectorize(task)
    }

    fn multiply(self, session: &mut K::Session, block: &Block<'_, Self>, output: BlockOutput<'_>) {
        let &Block { activations, rows, pieces, steps, panels, offsets, multipliers } = block;
        let block = Block { activations, rows, pieces, steps, panels, offsets, multipliers };
        time(Work::Products, || self.0.multiply(session, &block, output));
    }

    fn groups(self, stream: ChaCha8, first: u64, groups: &mut [Group]) {
        self.0.groups(stream, first, groups);
    }

    fn draw(self, drawing: Drawing<'_>) {
        self.0.draw(drawing);
    }

    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [K::Weight]) -> [i32; PANEL] {
        self.0.pack(rows, panel)
    }
}

impl<K: Kernel> TimedKernel<K> {
    fn run_depthwise(self, block: DepthwiseBlock<'_, '_>) {
        let depthwise = K::DEPTHWISE.expect("the function that it passes on");
        depthwise(self.0, block);
    }

    /// Returns the functions of the kernel, which has them if this one has.
    fn winograd() -> Winograd<K> {
        K::WINOGRAD.expect("the functions that it passes on")
    }

    fn pack_transformed(self, rows: &[[i8; CHUNK]], panel: &mut [K::Weight]) -> [i32; PANEL] {
        (Self::winograd().pack)(self.0, rows, panel)
    }

    fn transform(self, tiles: &Tiles<'_>, lines: &mut [i16], transformed: &mut [i16]) {
        let transform = Self::winograd().transform;
        time(Work::Transforms, || transform(self.0, tiles, lines, transformed));
    }

    fn multiply_transformed(
        self,
        block: &TransformedBlock<'_, K::Weight>,
        output: &mut BlockOutput<'_>,
    ) {
        time(Work::Products, || (Self::winograd().multiply)(self.0, block, output));
    }
}
