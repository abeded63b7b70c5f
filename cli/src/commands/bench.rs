//! `bayes8 bench`: measures how fast a model runs on this machine.

mod profile;
mod random;

use crate::args::{InputSize, Machine, UsageError, sample_count, seconds, whole};
use crate::progress::Progress;
use crate::{model_file, output, style};
use anyhow::{Context, bail};
use bayes8_evaluate::style::{Style, counted, printable, thousands};
use bayes8_native::core::digest::logits_digest;
use bayes8_native::core::model::Values;
use bayes8_native::profile::Profiler;
use bayes8_native::{Isa, Model, ModelOptions, PredictError, PredictOptions};
use clap::Args;
use profile::Call;
use random::Random;
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Measure how fast a model runs on this machine
///
/// Checks that the kernel returns the same bits as the portable reference, then predicts random
/// pictures, or numbers if the model takes numbers, repeatedly. The figure of merit is image-samples per second: pictures x weight samples.
/// The sampling share is the time to draw the weights once, divided by the time of all threads; with
/// a bank that holds all samples nothing is drawn. GMAC/s counts the layers that no sample changes, such
/// as those before the first dropout, once per picture, as they run.
///
/// With --profile, one thread is measured, and two tables show where its time goes. The first is by
/// kind of work: products, packing and transforms (of activations), sampling (drawing and packing
/// weights), depthwise (convolutions), other operations by their names, and other (quantizing pictures,
/// summing up samples). The second is by step: a node, or a convolution and the addition that is done in
/// the same pass. GMAC/s is the rate of the products alone.
#[derive(Args)]
#[command(after_help = "\
Examples:
  bayes8 bench models/fashion-resnet14.safetensors
  bayes8 bench model.safetensors --batch 1 --samples 32 --threads 2
  bayes8 bench model.safetensors --batch 8 --samples 16 --bank 2GiB
  bayes8 bench model.safetensors --batch 8 --profile
  bayes8 bench model.safetensors --batch 32 --isa avx2 --seconds 10 --json")]
pub(crate) struct Arguments {
    /// Model file; `-` is standard input, of at most 1 GiB
    model: PathBuf,

    /// Pictures per call
    #[arg(long, value_name = "B", allow_hyphen_values = true, default_value_t = 32)]
    #[arg(value_parser = whole::<u32>(1..=1 << 20))]
    batch: u32,

    /// Monte-Carlo samples of every picture
    #[arg(long, value_name = "S", allow_hyphen_values = true, default_value_t = 32)]
    #[arg(value_parser = sample_count())]
    samples: u32,

    #[command(flatten)]
    size: InputSize,

    #[command(flatten)]
    machine: Machine,

    /// How long to measure; at least three calls are timed
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,

    /// Show where the time of one thread goes: by kind of work, and by step
    #[arg(long)]
    profile: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    image_samples_per_second: f64,
    sampling_share: f64,
    batch: u32,
    samples: u32,
    threads: usize,
    isa: &'static str,
    kernel: &'static str,
    giga_macs_per_second: f64,
    bank_bytes: u64,
    /// Most memory that this process held; `null` if the system does not say.
    peak_memory_bytes: Option<u64>,
    repeats: usize,
    seconds: f64,
}

/// Seed of the weights.
const SEED: u64 = 8;

/// Largest batch in bytes of pictures.
const MAX_BATCH_BYTES: usize = 1 << 30;

/// Calls that are timed even if they take longer than requested.
const FEWEST_REPEATS: usize = 3;

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { batch, samples, .. } = *arguments;
    if arguments.profile && arguments.machine.threads.is_some_and(|threads| threads > 1) {
        let message = "--profile measures one thread: leave out --threads".into();
        return Err(UsageError { command: "bench", message }.into());
    }
    let model = model_file::load(&arguments.model, &arguments.size.into(), &arguments.machine)?;
    let shape = model.quantized().graph().input();
    let element = match model.quantized().preprocessing().values {
        Values::Bytes => size_of::<u8>(),
        Values::Numbers => size_of::<f32>(),
    };
    if batch as usize * shape.elements() * element > MAX_BATCH_BYTES {
        let pictures = counted(batch, "picture");
        bail!("{pictures} of {shape}: more than 1 GiB; use a smaller --batch");
    }
    if arguments.profile {
        return profile(arguments, &model);
    }
    check(&model)?;

    let pictures = Random::new(model.quantized(), batch as usize);
    let options = PredictOptions::new().samples(0..samples).seed(SEED);
    let call = || model.predict(pictures.view(), &options).map(drop);
    let progress = Progress::new("measuring", (1000.0 * arguments.seconds) as u64);
    call()?;
    let times = repeat(Duration::from_secs_f64(arguments.seconds), |elapsed| {
        progress.advance(elapsed.as_millis() as u64);
        call()
    })?;
    let bank_bytes = arguments.machine.bank.as_u64();
    let drawn = if bank_bytes / samples as u64 >= model.weight_bytes().max(1) as u64 {
        0.0
    } else {
        // A tenth of the time is enough to measure the sampler.
        median(&repeat(Duration::from_secs_f64(arguments.seconds / 10.0), |_| {
            model.draw_weights(SEED, 0..samples)?;
            Ok::<_, PredictError>(())
        })?)
    };
    drop(progress);

    let wall = median(&times);
    let image_samples = f64::from(batch) * f64::from(samples);
    let macs = f64::from(batch) * model.quantized().multiply_accumulates_of(samples) as f64;
    let report = Report {
        image_samples_per_second: image_samples / wall,
        sampling_share: drawn / (wall * model.threads() as f64),
        batch,
        samples,
        threads: model.threads(),
        isa: model.isa().name(),
        kernel: model.kernel(),
        giga_macs_per_second: macs / wall / 1e9,
        bank_bytes,
        peak_memory_bytes: peak_memory(),
        repeats: times.len(),
        seconds: times.iter().sum(),
    };
    if arguments.json {
        return output::print_json(&report);
    }
    let name = printable(model.quantized().name());
    output::print(&report.text(&name, wall, style::detect()))
}

/// Shows where the time of a call of `model` goes, on one thread.
fn profile(arguments: &Arguments, model: &Model) -> anyhow::Result<()> {
    let &Arguments { batch, samples, .. } = arguments;
    let profiler = Profiler::new(model.quantized().clone(), arguments.machine.options()?)?;
    check(profiler.model())?;
    let pictures = Random::new(model.quantized(), batch as usize);
    let options = PredictOptions::new().samples(0..samples).seed(SEED);
    let call = || profiler.predict(pictures.view(), &options);
    let progress = Progress::new("measuring", (1000.0 * arguments.seconds) as u64);
    call()?;
    let (_, mut profile) = call()?;
    let times = repeat(Duration::from_secs_f64(arguments.seconds), |elapsed| {
        progress.advance(elapsed.as_millis() as u64);
        let (_, next) = call()?;
        if next.total < profile.total {
            profile = next;
        }
        Ok::<_, PredictError>(())
    })?;
    drop(progress);
    let (bank_bytes, repeats) = (arguments.machine.bank.as_u64(), 1 + times.len());
    let call = Call { model: profiler.model(), batch, samples, bank_bytes, repeats, profile };
    let report = call.report();
    if arguments.json {
        return output::print_json(&report);
    }
    output::print(&report.text(model.quantized().name(), style::detect()))
}

/// Refuses a kernel that does not return the bits of the portable reference.
fn check(model: &Model) -> anyhow::Result<()> {
    let pictures = Random::new(model.quantized(), 2);
    let options = PredictOptions::new().samples(0..2).seed(SEED).keep_logits(true);
    let digest = |model: &Model| -> anyhow::Result<String> {
        let predictions = model.predict(pictures.view(), &options)?;
        let logits = predictions.iter().filter_map(|p| p.logits());
        Ok(logits_digest(&logits.flatten().copied().collect::<Vec<f32>>()))
    };
    let portable = ModelOptions::new().isa(Isa::Portable);
    let reference = Model::new(model.quantized().clone(), portable)
        .context("cannot run the portable reference")?;
    let (ours, expected) = (digest(model)?, digest(&reference)?);
    if ours != expected {
        bail!(
            "{} computes different outputs from the portable reference (digest {ours}, expected \
             {expected}): not measured",
            model.kernel()
        );
    }
    Ok(())
}

/// Durations of calls in seconds: of at least [`FEWEST_REPEATS`] calls, for at least `duration`.
/// `call` gets the duration of the previous call.
fn repeat<E>(
    duration: Duration,
    mut call: impl FnMut(Duration) -> Result<(), E>,
) -> Result<Vec<f64>, E> {
    let start = Instant::now();
    let mut times = Vec::new();
    let mut last = Duration::ZERO;
    while times.len() < FEWEST_REPEATS || start.elapsed() < duration {
        let before = Instant::now();
        call(last)?;
        last = before.elapsed();
        times.push(last.as_secs_f64());
    }
    Ok(times)
}

/// The most resident memory that this process has held, in bytes (Linux).
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// The median of at least one time.
fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len().is_multiple_of(2) {
        (times[middle - 1] + times[middle]) / 2.0
    } else {
        times[middle]
    }
}

impl Report {
    fn text(&self, name: &str, wall: f64, style: Style) -> String {
        let mut text = format!("{}\n", style.bold(name));
        for (label, value) in [
            (
                "run",
                format!(
                    "batch {}, {}, {}, {} ({})",
                    self.batch,
                    counted(self.samples, "sample"),
                    counted(self.threads as u64, "thread"),
                    self.kernel,
                    self.isa
                ),
            ),
            ("throughput", {
                let rate = thousands(self.image_samples_per_second.round() as u64);
                style.bold(&format!("{rate} image-samples/s"))
            }),
            ("arithmetic", format!("{:.1} GMAC/s", self.giga_macs_per_second)),
            ("sampling", format!("{:.1} % of the threads' time", 100.0 * self.sampling_share)),
            (
                "measured",
                format!(
                    "{:.2} ms per call, median of {} in {:.2} s",
                    1000.0 * wall,
                    self.repeats,
                    self.seconds
                ),
            ),
            (
                "memory",
                match self.peak_memory_bytes {
                    Some(bytes) => format!("{} MB at most", bytes / 1_000_000),
                    None => "unknown on this system".to_string(),
                },
            ),
            ("checked", "same bits as the portable reference".to_string()),
        ] {
            text.push_str(&style::fact(label, &value, style));
        }
        text
    }
}
