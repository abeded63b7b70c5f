//! The network under construction, and the one place where an ONNX operator is dispatched.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    rc::Rc,
};

use bayes8_core::{
    echo::Echo,
    graph::{AxisPadding, Graph, Op, Range, Value},
};

use super::{
    ImportError,
    activation::{Activation, Pending},
    budget::Budget,
    constant::{Constant, Source, is_float},
    external::External,
    fold::{self, Operands},
    model::Model,
    node::OnnxNode,
    outputs,
    shapes::shape_part,
};
use crate::{
    function::Function,
    network::{Clamp, LayerParameters, Network, NetworkInput},
    posterior::{Posterior, SigmaTensor},
};

/// What an ONNX value name stands for.
#[derive(Clone)]
pub(super) enum Slot {
    Constant(Rc<Constant>),
    Activation(Box<Activation>),
}

pub(super) struct Builder<'a> {
    pub(super) graph: Graph,
    pub(super) clamps: Vec<Clamp>,
    pub(super) layers: Vec<Option<LayerParameters>>,
    pub(super) functions: Vec<Option<Function>>,
    /// Per node: whether more than one ONNX input reads it, under whatever name.
    shared: Vec<bool>,
    /// Copies of a node's name so far, the first included.
    copies: HashMap<String, usize>,
    slots: HashMap<&'a str, Slot>,
    readers: &'a HashMap<&'a str, usize>,
    /// How often each value is still asked for.
    uses_left: HashMap<&'a str, usize>,
    input: NetworkInput,
    pub(super) batch: usize,
    pub(super) operator_set: i64,
    pub(super) budget: Budget,
    pub(super) moped: Option<f32>,
    /// Bayesian initializers that a layer has taken up.
    pub(super) sampled: HashSet<String>,
    sigmas: BTreeSet<String>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        model: &'a Model<'a>,
        posterior: Posterior,
        external: &mut External<'_>,
    ) -> Result<Self, ImportError> {
        let (mut sigmas, moped) = match posterior {
            Posterior::Tensors(tensors) => (tensors, None),
            Posterior::Moped { delta } if delta.is_finite() && delta > 0.0 => {
                (BTreeMap::new(), Some(delta))
            }
            Posterior::Moped { delta } => return Err(ImportError::Moped(delta)),
        };
        let bayesian: BTreeSet<String> = sigmas.keys().cloned().collect();
        if let Some(name) = sigmas.keys().find(|n| !model.initializers.contains_key(n.as_str())) {
            return Err(unknown_sigma(name, model));
        }
        let mut slots = HashMap::new();
        let mut numbers = 0usize;
        // What nothing reads may hold anything.
        let read = model.initializers.iter().filter(|(name, _)| model.uses.contains_key(*name));
        for (&name, proto) in read {
            let constant = Constant::decode(proto, name, external)?;
            let constant = with_source(constant, name, sigmas.remove(name))?;
            numbers = numbers.saturating_add(constant.data.len());
            slots.insert(name, Slot::Constant(Rc::new(constant)));
        }
        let input = &model.input;
        let picture = Activation::new(Value::Input, input.form, input.shape);
        let picture = Activation { bytes: input.bytes, ..picture };
        slots.insert(input.name, Slot::Activation(Box::new(picture)));
        Ok(Self {
            graph: Graph::new(input.shape)?,
            clamps: Vec::new(),
            layers: Vec::new(),
            functions: Vec::new(),
            shared: Vec::new(),
            copies: HashMap::new(),
            slots,
            readers: &model.readers,
            uses_left: model.uses.clone(),
            input: NetworkInput {
                layout: input.form,
                batch: input.batch,
                takes_bytes: input.bytes,
            },
            batch: input.batch.unwrap_or(1),
            operator_set: model.operator_set,
            budget: Budget::new(numbers),
            moped,
            sampled: HashSet::new(),
            sigmas: bayesian,
        })
    }

    /// Takes up one node.
    pub(super) fn lower(&mut self, node: &OnnxNode<'a>) -> Result<(), ImportError> {
        let slots = match node.op {
            "Split" => self.split(node)?,
            _ => vec![self.slot_of(node)?],
        };
        let several = slots.len() > 1;
        for (output, slot) in node.proto.output.iter().zip(slots).filter(|(o, _)| !o.is_empty()) {
            if let Slot::Activation(activation) = &slot
                && let Value::Node(n) = activation.value
                && (several || self.readers.get(output.as_str()) != Some(&1))
            {
                self.shared[n] = true;
            }
            self.slots.insert(output, slot);
        }
        self.free_operands(node);
        Ok(())
    }

    /// Drops what nothing asks for after `node`; a layer has its own copy of a constant.
    fn free_operands(&mut self, node: &OnnxNode<'a>) {
        for name in node.proto.input.iter().map(String::as_str) {
            if let Some(left) = self.uses_left.get_mut(name) {
                *left -= 1;
                if *left == 0 {
                    self.slots.remove(name);
                }
            }
        }
    }

    fn slot_of(&mut self, node: &OnnxNode<'a>) -> Result<Slot, ImportError> {
        let mut operands = Vec::with_capacity(node.proto.input.len());
        let mut constant = true;
        for i in 0..node.proto.input.len() {
            let operand = match node.input(i) {
                None => None,
                Some(name) => match self.slot(node, name)? {
                    Slot::Constant(c) => Some(Rc::clone(c)),
                    Slot::Activation(_) => {
                        constant = false;
                        None
                    }
                },
            };
            operands.push(operand);
        }
        if constant {
            return match fold::fold(node, &Operands(&operands), &mut self.budget)? {
                Some(folded) => Ok(Slot::Constant(folded)),
                None => Err(node.refuse("the operator is not supported on constants")),
            };
        }
        if node.op == "Shape" {
            let shape = self.activation(node, 0)?.dimensions(self.batch);
            let shape = Constant::integers(shape_part(node, shape)?);
            return Ok(Slot::Constant(Rc::new(shape)));
        }
        Ok(Slot::Activation(Box::new(self.compute(node)?)))
    }

    fn compute(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        match node.op {
            "Conv" => self.convolution(node),
            "ConvTranspose" => self.transposed_convolution(node),
            "Gemm" => self.gemm(node),
            "MatMul" => self.matmul(node),
            "BatchNormalization" => self.batch_normalization(node),
            "Add" | "Sub" | "Mul" | "Div" | "Sum" => self.arithmetic(node),
            "Pow" => self.power(node),
            "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Equal" | "And" | "Or"
            | "Xor" | "Where" => self.choice(node),
            "Relu" => self.clamp(node, 0, Clamp::RELU),
            "Clip" => {
                let clamp = self.clip_bounds(node)?;
                self.clamp(node, 0, clamp)
            }
            "Min" | "Max" => self.extremum(node),
            "MaxPool" => self.max_pool(node),
            "AveragePool" => self.average_pool(node),
            "GlobalAveragePool" => self.global_average_pool(node),
            "ReduceMean" => self.reduce_mean(node),
            "Concat" => self.concat(node),
            "Slice" => self.slice(node),
            "Gather" => self.gather(node),
            "Pad" => self.pad(node),
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => self.reshape(node),
            "Transpose" => self.transpose(node),
            "Identity" => self.activation(node, 0),
            "Cast" => match node.data_type("to")? {
                to if is_float(to) => Ok(Activation { bytes: false, ..self.activation(node, 0)? }),
                to => Err(node.refuse(format!("casts of activations to {to} are not supported"))),
            },
            "Dropout" => self.dropout(node),
            "Softmax" | "LogSoftmax" => self.softmax(node),
            "Log" | "Exp" if self.activation(node, 0)?.softmax => {
                let x = self.activation(node, 0)?;
                Ok(Activation { logarithm: node.op == "Log", ..x })
            }
            _ => match self.activation_function(node)? {
                Some(activation) => Ok(activation),
                None => Err(node.refuse("the operator is not supported")),
            },
        }
    }

    pub(super) fn slot(&self, node: &OnnxNode<'_>, name: &str) -> Result<&Slot, ImportError> {
        let unknown = || node.refuse(format!("reads `{}`, which nothing makes", Echo(name)));
        self.slots.get(name).ok_or_else(unknown)
    }

    /// Input `i`, which must be an activation.
    pub(super) fn activation(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
    ) -> Result<Activation, ImportError> {
        let name = node.input(i).ok_or_else(|| node.refuse(format!("input {i} is missing")))?;
        match self.slot(node, name)? {
            Slot::Constant(_) => Err(node.refuse(format!("input {i} must not be constant"))),
            Slot::Activation(a) if a.softmax && !a.softmax_allows(node.op) => {
                Err(node.refuse("reads a Softmax; only a final one is supported"))
            }
            Slot::Activation(a) if a.split.is_some() && !sees_groups(node.op) => {
                Err(node.refuse(format!(
                    "reads {:?}, channels split by a Reshape; only a channel shuffle, which \
                 joins them again, is supported",
                    a.dimensions(self.batch)
                )))
            }
            Slot::Activation(a) if a.bytes && !moves_bytes(node.op) => {
                Err(node.refuse("computes with uint8; cast the input to float first"))
            }
            Slot::Activation(a) => Ok(Activation::clone(a)),
        }
    }

    /// Input `i`, which must be constant, or `None` where it is left out.
    pub(super) fn constant(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
    ) -> Result<Option<Rc<Constant>>, ImportError> {
        let Some(name) = node.input(i) else { return Ok(None) };
        match self.slot(node, name)? {
            Slot::Constant(c) => Ok(Some(Rc::clone(c))),
            Slot::Activation(_) => {
                Err(node.refuse(format!("input {i} (`{}`) must be constant", Echo(name))))
            }
        }
    }

    /// Integers of input `i` or, as in older operator sets, of the attribute `name`.
    pub(super) fn integers(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
        name: &str,
    ) -> Result<Option<Vec<i64>>, ImportError> {
        match self.constant(node, i)? {
            Some(c) => match c.as_integers() {
                Some(values) => Ok(Some(values.to_vec())),
                None => Err(node.refuse(format!("input {i} must hold integers"))),
            },
            None => Ok(node.ints(name)?.map(<[i64]>::to_vec)),
        }
    }

    /// Input `i` with nothing pending but what the reader can take up.
    pub(super) fn settled_unless(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        takes_up: impl FnOnce(&Pending) -> bool,
    ) -> Result<Activation, ImportError> {
        let x = self.activation(node, i)?;
        if takes_up(&x.pending) { Ok(x) } else { self.settled(node, i) }
    }

    /// Input `i` with nothing pending, for all that read it.
    pub(super) fn settled(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
    ) -> Result<Activation, ImportError> {
        let pending = self.activation(node, i)?;
        if pending.is_plain() {
            return Ok(pending);
        }
        let activation = self.settle(pending)?;
        // The name now stands for the new node, so that other readers find it.
        if let Some(name) = node.input(i) {
            if let Value::Node(n) = activation.value {
                self.shared[n] = self.readers.get(name) != Some(&1);
            }
            if let Some(slot) = self.slots.get_mut(name) {
                *slot = Slot::Activation(Box::new(activation.clone()));
            }
        }
        Ok(activation)
    }

    /// `x` with nothing pending: a slice, a border, a selection or a function becomes a node.
    pub(super) fn settle(&mut self, mut x: Activation) -> Result<Activation, ImportError> {
        match std::mem::replace(&mut x.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Border { node: pad, padding } => {
                let zeros = |[before, after]: [usize; 2]| AxisPadding { before, between: 0, after };
                let [planes, rows, columns] = padding.axes().map(zeros);
                x.value = self.push(&pad, Op::Pad { rows, columns, planes }, vec![x.value])?;
            }
            Pending::Slice { node: slice, ranges: [planes, rows, columns] } => {
                let all = Range::whole(self.graph.shape(x.value).depth);
                let planes = Some(planes).filter(|&planes| planes != all);
                x.value = self.push(&slice, Op::Slice { rows, columns, planes }, vec![x.value])?;
            }
            Pending::Channels { node: selection, order } => {
                x.value = self.push_selection(&selection, &order, x.value)?;
            }
            Pending::Function { node: maker, function } => {
                x.value = self.push_function(&maker, function, x.value)?;
            }
        }
        Ok(x)
    }

    /// Appends a node without parameters.
    pub(super) fn push(
        &mut self,
        name: &str,
        op: Op,
        inputs: Vec<Value>,
    ) -> Result<Value, ImportError> {
        self.push_layer(name, op, inputs, None)
    }

    /// Appends a node; `name` is made unique.
    pub(super) fn push_layer(
        &mut self,
        name: &str,
        op: Op,
        inputs: Vec<Value>,
        layer: Option<LayerParameters>,
    ) -> Result<Value, ImportError> {
        let mut unique = name.to_owned();
        while self.graph.value(&unique).is_some() {
            // Counting on from the last copy keeps many nodes of one name fast.
            let count = self.copies.entry(name.to_owned()).or_insert(1);
            *count += 1;
            unique = format!("{name}_{count}");
        }
        let value = self.graph.push(unique, op, inputs)?;
        self.clamps.push(Clamp::NONE);
        self.layers.push(layer);
        self.functions.push(None);
        self.shared.push(false);
        Ok(value)
    }

    /// The node that made `activation`, if nothing but its next reader reads it, so that the
    /// reader may be folded into it.
    pub(super) fn exclusive(&self, value: Value) -> Option<usize> {
        match value {
            Value::Node(n) if !self.shared[n] => Some(n),
            _ => None,
        }
    }

    /// The nearest node that can take up a clamp of `value`. Maxima and moves of elements commute
    /// with it; they are stepped over.
    pub(super) fn clampable(&self, mut value: Value) -> Option<usize> {
        loop {
            let n = self.exclusive(value)?;
            let node = &self.graph.nodes()[n];
            match node.op {
                // It computes new numbers.
                ref op if !op.only_moves() => return Some(n),
                // Its zeros would have to be clamped, too.
                Op::Pad { .. } | Op::PadChannels { .. } => return None,
                _ => value = *node.inputs.first()?,
            }
        }
    }

    /// The finished network, whose logits are the value `output`.
    pub(super) fn finish(mut self, output: &str) -> Result<Network, ImportError> {
        if let Some(name) = self.sigmas.iter().find(|name| !self.sampled.contains(*name)) {
            return Err(ImportError::SigmaNotWeight(name.clone()));
        }
        let refuse =
            |reason: String| ImportError::Interface { kind: "output", name: output.into(), reason };
        let Some(Slot::Activation(activation)) = self.slots.get(output) else {
            return Err(refuse("it does not depend on the input".into()));
        };
        let activation = Activation::clone(activation);
        outputs::check(&activation).map_err(refuse)?;
        let softmax = activation.softmax;
        self.make_logits(activation, refuse)?;
        let Self { input, graph, clamps, layers, functions, .. } = self;
        Ok(Network { input, graph, clamps, layers, functions, softmax })
    }
}

/// The error of a sigma without an initializer, with the initializers whose names are nearest.
fn unknown_sigma(name: &str, model: &Model<'_>) -> ImportError {
    // Hostile names may be long, and a distance takes the product of two lengths.
    let start = |name: &str| name.chars().take(200).collect::<String>();
    let sought = start(name);
    let floats =
        model.initializers.iter().filter(|(_, proto)| proto.data_type.is_some_and(is_float));
    let mut known: Vec<&str> = floats.map(|(name, _)| *name).collect();
    known.sort_by_cached_key(|known| (strsim::levenshtein(&sought, &start(known)), *known));
    let nearest = known.iter().take(5).map(|&known| known.to_owned()).collect();
    ImportError::SigmaUnknown { name: name.into(), nearest, initializers: known.len() }
}

/// Whether the operator understands channels that a Reshape split into groups.
fn sees_groups(op: &str) -> bool {
    matches!(
        op,
        "Identity" | "Shape" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose"
    )
}

/// Whether an operator takes bytes as they are.
fn moves_bytes(op: &str) -> bool {
    matches!(
        op,
        "Cast"
            | "Flatten"
            | "Identity"
            | "Reshape"
            | "Shape"
            | "Slice"
            | "Squeeze"
            | "Transpose"
            | "Unsqueeze"
    )
}

fn with_source(
    mut constant: Constant,
    name: &str,
    sigma: Option<SigmaTensor>,
) -> Result<Constant, ImportError> {
    if let Some(sigma) = &sigma
        && sigma.shape() != constant.shape
    {
        return Err(ImportError::SigmaShape {
            name: name.into(),
            sigma: sigma.shape().to_vec(),
            mean: constant.shape,
        });
    }
    let sigma = sigma.map(SigmaTensor::into_values);
    constant.source = Some(Source { initializer: name.into(), sigma });
    Ok(constant)
}
