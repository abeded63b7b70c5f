//! Activation ranges: what every value of the network reaches on real pictures under several
//! draws of the weights.

mod histogram;
mod range;

pub use range::RangeMethod;

use std::sync::{Mutex, PoisonError};

use bayes8_core::graph::Value;
use bayes8_core::head::Accumulator;
use bayes8_core::head::classes::SampleSums;
use bayes8_core::model::Calibration;
use bayes8_core::numerics::ActivationBits;
use ndarray::{ArrayView, Axis, Dimension};

use crate::network::Network;
use crate::reference::{CommonNoise, RunError, add_sample, place, run};
use histogram::Histogram;

/// Draws of the weights that are enough in practice.
pub const WEIGHT_SAMPLES: u32 = 8;

/// What all values of a network reached. Ranges by any method follow from it.
pub struct Observations {
    /// Of the input, then of every node.
    histograms: Vec<Histogram>,
    pictures: u32,
    /// The draws: those of the first samples of `seed`.
    pub(crate) weight_samples: u32,
    pub(crate) seed: u64,
    /// Mean mutual information of the pictures under these draws, in nats.
    pub(crate) mutual_information: f64,
}

impl Observations {
    /// Runs `pictures`, as [`run`] takes them, through `network` with each of `weight_samples`
    /// draws of the weights, those that an INT8 model of the network has for `seed`; one where no
    /// layer is Bayesian. Calls `progress` after each draw.
    ///
    /// # Errors
    /// [`RunError`] when the pictures do not fit the network.
    pub fn new<D: Dimension>(
        network: &Network,
        pictures: ArrayView<'_, f32, D>,
        weight_samples: u32,
        seed: u64,
        mut progress: impl FnMut(),
    ) -> Result<Self, RunError> {
        let weight_samples = if network.is_bayesian() { weight_samples } else { 1 };
        let nodes = network.graph.nodes().len();
        let histograms: Vec<Mutex<Histogram>> = (0..=nodes).map(|_| Mutex::default()).collect();
        let observe = |value: Value, _: usize, numbers: &[f32]| {
            // A histogram is whole between any two numbers.
            let mut histogram =
                histograms[place(value)].lock().unwrap_or_else(PoisonError::into_inner);
            histogram.add(numbers);
        };
        let noise = CommonNoise::new(network);
        let mut sums = vec![SampleSums::new(network.classes()); pictures.len_of(Axis(0))];
        for sample in 0..weight_samples {
            let logits = run(network, &noise.draw(seed, sample), pictures.view(), observe)?;
            add_sample(&mut sums, &logits);
            progress();
        }
        let inner = |histogram: Mutex<Histogram>| {
            histogram.into_inner().unwrap_or_else(PoisonError::into_inner)
        };
        Ok(Self {
            histograms: histograms.into_iter().map(inner).collect(),
            pictures: pictures.len_of(Axis(0)) as u32,
            weight_samples,
            seed,
            mutual_information: mean(sums.iter().map(|sums| sums.finish().mutual_information)),
        })
    }

    /// The range of every value by `method`, for codes of `bits` bits.
    pub fn calibration(&self, method: RangeMethod, bits: ActivationBits) -> Calibration {
        let range = |histogram: &Histogram| method.range(histogram, bits);
        Calibration {
            method: method.to_string(),
            pictures: self.pictures,
            weight_samples: self.weight_samples,
            ranges: self.histograms.iter().map(range).collect(),
        }
    }

    /// Share of the numbers of `value` that lay beyond `range`.
    pub fn clipped(&self, value: Value, range: [f32; 2]) -> f64 {
        self.histograms[place(value)].beyond(range)
    }
}

/// The mean of values; NaN of none.
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
