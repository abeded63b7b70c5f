//! Normalizations of instances, groups and layers.

use super::draft::Draft;
use crate::models::{Builder, Kind, node_mut, with_seven_bits};
use crate::vectors::VectorFile;
use bayes8_core::graph::{GraphError, Shape, Value, Window};
use bayes8_core::model::QuantizedModel;
use bayes8_core::numerics::Quantization;
use bayes8_core::ops::{Coordinates, Epsilon, Interpolation, Normalize, Over, Resize};

pub(super) fn file() -> VectorFile {
    let mut draft = Draft::new(
        "normalizations",
        "A normalization of a layer's output, then a linear layer; random pictures, one of zeros and \
         one of 255.",
    );
    use Over::{Channels, ChannelsAndPositions};
    let (picture, volume) = (Shape::new(5, 7, 6), Shape::volume(2, 3, 4, 6));
    for (name, input, groups, over, epsilon) in [
        ("instances", picture, 6, ChannelsAndPositions, 1e-5),
        ("groups", picture, 2, ChannelsAndPositions, 1e-5),
        ("layer", picture, 1, ChannelsAndPositions, 1e-5),
        ("channels", picture, 1, Channels, 1e-6),
        ("groups of a volume", volume, 3, ChannelsAndPositions, 1e-3),
        ("channels of a sequence", Shape::new(1, 9, 40), 1, Channels, 1e-12),
        ("groups at each position", Shape::new(2, 2, 300), 25, Channels, 1e-5),
        ("a vector", Shape::vector(33), 1, Channels, 1e-5),
        ("a large epsilon", picture, 3, ChannelsAndPositions, 2.0),
    ] {
        let epsilon = Epsilon::try_from(epsilon).expect("a positive number");
        let op = Normalize { groups, over, epsilon };
        let model = network(input, op).expect("a network that fits");
        draft.model_and_vector(name, &model);
        if matches!(name, "groups" | "channels" | "a vector") {
            draft.model_and_vector(&format!("{name}, 7 bits"), &with_seven_bits(&model));
        }
    }
    // Squares of codes whose sum does not fit 32 bits, side by side and in one group.
    for (name, groups) in [("large sums of instances", 2), ("large sums of a layer", 1)] {
        let epsilon = Epsilon::try_from(1e-5).expect("a positive number");
        let op = Normalize { groups, over: ChannelsAndPositions, epsilon };
        let model = enlarged(Shape::new(2, 2, 2), op).expect("a network that fits");
        draft.model_and_vector(name, &model);
    }
    draft.finish()
}

fn network(input: Shape, op: Normalize) -> Result<QuantizedModel, GraphError> {
    let mut b = Builder::new(input.elements() as u64, input);
    let (channels, window) = (input.channels, Window::new([1, 1]));
    let features = b.conv(Value::Input, channels, channels, window, Kind::Deterministic)?;
    let normalized = b.op(op, &[features])?;
    b.linear(normalized, 3, Kind::Bayesian)?;
    Ok(b.finish())
}

/// A normalization of the input at 90,000 positions, of which some are read.
fn enlarged(input: Shape, op: Normalize) -> Result<QuantizedModel, GraphError> {
    let mut b = Builder::new(input.elements() as u64, input);
    let resize = Resize {
        size: [1, 300, 300],
        mode: Interpolation::NearestFloor,
        coordinates: Coordinates::Asymmetric,
        steps: None,
    };
    let large = b.op(resize, &[Value::Input])?;
    let normalized = b.op(op, &[large])?;
    let some = b.slice(normalized, 0, 150)?;
    b.linear(some, 3, Kind::Bayesian)?;
    let mut parts = b.parts();
    // Codes are the bytes of the picture.
    parts.input = Quantization { scale: 1.0 / 256.0, zero_point: 0 };
    parts.preprocessing.mean.fill(0.0);
    parts.preprocessing.std.fill(256.0 / 255.0);
    // Those of the resized picture too.
    let input = parts.input;
    node_mut(&mut parts, 0).output = Some(input);
    Ok(QuantizedModel::new(parts).expect("a model"))
}
