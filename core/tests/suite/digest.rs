//! The digest of a model: damage is noticed, and different models have different digests.

use bayes8_core::format::{
    DIGEST_KEY, FormatError, METADATA_KEY, PROVENANCE_KEY, digest, read, write,
};
use bayes8_core::graph::{Op, Padding, Shape, Value, Window};
use bayes8_core::model::{Calibration, Provenance, QuantizedModel};
use std::collections::BTreeMap;
use std::path::Path;

use crate::container::File;
use bayes8_conformance::{Builder, Kind, name_classes, thinned};

/// Returns a tiny model with layers of all kinds, a table, provenance, and names with quotes.
fn model() -> QuantizedModel {
    let mut b = Builder::new(3, Shape::new(2, 2, 2));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let conv = b.conv(Value::Input, 2, 1, window, Kind::BayesianBias).unwrap();
    let depthwise = b.conv(conv, 2, 2, Window::new([1, 1]), Kind::Deterministic).unwrap();
    let table = b.op(Op::Table, &[depthwise]).unwrap();
    b.linear(table, 2, Kind::Bayesian).unwrap();
    let mut parts = b.parts();
    name_classes(&mut parts, &["\"cat\" \\ ", "\u{1f408}"]);
    let ranges = vec![[-1.5, 2.25]; parts.graph.nodes().len() + 1];
    let method = "min-max".into();
    parts.calibration = Some(Calibration { method, pictures: 9, weight_samples: 4, ranges });
    QuantizedModel::new(parts).unwrap()
}

/// Returns whether a file that differs from that of `model` in one place is refused. If it is not,
/// it must hold the same model.
fn is_noticed(damaged: &[u8], model: &QuantizedModel) -> bool {
    let Ok(read) = read(damaged) else { return true };
    // Not `assert_eq`, which would print all weights.
    assert!(read == *model, "another model");
    assert!(digest(&read) == digest(model), "another name");
    false
}

#[test]
fn a_flipped_bit_is_refused_or_changes_nothing() {
    let model = model();
    let bytes = write(&model).unwrap();
    let (mut unnoticed, mut damaged, mut tried) = (0, 0, 0);
    for at in thinned(0..bytes.len()) {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            unnoticed += usize::from(!is_noticed(&flipped, &model));
            damaged += usize::from(matches!(read(&flipped), Err(FormatError::Damaged { .. })));
            tried += 1;
        }
    }
    // In the key of the digest itself, a flipped bit only hides the digest.
    assert!(unnoticed <= 8 * DIGEST_KEY.len(), "{unnoticed}");
    // Other bits break the container.
    assert!(damaged > tried / 3, "{damaged} of {tried}");
}

#[test]
fn a_flipped_bit_of_a_shipped_model_is_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pneumonia-cnn.safetensors");
    let mut bytes = std::fs::read(path).unwrap();
    let model = read(&bytes).unwrap();
    // A prime step, so that all bits of a byte and all places in a row of weights are tried.
    for bit in (0..8 * bytes.len()).step_by(20_011) {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(is_noticed(&bytes, &model), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn shipped_models_have_digests_and_are_as_they_are_written() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for name in ["cifar10-resnet20", "fashion-resnet14", "mnist-cnn", "mnist-scnn", "pneumonia-cnn"]
    {
        let bytes = std::fs::read(models.join(name).with_extension("safetensors")).unwrap();
        assert!(write(&read(&bytes).unwrap()).unwrap() == bytes, "{name}");
    }
}

/// Computes the digest as `docs/FORMAT.md` defines it.
fn defined(metadata: &BTreeMap<&str, &str>, file: &File) -> String {
    let mut bytes = Vec::new();
    let count = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u64).to_le_bytes());
    count(&mut bytes, metadata.len());
    for (key, text) in metadata {
        for text in [key, text] {
            count(&mut bytes, text.len());
            bytes.extend(text.as_bytes());
        }
    }
    count(&mut bytes, file.tensors.len());
    for (name, tensor) in &file.tensors {
        for text in [name, &tensor.dtype] {
            count(&mut bytes, text.len());
            bytes.extend(text.as_bytes());
        }
        count(&mut bytes, tensor.shape.len());
        tensor.shape.iter().for_each(|&extent| count(&mut bytes, extent));
        count(&mut bytes, tensor.data.len());
        bytes.extend(&tensor.data);
    }
    format!("blake3:{}", blake3::hash(&bytes).to_hex())
}

#[test]
fn the_digest_is_what_the_format_defines() {
    let model = model();
    let file = File::parse(&write(&model).unwrap());
    let metadata = BTreeMap::from([(METADATA_KEY, file.description.as_str())]);
    assert_eq!(digest(&model).to_string(), defined(&metadata, &file));
    assert_eq!(file.others[DIGEST_KEY], digest(&model).to_string());
}

#[test]
fn a_model_has_one_digest_however_it_came() {
    let model = model();
    let named = File::parse(&write(&model).unwrap());
    let nameless = File::without_digest(&named.bytes());
    let mut spaced = named.clone();
    spaced.description.push_str(" \r\n\t");
    for file in [named, nameless, spaced] {
        let bytes = file.bytes();
        let read = read(&bytes).unwrap();
        assert_eq!(read.file_digest(), Some(digest(&model)));
        assert_eq!(read.file_bytes(), Some(bytes.len()));
        assert_eq!(read, model);
    }
}

#[test]
fn a_changed_model_has_another_digest() {
    let model = read(&write(&model()).unwrap()).unwrap();
    let changed = model.clone().map_layers(|_, _, layer| layer.mu[0] ^= 1).unwrap();
    assert_eq!((changed.file_digest(), changed.file_bytes()), (None, None));
    assert_ne!(digest(&changed), digest(&model));
    assert_eq!(read(&write(&changed).unwrap()).unwrap().file_digest(), Some(digest(&changed)));
    // Undoing the change restores the digest.
    let again = changed.map_layers(|_, _, layer| layer.mu[0] ^= 1).unwrap();
    assert_eq!(digest(&again), digest(&model));
}

/// A later version may have more metadata next to the description.
#[test]
fn evidence_of_later_writers_is_covered() {
    let mut file = File::parse(&write(&model()).unwrap());
    let before = digest(&model()).to_string();
    file.others.insert("bayes8.evidence".into(), "from [n, 2, 2, 2]".into());
    assert!(matches!(read(&file.bytes()), Err(FormatError::Damaged { .. })));
    let metadata =
        [(METADATA_KEY, file.description.as_str()), ("bayes8.evidence", "from [n, 2, 2, 2]")];
    let digest = defined(&metadata.into(), &file);
    assert_ne!(digest, before);
    file.others.insert(DIGEST_KEY.into(), digest);
    assert_eq!(read(&file.bytes()).unwrap(), model());
    file.others.remove(DIGEST_KEY);
    let error = read(&file.bytes()).unwrap_err();
    assert!(matches!(&error, FormatError::NoDigest(key) if key == "bayes8.evidence"), "{error}");
    // The keys of others are not covered.
    file = File::parse(&write(&model()).unwrap());
    file.others.insert("format".into(), "pt".into());
    file.others.insert("bayes8x".into(), String::new());
    assert!(read(&file.bytes()).is_ok());
}

#[test]
fn damage_is_named_with_what_to_do() {
    let mut file = File::parse(&write(&model()).unwrap());
    for wrong in ["", "blake3:", "sha256:00", &digest(&model()).to_string().to_uppercase()] {
        file.others.insert(DIGEST_KEY.into(), wrong.into());
        let error = read(&file.bytes()).unwrap_err().to_string();
        for part in ["damaged", "copy it again", wrong, &digest(&model()).to_string()] {
            assert!(error.contains(part), "`{error}` does not say `{part}`");
        }
    }
}

/// Provenance written by this version, by a later one, and in another form.
#[test]
fn provenance_is_kept_and_changes_no_result() {
    let plain = model();
    assert_eq!(read(&write(&plain).unwrap()).unwrap().provenance(), None);
    let provenance = Provenance { input_axes: "[n, 2, 2, 2]".into(), input_layout: "nhwc".into() };
    let noted = plain.clone().with_provenance(provenance.clone());
    let bytes = write(&noted).unwrap();
    let back = read(&bytes).unwrap();
    assert_eq!(back.provenance(), Some(&provenance));
    assert!(back == plain && digest(&back) == digest(&noted) && digest(&back) != digest(&plain));
    assert!(write(&back).unwrap() == bytes);
    let later = |json: &str| {
        let mut file = File::without_digest(&bytes);
        let metadata = [(METADATA_KEY, file.description.as_str()), (PROVENANCE_KEY, json)];
        let digest = defined(&metadata.into(), &file);
        file.others = [(PROVENANCE_KEY, json.to_string()), (DIGEST_KEY, digest)]
            .map(|(key, text)| (key.into(), text))
            .into();
        read(&file.bytes()).unwrap().provenance().cloned()
    };
    let some = Provenance { input_axes: "[n, 4]".into(), ..Provenance::default() };
    assert_eq!(later(r#"{"input_axes": "[n, 4]", "weather": 1}"#), Some(some));
    assert_eq!(later("[]"), None);
}
