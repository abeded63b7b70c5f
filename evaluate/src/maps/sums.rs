//! What is summed over the positions of pictures.

use bayes8_core::head::map::ClassMapUncertainty;

use crate::metrics::{Bins, Confusion, squared_distance, surprise};

/// Sums over the positions that have a class, and lists over all positions.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) confusion: Confusion,
    pub(super) bins: Bins,
    pub(super) nll: f64,
    pub(super) brier: f64,
    pub(super) predictive_entropy: f64,
    pub(super) expected_entropy: f64,
    pub(super) mutual_information: f64,
    pub(super) of_positions: Positions,
}

/// What is known of every position, picture by picture. Uncertainties are in nats.
#[derive(Clone, Debug, Default)]
pub(super) struct Positions {
    /// The most likely class.
    pub(super) classes: Vec<u16>,
    /// Total uncertainty.
    pub(super) predictive_entropy: Vec<f32>,
    /// Epistemic uncertainty.
    pub(super) mutual_information: Vec<f32>,
}

impl Sums {
    /// No pictures of a map of `classes` classes.
    pub(super) fn new(classes: usize) -> Self {
        Self {
            confusion: Confusion::new(classes),
            bins: Bins::default(),
            nll: 0.0,
            brier: 0.0,
            predictive_entropy: 0.0,
            expected_entropy: 0.0,
            mutual_information: 0.0,
            of_positions: Positions::default(),
        }
    }

    /// Adds the prediction for the next picture, with the class of each position.
    pub(super) fn add(&mut self, map: &ClassMapUncertainty, truth: &[Option<u16>]) {
        let predicted = map.most_likely();
        let probabilities = map.probabilities.chunks_exact(map.classes);
        for (at, (p, class)) in probabilities.zip(truth).enumerate() {
            let Some(class) = class.map(usize::from) else { continue };
            let (p, best) = (|class: usize| f64::from(p[class]), usize::from(predicted[at]));
            self.confusion.add(class, best);
            self.bins.add(p(best), best == class);
            self.nll += surprise(p(class));
            self.brier += squared_distance((0..map.classes).map(p), class);
            self.predictive_entropy += f64::from(map.predictive_entropy[at]);
            self.expected_entropy += f64::from(map.expected_entropy[at]);
            self.mutual_information += f64::from(map.mutual_information[at]);
        }
        let all = &mut self.of_positions;
        all.classes.extend(predicted);
        all.predictive_entropy.extend(&map.predictive_entropy);
        all.mutual_information.extend(&map.mutual_information);
    }
}
