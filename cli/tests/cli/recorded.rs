//! Recorded files of `bayes8-export`, with pictures and PyTorch's answers to them.

use crate::support::Fixture;
use ndarray::{Array1, Array2, Array4, Ix1, OwnedRepr};
use ndarray_npy::{NpzReader, NpzWriter};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An archive of `tests/data`, which `python/tests/exporter/recorded_exports.py` makes.
pub(crate) struct Recorded(NpzReader<File>);

impl Recorded {
    /// Opens `NAME.npz`.
    pub(crate) fn load(name: &str) -> Self {
        let path = repository().join(format!("cli/tests/data/{name}.npz"));
        Self(NpzReader::new(File::open(path).unwrap()).unwrap())
    }

    /// Writes the exported files into a folder of the fixture.
    pub(crate) fn write(&mut self, fixture: &Fixture, folder: &str) {
        std::fs::create_dir_all(fixture.path(folder)).unwrap();
        let names = self.0.names().unwrap();
        for name in names.iter().filter(|name| name.contains('.')) {
            let bytes: Array1<u8> = self.0.by_name(name).unwrap();
            let path = fixture.path(&format!("{folder}/{name}"));
            std::fs::write(path, bytes.as_slice().unwrap()).unwrap();
        }
    }

    /// Writes an archive of the pictures `array`, with labels if there are any.
    pub(crate) fn write_pictures(&mut self, fixture: &Fixture, name: &str, array: &str) {
        let mut npz = NpzWriter::new(File::create(fixture.path(name)).unwrap());
        npz.add_array("x", &self.pictures(array)).unwrap();
        if let Ok(labels) = self.0.by_name::<OwnedRepr<i64>, Ix1>("y") {
            npz.add_array("y", &labels).unwrap();
        }
        npz.finish().unwrap();
    }

    /// Pictures, `[N, H, W, C]`.
    pub(crate) fn pictures(&mut self, array: &str) -> Array4<u8> {
        self.0.by_name(array).unwrap()
    }

    /// PyTorch's results for `x` with every weight at its mean, `[N, classes]`.
    pub(crate) fn logits(&mut self) -> Array2<f32> {
        self.0.by_name("logits").unwrap()
    }
}
