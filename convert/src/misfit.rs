//! Preprocessing that belongs to another network.

use ndarray::ArrayViewD;

/// A channel of normalized pictures whose numbers are unlike those that networks are trained on.
/// The preprocessing probably belongs to another network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Misfit {
    /// Index of the channel.
    pub channel: usize,
    /// Mean of its numbers.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
}

impl Misfit {
    /// The largest distance of a normalized channel's mean from zero, and its largest spread. Dark,
    /// pale and one-sided sets stay well within; a mean or spread in 0..255 does not.
    const SUSPECT: f64 = 20.0;

    /// Finds the first such channel.
    pub(crate) fn find(pictures: ArrayViewD<'_, f32>, channels: usize) -> Option<Self> {
        (0..channels).find_map(|channel| {
            // The axis of a single channel may be left out.
            let numbers = pictures.iter().skip(channel).step_by(channels).map(|&x| f64::from(x));
            let count = (pictures.len() / channels) as f64;
            let mean = numbers.clone().sum::<f64>() / count;
            let std = (numbers.map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
            let is_suspect = mean.abs() > Self::SUSPECT * std || std > Self::SUSPECT;
            is_suspect.then_some(Self { channel, mean, std })
        })
    }
}
