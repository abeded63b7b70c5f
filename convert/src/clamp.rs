//! Bounds of a node's output.

/// Bounds that a node's output is clamped to, in real units; infinite = no bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clamp {
    /// Lower bound.
    pub min: f32,
    /// Upper bound, at least `min`.
    pub max: f32,
}

impl Clamp {
    /// No bound.
    pub const NONE: Self = Self { min: f32::NEG_INFINITY, max: f32::INFINITY };
    /// Rectified linear unit: nothing below zero.
    pub const RELU: Self = Self { min: 0.0, max: f32::INFINITY };

    /// Whether the clamp changes nothing.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// This clamp followed by `next`, as one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let bound = |x: f32| x.max(next.min).min(next.max);
        Self { min: bound(self.min), max: bound(self.max) }
    }

    /// Clamps one number.
    pub fn apply(self, x: f32) -> f32 {
        x.max(self.min).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamps_compose() {
        let relu6 = Clamp { min: 0.0, max: 6.0 };
        let wide = Clamp { min: -1.0, max: 9.0 };
        let above = Clamp { min: 7.0, max: 8.0 };
        for x in [-3.0f32, -0.5, 0.5, 6.5, 7.5, 10.0] {
            for (a, b) in [(relu6, wide), (wide, relu6), (relu6, above), (Clamp::RELU, wide)] {
                assert_eq!(a.then(b).apply(x), b.apply(a.apply(x)), "{a:?} {b:?} {x}");
            }
        }
        assert!(Clamp::NONE.then(Clamp::NONE).is_none());
        assert_eq!(Clamp::NONE.then(Clamp::RELU), Clamp::RELU);
    }
}
