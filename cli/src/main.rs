//! The `bayes8` command.
fn main() {}
