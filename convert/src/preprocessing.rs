//! How pixels or numbers become the input of a network.

use bayes8_core::model::{Preprocessing, Values};

use crate::inputs::Inputs;
use crate::metadata::per_channel;
use crate::network::Network;

/// How inputs are normalized if no metadata says so. Bytes become numbers of 0 to 1, or stay as they are if
/// the network takes bytes. Numbers stay as they are; only those of pictures belong to a model that takes
/// bytes.
pub(crate) fn default(network: &Network, calibration: &Inputs) -> Preprocessing {
    let shape = network.graph.input();
    let std = if network.input.takes_bytes { 1.0 / 255.0 } else { 1.0 };
    let is_picture = shape.depth > 1 || shape.height > 1;
    let values = match calibration {
        Inputs::Numbers(_) if !is_picture && !network.input.takes_bytes => Values::Numbers,
        Inputs::Numbers(_) | Inputs::Bytes(_) => Values::Bytes,
    };
    Preprocessing { values, mean: vec![0.0; shape.channels], std: vec![std; shape.channels] }
}

/// The given preprocessing, with one number per channel; refused for a network that normalizes
/// pixels itself.
pub(crate) fn checked(network: &Network, given: &Preprocessing) -> Result<Preprocessing, String> {
    let channels = network.graph.input().channels;
    let preprocessing = per_channel(given, channels).map_err(|error| error.to_string())?;
    let Preprocessing { mean, std, .. } = &preprocessing;
    let is_byte = |std: &f32| (std * 255.0 - 1.0).abs() < 1e-4;
    let is_default = mean.iter().all(|&m| m == 0.0) && std.iter().all(is_byte);
    match network.input.takes_bytes && !is_default {
        true => Err(
            "`preprocessing` would normalize twice: the network takes bytes of 0 to 255 (uint8) \
                     and scales them itself; leave it out"
                .into(),
        ),
        false => Ok(preprocessing),
    }
}
