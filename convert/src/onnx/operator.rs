//! The declaration of an ONNX operator. The files of `lower` hold one for each operator, and
//! everything else follows from them.

use std::rc::Rc;

use super::{
    activation::Activation,
    builder::{Builder, Slot},
    constant::{Constant, Data},
    evidence::{Step, Traced},
    known::Known,
    mask::Mask,
    node::{OnnxNode, Special},
    operands::Operands,
    pointwise::chain,
};
use crate::{
    error::ImportError,
    function::{Function, Unary},
};

type LowerOne = for<'a> fn(&mut Builder<'a>, &OnnxNode<'a>) -> Result<Activation, ImportError>;
type LowerAll = for<'a> fn(&mut Builder<'a>, &OnnxNode<'a>) -> Result<Vec<Slot>, ImportError>;
type DrawMask = for<'a> fn(&mut Builder<'a>, &OnnxNode<'a>) -> Result<Mask, ImportError>;
type FoldConstants = fn(&OnnxNode<'_>, &Operands<'_>) -> Result<Constant, ImportError>;
type TraceAxes = fn(&OnnxNode<'_>, &[Traced], &Known<'_, '_>) -> Option<Step>;

/// An ONNX operator: how its nodes are read in the operator sets 7 to 25.
pub(super) struct Operator {
    pub(super) name: &'static str,
    /// Any other attribute could change the meaning of the operator.
    pub(super) attributes: &'static [&'static str],
    /// The special activations that it understands.
    pub(super) takes: &'static [Special],
    lower: Lower,
    fold: Fold,
    /// The effect of a node on the axes of a value that it reads, given the extents after the
    /// batch; `None` if the node is not valid.
    pub(super) trace: TraceAxes,
}

/// How a node that reads an activation is lowered.
#[derive(Clone, Copy)]
enum Lower {
    Never,
    /// Its output is a chain of functions of each element of its first input.
    Function(&'static [Unary]),
    One(LowerOne),
    All(LowerAll),
    /// Its output is random, whatever it reads.
    Random(DrawMask),
}

/// How a node that reads constants only is computed.
#[derive(Clone, Copy)]
enum Fold {
    Never,
    /// Its output is its first input.
    First,
    Compute(FoldConstants),
}

impl Operator {
    /// An operator with these attributes. The methods below declare what is supported; without
    /// them, nothing is.
    pub(super) const fn new(name: &'static str, attributes: &'static [&'static str]) -> Self {
        let trace: TraceAxes = |_, _, _| Some(Step::Ends);
        Self { name, attributes, takes: &[], lower: Lower::Never, fold: Fold::Never, trace }
    }

    /// Lowers activations by `lower`, to the node's first output.
    pub(super) const fn lower(self, lower: LowerOne) -> Self {
        Self { lower: Lower::One(lower), ..self }
    }

    /// Lowers activations by `lower`, to all outputs of the node.
    pub(super) const fn lower_all(self, lower: LowerAll) -> Self {
        Self { lower: Lower::All(lower), ..self }
    }

    /// Makes random numbers by `draw`.
    pub(super) const fn random(self, draw: DrawMask) -> Self {
        Self { lower: Lower::Random(draw), ..self }
    }

    /// The operator is a chain of functions of each element.
    pub(super) const fn function(self, steps: &'static [Unary]) -> Self {
        Self { lower: Lower::Function(steps), ..self }
    }

    /// Computes constants by `fold`.
    pub(super) const fn fold(self, fold: FoldConstants) -> Self {
        Self { fold: Fold::Compute(fold), ..self }
    }

    /// Passes its first input on, if all are constant.
    pub(super) const fn fold_to_first(self) -> Self {
        Self { fold: Fold::First, ..self }
    }

    /// Follows axes by `trace`; without it, the operator mixes them.
    pub(super) const fn trace(self, trace: TraceAxes) -> Self {
        Self { trace, ..self }
    }

    /// Understands these special activations.
    pub(super) const fn takes(self, takes: &'static [Special]) -> Self {
        Self { takes, ..self }
    }

    /// The values of the outputs of `node`, in order; those after the first may be left out.
    pub(super) fn apply<'a>(
        &self,
        builder: &mut Builder<'a>,
        node: &OnnxNode<'a>,
    ) -> Result<Vec<Slot>, ImportError> {
        if let Lower::Random(draw) = self.lower {
            return Ok(vec![Slot::Mask(draw(builder, node)?)]);
        }
        let mut inputs = Vec::with_capacity(node.proto.input.len());
        let (mut constant, mut random, mut moment) = (true, false, false);
        for i in 0..node.proto.input.len() {
            let slot = node.input(i).map(|name| builder.slot(node, name)).transpose()?;
            constant &= !matches!(slot, Some(Slot::Activation(_)));
            moment |= matches!(slot, Some(Slot::Moment(_)));
            if let Some(Slot::Stack(stack)) = slot {
                let stack = stack.clone();
                return Ok(vec![builder.of_stack(node, stack)?]);
            }
            random |= matches!(slot, Some(Slot::Mask(_)));
            inputs.push(match slot {
                Some(Slot::Constant(c)) => Some(Rc::clone(c)),
                _ => None,
            });
        }
        let activation = match self.lower {
            // Only the shape of a mask is known.
            _ if random && node.op != "Shape" => return Ok(vec![builder.masked(node)?]),
            _ if moment => return Ok(vec![builder.moment(node)?]),
            _ if constant => return Ok(vec![Slot::Constant(self.folded(builder, node, &inputs)?)]),
            Lower::Never | Lower::Random(_) => {
                return Err(node.refuse("the operator is not supported"));
            }
            Lower::All(lower) => return lower(builder, node),
            Lower::One(lower) => lower(builder, node)?,
            Lower::Function(steps) => builder.pointwise(node, 0, |x| chain(&x, steps))?,
        };
        Ok(vec![Slot::Activation(Box::new(activation))])
    }

    fn folded(
        &self,
        builder: &mut Builder<'_>,
        node: &OnnxNode<'_>,
        inputs: &[Option<Rc<Constant>>],
    ) -> Result<Rc<Constant>, ImportError> {
        let operands = Operands { inputs, budget: &builder.budget };
        let result = match (self.fold, self.lower) {
            (Fold::Compute(fold), _) => fold(node, &operands)?,
            (Fold::Never, Lower::Function(steps)) => applied(node, &operands, steps)?,
            (Fold::First, _) => {
                // The same numbers: shared, not copied.
                let first = inputs.first().cloned().flatten();
                return first.ok_or_else(|| node.refuse("input 0 is missing"));
            }
            (Fold::Never, _) => {
                return Err(node.refuse("the operator is not supported on constants"));
            }
        };
        builder.budget.charge(node.name, result.data.len())?;
        Ok(Rc::new(result))
    }
}

/// A chain of functions of each number of operand 0.
fn applied(
    node: &OnnxNode<'_>,
    operands: &Operands<'_>,
    steps: &[Unary],
) -> Result<Constant, ImportError> {
    let constant = operands.required(node, 0)?;
    let function = chain(&Function::argument(), steps);
    let data = match &constant.data {
        Data::Float(numbers) => {
            let mut results = vec![0.0; numbers.len()];
            function.apply_all(numbers, &mut results);
            Data::Float(results)
        }
        Data::Integer(numbers) => {
            // f64 holds integers up to this.
            let exact = |x: &i64| x.unsigned_abs() <= 1 << 53;
            let results =
                numbers.iter().map(|x| exact(x).then(|| function.apply(*x as f64) as i64));
            let results = results.collect::<Option<_>>();
            Data::Integer(results.ok_or_else(|| node.refuse("its integers are too large"))?)
        }
    };
    Ok(Constant::new(constant.shape.clone(), data))
}
