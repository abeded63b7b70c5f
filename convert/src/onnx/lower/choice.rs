//! Comparisons, logic, choices and extrema: of numbers and functions of one value.

use bayes8_core::counts::counted;
use bayes8_core::graph::Value;

use super::arithmetic;
use crate::clamp::Clamp;
use crate::error::ImportError;
use crate::function::{Function, Unary};
use crate::network::Gaussian;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::evidence::kept;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Greater", &[]).lower(|builder, node| builder.choice(node)),
    Operator::new("GreaterOrEqual", &[]).lower(|builder, node| builder.choice(node)),
    Operator::new("Less", &[]).lower(|builder, node| builder.choice(node)),
    Operator::new("LessOrEqual", &[]).lower(|builder, node| builder.choice(node)),
    Operator::new("Equal", &[]).lower(|builder, node| builder.choice(node)),
    Operator::new("And", &[]).lower(|builder, node| builder.choice(node)),
    Operator::new("Or", &[]).lower(|builder, node| builder.choice(node)),
    Operator::new("Xor", &[]).lower(|builder, node| builder.choice(node)),
    Operator::new("Where", &[]).lower(|builder, node| builder.choice(node)),
    Operator::new("Not", &[]).function(&[Unary::NOT]),
    Operator::new("Min", &[])
        .lower(|builder, node| builder.extremum(node))
        .fold(arithmetic::fold)
        .trace(kept),
    Operator::new("Max", &[])
        .lower(|builder, node| builder.extremum(node))
        .fold(arithmetic::fold)
        .trace(kept),
];

impl<'a> Builder<'a> {
    /// Comparisons, logic, choices and extrema of functions of one value, and of numbers.
    fn choice(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let Some((x, operands)) = self.functions_of_one(node)? else {
            return Err(node.refuse(
                "only numbers and functions of one and the same value can be compared or chosen from",
            ));
        };
        let above = |a: &Function, b: &Function| a.plus(&b.then(Unary::scaling(-1.0)));
        let result = match (node.op, operands.as_slice()) {
            ("Min" | "Max", [first, rest @ ..]) => rest.iter().fold(first.clone(), |a, b| {
                let (low, high) = if node.op == "Min" { (b, &a) } else { (&a, b) };
                above(&a, b).select(low, high)
            }),
            ("Greater", [a, b]) => above(a, b).then(Unary::Step),
            ("Less", [a, b]) => above(b, a).then(Unary::Step),
            ("GreaterOrEqual", [a, b]) => above(b, a).then(Unary::Step).then(Unary::NOT),
            ("LessOrEqual", [a, b]) => above(a, b).then(Unary::Step).then(Unary::NOT),
            ("Equal", [a, b]) => above(a, b).then(Unary::Abs).then(Unary::Step).then(Unary::NOT),
            ("And", [a, b]) => a.times(b),
            ("Or", [a, b]) => a.plus(b).then(Unary::Step),
            ("Xor", [a, b]) => above(a, b).then(Unary::Abs),
            ("Where", [condition, a, b]) => condition.select(a, b),
            _ => return Err(node.refuse(format!("it has {}", counted(operands.len(), "input")))),
        };
        self.bounded_function(node, x, result)
    }

    /// The Min or Max of an activation and numbers, which clamps it, or of functions of one value.
    fn extremum(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let inputs = 0..node.proto.input.len();
        let (constants, activations): (Vec<_>, Vec<_>) =
            inputs.partition(|&i| self.is_constant(node, i));
        let &[i] = activations.as_slice() else { return self.choice(node) };
        let mut clamp = Clamp::NONE;
        for constant in constants {
            let x = self.activation(node, i)?;
            let bound = match self.number(node, constant, &x)? {
                Some(bound) if bound.is_nan() => return Err(node.refuse("its bound is NaN")),
                Some(bound) => bound as f32,
                None if node.proto.input.len() == 2 => return self.bounds(node, i, constant),
                None => return Err(node.refuse("only one number may bound it besides another")),
            };
            let next = match node.op {
                "Min" => Clamp { max: bound, ..Clamp::NONE },
                _ => Clamp { min: bound, ..Clamp::NONE },
            };
            clamp = clamp.then(next);
        }
        if clamp.min == f32::INFINITY || clamp.max == f32::NEG_INFINITY {
            return Err(node.refuse("its bound excludes every number"));
        }
        self.clamp(node, i, clamp)
    }

    /// The Min or Max of input `i` and a constant of one bound for each channel: what is beyond the bounds is
    /// cut off from the difference, to which they are added again.
    fn bounds(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        constant: usize,
    ) -> Result<Activation, ImportError> {
        let x = self.settled(node, i)?;
        self.require_per_channel(node, constant, &x)?;
        let bounds = self.factors(node, constant, x.shape.channels)?;
        let bounds = bounds.ok_or_else(|| node.refuse("it has no bounds"))?.mean;
        // min(x, b) = b - max(b - x, 0).
        let sign = if node.op == "Min" { -1.0 } else { 1.0 };
        let signs = vec![sign; bounds.len()];
        let shift = bounds.iter().map(|bound| -sign * bound).collect();
        let beyond = self.affine(node, &x, &signs, Gaussian::deterministic(shift))?;
        if let Value::Node(n) = beyond.value {
            self.graph.node_mut(n).1.clamp = Clamp::RELU;
        }
        self.affine(node, &beyond, &signs, Gaussian::deterministic(bounds))
    }

    /// The value of which all inputs except numbers are functions, and each input as a function of
    /// it; `None` if there are several.
    fn functions_of_one(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Option<(Activation, Vec<Function>)>, ImportError> {
        let mut value: Option<Activation> = None;
        let mut functions: Vec<Option<Function>> = Vec::new();
        for i in 0..node.proto.input.len() {
            if self.is_constant(node, i) {
                functions.push(None);
                continue;
            }
            let x = self.function_of(node, i)?;
            functions.push(Some(x.function()));
            match &value {
                Some(first) if !first.is_same_value(&x) => return Ok(None),
                Some(_) => {}
                None => value = Some(x),
            }
        }
        let Some(value) = value else { return Ok(None) };
        let mut operands = Vec::with_capacity(functions.len());
        for (i, function) in functions.into_iter().enumerate() {
            let constant = if function.is_none() { self.number(node, i, &value)? } else { None };
            match function.or(constant.map(Function::number)) {
                Some(operand) => operands.push(operand),
                None => return Ok(None),
            }
        }
        Ok(Some((value, operands)))
    }
}
