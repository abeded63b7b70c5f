//! A pool of threads that are gone when it is.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::ops::Deref;
use std::thread::{self, JoinHandle};

/// A pool of rayon, whose threads have ended when its drop returns. Those of rayon's own type may end
/// later: a leak checker calls them lost, and a library must not be unloaded under them.
#[derive(Debug)]
pub struct Pool {
    /// There until the drop.
    pool: Option<ThreadPool>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `count` threads, or as many as rayon takes by default for 0.
    ///
    /// # Errors
    /// When they cannot be started.
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
    /// A pool of the caller's; its threads end as it has them end.
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
        // A thread of the pool cannot wait for itself: it ends after what drops the pool.
        let is_own = self.current_thread_index().is_some();
        self.pool = None;
        if !is_own && !self.threads.is_empty() {
            self.threads.drain(..).for_each(join);
            join(thread::spawn(forget_ended_threads));
        }
    }
}

/// Waits for a thread. One that panicked has ended, too.
fn join(thread: JoinHandle<()>) {
    drop(thread.join());
}

/// Frees the records that rayon's queues keep of threads that have ended. They stay until another thread
/// has seen three epochs, which it does here; a leak checker cannot tell their marked pointers from lost memory.
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

    /// Counts a thread's end, late.
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
            // The other owner is gone when it has sent.
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
