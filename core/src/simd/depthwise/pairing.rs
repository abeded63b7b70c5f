//! Input lines with two taps per lane, in a form that all windows share.
//!
//! Entry `i` of a line holds 16 channels at the first column of window `i`, and the same channels one
//! tap further on. A window of K columns reads `ceil(K / 2)` entries per line, which start its own and
//! later windows. Lines are made once for all windows above and below that see them.

use super::memory::DepthwiseMemory;
use crate::convolution::Convolution;
use crate::geometry::WindowAxis;
use crate::simd::PANEL;
use crate::simd::lanes::{DotPairs, Lanes};

/// The most bytes of lines: half of a small second-level cache.
const MOST_BYTES: usize = 256 << 10;

/// A line that holds no input line yet.
const NOTHING: usize = usize::MAX;

/// How the lines of a convolution are paired.
pub(super) struct Pairing<'a> {
    job: &'a Convolution,
    axes: [WindowAxis; 3],
    /// Entries of a line.
    entries: usize,
    /// Numbers of planes and rows whose lines are kept: those that a window spans.
    kept: [usize; 2],
}

impl<'a> Pairing<'a> {
    /// Returns how `job` is paired, or `None` if the pairs of a window do not lie at the starts of
    /// windows, or lines would take too much memory.
    pub(super) fn new(job: &'a Convolution) -> Option<Self> {
        let axes = job.filters.window.axes();
        let [planes, rows, columns] = axes;
        let between_pairs = columns.dilation.checked_mul(2)?;
        let last_pair = (columns.kernel.div_ceil(2) - 1).checked_mul(between_pairs)?;
        if !between_pairs.is_multiple_of(columns.stride) {
            return None;
        }
        let entries = job.output.width + last_pair / columns.stride;
        let kept = [planes, rows].map(|axis| axis.reach() + 1);
        let lines = kept[0].checked_mul(kept[1])?.checked_add(1)?;
        let bytes = lines.checked_mul(entries)?.checked_mul(size_of::<[i16; 32]>())?;
        (bytes <= MOST_BYTES).then_some(Self { job, axes, entries, kept })
    }

    /// Returns the number of pairs of taps in a line of a window.
    pub(super) fn pairs(&self) -> usize {
        self.axes[2].kernel.div_ceil(2)
    }

    /// Returns the number of lines that a window sees.
    pub(super) fn window_lines(&self) -> usize {
        self.axes[0].kernel * self.axes[1].kernel
    }

    /// Returns the number of entries between the pairs of a window.
    pub(super) fn between_pairs(&self) -> usize {
        2 * self.axes[2].dilation / self.axes[2].stride
    }

    /// Takes memory, and makes the line of the zero point, which stands for all lines outside of
    /// the picture.
    #[inline(always)]
    pub(super) fn prepare<D: DotPairs<P>, const P: usize>(
        &self,
        set: D,
        memory: &mut DepthwiseMemory,
    ) {
        let kept = self.kept[0] * self.kept[1];
        memory.lines.grow((kept + 1) * self.entries, [0; 32]);
        memory.held.clear();
        memory.held.resize(kept, NOTHING);
        memory.seen.clear();
        memory.seen.resize(self.window_lines(), 0);
        let outside = [self.job.zero_point; PANEL];
        let outside = set.pair_codes(&outside, &outside);
        for entry in &mut memory.lines[kept * self.entries..][..self.entries] {
            set.lanes().store(entry, outside);
        }
    }

    /// Pairs the lines that the windows of output line `line` see, unless they are there already.
    #[inline(always)]
    pub(super) fn provide<D: DotPairs<P>, const P: usize>(
        &self,
        set: D,
        (picture, first_channel): (&[u8], usize),
        line: usize,
        memory: &mut DepthwiseMemory,
    ) {
        let (input, output) = (self.job.filters.input, self.job.output);
        let [planes, rows, _] = self.axes;
        let (plane, row) = (line / output.height, line % output.height);
        for kd in 0..planes.kernel {
            let z = planes.position(plane, kd, input.depth);
            for kh in 0..rows.kernel {
                let place = match (z, rows.position(row, kh, input.height)) {
                    (Some(z), Some(y)) => {
                        let place = z % self.kept[0] * self.kept[1] + y % self.kept[1];
                        let line = z * input.height + y;
                        if memory.held[place] != line {
                            memory.held[place] = line;
                            let line_codes = input.width * input.channels;
                            let codes = &picture[line * line_codes + first_channel..];
                            let to = &mut memory.lines[place * self.entries..][..self.entries];
                            self.pair(set, codes, to);
                        }
                        place
                    }
                    _ => self.kept[0] * self.kept[1],
                };
                memory.seen[kd * rows.kernel + kh] = place * self.entries;
            }
        }
    }

    /// Forgets all lines: the next ones are of another picture or of other channels.
    pub(super) fn forget(&self, memory: &mut DepthwiseMemory) {
        memory.held.fill(NOTHING);
    }

    /// Pairs a line, given the codes of the picture from its first pixel on.
    #[inline(always)]
    fn pair<D: DotPairs<P>, const P: usize>(&self, set: D, codes: &[u8], to: &mut [[i16; 32]]) {
        let columns = self.axes[2];
        let outside = [self.job.zero_point; PANEL];
        for (i, to) in to.iter_mut().enumerate() {
            let pixel = |column: usize| {
                // A wrapped difference is far beyond any input.
                let x = column.wrapping_sub(columns.before);
                if x >= self.job.filters.input.width {
                    return outside;
                }
                let rest = &codes[x * self.job.filters.input.channels..];
                match rest.first_chunk() {
                    Some(codes) => *codes,
                    // The last channels of the picture.
                    None => {
                        let mut codes = [0; PANEL];
                        codes[..rest.len()].copy_from_slice(rest);
                        codes
                    }
                }
            };
            let column = i * columns.stride;
            let pair = set.pair_codes(&pixel(column), &pixel(column + columns.dilation));
            set.lanes().store(to, pair);
        }
    }
}
