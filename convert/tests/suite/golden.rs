//! The results that the training framework recorded for the models in the folder `BAYES8_SHARED`.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use safetensors::SafeTensors;

/// The folder, or `None` after a message that the test is skipped.
pub(crate) fn shared(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BAYES8_SHARED").map(PathBuf::from);
    if folder.is_none() {
        println!("SKIPPED: {test}: BAYES8_SHARED is not set");
    }
    folder
}

/// The tensors of a `golden.safetensors`.
pub(crate) struct Golden {
    file: Vec<u8>,
}

impl Golden {
    /// Reads `models/NAME/golden.safetensors`.
    pub(crate) fn load(shared: &Path, name: &str) -> Self {
        let path = shared.join("models").join(name).join("golden.safetensors");
        Self { file: std::fs::read(path).unwrap() }
    }

    /// An f32 tensor with a row per picture.
    pub(crate) fn tensor(&self, name: &str) -> Array2<f32> {
        let file = SafeTensors::deserialize(&self.file).unwrap();
        let tensor = file.tensor(name).unwrap();
        let values: Vec<f32> =
            tensor.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let rows = tensor.shape()[0];
        Array2::from_shape_vec((rows, values.len() / rows), values).unwrap()
    }
}
