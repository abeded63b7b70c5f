//! Work that is compiled once for each instruction set.

use crate::chacha::{ChaCha8, Group};
use crate::head::map::MapSums;
use crate::ops::Job;
use crate::posterior::Draw;

/// Work to compile for an instruction set. Unlike a closure, it can be marked `#[inline(always)]`;
/// code that is not inlined into the function that enables the instruction set is compiled without
/// it, and with [`Lanes`](super::Lanes) it would call a function for every instruction.
pub trait Task {
    /// What [`Self::run`] returns.
    type Output;

    /// Does the work. Implementations are marked `#[inline(always)]`.
    fn run(self) -> Self::Output;
}

/// A short loop without [`Lanes`](super::Lanes), which compilers vectorize themselves.
pub(super) struct Loop<F>(pub(super) F);

impl<R, F: FnOnce() -> R> Task for Loop<F> {
    type Output = R;

    #[inline(always)]
    fn run(self) -> R {
        (self.0)()
    }
}

/// The loop over codes of an operation.
pub(super) struct Codes<'j, 'o, G, F> {
    pub(super) job: &'j Job,
    pub(super) draw: Draw,
    pub(super) groups: G,
    pub(super) input: F,
    pub(super) output: &'o mut [u8],
}

impl<'a, G, F> Task for Codes<'_, '_, G, F>
where
    G: Fn(ChaCha8, u64, &mut [Group]),
    F: Fn(usize) -> &'a [u8],
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.job.run(self.draw, self.groups, self.input, self.output);
    }
}

/// The addition of a sample to the sums of a map.
pub(super) struct Mapping<'a> {
    pub(super) sums: &'a mut MapSums,
    pub(super) numbers: &'a [f32],
}

impl Task for Mapping<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.sums.add(self.numbers);
    }
}
