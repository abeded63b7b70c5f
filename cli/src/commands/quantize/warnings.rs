//! What is likely a mistake, though a model can be made.

use bayes8_convert::fidelity::LayerFidelity;
use ndarray::ArrayViewD;

/// How many standard deviations from zero the mean of a normalized channel may lie, and how large its
/// spread may be. Dark, pale and one-sided sets stay well within; a mean or spread in 0..255 does not.
const SUSPECT: f64 = 20.0;

/// The first channel of normalized pictures that no network was trained on.
pub(super) fn misfit(pictures: ArrayViewD<'_, f32>, channels: usize) -> Option<String> {
    (0..channels).find_map(|channel| {
        // The axis of a single channel may be left out.
        let numbers = pictures.iter().skip(channel).step_by(channels).map(|&x| f64::from(x));
        let count = (pictures.len() / channels) as f64;
        let mean = numbers.clone().sum::<f64>() / count;
        let std = (numbers.map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        (mean.abs() > SUSPECT * std || std > SUSPECT).then(|| {
            format!(
                "channel {channel} of the normalized calibration pictures has mean {mean:.3} and \
                 standard deviation {std:.3}: does the `preprocessing` of --metadata fit the network, \
                 with mean and std of pixels in 0..1?"
            )
        })
    })
}

/// A layer much of whose noise has no code.
pub(super) fn lost_noise(layer: &LayerFidelity) -> Option<String> {
    let LayerFidelity { layer, lossy_rows, rows, largest_sigma, .. } = layer;
    (*lossy_rows > 0).then(|| {
        format!(
            "layer `{layer}`: in {lossy_rows} of {rows} output channels most weights lose most of \
             their noise beside a far larger sigma; the layer's largest is {largest_sigma:e}: is \
             it right?"
        )
    })
}
