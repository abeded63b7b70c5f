//! Sums, differences, products and quotients: of two activations, of an activation and a constant,
//! of constants.

use bayes8_core::graph::Op;

use crate::error::ImportError;
use crate::function::{Function, Unary};
use crate::network::Gaussian;
use crate::onnx::activation::{Activation, Axis};
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Constant, Data, Strided, elements, strides};
use crate::onnx::evidence::broadcast;
use crate::onnx::node::OnnxNode;
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;
use crate::onnx::pointwise::MAX_SIZE;
use crate::onnx::repeat::joint;
use crate::onnx::weights::finite_floats;

pub(super) const OPERATORS: &[Operator] = &[
    of_two("Add"),
    of_two("Sub"),
    of_two("Mul"),
    of_two("Div"),
    Operator::new("Sum", &[])
        .lower(|builder, node| match node.proto.input.len() {
            2 => builder.arithmetic(node),
            _ => builder.sum(node),
        })
        .fold(fold)
        .trace(broadcast),
    Operator::new("Mean", &[])
        .lower(|builder, node| {
            let scale = Unary::scaling(1.0 / node.proto.input.len() as f64);
            let sum = builder.sum(node)?;
            Ok(sum.with_function(node.name, Function::argument().then(scale)))
        })
        .trace(broadcast),
];

const fn of_two(name: &'static str) -> Operator {
    Operator::new(name, &[])
        .lower(|builder, node| builder.arithmetic(node))
        .fold(fold)
        .trace(broadcast)
}

impl<'a> Builder<'a> {
    /// Add, Sub, Mul or Div: of two activations, or of an activation and a constant.
    fn arithmetic(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        match (0..2).find(|&i| self.is_constant(node, i)) {
            Some(i) => self.with_constant(node, 1 - i, i),
            None => self.combine(node),
        }
    }

    /// Combines input `activation` with the constant input `constant`, one number or one per
    /// channel.
    fn with_constant(
        &mut self,
        node: &OnnxNode<'a>,
        activation: usize,
        constant: usize,
    ) -> Result<Activation, ImportError> {
        let mut x = self.function_of(node, activation)?;
        let number = self.number(node, constant, &x)?;
        let fits = match self.require_per_channel(node, constant, &x) {
            Err(error) if number.is_none() => return Err(error),
            fits => fits.is_ok(),
        };
        let channels = x.shape.channels;
        let numbers = match number {
            _ if fits && is_shift(node.op) => self.bias(node, constant, channels)?,
            _ if fits => self.factors(node, constant, channels)?,
            Some(number) => Some(Gaussian::deterministic(vec![number as f32; channels])),
            None => None,
        };
        let numbers = numbers.ok_or_else(|| node.refuse("it has no constant"))?;
        let Gaussian { mean, sigma } = numbers;
        let ones = |sign: f32| vec![sign; channels];
        let (scale, shift) = match (node.op, activation) {
            ("Add" | "Sum", _) => (ones(1.0), mean),
            ("Sub", 0) => (ones(1.0), mean.iter().map(|c| -c).collect()),
            ("Sub", _) => (ones(-1.0), mean),
            ("Div", 0) => {
                let inverse = mean.iter().map(|c| 1.0 / c);
                if let Some(i) = inverse.clone().position(|c| !c.is_finite()) {
                    return Err(node.refuse(format!("it divides by {} (index {i})", mean[i])));
                }
                (inverse.collect(), vec![0.0; channels])
            }
            _ => (mean, vec![0.0; channels]),
        };
        if (node.op, activation) == ("Div", 1) {
            let function = x.function().then(Unary::Reciprocal);
            x = self.bounded_function(node, x, function)?;
        }
        let uniform = |values: &[f32]| values.iter().all(|v| *v == values[0]);
        if sigma.is_none() && uniform(&scale) && uniform(&shift) && self.foldable(&x).is_none() {
            let (scale, shift) = (f64::from(scale[0]), f64::from(shift[0]));
            let next = Unary::Affine { scale, shift };
            let function = x.function().then(next);
            if function.size() <= MAX_SIZE {
                return Ok(x.with_function(node.name, function));
            }
        }
        if !x.is_plain() {
            x = self.settle(x)?;
        }
        self.affine(node, &x, &scale, Gaussian { mean: shift, sigma })
    }

    /// Succeeds if constant input `i` has axes of extent 1 only, besides that of the channels of `x`.
    pub(super) fn require_per_channel(
        &self,
        node: &OnnxNode<'a>,
        i: usize,
        x: &Activation,
    ) -> Result<(), ImportError> {
        let axes = x.form.axes();
        let shape = self.constant(node, i)?.map_or(Vec::new(), |c| c.shape.clone());
        // Aligned at the last axis, as NumPy does.
        let is_channel = |i: usize| axes.iter().rev().nth(i) == Some(&Axis::Channel);
        let fits = shape.len() <= axes.len() + 1
            && shape.iter().rev().enumerate().all(|(i, &d)| d == 1 || is_channel(i));
        let reason = || format!("the constant of shape {shape:?} is not one number per channel");
        fits.then_some(()).ok_or_else(|| node.refuse(reason()))
    }

    /// Constant input `i` as factors, one per channel; a single number counts for all.
    pub(super) fn factors(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        channels: usize,
    ) -> Result<Option<Gaussian>, ImportError> {
        let constant = self.constant(node, i)?;
        self.budget.charge(node.name, channels)?;
        let values = constant.as_ref().map(|c| finite_floats(node, i, c)).transpose()?;
        let factors = match values {
            Some([factor]) => vec![*factor; channels],
            Some(factors) if factors.len() == channels => factors.to_vec(),
            _ => {
                return Err(node.refuse(format!(
                    "input {i} must hold one float, or {channels}, one per channel"
                )));
            }
        };
        Ok(Some(Gaussian::deterministic(factors)))
    }

    /// The Add, Sub, Mul or Div of two activations.
    fn combine(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let (a, b) = (self.function_of(node, 0)?, self.function_of(node, 1)?);
        // The sum of a value and itself needs no table.
        if a.is_same_value(&b) && !(is_sum(node.op) && a.is_plain() && b.is_plain()) {
            let (f, g) = (a.function(), b.function());
            let negated = || g.then(Unary::scaling(-1.0));
            let function = match node.op {
                "Mul" => f.times(&g),
                "Div" => f.times(&g.then(Unary::Reciprocal)),
                "Sub" => f.plus(&negated()),
                _ => f.plus(&g),
            };
            if function.size() <= MAX_SIZE {
                return Ok(a.with_function(node.name, function));
            }
        }
        if node.op == "Div" {
            let function = b.function().then(Unary::Reciprocal);
            let reciprocal = self.bounded_function(node, b, function)?;
            let (a, b) = (self.settled(node, 0)?, self.settle(reciprocal)?);
            return self.product(node, a, b);
        }
        let (a, mut b) = (self.settled(node, 0)?, self.settled(node, 1)?);
        match node.op {
            "Mul" => return self.product(node, a, b),
            "Sub" => {
                let negative = Function::argument().then(Unary::scaling(-1.0));
                b.value = self.push_function(node.name, negative, b.value)?;
            }
            _ => {}
        }
        self.addition(node, a, b)
    }

    /// The sum of all inputs, which are activations.
    fn sum(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let terms = (0..node.proto.input.len()).map(|i| self.settled(node, i));
        let terms = terms.collect::<Result<_, _>>()?;
        self.sum_of(node, terms)
    }

    /// The sum of activations on which nothing is pending.
    pub(in crate::onnx) fn sum_of(
        &mut self,
        node: &OnnxNode<'a>,
        terms: Vec<Activation>,
    ) -> Result<Activation, ImportError> {
        let mut terms = terms.into_iter();
        let first = terms.next().ok_or_else(|| node.refuse("it has no inputs"))?;
        terms.try_fold(first, |sum, term| self.addition(node, sum, term))
    }

    fn addition(
        &mut self,
        node: &OnnxNode<'a>,
        a: Activation,
        b: Activation,
    ) -> Result<Activation, ImportError> {
        let [a, b] = self.of_one_shape(node, [a, b])?;
        let value = self.push(node.name, Op::Add, vec![a.value, b.value])?;
        Ok(Activation { value, ..a })
    }

    /// Multiplies two values; one may have a factor for each channel.
    fn product(
        &mut self,
        node: &OnnxNode<'a>,
        a: Activation,
        b: Activation,
    ) -> Result<Activation, ImportError> {
        let by_channel = |factor: &Activation, of: &Activation| {
            factor.shape.spatial() == 1
                && factor.shape.channels == of.shape.channels
                && factor.is_laid_out_like(of)
        };
        let [first, second] = if by_channel(&b, &a) {
            [a, b]
        } else if by_channel(&a, &b) {
            [b, a]
        } else {
            self.of_one_shape(node, [a, b])?
        };
        let value = self.push(node.name, Op::Multiply, vec![first.value, second.value])?;
        Ok(Activation { value, ..first })
    }

    /// Both values, repeated along axes of extent 1 where the other is longer.
    fn of_one_shape(
        &mut self,
        node: &OnnxNode<'a>,
        [a, b]: [Activation; 2],
    ) -> Result<[Activation; 2], ImportError> {
        let shapes = [&a, &b].map(|x| x.dimensions(self.batch));
        let refuse = || node.refuse(format!("combines values of shapes {shapes:?}"));
        if !a.is_laid_out_like(&b) {
            return Err(refuse());
        }
        let shape = joint(a.shape, b.shape);
        let mut repeated = |x| self.repeated(node.name, x, shape)?.ok_or_else(refuse);
        Ok([repeated(a)?, repeated(b)?])
    }
}

/// Whether the operator adds.
fn is_sum(op: &str) -> bool {
    matches!(op, "Add" | "Sum")
}

/// Whether the operator adds or subtracts.
fn is_shift(op: &str) -> bool {
    is_sum(op) || op == "Sub"
}

/// Add, Sub, Mul, Div, Sum, Min or Max of constants, with NumPy's broadcasting.
pub(super) fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let mut result = operands.required(node, 0)?.clone();
    for i in 1..operands.inputs.len() {
        result = fold_two(node, node.op, operands, [&result, operands.required(node, i)?])?;
    }
    Ok(Constant::new(result.shape, result.data))
}

/// The operator `op` of two constants.
pub(super) fn fold_two(
    node: &OnnxNode<'_>,
    op: &str,
    operands: &Operands<'_>,
    [a, b]: [&Constant; 2],
) -> Result<Constant, ImportError> {
    let rank = a.shape.len().max(b.shape.len());
    let extent = |c: &Constant, axis: usize| {
        (axis + c.shape.len()).checked_sub(rank).and_then(|i| c.shape.get(i)).copied().unwrap_or(1)
    };
    let shape = (0..rank)
        .map(|i| match (extent(a, i), extent(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, n) | (n, 1) => Ok(n),
            _ => Err(node.refuse(format!("shapes {:?} and {:?} do not fit", a.shape, b.shape))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let count = elements(&shape).ok_or_else(|| node.refuse("the result is too large"))?;
    operands.budget.check(node.name, count.saturating_mul(2))?;
    // Broadcast axes have stride 0.
    let spread = |c: &Constant| {
        let own = strides(&c.shape);
        let missing = rank - c.shape.len();
        let stride = |i: usize| match i.checked_sub(missing) {
            Some(own_axis) if c.shape[own_axis] != 1 => own[own_axis],
            _ => 0,
        };
        c.rearranged(&Strided {
            shape: shape.clone(),
            strides: (0..rank).map(stride).collect(),
            offset: 0,
        })
    };
    let data = match (spread(a).data, spread(b).data) {
        (Data::Float(x), Data::Float(y)) => {
            let f: fn(f32, f32) -> f32 = match op {
                "Add" | "Sum" => |x, y| x + y,
                "Sub" => |x, y| x - y,
                "Mul" => |x, y| x * y,
                "Min" => f32::min,
                "Max" => f32::max,
                _ => |x, y| x / y,
            };
            Data::Float(x.iter().zip(&y).map(|(&x, &y)| f(x, y)).collect())
        }
        (Data::Integer(x), Data::Integer(y)) => {
            let f: fn(i64, i64) -> Option<i64> = match op {
                "Add" | "Sum" => i64::checked_add,
                "Sub" => i64::checked_sub,
                "Mul" => i64::checked_mul,
                "Min" => |x, y| Some(x.min(y)),
                "Max" => |x, y| Some(x.max(y)),
                _ => i64::checked_div,
            };
            let values = x.iter().zip(&y).map(|(&x, &y)| f(x, y)).collect::<Option<_>>();
            Data::Integer(values.ok_or_else(|| node.refuse("overflow or division by zero"))?)
        }
        _ => return Err(node.refuse("mixes floats and integers")),
    };
    Ok(Constant::new(shape, data))
}
