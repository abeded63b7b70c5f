//! The program `bayes8`.

#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(bayes8_cli::run(env::args_os()))
}
