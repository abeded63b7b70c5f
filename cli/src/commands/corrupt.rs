//! `bayes8 corrupt`: makes pictures that drift away from those that a model was trained on.

use crate::args::{self, whole};
use crate::atomic_file::Pending;
use crate::progress::Progress;
use crate::{output, picture_files};
use anyhow::{Context, bail};
use bayes8_convert::{Inputs, LabelledPictures};
use bayes8_evaluate::corrupted::{CorruptedWriter, Drift};
use bayes8_evaluate::corruption::{Corruption, MAX_SEVERITY};
use bayes8_evaluate::style::{bytes, counted, printable};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ndarray::{Array4, Axis};
use std::path::PathBuf;

/// Corrupt pictures in ten ways and five severities, to measure a model under drift
///
/// Noise, blur, light, pixels and JPEG after Hendrycks and Dietterich (ICLR 2019), with the constants
/// of CIFAR-10-C. Lengths are in pixels, so pictures larger than 32 x 32 look less blurred. The same
/// seed gives the same bytes on every machine.
#[derive(Args)]
#[command(after_help = "\
Examples:
  bayes8 corrupt test.npz -o corruptions.npz
  bayes8 corrupt test.npz --corruptions gaussian_noise,contrast --severities 1,3,5 -o drift.npz
  bayes8 evaluate model.safetensors --data test.npz --drift corruptions.npz

The output holds the labels `y` and an array for each corruption and severity, such as `contrast_3`:
  numpy.load(\"corruptions.npz\")[\"contrast_3\"]      # uint8 [N, H, W, C]")]
pub(crate) struct Arguments {
    /// Pictures and labels: an npz with `x`, uint8 [N, H, W, C], and `y`, N class indices; `-` is
    /// standard input, of at most 1 GiB
    pictures: PathBuf,

    /// Which corruptions, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = corruption_parser())]
    corruptions: Vec<Corruption>,

    /// Which severities, of 1 to 5, separated by commas [default: all]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', allow_hyphen_values = true)]
    #[arg(value_parser = whole::<u8>(1..=u64::from(MAX_SEVERITY)))]
    severities: Vec<u8>,

    /// Seed of the noise
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = 0)]
    #[arg(value_parser = args::seed())]
    seed: u64,

    /// The archive to write
    #[arg(short, long, value_name = "NPZ")]
    output: PathBuf,
}

fn corruption_parser() -> impl TypedValueParser<Value = Corruption> {
    PossibleValuesParser::new(Corruption::ALL.map(Corruption::name))
        .try_map(|name| name.parse::<Corruption>())
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let pending = Pending::create(&arguments.output, &[&arguments.pictures])?;
    let path = arguments.pictures.display();
    let LabelledPictures { pictures, labels } = picture_files::load_labelled(&arguments.pictures)?;
    let pictures = in_two_dimensions(pictures).with_context(|| format!("{path}: array `x`"))?;
    let corruptions = distinct(&arguments.corruptions, &Corruption::ALL);
    let severities: Vec<u8> = (1..=MAX_SEVERITY).collect();
    let severities = distinct(&arguments.severities, &severities);

    pending.fill(|file| {
        let total = corruptions.len() * severities.len();
        let progress = Progress::new("corrupting", total as u64);
        let complaint = || format!("cannot write {}", arguments.output.display());
        let mut writer = CorruptedWriter::new(file, labels.view()).with_context(complaint)?;
        for &corruption in &corruptions {
            for &severity in &severities {
                let corrupted = corruption
                    .apply(pictures.view(), severity, arguments.seed)
                    .with_context(|| format!("{path}: array `x`"))?;
                let drift = Drift { corruption: corruption.name().into(), severity };
                writer.add(&drift, corrupted.view()).with_context(complaint)?;
                progress.advance(1);
            }
        }
        writer.finish().with_context(complaint)?;
        Ok(())
    })?;
    let size = pending.size()?;
    pending.commit()?;
    output::print(&format!(
        "{}: {} in {} of {}, {}\n",
        printable(&arguments.output.display().to_string()),
        counted(corruptions.len() as u64, "corruption"),
        counted(severities.len() as u64, "severity"),
        counted(labels.len() as u64, "picture"),
        bytes(size)
    ))
}

/// Pictures `[N, H, W, C]`; gray ones may also be `[N, H, W]`.
fn in_two_dimensions(pictures: Inputs) -> anyhow::Result<Array4<u8>> {
    let Inputs::Bytes(pictures) = pictures else {
        bail!("it holds floats: only pixels, uint8 of 0 to 255, can be corrupted");
    };
    let gray = pictures.ndim() == 3;
    let pictures = if gray { pictures.insert_axis(Axis(3)) } else { pictures };
    let shape = pictures.shape().to_vec();
    let Ok(pictures) = pictures.into_dimensionality() else {
        bail!("its shape is {shape:?}: only pictures, [N, H, W, C] or [N, H, W], can be corrupted");
    };
    Ok(pictures)
}

/// The requested items, each once, or all if none is requested.
fn distinct<T: Copy + PartialEq>(asked: &[T], all: &[T]) -> Vec<T> {
    let wanted = |item: &T| asked.is_empty() || asked.contains(item);
    all.iter().copied().filter(wanted).collect()
}
