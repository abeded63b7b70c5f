//! A tile whose sums are in memory while the multiplier is busy with the next tile.

use super::tiles::{BLOCK_CHANNELS, Sums};
use crate::kernels::avx512vnni::epilogue::Epilogue;
use std::arch::x86_64::__m512i;
use std::ffi::c_void;
use std::ops::Range;

/// A tile whose epilogue is in progress.
pub(super) struct Pending<E> {
    pub(super) sums: *const Sums,
    /// Row of the output that the first row of the sums belongs to.
    pub(super) first: usize,
    /// Rows of the output that are still to be written.
    pub(super) rows: Range<usize>,
    /// Number of rows to write at a time, even.
    pub(super) at_a_time: usize,
    /// First panel of the block that the sums belong to.
    pub(super) panel: usize,
    /// Number of panels that the sums belong to, one or two.
    pub(super) panels: usize,
    /// The epilogue of the whole block.
    pub(super) epilogue: E,
}

impl<E> Pending<E> {
    /// Takes the next rows.
    pub(super) fn take(&mut self) -> Range<usize> {
        let rows = self.rows.start..(self.rows.start + self.at_a_time).min(self.rows.end);
        self.rows.start = rows.end;
        rows
    }
}

/// Writes the next rows of a [`Pending`] tile of `P` panels.
///
/// # Safety
/// The processor must have the features named. `context` must be a `Pending<Epilogue>` that nothing
/// else uses meanwhile, of `P` panels, with sums for its rows and an output that `Block::check` has
/// passed and that has these.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe extern "sysv64" fn write_rows<const P: usize>(context: *mut c_void) {
    // SAFETY: by the contract.
    let pending = unsafe { &mut *context.cast::<Pending<Epilogue<'_, '_>>>() };
    let rows = pending.take();
    if rows.is_empty() {
        return;
    }
    let sums = pending.sums.cast::<[i32; BLOCK_CHANNELS]>().wrapping_sub(pending.first);
    // SAFETY: row `first` of the output is the first of `sums`, which holds `rows`; a row of `sums`
    // has room for `P` panels. The rest is the contract.
    unsafe {
        let load = |row: usize| sums.wrapping_add(row).cast::<[__m512i; P]>().read_unaligned();
        pending.epilogue.write(rows, pending.panel, load);
    }
}
