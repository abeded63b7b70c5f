//! Random tensors.

/// A tensor of independent random numbers.
#[derive(Clone, Debug)]
pub(super) struct Mask {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Numbers,
}

/// The distribution of a mask's numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbers {
    /// Uniform from `low` to `high`.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// `value` with probability `keep`, otherwise 0.
    Kept {
        /// Probability.
        keep: f64,
        /// Number where a unit is kept.
        value: f64,
    },
}
