//! Computes the logits of an ONNX network with every weight at its mean, by the FP32 reference.
//! `benchmarks/check_import.py`, `check_onnx_nodes.py` and `check_random.py` compare them with those of
//! another runtime.
//!
//! `cargo run --release -p bayes8-convert --example mean_logits -- NETWORK.onnx INPUT.npy LOGITS.npy ...`
//! reads f32 inputs in the order of the network's axes and writes f32 logits `[N, numbers]`, for one or
//! more networks; those of a map have the channels of a position side by side. Prints each network's input
//! and operations, or why it is refused.

use std::{env, error::Error, iter, path::Path, process::ExitCode};

use bayes8_convert::{
    InputLayout, Network, PosteriorSource,
    reference::{FloatWeights, run},
};
use bayes8_core::graph::{Op, Shape};
use bayes8_core::ops::RealValue;
use ndarray::{Array2, ArrayD, Axis};

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
        let network = match Network::load(Path::new(path), &PosteriorSource::Deterministic) {
            Ok(network) => network,
            Err(error) => {
                println!("{}", with_causes(&error));
                refused = true;
                continue;
            }
        };
        let pictures = channels_last(network.input.layout, ndarray_npy::read_npy(input)?);
        let found = run(&network, &FloatWeights::mean(&network, 0), pictures.view(), |_, _, _| ())?;
        ndarray_npy::write_npy(logits, &resized(&network, &found)?)?;
        println!("{path}: {}", network.input.axes(network.graph.input()));
        for node in network.graph.nodes() {
            println!("{:22} {:14} {}", node.op.name(), node.shape.to_string(), node.name);
        }
    }
    if refused { Err("a network was refused".into()) } else { Ok(()) }
}

/// The numbers of all outputs after the resizing that the outputs of maps end in.
fn resized(network: &Network, numbers: &Array2<f32>) -> Result<Array2<f32>, Box<dyn Error>> {
    let mut all = Vec::new();
    for picture in numbers.rows() {
        let mut rest = picture.to_vec();
        for output in &network.outputs {
            let shapes = output.nodes.iter().map(|&node| network.graph.nodes()[node].shape);
            let count = shapes.clone().map(Shape::elements).sum();
            let after = rest.split_off(count);
            match (&output.resize, shapes.collect::<Vec<_>>().as_slice()) {
                (Some(by), &[shape]) => {
                    let [depth, height, width] = by.size;
                    let to = Shape { depth, height, width, ..shape };
                    let mut large = vec![0.0; to.elements()];
                    let op = Op::Resize(by.clone());
                    let real = op.real().ok_or("a resizing has real numbers")?;
                    real.real(&[RealValue { shape, numbers: &rest }], to, &mut large);
                    all.extend(large);
                }
                _ => all.extend(rest),
            }
            rest = after;
        }
    }
    let rows = numbers.len_of(Axis(0));
    Ok(Array2::from_shape_vec((rows, all.len() / rows.max(1)), all)?)
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
