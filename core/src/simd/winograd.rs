//! Integer Winograd convolution F(2x2, 3x3): 16 products instead of 36 for every 2 x 2 outputs, and the
//! same bits.
//!
//! A tile of 4 x 4 inputs `d` and a filter `g` of 3 x 3 weights give 2 x 2 outputs
//! `A' [(G g G') * (B' d B)] A`, where `*` multiplies entry by entry and the products are summed over
//! the input channels (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks",
//! 2016). `A` and `B` hold 0, 1 and -1, `G` also halves. With `2 G` in the place of `G` all numbers are
//! integers: transformed weights of magnitude up to 9 * 128, transformed inputs up to 4 * 255, both i16.
//! The outputs are four times the sums of the convolution. Sums may wrap modulo 2^32 on the way, since
//! the outputs do not ([`pays`]); a shift by two bits gives the sums themselves.
//!
//! This pays where the kernel multiplies i16 anyway. Instructions for u8 x i8 do twice the products
//! and cannot take the transformed numbers.

mod multiply;
mod tiles;
mod weights;

pub(super) use multiply::Multiply;
pub(super) use tiles::Transform;
pub(super) use weights::Pack;

use super::kernel::{Kernel, PANEL, Tiles, TransformedBlock, TransformedPanels, Winograd};
use super::output::{BlockOutput, row_tiles};
use crate::aligned::Aligned;
use crate::convolution::Convolution;

/// Entries of a tile of inputs, and of a transformed filter.
pub(super) const ENTRIES: usize = 16;

/// Bytes of transformed tiles that are multiplied together. With a panel of weights they fit a
/// second-level cache.
const BLOCK_BYTES: usize = 128 << 10;

/// Returns the functions of kernel `K` if it does `job` by transformation.
pub(super) fn of<K: Kernel>(job: &Convolution) -> Option<Winograd<K>> {
    K::WINOGRAD.filter(|winograd| pays(job, winograd.channels))
}

/// Returns whether a convolution is done by transformation: a window of 3 x 3 with stride 1, and
/// - input channels of a group in whole runs of `together` channels,
/// - enough positions to earn the transformation of the weights, and few of them wasted where a tile
///   reaches over the edge,
/// - four times the largest sum fits i32, so that the result is exact.
fn pays(job: &Convolution, together: usize) -> bool {
    let (filters, output) = (&job.filters, job.output);
    let window = &filters.window;
    let channels = filters.input.channels / filters.groups;
    let is_3x3 = window.kernel == [3, 3] && window.stride == [1, 1] && window.dilation == [1, 1];
    let is_flat = filters.input.depth == 1 && output.depth == 1 && window.depth.kernel == 1;
    let tiles = output.height.div_ceil(2) * output.width.div_ceil(2);
    let (positions, exact) = (output.height * output.width, i32::MAX as usize / (4 * 255 * 128));
    is_3x3
        && is_flat
        && channels.is_multiple_of(together)
        && positions >= 36
        && 4 * ENTRIES * tiles <= 3 * 9 * positions
        && filters.fan_in() <= exact
}

/// Returns the entries of a panel of transformed weights for `channels` input channels.
pub(super) fn panel_entries(channels: usize) -> usize {
    ENTRIES * channels * PANEL
}

/// Returns the number of bands of `pictures` pictures.
pub(super) fn bands(job: &Convolution, pictures: usize) -> usize {
    pictures * job.output.height.div_ceil(2)
}

/// Returns the first position, counted over all pictures, that band `band` covers.
pub(super) fn first_position(job: &Convolution, band: usize) -> usize {
    let per_picture = job.output.height.div_ceil(2);
    let (picture, line) = (band / per_picture, 2 * (band % per_picture));
    (picture * job.output.height + line) * job.output.width
}

/// Transforms and multiplies tiles, a block at a time, and writes their outputs.
pub(super) fn multiply<K: Kernel>(
    kernel: K,
    winograd: &Winograd<K>,
    all: Tiles<'_>,
    panels: TransformedPanels<'_, K::Weight>,
    memory: &mut Aligned<i16>,
    output: &mut BlockOutput<'_>,
) {
    let (entries, lines) = (ENTRIES * all.channels(), all.line_entries());
    let most = (BLOCK_BYTES / (entries * size_of::<i16>())).next_multiple_of(winograd.rows);
    memory.grow(lines + most.min(all.tiles.len()) * entries, 0);
    let (lines, transformed) = memory.split_at_mut(lines);
    for tiles in row_tiles(all.tiles.len(), most) {
        let transformed = &mut transformed[..tiles.len() * entries];
        let tiles = Tiles { tiles, ..all.clone() };
        (winograd.transform)(kernel, &tiles, lines, transformed);
        let block = TransformedBlock { tiles, transformed, panels };
        (winograd.multiply)(kernel, &block, output);
    }
}
