//! Pictures that Python passes: arrays without a copy, PIL images, and lists of them.

use bayes8::Pictures;
use bayes8::core::fit_picture::fit_rgba;
use bayes8::core::graph::Shape;
use image::RgbaImage;
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use numpy::{
    PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods,
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

enum Numbers<'py> {
    /// Bytes of the caller's array.
    Bytes(PyReadonlyArrayDyn<'py, u8>),
    /// Normalized numbers of the caller's array.
    Normalized(PyReadonlyArrayDyn<'py, f32>),
    /// Bytes that were made from PIL images.
    Converted(ArrayD<u8>),
}

impl<'py> Batch<'py> {
    /// Takes what Python passed for a model whose pictures have shape `shape`. `layout` names the axes.
    ///
    /// # Errors
    /// `TypeError` for anything else than bytes, `float32` and PIL images; `ValueError` for an unknown layout or
    /// an image that cannot be fitted. Shapes of arrays are not checked here.
    pub(crate) fn new(value: &Bound<'py, PyAny>, shape: Shape, layout: &str) -> PyResult<Self> {
        let channels_first = channels_first(layout)?;
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
        let numbers = if let Ok(bytes) = array.cast::<PyArrayDyn<u8>>() {
            Numbers::Bytes(bytes.try_readonly()?)
        } else if let Ok(numbers) = array.cast::<PyArrayDyn<f32>>() {
            Numbers::Normalized(numbers.try_readonly()?)
        } else {
            let message = format!(
                "pictures are {} of {}; the model takes uint8 (0 to 255), or float32 that are \
                 normalized already",
                shown(array.shape()),
                array.dtype().str()?,
            );
            return Err(PyTypeError::new_err(message));
        };
        let extents = array.shape();
        let fits = |extents: &[usize]| shape.fits(&channels_last(extents, channels_first));
        let is_batch = extents.split_first().is_some_and(|(_, one)| fits(one));
        let is_single = !is_batch && fits(extents);
        if !is_batch && !is_single {
            return Err(wrong_shape(extents, shape, channels_first));
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
            Numbers::Normalized(numbers) => Pictures::Normalized(self.ordered(numbers.as_array())),
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

fn wrong_shape(extents: &[usize], shape: Shape, channels_first: bool) -> PyErr {
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
        false => format!("{shape} ({})", shape.axis_names()),
    };
    PyValueError::new_err(format!(
        "pictures have the shape {}; the model takes {expected}, one picture or a batch of N{hint}",
        shown(extents)
    ))
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
