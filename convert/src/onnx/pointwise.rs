//! Functions of single elements, and sums and products that turn out to be such functions.
//!
//! A function stays pending on the value that it is of. So whatever exporters spread over several
//! nodes, as `x * sigmoid(x)` or `x * clip(x + 3, 0, 6) / 6`, is one function by the time that
//! another node asks for its numbers, and becomes one table.

use bayes8_core::graph::{Op, Value};

use super::{
    ImportError,
    activation::{Activation, Pending},
    builder::Builder,
    node::OnnxNode,
};
use crate::function::{Function, Unary};

/// Operations that one function may hold. Far more than any activation has; a hostile file could
/// otherwise square a function again and again.
pub(super) const MAX_SIZE: usize = 64;

impl<'a> Builder<'a> {
    /// A function of input `i`, pending on the value that the input is a function of.
    pub(super) fn pointwise(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        function: impl Fn(Function) -> Function,
    ) -> Result<Activation, ImportError> {
        let mut x = self.function_of(node, i)?;
        let mut result = function(x.function());
        if result.size() > MAX_SIZE {
            x = self.settled(node, i)?;
            result = function(x.function());
        }
        Ok(x.with_function(node.name, result))
    }

    /// `function` of the value that `x` is a function of, where it is not too large.
    pub(super) fn bounded_function(
        &self,
        node: &OnnxNode<'a>,
        x: Activation,
        function: Function,
    ) -> Result<Activation, ImportError> {
        if function.size() > MAX_SIZE {
            return Err(node.refuse("the function that it ends is too large for one table"));
        }
        Ok(x.with_function(node.name, function))
    }

    /// Input `i` with nothing but a function pending.
    pub(super) fn function_of(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
    ) -> Result<Activation, ImportError> {
        self.settled_unless(node, i, |pending| matches!(pending, Pending::Function { .. }))
    }

    /// A node for a pending function.
    pub(super) fn push_function(
        &mut self,
        name: &str,
        function: Function,
        x: Value,
    ) -> Result<Value, ImportError> {
        let clamp = function.as_clamp();
        let op = if clamp.is_some() { Op::Requantize } else { Op::Table };
        let value = self.push(name, op, vec![x])?;
        if let Value::Node(n) = value {
            match clamp {
                Some(clamp) => self.clamps[n] = clamp,
                None => self.functions[n] = Some(function),
            }
        }
        Ok(value)
    }

    /// The Add, Sub, Mul or Div of two activations.
    pub(super) fn combine(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let (a, b) = (self.function_of(node, 0)?, self.function_of(node, 1)?);
        // The sum of a value and itself needs no table.
        if a.is_same_value(&b) && !(is_sum(node.op) && a.is_plain() && b.is_plain()) {
            let (f, g) = (a.function(), b.function());
            let negated = || g.then(Unary::Affine { scale: -1.0, shift: 0.0 });
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
        let (a, b) = (self.settled(node, 0)?, self.settled(node, 1)?);
        let shapes = [a.dimensions(self.batch), b.dimensions(self.batch)];
        if node.op == "Mul" {
            return self.product(node, a, b);
        }
        self.check_layout(node, &a, &b)?;
        if a.shape != b.shape {
            return Err(node.refuse(format!(
                "adds values of different shapes, {:?} and {:?}",
                shapes[0], shapes[1]
            )));
        }
        let mut second = b.value;
        if node.op == "Sub" {
            let negative = Function::argument().then(Unary::Affine { scale: -1.0, shift: 0.0 });
            second = self.push_function(node.name, negative, second)?;
        }
        let value = self.push(node.name, Op::Add, vec![a.value, second])?;
        Ok(Activation { value, ..a })
    }

    fn check_layout(
        &self,
        node: &OnnxNode<'a>,
        a: &Activation,
        b: &Activation,
    ) -> Result<(), ImportError> {
        if a.is_laid_out_like(b) {
            return Ok(());
        }
        let shapes = [a, b].map(|x| x.dimensions(self.batch));
        Err(node.refuse(format!("combines values of shapes {shapes:?}")))
    }

    /// Two values of one shape, or one of them a factor for each channel.
    fn product(
        &mut self,
        node: &OnnxNode<'a>,
        a: Activation,
        b: Activation,
    ) -> Result<Activation, ImportError> {
        self.check_layout(node, &a, &b)?;
        let by_channel = |factor: &Activation, of: &Activation| {
            factor.shape.spatial() == 1 && factor.shape.channels == of.shape.channels
        };
        let (first, second) = if a.shape == b.shape || by_channel(&b, &a) {
            (a, b)
        } else if by_channel(&a, &b) {
            (b, a)
        } else {
            return Err(node.refuse(format!(
                "multiplies {:?} by {:?}; only values of one shape, or one factor for each channel, \
                 can be multiplied",
                a.dimensions(self.batch),
                b.dimensions(self.batch)
            )));
        };
        let value = self.push(node.name, Op::Multiply, vec![first.value, second.value])?;
        Ok(Activation { value, ..first })
    }
}

/// Whether the operator adds: `Sum` of two inputs is what older exporters write.
pub(super) fn is_sum(op: &str) -> bool {
    matches!(op, "Add" | "Sum")
}
