//! `bayes8.Prediction`.

use crate::arguments;
use crate::draws::Draws;
use crate::figures::Figures;
use bayes8::Accumulator;
use bayes8::core::posterior::MAX_SAMPLES;
use bayes8::head::classes::ClassSums;
use ndarray::{Array3, Axis, concatenate};
use numpy::{PyArray3, PyArrayMethods, PyUntypedArrayMethods, ToPyArray};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PySlice};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::sync::Arc;

/// Predictions of N pictures from the same weight samples.
///
/// Arrays have an axis of N first; the prediction of a single picture, such as `p[0]`, has none,
/// and floats in the place of arrays [N]. Entropies are in nats. Arrays are read-only.
#[pyclass(frozen, module = "bayes8", eq)]
pub(crate) struct Prediction {
    sums: Vec<ClassSums>,
    /// `[N, samples, classes]`.
    logits: Option<Array3<f32>>,
    draws: Draws,
    origin: Arc<Origin>,
    /// Whether the axis of pictures is left out of all arrays.
    is_single: bool,
    figures: PyOnceLock<Figures>,
}

/// The model that made a prediction.
#[derive(PartialEq)]
pub(crate) struct Origin {
    pub(crate) digest: String,
    pub(crate) class_names: Vec<String>,
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
    /// Mean probability of each class, [N, classes].
    #[getter]
    fn probabilities(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.figures(py)?.probabilities.clone_ref(py))
    }

    /// Standard deviation of each probability over the samples, [N, classes].
    #[getter]
    fn std(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.figures(py)?.std.clone_ref(py))
    }

    /// Total uncertainty: entropy of the mean probabilities, [N].
    #[getter]
    fn predictive_entropy(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.figures(py)?.predictive_entropy.clone_ref(py))
    }

    /// Aleatoric uncertainty: mean of the entropies of the samples, [N].
    #[getter]
    fn expected_entropy(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.figures(py)?.expected_entropy.clone_ref(py))
    }

    /// Epistemic uncertainty: the total minus the aleatoric, [N].
    #[getter]
    fn mutual_information(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.figures(py)?.mutual_information.clone_ref(py))
    }

    /// Logits of every sample, [N, samples, classes], if `keep_logits` asked for them.
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
    #[getter]
    fn draws<'py>(&self, py: Python<'py>) -> PyResult<Vec<(u64, Bound<'py, PyAny>)>> {
        let range = py.import("builtins")?.getattr("range")?;
        let each = |(seed, samples): &(u64, Range<u32>)| {
            Ok((*seed, range.call1((samples.start, samples.end))?))
        };
        self.draws.0.iter().map(each).collect()
    }

    /// Names of the classes.
    #[getter]
    fn class_names(&self) -> Vec<String> {
        self.origin.class_names.clone()
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

    /// The k most probable classes with their probabilities, [(name, probability), ...].
    ///
    /// Of N pictures a list of such lists.
    #[pyo3(signature = (k=Ok(5)), text_signature = "($self, k=5)")]
    fn top<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = arguments::top_count)] k: PyResult<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let k = k?;
        let top = |sums: &ClassSums| -> Vec<(&str, f64)> {
            let top = sums.finish().top(k);
            top.into_iter().map(|(class, p)| (&*self.origin.class_names[class], p)).collect()
        };
        match self.is_single {
            true => top(&self.sums[0]).into_pyobject(py).map(Bound::into_any),
            false => {
                let all: Vec<_> = self.sums.iter().map(top).collect();
                all.into_pyobject(py).map(Bound::into_any)
            }
        }
    }

    /// Returns the prediction from the samples of both, exactly.
    ///
    /// The sums are integers: samples that were split over workers give the bits of one machine.
    ///
    /// Raises:
    ///     ValueError: the predictions are of different models or numbers of pictures, or share
    ///         samples, which would count twice.
    pub(crate) fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        let refused = |message: String| Err(PyValueError::new_err(message));
        if self.origin != other.origin {
            let (a, b) = (&self.origin.digest, &other.origin.digest);
            return refused(format!("predictions of different models cannot be merged: {a}, {b}"));
        }
        if self.sums.len() != other.sums.len() || self.is_single != other.is_single {
            let [a, b] = [self, other].map(Self::extent);
            return refused(format!("predictions of {a} and of {b} cannot be merged"));
        }
        if self.samples() + other.samples() > u64::from(MAX_SAMPLES) {
            return refused(format!("together they have more than {MAX_SAMPLES} samples"));
        }
        let Some(draws) = self.draws.union(&other.draws) else {
            return refused("the predictions share samples, which would count twice".into());
        };
        let mut sums = self.sums.clone();
        py.detach(|| sums.iter_mut().zip(&other.sums).for_each(|(sum, other)| sum.merge(other)));
        let logits = self.logits.as_ref().zip(other.logits.as_ref()).map(|(own, others)| {
            let parts = self.draws.order(&other.draws).into_iter().map(|(_, is_other, places)| {
                let logits = if is_other { others } else { own };
                logits.slice_axis(Axis(1), places.into())
            });
            concatenate(Axis(1), &parts.collect::<Vec<_>>()).expect("the same pictures and classes")
        });
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
            logits.map(|all| concatenate(Axis(0), &all).expect("the same draws and classes"));
        let sums = all.iter().flat_map(|p| p.sums.iter().cloned()).collect();
        Ok(first.with(sums, logits, first.draws.clone(), false))
    }

    fn __len__(&self) -> PyResult<usize> {
        match self.is_single {
            true => Err(PyTypeError::new_err("the prediction of a single picture has no length")),
            false => Ok(self.sums.len()),
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

    fn __repr__(&self) -> String {
        let samples = self.samples();
        match self.is_single {
            true => {
                let uncertainty = self.sums[0].finish();
                let (class, p) = uncertainty.top(1)[0];
                let name = &self.origin.class_names[class];
                format!("<bayes8.Prediction: {name:?} {:.1} %, {samples} samples>", 100.0 * p)
            }
            false => {
                format!("<bayes8.Prediction of {} pictures, {samples} samples>", self.sums.len())
            }
        }
    }

    fn _repr_html_<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("bayes8._html")?.call_method1("prediction", (&slf,))
    }

    /// Draws the probabilities of one picture with their spread; needs matplotlib.
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
        let Origin { digest, class_names } = &*self.origin;
        let logits = self.logits.as_ref().map(|logits| logits.to_pyarray(py));
        let bytes = PyBytes::new(py, &bytes);
        let state = (bytes, draws, digest, class_names, self.is_single, logits);
        let restore = py.get_type::<Self>().getattr("_restore")?;
        Ok((restore, state.into_pyobject(py)?.into_any()))
    }

    /// Restores what `__reduce__` saved.
    #[staticmethod]
    fn _restore(
        sums: &[u8],
        draws: Vec<(u64, u32, u32)>,
        digest: String,
        class_names: Vec<String>,
        is_single: bool,
        logits: Option<Bound<'_, PyArray3<f32>>>,
    ) -> PyResult<Self> {
        let wrong = |error: String| PyValueError::new_err(format!("a damaged prediction: {error}"));
        let words: Vec<i64> =
            sums.as_chunks().0.iter().map(|&word| i64::from_le_bytes(word)).collect();
        let each = 2 + 2 * class_names.len();
        let is_whole = sums.len().is_multiple_of(8) && words.len().is_multiple_of(each);
        if !is_whole || class_names.is_empty() || is_single && words.len() != each {
            return Err(wrong("its sums have another size".into()));
        }
        let sums: Result<Vec<_>, _> = words.chunks(each).map(ClassSums::from_words).collect();
        let sums = sums.map_err(|error| wrong(error.to_string()))?;
        let draws = draws.into_iter().map(|(seed, a, b)| (seed, a..b)).collect();
        let draws =
            Draws::restore(draws).ok_or_else(|| wrong("its samples are not in order".into()))?;
        if sums.iter().any(|sums| sums.samples() != draws.count()) {
            return Err(wrong("its sums have other samples".into()));
        }
        let expected = [sums.len(), draws.count() as usize, class_names.len()];
        if logits.as_ref().is_some_and(|logits| logits.shape() != expected) {
            return Err(wrong("its logits have another shape".into()));
        }
        let origin = Arc::new(Origin { digest, class_names });
        let logits = logits.map(|logits| logits.readonly().as_array().to_owned());
        Ok(Self { sums, logits, draws, origin, is_single, figures: PyOnceLock::new() })
    }
}

impl Prediction {
    pub(crate) fn new(
        predictions: Vec<bayes8::Prediction>,
        draws: Draws,
        origin: Arc<Origin>,
        is_single: bool,
        keep_logits: bool,
    ) -> Self {
        let logits = keep_logits.then(|| {
            let shape = (predictions.len(), draws.count() as usize, origin.class_names.len());
            let mut all = Array3::zeros(shape);
            for (mut of_picture, prediction) in all.outer_iter_mut().zip(&predictions) {
                of_picture.assign(&prediction.logits().expect("they were kept"));
            }
            all
        });
        let sums = predictions.iter().filter_map(|p| p.sums().classes().cloned()).collect();
        Self { sums, logits, draws, origin, is_single, figures: PyOnceLock::new() }
    }

    /// Returns other predictions of the same model.
    fn with(
        &self,
        sums: Vec<ClassSums>,
        logits: Option<Array3<f32>>,
        draws: Draws,
        is_single: bool,
    ) -> Self {
        let origin = Arc::clone(&self.origin);
        Self { sums, logits, draws, origin, is_single, figures: PyOnceLock::new() }
    }

    fn of_pictures(&self, pictures: &[usize], is_single: bool) -> Self {
        let sums = pictures.iter().map(|&picture| self.sums[picture].clone()).collect();
        let logits = self.logits.as_ref().map(|logits| logits.select(Axis(0), pictures));
        self.with(sums, logits, self.draws.clone(), is_single)
    }

    /// Says which pictures these are, for messages.
    fn extent(&self) -> String {
        match (self.is_single, self.sums.len()) {
            (true, _) => "a single picture".into(),
            (false, count) => format!("a batch of {count}"),
        }
    }

    /// Returns the integers of all sums, picture by picture.
    fn words(&self) -> impl Iterator<Item = i64> {
        self.sums.iter().flat_map(Accumulator::to_words)
    }

    fn figures(&self, py: Python<'_>) -> PyResult<&Figures> {
        let classes = self.origin.class_names.len();
        self.figures.get_or_try_init(py, || Figures::new(py, &self.sums, classes, self.is_single))
    }
}
