//! Measures the share of the digest in the time to load a model: medians of 101 loads. Reading the
//! header takes time with and without a digest, so it does not count as part of the digest.
//!
//! ```text
//! cargo run --release -p bayes8-native --example loading -- MODEL...
//! ```

use bayes8_native::core::format;
use bayes8_native::{Model, ModelOptions};
use safetensors::SafeTensors;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

fn median(mut run: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("{:>12} {:>12} {:>12} {:>8}", "bytes", "load", "digest", "share");
    for path in std::env::args_os().skip(1) {
        let bytes = std::fs::read(&path)?;
        let load = median(|| {
            black_box(Model::load_with(&path, ModelOptions::default())?);
            Ok(())
        })?;
        let digest = median(|| {
            black_box(format::check_digest(&bytes)?);
            Ok(())
        })?;
        let header = median(|| {
            black_box(SafeTensors::read_metadata(&bytes)?);
            Ok(())
        })?;
        let digest = digest.saturating_sub(header);
        let share = 100.0 * digest.as_secs_f64() / load.as_secs_f64();
        println!("{:>12} {load:>12.2?} {digest:>12.2?} {share:>6.1} %", bytes.len());
    }
    Ok(())
}
