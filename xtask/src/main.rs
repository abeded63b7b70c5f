//! `cargo xtask`: all chores of this workspace.

mod apps;
mod bench;
mod bench_web;
mod book;
mod c_library;
mod conformance;
mod cross;
mod demo;
mod evaluation;
mod hidden;
mod links;
mod markdown;
mod mca;
mod models;
mod packages;
mod platforms;
mod programs;
mod python;
mod skipped;
mod steps;
mod structure;
mod test;
mod tools;
mod wasm_module;
mod web;

use crate::skipped::Skipped;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Chores of the bayes8 workspace
#[derive(Parser)]
#[command(after_help = "\
Examples:
  cargo xtask test
  cargo xtask test --quick
  cargo xtask c-library --prefix ~/.local
  cargo xtask structure
  cargo xtask book
  cargo xtask python
  cargo xtask web
  cargo xtask demo
  cargo xtask conformance
  cargo xtask bench --python peers/bin/python
  cargo xtask mca
  cargo xtask models --from ../trained
  cargo xtask evaluation --from ../trained --only cifar10-resnet20")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Format, lint and test everything, as CI does
    Test {
        /// Only formatting, lints and unit tests: no browsers, emulated instructions or whole programs
        #[arg(long)]
        quick: bool,
    },
    /// Build the C library and install header, libraries and pkg-config file
    CLibrary {
        /// Folder to install to, with `include` and `lib`; it can be moved afterwards
        #[arg(long, value_name = "FOLDER")]
        prefix: PathBuf,
    },
    /// Find files that are too long, and files that depend on each other in a cycle
    Structure,
    /// Check the links of all documents and build the book of docs/ into target/book
    Book,
    /// What mdBook runs, to lead links that leave the book to the repository
    #[command(hide = true)]
    BookLinks {
        /// What mdBook asks
        arguments: Vec<String>,
    },
    /// Build an optimized wheel of the Python package into target/wheels
    Python,
    /// Build the npm package in wasm/npm, and install the tools for it
    Web {
        /// Skip wasm-opt and the size limits, for a slightly faster build
        #[arg(long)]
        no_opt: bool,
    },
    /// Build the web demo in web-demo and serve it on this machine
    Demo {
        /// Port of the server
        #[arg(long, value_name = "N", default_value_t = 4173)]
        port: u16,
    },
    /// Run the conformance vectors on every target of this machine, and compare bit for bit
    Conformance {
        /// Write the vectors anew instead, after an intended change of results
        #[arg(long)]
        update: bool,
    },
    /// Measure every figure of docs/PERFORMANCE.md, including installed peers
    Bench {
        /// Python with the packages of benchmarks/requirements-peers.txt, such as a venv's; peers
        /// are skipped if it only has those of benchmarks/requirements.txt
        #[arg(long, value_name = "PROGRAM", default_value = "python3")]
        python: PathBuf,
        /// FP32 network of cifar10-resnet20, to compare that model with ONNX Runtime too
        #[arg(long, value_name = "ONNX")]
        cifar10: Option<PathBuf>,
        /// Rounds of the comparison with peers
        #[arg(long, value_name = "N", default_value_t = 3)]
        rounds: u32,
    },
    /// Measure the web section of docs/PERFORMANCE.md: the npm package against onnxruntime-web
    BenchWeb {
        /// Python with onnx and onnxruntime, which quantize the peer's network
        #[arg(long, value_name = "PROGRAM", default_value = "python3")]
        python: PathBuf,
        /// FP32 network of cifar10-resnet20, to compare that model too
        #[arg(long, value_name = "ONNX")]
        cifar10: Option<PathBuf>,
        /// FP32 network of camvid-unet without its dropout, to compare that model too
        #[arg(long, value_name = "ONNX")]
        camvid: Option<PathBuf>,
        /// Rounds of the comparison
        #[arg(long, value_name = "N", default_value_t = 5)]
        rounds: u32,
    },
    /// Compare the matrix kernels of AArch64 with their peak, by llvm-mca's models of processors
    Mca,
    /// Quantize the shipped models again from their FP32 networks
    Models {
        /// Folder with `models/NAME/{mean.onnx,posterior.safetensors,golden.json}` and
        /// `data/{SET-calibration,SET-test}.npz`
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
    },
    /// Measure every figure of docs/EVALUATION.md and write its tables
    Evaluation {
        /// Folder with `models/NAME/{mean.onnx,posterior.safetensors,golden.json,golden.safetensors}`
        /// and `data/SET.npz`, as docs/EVALUATION.md lists them
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
        /// Only this model; may be given more than once
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Monte-Carlo samples for the INT8 models
        #[arg(long, value_name = "N", default_value_t = 256)]
        samples: u32,
        /// Samples for the FP32 networks, which are slow; 0 leaves them out
        #[arg(long, value_name = "N", default_value_t = 256)]
        fp32_samples: u32,
        /// Samples for corrupted pictures, for both INT8 and FP32; 0 leaves them out
        #[arg(long, value_name = "N", default_value_t = 64)]
        drift_samples: u32,
        /// Measure nothing, and write the tables from the results in target/evaluation
        #[arg(long)]
        tables_only: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Test { quick: true } => test::run_quick(),
        Task::Test { quick: false } => test::run_all(),
        Task::CLibrary { prefix } => c_library::install(&prefix),
        Task::Structure => structure::check(),
        Task::Book => book::build(&mut Skipped::default()),
        // `supports RENDERER`: yes, whatever it is.
        Task::BookLinks { arguments } if !arguments.is_empty() => Ok(()),
        Task::BookLinks { .. } => book::preprocess(),
        Task::Python => python::release(),
        Task::Web { no_opt } => web::run(!no_opt, web::Packer::WasmPack),
        Task::Demo { port } => demo::serve(port),
        Task::Conformance { update: true } => conformance::update(),
        Task::Conformance { update: false } => conformance::build_and_run(),
        Task::Bench { python, cifar10, rounds } => bench::run(&python, cifar10.as_deref(), rounds),
        Task::BenchWeb { python, cifar10, camvid, rounds } => {
            bench_web::run(&python, cifar10.as_deref(), camvid.as_deref(), rounds)
        }
        Task::Mca => mca::run(),
        Task::Models { from } => models::quantize(&from),
        Task::Evaluation { from, only, samples, fp32_samples, drift_samples, tables_only } => {
            let only = &only;
            let effort =
                evaluation::Effort { samples, fp32_samples, drift_samples, only, tables_only };
            evaluation::measure(&from, &effort)
        }
    }
}
