//! The figures of predictions as arrays of NumPy.

use bayes8::head::classes::ClassSums;
use bayes8::{Accumulator, ClassUncertainty};
use ndarray::{Array1, Array2, Axis, aview1};
use numpy::IntoPyArray;
use pyo3::prelude::*;

/// The arrays that Python sees.
pub(crate) struct Figures {
    pub(crate) probabilities: Py<PyAny>,
    pub(crate) std: Py<PyAny>,
    pub(crate) predictive_entropy: Py<PyAny>,
    pub(crate) expected_entropy: Py<PyAny>,
    pub(crate) mutual_information: Py<PyAny>,
}

impl Figures {
    /// Computes the figures of one picture per entry of `sums`. Without the axis of pictures if `is_single`.
    pub(crate) fn new(
        py: Python<'_>,
        sums: &[ClassSums],
        classes: usize,
        is_single: bool,
    ) -> PyResult<Self> {
        let count = sums.len();
        let mut probabilities = Array2::zeros((count, classes));
        let mut std = Array2::zeros((count, classes));
        let mut scalars = [(); 3].map(|()| Array1::zeros(count));
        let mut uncertainty = ClassUncertainty::default();
        for (i, sums) in sums.iter().enumerate() {
            sums.finish_into(&mut uncertainty);
            probabilities.row_mut(i).assign(&aview1(&uncertainty.probabilities));
            std.row_mut(i).assign(&aview1(&uncertainty.std));
            scalars[0][i] = uncertainty.predictive_entropy;
            scalars[1][i] = uncertainty.expected_entropy;
            scalars[2][i] = uncertainty.mutual_information;
        }
        let by_class = |values: Array2<f64>| -> PyResult<Py<PyAny>> {
            Ok(match is_single {
                true => read_only(values.index_axis_move(Axis(0), 0).into_pyarray(py).into_any())?,
                false => read_only(values.into_pyarray(py).into_any())?,
            })
        };
        let scalar = |values: Array1<f64>| -> PyResult<Py<PyAny>> {
            match is_single {
                true => Ok(values[0].into_pyobject(py)?.into_any().unbind()),
                false => read_only(values.into_pyarray(py).into_any()),
            }
        };
        let [predictive, expected, mutual] = scalars;
        Ok(Figures {
            probabilities: by_class(probabilities)?,
            std: by_class(std)?,
            predictive_entropy: scalar(predictive)?,
            expected_entropy: scalar(expected)?,
            mutual_information: scalar(mutual)?,
        })
    }
}

/// Makes an array read-only, as every access returns the same one.
fn read_only(array: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    array.call_method1("setflags", (false,))?;
    Ok(array.unbind())
}
