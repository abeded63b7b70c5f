//! Concat: of channels, and of constants.

use bayes8_core::graph::Op;

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Axis, Pending};
use crate::onnx::builder::{Builder, Slot};
use crate::onnx::constant::{Constant, Data, elements};
use crate::onnx::evidence::channels_at_axis;
use crate::onnx::node::OnnxNode;
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[Operator::new("Concat", &["axis"])
    .lower_all(|builder, node| {
        let slot = match builder.concat(node) {
            Ok(joined) => Slot::Activation(Box::new(joined)),
            Err(error) => Slot::Stack(builder.stack(node)?.ok_or(error)?),
        };
        Ok(vec![slot])
    })
    .fold(fold)
    .trace(channels_at_axis)];

impl<'a> Builder<'a> {
    fn concat(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        if let Some(joined) = self.concat_of_one(node)? {
            return Ok(joined);
        }
        let mut parts = Vec::new();
        for i in 0..node.proto.input.len() {
            parts.push(self.settled(node, i)?);
        }
        let first = parts.first().cloned().ok_or_else(|| node.refuse("no inputs"))?;
        if first.axis(node.axis(node.int("axis", 0)?, first.form.rank())?) != Some(Axis::Channel) {
            return Err(node.refuse("only channels can be concatenated"));
        }
        if parts.len() == 1 {
            return Ok(first);
        }
        for part in &parts {
            if part.form != first.form {
                return Err(node.refuse("cannot concatenate values of different numbers of axes"));
            }
            if part.flattened.is_some() {
                return Err(node.refuse("cannot concatenate a flattened picture"));
            }
        }
        let inputs = parts.iter().map(|part| part.value).collect();
        let value = self.push(node.name, Op::Concat, inputs)?;
        Ok(Activation::new(value, first.form, self.graph.shape(value)))
    }

    /// The Concat of inputs that are parts of the channels of one value: another selection of them.
    fn concat_of_one(&mut self, node: &OnnxNode<'a>) -> Result<Option<Activation>, ImportError> {
        let (mut joined, mut first): (Vec<usize>, Option<Activation>) = (Vec::new(), None);
        for i in 0..node.proto.input.len() {
            if self.is_constant(node, i) {
                return Ok(None);
            }
            let part = self.activation(node, i)?;
            if !matches!(part.pending, Pending::Channels { .. }) || part.view.is_some() {
                return Ok(None);
            }
            joined.extend(part.order());
            match &first {
                Some(first) if first.value != part.value || first.form != part.form => {
                    return Ok(None);
                }
                Some(_) => {}
                None => first = Some(part),
            }
        }
        let Some(first) = first else { return Ok(None) };
        let rank = first.dimensions(self.batch).len();
        if first.axis(node.axis(node.int("axis", 0)?, rank)?) != Some(Axis::Channel) {
            return Ok(None);
        }
        Ok(Some(first.selecting(node.name, |_| joined)))
    }
}

fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let parts: Vec<&Constant> =
        (0..operands.inputs.len()).map(|i| operands.required(node, i)).collect::<Result<_, _>>()?;
    let first = *parts.first().ok_or_else(|| node.refuse("no inputs"))?;
    let axis = node.axis(node.int("axis", 0)?, first.shape.len())?;
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    for part in &parts {
        let same = part.shape.len() == shape.len()
            && (0..shape.len()).all(|i| i == axis || part.shape[i] == shape[i]);
        if !same {
            return Err(node.refuse("the inputs' shapes do not fit"));
        }
        shape[axis] = shape[axis].saturating_add(part.shape[axis]);
    }
    let count = elements(&shape).ok_or_else(|| node.refuse("the result is too large"))?;
    operands.budget.check(node.name, count)?;
    let outer: usize = shape[..axis].iter().product();
    fn join<T: Copy>(outer: usize, parts: &[&[T]]) -> Vec<T> {
        let rows = |part: &&[T]| part.len() / outer.max(1);
        let row = |o: usize| parts.iter().flat_map(move |p| &p[o * rows(p)..(o + 1) * rows(p)]);
        (0..outer).flat_map(row).copied().collect()
    }
    let floats: Option<Vec<&[f32]>> = parts.iter().map(|p| p.floats()).collect();
    let integers: Option<Vec<&[i64]>> = parts.iter().map(|p| p.as_integers()).collect();
    let data = match (floats, integers) {
        (Some(parts), _) => Data::Float(join(outer, &parts)),
        (_, Some(parts)) => Data::Integer(join(outer, &parts)),
        _ => return Err(node.refuse("mixes floats and integers")),
    };
    Ok(Constant::new(shape, data))
}
