//! The mean over a window.

use super::{
    Dice, GraphError, Inputs, Operation, Real, RealValue, STEPS_PER_ELEMENT, Site, SizeChange,
    Weightless,
};
use crate::error::ModelError;
use crate::geometry::{Shape, Window};
use crate::numerics::{Target, mean_multiplier};
use serde::{Deserialize, Serialize};

/// The mean over a window.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AveragePool {
    /// Kernel, stride, dilation and padding.
    pub window: Window,
    /// Whether the divisor counts padding, whose elements are zeros.
    pub count_include_pad: bool,
}

impl AveragePool {
    pub(super) fn invent(input: Shape, dice: &mut Dice<'_>) -> Self {
        Self { count_include_pad: dice.coin(), window: dice.window(input) }
    }
}

impl Operation for AveragePool {
    fn since(&self) -> u32 {
        if self.window.slides_over_planes() { 2 } else { 1 }
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        inputs.under(&self.window)
    }

    fn at_size(&self, change: &SizeChange) -> Result<Self, &'static str> {
        change.window(&self.window).map(|()| self.clone())
    }

    fn steps_per_element(&self, _: Shape) -> u64 {
        STEPS_PER_ELEMENT.saturating_mul(self.window.taps() as u64)
    }
}

impl Weightless for AveragePool {
    type Job = AveragePooling;

    fn job(&self, site: &Site<'_>) -> Result<AveragePooling, ModelError> {
        let input = site.inputs[0].shape;
        let elements = self.window.taps();
        if elements.min(input.spatial()) > i32::MAX as usize / 255 {
            return Err(ModelError::Mean { node: site.node.into(), elements });
        }
        // The multipliers for fewer elements, at a border, lie between these two.
        site.mean(1)?;
        site.mean(elements)?;
        Ok(AveragePooling {
            input,
            output: site.output,
            window: self.window,
            count_include_pad: self.count_include_pad,
            zero_point: site.inputs[0].grid.zero_point,
            scales: [site.inputs[0].grid.scale, site.grid()?.scale],
            target: site.target()?,
        })
    }
}

impl Real for AveragePool {
    fn real(&self, inputs: &[RealValue<'_>], shape: Shape, output: &mut [f32]) {
        let RealValue { shape: from, numbers } = inputs[0];
        let pictures = numbers.chunks_exact(from.elements());
        for (picture, output) in pictures.zip(output.chunks_exact_mut(shape.elements())) {
            for (position, output) in output.chunks_exact_mut(shape.channels).enumerate() {
                output.fill(0.0);
                let mut count = 0;
                for (_, pixel) in self.window.pixels(from, shape, position) {
                    let pixel = &picture[pixel * from.channels..];
                    output.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
                    count += 1;
                }
                let divisor = divisor(&self.window, self.count_include_pad, count);
                output.iter_mut().for_each(|x| *x /= divisor as f32);
            }
        }
    }
}

/// The mean of each window, `round(f32(sum (q - z)) * m)`. The multiplier depends on the number of
/// elements.
#[derive(Clone, Debug)]
pub struct AveragePooling {
    /// Shape of a picture's input.
    pub input: Shape,
    /// Shape of a picture's output.
    pub output: Shape,
    /// Kernel, stride, dilation and padding.
    pub window: Window,
    /// Whether the divisor counts padding, whose elements are zeros.
    pub count_include_pad: bool,
    /// Code of x = 0 in the input.
    pub zero_point: u8,
    /// Steps of the input and of the output.
    pub scales: [f32; 2],
    /// Grid and bounds that results are rounded to.
    pub target: Target,
}

/// Channels that are summed together, so that the sums stay in registers.
const BLOCK: usize = 64;

impl AveragePooling {
    #[inline(always)]
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        let zero_point = i32::from(self.zero_point);
        let channels = self.input.channels;
        let pictures = input(0).chunks_exact(self.input.elements());
        for (input, output) in pictures.zip(output.chunks_exact_mut(self.output.elements())) {
            for (position, output) in output.chunks_exact_mut(channels).enumerate() {
                for (block, output) in output.chunks_mut(BLOCK).enumerate() {
                    let mut sums = [0i32; BLOCK];
                    let mut count = 0;
                    for (_, pixel) in self.window.pixels(self.input, self.output, position) {
                        let pixel = &input[pixel * channels + block * BLOCK..][..output.len()];
                        for (sum, &code) in sums.iter_mut().zip(pixel) {
                            *sum += i32::from(code) - zero_point;
                        }
                        count += 1;
                    }
                    let multiplier = self.multiplier(count);
                    for (code, &sum) in output.iter_mut().zip(&sums) {
                        *code = self.target.round(sum as f32 * multiplier);
                    }
                }
            }
        }
    }

    /// Computes the multiplier of a sum over `count` elements.
    #[inline(always)]
    fn multiplier(&self, count: usize) -> f32 {
        let [input, output] = self.scales;
        mean_multiplier(input, output, divisor(&self.window, self.count_include_pad, count))
    }
}

/// Returns the divisor of the sum over `count` elements of a window. A window with gaps may see
/// none.
#[inline(always)]
fn divisor(window: &Window, count_include_pad: bool, count: usize) -> usize {
    if count_include_pad { window.taps() } else { count.max(1) }
}
