//! Logits of an ONNX network with every weight at its mean, by the FP32 reference: what another
//! runtime's output can be compared with, as `benchmarks/check_import.py` and
//! `benchmarks/check_onnx_nodes.py` do.
//!
//! `cargo run --release -p bayes8-convert --example mean_logits -- MEAN.onnx PICTURES.npy LOGITS.npy`
//! reads normalized f32 pictures `[N, H, W, C]`, or `[N, .., C]` of as many axes as the network's input has,
//! and writes f32 logits `[N, classes]`.

use std::{env, error::Error, path::Path, process::ExitCode};

use bayes8_convert::{
    Network, PosteriorSource,
    reference::{Weights, run},
};
use ndarray::ArrayD;

fn main() -> ExitCode {
    match write_logits() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write_logits() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [mean, pictures, logits] = arguments.as_slice() else {
        return Err("usage: mean_logits MEAN.onnx PICTURES.npy LOGITS.npy".into());
    };
    let network = Network::load(Path::new(mean), &PosteriorSource::Moped { delta: 0.05 })?;
    let pictures: ArrayD<f32> = ndarray_npy::read_npy(pictures)?;
    let found = run(&network, &Weights::mean(&network), pictures.view(), |_, _, _| ())?;
    ndarray_npy::write_npy(logits, &found)?;
    for node in network.graph.nodes() {
        println!("{:22} {:14} {}", node.op.name(), node.shape.to_string(), node.name);
    }
    Ok(())
}
