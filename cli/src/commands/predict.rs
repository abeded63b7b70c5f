//! `bayes8 predict`: says what a model makes of its inputs, and how sure it is.

mod answers;
mod batches;
mod block;
mod classes;
mod conformal;
mod labels;
mod map;
mod targets;

use crate::args::{Machine, Sampling, Tiles, UsageError, level, nats, whole};
use crate::nifti_volume::VolumeAxes;
use crate::{model_file, output, picture_files, progress, style};
use answers::{Answers, Options};
use bayes8_evaluate::prediction::Job;
use bayes8_native::core::draws::Draws;
use bayes8_native::core::head::Output;
use bayes8_native::core::model::QuantizedModel;
use bayes8_native::core::posterior::MAX_SAMPLES;
use bayes8_native::{Model, PredictOptions, Until};
use clap::{Args, ValueEnum};
use map::{MapFiles, Palette};
use std::path::PathBuf;

/// Predict pictures, tables and sequences, with the uncertainty of every prediction
///
/// Pictures may be PNG, JPEG, WebP, BMP, GIF or TIFF, of any size. They are turned as their EXIF
/// orientation says, laid over white where they are transparent, and stretched to the model's size;
/// of an animation the first frame counts. Models that take numbers read CSV: a row for each input, with
/// the features of a table, or the positions of a sequence of one channel, in the model's order. The first
/// row may be a header.
///
/// The uncertainty of classes and labels is in nats: the total (entropy of the mean probabilities), its
/// aleatoric part (the picture is ambiguous) and its epistemic part (the model has not learned enough to
/// tell). Targets of a regression are in their units, with an interval and both parts of the standard
/// deviation: from the data (aleatoric) and from the model (epistemic).
///
/// Of a segmentation or another model with maps, a summary of each map is printed, and --map writes the figures of
/// every position.
#[derive(Args)]
#[command(after_help = "\
Examples:
  bayes8 predict models/fashion-resnet14.safetensors boot.png shirt.jpg
  bayes8 predict model.safetensors *.png --samples 100 --top 5
  bayes8 predict model.safetensors *.png --until decided
  bayes8 predict model.safetensors *.png --until entropy=0.05 --samples 1024
  bayes8 predict model.safetensors xray.png --abstain-above 0.3
  bayes8 predict concrete.safetensors mixes.csv --level 0.9
  bayes8 predict ecg.safetensors beats.npy
  bayes8 predict brain.safetensors scan.nii.gz --map maps --input-size 128x128x128
  bayes8 predict streets.safetensors *.png --map maps --palette colours.txt
  bayes8 predict streets.safetensors *.png --map maps --input-size 384x512
  bayes8 predict streets.safetensors city.png --map maps --input-size 2000x3000 --tile-overlap 32
  curl https://example.org/boot.webp | bayes8 predict model.safetensors -
  bayes8 predict model.safetensors boot.png --json | jq '.[0].top[0].name'
  bayes8 predict concrete.safetensors mixes.csv --json | jq '.[].outputs.output.interval[0]'

A palette has a colour for each class, in the order of the classes, and perhaps a name:
  #808080 sky
  #800000 building")]
pub(crate) struct Arguments {
    /// Model file; `-` is standard input, of at most 1 GiB
    model: PathBuf,

    /// Picture files, or npy arrays, or npz archives with an array `x`, channels last: uint8 pictures
    /// [N, H, W, C], volumes [N, D, H, W, C], sequences [N, L, C] or vectors [N, C]. Floats are the
    /// model's input as it is, without preprocessing; a model that takes numbers normalizes them. Such a
    /// model also reads CSV files. A NIfTI file, also .nii.gz, is one volume of floats. `-` is standard input, of at most 1 GiB
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,

    #[command(flatten)]
    sampling: Sampling,

    /// Which draws of the weights to take: those that the model chose (`bayes8 choose`), or random ones of --seed
    /// [default: chosen, if the model has them and no seed is given]
    #[arg(long, value_enum, value_name = "DRAWS")]
    draws: Option<DrawKind>,

    /// End each prediction as soon as it is precise enough, after 8, 16, 32, 64, 128 or 256 samples: when the class is
    /// decided, or when the standard error of each probability, the entropy or the mutual information is at most a
    /// number. --samples is then the most [default: 256, or all chosen draws]
    #[arg(long, value_name = "WHEN", value_parser = until)]
    until: Option<Until>,

    /// Index of the first sample, to split the samples of a prediction across several runs
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = 0)]
    #[arg(value_parser = whole::<u32>(0..=u64::from(MAX_SAMPLES) - 1))]
    first_sample: u32,

    #[command(flatten)]
    tiles: Tiles,

    /// Which axes of NIfTI volumes are planes, rows and columns
    #[arg(long, value_enum, value_name = "ORDER", default_value_t)]
    volume_axes: VolumeAxes,

    #[command(flatten)]
    machine: Machine,

    /// Refuse pictures of more pixels before they are decoded; a pixel takes up to 16 bytes
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = 100_000_000)]
    #[arg(value_parser = whole::<u64>(1..=1 << 40))]
    max_pixels: u64,

    /// Write maps into this folder, which is made if it is missing: PNG pictures of classes and of their uncertainty,
    /// and npy arrays. The names begin like those of the pictures; files of the same name are replaced
    #[arg(long, value_name = "FOLDER")]
    map: Option<PathBuf>,

    /// Colours of the classes in maps: a text file with a line such as `#808080 sky` for each class, in
    /// their order [default: those of PASCAL VOC]
    #[arg(long, value_name = "FILE", requires = "map")]
    palette: Option<PathBuf>,

    /// How many classes to show [default: 3]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    #[arg(value_parser = whole::<u32>(1..=u64::from(u32::MAX)))]
    top: Option<u32>,

    /// Abstain if the total uncertainty of classes is above this; positions of a map are then uncertain
    /// [default: half of the largest possible, ln(classes)]
    #[arg(long, value_name = "NATS", allow_hyphen_values = true, value_parser = nats)]
    abstain_above: Option<f64>,

    /// Probability with which the interval of a regression holds the target [default: 0.95]
    #[arg(long, value_name = "P", allow_hyphen_values = true, value_parser = level)]
    level: Option<f64>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The kinds of draws.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DrawKind {
    /// Those of the model's list
    Chosen,
    /// Those of a seed
    Random,
}

/// When to end.
fn until(text: &str) -> Result<Until, String> {
    let (figure, target) = text.split_once('=').unwrap_or((text, ""));
    let until: fn(f64) -> Until = match (figure, target) {
        ("decided", "") => return Ok(Until::Decided),
        ("probability", _) => Until::Probability,
        ("entropy", _) => Until::Entropy,
        ("mutual-information", _) => Until::MutualInformation,
        _ => {
            let all = "decided, probability=X, entropy=X or mutual-information=X";
            return Err(format!("expected {all}, such as entropy=0.05"));
        }
    };
    let target = target.parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.0);
    target.map(until).ok_or_else(|| format!("expected {figure}=X with a finite number X above 0"))
}

/// Classes that are shown by default.
const TOP: u32 = 3;

/// The probability of intervals by default.
const LEVEL: f64 = 0.95;

/// What has intervals.
const TARGETS: &str = "the targets of a regression that is not a map";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (draws, first) = (arguments.draws()?, arguments.first_sample);
    let together = u64::from(first) + u64::from(arguments.sampling.samples.unwrap_or(1));
    if together > u64::from(MAX_SAMPLES) {
        let message =
            format!("--first-sample and --samples must not exceed {MAX_SAMPLES} together");
        return Err(UsageError { command: "predict", message }.into());
    }
    let model = model_file::load(&arguments.model, &arguments.tiles, &arguments.machine)?;
    arguments.check_outputs(&model)?;
    let palette = arguments.palette(model.quantized())?;
    let mut options = PredictOptions::new();
    (options.draws, options.until) = (draws, arguments.until);
    options.samples = arguments.sampling.samples.map(|count| 0..count);
    let (draws, samples) = model.samples_of(&options)?;
    let samples = samples.indices();
    let samples = first..first.saturating_add(samples.end);
    draws.range(samples.clone())?;
    let axes = arguments.volume_axes;
    let picture_files::Batch { names, pictures } =
        picture_files::load(&arguments.pictures, &model, arguments.max_pixels, axes)?;
    let files = arguments.files(&model, palette, &names)?;
    let has_map = model.outputs().iter().any(Output::is_map);
    let job = Job {
        model: &model,
        pictures: pictures.view(model.quantized().preprocessing().values),
        samples,
        draws: draws.kind(),
        until: arguments.until,
        // They need the numbers of all samples together.
        digests: arguments.json && !has_map,
    };
    let options = Options {
        samples: job.samples.clone(),
        draws,
        until: arguments.until,
        top: arguments.top.unwrap_or(TOP) as usize,
        abstain_above: arguments.abstain_above,
        level: arguments.level.unwrap_or(LEVEL),
    };
    let answers = Answers::new(&model, options);
    let kept = batches::run(&job, &answers, files.as_ref(), &mut progress::shown())?;
    if arguments.json {
        let named = names.iter().zip(&kept);
        let all: Vec<_> = named.map(|(picture, kept)| answers.json(picture, kept)).collect();
        return output::print_json(&all);
    }
    // JSON says so for each output.
    if let Some(note) = answers.note() {
        output::warn(&note);
    }
    output::print(&answers.text(&names, &kept, style::detect()))
}

impl Arguments {
    /// The draws that are asked for.
    fn draws(&self) -> Result<Option<Draws>, UsageError> {
        match (self.draws, self.sampling.seed) {
            (Some(DrawKind::Chosen), Some(_)) => {
                let message =
                    "--seed is for random draws: chosen ones have the seed of the model's list";
                Err(UsageError { command: "predict", message: message.into() })
            }
            (Some(DrawKind::Chosen), None) => Ok(Some(Draws::Chosen)),
            (None, None) => Ok(None),
            (_, seed) => Ok(Some(Draws::Random { seed: seed.unwrap_or(0) })),
        }
    }

    /// Refuses options for heads that no output of the model has.
    fn check_outputs(&self, model: &Model) -> Result<(), UsageError> {
        let has = |fits: fn(&Output) -> bool| model.outputs().iter().any(fits);
        let classes = has(|output| output.head.classes().is_some());
        let targets = has(|output| output.head.gaussian().is_some() && !output.is_map());
        let maps = has(Output::is_map);
        let class_maps = has(|output| output.is_map() && output.head.classes().is_some());
        for (option, is_given, fits, what) in [
            ("--top", self.top.is_some(), classes, "classes"),
            ("--abstain-above", self.abstain_above.is_some(), classes, "classes"),
            ("--level", self.level.is_some(), targets, TARGETS),
            ("--map", self.map.is_some(), maps, "maps, such as segmentations"),
            ("--palette", self.palette.is_some(), class_maps, "maps of classes"),
        ] {
            if is_given && !fits {
                let message = format!("{option} is for {what}, which the model does not predict");
                return Err(UsageError { command: "predict", message });
            }
        }
        Ok(())
    }

    /// The colours of maps, if these are written.
    fn palette(&self, model: &QuantizedModel) -> anyhow::Result<Palette> {
        let maps = model.outputs().iter().filter(|output| output.is_map());
        let classes = maps.filter_map(|output| Some(output.head.classes()?.count)).max();
        let classes = classes.unwrap_or(0);
        match &self.palette {
            Some(path) => Palette::read(path, classes),
            None => Ok(Palette::standard(classes)),
        }
    }

    /// Where maps are written, if they are.
    fn files<'a>(
        &'a self,
        model: &'a Model,
        palette: Palette,
        pictures: &[String],
    ) -> anyhow::Result<Option<MapFiles<'a>>> {
        let Some(folder) = &self.map else { return Ok(None) };
        for output in model.outputs().iter().filter(|output| map::has_too_many_colours(output)) {
            output::warn(&format!(
                "{} has more classes than a PNG file has colours: its classes are written as .classes.npy",
                output.name
            ));
        }
        let inputs = self.pictures.iter().chain([&self.model]).chain(&self.palette);
        let inputs = inputs.map(PathBuf::as_path);
        MapFiles::new(folder, model, palette, pictures, inputs).map(Some)
    }
}
