//! Maximum and mean over windows.

use super::convolution::taps;
use crate::backend::{AveragePool, Pool};

/// The largest code of each window; padding never wins.
#[inline(always)]
pub fn max_pool(pool: &Pool, input: &[u8], output: &mut [u8]) {
    let channels = pool.input.channels;
    let pictures = input.chunks_exact(pool.input.elements());
    for (input, output) in pictures.zip(output.chunks_exact_mut(pool.output.elements())) {
        for (position, output) in output.chunks_exact_mut(channels).enumerate() {
            output.fill(0);
            for pixel in pool.pixels(position) {
                for (largest, &code) in output.iter_mut().zip(&input[pixel * channels..]) {
                    *largest = code.max(*largest);
                }
            }
        }
    }
}

/// Channels that are summed together, so that the sums stay in registers.
const BLOCK: usize = 64;

/// `round(f32(sum (q - z)) * m)`, where the multiplier depends on the number of elements.
#[inline(always)]
pub fn average_pool(job: &AveragePool, input: &[u8], output: &mut [u8]) {
    let zero_point = i32::from(job.zero_point);
    let channels = job.pool.input.channels;
    let pictures = input.chunks_exact(job.pool.input.elements());
    for (input, output) in pictures.zip(output.chunks_exact_mut(job.pool.output.elements())) {
        for (position, output) in output.chunks_exact_mut(channels).enumerate() {
            for (block, output) in output.chunks_mut(BLOCK).enumerate() {
                let mut sums = [0i32; BLOCK];
                let mut count = 0;
                for pixel in job.pool.pixels(position) {
                    let pixel = &input[pixel * channels + block * BLOCK..][..output.len()];
                    for (sum, &code) in sums.iter_mut().zip(pixel) {
                        *sum += i32::from(code) - zero_point;
                    }
                    count += 1;
                }
                let multiplier = job.multiplier(count);
                for (code, &sum) in output.iter_mut().zip(&sums) {
                    *code = job.target.round(sum as f32 * multiplier);
                }
            }
        }
    }
}

impl Pool {
    /// Indices of the pixels that output `position` sees.
    #[inline(always)]
    fn pixels(&self, position: usize) -> impl Iterator<Item = usize> {
        taps(&self.window, self.input, self.output, position).map(|(_, pixel)| pixel)
    }
}

impl AveragePool {
    #[inline(always)]
    fn multiplier(&self, count: usize) -> f32 {
        self.multipliers[count.clamp(1, self.multipliers.len()) - 1]
    }
}
