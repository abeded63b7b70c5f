//! What a weighted layer computes: sums of products, and their conversion to outputs.

use crate::geometry::Shape;
use crate::numerics::Target;
use crate::ops::{Addition, Filters};
use alloc::vec::Vec;

/// A convolution: geometry, input zero point and epilogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// Geometry of its filters and of one picture's input.
    pub filters: Filters,
    /// Shape of one picture's output.
    pub output: Shape,
    /// Code of x = 0 in the input, which is also the code of padding.
    pub zero_point: u8,
    /// Factors from accumulator steps to output steps, one per output channel.
    pub multipliers: Vec<f32>,
    /// Grid and bounds that results are rounded to; `None` leaves them in f32, as logits.
    pub target: Option<Target>,
    /// The residual addition that follows, if it is done in the same pass. Its first input is the
    /// code that the convolution rounds to [`Self::target`], with the same zero point; its second
    /// is another value.
    pub residual: Option<Addition>,
    /// How the sums of two code planes make one result, if the input has two. The kernel then takes
    /// each plane as a picture and makes sums in f32, which are integers below 2^24:
    /// [`Self::multipliers`] are 1 and [`Self::target`] is `None`.
    pub planes: Option<PlaneSums>,
}

/// How the sums of two code planes make one result.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaneSums {
    /// The factor of the sums of the first plane.
    pub base: i32,
    /// Factors from combined sums to output steps, one per output channel.
    pub multipliers: Vec<f32>,
    /// Grid and bounds that results are rounded to; `None` leaves them in f32.
    pub target: Option<Target>,
}

impl PlaneSums {
    /// Computes the outputs from the sums of the planes, `[pictures][2][elements]`.
    pub fn combine(&self, sums: &[f32], elements: usize, output: &mut Output<'_>) {
        const CHUNK: usize = 32;
        let channels = self.multipliers.len();
        for (picture, planes) in sums.chunks_exact(2 * elements).enumerate() {
            let (high, low) = planes.split_at(elements);
            for row in (0..elements).step_by(channels) {
                for channel in (0..channels).step_by(CHUNK) {
                    let count = CHUNK.min(channels - channel);
                    let first = row + channel;
                    let mut combined = [0; CHUNK];
                    let pairs = high[first..][..count].iter().zip(&low[first..][..count]);
                    for (sum, (&high, &low)) in combined.iter_mut().zip(pairs) {
                        *sum = self.base * high as i32 + low as i32;
                    }
                    let multipliers = &self.multipliers[channel..][..count];
                    output.write(picture * elements + first, &combined[..count], multipliers);
                }
            }
        }
    }
}

/// Memory that a convolution writes to: NHWC, all pictures of the batch one after the other.
/// [`Convolution::target`] and [`Convolution::residual`] determine the variant.
#[derive(Debug)]
pub enum Output<'a> {
    /// Codes of the output's grid, rounded to the target.
    Codes(&'a mut [u8], Target),
    /// Codes of a residual addition: the convolution's codes, rounded to the target, plus the codes
    /// of another value with the output's shape.
    Sums(&'a mut [u8], Target, Addition, &'a [u8]),
    /// Numbers in f32: outputs of the model in real units, or sums of a code plane.
    Logits(&'a mut [f32]),
}

impl Output<'_> {
    /// Multiplies `sums` by `multipliers`, applies the epilogue and writes the outputs from index
    /// `first` on.
    #[inline(always)]
    pub fn write(&mut self, first: usize, sums: &[i32], multipliers: &[f32]) {
        let scaled = sums.iter().zip(multipliers).map(|(&sum, m)| sum as f32 * m);
        let outputs = first..first + sums.len();
        match self {
            Self::Codes(codes, target) => {
                let codes = codes[outputs].iter_mut();
                codes.zip(scaled).for_each(|(code, y)| *code = target.round(y));
            }
            Self::Sums(codes, target, add, other) => {
                let others = &other[outputs.clone()];
                let codes = codes[outputs].iter_mut().zip(others);
                codes.zip(scaled).for_each(|((code, &other), y)| {
                    *code = add.apply(target.round(y), other);
                });
            }
            Self::Logits(logits) => {
                let logits = logits[outputs].iter_mut();
                logits.zip(scaled).for_each(|(logit, y)| *logit = y);
            }
        }
    }
}
