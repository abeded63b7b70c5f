//! The outputs of the network, and what the file says about their meaning.
//!
//! A model's outputs are logits, means and variances. A function at the end of the network that turns
//! them into something else is left out, and says what they are.

use bayes8_core::graph::{Graph, Node, Op, Value};
use bayes8_core::head::Output;
use bayes8_core::ops::Resize;

use super::{
    activation::{Activation, Form, Pending},
    builder::{Builder, Slot},
    ending::{Ending, ending, maker_of_variances},
    model::OutputGroup,
};
use crate::{
    error::ImportError,
    head_kind::HeadKind,
    network::{Network, NetworkOutput},
};

impl Builder<'_> {
    /// The finished network, with these outputs.
    pub(super) fn finish(mut self, groups: &[OutputGroup<'_>]) -> Result<Network, ImportError> {
        if let Some(name) = self.sigmas.iter().find(|name| !self.sampled.contains(*name)) {
            return Err(ImportError::SigmaNotWeight(name.clone()));
        }
        let mut outputs = Vec::with_capacity(groups.len());
        for group in groups {
            let name = match groups {
                [_] => Output::NAME,
                _ => group.names[0],
            };
            outputs.push(NetworkOutput { name: name.to_owned(), ..self.group(group)? });
        }
        self.remove_unread(&mut outputs)?;
        Ok(Network { outputs, input: self.input, graph: self.graph })
    }

    /// The layers that make an output, and what the numbers mean.
    fn group(&mut self, group: &OutputGroup<'_>) -> Result<NetworkOutput, ImportError> {
        let name = group.names[0];
        let mut parts = Vec::with_capacity(group.names.len());
        for &name in &group.names {
            let activation = match self.slots.get(name) {
                Some(Slot::Activation(activation)) => activation,
                Some(Slot::Moment(moment)) => return Err(moment.unfinished()),
                Some(Slot::Stack(_)) => {
                    return Err(refused(name, "it holds stacked values; concatenate them".into()));
                }
                Some(Slot::Constant(_) | Slot::Mask(_)) | None => {
                    return Err(refused(name, "it does not depend on the input".into()));
                }
            };
            let activation = Activation::clone(activation);
            parts.extend(self.joined(&activation).unwrap_or(vec![activation]));
        }
        let arg_max = parts.iter().any(|part| part.indices);
        let channels: Vec<usize> = parts.iter().map(|part| part.shape.channels).collect();
        let ends: Vec<Option<(Ending, Activation)>> = parts.iter().map(ending).collect();
        let endings: Vec<Option<Ending>> =
            ends.iter().map(|end| end.as_ref().map(|e| e.0)).collect();
        let found = match endings[..] {
            [Some(Ending::Softmax)] => Some(HeadKind::Classes),
            [None, Some(Ending::Softplus { .. })] => Some(HeadKind::GaussianSoftplus),
            [None, Some(Ending::Exp { .. })] => Some(HeadKind::GaussianLogVariance),
            _ if endings.iter().all(|ending| *ending == Some(Ending::Sigmoid)) => {
                Some(HeadKind::Labels)
            }
            [_] => None,
            _ if endings.iter().all(Option::is_none) => None,
            _ => {
                let reason = "its parts end in different functions; a regression has the means first, \
                              then the variances by Softplus or Exp";
                return Err(refused(name, reason.into()));
            }
        };
        if let (
            Some(HeadKind::GaussianSoftplus | HeadKind::GaussianLogVariance),
            &[means, variances],
        ) = (found, &channels[..])
            && means != variances
        {
            let reason = format!("it has {means} means, but {variances} variances");
            return Err(refused(name, reason));
        }
        let is_number = |head| !matches!(head, HeadKind::Classes | HeadKind::Labels);
        let head = match (found, group.head) {
            (None, given) => given,
            // A sigmoid may bound the target of a regression.
            (Some(HeadKind::Labels), Some(given)) if is_number(given) => group.head,
            (Some(found), Some(given)) if given != found => {
                let reason = format!("it ends as {found} do, but `{given}` was asked for");
                return Err(refused(name, reason));
            }
            (Some(found), _) => Some(found),
        };
        if let (
            Some(HeadKind::GaussianSoftplus | HeadKind::GaussianLogVariance),
            [_, .., None],
            [.., last],
        ) = (head, &endings[..], &parts[..])
            && let Some(maker) = maker_of_variances(last)
        {
            let reason = format!(
                "node `{maker}` makes variances of its last part, but `{head}` is asked for, which makes \
                 them again; of the functions that make variances, only Softplus or Exp, and a number \
                 added to it, can be left out",
                head = head.map_or("", HeadKind::name)
            );
            return Err(refused(name, reason));
        }
        let mut nodes = Vec::new();
        let mut resize = None;
        let mut least_variance = 0.0;
        let count = parts.len();
        for (mut part, end) in parts.into_iter().zip(ends) {
            let refuse = |reason: String| refused(name, reason);
            if found.is_some()
                && head == found
                && let Some((ending, before)) = end
            {
                part = before;
                least_variance = ending.least_variance();
            }
            if count == 1
                && let Some((by, before)) = self.last_resize(&part)
            {
                (resize, part) = (Some(by), before);
            }
            let may_be_bounded = head.is_some_and(is_number);
            let values = self.layers_of(part, may_be_bounded, refuse)?;
            // All are layers.
            nodes.extend(values.into_iter().filter_map(|value| match value {
                Value::Node(node) => Some(node),
                Value::Input => None,
            }));
        }
        let is_map = |&node: &usize| self.graph.nodes()[node].shape.spatial() > 1;
        if nodes.len() > 1 && nodes.iter().any(is_map) {
            let reason =
                "a map of several parts is not supported; concatenate the parts in the network";
            return Err(refused(name, reason.into()));
        }
        Ok(NetworkOutput { name: name.into(), nodes, resize, head, arg_max, least_variance })
    }

    /// The resizing that makes an output, and the output before it. It is done in f32 after the last
    /// layer, which costs less than a layer over more positions, and is more exact than in codes.
    fn last_resize(&self, output: &Activation) -> Option<(Resize, Activation)> {
        let n = self.exclusive(output.value)?;
        let Node { op: Op::Resize(by), inputs, data, .. } = &self.graph.nodes()[n] else {
            return None;
        };
        if !output.is_plain() || !data.clamp.is_none() {
            return None;
        }
        let before = Activation::new(inputs[0], output.form, self.graph.shape(inputs[0]));
        Some((by.clone(), before))
    }

    /// The two parts of an output that is a concatenation of which the second is variances.
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
        let is_variances = match ending(&second) {
            Some((end, _)) => matches!(end, Ending::Softplus { .. } | Ending::Exp { .. }),
            None => maker_of_variances(&second).is_some(),
        };
        is_variances.then(|| vec![part(first), second])
    }

    /// Removes nodes that no output depends on.
    fn remove_unread(&mut self, outputs: &mut [NetworkOutput]) -> Result<(), ImportError> {
        let nodes = self.graph.nodes();
        let mut is_read = vec![false; nodes.len()];
        outputs.iter().flat_map(|output| &output.nodes).for_each(|&n| is_read[n] = true);
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
        for node in outputs.iter_mut().flat_map(|output| &mut output.nodes) {
            if let Value::Node(n) = moved[*node] {
                *node = n;
            }
        }
        Ok(())
    }
}

fn refused(output: &str, reason: String) -> ImportError {
    ImportError::Interface { kind: "output", name: output.into(), reason }
}
