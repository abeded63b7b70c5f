//! Operators that are functions of one number, and those of several that are such a function where
//! all their inputs are: numbers, or functions of one value.

use bayes8_core::words::counted;

use super::{
    ImportError,
    activation::Activation,
    builder::{Builder, Slot},
    node::OnnxNode,
};
use crate::{
    function::{Function, Unary},
    network::Clamp,
};

/// From the function that the input is to that of the output.
type Rule = Box<dyn Fn(&Function) -> Function>;

/// One function after the other.
fn chain<const N: usize>(steps: [Unary; N]) -> Rule {
    Box::new(move |x| steps.iter().fold(x.clone(), |y, step| y.then(*step)))
}

/// The argument times a chain of functions of it.
fn gated<const N: usize>(gate: [Unary; N]) -> Rule {
    let gate = chain(gate);
    Box::new(move |x| x.times(&gate(x)))
}

fn shifted(by: f64) -> Unary {
    Unary::Affine { scale: 1.0, shift: by }
}

fn scaled(by: f64) -> Unary {
    Unary::Affine { scale: by, shift: 0.0 }
}

/// A function that is the same number everywhere.
fn number(value: f64) -> Function {
    Function::argument().then(Unary::Affine { scale: 0.0, shift: value })
}

/// 1 minus it: the negation of what is 0 or 1.
const NOT: Unary = Unary::Affine { scale: -1.0, shift: 1.0 };

impl<'a> Builder<'a> {
    /// Functions of one input; `None` for other operators.
    pub(super) fn activation_function(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Option<Activation>, ImportError> {
        let float = |name, default: f32| node.float(name, default).map(f64::from);
        let clamp = |min, max| Unary::Clamp(Clamp { min, max });
        let rule: Rule = match node.op {
            "Neg" => chain([scaled(-1.0)]),
            "Not" => chain([NOT]),
            "Abs" => chain([Unary::Abs]),
            "Sign" => chain([Unary::Sign]),
            "Floor" => chain([Unary::Floor]),
            "Ceil" => chain([Unary::Ceil]),
            "Round" => chain([Unary::Round]),
            "Reciprocal" => chain([Unary::Reciprocal]),
            "Sqrt" => chain([Unary::Sqrt]),
            "Exp" => chain([Unary::Exp]),
            "Log" => chain([Unary::Log]),
            "Sin" => chain([Unary::Sin]),
            "Cos" => chain([Unary::Cos]),
            "Tan" => {
                Box::new(|x| x.then(Unary::Sin).times(&x.then(Unary::Cos).then(Unary::Reciprocal)))
            }
            "Asin" => chain([Unary::Asin]),
            "Acos" => chain([Unary::Acos]),
            "Atan" => chain([Unary::Atan]),
            "Sinh" => chain([Unary::Sinh]),
            "Cosh" => chain([Unary::Cosh]),
            "Tanh" => chain([Unary::Tanh]),
            "Asinh" => chain([Unary::Asinh]),
            "Acosh" => chain([Unary::Acosh]),
            "Atanh" => chain([Unary::Atanh]),
            "Erf" => chain([Unary::Erf]),
            "Sigmoid" => chain([Unary::Sigmoid]),
            "Softplus" => chain([Unary::Softplus]),
            "Softsign" => gated([Unary::Abs, shifted(1.0), Unary::Reciprocal]),
            "Elu" => chain([Unary::Elu { alpha: float("alpha", 1.0)? }]),
            "Celu" => {
                let alpha = float("alpha", 1.0)?;
                if alpha <= 0.0 {
                    return Err(node.refuse(format!("`alpha` is {alpha}, but must be positive")));
                }
                chain([scaled(1.0 / alpha), Unary::Elu { alpha: 1.0 }, scaled(alpha)])
            }
            "Selu" => {
                let (alpha, gamma) = (float("alpha", 1.673_263_2)?, float("gamma", 1.050_701)?);
                chain([Unary::Elu { alpha }, scaled(gamma)])
            }
            "LeakyRelu" => chain([Unary::LeakyRelu { slope: float("alpha", 0.01)? }]),
            "PRelu" => chain([Unary::LeakyRelu { slope: self.slope(node)?.into() }]),
            "ThresholdedRelu" => {
                let alpha = float("alpha", 1.0)?;
                Box::new(move |x| x.then(shifted(-alpha)).select(x, &number(0.0)))
            }
            "Shrink" => {
                let (bias, threshold) = (float("bias", 0.0)?, float("lambd", 0.5)?);
                Box::new(move |x| {
                    let below = x.then(scaled(-1.0)).then(shifted(-threshold));
                    let rest = below.select(&x.then(shifted(bias)), &number(0.0));
                    x.then(shifted(-threshold)).select(&x.then(shifted(-bias)), &rest)
                })
            }
            "HardSigmoid" => {
                let (scale, shift) = (float("alpha", 0.2)?, float("beta", 0.5)?);
                chain([Unary::Affine { scale, shift }, clamp(0.0, 1.0)])
            }
            "HardSwish" => gated([Unary::Affine { scale: 1.0 / 6.0, shift: 0.5 }, clamp(0.0, 1.0)]),
            "Swish" => gated([scaled(float("alpha", 1.0)?), Unary::Sigmoid]),
            "Mish" => gated([Unary::Softplus, Unary::Tanh]),
            "Gelu" => match node.string("approximate")? {
                None | Some("none") => gated([
                    scaled(std::f64::consts::FRAC_1_SQRT_2),
                    Unary::Erf,
                    Unary::Affine { scale: 0.5, shift: 0.5 },
                ]),
                Some("tanh") => Box::new(|x| {
                    let cube = x.times(x).times(x).then(scaled(0.044_715));
                    let inner = x.plus(&cube).then(scaled((2.0 / std::f64::consts::PI).sqrt()));
                    let gate = inner.then(Unary::Tanh);
                    x.times(&gate.then(Unary::Affine { scale: 0.5, shift: 0.5 }))
                }),
                Some(other) => {
                    return Err(node.refuse(format!("`approximate` {other} is not supported")));
                }
            },
            _ => return Ok(None),
        };
        self.pointwise(node, 0, |x| rule(&x)).map(Some)
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

    /// A power with a constant exponent, or of a constant base.
    pub(super) fn power(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        if let Some(exponent) = self.number_beside(node, 1, 0)? {
            let rule: Rule = match exponent {
                2.0 => Box::new(|x| x.times(x)),
                0.5 => chain([Unary::Sqrt]),
                // The reciprocal first: it has its pole where its argument is zero.
                _ if exponent < 0.0 => {
                    chain([Unary::Reciprocal, Unary::Power { exponent: -exponent }])
                }
                _ => chain([Unary::Power { exponent }]),
            };
            return self.pointwise(node, 0, |x| rule(&x));
        }
        match self.number_beside(node, 0, 1)? {
            Some(base) if base > 0.0 => {
                let rule = chain([scaled(libm::log(base)), Unary::Exp]);
                self.pointwise(node, 1, |x| rule(&x))
            }
            _ => Err(node.refuse(
                "only a power with one number as its exponent, or of a positive number, is supported",
            )),
        }
    }

    /// Comparisons, logic, choices and extrema of functions of one value, and of numbers.
    pub(super) fn choice(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let Some((x, operands)) = self.functions_of_one(node)? else {
            return Err(node.refuse(
                "only numbers and functions of one and the same value can be compared or chosen from",
            ));
        };
        let above = |a: &Function, b: &Function| a.plus(&b.then(scaled(-1.0)));
        let result = match (node.op, operands.as_slice()) {
            ("Min" | "Max", [first, rest @ ..]) => rest.iter().fold(first.clone(), |a, b| {
                let (low, high) = if node.op == "Min" { (b, &a) } else { (&a, b) };
                above(&a, b).select(low, high)
            }),
            ("Greater", [a, b]) => above(a, b).then(Unary::Step),
            ("Less", [a, b]) => above(b, a).then(Unary::Step),
            ("GreaterOrEqual", [a, b]) => above(b, a).then(Unary::Step).then(NOT),
            ("LessOrEqual", [a, b]) => above(a, b).then(Unary::Step).then(NOT),
            ("Equal", [a, b]) => above(a, b).then(Unary::Abs).then(Unary::Step).then(NOT),
            ("And", [a, b]) => a.times(b),
            ("Or", [a, b]) => a.plus(b).then(Unary::Step),
            ("Xor", [a, b]) => above(a, b).then(Unary::Abs),
            ("Where", [condition, a, b]) => condition.select(a, b),
            _ => return Err(node.refuse(format!("it has {}", counted(operands.len(), "input")))),
        };
        self.bounded_function(node, x, result)
    }

    /// The value that all inputs but numbers are functions of, and each input as a function of it;
    /// `None` where there are several.
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
            match function.or(constant.map(number)) {
                Some(operand) => operands.push(operand),
                None => return Ok(None),
            }
        }
        Ok(Some((value, operands)))
    }

    pub(super) fn is_constant(&self, node: &OnnxNode<'_>, i: usize) -> bool {
        node.input(i).is_some_and(|name| matches!(self.slot(node, name), Ok(Slot::Constant(_))))
    }

    /// The constant input `i` of a node whose input `beside` is an activation, where it is one
    /// number for every element; `None` where it is not constant or holds several numbers.
    fn number_beside(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
        beside: usize,
    ) -> Result<Option<f64>, ImportError> {
        if !self.is_constant(node, i) {
            return Ok(None);
        }
        let x = self.activation(node, beside)?;
        self.number(node, i, &x)
    }

    /// Constant input `i`, if its numbers are all the same and it does not make `x` larger.
    pub(super) fn number(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
        x: &Activation,
    ) -> Result<Option<f64>, ImportError> {
        let Some(constant) = self.constant(node, i)? else { return Ok(None) };
        let dimensions = x.dimensions(self.batch);
        let fits = |(at, &extent): (usize, &usize)| {
            extent == 1 || dimensions.iter().rev().nth(at) == Some(&extent)
        };
        if constant.shape.len() > dimensions.len()
            || !constant.shape.iter().rev().enumerate().all(fits)
        {
            return Ok(None);
        }
        let number = constant.uniform();
        match number {
            Some(number) if !number.is_finite() && !matches!(node.op, "Min" | "Max") => {
                Err(node.refuse(format!("input {i} is {number}")))
            }
            _ => Ok(number),
        }
    }
}
