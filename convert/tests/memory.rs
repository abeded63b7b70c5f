//! A network must fit into memory a few times over: its conversion takes at most four times its
//! size. The allocator of this test measures the peak.

use std::env;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use bayes8_convert::HeadDetails;
use bayes8_convert::calibrate::Observations;
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_convert::fidelity::FidelityReport;
use bayes8_convert::quantize::ModelDetails;
use bayes8_convert::{Network, PosteriorSource};
use bayes8_core::{format, model::Preprocessing};
use ndarray::Array4;
use peak_alloc::PeakAlloc;
use rten_onnx::onnx::{
    DataLocation, DataType, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor,
    ValueInfoProto,
};

/// The longest rows that are rounded with error feedback, whose moments count too.
const WIDTH: usize = 1280;

/// The number of layers of the network, of 6.25 MiB each. Ten are enough for small things not to
/// matter; `BAYES8_LAYERS=320` makes 2 GB.
fn layers() -> usize {
    env::var("BAYES8_LAYERS").map_or(10, |layers| layers.parse().unwrap())
}

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The activations, and a layer for each of a few threads.
const CONSTANT: usize = 8 << 20;

/// A chain of square matrices, with their weights in a separate file.
fn write_network(folder: &Path, layers: usize) {
    let size = WIDTH * WIDTH * 4;
    let mut file = BufWriter::new(File::create(folder.join("weights.data")).unwrap());
    let mut state = 1u32;
    for _ in 0..layers * size / 4 {
        // A linear congruential generator: the weights hardly matter.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let weight = (state as f32 / u32::MAX as f32 - 0.5) * 0.05;
        file.write_all(&weight.to_le_bytes()).unwrap();
    }
    file.flush().unwrap();
    let entry = |key: &str, value: String| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value),
    };
    let weights = (0..layers).map(|layer| TensorProto {
        name: Some(format!("w{layer}")),
        dims: vec![WIDTH as i64; 2],
        data_type: Some(DataType::FLOAT),
        data_location: Some(DataLocation::EXTERNAL),
        external_data: vec![
            entry("location", "weights.data".into()),
            entry("offset", (layer * size).to_string()),
            entry("length", size.to_string()),
        ],
        ..TensorProto::default()
    });
    let nodes = (0..layers).map(|layer| NodeProto {
        name: Some(format!("layer{layer}")),
        op_type: Some("MatMul".into()),
        input: vec![format!("x{layer}"), format!("w{layer}")],
        output: vec![format!("x{}", layer + 1)],
        ..NodeProto::default()
    });
    let value = |name: String| ValueInfoProto {
        name: Some(name),
        r#type: Some(TypeProto {
            tensor_type: Some(TypeProtoTensor {
                elem_type: Some(DataType::FLOAT),
                shape: Some(TensorShapeProto {
                    dim: [1, WIDTH as i64]
                        .map(|extent| Dimension { dim_value: Some(extent), dim_param: None })
                        .into(),
                }),
            }),
            ..TypeProto::default()
        }),
    };
    let model = ModelProto {
        graph: Some(GraphProto {
            node: nodes.collect(),
            initializer: weights.collect(),
            input: vec![value("x0".into())],
            output: vec![value(format!("x{layers}"))],
            ..GraphProto::default()
        }),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(13) }],
        ..ModelProto::default()
    };
    fs::write(folder.join("network.onnx"), model.write_buf().unwrap()).unwrap();
}

#[test]
fn conversion_takes_at_most_four_times_the_size_of_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let size = layers() * WIDTH * WIDTH * 4;
    write_network(folder.path(), layers());
    let posterior = PosteriorSource::Moped { delta: 0.1 };
    let network = Network::load(&folder.path().join("network.onnx"), &posterior).unwrap();
    println!("imported: {:.2} times", ALLOCATOR.peak_usage() as f64 / size as f64);
    let pictures = Array4::from_shape_fn((8, 1, 1, WIDTH), |(n, _, _, c)| ((n + c) % 7) as f32);
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let observations = Observations::new(&network, &outputs, pictures.view(), 2, 0, || ()).unwrap();
    println!("calibrated: {:.2} times", ALLOCATOR.peak_usage() as f64 / size as f64);
    let details = ModelDetails {
        name: "large".into(),
        preprocessing: Preprocessing::of_bytes(vec![0.0; WIDTH], vec![1.0; WIDTH]),
        outputs,
        input_planes: None,
    };
    let options = ConversionOptions::default();
    let converted = convert(&network, pictures.view(), &observations, details, &options).unwrap();
    println!("quantized: {:.2} times", ALLOCATOR.peak_usage() as f64 / size as f64);
    FidelityReport::new(&network, &converted, &observations, pictures.view()).unwrap();
    println!("reported: {:.2} times", ALLOCATOR.peak_usage() as f64 / size as f64);
    // Like `bayes8 quantize`.
    drop((network, observations));
    let file = format::write(&converted.model).unwrap();
    println!(
        "written, {} bytes: {:.2} times",
        file.len(),
        ALLOCATOR.peak_usage() as f64 / size as f64
    );
    assert!(
        ALLOCATOR.peak_usage() <= 4 * size + CONSTANT,
        "{} bytes for a network of {size}",
        ALLOCATOR.peak_usage()
    );
}
