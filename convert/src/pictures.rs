//! Pictures and labels from `.npz` archives.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use bayes8_core::counts::counted;
use bayes8_core::graph::Shape;
use bayes8_core::quoted::Brief;
use bayes8_native::file;
use ndarray::Array1;

use crate::inputs::Inputs;
use crate::npz::{Archive, single_array};

pub use crate::npz::PicturesError;

/// Pictures and, if known, their classes.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledPictures {
    /// `[N, H, W, C]`, `[N, D, H, W, C]`, `[N, L, C]` or `[N, C]`, not empty. A network's input
    /// decides which of these it is and which axes of extent 1 are left out ([`Shape::fits`]).
    pub pictures: Inputs,
    /// Class index of every picture.
    pub labels: Array1<i64>,
}

impl Inputs {
    /// Opens the plain file that `path` names and reads it as [`Self::read`] does.
    ///
    /// # Errors
    /// [`PicturesError`], also when `path` does not name a plain file.
    pub fn load(path: &Path) -> Result<Self, PicturesError> {
        Self::read(path, open(path, file::open)?)
    }

    /// Reads array `x`, with N and at least one more axis: pixels if its type is u8, or the
    /// network's input as it is if it is a float type. `path` is for errors.
    ///
    /// # Errors
    /// [`PicturesError`], which names the file and the array, also when it is empty.
    pub fn read(path: &Path, file: File) -> Result<Self, PicturesError> {
        Archive::open(path, file)?.inputs("x")
    }

    /// Reads the array of a file that `numpy.save` wrote, like array `x` of an archive. `path` is for
    /// errors.
    ///
    /// # Errors
    /// [`PicturesError`], which names the file.
    pub fn read_array(path: &Path, file: File) -> Result<Self, PicturesError> {
        single_array(path, file)
    }

    /// Checks that the pictures have `shape`; `path` is for the error.
    ///
    /// # Errors
    /// [`PicturesError::Array`].
    pub fn check(&self, path: &Path, shape: Shape) -> Result<(), PicturesError> {
        let all = self.extents();
        let extents = &all[1..];
        if shape.fits(extents) {
            return Ok(());
        }
        let found = extents.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let found = Brief(&found);
        let names = shape.axis_names();
        let advice = if are_channels_first(extents, shape) {
            "; numpy.moveaxis(x, 1, -1) puts the channels last"
        } else if shape.fits(all) {
            "; the first axis, N, is missing: x[None] adds it"
        } else {
            ""
        };
        let what = match self {
            Self::Bytes(_) => "pictures",
            Self::Numbers(_) => "inputs",
        };
        let reason = format!("{what} are {found}, the network takes {shape} ({names}){advice}");
        Err(PicturesError::Array { path: path.into(), array: "x".into(), reason })
    }
}

impl LabelledPictures {
    /// Opens the plain file that `path` names and reads it as [`Self::read`] does.
    ///
    /// # Errors
    /// Those of [`Inputs::load`] and [`Self::read`].
    pub fn load(path: &Path) -> Result<Self, PicturesError> {
        Self::read(path, open(path, file::open)?)
    }

    /// Reads the array `x` as [`Inputs::read`] does, and the array `y`, `[N]` of any integer type.
    /// `path` is for errors.
    ///
    /// # Errors
    /// Those of [`Inputs::read`], and when the array `y` is missing or does not fit `x`.
    pub fn read(path: &Path, file: File) -> Result<Self, PicturesError> {
        let mut archive = Archive::open(path, file)?;
        let pictures = archive.inputs("x")?;
        let labels = archive.integers("y")?;
        let count = pictures.count();
        if labels.len() != count {
            let labels = counted(labels.len(), "label");
            let examples = counted(count, "example");
            return Err(archive.refuse("y", format!("{labels} for {examples}")));
        }
        Ok(Self { pictures, labels })
    }
}

/// Whether `extents` are those of `shape` with the channels before all else.
fn are_channels_first(extents: &[usize], shape: Shape) -> bool {
    let mut moved = extents.to_vec();
    moved.rotate_left(1);
    extents.len() > 1 && shape.fits(&moved)
}

/// Opens a file by its name, at its beginning: [`bayes8_native::file::open`], or a function that
/// knows more names.
pub type Open = fn(&Path) -> io::Result<File>;

/// Opens an archive of pictures with `open`.
///
/// # Errors
/// [`PicturesError`] when the file cannot be read, or is of another kind.
pub fn open(path: &Path, open: Open) -> Result<File, PicturesError> {
    let started = open(path).and_then(|mut file| Ok((start(&mut file)?, file)));
    let (start, file) =
        started.map_err(|source| PicturesError::Io { path: path.into(), source })?;
    if is_safetensors(&start) {
        return Err(PicturesError::Safetensors { path: path.into() });
    }
    if !is_archive(&start) {
        return Err(PicturesError::NotArchive { path: path.into() });
    }
    Ok(file)
}

/// Reads the first bytes of a file and returns to its beginning.
///
/// # Errors
/// When it cannot be read.
pub fn start(file: &mut File) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.by_ref().take(16).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start)
}

/// Whether a file that begins with `start` is a safetensors file, which begins with the length of
/// its JSON header.
pub fn is_safetensors(start: &[u8]) -> bool {
    start.get(4..9).is_some_and(|bytes| bytes == b"\0\0\0\0{")
}

/// Whether a file that begins with `start` is an archive: npz files are zip archives.
pub fn is_archive(start: &[u8]) -> bool {
    // The length of a safetensors header may look like the start of an archive.
    start.starts_with(b"PK") && !is_safetensors(start)
}

/// Whether a file that begins with `start` is an array that `numpy.save` wrote.
pub fn is_array(start: &[u8]) -> bool {
    start.starts_with(b"\x93NUMPY")
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
        set.pictures.check(Path::new("x.npz"), Shape::new(3, 4, 1)).unwrap();
        set.pictures.check(Path::new("x.npz"), Shape::new(1, 3, 4)).unwrap();
        let error = set.pictures.check(Path::new("x.npz"), Shape::volume(4, 3, 4, 1)).unwrap_err();
        let expected = "x.npz: array `x`: pictures are 3x4, the network takes 4x3x4x1 (depth x \
                        height x width x channels)";
        assert_eq!(error.to_string(), expected);
        let error = set.pictures.check(Path::new("x.npz"), Shape::new(1, 4, 3)).unwrap_err();
        assert!(
            error.to_string().ends_with("moveaxis(x, 1, -1) puts the channels last"),
            "{error}"
        );
        let error = set.pictures.check(Path::new("x.npz"), Shape::new(2, 3, 4)).unwrap_err();
        assert!(
            error.to_string().ends_with("; the first axis, N, is missing: x[None] adds it"),
            "{error}"
        );
        assert_eq!(set.pictures, Inputs::Bytes(flat.into_dyn()));
        assert_eq!(set.labels, array![7, 9]);
    }

    #[test]
    fn labels_may_be_of_any_integer_type() {
        fn labels<T: WritableElement>(values: [T; 2]) -> Result<Array1<i64>, String> {
            let set = load(|npz| {
                npz.add_array("x", &Array4::<u8>::zeros((2, 1, 1, 3))).unwrap();
                npz.add_array("y", &Array1::from(Vec::from(values))).unwrap();
            });
            set.map(|set| set.labels)
        }
        let expected = Ok(array![0, 127]);
        assert_eq!(labels([0i8, 127]), expected);
        assert_eq!(labels([0i16, 127]), expected);
        assert_eq!(labels([0i32, 127]), expected);
        assert_eq!(labels([0i64, 127]), expected);
        assert_eq!(labels([0u8, 127]), expected);
        assert_eq!(labels([0u16, 127]), expected);
        assert_eq!(labels([0u32, 127]), expected);
        assert_eq!(labels([0u64, 127]), expected);
        let error = labels([0, u64::MAX]).unwrap_err();
        assert!(error.contains(&format!("array `y`: label {} of example 1", u64::MAX)), "{error}");
    }

    #[test]
    fn errors_name_the_array() {
        let pictures = Array4::<u8>::zeros((2, 1, 1, 1));
        let error = |fill: &dyn Fn(&mut NpzWriter<File>)| load(fill).unwrap_err();
        for (error, part) in [
            (error(&|_| ()), "array `x`: missing; the file has no arrays"),
            (
                error(&|npz| npz.add_array("x", &pictures).unwrap()),
                "array `y`: missing; the file has `x`",
            ),
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
                error(&|npz| npz.add_array("x", &Array4::<i16>::zeros((1, 1, 1, 1))).unwrap()),
                "array `x`: its type is '<i2', expected uint8 [N, H, W, C]",
            ),
            (
                error(&|npz| {
                    npz.add_array("x", &pictures).unwrap();
                    npz.add_array("y", &array![1i64]).unwrap();
                }),
                "array `y`: 1 label for 2 examples",
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
    }

    #[test]
    fn files_of_other_kinds_and_archives_that_are_cut_off_are_told_apart() {
        let error = |contents: &[u8]| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), contents).unwrap();
            LabelledPictures::load(file.path()).unwrap_err()
        };
        for contents in [&b"no archive"[..], b"\x89PNG\r\n\x1a\n", b""] {
            let error = error(contents);
            assert!(matches!(error, PicturesError::NotArchive { .. }), "{error:?}");
            assert!(error.to_string().contains("numpy.savez(FILE, x=inputs)"), "{error}");
        }
        let error = error(b"PK\x03\x04, and no more");
        assert!(matches!(error, PicturesError::Archive { .. }), "{error:?}");
        assert!(error.to_string().contains("cut off or damaged"), "{error}");
    }
}
