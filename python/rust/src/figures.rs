//! The figures of predictions as arrays of NumPy.

use crate::origin::Origin;
use bayes8::{Head, Sums};
use ndarray::{Array2, Axis, aview1};
use numpy::IntoPyArray;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The names of the figures of a head, and the number of columns that each has: `None` for a single number.
fn fields(head: &Head) -> (&'static str, Vec<(&'static str, Option<usize>)>) {
    let each = Some(head.count());
    let entropies = |columns| {
        let entropies = ["predictive_entropy", "expected_entropy", "mutual_information"];
        entropies.map(|name| (name, columns))
    };
    let probabilities = [("probabilities", each), ("std", each)];
    match head {
        Head::Classes(_) => ("ClassFigures", [&probabilities[..], &entropies(None)].concat()),
        Head::Labels(_) => ("LabelFigures", [&probabilities[..], &entropies(each)].concat()),
        Head::Gaussian(_) => {
            let names = ["mean", "std", "aleatoric_std", "epistemic_std"];
            ("TargetFigures", names.map(|name| (name, each)).to_vec())
        }
    }
}

/// Returns the figures of every output by its name, in order: objects of `bayes8._outputs`. `sums` has those of every
/// output for each picture. Without the axis of pictures if `is_single`.
pub(crate) fn figures(
    py: Python<'_>,
    sums: &[Sums],
    origin: &Origin,
    is_single: bool,
) -> PyResult<Py<PyDict>> {
    let (module, all) = (py.import("bayes8._outputs")?, PyDict::new(py));
    let outputs = origin.outputs.iter().zip(origin.objects(py)?);
    for (index, (output, object)) in outputs.enumerate() {
        let (class, fields) = fields(&output.head);
        let columns = fields.iter().map(|&(_, columns)| columns.unwrap_or(1)).sum();
        let of_output = sums.iter().skip(index).step_by(origin.outputs.len());
        let mut table = Array2::zeros((of_output.len(), columns));
        for (mut row, sums) in table.outer_iter_mut().zip(of_output) {
            row.assign(&aview1(&sums.finish().figures()));
        }
        let (arguments, mut start) = (PyDict::new(py), 0);
        for (name, columns) in fields {
            let end = start + columns.unwrap_or(1);
            let part = table.slice_axis(Axis(1), (start..end).into()).to_owned();
            arguments.set_item(name, array(py, part, columns.is_none(), is_single)?)?;
            start = end;
        }
        all.set_item(&output.name, module.getattr(class)?.call((object,), Some(&arguments))?)?;
    }
    Ok(all.unbind())
}

/// Returns figures `[N, columns]` without the axes that Python does not see, read-only, as every access returns the
/// same array; a float if there is no axis.
fn array(
    py: Python<'_>,
    figures: Array2<f64>,
    is_scalar: bool,
    is_single: bool,
) -> PyResult<Bound<'_, PyAny>> {
    if is_scalar && is_single {
        return Ok(figures[[0, 0]].into_pyobject(py)?.into_any());
    }
    let array = match (is_scalar, is_single) {
        (true, _) => figures.index_axis_move(Axis(1), 0).into_pyarray(py).into_any(),
        (_, true) => figures.index_axis_move(Axis(0), 0).into_pyarray(py).into_any(),
        _ => figures.into_pyarray(py).into_any(),
    };
    array.call_method1("setflags", (false,))?;
    Ok(array)
}
