//! `bayes8 predict`: says what is in pictures, and how sure the model is.

use crate::args::{Machine, Sampling, UsageError, nats, whole};
use crate::style::{self, bar, shorten, shorten_path};
use crate::{model_file, output, picture_files, progress};
use bayes8_evaluate::prediction::{Job, Outcome};
use bayes8_evaluate::style::{Style, counted};
use bayes8_native::ClassUncertainty;
use bayes8_native::Model;
use bayes8_native::core::posterior::MAX_SAMPLES;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Predict pictures, with the uncertainty of every prediction
///
/// Pictures may be PNG, JPEG, WebP, BMP, GIF or TIFF, of any size. They are turned as their EXIF
/// orientation says, laid over white where they are transparent, and stretched to the model's size;
/// of an animation the first frame counts. Uncertainty is in nats: the total (entropy of the mean
/// probabilities), its aleatoric part (the picture is ambiguous) and its epistemic part (the model
/// has not learned enough to tell).
#[derive(Args)]
#[command(after_help = "\
Examples:
  bayes8 predict models/fashion-resnet14.safetensors boot.png shirt.jpg
  bayes8 predict model.safetensors *.png --samples 100 --top 5
  bayes8 predict model.safetensors xray.png --abstain-above 0.3
  curl https://example.org/boot.webp | bayes8 predict model.safetensors -
  bayes8 predict model.safetensors boot.png --json | jq '.[0].top[0].name'")]
pub(crate) struct Arguments {
    /// Model file; `-` is standard input, of at most 1 GiB
    model: PathBuf,

    /// Picture files, or npz archives with `x`, uint8 [N, H, W, C]: the only way to give a model
    /// volumes, [N, D, H, W, C], sequences, [N, L, C], or vectors, [N, C]. Floats in `x` are the
    /// model's input as it is, without preprocessing. `-` is standard input, of at most 1 GiB
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,

    #[command(flatten)]
    sampling: Sampling,

    /// Index of the first sample, to split the samples of a prediction across several runs
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = 0)]
    #[arg(value_parser = whole::<u32>(0..=u64::from(MAX_SAMPLES) - 1))]
    first_sample: u32,

    #[command(flatten)]
    machine: Machine,

    /// Refuse pictures of more pixels before they are decoded; a pixel takes up to 16 bytes
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = 100_000_000)]
    #[arg(value_parser = whole::<u64>(1..=1 << 40))]
    max_pixels: u64,

    /// How many classes to show
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value_t = 3)]
    #[arg(value_parser = whole::<u32>(1..=u64::from(u32::MAX)))]
    top: u32,

    /// Abstain if the total uncertainty is above this
    /// [default: half of the largest possible, ln(classes)]
    #[arg(long, value_name = "NATS", allow_hyphen_values = true, value_parser = nats)]
    abstain_above: Option<f64>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The default share of ln(classes) above which the program abstains. At half of it, a model
/// wavers between about sqrt(classes) classes.
const ABSTAIN_SHARE: f64 = 0.5;

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Sampling { samples, seed } = arguments.sampling;
    let first = arguments.first_sample;
    let check = |samples| match u64::from(first) + u64::from(samples) <= u64::from(MAX_SAMPLES) {
        true => Ok(samples),
        false => {
            let message =
                format!("--first-sample and --samples must not exceed {MAX_SAMPLES} together");
            Err(UsageError { command: "predict", message })
        }
    };
    let samples = samples.map(check).transpose()?;
    let model = model_file::load(&arguments.model, &arguments.machine)?;
    let samples = samples.map_or_else(|| check(model.default_samples()), Ok)?;
    let input = model.quantized().graph().input();
    let picture_files::Batch { names, pictures } =
        picture_files::load(&arguments.pictures, input, arguments.max_pixels)?;
    let job = Job {
        model: &model,
        pictures: pictures.view(model.quantized().preprocessing().values),
        samples: first..first + samples,
        seed,
        digests: arguments.json,
    };
    let outcomes = job.run(&mut progress::shown())?;

    let entropy_limit =
        (model.quantized().classes().map_or(0, |classes| classes.count) as f64).ln();
    let mut answers = Answers {
        arguments,
        samples,
        model: &model,
        model_digest: model.digest().to_string(),
        label: "aleatoric".len(),
        entropy_limit,
        threshold: arguments.abstain_above.unwrap_or(ABSTAIN_SHARE * entropy_limit),
    };
    let named = names.iter().zip(&outcomes);
    if arguments.json {
        let all: Vec<_> = named.map(|(picture, outcome)| answers.json(picture, outcome)).collect();
        return output::print_json(&all);
    }
    let names = outcomes.iter().flat_map(|outcome| answers.top(outcome)).map(|class| class.name);
    let widths = names.map(|name| shorten(&name, LONGEST_NAME).chars().count());
    answers.label = widths.fold(answers.label, usize::max);
    let style = style::detect();
    let mut text = answers.heading(style);
    for (picture, outcome) in named {
        text.push('\n');
        text.push_str(&answers.text(picture, outcome, style));
    }
    output::print(&text)
}

/// Presents outcomes.
struct Answers<'a> {
    arguments: &'a Arguments,
    samples: u32,
    model: &'a Model,
    model_digest: String,
    /// The largest possible entropy: that of equal probabilities.
    entropy_limit: f64,
    threshold: f64,
    /// Width of the first column, shared by all pictures.
    label: usize,
}

#[derive(Serialize)]
struct Answer {
    picture: String,
    /// Identifies the model: `bayes8 inspect` shows it too.
    model_digest: String,
    top: Vec<Class>,
    predictive_entropy: f64,
    expected_entropy: f64,
    mutual_information: f64,
    logits_digest: Option<String>,
    abstain: bool,
    samples: u32,
    first_sample: u32,
    seed: u64,
}

#[derive(Serialize)]
struct Class {
    class: usize,
    name: String,
    probability: f64,
    /// Standard deviation of the probability over the samples.
    std: f64,
}

/// ANSI codes of colours.
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

/// Width of the text, of its bars, and of the longest class name in it.
const WIDTH: usize = 80;
const BAR: usize = 24;
const LONGEST_NAME: usize = 32;

/// Returns the figures of the classes.
fn classes(outcome: &Outcome) -> ClassUncertainty {
    outcome.clone().classes().unwrap_or_default()
}

impl Answers<'_> {
    fn top(&self, outcome: &Outcome) -> Vec<Class> {
        let top = classes(outcome).top(self.arguments.top as usize).into_iter();
        let class = |(class, probability)| Class {
            class,
            name: self.model.class_name(class),
            probability,
            std: classes(outcome).std[class],
        };
        top.map(class).collect()
    }

    fn abstains(&self, outcome: &Outcome) -> bool {
        classes(outcome).predictive_entropy > self.threshold
    }

    fn json(&self, picture: &str, outcome: &Outcome) -> Answer {
        Answer {
            picture: picture.into(),
            model_digest: self.model_digest.clone(),
            top: self.top(outcome),
            predictive_entropy: classes(outcome).predictive_entropy,
            expected_entropy: classes(outcome).expected_entropy,
            mutual_information: classes(outcome).mutual_information,
            logits_digest: outcome.logits_digest.clone(),
            abstain: self.abstains(outcome),
            samples: self.samples,
            first_sample: self.arguments.first_sample,
            seed: self.arguments.sampling.seed,
        }
    }

    fn heading(&self, style: Style) -> String {
        let seed = self.arguments.sampling.seed;
        let first = match self.arguments.first_sample {
            0 => String::new(),
            first => format!(" from sample {first}"),
        };
        let name = shorten(self.model.quantized().name(), 40);
        let samples = counted(self.samples, "sample");
        let run = format!("{samples}{first}, seed {seed}, {}", self.model.kernel());
        let rule = format!("abstains above {:.3} nats of uncertainty", self.threshold);
        format!("{}\n{}\n{}\n", style.bold(&name), style.dim(&run), style.dim(&rule))
    }

    fn text(&self, picture: &str, outcome: &Outcome, style: Style) -> String {
        let top = self.top(outcome);
        let names: Vec<String> = top.iter().map(|c| shorten(&c.name, LONGEST_NAME)).collect();
        let label = self.label;

        let (verdict, colour) = match self.abstains(outcome) {
            true => ("abstain", YELLOW),
            false => ("answer", GREEN),
        };
        let room = WIDTH - verdict.len() - 2;
        let picture = shorten_path(picture, room);
        // The verdict stands above the ends of the bars.
        let space = (label + 2 + FIGURES + 2 + BAR + 2)
            .saturating_sub(picture.chars().count() + verdict.len())
            .max(2);
        let mut text = format!(
            "{}{}{}\n",
            style.bold(&picture),
            " ".repeat(space),
            style.paint(colour, verdict)
        );
        let mut line = |name: &str, figures: String, share: f64, colour: &str| {
            let (full, rest) = bar(share, BAR);
            let bar = style.paint(colour, &full) + &style.dim(&rest);
            text.push_str(&format!("  {name:label$}  {figures:FIGURES$}  {bar}\n"));
        };
        for (class, name) in top.iter().zip(&names) {
            let &Class { probability, std, .. } = class;
            let figures = format!("{:6.2} % ± {:5.2}", 100.0 * probability, 100.0 * std);
            line(name, figures, probability, CYAN);
        }
        let uncertainty = classes(outcome);
        for (name, nats) in [
            ("total", uncertainty.predictive_entropy),
            ("aleatoric", uncertainty.expected_entropy),
            ("epistemic", uncertainty.mutual_information),
        ] {
            line(name, format!("{nats:6.3} nats"), nats / self.entropy_limit, colour);
        }
        text
    }
}

/// Width of the figures: `100.00 % ± 12.34`.
const FIGURES: usize = 16;
