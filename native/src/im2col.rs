//! Rows of the activation matrix: what one output position of a convolution sees, in the order
//! `[KH][KW][I / groups]` of the weights.

use bayes8_core::backend::Convolution;

/// The activation matrix of a convolution over a batch, never made as a whole.
pub(crate) struct Rows<'a> {
    job: &'a Convolution,
    input: &'a [u8],
    depth: usize,
    count: usize,
}

impl<'a> Rows<'a> {
    /// The rows of `job` over `input`; their depth is padded to a multiple of `step`.
    pub(crate) fn new(job: &'a Convolution, step: usize, input: &'a [u8]) -> Self {
        let depth = job.window.taps() * (job.input.channels / job.groups);
        let pictures = input.len() / job.input.elements();
        Self {
            job,
            input,
            depth: depth.next_multiple_of(step),
            count: pictures * job.output.spatial(),
        }
    }

    /// Entries of a row.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Number of rows: output positions of all pictures.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether the input itself is the matrix: a 1x1 convolution of stride 1.
    pub(crate) fn are_contiguous(&self) -> bool {
        let job = self.job;
        job.groups == 1
            && job.window.taps() == 1
            && job.output.spatial() == job.input.spatial()
            && job.input.channels == self.depth
    }

    /// Packs rows `first..first + count` of one group.
    #[inline(always)]
    pub(crate) fn pack<A: Copy + From<u8>>(
        &self,
        group: usize,
        first: usize,
        count: usize,
        packed: &mut Vec<A>,
    ) {
        let zero = A::from(self.job.zero_point);
        // Only grows: what it holds is overwritten.
        if packed.len() < count * self.depth {
            packed.resize(count * self.depth, zero);
        }
        let spatial = self.job.output.spatial();
        for (i, row) in packed.chunks_exact_mut(self.depth).take(count).enumerate() {
            let (picture, position) = ((first + i) / spatial, (first + i) % spatial);
            let width = self.job.output.width;
            self.pack_row(group, picture, [position / width, position % width], zero, row);
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
                copy(&line[left * channels..][..run], packed);
                continue;
            }
            for (kw, packed) in packed.chunks_exact_mut(channels).enumerate() {
                let x = left.wrapping_add(kw * window.dilation[1]);
                if x < shape.width {
                    copy(&line[x * shape.channels + group * channels..][..channels], packed);
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
fn copy<A: Copy + From<u8>>(from: &[u8], to: &mut [A]) {
    let (from_blocks, from_rest) = from.as_chunks::<16>();
    let (to_blocks, to_rest) = to.as_chunks_mut::<16>();
    for (from, to) in from_blocks.iter().zip(to_blocks) {
        *to = from.map(A::from);
    }
    for (&from, to) in from_rest.iter().zip(to_rest) {
        *to = from.into();
    }
}
