//! Convolutions with random numbers.

use super::{Subject, kernels, reference};
use bayes8_conformance::Random;
use bayes8_core::convolution::Convolution;
use bayes8_core::graph::{Padding, Shape, Window};
use bayes8_core::layer::{Bias, Layer};
use bayes8_core::numerics::{CodeRange, Quantization, Target};
use bayes8_core::ops::{Addition, Filters, Rescale};
use bayes8_core::posterior::Draw;
use bayes8_core::posterior::{Posterior, gaussian::Gaussian};

/// The kind of numbers in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Any.
    Any,
    /// Only the extremes of each type, and the largest bias that the loader accepts.
    Extreme,
    /// Any, without a posterior.
    Deterministic,
}

/// A test case: a convolution over a batch.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) pictures: usize,
    pub(crate) input: Shape,
    pub(crate) out_channels: usize,
    pub(crate) groups: usize,
    pub(crate) window: Window,
    pub(crate) numbers: Numbers,
    pub(crate) logits: bool,
    pub(crate) seed: u64,
}

impl Case {
    /// Returns a matrix product: `m` pictures of `k` numbers become `n` numbers each.
    pub(crate) fn linear(m: usize, k: usize, n: usize) -> Self {
        Self {
            pictures: m,
            input: Shape::vector(k),
            out_channels: n,
            groups: 1,
            window: Window::new([1, 1]),
            numbers: Numbers::Any,
            logits: false,
            seed: (m * 1_000_000 + k * 1000 + n) as u64,
        }
    }

    /// Returns a square convolution over one picture.
    pub(crate) fn square(input: Shape, out_channels: usize, kernel: usize) -> Self {
        let window =
            Window { padding: Padding::uniform(kernel / 2), ..Window::new([kernel, kernel]) };
        Self { input, out_channels, window, ..Self::linear(1, 1, 1) }
    }

    /// Fails unless all kernels return the reference's bits for this case.
    pub(crate) fn check(&self) {
        self.check_with(&mut *reference(), &mut kernels());
    }

    /// Fails unless `kernels`, whose working memory is that of earlier cases, return the bits of
    /// `reference`.
    pub(crate) fn check_with(&self, reference: &mut dyn Subject, kernels: &mut [Box<dyn Subject>]) {
        let (layer, job, input) = self.build();
        let draw = Draw { seed: self.seed, sample: self.seed as u32 % 100 };
        let expected = reference.convolution(&layer, &job, draw, &input);
        for kernel in kernels {
            let found = kernel.convolution(&layer, &job, draw, &input);
            let differs = (0..expected.len()).find(|&i| found[i] != expected[i]);
            assert_eq!(differs, None, "{} differs at this byte: {self:?}", kernel.name());
        }
    }

    fn filters(&self) -> Filters {
        let Self { input, window, groups, out_channels, .. } = *self;
        Filters { input, window, groups, out_channels }
    }

    fn fan_in(&self) -> usize {
        self.filters().fan_in()
    }

    pub(crate) fn build(&self) -> (Layer, Convolution, Vec<u8>) {
        let mut random = Random::new(self.seed);
        let layer = self.layer(&mut random);
        let extreme = self.numbers == Numbers::Extreme;
        let output = self.window.output(self.input).expect("a window that fits");
        // An output has a spread of about 60 codes, or saturates, or vanishes.
        let usual = 60.0 / (4_900.0 * (self.fan_in() as f32).sqrt());
        let multiplier = |random: &mut Random| match random.below(if extreme { 3 } else { 20 }) {
            0 => 1e20,
            1 => 1e-20,
            _ => usual * random.real(0.5, 2.0),
        };
        let (a, b) = if random.chance(50) { (0, 255) } else { (random.byte(), random.byte()) };
        let range = CodeRange { low: a.min(b), high: a.max(b) };
        let zero_point = if extreme { random.pick(&[0, 255]) } else { random.byte() };
        let grid = Quantization { scale: 1.0, zero_point: random.byte() };
        // The addition takes its first input on the grid that the convolution rounds to.
        let rescale = |zero_point, random: &mut Random| Rescale {
            zero_point,
            multiplier: if extreme { random.pick(&[1e-20, 1e20]) } else { random.real(0.2, 1.5) },
        };
        let residual = (!self.logits && random.chance(30)).then(|| Addition {
            inputs: [rescale(grid.zero_point, &mut random), rescale(random.byte(), &mut random)],
            target: Target::new(Quantization { scale: 1.0, zero_point: random.byte() }, range),
        });
        let job = Convolution {
            residual,
            filters: self.filters(),
            output: Shape { channels: self.out_channels, ..output },
            zero_point,
            multipliers: (0..self.out_channels).map(|_| multiplier(&mut random)).collect(),
            target: (!self.logits).then(|| Target::new(grid, range)),
            planes: None,
        };
        let mut input = random.bytes(self.pictures * self.input.elements());
        if extreme {
            input.iter_mut().for_each(|code| *code = if *code < 128 { 0 } else { 255 });
        }
        (layer, job, input)
    }

    fn layer(&self, random: &mut Random) -> Layer {
        let weights = self.fan_in() * self.out_channels;
        let extreme = self.numbers == Numbers::Extreme;
        let mut mu: Vec<i8> = random.bytes(weights).into_iter().map(|b| b as i8).collect();
        let mut sigma = random.bytes(weights);
        if extreme {
            // Mostly of one sign, so that sums become as large as possible.
            mu.iter_mut().for_each(|w| *w = if *w < 100 { -128 } else { 127 });
            sigma.iter_mut().for_each(|s| *s = if *s < 128 { 0 } else { 255 });
        }
        let multipliers: &[i16] =
            if extreme { &[0, 1, i16::MAX] } else { &[0, 1, 40, 130, 400, 2048, i16::MAX] };
        let posterior = (self.numbers != Numbers::Deterministic).then(|| {
            Posterior::Gaussian(Gaussian {
                sigma,
                noise_multiplier: (0..self.out_channels)
                    .map(|_| random.pick(multipliers))
                    .collect(),
            })
        });
        Layer {
            index: random.below(50) as u32,
            out_channels: self.out_channels,
            depthwise: self.filters().is_depthwise(),
            mu,
            posterior,
            scale: vec![1.0; self.out_channels],
            bias: random.chance(70).then(|| self.bias(random)),
        }
    }

    fn bias(&self, random: &mut Random) -> Bias {
        let products = self.fan_in() as i64 * 255 * 128;
        let room = i64::from(i32::MAX) - products;
        let has_sigma = self.numbers != Numbers::Deterministic && random.chance(60);
        let mut draw = |low: f64, high: f64| {
            let x = if self.numbers == Numbers::Extreme {
                random.pick(&[low, high])
            } else {
                f64::from(random.real(low as f32, high as f32)).clamp(low, high)
            };
            x as i32
        };
        // A noise of 126 times a sigma of 2^27 / 2^15 is half a million.
        let (noise, spread) = (126.0 * 4096.0, (1 << 27) as f64);
        let largest = match self.numbers {
            Numbers::Extreme => room as f64 - noise - 1.0,
            _ => (room as f64 - noise).min(20_000.0 * (self.fan_in() as f64).sqrt()),
        };
        let mu = (0..self.out_channels).map(|_| draw(-largest, largest)).collect();
        let sigma = has_sigma.then(|| (0..self.out_channels).map(|_| draw(0.0, spread)).collect());
        Bias { mu, sigma }
    }
}
