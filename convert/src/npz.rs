//! Archives of arrays as `numpy.savez` writes them.
//!
//! They are not trusted: an array takes no more memory than a small multiple of the file, or
//! 1 GiB where it is compressed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use bayes8_core::counts::counted;
use bayes8_core::quoted::Brief;
use ndarray::{Array1, Array2, ArrayD, Dimension, Ix1};
use thiserror::Error;
use zip::ZipArchive;
use zip::read::ZipFile;

use crate::inputs::Inputs;
use crate::npy::{Element, Header};

/// The bytes that any array may have, however far it is compressed.
const MAX_UNFOLDED: u64 = 1 << 30;

/// A larger array may have this many times the size of its compressed data.
const MAX_RATIO: u64 = 16;

/// Why an archive is refused. Every variant names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PicturesError {
    /// The file cannot be opened.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is a safetensors file, as models are.
    #[error("{} is a safetensors file, not pictures", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
    },
    /// The file is neither an npz archive nor a safetensors file.
    #[error(
        "{} is not an npz archive, the only kind of file that is read here: write one with \
         numpy.savez(FILE, x=inputs), and y=labels if labels are needed", path.display()
    )]
    NotArchive {
        /// The file.
        path: PathBuf,
    },
    /// The file begins like an archive, but is not one.
    #[error(
        "{}: the npz archive is cut off or damaged ({reason}): copy it again, or write it again \
         with numpy.savez", path.display()
    )]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// An array is missing, or has another shape or type.
    #[error("{}: array `{array}`: {reason}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// Its name.
        array: String,
        /// What is wrong.
        reason: String,
    },
    /// The only array of a file has another shape or type, or is cut off.
    #[error("{}: {reason}", path.display())]
    SingleArray {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// An npz archive whose errors name the file and the array.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// Bytes of the file.
    length: u64,
    zip: ZipArchive<BufReader<File>>,
    names: Vec<String>,
}

impl Archive {
    /// Opens an archive; `path` is for errors.
    ///
    /// # Errors
    /// [`PicturesError`] when the file is not an archive.
    pub fn open(path: &Path, file: File) -> Result<Self, PicturesError> {
        let metadata = file.metadata();
        let metadata =
            metadata.map_err(|source| PicturesError::Io { path: path.into(), source })?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            PicturesError::Archive { path: path.into(), reason: error.to_string() }
        })?;
        let names = zip.file_names().filter_map(|name| name.strip_suffix(".npy"));
        let names = names.map(str::to_owned).collect();
        Ok(Self { path: path.into(), length: metadata.len(), names, zip })
    }

    /// Names of its arrays.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether there is an array of this name.
    pub fn has(&self, array: &str) -> bool {
        self.names.iter().any(|name| name == array)
    }

    /// The error of an array that is not as it should be.
    pub fn refuse(&self, array: &str, reason: impl Into<String>) -> PicturesError {
        let (path, array) = (self.path.clone(), array.into());
        PicturesError::Array { path, array, reason: Brief(&reason.into()).to_string() }
    }

    /// Reads an array by `read`, which gets its header and its data.
    pub(crate) fn array<T>(
        &mut self,
        array: &str,
        read: impl FnOnce(&Header, &mut ZipFile<'_, BufReader<File>>) -> Result<T, String>,
    ) -> Result<T, PicturesError> {
        if !self.has(array) {
            let found = list(&self.names);
            return Err(self.refuse(array, format!("missing; the file has {found}")));
        }
        let found = match self.zip.by_name(&format!("{array}.npy")) {
            Ok(mut entry) => {
                checked_header(&mut entry, self.length).and_then(|header| read(&header, &mut entry))
            }
            Err(error) => Err(error.to_string()),
        };
        found.map_err(|reason| self.refuse(array, reason))
    }

    /// Reads an array of inputs, not empty, with N and at least one more axis.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub fn inputs(&mut self, array: &str) -> Result<Inputs, PicturesError> {
        self.array(array, |header, data| inputs(header, data))
    }

    /// Reads an array of pixels, not empty, with N and at least one more axis.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub fn bytes(&mut self, array: &str) -> Result<ArrayD<u8>, PicturesError> {
        self.array(array, |header, data| match header.element {
            Some(Element::Unsigned { bytes: 1 }) => bytes(header, data),
            _ => Err(format!(
                "its type is '{}', expected uint8 [N, H, W, C]: only pixels of 0 to 255 can be \
                 corrupted",
                header.descr
            )),
        })
    }

    /// Reads an array `[N, M]` of any float type.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub fn floats(&mut self, array: &str) -> Result<Array2<f32>, PicturesError> {
        self.array(array, |header, data| {
            let Some(Element::Float { bytes }) = header.element else {
                return Err(format!("its type is '{}', expected float32", header.descr));
            };
            let numbers = header.floats(bytes, data)?;
            let axes = counted(header.shape.len(), "axis");
            let matrix = numbers.into_dimensionality();
            matrix.map_err(|_| format!("it has {axes}, expected [N, classes]"))
        })
    }

    /// Reads an array `[N]` of any integer type.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub fn integers(&mut self, array: &str) -> Result<Array1<i64>, PicturesError> {
        self.array(array, |header, data| {
            let Some(element @ (Element::Signed { .. } | Element::Unsigned { .. })) =
                header.element
            else {
                return Err(format!("its type is '{}', expected an integer type", header.descr));
            };
            let integers = header.integers(element, data)?;
            let Ok(integers) = integers.into_dimensionality::<Ix1>() else {
                let axes = counted(header.shape.len(), "axis");
                return Err(format!("it has {axes}, expected [N]: the class of each input"));
            };
            let class = |(example, &label): (usize, &i128)| {
                let too_large =
                    || format!("label {label} of example {example} is not a class of any model");
                label.try_into().map_err(|_| too_large())
            };
            integers.iter().enumerate().map(class).collect()
        })
    }
}

/// Reads the header of an array and checks that its data cannot fill the memory. The archive has
/// `length` bytes.
fn checked_header(entry: &mut ZipFile<'_, BufReader<File>>, length: u64) -> Result<Header, String> {
    let (stored, unfolded) = (entry.compressed_size().min(length), entry.size());
    if unfolded > MAX_UNFOLDED.max(stored.saturating_mul(MAX_RATIO)) {
        return Err(format!(
            "its {stored} bytes unfold to {unfolded}: more than 1 GiB, and more than {MAX_RATIO} times \
             as many; numpy.savez stores it without compression"
        ));
    }
    Header::read(entry, unfolded)
}

/// Reads an array of inputs, not empty, with N and at least one more axis.
///
/// # Errors
/// What is wrong with it.
fn inputs(header: &Header, data: &mut impl Read) -> Result<Inputs, String> {
    match header.element {
        Some(Element::Unsigned { bytes: 1 }) => bytes(header, data).map(Inputs::Bytes),
        Some(Element::Float { bytes }) => {
            check_axes(header)?;
            let numbers = header.floats(bytes, data)?;
            match numbers.indexed_iter().find(|(_, x)| !x.is_finite()) {
                Some((place, x)) => {
                    let too_large =
                        if x.is_infinite() { ", or a number beyond float32," } else { "" };
                    Err(format!("it holds {x}{too_large} at {:?}", place.slice()))
                }
                None => Ok(Inputs::Numbers(numbers)),
            }
        }
        _ => Err(format!(
            "its type is '{}', expected uint8 [N, H, W, C], pixels of 0 to 255, or float32, \
             numbers such as the features of a table",
            header.descr
        )),
    }
}

/// Reads the inputs of a file with a single array, as `numpy.save` writes it. `path` is for errors.
///
/// # Errors
/// [`PicturesError`].
pub(crate) fn single_array(path: &Path, mut file: File) -> Result<Inputs, PicturesError> {
    let size = file.metadata().map(|metadata| metadata.len());
    let size = size.map_err(|source| PicturesError::Io { path: path.into(), source })?;
    let read = Header::read(&mut file, size)
        .and_then(|header| inputs(&header, &mut BufReader::new(&mut file)));
    read.map_err(|reason| {
        let reason = Brief(&reason).to_string();
        PicturesError::SingleArray { path: path.into(), reason }
    })
}

fn bytes(header: &Header, data: &mut impl Read) -> Result<ArrayD<u8>, String> {
    check_axes(header)?;
    header.elements(Element::Unsigned { bytes: 1 }, data, |byte| byte[0])
}

/// Checks that an array of inputs has N and at least one more axis, and is not empty.
fn check_axes(Header { shape, .. }: &Header) -> Result<(), String> {
    if shape.contains(&0) {
        return Err(format!("its shape {shape:?} holds no inputs"));
    }
    if shape.len() < 2 {
        return Err(format!(
            "its shape is {shape:?}, expected [N, H, W, C] of pictures, [N, D, H, W, C] of \
             volumes, [N, L, C] of sequences or [N, C] of vectors"
        ));
    }
    Ok(())
}

/// Names of arrays, for an error.
fn list(names: &[String]) -> String {
    const MOST: usize = 8;
    match names.len() {
        0 => "no arrays".to_owned(),
        count => {
            let shown: Vec<String> = names.iter().take(MOST).map(|n| format!("`{n}`")).collect();
            let more = if count > MOST { ", ..." } else { "" };
            format!("{}{more}", shown.join(", "))
        }
    }
}
