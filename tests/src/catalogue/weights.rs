//! Sampled weights and biases: means, sigmas and multipliers of all sizes, saturation included.

use super::draft::Draft;
use super::readout::{Numbers, Readout, random_numbers};
use crate::vectors::{Pictures, VectorFile};
use bayes8_core::posterior::{Posterior, gaussian::Gaussian};

pub(super) fn file() -> VectorFile {
    let mut draft = Draft::new(
        "weights",
        "Networks of one layer whose logits are its sampled weights plus biases, one place of the \
         weights a picture; the last picture, of zeros, has the biases alone.",
    );
    let linear = |fan_in, outputs| Readout::Linear { fan_in, outputs };
    let conv = |side, channels, groups, outputs| Readout::Conv { side, channels, groups, outputs };
    for (seed, (name, readout, before)) in [
        ("1 x 1", linear(1, 1), 0),
        ("4 x 16", linear(4, 16), 0),
        ("63 x 15", linear(63, 15), 0),
        ("64 x 16", linear(64, 16), 0),
        ("65 x 17", linear(65, 17), 0),
        ("127 x 31", linear(127, 31), 0),
        ("200 x 48", linear(200, 48), 0),
        ("520 x 9", linear(520, 9), 0),
        ("layer 1", linear(70, 18), 1),
        ("layer 2", linear(70, 18), 2),
        ("conv 3 x 3", conv(3, 5, 1, 20), 0),
        ("conv 5 x 5", conv(5, 3, 1, 7), 0),
        ("groups of 2", conv(3, 4, 2, 6), 0),
        ("groups of 20 outputs", conv(1, 8, 2, 40), 0),
        ("depthwise 3 x 3", conv(3, 16, 16, 16), 0),
        ("depthwise, 70 channels", conv(2, 70, 70, 70), 1),
    ]
    .into_iter()
    .enumerate()
    {
        add(&mut draft, name, &readout, before, random_numbers(&readout, seed as u64));
    }
    // Every mean with the extremes of the spread, in one layer: 256 x 6.
    let readout = linear(256, 6);
    let sigmas: [u8; 6] = [0, 1, 127, 128, 255, 255];
    let numbers = Numbers {
        mu: (0..6).flat_map(|_| i8::MIN..=i8::MAX).collect(),
        posterior: Some(Posterior::Gaussian(Gaussian {
            sigma: sigmas.into_iter().flat_map(|sigma| [sigma; 256]).collect(),
            noise_multiplier: vec![i16::MAX, i16::MAX, 129, 257, i16::MAX, 1],
        })),
        bias: None,
    };
    add(&mut draft, "every mean", &readout, 0, numbers);
    let numbers = Numbers { posterior: None, ..random_numbers(&readout, 99) };
    add(&mut draft, "no sigma", &readout, 0, numbers);
    draft.finish()
}

fn add(draft: &mut Draft, name: &str, readout: &Readout, before: usize, numbers: Numbers) {
    draft.model(name, &readout.model(name, before, numbers));
    let one_hot = readout.input().elements();
    let pictures = format!("one-hot {one_hot}");
    draft.pictures(&pictures, Pictures::OneHot { one_hot });
    for _ in 0..2 {
        draft.next_vector(name, &pictures);
    }
}
