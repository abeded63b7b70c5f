//! What a thread holds during a convolution.

use super::configuration::Configuration;
use super::tiles::Sums;
use std::cell::Cell;
use std::mem::take;

/// Tiles of a thread during a convolution: their configuration and sums on their way. Proof that AMX
/// instructions are executable.
pub(crate) struct Session {
    configuration: Configuration,
    /// Two that are being finished, then one for each tile of a block whose rows are cut.
    sums: Vec<Sums>,
}

thread_local! {
    /// The memory of the last session, so that predictions in a steady state take none.
    static SUMS: Cell<Vec<Sums>> = const { Cell::new(Vec::new()) };
}

impl Session {
    /// Begins on this thread, with no configuration loaded.
    ///
    /// # Safety
    /// AMX instructions must be executable in this process: by the processor or by a handler.
    pub(super) unsafe fn new() -> Self {
        Self { configuration: Configuration::new(), sums: SUMS.take() }
    }

    /// Configures the tiles for A tiles of these rows, `1..=16` and `0..=16`.
    pub(super) fn configure(&mut self, rows: [usize; 2]) {
        // SAFETY: by the contract of `new`.
        unsafe { self.configuration.load(rows) };
    }

    /// Memory for `count` sums or more.
    pub(super) fn sums(&mut self, count: usize) -> &mut [Sums] {
        if self.sums.len() < count {
            self.sums.resize(count, Sums::ZERO);
        }
        &mut self.sums
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Freed with the thread's other memory where that is gone already.
        let sums = take(&mut self.sums);
        let _ = SUMS.try_with(|kept| kept.set(sums));
    }
}
