//! `bayes8.Prediction`.

mod parts;

use crate::draws::{Clash, Draws};
use crate::origin::Origin;
use crate::saved::Saved;
use bayes8::Sums;
use bayes8::core::posterior::MAX_SAMPLES;
use ndarray::{Array3, Axis, concatenate};
use numpy::{PyArray3, PyArrayMethods, PyUntypedArrayMethods, ToPyArray};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PySlice, PyTuple};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Predictions of N pictures, or other inputs, from the same weight samples.
///
/// `outputs` has the figures of every output; the attributes are those of the first one. Which it
/// has depends on what it means: classes, labels or targets of a regression. Others raise an
/// AttributeError. Arrays have an axis of N first; the prediction of a single picture, such as
/// `p[0]`, has none, and floats in the place of arrays [N]. The arrays of a map have axes of
/// positions after that of N, and are float32. Entropies are in nats. Arrays are read-only.
#[pyclass(frozen, module = "bayes8", eq)]
pub(crate) struct Prediction {
    /// Those of every output for each picture.
    sums: Vec<Sums>,
    /// `[N, samples, numbers]`.
    logits: Option<Array3<f32>>,
    draws: Draws,
    origin: Arc<Origin>,
    /// Whether the axis of pictures is left out of all arrays.
    is_single: bool,
    figures: PyOnceLock<Py<PyDict>>,
}

impl PartialEq for Prediction {
    fn eq(&self, other: &Self) -> bool {
        self.sums == other.sums
            && self.draws == other.draws
            && self.origin == other.origin
            && self.is_single == other.is_single
    }
}

#[pymethods]
impl Prediction {
    /// The figures of every output by its name, in order.
    ///
    /// Each is a `ClassFigures`, `LabelFigures` or `TargetFigures`.
    #[getter]
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.figures(py)?.copy()
    }

    /// Mean probability of each class or label, [N, classes].
    #[getter]
    fn probabilities<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("probabilities")
    }

    /// Standard deviation of each probability over the samples, or of each target.
    #[getter]
    fn std<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("std")
    }

    /// Total uncertainty: entropy of the mean probabilities, [N]; of labels [N, labels].
    #[getter]
    fn predictive_entropy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("predictive_entropy")
    }

    /// Aleatoric uncertainty: mean entropy of the samples, [N]; of labels [N, labels].
    #[getter]
    fn expected_entropy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("expected_entropy")
    }

    /// Epistemic uncertainty: the total minus the aleatoric, [N]; of labels [N, labels].
    #[getter]
    fn mutual_information<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("mutual_information")
    }

    /// How far the figures are from those of infinitely many samples: standard errors.
    ///
    /// A `ClassErrors`, `LabelErrors` or `TargetErrors`; None for fewer than two samples, and
    /// for maps.
    #[getter]
    fn standard_errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("standard_errors")
    }

    /// Mean of each target of a regression, in its unit, [N, targets].
    #[getter]
    fn mean<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("mean")
    }

    /// Part of each target's `std` from noise in the data, [N, targets].
    #[getter]
    fn aleatoric_std<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("aleatoric_std")
    }

    /// Part of each target's `std` from doubt about the weights, [N, targets].
    #[getter]
    fn epistemic_std<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("epistemic_std")
    }

    /// Index of the most probable class, [N]; of a map, of each position.
    #[getter]
    fn classes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("classes")
    }

    /// Whether each class belongs to the prediction set, bool [N, classes].
    ///
    /// None if the model was not calibrated for sets.
    #[getter]
    fn set<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("set")
    }

    /// Whether the set of each label holds "absent" and "present", bool [N, labels, 2].
    ///
    /// None if the model was not calibrated for sets.
    #[getter]
    fn sets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("sets")
    }

    /// Both ends of the prediction interval of each target, [N, targets, 2].
    ///
    /// None if the model was not calibrated for intervals.
    #[getter]
    fn intervals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("intervals")
    }

    /// Logits, or other numbers, of every sample, [N, samples, numbers], if `keep_logits` asked.
    ///
    /// Those of several outputs follow each other.
    #[getter]
    fn logits<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let logits = self.logits.as_ref()?;
        Some(match self.is_single {
            true => logits.index_axis(Axis(0), 0).to_pyarray(py).into_any(),
            false => logits.to_pyarray(py).into_any(),
        })
    }

    /// Number of weight samples.
    #[getter]
    fn samples(&self) -> u64 {
        self.draws.count()
    }

    /// The samples: seeds, and ranges of indices.
    ///
    /// Chosen draws have None for a seed, and ranges of positions in the model's list.
    #[getter]
    fn draws<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Option<u64>, Bound<'py, PyAny>)>> {
        self.draws.to_python(py)
    }

    /// Names of the classes; an AttributeError if the first output has none.
    #[getter]
    fn class_names(&self) -> PyResult<Vec<String>> {
        self.origin.class_names()
    }

    /// Identifies the model.
    #[getter]
    fn model_digest(&self) -> &str {
        &self.origin.digest
    }

    /// Whether this is the prediction of a single picture, without an axis of N.
    #[getter]
    fn is_single(&self) -> bool {
        self.is_single
    }

    /// SHA-256 of the sums: equal if and only if all bits are equal.
    #[getter]
    fn digest(&self) -> String {
        let hash =
            self.words().fold(Sha256::new(), |hash, word| hash.chain_update(word.to_le_bytes()));
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The k most probable classes or labels, [(name, probability), ...].
    ///
    /// Of N pictures a list of such lists.
    #[pyo3(signature = (k=None), text_signature = "($self, k=5)")]
    fn top<'py>(
        &self,
        py: Python<'py>,
        k: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("top")?.call1(PyTuple::new(py, k)?)
    }

    /// The central interval that has probability `level`, [N, targets, 2].
    #[pyo3(signature = (level=None), text_signature = "($self, level=0.95)")]
    fn interval<'py>(
        &self,
        py: Python<'py>,
        level: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("interval")?.call1(PyTuple::new(py, level)?)
    }

    /// The number below which each target lies with probability `p`, [N, targets].
    fn quantile<'py>(&self, py: Python<'py>, p: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.first(py)?.getattr("quantile")?.call1((p,))
    }

    /// Returns the prediction from the samples of both, exactly.
    ///
    /// The sums are integers: samples that were split over workers give the bits of one machine.
    ///
    /// Raises:
    ///     ValueError: the predictions are of different models or numbers of pictures, share
    ///         samples, which would count twice, or one has chosen draws and the other random ones,
    ///         which may be among them.
    pub(crate) fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        let refused = |message: String| Err(PyValueError::new_err(message));
        if self.origin != other.origin {
            let (a, b) = (&self.origin.digest, &other.origin.digest);
            return refused(format!("predictions of different models cannot be merged: {a}, {b}"));
        }
        if self.count() != other.count() || self.is_single != other.is_single {
            let [a, b] = [self, other].map(Self::extent);
            return refused(format!("predictions of {a} and of {b} cannot be merged"));
        }
        if self.samples() + other.samples() > u64::from(MAX_SAMPLES) {
            return refused(format!("together they have more than {MAX_SAMPLES} samples"));
        }
        let draws = match self.draws.union(&other.draws) {
            Ok(draws) => draws,
            Err(Clash::Shared) => {
                return refused("the predictions share samples, which would count twice".into());
            }
            Err(Clash::Kinds) => {
                let message = "predictions of chosen and of random draws cannot be merged: random ones \
                               may be in the list, and would count twice";
                return refused(message.into());
            }
        };
        let mut sums = self.sums.clone();
        py.detach(|| sums.iter_mut().zip(&other.sums).for_each(|(sum, other)| sum.merge(other)));
        let logits = self
            .logits
            .as_ref()
            .zip(other.logits.as_ref())
            .map(|(own, others)| self.draws.ordered(own, &other.draws, others));
        Ok(self.with(sums, logits, draws, self.is_single))
    }

    /// Joins predictions of several sets of pictures, from the same model and samples.
    ///
    /// Raises:
    ///     ValueError: the models or samples differ, or the list is empty.
    #[staticmethod]
    fn concatenate(predictions: Vec<Bound<'_, Self>>) -> PyResult<Self> {
        let Some((first, others)) = predictions.split_first() else {
            return Err(PyValueError::new_err("no predictions to concatenate"));
        };
        let first = first.get();
        if others.iter().any(|p| p.get().origin != first.origin || p.get().draws != first.draws) {
            let message = "predictions of different models or draws cannot be concatenated";
            return Err(PyValueError::new_err(message));
        }
        let all: Vec<&Self> = predictions.iter().map(Bound::get).collect();
        let logits: Option<Vec<_>> =
            all.iter().map(|p| p.logits.as_ref().map(|logits| logits.view())).collect();
        let logits =
            logits.map(|all| concatenate(Axis(0), &all).expect("the same draws and outputs"));
        let sums = all.iter().flat_map(|p| p.sums.iter().cloned()).collect();
        Ok(first.with(sums, logits, first.draws.clone(), false))
    }

    fn __len__(&self) -> PyResult<usize> {
        match self.is_single {
            true => Err(PyTypeError::new_err("the prediction of a single picture has no length")),
            false => Ok(self.count()),
        }
    }

    /// Returns the prediction for one picture, or for those of a slice.
    fn __getitem__(&self, index: &Bound<'_, PyAny>) -> PyResult<Self> {
        let count = self.__len__()?;
        if let Ok(slice) = index.cast::<PySlice>() {
            let slice = slice.indices(count as isize)?;
            let at = |i: usize| (slice.start + i as isize * slice.step) as usize;
            let pictures: Vec<usize> = (0..slice.slicelength).map(at).collect();
            return Ok(self.of_pictures(&pictures, false));
        }
        let index: isize = index.extract()?;
        let from_start = if index < 0 { index + count as isize } else { index };
        match usize::try_from(from_start) {
            Ok(index) if index < count => Ok(self.of_pictures(&[index], true)),
            _ => Err(PyIndexError::new_err(format!("index {index} of {count} predictions"))),
        }
    }

    fn __iter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let each = (0..slf.get().__len__()?).map(|i| slf.get().of_pictures(&[i], true));
        let all = each.map(|p| Py::new(py, p)).collect::<PyResult<Vec<_>>>()?;
        all.into_pyobject(py)?.try_iter().map(Bound::into_any)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let samples = self.samples();
        if !self.is_single {
            let count = self.count();
            return Ok(format!("<bayes8.Prediction of {count} pictures, {samples} samples>"));
        }
        let summary = |figures: Bound<'_, PyAny>| figures.call_method0("_summary")?.extract();
        let all = self.figures(py)?.values().into_iter().map(summary);
        let all = all.collect::<PyResult<Vec<String>>>()?.join(", ");
        Ok(format!("<bayes8.Prediction: {all}, {samples} samples>"))
    }

    fn _repr_html_<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("bayes8._html")?.call_method1("prediction", (&slf,))
    }

    /// Draws the first output of one picture with its spread; needs matplotlib.
    ///
    /// Returns the axes, which are those of `ax` if it is given.
    #[pyo3(signature = (ax=None))]
    fn plot<'py>(
        slf: Bound<'py, Self>,
        ax: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("bayes8._plots")?.call_method1("prediction", (&slf, ax))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let bytes: Vec<u8> = self.words().flat_map(i64::to_le_bytes).collect();
        let draws: Vec<_> = self.draws.0.iter().map(|(seed, r)| (*seed, r.start, r.end)).collect();
        let (digest, outputs) = (&self.origin.digest, self.origin.to_json()?);
        let logits = self.logits.as_ref().map(|logits| logits.to_pyarray(py));
        let bytes = PyBytes::new(py, &bytes);
        let state = (bytes, draws, digest, outputs, self.is_single, logits);
        let restore = py.get_type::<Self>().getattr("_restore")?;
        Ok((restore, state.into_pyobject(py)?.into_any()))
    }

    /// Restores what `__reduce__` saved.
    #[staticmethod]
    fn _restore(
        sums: &[u8],
        draws: Vec<(Option<u64>, u32, u32)>,
        digest: String,
        outputs: &str,
        is_single: bool,
        logits: Option<Bound<'_, PyArray3<f32>>>,
    ) -> PyResult<Self> {
        let wrong = |error: String| PyValueError::new_err(format!("a damaged prediction: {error}"));
        let Saved { sums, draws, origin } =
            Saved::restore(sums, draws, digest, outputs, is_single).map_err(wrong)?;
        let expected =
            [sums.len() / origin.outputs.len(), draws.count() as usize, origin.numbers()];
        if logits.as_ref().is_some_and(|logits| logits.shape() != expected) {
            return Err(wrong("its logits have another shape".into()));
        }
        let logits = logits.map(|logits| logits.readonly().as_array().to_owned());
        Ok(Self { sums, logits, draws, origin, is_single, figures: PyOnceLock::new() })
    }
}
