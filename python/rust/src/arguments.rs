//! Arguments that several functions take.

use bayes8::core::graph::{MAX_ELEMENTS, Shape};
use bayes8::core::numerics::{ActivationBits, Planes};
use bayes8::core::posterior::MAX_SAMPLES;
use bayes8::{Draws, PredictOptions};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyRange};
use std::ops::Range;

/// Returns a whole number of `low..=high`.
pub(crate) fn whole(what: &str, value: &Bound<'_, PyAny>, [low, high]: [u64; 2]) -> PyResult<u64> {
    let is_bool = value.is_instance_of::<PyBool>();
    let found = if is_bool { None } else { value.extract::<i128>().ok() };
    let Some(found) = found else {
        let of = value.get_type().name()?;
        return Err(match value.hasattr("__index__")? && !is_bool {
            true => {
                PyValueError::new_err(format!("{what} is {}, not {low} to {high}", value.str()?))
            }
            false => PyTypeError::new_err(format!("{what} is a {of}, not an int")),
        });
    };
    let within = u64::try_from(found).ok().filter(|found| (low..=high).contains(found));
    within.ok_or_else(|| PyValueError::new_err(format!("{what} is {found}, not {low} to {high}")))
}

/// Returns a seed.
pub(crate) fn seed(value: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
    value.map_or(Ok(0), |value| whole("seed", value, [0, u64::MAX]))
}

/// Returns which draws to take; `None` for those that the model takes by default.
pub(crate) fn draws(
    draws: Option<&Bound<'_, PyAny>>,
    seed: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<Draws>> {
    let is_seeded = seed.is_some();
    let seed = self::seed(seed)?;
    let is_chosen = draws.map(|draws| {
        choice("draws", &text("draws", draws)?, &[("chosen", true), ("random", false)])
    });
    match is_chosen.transpose()? {
        Some(true) if is_seeded => Err(PyValueError::new_err(
            "seed is for random draws: chosen ones have that of the model's list",
        )),
        Some(true) => Ok(Some(Draws::Chosen)),
        None if !is_seeded => Ok(None),
        _ => Ok(Some(Draws::Random { seed })),
    }
}

/// Returns which samples to predict, and whether to keep their logits.
pub(crate) fn predict_options(
    samples: Option<&Bound<'_, PyAny>>,
    seed: Option<&Bound<'_, PyAny>>,
    draws: Option<&Bound<'_, PyAny>>,
    keep_logits: bool,
) -> PyResult<PredictOptions> {
    let mut options = PredictOptions::new().keep_logits(keep_logits);
    options.samples = samples.map(self::samples).transpose()?;
    options.draws = self::draws(draws, seed)?;
    Ok(options)
}

/// Returns a number of threads; 0 for one per processor, which `None` means.
pub(crate) fn threads(value: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
    let most = bayes8::Threads::MAX as u64;
    value.map_or(Ok(0), |value| Ok(whole("threads", value, [1, most])? as usize))
}

/// Returns planes, rows and columns from one to three extents.
pub(crate) fn input_size(value: &Bound<'_, PyAny>) -> PyResult<[usize; 3]> {
    let expected = "input_size is (rows, columns), (planes, rows, columns) or (length,)";
    let given = value.try_iter().map_err(|_| PyTypeError::new_err(expected))?;
    let most = MAX_ELEMENTS as u64;
    let extents: PyResult<Vec<usize>> =
        given.map(|extent| Ok(whole("input_size", &extent?, [1, most])? as usize)).collect();
    match extents?[..] {
        [columns] => Ok([1, 1, columns]),
        [rows, columns] => Ok([1, rows, columns]),
        [planes, rows, columns] => Ok([planes, rows, columns]),
        _ => Err(PyValueError::new_err(expected)),
    }
}

/// Returns a text. PyO3 would name the argument in a note, which Python 3.10 does not have.
pub(crate) fn text(what: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    value.extract().map_err(|_| of_another_type(what, value, "a str"))
}

/// Returns the error of an argument that is not an `expected` one.
pub(crate) fn of_another_type(what: &str, value: &Bound<'_, PyAny>, expected: &str) -> PyErr {
    match value.get_type().name() {
        Ok(of) => PyTypeError::new_err(format!("{what} is a {of}, not {expected}")),
        Err(error) => error,
    }
}

/// Returns the order of the axes of pictures, for `from_py_with`. To errors of the outer result, PyO3 would add the
/// name of the argument, which the inner ones have.
#[expect(clippy::unnecessary_wraps, reason = "what `from_py_with` takes")]
pub(crate) fn layout(value: &Bound<'_, PyAny>) -> PyResult<PyResult<String>> {
    Ok(text("layout", value))
}

/// Returns whether to keep logits, as [`layout`] does.
#[expect(clippy::unnecessary_wraps, reason = "what `from_py_with` takes")]
pub(crate) fn keep_logits(value: &Bound<'_, PyAny>) -> PyResult<PyResult<bool>> {
    Ok(value.extract().map_err(|_| of_another_type("keep_logits", value, "a bool")))
}

/// Returns a number that need not be given.
pub(crate) fn optional(
    what: &str,
    value: Option<&Bound<'_, PyAny>>,
    range: [u64; 2],
) -> PyResult<Option<u64>> {
    value.map(|value| whole(what, value, range)).transpose()
}

/// Returns a number of bits.
pub(crate) fn activation_bits(value: &Bound<'_, PyAny>) -> PyResult<ActivationBits> {
    let bits = whole("activation_bits", value, [7, 8])? as u8;
    ActivationBits::try_from(bits).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Returns the number of codes of each element of the input.
pub(crate) fn input_planes(value: &Bound<'_, PyAny>) -> PyResult<Planes> {
    match whole("input_bits", value, [8, 16])? {
        8 => Ok(Planes::One),
        16 => Ok(Planes::Two),
        bits => Err(PyValueError::new_err(format!("input_bits is {bits}, not 8 or 16"))),
    }
}

/// Returns the extents of a picture.
pub(crate) fn input_shape(value: &Bound<'_, PyAny>) -> PyResult<Shape> {
    let each = |extent: PyResult<Bound<'_, PyAny>>| {
        Ok(whole("an extent of input_shape", &extent?, [1, u32::MAX.into()])? as usize)
    };
    let Ok(extents) = value.try_iter() else {
        let message = format!("input_shape is {value}, not a sequence such as (28, 28, 1)");
        return Err(PyTypeError::new_err(message));
    };
    let extents = extents.map(each).collect::<PyResult<Vec<_>>>()?;
    let shape = Shape::try_from(extents);
    shape.map_err(|error| PyValueError::new_err(format!("input_shape is {value}: {error}")))
}

/// Returns the index of a sample, as [`layout`] does.
#[expect(clippy::unnecessary_wraps, reason = "what `from_py_with` takes")]
pub(crate) fn sample_index(value: &Bound<'_, PyAny>) -> PyResult<PyResult<u32>> {
    Ok(whole("sample", value, [0, u64::from(MAX_SAMPLES) - 1]).map(|sample| sample as u32))
}

/// Returns a number of samples.
pub(crate) fn sample_count(what: &str, value: &Bound<'_, PyAny>) -> PyResult<u32> {
    Ok(whole(what, value, [1, MAX_SAMPLES.into()])? as u32)
}

/// Returns the indices of samples: those of a `range`, or the first ones if `value` is their number.
pub(crate) fn samples(value: &Bound<'_, PyAny>) -> PyResult<Range<u32>> {
    let Ok(range) = value.cast::<PyRange>() else {
        return Ok(0..sample_count("samples", value)?);
    };
    let end = |name| {
        let value = range.getattr(name)?;
        let value = value.extract::<u32>().ok().filter(|&value| value <= MAX_SAMPLES);
        let wrong = || {
            PyValueError::new_err(format!(
                "samples is {range}; indices are 0 to {}",
                MAX_SAMPLES - 1
            ))
        };
        value.ok_or_else(wrong)
    };
    let (start, stop) = (end("start")?, end("stop")?);
    let step: i64 = range.getattr("step")?.extract()?;
    if step != 1 || start >= stop {
        let message = format!("samples is {range}; a range has step 1 and at least one index");
        return Err(PyValueError::new_err(message));
    }
    Ok(start..stop)
}

/// Returns the value that belongs to a name.
pub(crate) fn choice<T: Clone>(what: &str, name: &str, values: &[(&str, T)]) -> PyResult<T> {
    let found = values.iter().find(|(value, _)| *value == name);
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        let names: Vec<_> = values.iter().map(|(name, _)| format!("{name:?}")).collect();
        PyValueError::new_err(format!("{what} is {name:?}; it takes {}", names.join(", ")))
    })
}
