//! The last function of an output, which says what the numbers before it are, and is left out.

use super::activation::{Activation, Pending};
use crate::function::{Function, Unary};

/// The last function of an output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ending {
    Softmax,
    Sigmoid,
    /// Of variances, to which the file adds a number.
    Softplus {
        plus: f64,
    },
    /// Of variances, to which the file adds a number.
    Exp {
        plus: f64,
    },
}

impl Ending {
    /// The number that the file adds to variances.
    pub(super) fn least_variance(self) -> f64 {
        match self {
            Self::Softmax | Self::Sigmoid => 0.0,
            Self::Softplus { plus } | Self::Exp { plus } => plus,
        }
    }
}

/// The last function of an output, if it says what the numbers are, and the output before it.
pub(super) fn ending(output: &Activation) -> Option<(Ending, Activation)> {
    if output.softmax {
        // It is left out already.
        return Some((Ending::Softmax, output.clone()));
    }
    let Pending::Function { node, function } = &output.pending else { return None };
    let (ending, before) = of_function(function)?;
    let plain = Activation { pending: Pending::Nothing, ..output.clone() };
    let is_nothing = before == Function::argument();
    Some((ending, if is_nothing { plain } else { plain.with_function(node, before) }))
}

fn of_function(function: &Function) -> Option<(Ending, Function)> {
    if let Some(before) = function.before(Unary::Sigmoid) {
        return Some((Ending::Sigmoid, before));
    }
    let (variance, plus) = match function.without_shift() {
        Some((variance, plus)) if plus >= 0.0 => (variance, plus),
        _ => (function.clone(), 0.0),
    };
    let softplus = variance.before(Unary::Softplus).map(|x| (Ending::Softplus { plus }, x));
    softplus.or_else(|| variance.before(Unary::Exp).map(|x| (Ending::Exp { plus }, x)))
}

/// The node that makes variances of an output: a function that is never negative, and more than a
/// bound.
pub(super) fn maker_of_variances(output: &Activation) -> Option<&str> {
    let Pending::Function { node, function } = &output.pending else { return None };
    let makes = function.as_clamp().is_none() && function.is_within(0.0, f64::INFINITY);
    makes.then_some(node)
}
