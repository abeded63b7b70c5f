//! How the halves of an operation run.

/// Threads that may share an operation.
pub trait Threads: Send + Sync {
    /// Multiply-accumulates below which a second thread is not worth waking.
    const FEWEST_PRODUCTS: usize;
    /// Chunks of weights to draw that are worth a thread.
    const FEWEST_CHUNKS: usize;

    /// Runs both and returns when both are done.
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
