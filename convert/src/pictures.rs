//! Pictures and labels from `.npz` archives.

use std::{
    fmt::Display,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use bayes8_core::graph::Shape;
use bayes8_native::file;
use ndarray::{Array1, Array2, ArrayD, Axis, Ix1, Ix2, OwnedRepr};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpzError, ReadableElement};
use thiserror::Error;

/// Pictures and, where known, their classes.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledPictures {
    /// `[N, H, W, C]`, `[N, D, H, W, C]`, `[N, L, C]` or `[N, C]`, not empty; which of them, and which
    /// axes of extent 1 are left out, a network's input tells
    /// ([`Shape::fits`]).
    pub pictures: ArrayD<u8>,
    /// Class index of every picture.
    pub labels: Option<Array1<i64>>,
}

/// Why an archive is refused. Every variant names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PicturesError {
    /// The file cannot be opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no npz archive.
    #[error("{}: not an npz archive: {reason}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// An array that is missing or of another shape or type.
    #[error("{}: array `{array}`: {reason}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// Its name.
        array: String,
        /// What is wrong.
        reason: String,
    },
}

/// An npz archive whose errors name the file and the array.
pub(crate) struct Archive {
    path: PathBuf,
    reader: NpzReader<BufReader<File>>,
    names: Vec<String>,
}

impl LabelledPictures {
    /// Reads array `x`, u8 with N and at least one axis more, and, where there is one, array `y`,
    /// `[N]` of any integer type.
    ///
    /// # Errors
    /// [`PicturesError`], which names the file and the array; a set without pictures is one.
    pub fn load(path: &Path) -> Result<Self, PicturesError> {
        let mut archive = Archive::open(path)?;
        let pictures = archive.pictures("x")?;
        let labels = match archive.has("y") {
            true => Some(archive.integers("y")?),
            false => None,
        };
        let count = pictures.len_of(Axis(0));
        if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != count) {
            return Err(
                archive.refuse("y", format!("{} labels for {count} pictures", labels.len()))
            );
        }
        Ok(Self { pictures, labels })
    }

    /// Checks that the pictures are of `shape`; `path` is for the error.
    ///
    /// # Errors
    /// [`PicturesError::Array`].
    pub fn check(&self, path: &Path, shape: Shape) -> Result<(), PicturesError> {
        let found = &self.pictures.shape()[1..];
        if shape.fits(found) {
            return Ok(());
        }
        let found = found.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let names = shape.axis_names();
        let reason = format!("pictures are {found}, the network takes {shape} ({names})");
        Err(PicturesError::Array { path: path.into(), array: "x".into(), reason })
    }

    /// Whether all pictures are one and the same.
    pub fn are_all_equal(&self) -> bool {
        let first = self.pictures.index_axis(Axis(0), 0);
        self.pictures.outer_iter().all(|picture| picture == first)
    }
}

impl Archive {
    /// Opens a file.
    ///
    /// # Errors
    /// [`PicturesError`] when it is no archive.
    pub(crate) fn open(path: &Path) -> Result<Self, PicturesError> {
        let file =
            file::open(path).map_err(|source| PicturesError::Io { path: path.into(), source })?;
        let refuse = |e: ReadNpzError| PicturesError::Archive {
            path: path.into(),
            reason: format!("{e}; is it cut off? numpy.savez writes such files"),
        };
        let mut reader = NpzReader::new(BufReader::new(file)).map_err(refuse)?;
        let names = reader.names().map_err(refuse)?;
        Ok(Self { path: path.into(), reader, names })
    }

    /// Names of its arrays.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn has(&self, array: &str) -> bool {
        self.names.iter().any(|name| name == array)
    }

    /// The error that an array is not what it should be.
    pub(crate) fn refuse(&self, array: &str, reason: String) -> PicturesError {
        PicturesError::Array { path: self.path.clone(), array: array.into(), reason }
    }

    fn check_is_there(&self, array: &str) -> Result<(), PicturesError> {
        match self.has(array) {
            true => Ok(()),
            false => {
                Err(self.refuse(array, format!("missing; the file has {}", list(&self.names))))
            }
        }
    }

    /// An array of pictures, u8 with N and at least one axis more, not empty.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub(crate) fn pictures(&mut self, array: &str) -> Result<ArrayD<u8>, PicturesError> {
        self.check_is_there(array)?;
        let x: Result<ArrayD<u8>, _> = self.reader.by_name(array);
        let x = x.map_err(|error| {
            let reason = match error {
                ReadNpzError::Npy(ReadNpyError::WrongDescriptor(found)) => {
                    format!("its type is {found}, expected uint8 [N, H, W, C]: pixels of 0 to 255")
                }
                other => other.to_string(),
            };
            self.refuse(array, reason)
        })?;
        let shape = x.shape();
        if shape.contains(&0) {
            return Err(self.refuse(array, format!("its shape {shape:?} holds no pictures")));
        }
        if shape.len() < 2 {
            let reason = format!(
                "its shape is {shape:?}, expected [N, H, W, C] of pictures, [N, D, H, W, C] of \
                 volumes or [N, L, C] of sequences"
            );
            return Err(self.refuse(array, reason));
        }
        Ok(x)
    }

    /// An array `[N, M]` of type float32.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub(crate) fn floats(&mut self, array: &str) -> Result<Array2<f32>, PicturesError> {
        let matrix = self.reader.by_name::<OwnedRepr<f32>, Ix2>(array);
        matrix.map_err(|e| self.refuse(array, format!("{e}; expected float32 [N, classes]")))
    }

    /// An array `[N]` of any integer type.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub(crate) fn integers(&mut self, array: &str) -> Result<Array1<i64>, PicturesError> {
        type Reader = fn(&mut Archive, &str) -> Result<Array1<i64>, IntegersError>;
        // NumPy's integers, the most common first.
        let readers: [Reader; 8] = [
            integers_of::<i64>,
            integers_of::<i32>,
            integers_of::<u8>,
            integers_of::<i16>,
            integers_of::<i8>,
            integers_of::<u16>,
            integers_of::<u32>,
            integers_of::<u64>,
        ];
        self.check_is_there(array)?;
        let mut found = String::new();
        for read in readers {
            match read(self, array) {
                Ok(labels) => return Ok(labels),
                // Only another type is worth another try.
                Err(IntegersError::Type(descriptor)) => found = descriptor,
                Err(IntegersError::Other(reason)) => return Err(self.refuse(array, reason)),
            }
        }
        Err(self.refuse(array, format!("its type is {found}, expected an integer type")))
    }
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

enum IntegersError {
    /// Not of the type asked for, but of this.
    Type(String),
    Other(String),
}

/// An array of type `T`.
fn integers_of<T>(archive: &mut Archive, array: &str) -> Result<Array1<i64>, IntegersError>
where
    T: ReadableElement + Copy + Display + TryInto<i64>,
{
    let labels =
        archive.reader.by_name::<OwnedRepr<T>, Ix1>(array).map_err(|error| match error {
            ReadNpzError::Npy(ReadNpyError::WrongDescriptor(found)) => {
                IntegersError::Type(found.to_string())
            }
            ReadNpzError::Npy(ReadNpyError::WrongNdim(_, found)) => IntegersError::Other(format!(
                "it has {found} axes, expected [N]: the class of each picture"
            )),
            other => IntegersError::Other(other.to_string()),
        })?;
    let class = |(picture, &label): (usize, &T)| {
        let too_large = || {
            IntegersError::Other(format!(
                "label {label} of picture {picture} is no class of any model"
            ))
        };
        label.try_into().map_err(|_| too_large())
    };
    labels.iter().enumerate().map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, Array3, Array4, array};
    use ndarray_npy::{NpzWriter, WritableElement};

    /// Writes an archive with `fill` and reads it back.
    fn load(fill: impl FnOnce(&mut NpzWriter<File>)) -> Result<LabelledPictures, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = NpzWriter::new_compressed(file.reopen().unwrap());
        fill(&mut writer);
        writer.finish().unwrap();
        LabelledPictures::load(file.path()).map_err(|e| {
            let message = e.to_string();
            assert!(message.starts_with(&file.path().display().to_string()), "{message}");
            message
        })
    }

    #[test]
    fn reads_arrays_of_any_axes_and_labels() {
        let flat = Array3::from_shape_fn((2, 3, 4), |(n, h, w)| (n * 12 + h * 4 + w) as u8);
        let set = load(|npz| {
            npz.add_array("x", &flat).unwrap();
            npz.add_array("y", &array![7i32, 9]).unwrap();
        })
        .unwrap();
        set.check(Path::new("x.npz"), Shape::new(3, 4, 1)).unwrap();
        set.check(Path::new("x.npz"), Shape::new(1, 3, 4)).unwrap();
        let error = set.check(Path::new("x.npz"), Shape::volume(4, 3, 4, 1)).unwrap_err();
        let expected = "x.npz: array `x`: pictures are 3x4, the network takes 4x3x4x1 (depth x \
                        height x width x channels)";
        assert_eq!(error.to_string(), expected);
        assert_eq!(set.pictures[[1, 2, 3]], 23);
        assert_eq!(set.labels, Some(array![7, 9]));
        let set = load(|npz| npz.add_array("x", &Array4::<u8>::zeros((1, 1, 1, 1))).unwrap());
        assert_eq!(set.unwrap().labels, None);
    }

    #[test]
    fn labels_may_be_of_any_integer_type() {
        fn labels<T: WritableElement>(values: [T; 2]) -> Result<Option<Array1<i64>>, String> {
            let set = load(|npz| {
                npz.add_array("x", &Array4::<u8>::zeros((2, 1, 1, 3))).unwrap();
                npz.add_array("y", &Array1::from(Vec::from(values))).unwrap();
            });
            set.map(|set| set.labels)
        }
        let expected = Ok(Some(array![0, 127]));
        assert_eq!(labels([0i8, 127]), expected);
        assert_eq!(labels([0i16, 127]), expected);
        assert_eq!(labels([0i32, 127]), expected);
        assert_eq!(labels([0i64, 127]), expected);
        assert_eq!(labels([0u8, 127]), expected);
        assert_eq!(labels([0u16, 127]), expected);
        assert_eq!(labels([0u32, 127]), expected);
        assert_eq!(labels([0u64, 127]), expected);
        let error = labels([0, u64::MAX]).unwrap_err();
        assert!(error.contains(&format!("array `y`: label {} of picture 1", u64::MAX)), "{error}");
    }

    #[test]
    fn equal_pictures_are_noticed() {
        let set = |last: u8| LabelledPictures {
            pictures: Array::from_vec(vec![7, 9, 7, last])
                .into_shape_with_order(vec![2, 1, 2, 1])
                .unwrap(),
            labels: None,
        };
        assert!(set(9).are_all_equal());
        assert!(!set(8).are_all_equal());
    }

    #[test]
    fn errors_name_the_array() {
        let pictures = Array4::<u8>::zeros((2, 1, 1, 1));
        let error = |fill: &dyn Fn(&mut NpzWriter<File>)| load(fill).unwrap_err();
        for (error, part) in [
            (error(&|_| ()), "array `x`: missing; the file has no arrays"),
            (
                error(&|npz| {
                    npz.add_array("x", &pictures).unwrap();
                    npz.add_array("y", &array![[0i64], [0]]).unwrap();
                }),
                "array `y`: it has 2 axes, expected [N]",
            ),
            (
                error(&|npz| {
                    npz.add_array("images", &pictures).unwrap();
                    npz.add_array("labels", &array![0i64, 0]).unwrap();
                }),
                "array `x`: missing; the file has `images`, `labels`",
            ),
            (error(&|npz| npz.add_array("x", &Array4::<u8>::zeros((0, 1, 1, 1))).unwrap()), "`x`"),
            (
                error(&|npz| npz.add_array("x", &Array1::<u8>::zeros(7)).unwrap()),
                "[7], expected [N, H",
            ),
            (
                error(&|npz| npz.add_array("x", &Array4::<f32>::zeros((1, 1, 1, 1))).unwrap()),
                "array `x`: its type is '<f4', expected uint8 [N, H, W, C]",
            ),
            (
                error(&|npz| {
                    npz.add_array("x", &pictures).unwrap();
                    npz.add_array("y", &array![1i64]).unwrap();
                }),
                "array `y`: 1 labels for 2 pictures",
            ),
            (
                error(&|npz| {
                    npz.add_array("x", &pictures).unwrap();
                    npz.add_array("y", &Array::from_vec(vec![1f32, 2.0])).unwrap();
                }),
                "array `y`: its type is '<f4', expected an integer type",
            ),
        ] {
            assert!(error.contains(part), "{error}");
        }
        let text = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(text.path(), "no archive").unwrap();
        assert!(matches!(LabelledPictures::load(text.path()), Err(PicturesError::Archive { .. })));
    }
}
