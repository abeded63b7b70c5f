//! Functions of one real number, which the quantized network runs as tables of codes.
//!
//! Exporters write SiLU, hard-swish or Mish as small graphs of sums and products of simpler
//! functions. A [`Function`] is such a graph with one argument, so that any of them becomes one
//! table, together with clamps and scalings before, between and behind them.

use std::sync::Arc;

use bayes8_core::numerics::{ActivationBits, Quantization, Table};

use crate::network::Clamp;

/// A function of one real number.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    expression: Arc<Expression>,
    /// Operations of the expression, shared parts counted each time: what an evaluation costs.
    size: usize,
}

#[derive(Debug, PartialEq)]
enum Expression {
    Argument,
    Unary(Unary, Function),
    Sum(Function, Function),
    Product(Function, Function),
}

/// A function that expressions are made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// `scale * x + shift`
    Affine {
        /// Factor of the argument.
        scale: f64,
        /// What is added to the product.
        shift: f64,
    },
    /// The nearest number within bounds.
    Clamp(Clamp),
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `log(1 + exp(x))`
    Softplus,
    /// Error function.
    Erf,
    /// x, but `alpha * (exp(x) - 1)` below zero.
    Elu {
        /// What the function approaches below zero, negated.
        alpha: f64,
    },
    /// x, but `slope * x` below zero.
    LeakyRelu {
        /// The slope below zero.
        slope: f64,
    },
}

impl Unary {
    fn apply(self, x: f64) -> f64 {
        match self {
            Self::Affine { scale, shift } => scale * x + shift,
            Self::Clamp(Clamp { min, max }) => x.max(min.into()).min(max.into()),
            Self::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
            Self::Tanh => libm::tanh(x),
            Self::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
            Self::Erf => libm::erf(x),
            Self::Elu { alpha } if x < 0.0 => alpha * libm::expm1(x),
            Self::LeakyRelu { slope } if x < 0.0 => slope * x,
            Self::Elu { .. } | Self::LeakyRelu { .. } => x,
        }
    }
}

/// Numbers that are evaluated together, so that the expression is walked once for all.
const BLOCK: usize = 256;

impl Function {
    /// x itself.
    pub fn argument() -> Self {
        Self { expression: Arc::new(Expression::Argument), size: 0 }
    }

    /// This function, then `next`.
    #[must_use]
    pub fn then(&self, next: Unary) -> Self {
        // Any number of clamps is one, so that what carries them does not grow.
        if let (Expression::Unary(Unary::Clamp(first), inner), Unary::Clamp(second)) =
            (&*self.expression, next)
        {
            return inner.then(Unary::Clamp(first.then(second)));
        }
        let size = self.size.saturating_add(1);
        Self { expression: Arc::new(Expression::Unary(next, self.clone())), size }
    }

    /// The sum of both functions of one argument.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let size = self.joint_size(other);
        Self { expression: Arc::new(Expression::Sum(self.clone(), other.clone())), size }
    }

    /// The product of both functions of one argument.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let size = self.joint_size(other);
        Self { expression: Arc::new(Expression::Product(self.clone(), other.clone())), size }
    }

    fn joint_size(&self, other: &Self) -> usize {
        self.size.saturating_add(other.size).saturating_add(1)
    }

    /// How many operations an evaluation takes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The bounds, if the function is a clamp of its argument and nothing else.
    pub fn as_clamp(&self) -> Option<Clamp> {
        match &*self.expression {
            Expression::Argument => Some(Clamp::NONE),
            Expression::Unary(Unary::Clamp(clamp), inner) => {
                matches!(*inner.expression, Expression::Argument).then_some(*clamp)
            }
            _ => None,
        }
    }

    /// The factor, if the function multiplies its argument by it and does nothing else.
    pub fn as_factor(&self) -> Option<f64> {
        match &*self.expression {
            Expression::Argument => Some(1.0),
            Expression::Unary(Unary::Affine { scale, shift: 0.0 }, inner) => {
                Some(inner.as_factor()? * scale)
            }
            _ => None,
        }
    }

    /// The function of one number.
    pub fn apply(&self, x: f64) -> f64 {
        let mut y = [0.0];
        self.evaluate(&[x], &mut y);
        y[0]
    }

    /// The function of each number, computed in f64; `to` is as long as `from`.
    pub fn apply_all(&self, from: &[f32], to: &mut [f32]) {
        let (mut x, mut y) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (from, to) in from.chunks(BLOCK).zip(to.chunks_mut(BLOCK)) {
            x.iter_mut().zip(from).for_each(|(x, &from)| *x = from.into());
            self.evaluate(&x[..from.len()], &mut y[..from.len()]);
            to.iter_mut().zip(&y).for_each(|(to, &y)| *to = y as f32);
        }
    }

    /// Up to [`BLOCK`] numbers.
    fn evaluate(&self, x: &[f64], y: &mut [f64]) {
        let second = |function: &Self| {
            let mut second = [0.0; BLOCK];
            function.evaluate(x, &mut second[..x.len()]);
            second
        };
        match &*self.expression {
            Expression::Argument => y.copy_from_slice(x),
            Expression::Unary(unary, inner) => {
                inner.evaluate(x, y);
                y.iter_mut().for_each(|y| *y = unary.apply(*y));
            }
            Expression::Sum(a, b) => {
                a.evaluate(x, y);
                y.iter_mut().zip(second(b)).for_each(|(y, b)| *y += b);
            }
            Expression::Product(a, b) => {
                a.evaluate(x, y);
                y.iter_mut().zip(second(b)).for_each(|(y, b)| *y *= b);
            }
        }
    }

    /// The code of the output, of `bits` bits, nearest to the function of each code of the input.
    pub fn table(&self, input: Quantization, output: Quantization, bits: ActivationBits) -> Table {
        std::array::from_fn(|q| {
            let x = f64::from(input.scale) * (q as f64 - f64::from(input.zero_point));
            let steps = self.apply(x) / f64::from(output.scale);
            // The cast takes what lies beyond the codes to their ends.
            let code = (steps.round_ties_even() + f64::from(output.zero_point)) as u8;
            code.min(bits.largest_code())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relu6() -> Unary {
        Unary::Clamp(Clamp { min: 0.0, max: 6.0 })
    }

    /// `x * relu6(x + 3) / 6`, as older exporters write it.
    fn hard_swish() -> Function {
        let x = Function::argument();
        let gate = x.then(Unary::Affine { scale: 1.0, shift: 3.0 }).then(relu6());
        x.times(&gate).then(Unary::Affine { scale: 1.0 / 6.0, shift: 0.0 })
    }

    #[test]
    fn functions_have_their_known_values() {
        let x = Function::argument();
        let of = |unary: Unary, at: f64| x.then(unary).apply(at);
        // Values from tables of the functions, to ten digits.
        for (unary, at, expected) in [
            (Unary::Sigmoid, 1.0, 0.731_058_578_6),
            (Unary::Tanh, 0.5, 0.462_117_157_3),
            (Unary::Softplus, -1.0, 0.313_261_687_5),
            (Unary::Softplus, 800.0, 800.0),
            (Unary::Erf, 0.5, 0.520_499_877_8),
            (Unary::Elu { alpha: 2.0 }, -1.0, -1.264_241_117_7),
            (Unary::LeakyRelu { slope: 0.1 }, -2.0, -0.2),
            (Unary::LeakyRelu { slope: 0.1 }, 2.0, 2.0),
        ] {
            assert!((of(unary, at) - expected).abs() < 1e-9, "{unary:?}");
        }
        for extreme in [-1e4, 1e4] {
            for unary in [Unary::Sigmoid, Unary::Tanh, Unary::Softplus, Unary::Erf] {
                assert!(of(unary, extreme).is_finite(), "{unary:?} of {extreme}");
            }
        }
        for (at, expected) in [(-4.0, 0.0), (-1.0, -1.0 / 3.0), (1.0, 2.0 / 3.0), (5.0, 5.0)] {
            assert!((hard_swish().apply(at) - expected).abs() < 1e-12, "{at}");
        }
    }

    #[test]
    fn blocks_and_single_numbers_agree() {
        let function = hard_swish().plus(&Function::argument().then(Unary::Tanh));
        let from: Vec<f32> = (0..2 * BLOCK + 3).map(|i| i as f32 / 50.0 - 5.0).collect();
        let mut to = vec![0.0; from.len()];
        function.apply_all(&from, &mut to);
        for (x, y) in from.iter().zip(to) {
            assert_eq!(y, function.apply(f64::from(*x)) as f32);
        }
    }

    #[test]
    fn chains_of_clamps_are_one_clamp() {
        let wide = Clamp { min: -1.0, max: 9.0 };
        let chain = Function::argument().then(Unary::Clamp(wide)).then(relu6());
        assert_eq!(chain.as_clamp(), Some(Clamp { min: 0.0, max: 6.0 }));
        assert_eq!(chain.size(), 1);
        assert_eq!(chain.then(Unary::Tanh).as_clamp(), None);
        assert_eq!(Function::argument().then(Unary::Tanh).then(relu6()).as_clamp(), None);
    }

    #[test]
    fn tables_hold_the_nearest_code_and_saturate() {
        let input = Quantization { scale: 0.05, zero_point: 100 };
        let output = Quantization { scale: 0.01, zero_point: 40 };
        let table = hard_swish().table(input, output, ActivationBits::Eight);
        // x = 0 stays x = 0: padding behind the table relies on it.
        assert_eq!(table[100], 40);
        assert_eq!(table[255], 255);
        let seven = hard_swish().table(input, output, ActivationBits::Seven);
        assert_eq!(seven, table.map(|code| code.min(127)));
        for (q, &code) in table.iter().enumerate() {
            let y = hard_swish().apply(0.05f32 as f64 * (q as f64 - 100.0));
            let back = 0.01f32 as f64 * (f64::from(code) - 40.0);
            assert!(code == 255 || (y - back).abs() <= 0.0050001, "{q}: {y} {back}");
        }
    }
}
