//! The state of a thread during a convolution.

use super::configuration::Configuration;
use super::tiles::Sums;
use std::cell::Cell;
use std::mem::take;

/// The tiles of a thread during a convolution: their configuration, and sums in memory. Proof that
/// AMX instructions are executable.
pub(crate) struct Session {
    configuration: Configuration,
    /// Two sums for tiles that are being finished, then one per tile if the rows of a block are
    /// multiplied in parts.
    sums: Vec<Sums>,
}

thread_local! {
    /// The memory of the last session, so that predictions in a steady state allocate none.
    static SUMS: Cell<Vec<Sums>> = const { Cell::new(Vec::new()) };
}

impl Session {
    /// Starts a session on this thread, without a loaded configuration.
    ///
    /// # Safety
    /// AMX instructions must be executable in this process: by the processor or by a handler.
    pub(super) unsafe fn new() -> Self {
        Self { configuration: Configuration::new(), sums: SUMS.take() }
    }

    /// Configures the tiles for A tiles of these numbers of rows, `1..=16` and `0..=16`.
    pub(super) fn configure(&mut self, rows: [usize; 2]) {
        // SAFETY: by the contract of `new`.
        unsafe { self.configuration.load(rows) };
    }

    /// Returns memory for at least `count` sums.
    pub(super) fn sums(&mut self, count: usize) -> &mut [Sums] {
        if self.sums.len() < count {
            self.sums.resize(count, Sums::ZERO);
        }
        &mut self.sums
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // If the thread-local memory is gone already, the sums are freed.
        let sums = take(&mut self.sums);
        let _ = SUMS.try_with(|kept| kept.set(sums));
    }
}
