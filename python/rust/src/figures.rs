//! The figures of predictions as arrays of NumPy.

use crate::origin::Origin;
use bayes8::{Head, Output, PredictionRegion, Sums, Uncertainty};
use ndarray::{Array2, Array3, ArrayD, Axis, aview1};
use numpy::{Element, IntoPyArray};
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

/// The names of the standard errors of a head, as for [`fields`].
fn errors(head: &Head) -> (&'static str, Vec<(&'static str, Option<usize>)>) {
    let (_, mut fields) = fields(head);
    fields.retain(|(name, _)| !name.ends_with("std"));
    let class = match head {
        Head::Classes(_) => "ClassErrors",
        Head::Labels(_) => "LabelErrors",
        Head::Gaussian(_) => "TargetErrors",
    };
    (class, fields)
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
        let of_output = sums.iter().skip(index).step_by(origin.outputs.len());
        if output.is_map() {
            let arguments = maps(py, &fields, of_output, output, is_single)?;
            all.set_item(&output.name, module.getattr(class)?.call((object,), Some(&arguments))?)?;
            continue;
        }
        let (errors_class, errors) = errors(&output.head);
        let columns = fields.iter().chain(&errors).map(|&(_, columns)| columns.unwrap_or(1)).sum();
        let mut table = Array2::zeros((of_output.len(), columns));
        let of_output: Vec<Uncertainty> = of_output.map(Sums::finish).collect();
        for (mut row, figures) in table.outer_iter_mut().zip(&of_output) {
            row.assign(&aview1(&figures.figures()));
        }
        let mut start = 0;
        let mut take = |fields: &[(&str, Option<usize>)]| -> PyResult<_> {
            let arguments = PyDict::new(py);
            for &(name, columns) in fields {
                let end = start + columns.unwrap_or(1);
                let part = table.slice_axis(Axis(1), (start..end).into()).to_owned();
                arguments.set_item(name, array(py, part, columns.is_none(), is_single)?)?;
                start = end;
            }
            Ok(arguments)
        };
        let (arguments, errors) = (take(&fields)?, take(&errors)?);
        // All pictures have the same samples.
        if of_output.iter().all(|figures| figures.samples() > 1) {
            let errors = module.getattr(errors_class)?.call((), Some(&errors))?;
            arguments.set_item("standard_errors", errors)?;
        }
        if let Some(conformal) = &output.conformal {
            let regions = of_output.iter().filter_map(|figures| conformal.region(figures));
            let (name, region) = region(py, &output.head, &regions.collect::<Vec<_>>(), is_single)?;
            arguments.set_item(name, region)?;
        }
        all.set_item(&output.name, module.getattr(class)?.call((object,), Some(&arguments))?)?;
    }
    Ok(all.unbind())
}

/// Returns the figures of a map, f32 `[N, axes..., columns]`, and whether each class belongs to its sets if it
/// has them, read-only.
fn maps<'py, 's>(
    py: Python<'py>,
    fields: &[(&'static str, Option<usize>)],
    sums: impl ExactSizeIterator<Item = &'s Sums>,
    output: &Output,
    is_single: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let pictures = sums.len();
    let shape = |columns: &Option<usize>| {
        let mut shape = vec![pictures];
        shape.extend(output.axes().iter().chain(columns));
        shape
    };
    let mut set = Vec::new();
    let arrays = fields.iter().map(|(_, columns)| ArrayD::<f32>::zeros(shape(columns)));
    let mut arrays: Vec<_> = arrays.collect();
    for (picture, sums) in sums.enumerate() {
        let uncertainty = sums.finish();
        if let Some(PredictionRegion::ClassSetMap(sets)) = output.region(&uncertainty) {
            set.extend(sets.members);
        }
        let figures = uncertainty.figures();
        let mut rest = &figures[..];
        for array in &mut arrays {
            let mut of_picture = array.index_axis_mut(Axis(0), picture);
            let (own, others) = rest.split_at(of_picture.len());
            // They were of this type before.
            of_picture.iter_mut().zip(own).for_each(|(to, &from)| *to = from as f32);
            rest = others;
        }
    }
    let arguments = PyDict::new(py);
    for (&(name, _), array) in fields.iter().zip(arrays) {
        let array = leading(py, array, is_single);
        array.call_method1("setflags", (false,))?;
        arguments.set_item(name, array)?;
    }
    if output.conformal.is_some() {
        let set = ArrayD::from_shape_vec(shape(&Some(output.head.count())), set);
        let array = leading(py, set.expect("a flag for each class"), is_single);
        array.call_method1("setflags", (false,))?;
        arguments.set_item("set", array)?;
    }
    Ok(arguments)
}

/// Returns the prediction sets or intervals of pictures, of an output with `head`, by the name of their figure. They
/// are read-only arrays without the axis of pictures if `is_single`.
fn region<'py>(
    py: Python<'py>,
    head: &Head,
    regions: &[PredictionRegion],
    is_single: bool,
) -> PyResult<(&'static str, Bound<'py, PyAny>)> {
    let count = head.count();
    let intervals = regions.iter().filter_map(PredictionRegion::intervals);
    let sets = regions.iter().filter_map(PredictionRegion::label_sets);
    let classes = regions.iter().filter_map(PredictionRegion::class_set);
    let shape = (regions.len(), count, 2);
    let (name, array) = match head {
        Head::Gaussian(_) => {
            let ends = intervals.flat_map(|intervals| intervals.as_flattened().to_vec());
            let ends = Array3::from_shape_vec(shape, ends.collect()).expect("two ends");
            ("intervals", leading(py, ends.into_dyn(), is_single))
        }
        Head::Labels(_) => {
            let answers = sets.flatten().flat_map(|set| [set.absent, set.present]);
            let answers = Array3::from_shape_vec(shape, answers.collect()).expect("two answers");
            ("sets", leading(py, answers.into_dyn(), is_single))
        }
        Head::Classes(_) => {
            let mut members = Array2::from_elem((regions.len(), count), false);
            for (mut row, set) in members.outer_iter_mut().zip(classes) {
                set.iter().for_each(|&class| row[class] = true);
            }
            ("set", leading(py, members.into_dyn(), is_single))
        }
    };
    array.call_method1("setflags", (false,))?;
    Ok((name, array))
}

/// Returns an array without its first axis if `is_single`.
fn leading<T: Element>(py: Python<'_>, array: ArrayD<T>, is_single: bool) -> Bound<'_, PyAny> {
    match is_single {
        true => array.index_axis_move(Axis(0), 0).into_pyarray(py).into_any(),
        false => array.into_pyarray(py).into_any(),
    }
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
