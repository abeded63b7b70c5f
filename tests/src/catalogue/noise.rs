//! The noise itself, from the sampler of each target: weights whose mean is 0 and for which the
//! rounded product equals eps8.

use super::draft::Draft;
use super::readout::{Numbers, Readout};
use crate::vectors::{Pictures, VectorFile};
use bayes8_core::layer::Bias;
use bayes8_core::posterior::{Posterior, gaussian::Gaussian};

/// `mulhrs(eps8 * SIGMA, MULTIPLIER) = (eps8 * 2^15 + 2^14) >> 15 = eps8`.
const SIGMA: u8 = 128;
const MULTIPLIER: i16 = 256;

/// Multiplier of a bias: `(eps8 * 2^15 + 2^14) >> 15`.
const BIAS_SIGMA: i32 = 1 << 15;

pub(super) fn file() -> VectorFile {
    let mut draft = Draft::new(
        "noise",
        "Networks of one layer whose logits are the noise eps8 of its weights, one place of the \
         weights a picture; the last picture, of zeros, has that of the biases, if they have any.",
    );
    let linear = |fan_in, outputs| Readout::Linear { fan_in, outputs };
    for (name, readout, before, biases) in [
        // One chunk, fewer, more, whole groups; a panel of 16 rows, fewer, more.
        ("1 x 2", linear(1, 2), 0, false),
        ("63 x 16", linear(63, 16), 0, false),
        ("64 x 17", linear(64, 17), 0, true),
        ("65 x 33", linear(65, 33), 0, false),
        ("130 x 5", linear(130, 5), 0, false),
        ("layer 1", linear(20, 3), 1, true),
        ("layer 3", linear(20, 3), 3, true),
        ("conv", Readout::Conv { side: 3, channels: 3, groups: 1, outputs: 18 }, 0, false),
        ("groups", Readout::Conv { side: 2, channels: 6, groups: 3, outputs: 6 }, 0, false),
        ("depthwise", Readout::Conv { side: 3, channels: 20, groups: 20, outputs: 20 }, 0, true),
    ] {
        let (outputs, fan_in) = readout.outputs_and_fan_in();
        let numbers = Numbers {
            mu: vec![0; outputs * fan_in],
            posterior: Some(Posterior::Gaussian(Gaussian {
                sigma: vec![SIGMA; outputs * fan_in],
                noise_multiplier: vec![MULTIPLIER; outputs],
            })),
            bias: biases
                .then(|| Bias { mu: vec![0; outputs], sigma: Some(vec![BIAS_SIGMA; outputs]) }),
        };
        draft.model(name, &readout.model(name, before, numbers));
        let one_hot = readout.input().elements();
        let pictures = format!("one-hot {one_hot}");
        draft.pictures(&pictures, Pictures::OneHot { one_hot });
        for _ in 0..3 {
            draft.next_vector(name, &pictures);
        }
    }
    draft.finish()
}
