//! Archives of corrupted pictures.
//!
//! An npz file holds the labels `y`, `[N]` of any integer type, and an array for each corruption and
//! severity. The array `CORRUPTION_SEVERITY`, such as `gaussian_noise_3`, holds the same N pictures,
//! corrupted: uint8 with the axes of [`bayes8_convert::LabelledPictures`], usually `[N, H, W, C]`. A
//! corruption may have any name, and severities may be any numbers from 1 to 255. Each array is as large
//! as the clean set, and only one at a time needs to be in memory:
//!
//! ```python
//! np.savez("corruptions.npz", y=labels, fog_1=mild, fog_5=dense)
//! ```

use std::{
    fmt,
    fs::File,
    io::{self, Seek, Write},
    path::Path,
};

use bayes8_convert::npz::Archive;
use bayes8_convert::pictures::PicturesError;
use bayes8_core::counts::counted;
use ndarray::{ArrayD, ArrayView1, ArrayView4, Axis};
use ndarray_npy::{NpzWriter, WriteNpyError, WriteNpzError};

use crate::first_error_writer::FirstErrorWriter;

/// An archive of corrupted pictures, open for reading.
#[derive(Debug)]
pub struct CorruptedPictures {
    archive: Archive,
    labels: Vec<i64>,
    drifts: Vec<Drift>,
}

/// A corruption at a severity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drift {
    /// Name of the corruption.
    pub corruption: String,
    /// From 1 to 255; larger is worse.
    pub severity: u8,
}

impl Drift {
    /// Returns the name of its array.
    pub fn array(&self) -> String {
        format!("{}_{}", self.corruption, self.severity)
    }

    fn parse(array: &str) -> Option<Self> {
        let (corruption, severity) = array.rsplit_once('_')?;
        let drift = Self { corruption: corruption.into(), severity: severity.parse().ok()? };
        // `x_05` would be another array than `x_5`.
        (drift.severity > 0 && !corruption.is_empty() && drift.array() == array).then_some(drift)
    }
}

impl CorruptedPictures {
    /// Opens an archive and reads its labels; `path` is for errors.
    ///
    /// # Errors
    /// [`PicturesError`], which names the file and the array, if there is no `y`, no corruption, or an
    /// array that is neither.
    pub fn read(path: &Path, file: File) -> Result<Self, PicturesError> {
        let mut archive = Archive::open(path, file)?;
        let labels = archive.integers("y")?.to_vec();
        let mut drifts = Vec::new();
        for name in archive.names().iter().filter(|name| *name != "y") {
            let no_drift = || {
                let reason = "its name is not a corruption and its severity, such as `contrast_3`";
                archive.refuse(name, reason)
            };
            drifts.push(Drift::parse(name).ok_or_else(no_drift)?);
        }
        if drifts.is_empty() {
            let reason = "missing; expected a corruption and its severity in each name";
            return Err(archive.refuse("CORRUPTION_SEVERITY", reason));
        }
        // Corruptions in the order of the file, each from mild to strong.
        let mut order: Vec<String> = Vec::new();
        for drift in &drifts {
            if !order.contains(&drift.corruption) {
                order.push(drift.corruption.clone());
            }
        }
        drifts.sort_by_key(|drift| {
            (order.iter().position(|name| *name == drift.corruption), drift.severity)
        });
        Ok(Self { archive, labels, drifts })
    }

    /// Returns the label of every picture.
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// Returns the corruptions in the order of the archive, each from mild to strong.
    pub fn drifts(&self) -> &[Drift] {
        &self.drifts
    }

    /// Reads the corrupted pictures, one for each label.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub fn load(&mut self, drift: &Drift) -> Result<ArrayD<u8>, PicturesError> {
        let array = drift.array();
        let pictures = self.archive.bytes(&array)?;
        let (found, labels) = (pictures.len_of(Axis(0)), self.labels.len());
        if found != labels {
            let (found, labels) = (counted(found, "picture"), counted(labels, "label"));
            return Err(self.archive.refuse(&array, format!("{found} for {labels}")));
        }
        Ok(pictures)
    }
}

/// An archive of corrupted pictures that is being written.
pub struct CorruptedWriter<W: Write + Seek> {
    npz: NpzWriter<FirstErrorWriter<W>>,
}

impl<W: Write + Seek> fmt::Debug for CorruptedWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorruptedWriter").finish_non_exhaustive()
    }
}

impl<W: Write + Seek> CorruptedWriter<W> {
    /// Begins an archive with these labels. Noise does not compress, so the archive is not compressed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(file: W, labels: ArrayView1<'_, i64>) -> io::Result<Self> {
        let mut npz = NpzWriter::new(FirstErrorWriter::new(file)?);
        npz.add_array("y", &labels).map_err(io_error)?;
        Ok(Self { npz })
    }

    /// Adds the pictures of a corruption, `[N, H, W, C]`.
    ///
    /// # Errors
    /// When nothing more can be written.
    pub fn add(&mut self, drift: &Drift, pictures: ArrayView4<'_, u8>) -> io::Result<()> {
        self.npz.add_array(drift.array(), &pictures).map_err(io_error)
    }

    /// Completes the archive.
    ///
    /// # Errors
    /// When nothing more can be written.
    pub fn finish(self) -> io::Result<W> {
        self.npz.finish().map_err(io_error)?.into_inner()
    }
}

/// The error of the file. The archive's error prints its cause and also returns it.
fn io_error(error: WriteNpzError) -> io::Error {
    match error {
        WriteNpzError::Npy(WriteNpyError::Io(error)) => error,
        error => io::Error::other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array4, array};
    use std::io::{self, Cursor, SeekFrom};

    fn drift(corruption: &str, severity: u8) -> Drift {
        Drift { corruption: corruption.into(), severity }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let labels = array![3, 1];
        let mut writer = CorruptedWriter::new(file.reopen().unwrap(), labels.view()).unwrap();
        let pictures = |byte| Array4::from_elem((2, 1, 3, 1), byte);
        for (name, severity) in [("shot_noise", 5), ("blur", 2), ("shot_noise", 1)] {
            writer.add(&drift(name, severity), pictures(severity).view()).unwrap();
        }
        writer.finish().unwrap();
        let mut set = CorruptedPictures::read(file.path(), file.reopen().unwrap()).unwrap();
        assert_eq!(set.labels(), [3, 1]);
        let expected = [drift("shot_noise", 1), drift("shot_noise", 5), drift("blur", 2)];
        assert_eq!(set.drifts(), expected);
        for drift in expected {
            assert_eq!(set.load(&drift).unwrap(), pictures(drift.severity).into_dyn());
        }
    }

    /// A disk with room for `left` bytes.
    struct Full {
        disk: Cursor<Vec<u8>>,
        left: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() > self.left {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.left -= bytes.len();
            self.disk.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Full {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.disk.seek(to)
        }
    }

    /// At whichever byte the disk is full. A test of the program checks that `ZipWriter` prints nothing.
    #[test]
    fn a_full_disk_is_an_error_at_every_byte() {
        let pictures = Array4::zeros((2, 1, 3, 1));
        let write = |left| {
            let disk = Full { disk: Cursor::default(), left };
            let mut writer = CorruptedWriter::new(disk, array![3, 1].view())?;
            writer.add(&drift("blur", 2), pictures.view())?;
            writer.finish()
        };
        let whole = write(usize::MAX).unwrap();
        let needed = usize::MAX - whole.left;
        for left in 0..needed {
            assert!(write(left).is_err(), "{left} of {needed}");
        }
        assert!(write(needed).unwrap().disk == whole.disk);
    }

    #[test]
    fn corrupted_pictures_are_pixels() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut npz = NpzWriter::new(file.reopen().unwrap());
        npz.add_array("y", &array![0i64]).unwrap();
        npz.add_array("fog_1", &array![[0f32]]).unwrap();
        npz.finish().unwrap();
        let mut set = CorruptedPictures::read(file.path(), file.reopen().unwrap()).unwrap();
        let error = set.load(&drift("fog", 1)).unwrap_err().to_string();
        assert!(error.contains("array `fog_1`: its type is '<f4', expected uint8"), "{error}");
    }

    #[test]
    fn errors_name_the_array() {
        let open = |arrays: &[(&str, usize)], labelled: bool| {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut npz = NpzWriter::new(File::create(file.path()).unwrap());
            if labelled {
                npz.add_array("y", &Array1::<i64>::zeros(2)).unwrap();
            }
            for (name, count) in arrays {
                npz.add_array(*name, &Array4::<u8>::zeros((*count, 1, 1, 1))).unwrap();
            }
            npz.finish().unwrap();
            let set = CorruptedPictures::read(file.path(), file.reopen().unwrap());
            let loaded = set.and_then(|mut set| set.load(&drift("fog", 1)));
            let message = loaded.unwrap_err().to_string();
            assert!(message.starts_with(&file.path().display().to_string()), "{message}");
            message
        };
        for (error, part) in [
            (open(&[("fog_1", 2)], false), "array `y`: missing"),
            (open(&[], true), "array `CORRUPTION_SEVERITY`: missing"),
            (open(&[("x", 2)], true), "array `x`: its name is not a corruption"),
            (open(&[("fog_0", 2)], true), "array `fog_0`: its name"),
            (open(&[("fog_01", 2)], true), "array `fog_01`: its name"),
            (open(&[("fog_256", 2)], true), "array `fog_256`: its name"),
            (open(&[("_1", 2)], true), "array `_1`: its name"),
            (open(&[("fog_1", 3)], true), "array `fog_1`: 3 pictures for 2 labels"),
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
