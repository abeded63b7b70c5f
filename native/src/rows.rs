//! The rows of a convolution's activation matrix: what each output position sees, in the order
//! `[KH][KW][I / groups]` of the weights. The matrix is never made as a whole.
//!
//! Where it can be, a row is read in place, as pieces: a piece is a run of inputs that lie side by
//! side, one for each row of the window, or for each tap where the window is dilated or the
//! channels are grouped. Padding is written around a copy of the picture first. Where a piece is
//! no whole number of steps (three channels, say), a block of rows is packed.

use crate::kernels::Kernel;
use bayes8_core::backend::Convolution;
use bayes8_core::graph::Shape;
use std::ops::Range;

/// Working memory for rows.
pub(crate) struct RowMemory<A> {
    /// Padded pictures or packed rows.
    activations: Vec<A>,
    offsets: Vec<u32>,
    pieces: Vec<u32>,
}

impl<A> Default for RowMemory<A> {
    fn default() -> Self {
        Self { activations: Vec::new(), offsets: Vec::new(), pieces: Vec::new() }
    }
}

/// Some rows, as [`crate::kernels::Block`] takes them.
pub(crate) struct RowBlock<'a, A> {
    pub(crate) activations: &'a [A],
    pub(crate) offsets: &'a [u32],
    pub(crate) pieces: &'a [u32],
    /// Entries of a piece.
    pub(crate) length: usize,
}

/// Fewest rows of a block, so that weights are read from afar for many rows at a time.
const FEWEST_ROWS: usize = 48;

/// How the rows of a convolution are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// From the input.
    InPlace,
    /// From copies of pictures with padding around them, in the kernel's own type.
    Padded,
    /// Packed one by one.
    Packed,
}

/// The activation matrix of one group of a convolution over a batch.
pub(crate) struct Rows<'a> {
    job: &'a Convolution,
    input: &'a [u8],
    source: Source,
    /// Entries of a row.
    depth: usize,
    /// Entries of a piece.
    length: usize,
    /// Shape of a picture that rows are read from.
    shape: Shape,
}

impl<'a> Rows<'a> {
    /// The rows of `job` over `input` for kernel `K`.
    pub(crate) fn new<K: Kernel>(job: &'a Convolution, input: &'a [u8]) -> Self {
        let channels = job.input.channels / job.groups;
        let depth = job.window.taps() * channels;
        let padding = job.window.padding;
        let side_by_side = job.groups == 1 && job.window.dilation[1] == 1;
        let length = if side_by_side { job.window.kernel[1] * channels } else { channels };
        let padded = Shape::new(
            job.input.height + padding.top + padding.bottom,
            job.input.width + padding.left + padding.right,
            job.input.channels,
        );
        let in_place = padded == job.input && K::in_place(&[]).is_some();
        // A vector's only row or a 1x1 window: rows at a uniform distance, in one piece.
        let uniform = job.window.taps() == 1
            && job.groups == 1
            && job.output.spatial() == job.input.spatial();
        let whole_steps = length.is_multiple_of(K::STEP) && depth.is_multiple_of(K::DEPTH);
        let source = if !whole_steps || (K::UNIFORM_ROWS && !(uniform && in_place)) {
            Source::Packed
        } else if in_place {
            Source::InPlace
        } else {
            Source::Padded
        };
        let depth = depth.next_multiple_of(K::DEPTH);
        let length = if source == Source::Packed { depth } else { length };
        Self { job, input, source, depth, length, shape: padded }
    }

    /// Entries of a row, padded to whole steps.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Calls `each(rows, block)` for the blocks that make `rows` of `group`, in order.
    pub(crate) fn blocks<K: Kernel>(
        &self,
        kernel: K,
        group: usize,
        rows: Range<usize>,
        memory: &mut RowMemory<K::Activation>,
        mut each: impl FnMut(Range<usize>, RowBlock<'_, K::Activation>),
    ) {
        self.pieces(group, &mut memory.pieces);
        let spatial = self.job.output.spatial();
        let bytes = match self.source {
            Source::Packed => self.depth,
            _ => self.job.window.stride.iter().product::<usize>() * self.shape.channels,
        };
        let most = K::BLOCK_BYTES / (bytes * size_of::<K::Activation>());
        let most = most.max(FEWEST_ROWS);
        let together = (most / spatial).max(1);
        let mut copied = 0..0;
        let mut first = rows.start;
        while first < rows.end {
            let mut end = rows.end.min(first + most);
            if self.source == Source::Padded {
                let picture = first / spatial;
                if !copied.contains(&picture) {
                    copied = picture..rows.end.div_ceil(spatial).min(picture + together);
                    kernel.vectorize(|| self.copy(copied.clone(), &mut memory.activations));
                }
                end = end.min(copied.end * spatial);
            }
            let activations = match self.source {
                Source::InPlace => {
                    self.offsets(first..end, 0, &mut memory.offsets);
                    K::in_place(self.input).unwrap_or(&[])
                }
                Source::Padded => {
                    self.offsets(first..end, copied.start, &mut memory.offsets);
                    &memory.activations
                }
                Source::Packed => {
                    let offsets = (0..end - first).map(|row| (row * self.depth) as u32);
                    memory.offsets.clear();
                    memory.offsets.extend(offsets);
                    kernel.vectorize(|| self.pack(group, first..end, &mut memory.activations));
                    &memory.activations
                }
            };
            let RowMemory { offsets, pieces, .. } = &*memory;
            each(first..end, RowBlock { activations, offsets, pieces, length: self.length });
            first = end;
        }
    }

    /// Offsets of the pieces of a row of `group`.
    fn pieces(&self, group: usize, pieces: &mut Vec<u32>) {
        let (window, shape) = (&self.job.window, self.shape);
        pieces.clear();
        if self.source == Source::Packed {
            pieces.push(0);
            return;
        }
        let channels = shape.channels / self.job.groups;
        let side_by_side = self.length / channels;
        for row in 0..window.kernel[0] {
            for column in (0..window.kernel[1]).step_by(side_by_side) {
                let [row, column] = [row * window.dilation[0], column * window.dilation[1]];
                let pixel = row * shape.width + column;
                pieces.push((pixel * shape.channels + group * channels) as u32);
            }
        }
    }

    /// Offsets of rows in pictures of which `first_picture` is the first.
    fn offsets(&self, rows: Range<usize>, first_picture: usize, offsets: &mut Vec<u32>) {
        let (shape, output) = (self.shape, self.job.output);
        let [down, right] = self.job.window.stride;
        let mut picture = rows.start / output.spatial();
        let mut row = rows.start % output.spatial() / output.width;
        let mut column = rows.start % output.width;
        offsets.clear();
        let mut left = rows.len();
        while left > 0 {
            let line = ((picture - first_picture) * shape.height + row * down) * shape.width;
            let count = left.min(output.width - column);
            let pixels = (column..column + count).map(|column| line + column * right);
            offsets.extend(pixels.map(|pixel| (pixel * shape.channels) as u32));
            left -= count;
            column = 0;
            row += 1;
            if row == output.height {
                row = 0;
                picture += 1;
            }
        }
    }

    /// Copies pictures with padding around them.
    #[inline(always)]
    fn copy<A: Copy + Default + From<u8>>(&self, pictures: Range<usize>, copies: &mut Vec<A>) {
        let (from, to) = (self.job.input, self.shape);
        let zero = A::from(self.job.zero_point);
        let padding = self.job.window.padding;
        let needed = pictures.len() * to.elements();
        // Only grows: what it holds is overwritten.
        if copies.len() < needed {
            copies.resize(needed, zero);
        }
        let line = to.width * to.channels;
        let before = padding.left * to.channels;
        let input = &self.input[pictures.start * from.elements()..];
        let pictures = input.chunks_exact(from.elements()).take(pictures.len());
        for (picture, copy) in pictures.zip(copies.chunks_exact_mut(to.elements())) {
            let (top, rest) = copy.split_at_mut(padding.top * line);
            let (middle, bottom) = rest.split_at_mut(from.height * line);
            top.fill(zero);
            bottom.fill(zero);
            let width = from.width * from.channels;
            for (from, to) in picture.chunks_exact(width).zip(middle.chunks_exact_mut(line)) {
                let (left, rest) = to.split_at_mut(before);
                let (inside, right) = rest.split_at_mut(width);
                left.fill(zero);
                right.fill(zero);
                convert(from, inside);
            }
        }
    }

    /// Packs rows of `group`.
    #[inline(always)]
    fn pack<A: Copy + Default + From<u8>>(
        &self,
        group: usize,
        rows: Range<usize>,
        packed: &mut Vec<A>,
    ) {
        let zero = A::from(self.job.zero_point);
        if packed.len() < rows.len() * self.depth {
            packed.resize(rows.len() * self.depth, zero);
        }
        let output = self.job.output;
        let mut picture = rows.start / output.spatial();
        let mut position =
            [rows.start % output.spatial() / output.width, rows.start % output.width];
        for packed in packed.chunks_exact_mut(self.depth).take(rows.len()) {
            self.pack_row(group, picture, position, zero, packed);
            position[1] += 1;
            if position[1] == output.width {
                position = [position[0] + 1, 0];
            }
            if position[0] == output.height {
                position = [0, 0];
                picture += 1;
            }
        }
    }

    #[inline(always)]
    fn pack_row<A: Copy + From<u8>>(
        &self,
        group: usize,
        picture: usize,
        [row, column]: [usize; 2],
        zero: A,
        packed: &mut [A],
    ) {
        let shape = self.job.input;
        let window = &self.job.window;
        let channels = shape.channels / self.job.groups;
        let run = window.kernel[1] * channels;
        let picture = &self.input[picture * shape.elements()..][..shape.elements()];
        let left = (column * window.stride[1]).wrapping_sub(window.padding.left);
        let inside = left < shape.width && left + window.kernel[1] <= shape.width;
        let dense = window.dilation[1] == 1 && self.job.groups == 1;

        let (taps, rest) = packed.split_at_mut(window.kernel[0] * run);
        for (kh, packed) in taps.chunks_exact_mut(run).enumerate() {
            let y =
                (row * window.stride[0] + kh * window.dilation[0]).wrapping_sub(window.padding.top);
            // A wrapped difference is far beyond any input.
            if y >= shape.height {
                packed.fill(zero);
                continue;
            }
            let line = &picture[y * shape.width * shape.channels..][..shape.width * shape.channels];
            if inside && dense {
                convert(&line[left * channels..][..run], packed);
                continue;
            }
            for (kw, packed) in packed.chunks_exact_mut(channels).enumerate() {
                let x = left.wrapping_add(kw * window.dilation[1]);
                if x < shape.width {
                    convert(&line[x * shape.channels + group * channels..][..channels], packed);
                } else {
                    packed.fill(zero);
                }
            }
        }
        // Meets zero weights; any value does.
        rest.fill(zero);
    }
}

/// Copies a short run without a call of `memcpy`, which would cost more than the run.
#[inline(always)]
fn convert<A: Copy + From<u8>>(from: &[u8], to: &mut [A]) {
    let (from_blocks, from_rest) = from.as_chunks::<16>();
    let (to_blocks, to_rest) = to.as_chunks_mut::<16>();
    for (from, to) in from_blocks.iter().zip(to_blocks) {
        *to = from.map(A::from);
    }
    for (&from, to) in from_rest.iter().zip(to_rest) {
        *to = from.into();
    }
}
