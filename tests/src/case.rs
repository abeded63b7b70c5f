//! Vectors together with their models and pictures.

use crate::vectors::{ModelFile, Pictures, Vector, VectorFile, from_base64, sha256};
use bayes8_core::draws::Draws;
use bayes8_core::input::InputQuantizer;
use bayes8_core::model::{QuantizedModel, Values};
use bayes8_core::posterior::Draw;
use bayes8_core::session::{DrawSequence, Input};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A prediction and its expected results.
#[derive(Clone, Debug)]
pub struct Case {
    /// Group and name.
    pub name: String,
    /// The model file.
    pub model: Arc<[u8]>,
    /// Number of pictures.
    pub count: usize,
    /// The bytes of the pictures, in NHWC order; of a model that takes numbers, those of the
    /// little-endian f32.
    pub pictures: Arc<[u8]>,
    /// The expected results.
    pub vector: Vector,
}

impl Case {
    /// Indices of the samples.
    pub fn samples(&self) -> Range<u32> {
        let [first, end] = self.vector.samples;
        first..end
    }

    /// Which draws the samples take.
    pub fn draws(&self) -> Draws {
        self.vector.seed.map_or(Draws::Chosen, |seed| Draws::Random { seed })
    }

    /// The draws of samples of the model of the case.
    ///
    /// # Errors
    /// Samples that do not exist.
    pub fn draws_of(
        &self,
        model: &QuantizedModel,
        samples: Range<u32>,
    ) -> Result<Vec<Draw>, String> {
        let draws = DrawSequence::new(model, Some(self.draws()));
        let of = draws.and_then(|draws| Ok(draws.of(draws.range(samples)?).collect()));
        of.map_err(|error| error.to_string())
    }

    /// The numbers of the pictures, for a model that takes numbers.
    pub fn numbers(&self) -> Vec<f32> {
        let (numbers, _) = self.pictures.as_chunks();
        numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    /// The input codes of the pictures, for the model of the case.
    ///
    /// # Errors
    /// Pictures that do not suit the model.
    pub fn codes(&self, model: &QuantizedModel) -> Result<Vec<u8>, String> {
        let quantizer = InputQuantizer::new(model);
        let (numbers, mut codes) = (self.numbers(), Vec::new());
        let input = match quantizer.values() {
            Values::Bytes => Input::Bytes(&self.pictures),
            Values::Numbers => Input::Numbers(&numbers),
        };
        let count = input.pictures(&quantizer).map_err(|error| error.to_string())?;
        if count != self.count {
            return Err(format!("{count} pictures, not {}", self.count));
        }
        input.quantize(&quantizer, &mut codes).map_err(|error| error.to_string())?;
        Ok(codes)
    }

    /// All cases of the files in `folder`, in the order of the files' names. `root` is the root of the
    /// repository.
    ///
    /// # Errors
    /// A file that cannot be read or is not a vector file.
    pub fn load_all(root: &Path, folder: &Path) -> Result<Vec<Self>, String> {
        let mut paths = Vec::new();
        let unreadable = |error| format!("cannot read {}: {error}", folder.display());
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut cases = Vec::new();
        for path in paths {
            let at = |error| format!("{}: {error}", path.display());
            let json = std::fs::read_to_string(&path).map_err(|error| at(error.to_string()))?;
            let file = VectorFile::from_json(&json).map_err(at)?;
            cases.extend(Self::of(root, &file).map_err(at)?);
        }
        Ok(cases)
    }

    /// The cases of one file.
    ///
    /// # Errors
    /// A model or pictures that are missing or damaged.
    pub fn of(root: &Path, file: &VectorFile) -> Result<Vec<Self>, String> {
        let mut models = BTreeMap::new();
        for (name, model) in &file.models {
            let bytes = model.bytes(root).map_err(|error| format!("model `{name}`: {error}"))?;
            models.insert(name, Arc::<[u8]>::from(bytes));
        }
        let mut pictures = BTreeMap::new();
        for (name, set) in &file.pictures {
            let bytes = set.bytes().map_err(|error| format!("pictures `{name}`: {error}"))?;
            pictures.insert(name, (set.count(), Arc::<[u8]>::from(bytes)));
        }
        let case = |vector: &Vector| {
            let name = format!("{}/{}", file.group, vector.name);
            let model = models.get(&vector.model).cloned();
            let model = model.ok_or_else(|| format!("{name}: no model `{}`", vector.model))?;
            let set = pictures.get(&vector.pictures).cloned();
            let (count, pictures) =
                set.ok_or_else(|| format!("{name}: no pictures `{}`", vector.pictures))?;
            Ok(Self { name, model, count, pictures, vector: vector.clone() })
        };
        file.vectors.iter().map(case).collect()
    }
}

impl ModelFile {
    /// The bytes of the model file. `root` is the root of the repository.
    ///
    /// # Errors
    /// A file that cannot be read or has a different SHA-256.
    pub fn bytes(&self, root: &Path) -> Result<Vec<u8>, String> {
        match self {
            Self::Inline { base64 } => from_base64(base64),
            Self::File { path, sha256: expected } => {
                let bytes = std::fs::read(root.join(path))
                    .map_err(|error| format!("cannot read {path}: {error}"))?;
                let found = sha256(&bytes);
                if found == *expected {
                    Ok(bytes)
                } else {
                    Err(format!("{path} has SHA-256 {found}, not {expected}: another model"))
                }
            }
        }
    }
}

impl Pictures {
    /// Number of pictures.
    pub fn count(&self) -> usize {
        match *self {
            Self::Bytes { count, .. } => count,
            Self::OneHot { one_hot } => one_hot + 1,
        }
    }

    /// The bytes of all pictures.
    ///
    /// # Errors
    /// Text that is not base64.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Bytes { base64, .. } => from_base64(base64),
            Self::OneHot { one_hot } => {
                let mut bytes = vec![0; (one_hot + 1) * one_hot];
                (0..*one_hot).for_each(|i| bytes[i * one_hot + i] = 1);
                Ok(bytes)
            }
        }
    }
}
