//! `bayes8 choose`: gives a model the draws that stand for thousands.

use crate::args::{InputSize, Machine, whole};
use crate::atomic_file::Pending;
use crate::choosing::Report;
use crate::{input, model_file, output, progress, style};
use anyhow::Context;
use bayes8_convert::Inputs;
use bayes8_convert::choose::{self, ChooseOptions};
use bayes8_convert::pictures::{self, PicturesError};
use bayes8_evaluate::style::{bytes, printable};
use bayes8_native::core::draws::MAX_CHOSEN;
use bayes8_native::core::format;
use bayes8_native::core::model::QuantizedModel;
use clap::Args;
use std::path::{Path, PathBuf};

/// Choose the few draws of a model whose mean is close to that of thousands
///
/// A prediction is a mean over draws of the weights; with random draws its error falls with the root of their
/// number. This command runs a pool of draws on calibration pictures, and finds those whose mean predictions are
/// nearest to the mean of the pool. The model file then carries their indices, and predictions take them, the
/// best first, unless a seed is given. Time per sample and the network stay the same.
///
/// The table says what the first draws are worth: how many random draws have the same mean squared error. Each
/// half of the pictures measures what the other half chose; --test measures on pictures that took no part.
///
/// Conformal predictors of the model are dropped, since they were calibrated for other draws.
#[derive(Args)]
#[command(after_help = "\
Examples:
  bayes8 choose model.safetensors --calibration calibration.npz -o chosen.safetensors
  bayes8 choose model.safetensors --calibration calibration.npz --draws 32 --pool 8192 -o chosen.safetensors
  bayes8 choose model.safetensors --calibration calibration.npz --test test.npz -o chosen.safetensors
  bayes8 predict chosen.safetensors boot.png --samples 16
  bayes8 predict chosen.safetensors boot.png --draws random --samples 1000")]
pub(crate) struct Arguments {
    /// Model file; `-` is standard input, of at most 1 GiB
    model: PathBuf,

    /// Pictures like those that the model will see: an npz with `x`, uint8 [N, H, W, C] ([N, D, H, W, C] of
    /// volumes, [N, L, C] of sequences, [N, C] of vectors). Floats in `x` are the model's input as it is; a model
    /// that takes numbers normalizes them. `-` is standard input, of at most 1 GiB
    #[arg(long, value_name = "NPZ")]
    calibration: PathBuf,

    /// Number of draws to choose
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = ChooseOptions::default().draws)]
    #[arg(value_parser = whole::<usize>(1..=MAX_CHOSEN as u64))]
    draws: usize,

    /// Number of draws from which to choose, at least four times --draws: samples of seed 0
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = ChooseOptions::default().pool)]
    #[arg(value_parser = whole::<u32>(4..=1 << 16))]
    pool: u32,

    /// The most pictures that choose, the first ones; more take longer and choose better
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = ChooseOptions::default().pictures)]
    #[arg(value_parser = whole::<usize>(2..=1 << 16))]
    pictures: usize,

    /// Also measure what the draws are worth on other pictures: an npz with `x`. It uses the first ones, up to twice
    /// --pictures, and compares with random draws of another seed, twice --pool
    #[arg(long, value_name = "NPZ")]
    test: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    machine: Machine,

    /// The model file to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let inputs = [Some(&arguments.model), Some(&arguments.calibration), arguments.test.as_ref()];
    let inputs: Vec<&Path> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
    let pending = Pending::create(&arguments.output, &inputs)?;
    arguments.machine.start_threads()?;
    let (model, _) = model_file::describe(&arguments.model, &InputSize { input_size: None })?;
    let calibration = read(&arguments.calibration, &model)?;
    let test = arguments.test.as_deref().map(|path| read(path, &model)).transpose()?;

    let (values, pool) = (model.preprocessing().values, arguments.pool);
    let options =
        ChooseOptions::new().draws(arguments.draws).pool(pool).pictures(arguments.pictures);
    let mut observer = progress::shown();
    let view = calibration.view(values);
    let choice =
        choose::choose(&model, view, arguments.machine.options()?, &options, &mut observer)
            .with_context(|| arguments.model.display().to_string())?;
    let model = model.with_draws(Some(choice.draws.clone()));
    let measure = |test: &Inputs| {
        let machine = arguments.machine.options()?;
        let view = test.view(values);
        let most = test.count().min(2 * arguments.pictures);
        let pictures = view.range(0..most);
        let gain = choose::measure(&model, pictures, machine, pool, &mut observer);
        gain.with_context(|| arguments.model.display().to_string())
    };
    let test_gain = test.as_ref().map(measure).transpose()?;

    let report = Report::new(choice, pool, test_gain);
    report.warn();
    let printed = match arguments.json {
        true => output::print_json(&report),
        false => output::print(&report.text(style::detect())),
    };
    let file = format::write(&model)?;
    pending.write(&file)?;
    pending.commit()?;
    printed?;
    if arguments.json {
        return Ok(());
    }
    let path = printable(&arguments.output.display().to_string());
    output::print(&format!("\n{path}: {}\n", bytes(file.len() as u64)))
}

/// Reads pictures for a model.
fn read(path: &Path, model: &QuantizedModel) -> Result<Inputs, PicturesError> {
    let inputs = Inputs::read(path, pictures::open(path, input::open)?)?;
    inputs.check(path, model.graph().input())?;
    Ok(inputs)
}
