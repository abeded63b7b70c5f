//! Transforms tiles of inputs.

use super::{ENTRIES, first_position};
use crate::convolution::Convolution;
use crate::graph::Shape;
use crate::simd::lanes::DotPairs;
use crate::simd::task::Task;
use crate::simd::{PANEL, Tiles};
use core::ops::Range;

/// Transforms tiles ([`super::Winograd::transform`]).
pub(in crate::simd) struct Transform<'a, D, const P: usize> {
    pub(in crate::simd) set: D,
    pub(in crate::simd) tiles: &'a Tiles<'a>,
    pub(in crate::simd) lines: &'a mut [i16],
    pub(in crate::simd) transformed: &'a mut [i16],
}

impl<D: DotPairs<P>, const P: usize> Task for Transform<'_, D, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { set, tiles, lines, transformed } = self;
        let (count, per_band) = (tiles.tiles.len(), tiles.per_band());
        let mut done = 0;
        while done < count {
            let tile = tiles.tiles.start + done;
            let column = tile % per_band;
            let columns = column..per_band.min(column + count - done);
            let span = Span { band: tiles.band + tile / per_band, columns };
            // `D::CHANNELS`, which cannot be the length of an array in generic code.
            if D::CHANNELS == 32 {
                tiles.transform_lines::<D, P, 32>(set, &span, lines);
                tiles.transform_columns::<D, P, 32>(set, &span, lines, done, transformed);
            } else {
                tiles.transform_lines::<D, P, 16>(set, &span, lines);
                tiles.transform_columns::<D, P, 16>(set, &span, lines, done, transformed);
            }
            done += span.columns.len();
        }
    }
}

/// Tiles of one band that are transformed together.
struct Span {
    band: usize,
    /// Columns of tiles.
    columns: Range<usize>,
}

/// The outputs of a tile.
#[derive(Clone, Copy)]
pub(super) struct Outputs {
    /// Row of the output that is the first position.
    pub(super) first: usize,
    /// Whether the positions below exist, and those to the right.
    pub(super) has_below: bool,
    pub(super) has_right: bool,
}

/// Where the outputs of successive tiles go.
pub(super) struct Places {
    width: usize,
    height: usize,
    /// First row of the output that belongs to the band of the next tile, and its line in the picture.
    first: usize,
    line: usize,
    column: usize,
}

impl Places {
    /// Returns where the outputs of the next tile go.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Outputs {
        let outputs = Outputs {
            first: self.first + self.column,
            has_below: self.line + 1 < self.height,
            has_right: self.column + 1 < self.width,
        };
        self.column += 2;
        if self.column >= self.width {
            self.column = 0;
            self.first += self.width * (1 + usize::from(outputs.has_below));
            self.line += 2;
            if self.line >= self.height {
                self.line = 0;
            }
        }
        outputs
    }
}

impl<'a> Tiles<'a> {
    /// Returns all tiles of some bands, with the channels of a group from `channel` on.
    pub(in crate::simd) fn of_bands(
        job: &'a Convolution,
        input: &'a [u8],
        bands: Range<usize>,
        channel: usize,
    ) -> Self {
        let tiles = 0..bands.len() * job.output.width.div_ceil(2);
        Self { job, input, band: bands.start, tiles, channel }
    }

    /// Returns the number of tiles in a band.
    pub(super) fn per_band(&self) -> usize {
        self.job.output.width.div_ceil(2)
    }

    /// Returns where the outputs of these tiles go, in rows of the output from the band of tile 0 on.
    pub(super) fn places(&self) -> Places {
        let Shape { height, width, .. } = self.job.output;
        let first = first_position(self.job, self.band);
        let tile = self.tiles.start;
        let position = first_position(self.job, self.band + tile / self.per_band());
        Places {
            width,
            height,
            first: position - first,
            line: position / width % height,
            column: 2 * (tile % self.per_band()),
        }
    }

    /// Returns the number of input channels in the group.
    pub(super) fn channels(&self) -> usize {
        self.job.filters.input.channels / self.job.filters.groups
    }

    /// Returns the entries of the transformed lines of a whole band.
    pub fn line_entries(&self) -> usize {
        4 * (2 * self.per_band() + 2) * self.channels()
    }

    /// Computes `B' d` of the four lines that the tiles see, to `[4][columns][channels]`, `C`
    /// channels at a time.
    #[inline(always)]
    fn transform_lines<D: DotPairs<P>, const P: usize, const C: usize>(
        &self,
        set: D,
        span: &Span,
        lines: &mut [i16],
    ) {
        let (job, channels) = (self.job, self.channels());
        let (shape, padding) = (job.filters.input, job.filters.window.padding);
        let count = 2 * span.columns.len() + 2;
        let per_picture = job.output.height.div_ceil(2);
        let (picture, line) = (span.band / per_picture, 2 * (span.band % per_picture));
        let zero = set.widen_codes(&[job.zero_point; 2 * PANEL]);
        // Empty above and below the picture.
        let mut inputs: [&[u8]; 4] = [&[]; 4];
        for (i, input) in inputs.iter_mut().enumerate() {
            // A wrapped difference is far beyond any input.
            let y = (line + i).wrapping_sub(padding.top);
            if y < shape.height {
                let pixel = (picture * shape.height + y) * shape.width;
                *input = &self.input[pixel * shape.channels..][..shape.width * shape.channels];
            }
        }
        let [a, b, c, d] = four(lines, count * channels);
        for column in 0..count {
            let x = (2 * span.columns.start + column).wrapping_sub(padding.left);
            let from = if x < shape.width { x * shape.channels + self.channel } else { usize::MAX };
            // Empty to the left and to the right of the picture.
            let pixels = inputs.map(|input| match from < input.len() {
                true => input[from..][..channels].as_chunks::<C>().0,
                false => &[],
            });
            let [a, b, c, d] =
                [&mut *a, &mut *b, &mut *c, &mut *d].map(|line| pixel::<C>(line, column, channels));
            for i in 0..a.len() {
                for first in (0..C).step_by(D::WORDS) {
                    let mut words = [zero; 4];
                    for (words, pixel) in words.iter_mut().zip(pixels) {
                        if let Some(codes) = pixel.get(i) {
                            *words = set.widen_codes(&codes[first..]);
                        }
                    }
                    let [p, q, r, s] = words;
                    set.store_words(&mut a[i][first..], set.subtract_words(p, r));
                    set.store_words(&mut b[i][first..], set.add_words(q, r));
                    set.store_words(&mut c[i][first..], set.subtract_words(r, q));
                    set.store_words(&mut d[i][first..], set.subtract_words(q, s));
                }
            }
        }
    }

    /// Computes `(B' d) B` from transformed lines, for the tiles from the `at`th on, `C`
    /// channels at a time.
    #[inline(always)]
    fn transform_columns<D: DotPairs<P>, const P: usize, const C: usize>(
        &self,
        set: D,
        span: &Span,
        lines: &mut [i16],
        at: usize,
        transformed: &mut [i16],
    ) {
        let channels = self.channels();
        let length = (2 * span.columns.len() + 2) * channels;
        let entries = self.tiles.len() * channels;
        for (line, to) in
            four(lines, length).into_iter().zip(transformed.chunks_exact_mut(ENTRIES / 4 * entries))
        {
            let [a, b, c, d] = four(to, entries);
            for tile in 0..span.columns.len() {
                let [p, q, r, s] = [0, 1, 2, 3].map(|column| {
                    let from = (2 * tile + column) * channels;
                    line[from..][..channels].as_chunks::<C>().0
                });
                let [a, b, c, d] = [&mut *a, &mut *b, &mut *c, &mut *d]
                    .map(|to| pixel::<C>(to, at + tile, channels));
                for i in 0..a.len() {
                    for first in (0..C).step_by(D::WORDS) {
                        let (p, q) =
                            (set.load_words(&p[i][first..]), set.load_words(&q[i][first..]));
                        let (r, s) =
                            (set.load_words(&r[i][first..]), set.load_words(&s[i][first..]));
                        set.store_words(&mut a[i][first..], set.subtract_words(p, r));
                        set.store_words(&mut b[i][first..], set.add_words(q, r));
                        set.store_words(&mut c[i][first..], set.subtract_words(r, q));
                        set.store_words(&mut d[i][first..], set.subtract_words(q, s));
                    }
                }
            }
        }
    }
}

/// Returns the entries of pixel or tile number `index`, each with `channels` channels, `C` at a time.
#[inline(always)]
fn pixel<const C: usize>(entries: &mut [i16], index: usize, channels: usize) -> &mut [[i16; C]] {
    entries[index * channels..][..channels].as_chunks_mut().0
}

/// Splits four parts of `length` entries off the start of `entries`.
#[inline(always)]
fn four(entries: &mut [i16], length: usize) -> [&mut [i16]; 4] {
    let (a, rest) = entries.split_at_mut(length);
    let (b, rest) = rest.split_at_mut(length);
    let (c, rest) = rest.split_at_mut(length);
    [a, b, c, &mut rest[..length]]
}
