//! What varies from sample to sample besides weights: members and masks.

use super::draft::Draft;
use crate::models::{Builder, Kind, Random};
use crate::vectors::VectorFile;
use bayes8_core::graph::{GraphError, Op, Padding, Shape, Value, Window};
use bayes8_core::layer::Layer;
use bayes8_core::model::{Parameters, Parts, QuantizedModel};
use bayes8_core::ops::{Dropout, DropoutKind, DropoutProbability};
use bayes8_core::posterior::Posterior;
use std::sync::Arc;

pub(super) fn members() -> VectorFile {
    let mut draft = Draft::new(
        "members",
        "Networks of several members, which differ in means, sigmas, steps and biases; sample s \
         takes member s modulo their number.",
    );
    let [none, both] = [[Kind::Deterministic; 3], [Kind::Bayesian; 3]];
    let mixed = [Kind::Deterministic, Kind::Bayesian, Kind::BayesianBias];
    // The number of members, and which of the three layers has them.
    for (name, members, own, kinds) in [
        ("ensemble of 2", 2, [true; 3], none),
        ("ensemble of 3, first layers shared", 3, [false, false, true], none),
        ("ensemble of 5, last layer shared", 5, [true, true, false], none),
        ("mixture of 2", 2, [true; 3], both),
        ("mixture of 3, layer 1 shared", 3, [true, false, true], both),
        ("mixture of 4, some layers random", 4, [false, true, true], mixed),
        ("mixture of 64", 64, [false, false, true], both),
    ] {
        let mut parts = network(members as u64, kinds).expect("a network that fits");
        let mut other = Random::new(members as u64);
        let layers = parts.graph.data_mut().filter_map(|data| match &mut data.parameters {
            Parameters::Layer(layer) => Some(layer),
            Parameters::None | Parameters::Affine(_) | Parameters::Table(_) => None,
        });
        for (layer, _) in layers.zip(own).filter(|(_, own)| *own) {
            (1..members).for_each(|_| layer.push(another(layer.member(0), &mut other)));
        }
        add(&mut draft, name, parts);
    }
    // A member of a Bayesian mixture may be deterministic.
    let mut parts = network(9, both).expect("a network that fits");
    for data in parts.graph.data_mut() {
        let Parameters::Layer(layer) = &mut data.parameters else { continue };
        let mut mean = Layer::clone(layer.member(0));
        (mean.posterior, mean.bias) = (None, None);
        layer.push(Arc::new(mean));
    }
    add(&mut draft, "one of 2 members deterministic", parts);
    draft.finish()
}

/// A convolution, a depthwise convolution and a linear layer.
fn network(seed: u64, kinds: [Kind; 3]) -> Result<Parts, GraphError> {
    let mut b = Builder::new(seed, Shape::new(3, 4, 3));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let conv = b.conv(Value::Input, 6, 1, window, kinds[0])?;
    let depthwise = b.conv(conv, 6, 6, Window::new([2, 2]), kinds[1])?;
    b.linear(depthwise, 4, kinds[2])?;
    Ok(b.parts())
}

/// The layer of another member: other numbers around the same sizes.
fn another(first: &Arc<Layer>, random: &mut Random) -> Arc<Layer> {
    let mut layer = Layer::clone(first);
    layer.mu = random.bytes(layer.mu.len()).into_iter().map(|byte| byte as i8).collect();
    layer.scale.iter_mut().for_each(|scale| *scale *= random.real(0.8, 1.2));
    if let Some(Posterior::Gaussian(posterior)) = &mut layer.posterior {
        posterior.sigma = random.bytes(posterior.sigma.len());
        posterior.noise_multiplier.rotate_left(1);
    }
    if let Some(bias) = &mut layer.bias {
        bias.mu.iter_mut().for_each(|mu| *mu = (*mu as f32 * random.real(-1.0, 1.0)) as i32);
    }
    Arc::new(layer)
}

pub(super) fn dropout() -> VectorFile {
    let mut draft = Draft::new(
        "dropout",
        "Dropout of the input, then a linear layer over all of it; networks with several.",
    );
    let dropout = |units: u32, kind| {
        let probability = DropoutProbability::nearest(f64::from(units) / 65_536.0);
        Dropout { probability: probability.expect("above 0 and below 1"), kind }
    };
    let (element, channel, value) =
        (DropoutKind::Element, DropoutKind::Channel, DropoutKind::Value);
    let shape = Shape::new;
    // Units around half a group of 512, a whole one, and more.
    for (name, input, units, kind) in [
        ("one element", shape(1, 1, 1), 32_768, element),
        ("60 elements", shape(4, 5, 3), 16_384, element),
        ("65 elements, bytes in order", shape(1, 1, 65), 0x80ff, element),
        ("256 elements", shape(4, 4, 16), 6_554, element),
        ("257 elements", shape(1, 1, 257), 6_554, element),
        ("512 elements", shape(1, 1, 512), 58_982, element),
        ("520 elements", shape(2, 4, 65), 32_768, element),
        ("720 elements of a volume", Shape::volume(2, 4, 9, 10), 20_000, element),
        ("3 channels", shape(5, 6, 3), 16_384, channel),
        ("70 channels", shape(2, 2, 70), 32_768, channel),
        ("300 channels", shape(2, 1, 300), 13_107, channel),
        ("5 channels of a volume", Shape::volume(3, 2, 2, 5), 32_768, channel),
        ("the value", shape(3, 4, 5), 32_768, value),
        ("the rarest", shape(4, 4, 20), 1, element),
        ("nearly all", shape(4, 4, 20), 65_000, element),
    ] {
        let mut b = Builder::new(u64::from(units) + input.elements() as u64, input);
        let x = b.op(dropout(units, kind), &[Value::Input]).expect("any shape");
        b.linear(x, 4, Kind::Deterministic).expect("any shape");
        draft.model_and_vector(name, &b.finish());
    }
    // Nodes are numbered among dropout alone, and weights are random too.
    for (name, kind) in
        [("after each layer", Kind::Deterministic), ("after each Bayesian layer", Kind::Bayesian)]
    {
        let mut b = Builder::new(5, shape(6, 6, 3));
        let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
        let mut x = Value::Input;
        for dropout in [dropout(9_830, element), dropout(9_830, channel), dropout(16_384, value)] {
            let before = x;
            x = b.conv(x, 3, 1, window, kind).expect("a window that fits");
            x = b.op(dropout, &[x]).expect("any shape");
            x = b.op(Op::Add, &[x, before]).expect("equal shapes");
        }
        b.linear(x, 4, kind).expect("any shape");
        add(&mut draft, name, b.parts());
    }
    // With members.
    let mut b = Builder::new(11, shape(1, 1, 90));
    let x = b.op(dropout(16_384, element), &[Value::Input]).expect("any shape");
    b.linear(x, 4, Kind::Bayesian).expect("any shape");
    let mut parts = b.parts();
    let mut other = Random::new(11);
    for data in parts.graph.data_mut() {
        let Parameters::Layer(layer) = &mut data.parameters else { continue };
        (0..2).for_each(|_| layer.push(another(layer.member(0), &mut other)));
    }
    add(&mut draft, "mixture of 3", parts);
    draft.finish()
}

/// Adds a model, a vector, and one of other samples.
fn add(draft: &mut Draft, name: &str, parts: Parts) {
    let model = QuantizedModel::new(parts).unwrap_or_else(|error| panic!("{name}: {error}"));
    let pictures = draft.model_and_vector(name, &model);
    draft.next_vector(name, &pictures);
}
