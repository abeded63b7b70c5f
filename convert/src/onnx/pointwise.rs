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
use crate::{
    function::{Function, Unary},
    network::Clamp,
};

/// Operations that one function may hold. Far more than any activation has; a hostile file could
/// otherwise square a function again and again.
pub(super) const MAX_SIZE: usize = 64;

impl<'a> Builder<'a> {
    /// The activation functions of ONNX; `None` for other operators.
    pub(super) fn activation_function(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Option<Activation>, ImportError> {
        let float = |name, default: f32| node.float(name, default).map(f64::from);
        let clamp = |min, max| Unary::Clamp(Clamp { min, max });
        let chain: Vec<Unary> = match node.op {
            "Sigmoid" => vec![Unary::Sigmoid],
            "Tanh" => vec![Unary::Tanh],
            "Softplus" => vec![Unary::Softplus],
            "Erf" => vec![Unary::Erf],
            "Neg" => vec![Unary::Affine { scale: -1.0, shift: 0.0 }],
            "Elu" => vec![Unary::Elu { alpha: float("alpha", 1.0)? }],
            "Selu" => vec![
                Unary::Elu { alpha: float("alpha", 1.673_263_2)? },
                Unary::Affine { scale: float("gamma", 1.050_701)?, shift: 0.0 },
            ],
            "LeakyRelu" => vec![Unary::LeakyRelu { slope: float("alpha", 0.01)? }],
            "PRelu" => vec![Unary::LeakyRelu { slope: self.slope(node)?.into() }],
            "HardSigmoid" => {
                let (scale, shift) = (float("alpha", 0.2)?, float("beta", 0.5)?);
                vec![Unary::Affine { scale, shift }, clamp(0.0, 1.0)]
            }
            "HardSwish" => {
                vec![Unary::Affine { scale: 1.0 / 6.0, shift: 0.5 }, clamp(0.0, 1.0)]
            }
            "Mish" => vec![Unary::Softplus, Unary::Tanh],
            "Gelu" if matches!(node.string("approximate")?, None | Some("none")) => vec![
                Unary::Affine { scale: std::f64::consts::FRAC_1_SQRT_2, shift: 0.0 },
                Unary::Erf,
                Unary::Affine { scale: 0.5, shift: 0.5 },
            ],
            "Gelu" => return Err(node.refuse("only the exact Gelu, by Erf, is supported")),
            _ => return Ok(None),
        };
        let times_argument = matches!(node.op, "HardSwish" | "Mish" | "Gelu");
        let function = |x: Function| {
            let y = chain.iter().fold(x.clone(), |y, unary| y.then(*unary));
            if times_argument { x.times(&y) } else { y }
        };
        self.pointwise(node, 0, function).map(Some)
    }

    /// The slope of a PRelu, where there is one.
    fn slope(&self, node: &OnnxNode<'_>) -> Result<f32, ImportError> {
        let constant = self.constant(node, 1)?;
        match constant.as_ref().and_then(|c| c.floats()) {
            Some([slope, rest @ ..]) if slope.is_finite() && rest.iter().all(|s| s == slope) => {
                Ok(*slope)
            }
            _ => Err(node.refuse("only one slope for all channels is supported")),
        }
    }

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

    /// Input `i` with nothing but a function pending.
    pub(super) fn function_of(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
    ) -> Result<Activation, ImportError> {
        let x = self.activation(node, i)?;
        match x.pending {
            Pending::Nothing | Pending::Function { .. } => Ok(x),
            _ => self.settled(node, i),
        }
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
        if node.op == "Div" {
            return Err(node.refuse("divides by an activation; only constants can divide"));
        }
        let same = a.value == b.value && a.is_laid_out_like(&b) && a.shape == b.shape;
        // The sum of a value and itself needs no table.
        if same && !(node.op == "Add" && a.is_plain() && b.is_plain()) {
            let (f, g) = (a.function(), b.function());
            let negated = || g.then(Unary::Affine { scale: -1.0, shift: 0.0 });
            let function = match node.op {
                "Mul" => f.times(&g),
                "Sub" => f.plus(&negated()),
                _ => f.plus(&g),
            };
            if function.size() <= MAX_SIZE {
                return Ok(a.with_function(node.name, function));
            }
        }
        let (a, b) = (self.settled(node, 0)?, self.settled(node, 1)?);
        let shapes = [a.dimensions(self.batch), b.dimensions(self.batch)];
        if !a.is_laid_out_like(&b) {
            return Err(node.refuse(format!("combines values of shapes {shapes:?}")));
        }
        if node.op == "Mul" {
            return self.product(node, a, b);
        }
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

    /// Two values of one shape, or one of them a factor for each channel.
    fn product(
        &mut self,
        node: &OnnxNode<'a>,
        a: Activation,
        b: Activation,
    ) -> Result<Activation, ImportError> {
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
