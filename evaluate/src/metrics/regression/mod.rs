//! Measures of the predictions for one target of a regression.
//!
//! Every Monte-Carlo sample predicts a Gaussian; the prediction is their [`Mixture`], or the
//! moment-matched [`Gaussian`] with its mean and variance. Means, standard deviations and true values are
//! in the units of the target, variances in their square. The normal distribution is computed by `libm`,
//! and all sums go over samples and examples in their order, so the figures are the same on every machine.

mod gaussian;
mod mixture;
pub mod normal;

pub use gaussian::Gaussian;
pub use mixture::{Mixture, Moments, mixture_quantile};
