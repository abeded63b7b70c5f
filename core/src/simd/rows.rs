//! The rows of a convolution's activation matrix: the inputs that each output position sees, in the
//! order `[KD][KH][KW][I / groups]` of the weights. The matrix is never made as a whole.
//!
//! If possible, a row is read in place, in pieces. A piece is a run of contiguous inputs: one per
//! row of the window, or one per tap if the window is dilated or the channels are grouped. With
//! padding, rows are read from a padded copy of the picture. If a piece is not a whole number of
//! steps (with three channels, say), a block of rows is packed.

use super::Kernel;
use super::task::Loop;
use crate::aligned::Aligned;
use crate::convolution::Convolution;
use crate::graph::Shape;
use alloc::vec::Vec;
use core::ops::Range;

/// Working memory for rows.
pub(super) struct RowMemory<A> {
    /// Padded copies of pictures.
    copies: Aligned<A>,
    packed: Aligned<A>,
    offsets: Vec<u32>,
    pieces: Vec<u32>,
}

impl<A> Default for RowMemory<A> {
    fn default() -> Self {
        let (copies, packed) = (Aligned::default(), Aligned::default());
        Self { copies, packed, offsets: Vec::new(), pieces: Vec::new() }
    }
}

/// A block of rows, as [`super::Block`] takes them.
pub(super) struct RowBlock<'a, A> {
    pub(super) activations: &'a [A],
    pub(super) offsets: &'a [u32],
    pub(super) pieces: &'a [u32],
    /// Entries of a piece.
    pub(super) length: usize,
}

/// Bytes of pictures that are copied together, if there are several.
const COPIED_BYTES: usize = 8 << 20;

/// The fewest rows of a block, so that weights are loaded from distant caches for many rows at a
/// time.
const FEWEST_ROWS: usize = 96;

/// Where the rows of a convolution are read from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The input itself.
    InPlace,
    /// Padded copies of pictures, in the kernel's own type.
    Padded,
    /// Rows packed one by one from such copies.
    Packed,
    /// Rows of a single piece, converted one by one to the kernel's own type: a block at a time, so
    /// that they are still in the second-level cache when they are multiplied.
    Converted,
}

/// The activation matrix of one group of a convolution over a batch.
pub(super) struct ActivationRows<'a> {
    job: &'a Convolution,
    input: &'a [u8],
    source: Source,
    /// Entries of a row.
    row_entries: usize,
    /// Number of contiguous inputs in a piece.
    run: usize,
    /// Shape of the pictures that rows are read from.
    shape: Shape,
}

impl<'a> ActivationRows<'a> {
    /// Prepares the rows of `job` over `input` for kernel `K`.
    pub(super) fn new<K: Kernel>(job: &'a Convolution, input: &'a [u8]) -> Self {
        let channels = job.filters.input.channels / job.filters.groups;
        let row_entries = job.filters.window.taps() * channels;
        let side_by_side = job.filters.groups == 1 && job.filters.window.dilation[1] == 1;
        let run = if side_by_side { job.filters.window.kernel[1] * channels } else { channels };
        let padded = job.filters.input.padded(&job.filters.window.padding);
        let in_place = padded == job.filters.input && K::in_place(&[]).is_some();
        // The only row of a vector, or a 1x1 window: rows at a uniform distance, in one piece.
        let uniform = job.filters.window.taps() == 1
            && job.filters.groups == 1
            && job.output.spatial() == job.filters.input.spatial();
        let whole_steps =
            run.is_multiple_of(K::STEP) && row_entries.is_multiple_of(K::ROW_MULTIPLE);
        let source = if job.filters.window.taps() == 1 && padded == job.filters.input && !in_place {
            Source::Converted
        } else if !whole_steps || (K::UNIFORM_ROWS && !(uniform && in_place)) {
            Source::Packed
        } else if in_place {
            Source::InPlace
        } else {
            Source::Padded
        };
        Self {
            job,
            input,
            source,
            row_entries: row_entries.next_multiple_of(K::ROW_MULTIPLE),
            run,
            shape: padded,
        }
    }

    /// Returns the number of entries of a row, padded to whole steps.
    pub(super) fn row_entries(&self) -> usize {
        self.row_entries
    }

    /// Calls `each(rows, block)` for all blocks of `rows` of `group`, in order.
    pub(super) fn blocks<K: Kernel>(
        &self,
        kernel: K,
        group: usize,
        rows: Range<usize>,
        memory: &mut RowMemory<K::Activation>,
        mut each: impl FnMut(Range<usize>, RowBlock<'_, K::Activation>),
    ) {
        let spatial = self.job.output.spatial();
        let most = self.rows_together::<K>();
        let RowMemory { copies, packed, offsets, pieces } = &mut *memory;
        let mut copied = 0..0;
        let mut first = rows.start;
        while first < rows.end {
            let mut block = first..rows.end.min(first + most);
            let mut first_picture = 0;
            if matches!(self.source, Source::Padded | Source::Packed) {
                let picture = first / spatial;
                if !copied.contains(&picture) {
                    let fit = COPIED_BYTES / (self.shape.elements() * size_of::<K::Activation>());
                    let together = (most / spatial).min(fit).max(1);
                    copied = picture..rows.end.div_ceil(spatial).min(picture + together);
                    kernel.vectorize(Loop(|| self.copy(copied.clone(), copies)));
                }
                first_picture = copied.start;
                block.end = block.end.min(copied.end * spatial);
            }
            first = block.end;
            self.offsets(block.clone(), first_picture, offsets);
            self.pieces(group, pieces);
            let mut length = self.run;
            let activations = match self.source {
                Source::InPlace => K::in_place(self.input).unwrap_or(&[]),
                Source::Padded => &*copies,
                Source::Packed | Source::Converted => {
                    kernel.vectorize(Loop(|| match self.source {
                        Source::Converted => self.convert_rows(offsets, pieces[0], packed),
                        _ => self.pack(copies, offsets, pieces, packed),
                    }));
                    offsets.clear();
                    offsets.extend((0..block.len()).map(|row| (row * self.row_entries) as u32));
                    pieces.clear();
                    pieces.push(0);
                    length = self.row_entries;
                    &*packed
                }
            };
            each(block, RowBlock { activations, offsets, pieces, length });
        }
    }

    /// Returns the most rows that a block may have.
    fn rows_together<K: Kernel>(&self) -> usize {
        let entries = match self.source {
            Source::Packed | Source::Converted => self.row_entries,
            _ => {
                let strides = self.job.filters.window.axes().map(|axis| axis.stride);
                strides.iter().product::<usize>() * self.shape.channels
            }
        };
        let outputs = (self.job.output.channels / self.job.filters.groups).min(K::BLOCK_OUTPUTS);
        let bytes = entries * size_of::<K::Activation>() + outputs;
        (K::BLOCK_BYTES / bytes).max(FEWEST_ROWS)
    }

    /// Computes the offsets of the pieces of a row of `group`.
    fn pieces(&self, group: usize, pieces: &mut Vec<u32>) {
        let shape = self.shape;
        let [planes, rows, columns] = self.job.filters.window.axes();
        pieces.clear();
        let channels = shape.channels / self.job.filters.groups;
        let side_by_side = self.run / channels;
        for plane in (0..planes.kernel).map(|tap| tap * planes.dilation) {
            for row in (0..rows.kernel).map(|tap| tap * rows.dilation) {
                for tap in (0..columns.kernel).step_by(side_by_side) {
                    let column = tap * columns.dilation;
                    let pixel = (plane * shape.height + row) * shape.width + column;
                    pieces.push((pixel * shape.channels + group * channels) as u32);
                }
            }
        }
    }

    /// Computes the offsets of rows in pictures that start with `first_picture`.
    fn offsets(&self, rows: Range<usize>, first_picture: usize, offsets: &mut Vec<u32>) {
        let (shape, output) = (self.shape, self.job.output);
        let [planes, lines, columns] = self.job.filters.window.axes().map(|axis| axis.stride);
        let mut picture = rows.start / output.spatial();
        let mut plane = rows.start % output.spatial() / (output.height * output.width);
        let mut row = rows.start / output.width % output.height;
        let mut column = rows.start % output.width;
        offsets.clear();
        let mut left = rows.len();
        while left > 0 {
            let first_line = (picture - first_picture) * shape.depth + plane * planes;
            let line = (first_line * shape.height + row * lines) * shape.width;
            let count = left.min(output.width - column);
            let pixels = (column..column + count).map(|column| line + column * columns);
            offsets.extend(pixels.map(|pixel| (pixel * shape.channels) as u32));
            left -= count;
            column = 0;
            row += 1;
            if row == output.height {
                row = 0;
                plane += 1;
            }
            if plane == output.depth {
                plane = 0;
                picture += 1;
            }
        }
    }

    /// Copies pictures with padding around them.
    #[inline(always)]
    fn copy<A: Copy + Default + From<u8>>(&self, pictures: Range<usize>, copies: &mut Aligned<A>) {
        let (from, to) = (self.job.filters.input, self.shape);
        let zero = A::from(self.job.zero_point);
        let padding = self.job.filters.window.padding;
        let needed = pictures.len() * to.elements() + SHORT_RUN;
        copies.grow(needed, zero);
        let plane = to.height * to.width * to.channels;
        let input = &self.input[pictures.start * from.elements()..];
        let pictures = input.chunks_exact(from.elements()).take(pictures.len());
        for (picture, copy) in pictures.zip(copies.chunks_exact_mut(to.elements())) {
            let (front, rest) = copy.split_at_mut(padding.front * plane);
            let (middle, back) = rest.split_at_mut(from.depth * plane);
            front.fill(zero);
            back.fill(zero);
            let planes = picture.chunks_exact(from.elements() / from.depth);
            // Not a closure, which would be compiled without the vector unit.
            for (from, to) in planes.zip(middle.chunks_exact_mut(plane)) {
                self.copy_plane(from, to);
            }
        }
    }

    /// Copies a plane with padding around it.
    #[inline(always)]
    fn copy_plane<A: Copy + Default + From<u8>>(&self, plane: &[u8], copy: &mut [A]) {
        let zero = A::from(self.job.zero_point);
        let padding = self.job.filters.window.padding;
        let line = self.shape.width * self.shape.channels;
        let before = padding.left * self.shape.channels;
        let width = self.job.filters.input.width * self.job.filters.input.channels;
        let (top, rest) = copy.split_at_mut(padding.top * line);
        let (middle, bottom) = rest.split_at_mut(self.job.filters.input.height * line);
        top.fill(zero);
        bottom.fill(zero);
        for (from, to) in plane.chunks_exact(width).zip(middle.chunks_exact_mut(line)) {
            let (left, rest) = to.split_at_mut(before);
            let (inside, right) = rest.split_at_mut(width);
            left.fill(zero);
            right.fill(zero);
            convert(from, inside);
        }
    }

    /// Packs the rows that start at `offsets` of `copies`, one after the other.
    #[inline(always)]
    fn pack<A: Copy + Default>(
        &self,
        copies: &[A],
        offsets: &[u32],
        pieces: &[u32],
        packed: &mut Aligned<A>,
    ) {
        let needed = offsets.len() * self.row_entries + SHORT_RUN;
        packed.grow(needed, A::default());
        for (row, &offset) in offsets.iter().enumerate() {
            // Entries after the last piece meet zero weights, so any value will do.
            let to = &mut packed[row * self.row_entries..];
            for (i, &piece) in pieces.iter().enumerate() {
                let from = &copies[(offset + piece) as usize..];
                let to = &mut to[i * self.run..];
                if self.run <= SHORT_RUN {
                    // The next piece or row overwrites the excess.
                    to[..SHORT_RUN].copy_from_slice(&from[..SHORT_RUN]);
                } else {
                    to[..self.run].copy_from_slice(&from[..self.run]);
                }
            }
        }
    }

    /// Converts the rows that consist of one piece, at offset `piece` of the rows that start at
    /// `offsets` of the input.
    #[inline(always)]
    fn convert_rows<A: Copy + Default + From<u8>>(
        &self,
        offsets: &[u32],
        piece: u32,
        converted: &mut Aligned<A>,
    ) {
        converted.grow(offsets.len() * self.row_entries, A::default());
        let rows = converted.chunks_exact_mut(self.row_entries);
        for (&offset, row) in offsets.iter().zip(rows) {
            let from = &self.input[offset as usize + piece as usize..][..self.run];
            // Entries after the piece meet zero weights, so any value will do.
            convert(from, &mut row[..self.run]);
        }
    }
}

/// Shorter runs are copied as if they had this length. There is room for that after copies and
/// packed rows.
const SHORT_RUN: usize = 32;

/// Grows `memory` to at least `count` entries. Never shrinks it.
pub(super) fn grow<T: Copy>(memory: &mut Vec<T>, count: usize, empty: T) {
    if memory.len() < count {
        memory.resize(count, empty);
    }
}

/// Copies a run without calling `memcpy`, which would cost more than copying most runs: whole
/// blocks, and a last one that overlaps the one before it.
#[inline(always)]
fn convert<A: Copy + From<u8>>(from: &[u8], to: &mut [A]) {
    #[inline(always)]
    fn blocks<const N: usize, A: Copy + From<u8>>(from: &[u8], to: &mut [A]) {
        for (from, to) in from.as_chunks::<N>().0.iter().zip(to.as_chunks_mut::<N>().0) {
            *to = from.map(A::from);
        }
        if let (Some(from), Some(to)) = (from.last_chunk::<N>(), to.last_chunk_mut::<N>()) {
            *to = from.map(A::from);
        }
    }
    match from.len() {
        64.. => blocks::<64, A>(from, to),
        16.. => blocks::<16, A>(from, to),
        4.. => blocks::<4, A>(from, to),
        _ => from.iter().zip(to).for_each(|(&from, to)| *to = from.into()),
    }
}
