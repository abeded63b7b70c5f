//! Measures the rate of a matrix kernel against the peak of its instruction, and the cost of
//! drawing a weight.

use crate::isa::{Isa, IsaError};
use crate::kernels::{Kernel, Peak, with_kernel};
use crate::threads::simd;
use bayes8_core::aligned::Aligned;
use bayes8_core::backend::Backend;
use bayes8_core::convolution::{Convolution, Output};
use bayes8_core::graph::{Shape, Window};
use bayes8_core::layer::Layer;
use bayes8_core::numerics::{CodeRange, Quantization, Target};
use bayes8_core::ops::Filters;
use bayes8_core::posterior::Draw;
use bayes8_core::posterior::{Posterior, gaussian::Gaussian};
use bayes8_core::reference::Reference;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Rates of one thread, in 10^9 multiply-accumulates per second: the best of alternating runs, since
/// other work on the machine only slows them down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GemmRate {
    /// Rate of the matrix product, including packing and requantization.
    pub gemm: f64,
    /// Rate of a loop of the dot-product instruction on registers.
    pub peak: f64,
}

/// Why nothing was measured.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// The instruction set cannot be used.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// The portable kernels have no instruction to compare with.
    #[error("{0} has no dot-product instruction to compare with")]
    NoPeak(Isa),
    /// A matrix without elements.
    #[error("all three extents must be at least 1")]
    Empty,
    /// The result of the kernel is wrong.
    #[error("the result of {0} differs from the reference, so there is nothing to time")]
    Wrong(Isa),
}

/// Measures the product of u8 `[m, k]` and i8 `[k, n]` to u8 `[m, n]`, `repeats` times, alternating
/// with the peak loop. Compares the product with the reference first.
///
/// # Errors
/// [`MeasureError`].
pub fn gemm(isa: Isa, [m, n, k]: [usize; 3], repeats: usize) -> Result<GemmRate, MeasureError> {
    if m == 0 || n == 0 || k == 0 {
        return Err(MeasureError::Empty);
    }
    with_kernel!(
        isa.require()?,
        K => measure::<K>(isa, [m, n, k], repeats),
        portable => Err(MeasureError::NoPeak(isa)),
        missing => Err(MeasureError::NoPeak(isa))
    )
}

/// Measures drawing and packing the weights of a Bayesian layer of `rows` filters with `row_length`
/// weights each, `repeats` times on one thread. Returns the shortest time per weight in nanoseconds,
/// since other work on the machine only adds to it.
/// Compares a draw with the reference first.
///
/// # Errors
/// [`MeasureError`].
pub fn sampling(
    isa: Isa,
    [rows, row_length]: [usize; 2],
    repeats: usize,
) -> Result<f64, MeasureError> {
    if rows == 0 || row_length == 0 {
        return Err(MeasureError::Empty);
    }
    with_kernel!(
        isa.require()?,
        K => kernel_sampling::<K>(isa, [rows, row_length], repeats),
        portable => Ok(time_sampling(Reference, [rows, row_length], repeats)),
        missing => Err(MeasureError::Isa(IsaError::Unavailable(isa)))
    )
}

fn kernel_sampling<K: Kernel>(
    isa: Isa,
    [rows, row_length]: [usize; 2],
    repeats: usize,
) -> Result<f64, MeasureError> {
    let kernel = K::new().ok_or(IsaError::Unavailable(isa))?;
    let product = Product::bayesian([2, rows, row_length]);
    if product.on(simd(kernel)).run() != product.on(Reference).run() {
        return Err(MeasureError::Wrong(isa));
    }
    Ok(time_sampling(simd(kernel), [rows, row_length], repeats))
}

fn time_sampling<B: Backend>(backend: B, [rows, row_length]: [usize; 2], repeats: usize) -> f64 {
    let product = Product::bayesian([1, rows, row_length]);
    let layer = backend.prepare(&product.layer, &product.job);
    let (mut weights, mut scratch) = (B::Weights::default(), B::Scratch::default());
    let mut best = f64::INFINITY;
    for sample in 0..repeats.max(2) as u32 {
        let start = Instant::now();
        backend.sample(&layer, Draw { seed: 0, sample }, &mut weights, &mut scratch);
        black_box(&mut weights);
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / (rows * row_length) as f64);
    }
    best
}

/// Rounds of the peak loop, which take at least a tenth of a millisecond.
const PEAK_ROUNDS: u64 = 40_000;

fn measure<K: Peak>(
    isa: Isa,
    [m, n, k]: [usize; 3],
    repeats: usize,
) -> Result<GemmRate, MeasureError> {
    let kernel = K::new().ok_or(IsaError::Unavailable(isa))?;
    let product = Product::new([m, n, k]);
    let mut prepared = product.on(simd(kernel));
    if prepared.run() != product.on(Reference).run() {
        return Err(MeasureError::Wrong(isa));
    }
    let mut best = GemmRate { gemm: 0.0, peak: 0.0 };
    for _ in 0..repeats.max(1) {
        // Bring the operands into the caches, where a layer finds them after the previous one. The
        // loop below may have evicted them.
        black_box(prepared.run());
        let start = Instant::now();
        black_box(prepared.run());
        best.gemm = best.gemm.max(rate((m * n * k) as u64, start.elapsed()));
        let start = Instant::now();
        let (products, sum) = kernel.peak(PEAK_ROUNDS);
        black_box(sum);
        best.peak = best.peak.max(rate(products, start.elapsed()));
    }
    Ok(best)
}

fn rate(products: u64, time: Duration) -> f64 {
    products as f64 / time.as_secs_f64() / 1e9
}

/// A 1x1 convolution: a matrix product as in networks.
struct Product {
    job: Convolution,
    target: Target,
    layer: Arc<Layer>,
    input: Aligned<u8>,
}

impl Product {
    fn new([m, n, k]: [usize; 3]) -> Self {
        // Arbitrary bytes that are not all the same.
        let byte = |i: usize| (i.wrapping_mul(2_654_435_761) >> 13) as u8;
        let target = Target::new(Quantization { scale: 1.0, zero_point: 128 }, CodeRange::FULL);
        let mut input = Aligned::default();
        input.grow(m * k, 0);
        input.iter_mut().enumerate().for_each(|(i, code)| *code = byte(i));
        Self {
            job: Convolution {
                filters: Filters {
                    input: Shape::new(1, m, k),
                    window: Window::new([1, 1]),
                    groups: 1,
                    out_channels: n,
                },
                output: Shape::new(1, m, n),
                zero_point: 7,
                multipliers: vec![1.0 / (100.0 * k as f32); n],
                target: Some(target),
                residual: None,
                planes: None,
            },
            target,
            layer: Arc::new(Layer {
                index: 0,
                out_channels: n,
                depthwise: false,
                mu: (0..n * k).map(|i| byte(i + 1) as i8).collect(),
                posterior: None,
                scale: vec![1.0; n],
                bias: None,
            }),
            input,
        }
    }

    /// Creates a product whose layer has a posterior.
    fn bayesian(extents: [usize; 3]) -> Self {
        let Self { layer, .. } = Self::new(extents);
        let sigma = layer.mu.iter().map(|&mu| mu as u8).collect();
        let noise_multiplier = vec![100; layer.out_channels];
        let posterior = Some(Posterior::Gaussian(Gaussian { sigma, noise_multiplier }));
        Self { layer: Arc::new(Layer { posterior, ..Layer::clone(&layer) }), ..Self::new(extents) }
    }

    /// Prepares the product on `backend`: draws and packs the weights.
    fn on<B: Backend>(&self, backend: B) -> Prepared<'_, B> {
        let layer = backend.prepare(&self.layer, &self.job);
        let (mut weights, mut scratch) = (B::Weights::default(), B::Scratch::default());
        backend.sample(&layer, Draw { seed: 0, sample: 0 }, &mut weights, &mut scratch);
        let output = vec![0; self.job.output.elements()];
        Prepared { product: self, backend, weights, scratch, output }
    }
}

/// A product that is ready to be computed.
struct Prepared<'a, B: Backend> {
    product: &'a Product,
    backend: B,
    weights: B::Weights,
    scratch: B::Scratch,
    output: Vec<u8>,
}

impl<B: Backend> Prepared<'_, B> {
    fn run(&mut self) -> &[u8] {
        let Product { job, target, input, .. } = self.product;
        let codes = Output::Codes(&mut self.output, *target);
        self.backend.convolution(job, &self.weights, input, codes, &mut self.scratch);
        &self.output
    }
}
