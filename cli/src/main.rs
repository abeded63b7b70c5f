//! The `bayes8` command: predict with quantized Bayesian neural networks, and look after them.

#![forbid(unsafe_code)]

mod args;
mod atomic_file;
mod commands;
mod evaluation;
mod fidelity_table;
mod gates;
mod model_file;
mod model_report;
mod output;
mod picture;
mod prediction;
mod progress;
mod report;
mod style;
mod table;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::io;
use std::process::ExitCode;

/// INT8 Bayesian neural networks that know how sure they are.
#[derive(Parser)]
#[command(name = "bayes8", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 success, 1 failure, 2 wrong usage, 3 an evaluation that misses a threshold.
`bayes8 COMMAND --help` explains a command and gives examples.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Predict(commands::predict::Arguments),
    Inspect(commands::inspect::Arguments),
    Quantize(commands::quantize::Arguments),
    Evaluate(Box<commands::evaluate::Arguments>),
    Corrupt(commands::corrupt::Arguments),
    Bench(commands::bench::Arguments),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Predict(arguments) => commands::predict::run(&arguments),
        Command::Inspect(arguments) => commands::inspect::run(&arguments),
        Command::Quantize(arguments) => commands::quantize::run(&arguments),
        Command::Evaluate(arguments) => commands::evaluate::run(&arguments),
        Command::Corrupt(arguments) => commands::corrupt::run(&arguments),
        Command::Bench(arguments) => commands::bench::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        usage.exit();
    }
    // Whoever reads the output has seen enough of it, as in `| head`.
    let closed = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed) {
        return ExitCode::SUCCESS;
    }
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Most errors quote their cause already.
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    output::complain(&format!("error: {}", style::printable(&message)));
    if error.is::<gates::Missed>() {
        return ExitCode::from(gates::EXIT_CODE);
    }
    ExitCode::FAILURE
}
