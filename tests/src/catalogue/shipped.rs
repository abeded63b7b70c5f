//! The shipped models.

use super::draft::{Draft, SAMPLES, SEEDS};
use crate::vectors::{ModelFile, Pictures, VectorFile, sha256, to_base64};
use bayes8_core::format;
use std::path::Path;

/// Pictures of clothes of `models/pictures`.
const CLOTHES: [&str; 3] = ["sneaker-9", "shirt-4", "bag-18"];

pub(super) fn file(root: &Path) -> Result<VectorFile, String> {
    let mut draft = Draft::new(
        "models",
        "The shipped models over random pictures, one of zeros and one of 255; that of clothes over \
         shipped pictures too.",
    );
    for name in ["fashion-resnet14", "mnist-scnn", "cifar10-resnet20"] {
        let path = format!("models/{name}.safetensors");
        let bytes = std::fs::read(root.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        let model = format::read(&bytes).map_err(|error| format!("{path}: {error}"))?;
        draft.model_file(name, ModelFile::File { path, sha256: sha256(&bytes) });
        let elements = model.graph().input().elements();
        let pictures = format!("{elements} bytes");
        draft.varied_pictures(&pictures, 1, elements);
        draft.vector(name, &pictures, SEEDS[0], SAMPLES[0]);
        draft.vector(name, &pictures, SEEDS[1], SAMPLES[1]);
        draft.vector(name, &pictures, SEEDS[4], SAMPLES[2]);
    }
    let mut bytes = Vec::new();
    for name in CLOTHES {
        let path = format!("models/pictures/{name}.png");
        let picture = image::open(root.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        bytes.extend(picture.into_luma8().into_raw());
    }
    let pictures = Pictures::Bytes { count: CLOTHES.len(), base64: to_base64(&bytes) };
    draft.pictures("clothes", pictures);
    draft.vector("fashion-resnet14", "clothes", SEEDS[2], [0, 8]);
    draft.vector("fashion-resnet14", "clothes", SEEDS[3], SAMPLES[1]);
    Ok(draft.finish())
}
