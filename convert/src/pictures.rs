//! Pictures and labels from `.npz` archives.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use ndarray::{Array1, Array4, ArrayD, Axis, Ix1, Ix4};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpzError};
use thiserror::Error;

/// Pictures and, where known, their classes.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledPictures {
    /// `[N, H, W, C]`, not empty.
    pub pictures: Array4<u8>,
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
        /// `x` or `y`.
        array: &'static str,
        /// What is wrong.
        reason: String,
    },
}

type Archive = NpzReader<BufReader<File>>;

impl LabelledPictures {
    /// Reads array `x`, u8 `[N, H, W, C]` or `[N, H, W]` (one channel), and, where there is one,
    /// array `y`, `[N]` of i64, i32 or u8.
    ///
    /// # Errors
    /// [`PicturesError`], which names the file and the array; a set without pictures is one.
    pub fn load(path: &Path) -> Result<Self, PicturesError> {
        let file =
            File::open(path).map_err(|source| PicturesError::Io { path: path.into(), source })?;
        let refuse =
            |e: ReadNpzError| PicturesError::Archive { path: path.into(), reason: e.to_string() };
        let mut archive = NpzReader::new(BufReader::new(file)).map_err(refuse)?;
        let has_labels = archive.names().map_err(refuse)?.iter().any(|name| name == "y");
        let array = |array, reason| PicturesError::Array { path: path.into(), array, reason };
        let pictures = pictures(&mut archive).map_err(|reason| array("x", reason))?;
        let labels = match has_labels {
            true => Some(labels(&mut archive).map_err(|reason| array("y", reason))?),
            false => None,
        };
        let count = pictures.dim().0;
        if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != count) {
            return Err(array("y", format!("{} labels for {count} pictures", labels.len())));
        }
        Ok(Self { pictures, labels })
    }
}

fn pictures(archive: &mut Archive) -> Result<Array4<u8>, String> {
    let mut x: ArrayD<u8> = archive.by_name("x").map_err(|e| e.to_string())?;
    if x.ndim() == 3 {
        x = x.insert_axis(Axis(3));
    }
    let shape = x.shape().to_vec();
    if shape.contains(&0) {
        return Err(format!("its shape {shape:?} holds no pictures"));
    }
    x.into_dimensionality::<Ix4>()
        .map_err(|_| format!("its shape is {shape:?}, expected [N, H, W, C] or [N, H, W]"))
}

fn labels(archive: &mut Archive) -> Result<Array1<i64>, String> {
    let read = |wrong: &ReadNpzError| {
        // Only another type is worth another try.
        !matches!(wrong, ReadNpzError::Npy(ReadNpyError::WrongDescriptor(_)))
    };
    let error = match archive.by_name::<_, Ix1>("y") {
        Ok(labels) => return Ok(labels),
        Err(e) => e,
    };
    if read(&error) {
        return Err(error.to_string());
    }
    if let Ok(labels) = archive.by_name::<ndarray::OwnedRepr<i32>, Ix1>("y") {
        return Ok(labels.mapv(i64::from));
    }
    match archive.by_name::<ndarray::OwnedRepr<u8>, Ix1>("y") {
        Ok(labels) => Ok(labels.mapv(i64::from)),
        Err(_) => Err(format!("labels must be i64, i32 or u8: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, Array2, Array3, array};
    use ndarray_npy::NpzWriter;

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
    fn reads_pictures_with_and_without_channels_and_labels() {
        let flat = Array3::from_shape_fn((2, 3, 4), |(n, h, w)| (n * 12 + h * 4 + w) as u8);
        let set = load(|npz| {
            npz.add_array("x", &flat).unwrap();
            npz.add_array("y", &array![7i32, 9]).unwrap();
        })
        .unwrap();
        assert_eq!(set.pictures.dim(), (2, 3, 4, 1));
        assert_eq!(set.pictures[[1, 2, 3, 0]], 23);
        assert_eq!(set.labels, Some(array![7, 9]));
        for i in 0..2 {
            let set = load(|npz| {
                npz.add_array("x", &Array4::<u8>::zeros((2, 1, 1, 3))).unwrap();
                match i {
                    0 => npz.add_array("y", &array![0u8, 255]).unwrap(),
                    _ => npz.add_array("y", &array![0i64, 255]).unwrap(),
                }
            });
            assert_eq!(set.unwrap().labels, Some(array![0, 255]));
        }
        let set = load(|npz| npz.add_array("x", &Array4::<u8>::zeros((1, 1, 1, 1))).unwrap());
        assert_eq!(set.unwrap().labels, None);
    }

    #[test]
    fn errors_name_the_array() {
        let pictures = Array4::<u8>::zeros((2, 1, 1, 1));
        let error = |fill: &dyn Fn(&mut NpzWriter<File>)| load(fill).unwrap_err();
        for (error, part) in [
            (error(&|_| ()), "array `x`"),
            (error(&|npz| npz.add_array("x", &Array4::<u8>::zeros((0, 1, 1, 1))).unwrap()), "`x`"),
            (error(&|npz| npz.add_array("x", &Array2::<u8>::zeros((1, 1))).unwrap()), "[1, 1]"),
            (error(&|npz| npz.add_array("x", &Array4::<f32>::zeros((1, 1, 1, 1))).unwrap()), "`x`"),
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
                "array `y`: labels must be",
            ),
        ] {
            assert!(error.contains(part), "{error}");
        }
        let text = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(text.path(), "no archive").unwrap();
        assert!(matches!(LabelledPictures::load(text.path()), Err(PicturesError::Archive { .. })));
    }
}
