//! Random numbers, which masks of dropout are made of.

use bayes8_core::ops::DropoutKind;

use crate::error::ImportError;
use crate::onnx::activation::Activation;
use crate::onnx::builder::{Builder, Slot};
use crate::onnx::evidence::kept;
use crate::onnx::mask::{Mask, Numbers};
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Dropout", &["ratio", "seed"])
        .lower(|builder, node| builder.dropout_node(node))
        .fold_to_first()
        .trace(kept),
    Operator::new("Bernoulli", &["dtype", "seed"]).random(bernoulli),
    Operator::new("RandomUniform", &["dtype", "high", "low", "seed", "shape"]).random(uniform),
    Operator::new("RandomUniformLike", &["dtype", "high", "low", "seed"]).random(uniform_like),
];

impl<'a> Builder<'a> {
    fn dropout_node(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let training = self.integers(node, 2, "training_mode")?.unwrap_or_default();
        let chosen = self.mc_dropout.as_ref().filter(|chosen| chosen.takes(node.name));
        let given = chosen.and_then(|chosen| chosen.probability);
        let is_active = chosen.is_some() || training.iter().any(|&t| t != 0);
        self.dropout_nodes.push(node.name.into());
        if !is_active {
            return self.activation(node, 0);
        }
        let ratio = match self.constant(node, 1)? {
            Some(ratio) => ratio.uniform().unwrap_or(f64::NAN),
            None => node.float("ratio", 0.5)?.into(),
        };
        let x = self.settled(node, 0)?;
        let probability = given.map_or(ratio, |given| given.as_f64());
        self.dropout(node, x, DropoutKind::Element, probability)
    }
}

fn bernoulli<'a>(builder: &mut Builder<'a>, node: &OnnxNode<'a>) -> Result<Mask, ImportError> {
    if !builder.is_constant(node, 0) {
        return Err(
            node.refuse("its probabilities depend on the input; only fixed ones are supported")
        );
    }
    let probabilities = builder.constant(node, 0)?;
    let shape = probabilities.as_ref().map_or(Vec::new(), |constant| constant.shape.clone());
    let keep = probabilities.and_then(|constant| constant.uniform());
    let keep = keep.filter(|keep| (0.0..=1.0).contains(keep));
    let keep =
        keep.ok_or_else(|| node.refuse("its input must hold one probability from 0 to 1"))?;
    Ok(Mask { shape, numbers: Numbers::Kept { keep, value: 1.0 } })
}

fn uniform<'a>(_: &mut Builder<'a>, node: &OnnxNode<'a>) -> Result<Mask, ImportError> {
    let shape = node.ints("shape")?.unwrap_or_default().iter().map(|&d| usize::try_from(d).ok());
    let shape = shape.collect::<Option<Vec<usize>>>();
    let shape = shape.ok_or_else(|| node.refuse("attribute `shape` has a negative extent"))?;
    Ok(Mask { shape, numbers: ends(node)? })
}

fn uniform_like<'a>(builder: &mut Builder<'a>, node: &OnnxNode<'a>) -> Result<Mask, ImportError> {
    let name = node.input(0).ok_or_else(|| node.refuse("input 0 is missing"))?;
    let shape = match builder.slot(node, name)? {
        Slot::Constant(constant) => constant.shape.clone(),
        Slot::Mask(mask) => mask.shape.clone(),
        Slot::Activation(x) => x.dimensions(builder.batch),
        Slot::Moment(moment) => return Err(moment.unfinished()),
        Slot::Stack(_) => return Err(node.refuse("input 0 holds stacked values")),
    };
    Ok(Mask { shape, numbers: ends(node)? })
}

fn ends(node: &OnnxNode<'_>) -> Result<Numbers, ImportError> {
    let (low, high) = (node.float("low", 0.0)?.into(), node.float("high", 1.0)?.into());
    if low < high {
        Ok(Numbers::Uniform { low, high })
    } else {
        Err(node.refuse("attribute `low` must be below `high`"))
    }
}
