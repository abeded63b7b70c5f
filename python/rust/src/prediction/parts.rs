//! Making predictions, and taking them apart.

use super::Prediction;
use crate::draws::Draws;
use crate::figures::figures;
use crate::origin::Origin;
use bayes8::Sums;
use ndarray::{Array3, Axis};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use std::sync::Arc;

impl Prediction {
    pub(crate) fn new(
        predictions: Vec<bayes8::Prediction>,
        draws: Draws,
        origin: Arc<Origin>,
        is_single: bool,
        keep_logits: bool,
    ) -> Self {
        let logits = keep_logits.then(|| {
            let shape = (predictions.len(), draws.count() as usize, origin.numbers());
            let mut all = Array3::zeros(shape);
            for (mut of_picture, prediction) in all.outer_iter_mut().zip(&predictions) {
                of_picture.assign(&prediction.logits().expect("they were kept"));
            }
            all
        });
        let sums =
            |p: &bayes8::Prediction| p.outputs().map(|(_, sums)| sums.clone()).collect::<Vec<_>>();
        let sums = predictions.iter().flat_map(sums).collect();
        Self { sums, logits, draws, origin, is_single, figures: PyOnceLock::new() }
    }

    /// Returns other predictions of the same model.
    pub(super) fn with(
        &self,
        sums: Vec<Sums>,
        logits: Option<Array3<f32>>,
        draws: Draws,
        is_single: bool,
    ) -> Self {
        let origin = Arc::clone(&self.origin);
        Self { sums, logits, draws, origin, is_single, figures: PyOnceLock::new() }
    }

    pub(super) fn of_pictures(&self, pictures: &[usize], is_single: bool) -> Self {
        let outputs = self.origin.outputs.len();
        let of_picture = |&picture: &usize| &self.sums[picture * outputs..(picture + 1) * outputs];
        let sums = pictures.iter().flat_map(of_picture).cloned().collect();
        let logits = self.logits.as_ref().map(|logits| logits.select(Axis(0), pictures));
        self.with(sums, logits, self.draws.clone(), is_single)
    }

    /// Says which pictures these are, for messages.
    pub(super) fn extent(&self) -> String {
        match (self.is_single, self.count()) {
            (true, _) => "a single picture".into(),
            (false, count) => format!("a batch of {count}"),
        }
    }

    /// Returns the integers of all sums, picture by picture.
    pub(super) fn words(&self) -> impl Iterator<Item = i64> {
        self.sums.iter().flat_map(Sums::to_words)
    }

    /// Returns the number of pictures.
    pub(super) fn count(&self) -> usize {
        self.sums.len() / self.origin.outputs.len()
    }

    /// Returns the figures of every output, by name.
    pub(super) fn figures<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyDict>> {
        let made = || figures(py, &self.sums, &self.origin, self.is_single);
        Ok(self.figures.get_or_try_init(py, made)?.bind(py))
    }

    /// Returns the figures of the first output.
    pub(super) fn first<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.figures(py)?.as_any().get_item(&self.origin.outputs[0].name)
    }
}
