//! The memory of a conversion follows the size of the file, not a fixed amount for every node: 20,000
//! additions once took 95 kB each. The allocator of this test measures the peak.

#[allow(dead_code, reason = "this test uses a part")]
#[path = "suite/common.rs"]
mod common;

use bayes8_convert::HeadDetails;
use bayes8_convert::calibrate::Observations;
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_convert::fidelity::FidelityReport;
use bayes8_convert::import;
use bayes8_convert::quantize::ModelDetails;
use bayes8_core::model::Preprocessing;
use common::{Fixture, none};
use ndarray::Array4;
use peak_alloc::PeakAlloc;
use rten_onnx::onnx::{ModelProto, NodeProto};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const NODES: usize = 4_000;

/// Bytes of memory per addition: its description, its histogram for eight pictures, and its numbers
/// for the four pictures that the report compares at a time.
const PER_NODE: usize = 16_000;

/// `residual` after a chain of additions.
fn chain() -> Vec<u8> {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let graph = model.graph.as_mut().unwrap();
    for node in &mut graph.node {
        node.input.iter_mut().filter(|name| *name == "input").for_each(|name| {
            *name = format!("sum{NODES}");
        });
    }
    let additions = (1..=NODES).map(|i| NodeProto {
        op_type: Some("Add".into()),
        input: vec![if i == 1 { "input".into() } else { format!("sum{}", i - 1) }, "input".into()],
        output: vec![format!("sum{i}")],
        ..NodeProto::default()
    });
    graph.node.splice(0..0, additions.collect::<Vec<_>>());
    model.write_buf().unwrap()
}

#[test]
fn a_conversion_takes_little_memory_for_each_of_many_nodes() {
    let network = import(&chain(), &none()).unwrap();
    // Like real pictures, these have few different numbers.
    let pictures = Array4::from_shape_fn((8, 8, 8, 3), |(n, y, x, c)| {
        ((n * 31 + y * 17 + x * 5 + c * 3) % 256) as f32 / 255.0
    });
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.peak_usage();
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let observations = Observations::new(&network, &outputs, pictures.view(), 1, 0, || ()).unwrap();
    println!("calibrated: {} bytes per node", (ALLOCATOR.peak_usage() - before) / NODES);
    let details = ModelDetails {
        name: "chain".into(),
        preprocessing: Preprocessing::of_bytes(vec![0.0; 3], vec![1.0; 3]),
        outputs,
        input_planes: None,
    };
    let options = ConversionOptions::default();
    let converted = convert(&network, pictures.view(), &observations, details, &options).unwrap();
    println!("quantized: {} bytes per node", (ALLOCATOR.peak_usage() - before) / NODES);
    FidelityReport::new(&network, &converted, &observations, pictures.view()).unwrap();
    println!("reported: {} bytes per node", (ALLOCATOR.peak_usage() - before) / NODES);
    assert!(
        ALLOCATOR.peak_usage() - before <= PER_NODE * NODES,
        "{} bytes",
        ALLOCATOR.peak_usage() - before
    );
}
