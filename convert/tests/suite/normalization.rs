//! A normalization at the start of a network of numbers becomes part of the preprocessing.

use std::fs::{File, write};
use std::path::Path;

use bayes8_convert::quantization::{Quantization, Sources};
use bayes8_convert::{HeadKind, ImportOptions, PosteriorSource};
use bayes8_core::model::Values;
use ndarray::Array2;
use ndarray_npy::NpzWriter;
use rten_onnx::onnx::{ModelProto, NodeProto};

use crate::common::{Fixture, tensor, vector};
use crate::heads::node;

/// A layer of three features, each of another magnitude, after `nodes`, the last of which makes `z`.
fn network(nodes: Vec<NodeProto>) -> Vec<u8> {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let graph = model.graph.as_mut().unwrap();
    graph.initializer = vec![
        tensor("mean", &[3], &[1000.0, 0.5, -2.0]),
        tensor("std", &[1, 3], &[500.0, 0.25, 8.0]),
        tensor("negative", &[3], &[-500.0, 0.25, 8.0]),
        tensor("two", &[], &[2.0]),
        tensor("w", &[3, 2], &[0.5, -1.0, 0.25, 2.0, -0.75, 1.0]),
    ];
    let from = if nodes.is_empty() { "x" } else { "z" };
    graph.node = nodes;
    graph.node.push(node("MatMul", "y", &[from, "w"]));
    vector(&mut graph.input[0], "x", 3);
    vector(&mut graph.output[0], "y", 2);
    model.write_buf().unwrap()
}

fn load(folder: &Path, onnx: &[u8], metadata: Option<&str>) -> Quantization {
    let path = |name: &str| folder.join(name);
    write(path("network.onnx"), onnx).unwrap();
    let x = Array2::from_shape_fn((8, 3), |(i, j)| (i as f32 - 3.0) * [400.0, 0.2, 7.0][j]);
    let mut npz = NpzWriter::new(File::create(path("x.npz")).unwrap());
    npz.add_array("x", &x).unwrap();
    npz.finish().unwrap();
    let posterior = PosteriorSource::Moped { delta: 0.1 };
    let mut sources = Sources::new(path("network.onnx"), posterior, path("x.npz"));
    sources.import = ImportOptions::new().head(HeadKind::GaussianMean);
    sources.metadata = metadata.map(|json| {
        write(path("metadata.json"), json).unwrap();
        path("metadata.json")
    });
    Quantization::load(&sources).unwrap()
}

#[test]
fn a_normalization_by_constants_is_folded() {
    let folder = tempfile::tempdir().unwrap();
    let plain = r#"{"preprocessing": {"values": "numbers", "mean": [1000, 0.5, -2], "std": [500, 0.25, 8]}}"#;
    let expected = load(folder.path(), &network(Vec::new()), Some(plain));
    let chain =
        || vec![node("Sub", "centered", &["x", "mean"]), node("Div", "z", &["centered", "std"])];
    let folded = load(folder.path(), &network(chain()), None);
    assert_eq!(folded.normalization.as_deref(), Some("centered"));
    assert_eq!(folded.preprocessing.values, Values::Numbers);
    assert_eq!(folded.network.graph.nodes(), expected.network.graph.nodes());
    assert_eq!(folded.outputs, expected.outputs);
    let near = |found: &[f32], expected: &[f32]| {
        found.iter().zip(expected).all(|(f, e)| (f - e).abs() <= 1e-6 * e.abs())
    };
    let (found, wanted) = (&folded.preprocessing, &expected.preprocessing);
    assert!(near(&found.mean, &wanted.mean) && near(&found.std, &wanted.std), "{found:?}");

    // After the preprocessing of the metadata.
    let twice =
        r#"{"preprocessing": {"values": "numbers", "mean": [10, 20, 30], "std": [2, 4, 8]}}"#;
    let twice = load(folder.path(), &network(chain()), Some(twice)).preprocessing;
    assert!(near(&twice.mean, &[2010.0, 22.0, 14.0]) && near(&twice.std, &[1000.0, 1.0, 64.0]));

    // A single number for all features.
    let uniform = load(folder.path(), &network(vec![node("Div", "z", &["x", "two"])]), None);
    assert_eq!(uniform.preprocessing.std, [2.0; 3]);
}

#[test]
fn what_is_not_a_normalization_stays_in_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let negative = vec![node("Div", "z", &["x", "negative"])];
    let read_twice =
        vec![node("Sub", "centered", &["x", "mean"]), node("Add", "z", &["centered", "x"])];
    let function = vec![node("Tanh", "z", &["x"])];
    for nodes in [negative, read_twice, function] {
        let kept = load(folder.path(), &network(nodes), None);
        assert_eq!(kept.normalization, None);
        assert_eq!(kept.preprocessing.std, [1.0; 3]);
        assert!(kept.network.graph.nodes().len() > 1);
    }
    let values = r#"{"preprocessing": {"values": "bytes", "mean": [0], "std": [1]}}"#;
    let pixels =
        load(folder.path(), &network(vec![node("Sub", "z", &["x", "mean"])]), Some(values));
    assert_eq!(pixels.normalization, None);
}
