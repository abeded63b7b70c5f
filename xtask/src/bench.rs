//! Measures every figure of `docs/PERFORMANCE.md`, in the order of that document.

use crate::programs::{self, root, succeeds};
use std::path::Path;

/// Matrix products of ResNet-50, as M N K. The first two have a goal.
const PRODUCTS: [[&str; 3]; 6] = [
    ["3136", "256", "576"],
    ["784", "512", "1024"],
    ["784", "256", "1152"],
    ["3136", "256", "64"],
    ["196", "1024", "256"],
    ["49", "512", "4608"],
];

/// Measures everything that this machine can measure. The rest is skipped, with the reason.
pub(crate) fn run(python: &Path, cifar10: Option<&Path>, rounds: u32) -> anyhow::Result<()> {
    let python = python.display().to_string();
    let native = ["build", "--release", "--package", "bayes8-native", "--examples"];
    programs::run("cargo", &native)?;
    programs::run("cargo", &["build", "--release", "--package", "bayes8-cli"])?;

    title("Matrix product against the dot-product instruction alone");
    for [m, n, k] in PRODUCTS {
        programs::run("target/release/examples/gemm", &[m, n, k])?;
    }
    title("Drawing and packing weights");
    programs::run("target/release/examples/sampling", &[])?;

    title("cifar10-resnet20");
    for (batch, threads) in [("1", "2"), ("32", "2"), ("32", "1")] {
        bench(CIFAR10, "auto", batch, "32", threads)?;
    }
    let rounds = rounds.to_string();
    match cifar10 {
        Some(network) => {
            let network = network.display().to_string();
            let peers = ["--peers", "onnxruntime-int8", "--batches", "1", "32", "--samples", "32"];
            compare(&python, CIFAR10, &network, &rounds, &peers)?;
        }
        None => println!("SKIPPED: peers of cifar10-resnet20: no --cifar10 ONNX was given"),
    }

    title("ResNet-50");
    let Some(ResNet50 { model, network }) = resnet50(&python)? else { return Ok(()) };
    for (batch, threads) in [("8", "1"), ("8", "2")] {
        bench(&model, "auto", batch, "4", threads)?;
    }
    for isa in ["avx2", "avxvnni"] {
        for batch in ["1", "8"] {
            if let Err(error) = bench(&model, isa, batch, "4", "2") {
                println!("SKIPPED: {isa}: {error}");
            }
        }
    }
    compare(&python, &model, &network, &rounds, &["--samples", "4"])
}

/// Files of ResNet-50, made Bayesian.
pub(crate) struct ResNet50 {
    pub(crate) model: String,
    /// The ONNX file that it was quantized from.
    pub(crate) network: String,
}

/// Makes ResNet-50 with random weights. Reports a skip and returns `None` if `python` cannot.
pub(crate) fn resnet50(python: &str) -> anyhow::Result<Option<ResNet50>> {
    if !succeeds(python, &["-c", "import onnx, numpy"]) {
        println!("SKIPPED: ResNet-50: {python} lacks the packages of benchmarks/requirements.txt");
        return Ok(None);
    }
    let folder = root().join("target/benchmarks/resnet50").display().to_string();
    let file = |name: &str| format!("{folder}/{name}");
    let (model, network) = (file("resnet50.safetensors"), file("network.onnx"));
    programs::run(python, &["benchmarks/resnet50.py", "--output", &folder])?;
    let (calibration, metadata) = (file("calibration.npz"), file("metadata.json"));
    let mut quantize = vec!["quantize", "--network", &network, "--moped", "0.1"];
    quantize.extend(["--calibration", &calibration, "--metadata", &metadata, "-o", &model]);
    programs::run(BAYES8, &quantize)?;
    Ok(Some(ResNet50 { model, network }))
}

/// The model for comparisons in which overheads count.
pub(crate) const CIFAR10: &str = "models/cifar10-resnet20.safetensors";

/// The command line, built by `cargo build --release`.
pub(crate) const BAYES8: &str = "target/release/bayes8";

fn bench(model: &str, isa: &str, batch: &str, samples: &str, threads: &str) -> anyhow::Result<()> {
    let mut arguments = vec!["bench", model, "--batch", batch, "--samples", samples];
    arguments.extend(["--threads", threads]);
    if isa != "auto" {
        arguments.extend(["--isa", isa]);
    }
    programs::run(BAYES8, &arguments)
}

fn compare(
    python: &str,
    model: &str,
    network: &str,
    rounds: &str,
    more: &[&str],
) -> anyhow::Result<()> {
    let mut arguments = vec!["benchmarks/compare.py", model, "--network", network];
    arguments.extend(["--rounds", rounds]);
    arguments.extend(more);
    programs::run(python, &arguments)
}

pub(crate) fn title(text: &str) {
    println!("\n== {text}");
}
