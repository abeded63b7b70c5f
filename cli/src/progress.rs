//! A progress bar for work that takes longer than a second.

use crate::output::warn;
use bayes8_evaluate::Progress as Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// The current bar, if any: at most one at a time.
static CURRENT: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// A bar on standard error that appears after a second and leaves no trace. Nothing is shown if
/// standard error is not a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Dropped to prevent the bar from appearing.
    finished: Option<Sender<()>>,
    waiter: Option<JoinHandle<()>>,
}

impl Progress {
    /// A bar for `total` pieces of work.
    pub(crate) fn new(task: &'static str, total: u64) -> Self {
        Self::with(task, Some(total), "{spinner} {msg} {wide_bar} {percent:>3} %, {eta} left")
    }

    /// A bar for work whose pieces are too different to count: it shows activity and the time.
    fn uncounted(task: &'static str) -> Self {
        Self::with(task, None, "{spinner} {msg}, {elapsed} so far")
    }

    fn with(task: &'static str, total: Option<u64>, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(task);
        let (finished, wait) = channel();
        let shown = bar.clone();
        let waiter = spawn(move || {
            if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(200));
            }
        });
        set_current(Some(bar.clone()));
        Self { bar, finished: Some(finished), waiter: Some(waiter) }
    }

    /// Counts finished pieces.
    pub(crate) fn advance(&self, pieces: u64) {
        self.bar.inc(pieces);
    }
}

/// Shows the events of the libraries: one bar after another, and warnings.
pub(crate) fn shown() -> impl FnMut(Event) {
    let mut bar = None;
    move |event| match (event, &bar) {
        (Event::Begin { task, total: Some(total) }, _) => bar = Some(Progress::new(task, total)),
        (Event::Begin { task, total: None }, _) => bar = Some(Progress::uncounted(task)),
        (Event::Advance(pieces), Some(bar)) => bar.advance(pieces),
        (Event::Warning(message), _) => warn(&message),
        (Event::End, _) => bar = None,
        _ => {}
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.finished.take());
        if let Some(waiter) = self.waiter.take() {
            // The thread cannot panic.
            let _ = waiter.join();
        }
        self.bar.finish_and_clear();
        set_current(None);
    }
}

fn set_current(bar: Option<ProgressBar>) {
    *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Removes the bar from the terminal before the program is interrupted.
#[cfg(unix)]
pub(crate) fn clear() {
    let current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner).take();
    current.iter().for_each(ProgressBar::finish_and_clear);
}
