//! Functions of single elements, and sums and products that turn out to be such functions.
//!
//! A function stays pending on its argument. So a function that exporters spread over several
//! nodes, such as `x * sigmoid(x)` or `x * clip(x + 3, 0, 6) / 6`, is a single function when
//! another node needs its numbers, and becomes one table.

use bayes8_core::graph::{Op, Value};

use super::{
    activation::{Activation, Pending},
    builder::Builder,
    node::OnnxNode,
};
use crate::{
    clamp::Clamp,
    error::ImportError,
    function::{Function, Unary},
    network::{Real, RealParameters},
};

/// The most operations of one function, far more than any activation has: otherwise a hostile file
/// could square a function again and again.
pub(super) const MAX_SIZE: usize = 64;

/// Applies one function after the other, the first to `x`.
pub(super) fn chain(x: &Function, steps: &[Unary]) -> Function {
    steps.iter().fold(x.clone(), |y, step| y.then(*step))
}

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

    /// Makes `function`, of the value that `x` is a function of, pending, unless it is too large.
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

    /// Input `i` with only a function pending.
    pub(super) fn function_of(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
    ) -> Result<Activation, ImportError> {
        self.settled_unless(node, i, |pending| matches!(pending, Pending::Function { .. }))
    }

    /// Clamps input `i`, if possible as part of the node that makes it, otherwise as a pending
    /// function.
    pub(super) fn clamp(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        clamp: Clamp,
    ) -> Result<Activation, ImportError> {
        let mut x = self.activation(node, i)?;
        // A border of zeros may stay pending if the clamp leaves zeros alone.
        let keeps_zero = clamp.apply(0.0) == 0.0;
        if !(keeps_zero && matches!(x.pending, Pending::Border { .. })) {
            x = self.function_of(node, i)?;
        }
        if clamp.is_none() {
            return Ok(x);
        }
        if matches!(x.pending, Pending::Function { .. }) {
            return self.pointwise(node, i, |x| x.then(Unary::Clamp(clamp)));
        }
        match self.clampable(x.value, clamp) {
            Some(n) => match self.graph.node_mut(n) {
                (_, Real { parameters: RealParameters::Function(function), .. }) => {
                    *function = function.then(Unary::Clamp(clamp));
                }
                (_, data) => data.clamp = data.clamp.then(clamp),
            },
            None if x.is_plain() => {
                return self.pointwise(node, i, |x| x.then(Unary::Clamp(clamp)));
            }
            None => {
                let function = Function::argument().then(Unary::Clamp(clamp));
                x.value = self.push_function(node.name, function, x.value)?;
            }
        }
        Ok(x)
    }

    /// The nearest node that can take up a clamp of `value`. Maxima and moves of elements commute
    /// with it, and so does dropout if scaling does; they are stepped over.
    fn clampable(&self, mut value: Value, clamp: Clamp) -> Option<usize> {
        let scales = |end: f32| end == 0.0 || end.is_infinite();
        let commutes_with_scaling = scales(clamp.min) && scales(clamp.max);
        loop {
            let n = self.exclusive(value)?;
            let node = &self.graph.nodes()[n];
            match node.op {
                Op::Dropout(_) if commutes_with_scaling => value = *node.inputs.first()?,
                Op::Dropout(_) => return None,
                // It computes new numbers.
                ref op if !op.only_moves() => return Some(n),
                // Its zeros would have to be clamped, too.
                Op::Pad(_) | Op::PadChannels(_) => return None,
                _ => value = *node.inputs.first()?,
            }
        }
    }
}
