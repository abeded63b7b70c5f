//! A pool whose threads end before its drop returns.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::ops::Deref;
use std::thread::{self, JoinHandle};

/// A rayon thread pool whose threads have ended by the time its drop returns.
///
/// The threads of a [`rayon::ThreadPool`] may end later: a leak checker reports their memory, and a
/// dynamic library must not be unloaded while they run. A pool made [from](From) one keeps that
/// behavior. [`Threads::Pool`](crate::Threads::Pool) runs predictions on a pool.
///
/// # Examples
/// ```
/// use bayes8_native::{Model, ModelOptions, Pool, Threads};
/// use std::sync::Arc;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let pool = Arc::new(Pool::new(2)?);
/// let options = ModelOptions::new().threads(Threads::Pool(Arc::clone(&pool)));
/// let model = Model::load_with("models/mnist-cnn.safetensors", options)?;
/// assert_eq!(model.threads(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pool {
    /// `Some` until the drop.
    pool: Option<ThreadPool>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts a pool of `count` threads; 0 starts rayon's default number.
    ///
    /// # Errors
    /// When the system cannot start the threads.
    pub fn new(count: usize) -> Result<Self, ThreadPoolBuildError> {
        let mut threads = Vec::new();
        let builder = ThreadPoolBuilder::new().num_threads(count).spawn_handler(|thread| {
            threads.push(thread::Builder::new().spawn(|| thread.run())?);
            Ok(())
        });
        let pool = Some(builder.build()?);
        Ok(Self { pool, threads })
    }
}

impl From<ThreadPool> for Pool {
    /// Wraps a pool of the caller's. Its threads may still run when the drop returns.
    fn from(pool: ThreadPool) -> Self {
        Self { pool: Some(pool), threads: Vec::new() }
    }
}

impl Deref for Pool {
    type Target = ThreadPool;

    fn deref(&self) -> &ThreadPool {
        self.pool.as_ref().expect("it is there until the drop")
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // A thread of the pool cannot wait for itself: it ends after the drop.
        let is_own = self.current_thread_index().is_some();
        self.pool = None;
        if !is_own && !self.threads.is_empty() {
            self.threads.drain(..).for_each(join);
            join(thread::spawn(forget_ended_threads));
        }
    }
}

/// Waits for a thread to end. One that panicked has ended too.
fn join(thread: JoinHandle<()>) {
    drop(thread.join());
}

/// Frees the records that rayon's queues keep of ended threads. The records stay until another
/// thread has seen three epochs, which this one does here. A leak checker would report them, since
/// it does not recognize their tagged pointers.
fn forget_ended_threads() {
    for _ in 0..4 {
        crossbeam_epoch::pin().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    /// Counts the end of a thread, with a delay.
    struct Ends(Arc<AtomicUsize>);

    impl Drop for Ends {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(50));
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    thread_local! {
        static ENDS: RefCell<Option<Ends>> = const { RefCell::new(None) };
    }

    #[test]
    fn no_thread_outlives_its_pool() {
        let ended = Arc::new(AtomicUsize::new(0));
        let pool = Pool::new(3).unwrap();
        pool.broadcast(|_| ENDS.set(Some(Ends(Arc::clone(&ended)))));
        drop(pool);
        assert_eq!(ended.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_pool_may_be_dropped_by_its_own_thread() {
        let pool = Arc::new(Pool::new(2).unwrap());
        let (sender, receiver) = mpsc::channel();
        let last = Arc::clone(&pool);
        pool.spawn(move || {
            // Wait until this is the last owner.
            sender.send(()).unwrap();
            while Arc::strong_count(&last) > 1 {
                thread::yield_now();
            }
            drop(last);
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
        drop(pool);
        assert!(receiver.recv_timeout(Duration::from_secs(60)).is_ok(), "it waits for itself");
    }
}
