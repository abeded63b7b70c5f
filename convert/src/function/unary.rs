//! The functions of one number that expressions consist of.

use crate::clamp::Clamp;

/// A function that expressions consist of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// `scale * x + shift`
    Affine {
        /// Factor of the argument.
        scale: f64,
        /// Added to the product.
        shift: f64,
    },
    /// The nearest number within bounds.
    Clamp(Clamp),
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `log(1 + exp(x))`
    Softplus,
    /// Error function.
    Erf,
    /// x, but `alpha * (exp(x) - 1)` below zero.
    Elu {
        /// The negated limit of the function below zero.
        alpha: f64,
    },
    /// x, but `slope * x` below zero.
    LeakyRelu {
        /// The slope below zero.
        slope: f64,
    },
    /// 1 above zero, 0 elsewhere.
    Step,
    /// Absolute value.
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// The largest integer that is not above x.
    Floor,
    /// The smallest integer that is not below x.
    Ceil,
    /// The nearest integer; the even one of two.
    Round,
    /// `1 / x`; not finite at zero.
    Reciprocal,
    /// `x ^ exponent`; not finite below zero unless the exponent is an integer.
    Power {
        /// The exponent, not negative.
        exponent: f64,
    },
    /// Square root; not finite below zero.
    Sqrt,
    /// Exponential function.
    Exp,
    /// Natural logarithm; finite above zero only.
    Log,
    /// Sine of an angle in radians.
    Sin,
    /// Cosine of an angle in radians.
    Cos,
    /// Inverse sine in radians; finite from -1 to 1.
    Asin,
    /// Inverse cosine in radians; finite from -1 to 1.
    Acos,
    /// Inverse tangent in radians.
    Atan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Hyperbolic tangent.
    Tanh,
    /// Inverse hyperbolic sine.
    Asinh,
    /// Inverse hyperbolic cosine; finite from 1 on.
    Acosh,
    /// Inverse hyperbolic tangent; finite between -1 and 1.
    Atanh,
}

impl Unary {
    /// 1 minus the argument: the negation of 0 or 1.
    pub(crate) const NOT: Self = Self::Affine { scale: -1.0, shift: 1.0 };

    /// The argument times `factor`.
    pub(crate) const fn scaling(factor: f64) -> Self {
        Self::Affine { scale: factor, shift: 0.0 }
    }

    /// The sum of the argument and `shift`.
    pub(crate) const fn shifting(shift: f64) -> Self {
        Self::Affine { scale: 1.0, shift }
    }

    pub(super) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Affine { scale, shift } => scale * x + shift,
            Self::Clamp(Clamp { min, max }) => x.max(min.into()).min(max.into()),
            Self::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
            Self::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
            Self::Erf => libm::erf(x),
            Self::Elu { alpha } if x < 0.0 => alpha * libm::expm1(x),
            Self::LeakyRelu { slope } if x < 0.0 => slope * x,
            Self::Elu { .. } | Self::LeakyRelu { .. } => x,
            Self::Step => f64::from(u8::from(x > 0.0)),
            Self::Abs => x.abs(),
            Self::Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
            Self::Floor => libm::floor(x),
            Self::Ceil => libm::ceil(x),
            Self::Round => x.round_ties_even(),
            Self::Reciprocal => 1.0 / x,
            Self::Power { exponent } => libm::pow(x, exponent),
            Self::Sqrt => libm::sqrt(x),
            Self::Exp => libm::exp(x),
            Self::Log => libm::log(x),
            Self::Sin => libm::sin(x),
            Self::Cos => libm::cos(x),
            Self::Asin => libm::asin(x),
            Self::Acos => libm::acos(x),
            Self::Atan => libm::atan(x),
            Self::Sinh => libm::sinh(x),
            Self::Cosh => libm::cosh(x),
            Self::Tanh => libm::tanh(x),
            Self::Asinh => libm::asinh(x),
            Self::Acosh => libm::acosh(x),
            Self::Atanh => libm::atanh(x),
        }
    }
}
