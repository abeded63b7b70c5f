//! Activation ranges: the numbers that every value of the network takes on real pictures under
//! several draws of the weights.

mod histogram;
mod range;

pub use range::RangeMethod;

use std::sync::{Arc, Mutex, PoisonError};

use bayes8_core::graph::Value;
use bayes8_core::head::Output;
use bayes8_core::model::Calibration;
use bayes8_core::numerics::ActivationBits;
use ndarray::{ArrayView, Axis, Dimension};

use crate::heads::epistemic;
use crate::network::Network;
use crate::reference::{CommonNoise, RunError, add_sample, estimates, place, run};
use histogram::Histogram;

/// The number of draws of the weights that is enough in practice.
pub const WEIGHT_SAMPLES: u32 = 8;

/// The numbers that all values of a network took. Ranges by any method follow from them.
#[derive(Debug)]
pub struct Observations {
    /// One histogram for the input, then one per node.
    histograms: Vec<Histogram>,
    pictures: u32,
    /// The number of draws: the first samples of `seed`.
    pub(crate) weight_samples: u32,
    pub(crate) seed: u64,
    /// Mean mutual information of the pictures under these draws, in nats; of a regression, the mean
    /// variance of the means.
    pub(crate) mutual_information: f64,
}

impl Observations {
    /// Runs `pictures`, as [`run`] takes them, through `network` with `weight_samples` samples, or
    /// once with each member if nothing else varies. The samples are those that an INT8 model of the
    /// network has for `seed`. `outputs` say what the numbers mean ([`Network::heads`]). Calls
    /// `progress` after each sample.
    ///
    /// # Errors
    /// [`RunError`] when the pictures do not fit the network.
    pub fn new<D: Dimension>(
        network: &Network,
        outputs: &Arc<[Output]>,
        pictures: ArrayView<'_, f32, D>,
        weight_samples: u32,
        seed: u64,
        mut progress: impl FnMut(),
    ) -> Result<Self, RunError> {
        let members = network.members() as u32;
        let weight_samples = match network.period() {
            Some(_) => members,
            None => weight_samples.max(members),
        };
        let nodes = network.graph.nodes().len();
        let histograms: Vec<Mutex<Histogram>> = (0..=nodes).map(|_| Mutex::default()).collect();
        let observe = |value: Value, _: usize, numbers: &[f32]| {
            // A histogram is consistent after each number.
            let mut histogram =
                histograms[place(value)].lock().unwrap_or_else(PoisonError::into_inner);
            histogram.add(numbers);
        };
        let noise = CommonNoise::new(network);
        let mut sums = estimates(outputs, pictures.len_of(Axis(0)))?;
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
            mutual_information: mean(
                sums.iter().map(|of| epistemic(outputs.iter().zip(of.sums()))),
            ),
        })
    }

    /// Returns the range of every value by `method`, for codes of `bits` bits.
    pub fn calibration(&self, method: RangeMethod, bits: ActivationBits) -> Calibration {
        let range = |histogram: &Histogram| method.range(histogram, bits);
        Calibration {
            method: method.to_string(),
            pictures: self.pictures,
            weight_samples: self.weight_samples,
            ranges: self.histograms.iter().map(range).collect(),
        }
    }

    /// The share of the numbers of `value` that lay beyond `range`.
    pub fn clipped(&self, value: Value, range: [f32; 2]) -> f64 {
        self.histograms[place(value)].beyond(range)
    }
}

/// The mean of values; NaN if there are none.
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
