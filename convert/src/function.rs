//! Functions of one real number, which the quantized network runs as tables of codes.
//!
//! Exporters write SiLU, hard-swish or Mish as small graphs of sums and products of simpler
//! functions. A [`Function`] is such a graph with one argument, so that any of them becomes one
//! table, together with clamps and scalings before, between and behind them.

mod unary;

use std::sync::Arc;

use bayes8_core::numerics::{ActivationBits, Quantization, Table};

use crate::clamp::Clamp;

pub use unary::Unary;

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
    /// The second where the first is above zero, else the third.
    Select(Function, Function, Function),
}

/// Numbers that are evaluated together, so that the expression is walked once for all.
const BLOCK: usize = 256;

impl Function {
    /// x itself.
    pub fn argument() -> Self {
        Self { expression: Arc::new(Expression::Argument), size: 0 }
    }

    /// The same number everywhere.
    pub(crate) fn number(value: f64) -> Self {
        Self::argument().then(Unary::Affine { scale: 0.0, shift: value })
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

    /// `a` where this function is above zero, else `b`.
    #[must_use]
    pub fn select(&self, a: &Self, b: &Self) -> Self {
        let size = self.joint_size(a).saturating_add(b.size);
        let expression = Expression::Select(self.clone(), a.clone(), b.clone());
        Self { expression: Arc::new(expression), size }
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

    /// Whether its value is a probability by a Sigmoid, clamped or not.
    pub fn ends_in_sigmoid(&self) -> bool {
        match &*self.expression {
            Expression::Unary(Unary::Sigmoid, _) => true,
            Expression::Unary(Unary::Clamp(_), inner) => inner.ends_in_sigmoid(),
            _ => false,
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
            Expression::Select(condition, a, b) => {
                condition.evaluate(x, y);
                let either = second(a).into_iter().zip(second(b));
                y.iter_mut().zip(either).for_each(|(y, (a, b))| *y = if *y > 0.0 { a } else { b });
            }
        }
    }

    /// Whether the function lies within these bounds wherever it is finite, as far as a search from
    /// the smallest to the largest magnitudes tells.
    pub fn is_within(&self, low: f64, high: f64) -> bool {
        let magnitudes = (-60..=60).map(|exponent| libm::exp2(f64::from(exponent) / 4.0));
        let mut numbers = magnitudes.flat_map(|x| [-x, x]).chain([0.0]);
        numbers.all(|x| {
            let y = self.apply(x);
            !y.is_finite() || (low..=high).contains(&y)
        })
    }

    /// A number of the range `low..=high` that the function has no finite value for, or that lies
    /// next to a pole; `None` where it is finite on all of the range.
    pub fn not_finite_in(&self, [low, high]: [f32; 2]) -> Option<f64> {
        let (low, high) = (f64::from(low), f64::from(high));
        // With both ends and zero, and no more numbers than are evaluated together.
        let step = (high - low) / (BLOCK - 1) as f64;
        let number = |i: usize| match low + step * i as f64 {
            _ if i + 1 == BLOCK => high,
            x if i > 0 && x.abs() <= step / 2.0 => 0.0,
            x => x,
        };
        let x: [f64; BLOCK] = std::array::from_fn(number);
        let mut y = [0.0; BLOCK];
        self.evaluate(&x, &mut y);
        let place = y.iter().position(|y| !y.is_finite()).or_else(|| self.pole_among(&x));
        place.map(|i| x[i])
    }

    /// Which of the numbers `x`, in ascending order, is the first after a pole: where the argument
    /// of a reciprocal changes its sign.
    fn pole_among(&self, x: &[f64; BLOCK]) -> Option<usize> {
        match &*self.expression {
            Expression::Argument => None,
            Expression::Unary(unary, inner) => {
                let mut y = [0.0; BLOCK];
                if *unary == Unary::Reciprocal {
                    inner.evaluate(x, &mut y);
                }
                let pole = y.windows(2).position(|y| (y[0] < 0.0) != (y[1] < 0.0));
                pole.map(|i| i + 1).or_else(|| inner.pole_among(x))
            }
            Expression::Sum(a, b) | Expression::Product(a, b) => {
                a.pole_among(x).or_else(|| b.pole_among(x))
            }
            // Which of both a number takes is for the condition to say; one that avoids the pole of
            // either leaves finite values only.
            Expression::Select(condition, ..) => condition.pole_among(x),
        }
    }

    /// The code of the output, of `bits` bits, nearest to the function of each code of the input.
    /// Codes beyond `range`, on which the function is finite, may have no finite value; they take
    /// that of the nearest end.
    pub fn table(
        &self,
        input: Quantization,
        range: [f32; 2],
        output: Quantization,
        bits: ActivationBits,
    ) -> Table {
        std::array::from_fn(|q| {
            let x = f64::from(input.scale) * (q as f64 - f64::from(input.zero_point));
            let mut y = self.apply(x);
            if !y.is_finite() {
                y = self.apply(x.max(range[0].into()).min(range[1].into()));
            }
            let steps = y / f64::from(output.scale);
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
            (Unary::Step, 0.0, 0.0),
            (Unary::Step, 1e-9, 1.0),
            (Unary::Abs, -2.5, 2.5),
            (Unary::Sign, -2.5, -1.0),
            (Unary::Sign, 0.0, 0.0),
            (Unary::Floor, -1.5, -2.0),
            (Unary::Ceil, -1.5, -1.0),
            (Unary::Round, 2.5, 2.0),
            (Unary::Reciprocal, 4.0, 0.25),
            (Unary::Power { exponent: 1.5 }, 4.0, 8.0),
            (Unary::Power { exponent: 3.0 }, -2.0, -8.0),
            (Unary::Sqrt, 3.0, 1.732_050_807_6),
            (Unary::Exp, 2.0, 7.389_056_098_9),
            (Unary::Log, 3.0, 1.098_612_288_7),
            (Unary::Sin, 1.0, 0.841_470_984_8),
            (Unary::Cos, 1.0, 0.540_302_305_9),
            (Unary::Asin, 0.25, 0.252_680_255_1),
            (Unary::Acos, 0.25, 1.318_116_071_7),
            (Unary::Atan, 2.0, 1.107_148_717_8),
            (Unary::Sinh, 1.0, 1.175_201_193_6),
            (Unary::Cosh, 1.0, 1.543_080_634_8),
            (Unary::Asinh, 1.0, 0.881_373_587_0),
            (Unary::Acosh, 2.0, 1.316_957_896_9),
            (Unary::Atanh, 0.5, 0.549_306_144_3),
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
    fn functions_are_finite_only_where_they_are() {
        let x = Function::argument();
        let of = |unary: Unary| x.then(unary);
        let shift = |shift| of(Unary::Affine { scale: 1.0, shift });
        let tangent = of(Unary::Sin).times(&of(Unary::Cos).then(Unary::Reciprocal));
        let bounded = of(Unary::Clamp(Clamp { min: 1e-3, max: f32::INFINITY }));
        let guarded = x.select(&of(Unary::Log), &x);
        for (function, range, finite) in [
            (of(Unary::Log), [0.1, 2.0], true),
            (of(Unary::Log), [0.0, 2.0], false),
            (of(Unary::Log), [-0.5, 2.0], false),
            (bounded.then(Unary::Log), [-0.5, 2.0], true),
            (guarded, [-0.5, 2.0], true),
            (of(Unary::Sqrt), [0.0, 2.0], true),
            (of(Unary::Sqrt), [-1e-9, 2.0], false),
            (of(Unary::Power { exponent: 0.5 }), [-1.0, 2.0], false),
            (of(Unary::Power { exponent: 2.0 }), [-1.0, 2.0], true),
            (of(Unary::Reciprocal), [-2.0, -1e-3], true),
            (of(Unary::Reciprocal), [-1.0, 1.7], false),
            (shift(0.3).then(Unary::Reciprocal).then(Unary::Tanh), [-1.0, 1.7], false),
            (tangent.clone(), [-1.5, 1.5], true),
            (tangent, [1.0, 2.0], false),
            (of(Unary::Acos), [-1.0, 1.0], true),
            (of(Unary::Acos), [-1.0, 1.1], false),
            (of(Unary::Exp), [0.0, 800.0], false),
        ] {
            let found = function.not_finite_in(range);
            assert_eq!(found.is_none(), finite, "{function:?} on {range:?}: {found:?}");
        }
    }

    /// The grid always has a code for zero, where a logarithm has no value.
    #[test]
    fn codes_beyond_the_range_take_the_value_at_its_end() {
        let input = Quantization { scale: 0.01, zero_point: 0 };
        let output = Quantization { scale: 0.02, zero_point: 120 };
        let logarithm = Function::argument().then(Unary::Log);
        let table = logarithm.table(input, [0.1, 2.55], output, ActivationBits::Eight);
        assert_eq!(table[0], 120 - 115);
        // A code beyond the range with a value of its own keeps it: log 0.05 is below the codes.
        assert_eq!(table[5], 0);
        assert_eq!(table[100], 120);
    }

    #[test]
    fn bounds_of_functions_are_found() {
        let x = Function::argument();
        assert!(x.then(Unary::Sigmoid).is_within(0.0, 1.0));
        assert!(x.then(Unary::Clamp(Clamp { min: 0.0, max: 1.0 })).is_within(0.0, 1.0));
        assert!(!x.then(Unary::Tanh).is_within(0.0, 1.0));
        assert!(!x.then(relu6()).is_within(0.0, 1.0));
        assert!(!x.then(Unary::Log).is_within(0.0, 1.0));
    }

    #[test]
    fn tables_hold_the_nearest_code_and_saturate() {
        let input = Quantization { scale: 0.05, zero_point: 100 };
        let output = Quantization { scale: 0.01, zero_point: 40 };
        let table = hard_swish().table(input, [-5.0, 7.75], output, ActivationBits::Eight);
        // x = 0 stays x = 0: padding behind the table relies on it.
        assert_eq!(table[100], 40);
        assert_eq!(table[255], 255);
        let seven = hard_swish().table(input, [-5.0, 7.75], output, ActivationBits::Seven);
        assert_eq!(seven, table.map(|code| code.min(127)));
        for (q, &code) in table.iter().enumerate() {
            let y = hard_swish().apply(0.05f32 as f64 * (q as f64 - 100.0));
            let back = 0.01f32 as f64 * (f64::from(code) - 40.0);
            assert!(code == 255 || (y - back).abs() <= 0.0050001, "{q}: {y} {back}");
        }
    }
}
