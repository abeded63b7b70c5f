//! The seam between what is computed (here) and how fast (back ends).
//!
//! A back end packs a layer's posterior once, draws weight samples straight into its packed form
//! and runs the operations on batches of pictures. Every method has one right answer, defined by
//! [`crate::reference`]; a back end that returns other bits is wrong. Graphs, seeds, statistics
//! and scheduling are no business of a back end.

use crate::graph::{Shape, Window};
use crate::layer::Layer;
use crate::numerics::{Table, Target};
use crate::reference;
use crate::sampler::Draw;
use alloc::{sync::Arc, vec::Vec};

/// A convolution: geometry, input zero point and epilogue. A linear layer is a 1x1 convolution of
/// a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// Shape of one picture's input.
    pub input: Shape,
    /// Shape of one picture's output.
    pub output: Shape,
    /// Kernel, stride, dilation and padding.
    pub window: Window,
    /// Groups of channels that see only each other.
    pub groups: usize,
    /// Code of x = 0 in the input, which padding counts as.
    pub zero_point: u8,
    /// From accumulator steps to output steps, one an output channel.
    pub multipliers: Vec<f32>,
    /// Where results are rounded to; `None` leaves them in f32, as logits.
    pub target: Option<Target>,
    /// The residual addition that follows, if it is done in the same pass. Its first input is the
    /// code that the convolution rounds to [`Self::target`], of the same zero point; its second
    /// is another value.
    pub residual: Option<Add>,
}

impl Convolution {
    /// Whether every channel has a filter of its own, as [`Layer::depthwise`] says.
    pub fn is_depthwise(&self) -> bool {
        let groups = self.groups;
        groups > 1 && groups == self.input.channels && groups == self.output.channels
    }
}

/// Where a convolution writes: NHWC, all pictures of the batch one after the other. The variant
/// follows [`Convolution::target`] and [`Convolution::residual`].
#[derive(Debug)]
pub enum Output<'a> {
    /// Codes of the output's grid, rounded to the target.
    Codes(&'a mut [u8], Target),
    /// Codes of a residual addition: the convolution's codes, rounded to the target, added to the
    /// codes of another value of the output's shape.
    Sums(&'a mut [u8], Target, Add, &'a [u8]),
    /// Logits in real units.
    Logits(&'a mut [f32]),
}

/// A window over each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Shape of one picture's input.
    pub input: Shape,
    /// Shape of one picture's output.
    pub output: Shape,
    /// Kernel, stride, dilation and padding.
    pub window: Window,
}

/// A mean over a window.
#[derive(Clone, Debug, PartialEq)]
pub struct AveragePool {
    /// Geometry.
    pub pool: Pool,
    /// Code of x = 0 in the input.
    pub zero_point: u8,
    /// Multiplier of the sum over `n` elements, at index `n - 1`; a single one where all windows
    /// divide by the same number.
    pub multipliers: Vec<f32>,
    /// Where results are rounded to.
    pub target: Target,
}

/// A value on its way to another grid: `f32(q - zero_point) * multiplier` is in output steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rescale {
    /// Code of x = 0 in the input.
    pub zero_point: u8,
    /// Input step / output step.
    pub multiplier: f32,
}

/// A residual addition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Add {
    /// First and second input, in this order.
    pub inputs: [Rescale; 2],
    /// Where results are rounded to.
    pub target: Target,
}

/// A product of two values, element by element.
#[derive(Clone, Debug, PartialEq)]
pub struct Multiply {
    /// Elements of one picture's first and second input. Where the second has fewer, it holds a
    /// factor for each channel of the first.
    pub elements: [usize; 2],
    /// Codes of x = 0 in the inputs.
    pub zero_points: [u8; 2],
    /// From steps of the product to output steps.
    pub multiplier: f32,
    /// Where results are rounded to.
    pub target: Target,
}

/// Kernels for one kind of processor. Slices hold whole batches of pictures in NHWC order; their
/// lengths always agree with the shapes.
pub trait Backend: Send + Sync {
    /// The posterior of a layer, arranged for sampling.
    type Layer: Send + Sync;
    /// One weight sample of a layer, arranged for the kernels. Empty at first; its memory grows to
    /// the largest layer that is drawn into it.
    type Weights: Default + Send + Sync;
    /// Working memory of the kernels, one a call at a time.
    type Scratch: Default + Send;

    /// Name of the kernels in use, such as `avx512vnni`.
    fn kernel(&self) -> &'static str;

    /// Arranges the posterior of a layer.
    fn prepare(&self, layer: &Arc<Layer>, convolution: &Convolution) -> Self::Layer;

    /// Bytes of one weight sample of a layer.
    fn weight_bytes(&self, layer: &Self::Layer) -> usize;

    /// Lets up to `threads` threads share each of the operations that follow on `scratch`; one at
    /// first. A back end without threads does nothing.
    fn share(&self, _scratch: &mut Self::Scratch, _threads: usize) {}

    /// Draws the weights and biases of a layer.
    fn sample(
        &self,
        layer: &Self::Layer,
        draw: Draw,
        weights: &mut Self::Weights,
        scratch: &mut Self::Scratch,
    );

    /// Convolution, depthwise if the layer is, with its epilogue.
    fn convolution(
        &self,
        convolution: &Convolution,
        weights: &Self::Weights,
        input: &[u8],
        output: Output<'_>,
        scratch: &mut Self::Scratch,
    );

    /// Maximum over a window.
    fn max_pool(&self, pool: &Pool, input: &[u8], output: &mut [u8]) {
        reference::max_pool(pool, input, output);
    }

    /// Mean over a window.
    fn average_pool(&self, pool: &AveragePool, input: &[u8], output: &mut [u8]) {
        reference::average_pool(pool, input, output);
    }

    /// Residual addition.
    fn add(&self, add: &Add, a: &[u8], b: &[u8], output: &mut [u8]) {
        reference::add(add, a, b, output);
    }

    /// Product of two values.
    fn multiply(&self, multiply: &Multiply, a: &[u8], b: &[u8], output: &mut [u8]) {
        reference::multiply(multiply, a, b, output);
    }

    /// A function of each code.
    fn table(&self, table: &Table, input: &[u8], output: &mut [u8]) {
        reference::table(table, input, output);
    }

    /// Change of grid or range.
    fn requantize(&self, rescale: Rescale, target: Target, input: &[u8], output: &mut [u8]) {
        reference::requantize(rescale, target, input, output);
    }
}
