//! Cleans up when a signal ends the program.
//!
//! A thread waits for Ctrl-C and similar signals, removes the hidden files of unfinished output, clears
//! the progress bar, and lets the signal do what it does by default. Whoever started the program sees
//! which signal ended it, and a shell sees the exit code 128 + its number.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Every hidden file of this process, whether or not it still exists.
static HIDDEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Does work that a signal must wait for, with the list of hidden files.
pub(crate) fn delayed<T>(work: impl FnOnce(&mut Vec<PathBuf>) -> T) -> T {
    work(&mut HIDDEN.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(unix)]
pub(crate) use unix::watch;

/// Does nothing: on other systems, unfinished files may remain.
#[cfg(not(unix))]
pub(crate) fn watch() -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
mod unix {
    use super::delayed;
    use crate::progress;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::{flag, low_level};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::{fs, io, thread};

    /// Starts to wait for signals; once per process.
    ///
    /// # Errors
    /// When the system refuses a handler or a thread.
    pub(crate) fn watch() -> io::Result<()> {
        // A file that outgrows its limit is an error of the write, not the end of the program.
        flag::register(SIGXFSZ, Arc::default())?;
        let ignored = ignored();
        let ends = [SIGINT, SIGTERM, SIGHUP].into_iter();
        let ends = ends.filter(|signal| ignored & 1 << (signal - 1) == 0);
        let cleaned = Arc::new(AtomicBool::new(false));
        for signal in ends.clone() {
            // A second signal does not wait for a stopped terminal.
            flag::register_conditional_default(signal, cleaned.clone())?;
        }
        let mut signals = Signals::new(ends)?;
        thread::Builder::new().spawn(move || {
            for signal in signals.forever() {
                end(signal, &cleaned);
            }
        })?;
        Ok(())
    }

    fn end(signal: i32, cleaned: &AtomicBool) {
        // From here on, no file is created or renamed.
        delayed(|hidden| {
            for path in hidden {
                // Most have their final name, or were abandoned.
                let _ = fs::remove_file(path);
            }
            cleaned.store(true, Ordering::SeqCst);
            progress::clear();
            if std::process::id() == 1 {
                // The first process of a container ignores what signals do by default.
                low_level::exit(128 + signal);
            }
            let _ = low_level::emulate_default_handler(signal);
        });
    }

    /// The signals that the starter of this program, such as `nohup`, wants it to ignore: bit N - 1 for
    /// signal N. If the system does not tell, this is assumed of a hangup.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(1 << (SIGHUP - 1))
    }
}
