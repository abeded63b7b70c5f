//! Leaving nothing behind when a signal ends the program.
//!
//! A thread waits for Ctrl-C and its kin, removes the hidden files of unfinished output, clears the
//! progress bar, and lets the signal do what it does by default: so whoever started the program sees
//! which signal ended it, and a shell the exit code 128 + its number.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Every hidden file of this process, gone or not.
static HIDDEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Does what a signal must wait for, with the list of hidden files.
pub(crate) fn delayed<T>(work: impl FnOnce(&mut Vec<PathBuf>) -> T) -> T {
    work(&mut HIDDEN.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(unix)]
pub(crate) use unix::watch;

/// Nothing to wait for: on other systems files may be left behind.
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

    /// Starts to wait for signals, once per process.
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
            // The second one does not wait for a terminal that stands still.
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
        // No more files are made or named from here on.
        delayed(|hidden| {
            for path in hidden {
                // Most have their final name, or were abandoned.
                let _ = fs::remove_file(path);
            }
            cleaned.store(true, Ordering::SeqCst);
            progress::clear();
            if std::process::id() == 1 {
                // The first process of a container is spared what signals do by default.
                low_level::exit(128 + signal);
            }
            let _ = low_level::emulate_default_handler(signal);
        });
    }

    /// The signals that whoever started this program wants it to ignore, as `nohup` does: bit N - 1
    /// for signal N. Where the system does not tell, that may be a hangup.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(1 << (SIGHUP - 1))
    }
}
