//! A bound on the numbers that a file may unfold to.

use crate::error::ImportError;

/// The count of numbers that folding and layers may still create. A small hostile file could
/// otherwise double a constant again and again, or use one large initializer in thousands of
/// layers.
pub(super) struct Budget {
    limit: usize,
    spent: usize,
}

impl Budget {
    /// Room for a few copies of all initializers, and for shape arithmetic.
    pub(super) fn new(initializers: usize) -> Self {
        Self { limit: initializers.saturating_mul(8).saturating_add(1 << 22), spent: 0 }
    }

    /// Succeeds if `count` more numbers fit; call it before allocating them.
    pub(super) fn check(&self, node: &str, count: usize) -> Result<(), ImportError> {
        if self.spent.saturating_add(count) > self.limit {
            return Err(ImportError::TooLarge { node: node.into(), limit: self.limit });
        }
        Ok(())
    }

    /// Spends `count` numbers.
    pub(super) fn charge(&mut self, node: &str, count: usize) -> Result<(), ImportError> {
        self.check(node, count)?;
        self.spent += count;
        Ok(())
    }
}
