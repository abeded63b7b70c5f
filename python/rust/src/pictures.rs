//! Inputs that Python passes: arrays without a copy, PIL images, and lists of them.

use bayes8::Model;
use bayes8::Pictures;
use bayes8::core::counts::counted;
use bayes8::core::fit_picture::fit_rgba;
use bayes8::core::graph::Shape;
use bayes8::core::model::Values;
use image::RgbaImage;
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use numpy::{
    PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// A batch, or a single picture.
pub(crate) struct Batch<'py> {
    numbers: Numbers<'py>,
    /// Whether the axis of the channels follows that of the pictures.
    channels_first: bool,
    pub(crate) is_single: bool,
}

/// Refuses a masked array: what lies under the mask would be predicted.
fn refuse_masked(array: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    // Other arrays have no mask.
    if array.hasattr("mask")? && array.getattr("mask")?.call_method0("any")?.is_truthy()? {
        let message = "the array has masked elements, which no model takes: fill them";
        return Err(PyValueError::new_err(message));
    }
    Ok(())
}

enum Numbers<'py> {
    /// Bytes of the caller's array.
    Bytes(PyReadonlyArrayDyn<'py, u8>),
    /// Floats of the caller's array, or of its copy, for a model of these values: raw numbers, or those of
    /// pictures that are normalized already.
    Floats(PyReadonlyArrayDyn<'py, f32>, Values),
    /// Bytes that were made from PIL images.
    Converted(ArrayD<u8>),
}

impl<'py> Batch<'py> {
    /// Takes what Python passed for `model`. `layout` names the axes.
    ///
    /// # Errors
    /// `TypeError` for anything else than bytes, `float32` and PIL images, or than numbers if the model takes these;
    /// `ValueError` for an unknown layout, another shape or an image that cannot be fitted.
    pub(crate) fn new(value: &Bound<'py, PyAny>, model: &Model, layout: &str) -> PyResult<Self> {
        let (shape, values) = (model.input(), model.quantized().preprocessing().values);
        let channels_first = channels_first(layout)?;
        if values == Values::Numbers && are_images(value)? {
            return Err(PyTypeError::new_err("the model takes numbers, not PIL images"));
        }
        if let Some(bytes) = of_image(value, shape)? {
            return Ok(Self::converted(bytes, 1, shape, true));
        }
        if let Some(images) = list_of_images(value)? {
            let mut bytes = Vec::new();
            for image in &images {
                bytes.extend(of_image(image, shape)?.expect("it is an image"));
            }
            return Ok(Self::converted(bytes, images.len(), shape, false));
        }
        let array = match value.cast::<PyUntypedArray>() {
            Ok(array) => array.clone(),
            Err(_) => as_array(value)?,
        };
        refuse_masked(&array)?;
        let numbers = Numbers::of_array(&array, values)?;
        let extents = array.shape();
        let fits = |extents: &[usize]| shape.fits(&channels_last(extents, channels_first));
        let is_batch = extents.split_first().is_some_and(|(_, one)| fits(one));
        let is_single = !is_batch && fits(extents);
        if !is_batch && !is_single {
            return Err(wrong_shape(extents, shape, values, channels_first));
        }
        Ok(Self { numbers, channels_first, is_single })
    }

    fn converted(bytes: Vec<u8>, count: usize, shape: Shape, is_single: bool) -> Self {
        let extents = IxDyn(&[count, shape.height, shape.width, shape.channels]);
        let array = ArrayD::from_shape_vec(extents, bytes).expect("pictures of the model's shape");
        let array = if is_single { array.index_axis_move(Axis(0), 0) } else { array };
        Self { numbers: Numbers::Converted(array), channels_first: false, is_single }
    }

    /// Returns the pictures as the engine takes them.
    pub(crate) fn pictures(&self) -> Pictures<'_, IxDyn> {
        match &self.numbers {
            Numbers::Bytes(bytes) => Pictures::Bytes(self.ordered(bytes.as_array())),
            Numbers::Floats(numbers, Values::Bytes) => {
                Pictures::Normalized(self.ordered(numbers.as_array()))
            }
            Numbers::Floats(numbers, Values::Numbers) => {
                Pictures::Numbers(self.ordered(numbers.as_array()))
            }
            Numbers::Converted(bytes) => Pictures::Bytes(self.ordered(bytes.view())),
        }
    }

    /// Returns the number of pictures.
    pub(crate) fn count(&self) -> usize {
        self.pictures().extents()[0]
    }

    /// Adds the axis of pictures and moves that of the channels to the end.
    fn ordered<'a, T>(&self, array: ArrayViewD<'a, T>) -> ArrayViewD<'a, T> {
        let array = if self.is_single { array.insert_axis(Axis(0)) } else { array };
        if !self.channels_first || array.ndim() < 3 {
            return array;
        }
        let axes: Vec<usize> = [0].into_iter().chain(2..array.ndim()).chain([1]).collect();
        array.permuted_axes(IxDyn(&axes))
    }
}

impl<'py> Numbers<'py> {
    /// Takes an array for a model of `values`.
    fn of_array(array: &Bound<'py, PyUntypedArray>, values: Values) -> PyResult<Self> {
        if values == Values::Bytes
            && let Ok(bytes) = array.cast::<PyArrayDyn<u8>>()
        {
            return Ok(Self::Bytes(bytes.try_readonly()?));
        }
        if let Ok(numbers) = array.cast::<PyArrayDyn<f32>>() {
            return Ok(Self::Floats(numbers.try_readonly()?, values));
        }
        // Numbers of a table are mostly float64. The range of those of pictures could not be told.
        let is_number = matches!(array.dtype().kind(), b'f' | b'i' | b'u');
        let is_byte = array.cast::<PyArrayDyn<u8>>().is_ok();
        if values == Values::Numbers && is_number && !is_byte {
            let numbers = array.call_method1("astype", (numpy::dtype::<f32>(array.py()),))?;
            return Ok(Self::Floats(numbers.cast::<PyArrayDyn<f32>>()?.try_readonly()?, values));
        }
        let (extents, of) = (shown(array.shape()), array.dtype().str()?);
        Err(PyTypeError::new_err(match values {
            Values::Bytes => format!(
                "pictures are {extents} of {of}; the model takes uint8 (0 to 255), or float32 that are \
                 normalized already"
            ),
            Values::Numbers if is_byte => format!(
                "the numbers are {extents} of {of}, as pixels are; the model takes floats, which it \
                 normalizes: pass float32"
            ),
            Values::Numbers => format!(
                "the numbers are {extents} of {of}; the model takes floats, which it normalizes"
            ),
        }))
    }
}

/// Returns whether these are PIL images: one, or a list of them.
pub(crate) fn are_images(pictures: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(is_image(pictures)? || list_of_images(pictures)?.is_some())
}

/// Returns whether a layout has the channels before the positions.
fn channels_first(layout: &str) -> PyResult<bool> {
    match &*layout.to_ascii_uppercase() {
        "NHWC" | "NDHWC" | "NLC" | "NC" => Ok(false),
        "NCHW" | "NCDHW" | "NCL" => Ok(true),
        _ => Err(PyValueError::new_err(format!(
            "layout is {layout:?}, not \"NHWC\" or \"NCHW\" (of volumes \"NDHWC\" or \"NCDHW\", of sequences \
             \"NLC\" or \"NCL\")"
        ))),
    }
}

/// Returns the extents of one picture with the channels last.
fn channels_last(extents: &[usize], channels_first: bool) -> Vec<usize> {
    let mut extents = extents.to_vec();
    if channels_first && extents.len() > 1 {
        extents.rotate_left(1);
    }
    extents
}

fn wrong_shape(extents: &[usize], shape: Shape, values: Values, channels_first: bool) -> PyErr {
    let other = match channels_first {
        true => "NHWC",
        false => "NCHW",
    };
    let fits_other = |one: &[usize]| shape.fits(&channels_last(one, !channels_first));
    let hint = match extents.split_first() {
        Some((_, one)) if fits_other(one) || fits_other(extents) => {
            format!("; the other order fits: pass layout=\"{other}\"")
        }
        _ => String::new(),
    };
    let expected = match channels_first {
        true => format!("{} channels before {}", shape.channels, shown(&shape.axes())),
        false => (of_numbers(shape).filter(|_| values == Values::Numbers))
            .unwrap_or_else(|| format!("{shape} ({})", shape.axis_names())),
    };
    let (what, one) = match values {
        Values::Bytes => ("pictures have", "picture"),
        Values::Numbers => ("the numbers have", "input"),
    };
    PyValueError::new_err(format!(
        "{what} the shape {}; the model takes {expected}, one {one} or a batch of N{hint}",
        shown(extents)
    ))
}

/// Describes the shape of a vector or a sequence; `None` for others.
pub(crate) fn of_numbers(shape: Shape) -> Option<String> {
    let channels = counted(shape.channels, "channel");
    match shape {
        Shape { depth: 1, height: 1, width: 1, .. } => Some(counted(shape.channels, "number")),
        Shape { depth: 1, height: 1, width, .. } => {
            Some(format!("{} of {channels}", counted(width, "position")))
        }
        _ => None,
    }
}

/// Shows extents as Python does.
fn shown(extents: &[usize]) -> String {
    let extents: Vec<_> = extents.iter().map(usize::to_string).collect();
    match extents.len() {
        1 => format!("({},)", extents[0]),
        _ => format!("({})", extents.join(", ")),
    }
}

/// Converts an object that is not an array, such as a list of arrays or a tensor on the CPU.
fn as_array<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let is_arraylike = value.hasattr("__array__")?
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>();
    if !is_arraylike {
        let message =
            format!("pictures are a {}, not an array or a PIL image", value.get_type().name()?);
        return Err(PyTypeError::new_err(message));
    }
    let array = value.py().import("numpy")?.call_method1("asarray", (value,));
    // Of lists that are not equally long.
    let array = array.map_err(|error| match error.is_instance_of::<PyValueError>(value.py()) {
        true => {
            let of = value.get_type();
            PyValueError::new_err(format!("pictures are a {of} that is not an array: {error}"))
        }
        false => error,
    })?;
    Ok(array.cast_into::<PyUntypedArray>()?)
}

/// Returns the items of a list or tuple of PIL images.
fn list_of_images<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    if !value.is_instance_of::<PyList>() && !value.is_instance_of::<PyTuple>() {
        return Ok(None);
    }
    let items: Vec<_> = value.try_iter()?.collect::<PyResult<_>>()?;
    let are_images = items.iter().map(is_image).collect::<PyResult<Vec<_>>>()?;
    Ok((!items.is_empty() && are_images.into_iter().all(|is| is)).then_some(items))
}

/// Returns whether an object is a PIL image. If PIL is not loaded, nothing is one.
fn is_image(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let modules = value.py().import("sys")?.getattr("modules")?;
    match modules.call_method1("get", ("PIL.Image",))? {
        module if module.is_none() => Ok(false),
        module => value.is_instance(&module.getattr("Image")?),
    }
}

/// Modes of 8 bits per channel, of which Pillow makes the pixels that the command line sees.
const MODES: [&str; 6] = ["1", "L", "LA", "P", "RGB", "RGBA"];

/// Converts a PIL image to the bytes that a model of shape `shape` takes, as the command line does it: turned as
/// its EXIF orientation says, then fitted. Returns `None` for another object.
fn of_image(value: &Bound<'_, PyAny>, shape: Shape) -> PyResult<Option<Vec<u8>>> {
    if !is_image(value)? {
        return Ok(None);
    }
    let mode: String = value.getattr("mode")?.extract()?;
    if !MODES.contains(&&*mode) {
        return Err(PyTypeError::new_err(format!(
            "a PIL image has the mode {mode:?}, not one of {}: pass image.convert(\"RGB\"), or an array",
            MODES.join(", ")
        )));
    }
    let (width, height): (u32, u32) = value.getattr("size")?.extract()?;
    if width == 0 || height == 0 {
        let message = format!("a PIL image of {width} x {height} pixels has none to predict from");
        return Err(PyValueError::new_err(message));
    }
    let turned = value.py().import("PIL.ImageOps")?.call_method1("exif_transpose", (value,))?;
    let rgba = turned.call_method1("convert", ("RGBA",))?;
    let (width, height): (u32, u32) = rgba.getattr("size")?.extract()?;
    let bytes: Vec<u8> = rgba.call_method0("tobytes")?.extract()?;
    let picture = RgbaImage::from_raw(width, height, bytes).expect("four bytes per pixel");
    let fitted = fit_rgba(picture, shape).map_err(|e| PyValueError::new_err(e.to_string()))?;
    Ok(Some(fitted))
}
