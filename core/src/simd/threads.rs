//! Threads that share an operation.

/// A source of threads that share an operation.
pub trait Threads: Send + Sync {
    /// The fewest multiply-accumulates that are worth waking a second thread for.
    const FEWEST_PRODUCTS: usize;
    /// The fewest chunks of weights to draw that are worth a thread.
    const FEWEST_CHUNKS: usize;

    /// Runs both closures and returns when both are done.
    fn join(&self, a: impl FnOnce() + Send, b: impl FnOnce() + Send);
}

/// The calling thread alone, as in WebAssembly.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneThread;

impl Threads for OneThread {
    const FEWEST_PRODUCTS: usize = usize::MAX;
    const FEWEST_CHUNKS: usize = usize::MAX;

    fn join(&self, a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
        a();
        b();
    }
}
