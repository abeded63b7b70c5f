//! Computes the logits of an ONNX network with every weight at its mean, by the FP32 reference.
//! `benchmarks/check_import.py`, `check_onnx_nodes.py` and `check_random.py` compare them with those of
//! another runtime.
//!
//! `cargo run --release -p bayes8-convert --example mean_logits -- NETWORK.onnx INPUT.npy LOGITS.npy ...`
//! reads f32 inputs in the order of the network's axes and writes f32 logits `[N, classes]`, for one or
//! more networks. Prints each network's input and operations, or why it is refused.

use std::{env, error::Error, iter, path::Path, process::ExitCode};

use bayes8_convert::{
    InputLayout, Network, PosteriorSource,
    reference::{FloatWeights, run},
};
use ndarray::ArrayD;

fn main() -> ExitCode {
    match write_logits() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// The message of an error and those of its causes.
fn with_causes(error: &dyn Error) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn write_logits() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (networks, []) = arguments.as_chunks::<3>() else {
        return Err("usage: mean_logits NETWORK.onnx INPUT.npy LOGITS.npy ...".into());
    };
    let mut refused = false;
    for [path, input, logits] in networks {
        let network = match Network::load(Path::new(path), &PosteriorSource::Moped { delta: 0.05 })
        {
            Ok(network) => network,
            Err(error) => {
                println!("{}", with_causes(&error));
                refused = true;
                continue;
            }
        };
        let pictures = channels_last(network.input.layout, ndarray_npy::read_npy(input)?);
        let found = run(&network, &FloatWeights::mean(&network, 0), pictures.view(), |_, _, _| ())?;
        ndarray_npy::write_npy(logits, &found)?;
        println!("{path}: {}", network.input.axes(network.graph.input()));
        for node in network.graph.nodes() {
            println!("{:22} {:14} {}", node.op.name(), node.shape.to_string(), node.name);
        }
    }
    if refused { Err("a network was refused".into()) } else { Ok(()) }
}

/// Moves the channels of a network's input last: `[N, .., C]`.
fn channels_last(layout: InputLayout, input: ArrayD<f32>) -> ArrayD<f32> {
    let mut order: Vec<usize> = (0..input.ndim()).collect();
    if let Some(channels) = layout.name().find('c').filter(|&axis| axis < input.ndim()) {
        order.remove(channels);
        order.push(channels);
    }
    input.permuted_axes(order)
}
