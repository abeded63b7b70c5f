//! Functions of one real number, which the quantized network runs as tables of codes.
//!
//! Exporters write SiLU, hard-swish or Mish as small graphs of sums and products of simpler
//! functions. A [`Function`] is such a graph with one argument, so that any of them becomes one
//! table, together with the clamps and scalings before, between and after them.

#[cfg(test)]
mod tests;
mod unary;

use std::sync::Arc;

use bayes8_core::numerics::{ActivationBits, Quantization, Table};

use crate::clamp::Clamp;

pub use unary::Unary;

/// A function of one real number.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    expression: Arc<Expression>,
    /// The cost of an evaluation: the operations of the expression, with shared parts counted each
    /// time.
    size: usize,
}

#[derive(Debug, PartialEq)]
enum Expression {
    Argument,
    Unary(Unary, Function),
    Sum(Function, Function),
    Product(Function, Function),
    /// The second if the first is above zero, else the third.
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
        // Any number of clamps becomes one, so that the expression does not grow.
        if let (Expression::Unary(Unary::Clamp(first), inner), Unary::Clamp(second)) =
            (&*self.expression, next)
        {
            return inner.then(Unary::Clamp(first.then(second)));
        }
        let size = self.size.saturating_add(1);
        Self { expression: Arc::new(Expression::Unary(next, self.clone())), size }
    }

    /// The sum of both functions of the same argument.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let size = self.joint_size(other);
        Self { expression: Arc::new(Expression::Sum(self.clone(), other.clone())), size }
    }

    /// The product of both functions of the same argument.
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

    /// The number of operations of an evaluation.
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

    /// The argument of the last step, if that is `last`. Clamps to 0..1 after a sigmoid change nothing.
    pub fn before(&self, last: Unary) -> Option<Self> {
        match &*self.expression {
            Expression::Unary(step, inner) if *step == last => Some(inner.clone()),
            Expression::Unary(Unary::Clamp(clamp), inner)
                if last == Unary::Sigmoid && clamp.min <= 0.0 && clamp.max >= 1.0 =>
            {
                inner.before(last)
            }
            _ => None,
        }
    }

    /// The function before a last step that adds a number, and that number.
    pub fn without_shift(&self) -> Option<(Self, f64)> {
        match &*self.expression {
            Expression::Unary(Unary::Affine { scale: 1.0, shift }, inner) => {
                Some((inner.clone(), *shift))
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

    /// Factor and shift, if the function is `scale * x + shift`.
    pub fn as_affine(&self) -> Option<(f64, f64)> {
        match &*self.expression {
            Expression::Argument => Some((1.0, 0.0)),
            Expression::Unary(Unary::Affine { scale, shift }, inner) => {
                let (first, before) = inner.as_affine()?;
                Some((scale * first, scale * before + shift))
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

    /// Evaluates up to [`BLOCK`] numbers.
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

    /// Whether the function lies within these bounds wherever it is finite, as far as a search over
    /// all magnitudes shows.
    pub fn is_within(&self, low: f64, high: f64) -> bool {
        let magnitudes = (-60..=60).map(|exponent| libm::exp2(f64::from(exponent) / 4.0));
        let mut numbers = magnitudes.flat_map(|x| [-x, x]).chain([0.0]);
        numbers.all(|x| {
            let y = self.apply(x);
            !y.is_finite() || (low..=high).contains(&y)
        })
    }

    /// A number in `low..=high` at which the function is not finite, or that lies next to a pole;
    /// `None` if it is finite on the whole range.
    pub fn not_finite_in(&self, [low, high]: [f32; 2]) -> Option<f64> {
        let (low, high) = (f64::from(low), f64::from(high));
        // Includes both ends and zero, in no more numbers than are evaluated together.
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

    /// The index of the first of the ascending numbers `x` after a pole, which is where the
    /// argument of a reciprocal changes its sign.
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
            // The condition decides between the two; if it avoids the poles of both, only finite
            // values are left.
            Expression::Select(condition, ..) => condition.pole_among(x),
        }
    }

    /// The code of the output, of `bits` bits, nearest to the function of each code of the input.
    /// The function is finite on `range`; codes beyond it, where it may not be, take the value of
    /// the nearest end.
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
            // The cast saturates at the ends of the codes.
            let code = (steps.round_ties_even() + f64::from(output.zero_point)) as u8;
            code.min(bits.largest_code())
        })
    }
}
