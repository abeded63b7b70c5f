//! The key stream and the noise, for authors of a port. The group `noise` compares those of targets.

use super::draft::{Draft, SEEDS};
use crate::vectors::{Hex, KeyStream, VectorFile};
use bayes8_core::chacha::ChaCha8;
use bayes8_core::posterior::gaussian::{CHUNK, noise};
use bayes8_core::posterior::{Draw, MAX_SAMPLES};

pub(super) fn file() -> VectorFile {
    let mut file = Draft::new(
        "sampler",
        "Groups of the key stream and the noise of the weights that they serve (NUMERICS, 3). For \
         porters: no target shows them by itself.",
    )
    .finish();
    let places = [
        (0, 0, false, 0),
        (0, 0, true, 0),
        (1, 5, false, 1),
        (53, MAX_SAMPLES - 1, false, 7),
        // Blocks beyond 32 bits, for the carry of the counter.
        (2, 3, true, (1 << 28) - 1),
        (2, 3, false, 1 << 28),
    ];
    for (seed, (layer, sample, bias, group)) in SEEDS.into_iter().cycle().zip(places) {
        let draw = Draw { seed, sample };
        let stream = if bias { draw.bias_stream(layer) } else { draw.weight_stream(layer) };
        file.key_streams.push(key_stream(seed, layer, sample, bias, group, stream));
    }
    file
}

fn key_stream(
    seed: u64,
    layer: u32,
    sample: u32,
    bias: bool,
    group: u64,
    stream: ChaCha8,
) -> KeyStream {
    let bytes = stream.group_bytes(group);
    let noise: Vec<u8> = bytes
        .chunks_exact(2 * CHUNK)
        .flat_map(|chunk| (0..CHUNK).map(|i| noise(chunk[i], chunk[CHUNK + i]) as u8))
        .collect();
    KeyStream { seed, layer, sample, bias, group, bytes: Hex::new(&bytes), noise: Hex::new(&noise) }
}
