//! The caller's function that watches a prediction.

use std::ffi::{c_int, c_void};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

/// A function that a prediction calls after each weight sample, to report its progress and to ask
/// whether to go on.
///
/// `done` of `total` pictures times samples are done. `data` is the `progress_data` of the options.
/// Return 0 to go on. Any other value cancels the prediction, which returns
/// `BAYES8_STATUS_CANCELLED` as soon as the running samples are done.
///
/// Any thread of the prediction may make the call, but only one at a time: `done` grows from call to
/// call, and no call follows the one that cancels. A slow function slows the prediction down.
///
/// The function must return: leaving it by `longjmp` or by a C++ exception is undefined behavior. It
/// must not call bayes8.
pub type Progress = Option<unsafe extern "C" fn(data: *mut c_void, done: u64, total: u64) -> c_int>;

/// A prediction's [`Progress`] and how far that prediction is.
pub(crate) struct Watcher {
    function: unsafe extern "C" fn(*mut c_void, u64, u64) -> c_int,
    data: *mut c_void,
    total: u64,
    /// What is done; `None` after it was cancelled.
    done: Mutex<Option<u64>>,
}

// SAFETY: the contract of `Progress` says that any thread may call the function with `data`; the
// mutex lets one at a time do so.
unsafe impl Sync for Watcher {}

impl Watcher {
    /// # Safety
    /// As long as the watcher lives, `function`, if there is one, may be called with `data` from any
    /// thread, one at a time.
    pub(crate) unsafe fn new(function: Progress, data: *mut c_void, total: u64) -> Option<Self> {
        function.map(|function| Self { function, data, total, done: Mutex::new(Some(0)) })
    }

    /// Reports that a sample was run for `pictures` pictures.
    pub(crate) fn report(&self, pictures: usize) -> ControlFlow<()> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = *done else { return ControlFlow::Break(()) };
        let now = before + pictures as u64;
        // SAFETY: the contract of `new`; the lock is held.
        let go_on = unsafe { (self.function)(self.data, now, self.total) } == 0;
        *done = go_on.then_some(now);
        if go_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}
