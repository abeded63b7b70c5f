//! Lists of draws that a model chose.

use super::draft::Draft;
use crate::models::{Builder, Kind};
use crate::vectors::VectorFile;
use bayes8_core::draws::ChosenDraws;
use bayes8_core::graph::{Shape, Value};
use bayes8_core::model::{Parts, QuantizedModel};
use bayes8_core::ops::{Dropout, DropoutKind, DropoutProbability};
use bayes8_core::posterior::MAX_SAMPLES;
use std::sync::Arc;

pub(super) fn file() -> VectorFile {
    let mut draft = Draft::new(
        "draws",
        "Models with a list of draws, which samples take unless a seed is given: a sample at position i takes \
         the i-th draw of the list.",
    );
    let last = MAX_SAMPLES - 1;
    for (name, seed, samples, ranges) in [
        ("four draws", 0, vec![9, 0, 2000, last], vec![[0, 4], [1, 3]]),
        ("one draw, another seed", u64::MAX, vec![5], vec![[0, 1]]),
        ("256 draws", 3, (0..256).map(|i| i * 7 % 2048).collect(), vec![[0, 32], [250, 256]]),
    ] {
        let draws = ChosenDraws::new(seed, samples).expect("a list");
        let parts = Parts { draws: Some(Arc::new(draws)), ..network() };
        let model = QuantizedModel::new(parts).expect("a model");
        // The same model with a seed takes random draws.
        let pictures = draft.model_and_vector(name, &model);
        ranges.into_iter().for_each(|range| draft.chosen(name, &pictures, range));
    }
    draft.finish()
}

/// A network with dropout and Bayesian layers.
fn network() -> Parts {
    let mut b = Builder::new(17, Shape::new(1, 1, 24));
    let probability = DropoutProbability::nearest(0.25).expect("above 0 and below 1");
    let dropout = Dropout { probability, kind: DropoutKind::Element };
    let x = b.linear(Value::Input, 12, Kind::Bayesian).expect("any shape");
    let x = b.op(dropout, &[x]).expect("any shape");
    b.linear(x, 4, Kind::Bayesian).expect("any shape");
    b.parts()
}
