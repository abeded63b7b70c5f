//! Lets rayon's threads share the operations of [`bayes8_core::simd`].

use bayes8_core::simd::{self, Kernel, Threads};

/// The threads of the rayon pool that the caller runs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rayon;

impl Threads for Rayon {
    const FEWEST_PRODUCTS: usize = if cfg!(test) { 1 << 12 } else { 1 << 20 };
    const FEWEST_CHUNKS: usize = if cfg!(test) { 16 } else { 1024 };

    fn join(&self, a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
        rayon::join(a, b);
    }
}

/// A back end whose operations rayon's threads share.
pub(crate) type Simd<K> = simd::Simd<K, Rayon>;

/// Creates the back end of `kernel`.
pub(crate) fn simd<K: Kernel>(kernel: K) -> Simd<K> {
    Simd::new(kernel, Rayon)
}
