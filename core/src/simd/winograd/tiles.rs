//! Transforms tiles of inputs.

use super::{Bands, ENTRIES, first_position};
use crate::simd::lanes::DotPairs;
use crate::simd::{Kernel, PANEL};
use alloc::vec::Vec;
use core::ops::Range;

/// The outputs of a tile.
#[derive(Clone, Copy)]
pub(super) struct Outputs {
    /// Row of the output that is the first position.
    pub(super) first: usize,
    /// Whether the positions below exist, and those to the right.
    pub(super) has_below: bool,
    pub(super) has_right: bool,
}

/// Tiles of one band that are transformed together.
struct Span {
    band: usize,
    /// Columns of tiles.
    columns: Range<usize>,
}

impl<K: Kernel> Bands<'_, K> {
    /// Returns the number of tiles in a band.
    pub(super) fn tiles_per_band(&self) -> usize {
        self.job.output.width.div_ceil(2)
    }

    /// Transforms tiles, numbered from the first band on, to `[16][tiles][channels]`, and pushes where
    /// their outputs go. `lines` is working memory of [`Self::line_entries`] entries.
    #[inline(always)]
    pub(super) fn transform<D: DotPairs<P>, const P: usize>(
        &self,
        set: D,
        tiles: Range<usize>,
        lines: &mut [i16],
        transformed: &mut [i16],
        outputs: &mut Vec<Outputs>,
    ) {
        let (shape, per_band) = (self.job.output, self.tiles_per_band());
        let begin = first_position(self.job, self.bands.start);
        outputs.clear();
        let mut next = tiles.start;
        while next < tiles.end {
            let column = next % per_band;
            let columns = column..per_band.min(column + tiles.end - next);
            let span = Span { band: self.bands.start + next / per_band, columns };
            let first = first_position(self.job, span.band) - begin;
            let has_below =
                first_position(self.job, span.band) / shape.width % shape.height + 1 < shape.height;
            outputs.extend(span.columns.clone().map(|column| Outputs {
                first: first + 2 * column,
                has_below,
                has_right: 2 * column + 1 < shape.width,
            }));
            next += span.columns.len();
            let at = next - span.columns.len() - tiles.start;
            self.transform_lines(set, &span, lines);
            self.transform_columns(set, &span, lines, at, tiles.len(), transformed);
        }
    }

    fn channels(&self) -> usize {
        self.job.filters.input.channels / self.job.filters.groups
    }

    /// Returns the entries of the transformed lines of a whole band.
    pub(super) fn line_entries(&self) -> usize {
        4 * (2 * self.tiles_per_band() + 2) * self.channels()
    }

    /// Computes `B' d` of the four lines that the tiles see, to `[4][columns][channels]`.
    #[inline(always)]
    fn transform_lines<D: DotPairs<P>, const P: usize>(
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
            for first in (0..channels).step_by(D::WORDS) {
                let mut words = [zero; 4];
                for (words, input) in words.iter_mut().zip(inputs) {
                    if from < input.len() {
                        *words = set.widen_codes(&input[from + first..]);
                    }
                }
                let [p, q, r, s] = words;
                let at = column * channels + first;
                set.store_words(&mut a[at..], set.subtract_words(p, r));
                set.store_words(&mut b[at..], set.add_words(q, r));
                set.store_words(&mut c[at..], set.subtract_words(r, q));
                set.store_words(&mut d[at..], set.subtract_words(q, s));
            }
        }
    }

    /// Computes `(B' d) B` from transformed lines, for the tiles from number `at` on of `tiles`.
    #[inline(always)]
    fn transform_columns<D: DotPairs<P>, const P: usize>(
        &self,
        set: D,
        span: &Span,
        lines: &mut [i16],
        at: usize,
        tiles: usize,
        transformed: &mut [i16],
    ) {
        let channels = self.channels();
        let length = (2 * span.columns.len() + 2) * channels;
        let entries = tiles * channels;
        for (line, to) in
            four(lines, length).into_iter().zip(transformed.chunks_exact_mut(ENTRIES / 4 * entries))
        {
            let [a, b, c, d] = four(to, entries);
            for tile in 0..span.columns.len() {
                let from = &line[2 * tile * channels..][..4 * channels];
                let to = (at + tile) * channels;
                let a = &mut a[to..][..channels];
                let b = &mut b[to..][..channels];
                let c = &mut c[to..][..channels];
                let d = &mut d[to..][..channels];
                for first in (0..channels).step_by(D::WORDS) {
                    let p = set.load_words(&from[first..]);
                    let q = set.load_words(&from[channels + first..]);
                    let r = set.load_words(&from[2 * channels + first..]);
                    let s = set.load_words(&from[3 * channels + first..]);
                    set.store_words(&mut a[first..], set.subtract_words(p, r));
                    set.store_words(&mut b[first..], set.add_words(q, r));
                    set.store_words(&mut c[first..], set.subtract_words(r, q));
                    set.store_words(&mut d[first..], set.subtract_words(q, s));
                }
            }
        }
    }
}

/// Splits four parts of `length` entries off the start of `entries`.
#[inline(always)]
fn four(entries: &mut [i16], length: usize) -> [&mut [i16]; 4] {
    let (a, rest) = entries.split_at_mut(length);
    let (b, rest) = rest.split_at_mut(length);
    let (c, rest) = rest.split_at_mut(length);
    [a, b, c, &mut rest[..length]]
}
