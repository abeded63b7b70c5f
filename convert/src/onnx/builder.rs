//! The network under construction: its nodes, and the meaning of each ONNX value.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    rc::Rc,
};

use bayes8_core::graph::{Graph, Op, Value};
use bayes8_core::posterior::PerMember;

use super::{
    activation::Activation, budget::Budget, constant::Constant, initializers::Initializers,
    input::Input, mask::Mask, moment::Moment, node::OnnxNode, stack::Stack,
};
use crate::{
    dropout::McDropout,
    error::ImportError,
    network::{LayerParameters, NetworkInput, Real, RealParameters},
};

/// The meaning of an ONNX value's name.
#[derive(Clone)]
pub(super) enum Slot {
    Constant(Rc<Constant>),
    Mask(Mask),
    Moment(Box<Moment>),
    Stack(Stack),
    Activation(Box<Activation>),
}

pub(super) struct Builder<'a> {
    pub(super) graph: Graph<Real>,
    /// Per node: whether more than one ONNX input reads it, under whatever name.
    pub(super) shared: Vec<bool>,
    /// Per output of an Unsqueeze of one axis: that axis, and the value without it.
    pub(super) unsqueezed: HashMap<&'a str, (usize, Activation)>,
    /// Means that are subtracted from the value that they are of.
    pub(super) centers: HashSet<&'a str>,
    /// Copies of a node's name so far, the first included.
    copies: HashMap<String, usize>,
    pub(super) slots: HashMap<&'a str, Slot>,
    pub(super) readers: &'a HashMap<&'a str, usize>,
    /// The number of uses of each value that are still to come.
    uses_left: HashMap<&'a str, usize>,
    pub(super) input: NetworkInput,
    pub(super) batch: usize,
    pub(super) operator_set: i64,
    pub(super) budget: Budget,
    pub(super) moped: Option<f32>,
    /// Bayesian initializers that a layer has taken up.
    pub(super) sampled: HashSet<String>,
    /// Initializers that have standard deviations.
    pub(super) sigmas: BTreeSet<String>,
    /// The dropout nodes to activate.
    pub(super) mc_dropout: Option<McDropout>,
    /// Names of the dropout nodes so far.
    pub(super) dropout_nodes: Vec<String>,
}

impl<'a> Builder<'a> {
    /// Creates a network without nodes. For each value, `readers` counts the inputs that read its
    /// numbers, and `uses` all inputs that refer to it.
    pub(super) fn new(
        input: &Input<'a>,
        initializers: Initializers<'a>,
        operator_set: i64,
        readers: &'a HashMap<&'a str, usize>,
        uses: &HashMap<&'a str, usize>,
        mc_dropout: Option<McDropout>,
    ) -> Result<Self, ImportError> {
        let constants = initializers.constants.into_iter();
        let mut slots: HashMap<_, _> =
            constants.map(|(name, constant)| (name, Slot::Constant(Rc::new(constant)))).collect();
        let picture = Activation::new(Value::Input, input.form, input.shape);
        let picture = Activation { bytes: input.bytes, ..picture };
        slots.insert(input.name, Slot::Activation(Box::new(picture)));
        Ok(Self {
            graph: Graph::new(input.shape)?,
            shared: Vec::new(),
            unsqueezed: HashMap::new(),
            centers: HashSet::new(),
            copies: HashMap::new(),
            slots,
            readers,
            uses_left: uses.clone(),
            input: NetworkInput {
                layout: input.form,
                batch: input.batch,
                takes_bytes: input.bytes,
            },
            batch: input.batch.unwrap_or(1),
            operator_set,
            budget: Budget::new(initializers.numbers),
            moped: initializers.moped,
            sampled: HashSet::new(),
            sigmas: initializers.sigmas,
            mc_dropout,
            dropout_nodes: Vec::new(),
        })
    }

    /// Lets the outputs of `node` stand for `slots`, and drops values without further uses; layers
    /// have their own copies of constants.
    pub(super) fn assign(&mut self, node: &OnnxNode<'a>, slots: Vec<Slot>) {
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
        for name in node.proto.input.iter().map(String::as_str) {
            if let Some(left) = self.uses_left.get_mut(name) {
                *left -= 1;
                if *left == 0 {
                    self.slots.remove(name);
                }
            }
        }
    }

    /// Appends a node without parameters.
    pub(super) fn push(
        &mut self,
        name: &str,
        op: Op,
        inputs: Vec<Value>,
    ) -> Result<Value, ImportError> {
        self.push_node(name, op, inputs, Real::new(RealParameters::None))
    }

    /// Appends a node that owns `layer`.
    pub(super) fn push_layer(
        &mut self,
        name: &str,
        op: Op,
        inputs: Vec<Value>,
        layer: LayerParameters,
    ) -> Result<Value, ImportError> {
        let parameters = RealParameters::Layer(PerMember::shared(layer));
        self.push_node(name, op, inputs, Real::new(parameters))
    }

    /// Appends a node; `name` is made unique.
    pub(super) fn push_node(
        &mut self,
        name: &str,
        op: Op,
        inputs: Vec<Value>,
        data: Real,
    ) -> Result<Value, ImportError> {
        let mut unique = name.to_owned();
        while self.graph.value(&unique).is_some() {
            // Counting on from the last copy keeps many nodes of the same name fast.
            let count = self.copies.entry(name.to_owned()).or_insert(1);
            *count += 1;
            unique = format!("{name}_{count}");
        }
        let value = self.graph.push(unique, op, inputs, data)?;
        self.shared.push(false);
        Ok(value)
    }

    /// Name and layer of node `n`.
    pub(super) fn layer_mut(&mut self, n: usize) -> (&str, Option<&mut LayerParameters>) {
        let (name, data) = self.graph.node_mut(n);
        match &mut data.parameters {
            RealParameters::Layer(layer) => (name, layer.iter_mut().next()),
            RealParameters::None | RealParameters::Affine(_) | RealParameters::Function(_) => {
                (name, None)
            }
        }
    }

    /// The node that computes `value`, if only its next reader reads it, so that the reader may be
    /// folded into it.
    pub(super) fn exclusive(&self, value: Value) -> Option<usize> {
        match value {
            Value::Node(n) if !self.shared[n] => Some(n),
            _ => None,
        }
    }
}
