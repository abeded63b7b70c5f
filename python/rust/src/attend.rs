//! Long work without the interpreter's lock, which Ctrl-C ends.

use bayes8::Pool;
use pyo3::prelude::*;
use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two looks at signals.
const TICK: Duration = Duration::from_millis(50);

/// What is done at every tick with the interpreter's lock: it may report progress.
type Tick<'a> = &'a (dyn Fn(Python<'_>) -> PyResult<()> + Sync);

/// Tells long work whether to go on.
pub(crate) struct Attendant<'a> {
    tick: Tick<'a>,
    /// When this thread last looked at signals; `None` if another thread does that.
    looked: Mutex<Option<Instant>>,
    stopped: AtomicBool,
    error: Mutex<Option<PyErr>>,
}

impl Attendant<'_> {
    /// Breaks if the work shall end. The work calls this now and then, from any of its threads.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if let Ok(mut looked) = self.looked.try_lock()
            && let Some(last) = &mut *looked
            && last.elapsed() >= TICK
        {
            self.look();
            *last = Instant::now();
        }
        match self.stopped.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Unwinds to [`attend`] if the work shall end, for work that cannot be told so.
    pub(crate) fn unwind_if_stopped(&self) {
        if self.flow().is_break() {
            resume_unwind(Box::new(Stopped));
        }
    }

    /// Looks at signals and reports progress. An exception stops the work.
    fn look(&self) {
        if let Err(error) = Python::attach(|py| py.check_signals().and_then(|()| (self.tick)(py))) {
            self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            self.stopped.store(true, Ordering::Relaxed);
        }
    }
}

/// What work unwinds with when it is stopped.
struct Stopped;

/// Does `work` on the threads of `pool`, or on this thread, and calls `tick` every now and then.
///
/// # Errors
/// The exception of a signal handler or of `tick`, which ends the work early.
///
/// # Panics
/// When `work` does.
pub(crate) fn attend<T: Send>(
    py: Python<'_>,
    pool: Option<&Pool>,
    tick: Tick<'_>,
    work: impl FnOnce(&Attendant<'_>) -> T + Send,
) -> PyResult<T> {
    let attendant = Attendant {
        tick,
        looked: Mutex::new(pool.is_none().then(Instant::now)),
        stopped: AtomicBool::new(false),
        error: Mutex::new(None),
    };
    let guarded = || catch_unwind(AssertUnwindSafe(|| work(&attendant)));
    let done = py.detach(|| match pool {
        None => guarded(),
        Some(pool) => elsewhere(pool, &attendant, guarded),
    });
    if let Some(error) = attendant.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    done.map(Ok).unwrap_or_else(|panic| resume_unwind(panic))
}

/// Does `work` on a thread of `pool`, while this one, which may be Python's main thread, looks at signals.
fn elsewhere<T: Send>(
    pool: &Pool,
    attendant: &Attendant<'_>,
    work: impl FnOnce() -> Result<T, Box<dyn Any + Send>> + Send,
) -> Result<T, Box<dyn Any + Send>> {
    let (sender, receiver) = channel();
    pool.in_place_scope(|scope| {
        // The receiver waits until this has happened.
        scope.spawn(move |_| drop(sender.send(work())));
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => attendant.look(),
                Err(RecvTimeoutError::Disconnected) => unreachable!("the work catches its panics"),
            }
        }
    })
}
