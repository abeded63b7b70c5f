//! The outputs of the network, and what the file says about their meaning.
//!
//! A model's outputs are logits, means and variances. A function at the end of the network that turns
//! them into something else is left out, and says what they are.

use bayes8_core::graph::{Graph, Node, Op, Value};

use super::{
    activation::{Activation, Form, Pending},
    builder::{Builder, Slot},
    model::OutputGroup,
};
use crate::{
    error::ImportError,
    function::Unary,
    head_kind::HeadKind,
    network::{Network, NetworkOutput},
};

/// The last function of an output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Softmax,
    Sigmoid,
    Softplus,
    Exp,
}

impl Builder<'_> {
    /// The finished network, with these outputs.
    pub(super) fn finish(mut self, groups: &[OutputGroup<'_>]) -> Result<Network, ImportError> {
        if let Some(name) = self.sigmas.iter().find(|name| !self.sampled.contains(*name)) {
            return Err(ImportError::SigmaNotWeight(name.clone()));
        }
        let mut outputs = Vec::with_capacity(groups.len());
        for group in groups {
            let (values, head) = self.group(group)?;
            let name = match groups {
                [_] => "output",
                _ => group.names[0],
            };
            outputs.push((name.to_owned(), values, head));
        }
        self.remove_unread(&mut outputs)?;
        let node = |value: Value| match value {
            Value::Node(node) => Some(node),
            Value::Input => None,
        };
        let outputs = outputs.into_iter().map(|(name, values, head)| NetworkOutput {
            name,
            // All are layers.
            nodes: values.into_iter().filter_map(node).collect(),
            head,
        });
        Ok(Network { outputs: outputs.collect(), input: self.input, graph: self.graph })
    }

    /// The layers that make an output, and what the numbers mean.
    fn group(
        &mut self,
        group: &OutputGroup<'_>,
    ) -> Result<(Vec<Value>, Option<HeadKind>), ImportError> {
        let mut parts = Vec::with_capacity(group.names.len());
        for &name in &group.names {
            let Some(Slot::Activation(activation)) = self.slots.get(name) else {
                return Err(refused(name, "it does not depend on the input".into()));
            };
            let activation = Activation::clone(activation);
            parts.extend(self.joined(&activation).unwrap_or(vec![activation]));
        }
        let channels: Vec<usize> = parts.iter().map(|part| part.shape.channels).collect();
        let endings: Vec<Option<Ending>> = parts.iter().map(ending).collect();
        let found = match endings[..] {
            [Some(Ending::Softmax)] => Some(HeadKind::Classes),
            [None, Some(Ending::Softplus)] => Some(HeadKind::GaussianSoftplus),
            [None, Some(Ending::Exp)] => Some(HeadKind::GaussianLogVariance),
            _ if endings.iter().all(|ending| *ending == Some(Ending::Sigmoid)) => {
                Some(HeadKind::Labels)
            }
            [_] => None,
            _ if endings.iter().all(Option::is_none) => None,
            _ => {
                let reason = "its parts end in different functions; a regression has the means first, \
                              then the variances by Softplus or Exp";
                return Err(refused(group.names[0], reason.into()));
            }
        };
        if let (
            Some(HeadKind::GaussianSoftplus | HeadKind::GaussianLogVariance),
            &[means, variances],
        ) = (found, &channels[..])
            && means != variances
        {
            let reason = format!("it has {means} means, but {variances} variances");
            return Err(refused(group.names[0], reason));
        }
        let is_number = |head| !matches!(head, HeadKind::Classes | HeadKind::Labels);
        let head = match (found, group.head) {
            (None, given) => given,
            // A sigmoid may bound the target of a regression.
            (Some(HeadKind::Labels), Some(given)) if is_number(given) => group.head,
            (Some(found), Some(given)) if given != found => {
                let reason = format!("it ends as {found} do, but `{given}` was asked for");
                return Err(refused(group.names[0], reason));
            }
            (Some(found), _) => Some(found),
        };
        let mut values = Vec::new();
        for (mut part, ending) in parts.into_iter().zip(endings) {
            let refuse = |reason: String| refused(group.names[0], reason);
            if head == found
                && let Some(ending) = ending
            {
                part = without(part, ending);
            }
            let may_be_bounded = head.is_some_and(is_number);
            values.extend(self.layers_of(part, may_be_bounded, refuse)?);
        }
        Ok((values, head))
    }

    /// The two parts of an output that is a concatenation of which the second ends in a function that
    /// says what it is.
    fn joined(&self, output: &Activation) -> Option<Vec<Activation>> {
        let Value::Node(n) = output.value else { return None };
        let Node { op: Op::Concat, inputs, data, .. } = &self.graph.nodes()[n] else { return None };
        let plain = output.is_plain() && output.flattened.is_none() && data.clamp.is_none();
        let &[first, second] = &inputs[..] else { return None };
        if !plain || output.form != Form::Vector {
            return None;
        }
        let table = &self.graph.nodes()[self.exclusive(second)?];
        let function = table.data.function()?.clone();
        let part = |value| Activation::new(value, Form::Vector, self.graph.shape(value));
        let pending = Pending::Function { node: table.name.clone(), function };
        let second = Activation { pending, ..part(table.inputs[0]) };
        let says = matches!(ending(&second), Some(Ending::Softplus | Ending::Exp));
        says.then(|| vec![part(first), second])
    }

    /// Removes nodes that no output depends on.
    fn remove_unread(
        &mut self,
        outputs: &mut [(String, Vec<Value>, Option<HeadKind>)],
    ) -> Result<(), ImportError> {
        let nodes = self.graph.nodes();
        let mut is_read = vec![false; nodes.len()];
        let mut read = |value: &Value| {
            if let Value::Node(n) = *value {
                is_read[n] = true;
            }
        };
        outputs.iter().flat_map(|(_, values, _)| values).for_each(&mut read);
        for (n, node) in nodes.iter().enumerate().rev() {
            if is_read[n] {
                for &input in &node.inputs {
                    if let Value::Node(n) = input {
                        is_read[n] = true;
                    }
                }
            }
        }
        if is_read.iter().all(|&is_read| is_read) {
            return Ok(());
        }
        let empty = Graph::new(self.graph.input())?;
        let nodes = std::mem::replace(&mut self.graph, empty).into_nodes();
        let mut moved: Vec<Value> = Vec::with_capacity(nodes.len());
        let new = |moved: &[Value], value: Value| match value {
            Value::Node(n) => moved[n],
            Value::Input => Value::Input,
        };
        for (Node { name, op, mut inputs, data, .. }, is_read) in nodes.into_iter().zip(is_read) {
            if !is_read {
                // Nothing reads it.
                moved.push(Value::Input);
                continue;
            }
            inputs.iter_mut().for_each(|value| *value = new(&moved, *value));
            moved.push(self.graph.push(name, op, inputs, data)?);
        }
        let values = outputs.iter_mut().flat_map(|(_, values, _)| values);
        values.for_each(|value| *value = new(&moved, *value));
        Ok(())
    }
}

fn refused(output: &str, reason: String) -> ImportError {
    ImportError::Interface { kind: "output", name: output.into(), reason }
}

/// The last function of an output, if it says what the numbers are.
fn ending(output: &Activation) -> Option<Ending> {
    if output.softmax {
        return Some(Ending::Softmax);
    }
    let Pending::Function { function, .. } = &output.pending else { return None };
    let is_last = |(unary, _): &(Unary, Ending)| function.before(*unary).is_some();
    FUNCTIONS.into_iter().find(is_last).map(|(_, ending)| ending)
}

const FUNCTIONS: [(Unary, Ending); 3] = [
    (Unary::Sigmoid, Ending::Sigmoid),
    (Unary::Softplus, Ending::Softplus),
    (Unary::Exp, Ending::Exp),
];

/// The output before its last function. A Softmax is left out already.
fn without(output: Activation, ending: Ending) -> Activation {
    let Pending::Function { node, function } = &output.pending else { return output };
    let unary = FUNCTIONS.into_iter().find(|(_, other)| *other == ending);
    match unary.and_then(|(unary, _)| function.before(unary)) {
        Some(before) => {
            let node = node.clone();
            let is_nothing = before == crate::function::Function::argument();
            let plain = Activation { pending: Pending::Nothing, ..output };
            if is_nothing { plain } else { plain.with_function(&node, before) }
        }
        None => output,
    }
}
