//! A file has the earliest version that has all of its contents: operations, tables, residuals of
//! spreads.

use bayes8_core::format::{FORMAT_VERSION, FormatError, read, version, write};
use bayes8_core::graph::{Op, Shape, Value, Window};
use bayes8_core::model::QuantizedModel;
use bayes8_core::posterior::Posterior;

use crate::container::{File, Tensor};
use crate::small_model::{error, file};
use bayes8_conformance::{Builder, Kind, layer_mut};

#[test]
fn a_later_version_is_named_even_if_everything_else_differs() {
    let mut file = file();
    file.description = r#"{"format_version": 4, "anything": ["else"]}"#.into();
    assert!(matches!(error(&file, "version 4"), FormatError::Version { found: 4 }));
    assert_eq!(FORMAT_VERSION, 3);
    file.description = r#"{"format_version": 0, "anything": ["else"]}"#.into();
    assert!(matches!(error(&file, "version 0"), FormatError::Version { found: 0 }));
}

/// Returns a file with a table and a product between two layers.
fn file_of_version_2() -> File {
    let mut b = Builder::new(4, Shape::new(4, 4, 2));
    let conv = b.conv(Value::Input, 4, 1, Window::new([1, 1]), Kind::Bayesian).unwrap();
    let table = b.op(Op::Table, &[conv]).unwrap();
    let product = b.op(Op::Multiply, &[conv, table]).unwrap();
    b.linear(product, 3, Kind::Deterministic).unwrap();
    File::without_digest(&write(&b.finish()).unwrap())
}

/// Returns a file with a linear layer over a volume.
fn file_of_volumes() -> File {
    let mut b = Builder::new(4, Shape::volume(3, 2, 2, 1));
    b.linear(Value::Input, 3, Kind::Deterministic).unwrap();
    File::without_digest(&write(&b.finish()).unwrap())
}

/// Returns a model whose only layer has spreads in proportion to its means, like MOPED's.
fn proportional() -> QuantizedModel {
    let mut b = Builder::new(5, Shape::new(8, 8, 32));
    b.linear(Value::Input, 3, Kind::Bayesian).unwrap();
    let mut parts = b.parts();
    let layer = layer_mut(&mut parts, 0);
    let Posterior::Gaussian(posterior) = layer.posterior.as_mut().unwrap();
    for (sigma, mu) in posterior.sigma.iter_mut().zip(&layer.mu) {
        *sigma = mu.unsigned_abs() / 2 * 3 + mu.unsigned_abs() % 3;
    }
    QuantizedModel::new(parts).unwrap()
}

#[test]
fn spreads_that_follow_the_means_are_stored_as_residuals_and_come_back() {
    let model = proportional();
    let bytes = write(&model).unwrap();
    let file = File::without_digest(&bytes);
    assert!(file.description.contains("\"format_version\":3"));
    assert!(!file.tensors.keys().any(|name| name == "linear_0.sigma"));
    assert_eq!(read(&bytes).unwrap(), model);
    assert_eq!(write(&read(&bytes).unwrap()).unwrap(), bytes);
    // A file with whole codes is also valid.
    let mut whole = file.clone();
    whole.tensors.retain(|name, _| !name.contains(".sigma_"));
    let Posterior::Gaussian(posterior) =
        model.layers().next().unwrap().member(0).posterior.as_ref().unwrap();
    let shape = file.tensors["linear_0.mu"].shape.clone();
    let tensor = Tensor::new("U8", &shape, posterior.sigma.clone());
    whole.tensors.insert("linear_0.sigma".into(), tensor);
    assert_eq!(read(&whole.bytes()).unwrap(), model);
    // The version is the one that the file states, not the one that would be written today.
    whole.description = whole.description.replace("\"format_version\":3", "\"format_version\":1");
    assert_eq!(version(&read(&whole.bytes()).unwrap()), 1);
    assert_eq!((version(&model), version(&read(&bytes).unwrap())), (3, 3));
    // Any lines and residuals are valid, but they must come together, and not in earlier versions.
    let line = "linear_0.sigma_line";
    let mut steep = file.clone();
    steep.tensors.get_mut(line).unwrap().data = [0x80, 0, 0xff, 0x7f].repeat(3);
    assert!(read(&steep.bytes()).is_ok());
    let mut half = file.clone();
    half.tensors.remove(line);
    assert!(matches!(error(&half, "must come together"), FormatError::HalfResidual(_)));
    let mut short = file.clone();
    let packed = short.tensors.get_mut("linear_0.sigma_residual").unwrap();
    let bytes = packed.data.len() - 4;
    *packed = Tensor::new("U8", &[bytes], packed.data[..bytes].to_vec());
    assert!(matches!(error(&short, "sigma_residual` is damaged"), FormatError::Residual(_)));
    let mut early = file.clone();
    early.description = early.description.replace("\"format_version\":3", "\"format_version\":2");
    assert!(matches!(error(&early, "noise_multiplier"), FormatError::HalfPosterior(_)));
}

#[test]
fn a_file_has_the_earliest_version_that_has_its_operations() {
    assert!(file().description.contains("\"format_version\":1"));
    let mut file = file_of_version_2();
    assert!(file.description.contains("\"format_version\":2"));
    assert!(read(&file.bytes()).is_ok());
    file.description = file.description.replacen("version\":2", "version\":1", 1);
    let early = error(&file, "`table_1` (table) needs format version 2");
    assert!(matches!(early, FormatError::Operation { since: 2, version: 1, .. }));
    let mut volumes = file_of_volumes();
    assert!(volumes.description.contains("\"format_version\":2"));
    volumes.description = volumes.description.replacen("version\":2", "version\":1", 1);
    error(&volumes, "`input` (volume) needs format version 2");
    // A later version than necessary does no harm.
    let mut late = crate::small_model::file();
    late.description = late.description.replacen("version\":1", "version\":2", 1);
    assert!(read(&late.bytes()).is_ok());
}

#[test]
fn tables_are_256_bytes_and_belong_to_table_nodes() {
    let file = file_of_version_2();
    let mut missing = file.clone();
    missing.tensors.remove("table_1.table");
    assert!(matches!(error(&missing, "table_1.table"), FormatError::MissingTensor(_)));
    for length in [0, 1, 255, 257] {
        let mut wrong = file.clone();
        let table = Tensor::new("U8", &[length], vec![0; length]);
        wrong.tensors.insert("table_1.table".into(), table);
        assert!(matches!(error(&wrong, "table_1.table"), FormatError::TensorShape { .. }));
    }
    let mut wrong = file.clone();
    wrong.tensors.get_mut("table_1.table").unwrap().dtype = "I8".into();
    assert!(matches!(error(&wrong, "table_1.table"), FormatError::TensorType { .. }));
    let mut alien = file;
    alien.tensors.insert("conv2d_0.table".into(), Tensor::new("U8", &[256], vec![0; 256]));
    assert!(matches!(error(&alien, "conv2d_0.table"), FormatError::UnexpectedTensor(_)));
}
