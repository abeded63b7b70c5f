//! The `bayes8` command: makes, inspects, evaluates and runs quantized Bayesian neural networks. A library, so
//! that another program can start it.

#![forbid(unsafe_code)]

mod args;
mod atomic_file;
mod choosing;
mod commands;
mod csv_rows;
mod decode;
mod fidelity_table;
mod input;
mod interrupt;
mod model_file;
mod network;
mod nifti_volume;
mod output;
mod picture_files;
mod progress;
mod style;

use args::UsageError;
use bayes8_evaluate::Missed;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::{OsStr, OsString};

/// Exit code of a failure.
const FAILED: u8 = 1;

/// Exit code of an evaluation that missed a threshold.
const MISSED: u8 = 3;

/// INT8 Bayesian neural networks that know how sure they are.
#[derive(Parser)]
#[command(name = "bayes8", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 success, 1 failure, 2 wrong usage, 3 an evaluation missed a threshold.
A signal that ends the program leaves no unfinished file, and a shell sees 128 + its number.
`bayes8 COMMAND --help` explains a command and gives examples.

Environment:
  BAYES8_ISA   the instruction set to use: portable; on x86-64 avx2, avx512bw, avxvnni, avx512vnni or amx;
               on AArch64 neon, dotprod or i8mm
  BAYES8_HIDE  instruction sets not to use although the processor has them, separated by commas;
               those that build on them are not used either: avx2,neon leaves only portable code")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Predict(commands::predict::Arguments),
    Inspect(commands::inspect::Arguments),
    Quantize(Box<commands::quantize::Arguments>),
    Choose(commands::choose::Arguments),
    Evaluate(Box<commands::evaluate::Arguments>),
    Corrupt(commands::corrupt::Arguments),
    Bench(commands::bench::Arguments),
}

/// Runs the command with its arguments, the name of the program first, and returns the exit code.
///
/// Ends the process itself when the arguments are wrong or ask for help. From then on, signals end the process
/// too, after unfinished files are removed.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = match Cli::try_parse_from(&arguments) {
        Ok(Cli { command }) => command,
        Err(error) => point_to_new_name(error, arguments.get(1).map(OsString::as_os_str)).exit(),
    };
    if let Err(error) = interrupt::watch() {
        return fail(&anyhow::Error::new(error).context("cannot wait for signals"));
    }
    let result = match command {
        Command::Predict(arguments) => commands::predict::run(&arguments),
        Command::Inspect(arguments) => commands::inspect::run(&arguments),
        Command::Quantize(arguments) => commands::quantize::run(&arguments),
        Command::Evaluate(evaluate) => {
            commands::evaluate::run(&evaluate, arguments.get(1..).unwrap_or_default())
        }
        Command::Choose(arguments) => commands::choose::run(&arguments),
        Command::Corrupt(arguments) => commands::corrupt::run(&arguments),
        Command::Bench(arguments) => commands::bench::run(&arguments),
    };
    match result {
        Ok(()) => 0,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> u8 {
    if let Some(usage) = error.downcast_ref() {
        refuse(usage);
    }
    if output::is_closed(error) {
        return 0;
    }
    output::complain_of(error);
    match error.is::<Missed>() {
        true => MISSED,
        false => FAILED,
    }
}

/// Suggests `--network` to those who give its former name, instead of an option that is spelled
/// alike.
fn point_to_new_name(mut error: clap::Error, command: Option<&OsStr>) -> clap::Error {
    let is_former = |value: &ContextValue| value.to_string() == "--mean";
    let has_network = command.is_some_and(|name| name == "quantize" || name == "evaluate");
    if has_network && error.get(ContextKind::InvalidArg).is_some_and(is_former) {
        error.insert(ContextKind::SuggestedArg, ContextValue::String("--network".into()));
    }
    error
}

/// Ends the program like clap on a wrong command line: with exit code 2.
fn refuse(UsageError { command, message }: &UsageError) -> ! {
    let mut cli = Cli::command();
    // The usage shown is then the subcommand's, with the program's name before it.
    cli.build();
    let command = cli.find_subcommand_mut(command).expect("the name of a subcommand");
    command.error(ErrorKind::ValueValidation, message).exit()
}
