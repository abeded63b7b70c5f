//! Values stacked along a new axis, on the way to their sum.

use super::activation::Activation;

/// Values side by side along a new axis.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    pub(super) parts: Vec<Activation>,
    pub(super) axis: usize,
}
