//! Operators that are functions of one number.

use crate::clamp::Clamp;
use crate::error::ImportError;
use crate::function::{Function, Unary};
use crate::network::Gaussian;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::evidence::{broadcast, kept};
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;
use crate::onnx::pointwise::chain;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Neg", &[]).function(&[Unary::scaling(-1.0)]).trace(kept),
    Operator::new("Abs", &[]).function(&[Unary::Abs]).trace(kept),
    Operator::new("Sign", &[]).function(&[Unary::Sign]),
    Operator::new("Floor", &[]).function(&[Unary::Floor]),
    Operator::new("Ceil", &[]).function(&[Unary::Ceil]),
    Operator::new("Round", &[]).function(&[Unary::Round]),
    Operator::new("Reciprocal", &[]).function(&[Unary::Reciprocal]),
    Operator::new("Sqrt", &[]).function(&[Unary::Sqrt]).trace(kept),
    Operator::new("Sin", &[]).function(&[Unary::Sin]),
    Operator::new("Cos", &[]).function(&[Unary::Cos]),
    Operator::new("Tan", &[]).lower(|builder, node| {
        builder.pointwise(node, 0, |x| {
            x.then(Unary::Sin).times(&x.then(Unary::Cos).then(Unary::Reciprocal))
        })
    }),
    Operator::new("Asin", &[]).function(&[Unary::Asin]),
    Operator::new("Acos", &[]).function(&[Unary::Acos]),
    Operator::new("Atan", &[]).function(&[Unary::Atan]),
    Operator::new("Sinh", &[]).function(&[Unary::Sinh]),
    Operator::new("Cosh", &[]).function(&[Unary::Cosh]),
    Operator::new("Tanh", &[]).function(&[Unary::Tanh]).trace(kept),
    Operator::new("Asinh", &[]).function(&[Unary::Asinh]),
    Operator::new("Acosh", &[]).function(&[Unary::Acosh]),
    Operator::new("Atanh", &[]).function(&[Unary::Atanh]),
    Operator::new("Erf", &[]).function(&[Unary::Erf]).trace(kept),
    Operator::new("Sigmoid", &[]).function(&[Unary::Sigmoid]).trace(kept),
    Operator::new("Softplus", &[]).function(&[Unary::Softplus]).trace(kept),
    Operator::new("Softsign", &[]).lower(|builder, node| {
        gated(builder, node, &[Unary::Abs, Unary::shifting(1.0), Unary::Reciprocal])
    }),
    Operator::new("Elu", &["alpha"])
        .lower(|builder, node| {
            let alpha = float(node, "alpha", 1.0)?;
            chained(builder, node, &[Unary::Elu { alpha }])
        })
        .trace(kept),
    Operator::new("Celu", &["alpha"]).lower(|builder, node| {
        let alpha = float(node, "alpha", 1.0)?;
        if alpha <= 0.0 {
            return Err(node.refuse(format!("`alpha` is {alpha}, but must be positive")));
        }
        let elu = Unary::Elu { alpha: 1.0 };
        chained(builder, node, &[Unary::scaling(1.0 / alpha), elu, Unary::scaling(alpha)])
    }),
    Operator::new("Selu", &["alpha", "gamma"])
        .lower(|builder, node| {
            let alpha = float(node, "alpha", 1.673_263_2)?;
            let gamma = float(node, "gamma", 1.050_701)?;
            chained(builder, node, &[Unary::Elu { alpha }, Unary::scaling(gamma)])
        })
        .trace(kept),
    Operator::new("LeakyRelu", &["alpha"])
        .lower(|builder, node| {
            let slope = float(node, "alpha", 0.01)?;
            chained(builder, node, &[Unary::LeakyRelu { slope }])
        })
        .trace(kept),
    Operator::new("PRelu", &[]).lower(|builder, node| builder.prelu(node)).trace(broadcast),
    Operator::new("ThresholdedRelu", &["alpha"]).lower(|builder, node| {
        let above = Unary::shifting(-float(node, "alpha", 1.0)?);
        builder.pointwise(node, 0, |x| x.then(above).select(&x, &Function::number(0.0)))
    }),
    Operator::new("Shrink", &["bias", "lambd"]).lower(|builder, node| {
        let (bias, threshold) = (float(node, "bias", 0.0)?, float(node, "lambd", 0.5)?);
        builder.pointwise(node, 0, |x| {
            let [above, up, down] = [-threshold, bias, -bias].map(Unary::shifting);
            let below = x.then(Unary::scaling(-1.0)).then(above);
            let rest = below.select(&x.then(up), &Function::number(0.0));
            x.then(above).select(&x.then(down), &rest)
        })
    }),
    Operator::new("HardSigmoid", &["alpha", "beta"])
        .lower(|builder, node| {
            let (scale, shift) = (float(node, "alpha", 0.2)?, float(node, "beta", 0.5)?);
            chained(builder, node, &[Unary::Affine { scale, shift }, Unary::Clamp(UNIT)])
        })
        .trace(kept),
    Operator::new("HardSwish", &[])
        .lower(|builder, node| {
            let line = Unary::Affine { scale: 1.0 / 6.0, shift: 0.5 };
            gated(builder, node, &[line, Unary::Clamp(UNIT)])
        })
        .trace(kept),
    Operator::new("Swish", &["alpha"]).lower(|builder, node| {
        let alpha = float(node, "alpha", 1.0)?;
        gated(builder, node, &[Unary::scaling(alpha), Unary::Sigmoid])
    }),
    Operator::new("Mish", &[])
        .lower(|builder, node| gated(builder, node, &[Unary::Softplus, Unary::Tanh]))
        .trace(kept),
    Operator::new("Gelu", &["approximate"]).lower(gelu).trace(kept),
];

/// Numbers from 0 to 1.
const UNIT: Clamp = Clamp { min: 0.0, max: 1.0 };

fn float(node: &OnnxNode<'_>, name: &str, default: f32) -> Result<f64, ImportError> {
    node.float(name, default).map(f64::from)
}

/// Applies one function after the other, the first to input 0.
fn chained<'a>(
    builder: &mut Builder<'a>,
    node: &OnnxNode<'a>,
    steps: &[Unary],
) -> Result<Activation, ImportError> {
    builder.pointwise(node, 0, |x| chain(&x, steps))
}

/// Multiplies input 0 by a chain of functions of it.
fn gated<'a>(
    builder: &mut Builder<'a>,
    node: &OnnxNode<'a>,
    gate: &[Unary],
) -> Result<Activation, ImportError> {
    builder.pointwise(node, 0, |x| x.times(&chain(&x, gate)))
}

fn gelu<'a>(builder: &mut Builder<'a>, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
    const HALF: Unary = Unary::Affine { scale: 0.5, shift: 0.5 };
    match node.string("approximate")? {
        None | Some("none") => {
            let inner = Unary::scaling(std::f64::consts::FRAC_1_SQRT_2);
            gated(builder, node, &[inner, Unary::Erf, HALF])
        }
        Some("tanh") => builder.pointwise(node, 0, |x| {
            let cube = x.times(&x).times(&x).then(Unary::scaling(0.044_715));
            let factor = (2.0 / std::f64::consts::PI).sqrt();
            x.times(&chain(&x.plus(&cube), &[Unary::scaling(factor), Unary::Tanh, HALF]))
        }),
        Some(other) => Err(node.refuse(format!("`approximate` {other} is not supported"))),
    }
}

impl<'a> Builder<'a> {
    /// One slope, or one for each channel: those scale the part below zero, which is added to the other.
    fn prelu(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let slopes = self.constant(node, 1)?.ok_or_else(|| node.refuse("it has no slopes"))?;
        if let Some(slope) = slopes.uniform().filter(|slope| slope.is_finite()) {
            return chained(self, node, &[Unary::LeakyRelu { slope }]);
        }
        let x = self.settled(node, 0)?;
        self.require_per_channel(node, 1, &x)?;
        let slopes = self.factors(node, 1, x.shape.channels)?;
        let slopes = slopes.ok_or_else(|| node.refuse("it has no slopes"))?.mean;
        let mut part = |clamp| {
            let clamp = Function::argument().then(Unary::Clamp(clamp));
            let value = self.push_function(node.name, clamp, x.value)?;
            Ok::<_, ImportError>(Activation { value, ..x.clone() })
        };
        let above = part(Clamp::RELU)?;
        let below = part(Clamp { max: 0.0, ..Clamp::NONE })?;
        let nothing = Gaussian::deterministic(vec![0.0; slopes.len()]);
        let below = self.affine(node, &below, &slopes, nothing)?;
        self.sum_of(node, vec![above, below])
    }
}
