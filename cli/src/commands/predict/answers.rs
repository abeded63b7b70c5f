//! Presents the figures of a model's outputs, as text and as JSON.

use super::block::{Block, ERRORS};
use super::classes::{Class, ClassAnswer, ClassView, EntropyErrors};
use super::conformal::{ClassSet, Conformal, ConformalAnswer};
use super::labels::{LabelAnswer, LabelView};
use super::map::{MapAnswer, MapFiles, MapView};
use super::targets::{TargetAnswer, TargetView};
use crate::style::{shorten, shorten_path};
use bayes8_evaluate::prediction::Outcome;
use bayes8_evaluate::style::{Style, counted};
use bayes8_native::core::conformal::ConformalPredictor;
use bayes8_native::core::head::{Head, Output, Uncertainty};
use bayes8_native::core::session::DrawSequence;
use bayes8_native::{Model, Pictures, PredictionRegion, Until};
use ndarray::IxDyn;
use serde::{Serialize, Serializer};
use std::ops::Range;

/// What to show.
pub(super) struct Options {
    /// Indices of the samples.
    pub(super) samples: Range<u32>,
    pub(super) draws: DrawSequence,
    pub(super) until: Option<Until>,
    /// How many classes to show.
    pub(super) top: usize,
    /// The threshold of classes; `None` for half of the largest possible entropy.
    pub(super) abstain_above: Option<f64>,
    /// The probability of the intervals of targets.
    pub(super) level: f64,
}

/// Presents outcomes.
pub(super) struct Answers<'a> {
    model: &'a Model,
    model_digest: String,
    options: Options,
    /// One for each output.
    views: Vec<View<'a>>,
}

/// Presents an output.
enum View<'a> {
    Classes(ClassView<'a>),
    Labels(LabelView<'a>),
    Targets(TargetView<'a>),
    Map(MapView<'a>),
}

/// What is kept of the prediction for a picture.
pub(super) struct Kept {
    /// One for each output.
    outputs: Vec<Figures>,
    logits_digest: Option<String>,
}

/// What is kept of the figures of an output: of a map, which may be large, only what is shown.
enum Figures {
    Single(Uncertainty),
    Map(MapAnswer),
}

/// The answer of a model whose only output are classes, and has no name.
#[derive(Serialize)]
struct PlainAnswer<'a> {
    picture: &'a str,
    /// Identifies the model: `bayes8 inspect` shows it too.
    model_digest: &'a str,
    top: Vec<Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conformal: Option<ConformalAnswer<ClassSet>>,
    predictive_entropy: f64,
    expected_entropy: f64,
    mutual_information: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    standard_errors: Option<EntropyErrors>,
    logits_digest: &'a Option<String>,
    abstain: bool,
    #[serde(flatten)]
    run: Run,
}

/// The answer of any other model.
#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a str,
    model_digest: &'a str,
    /// By their names.
    #[serde(serialize_with = "as_object")]
    outputs: Vec<(&'a str, OutputAnswer<'a>)>,
    logits_digest: &'a Option<String>,
    #[serde(flatten)]
    run: Run,
}

/// Which samples an answer is from.
#[derive(Serialize)]
struct Run {
    samples: u64,
    /// Whether the answer is as precise as `--until` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_met: Option<bool>,
    first_sample: u32,
    draws: &'static str,
    seed: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum OutputAnswer<'a> {
    Classes(ClassAnswer<'a>),
    Labels(LabelAnswer<'a>),
    Targets(TargetAnswer<'a>),
    Map(&'a MapAnswer),
}

fn as_object<S: Serializer>(
    outputs: &[(&str, OutputAnswer<'_>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(outputs.iter().map(|(name, answer)| (name, answer)))
}

impl<'a> Answers<'a> {
    pub(super) fn new(model: &'a Model, options: Options) -> Self {
        let view = |output: &'a Output| {
            let Options { top, abstain_above, level, .. } = options;
            let conformal = output.conformal.as_ref().map(|predictor| Conformal {
                predictor,
                as_calibrated: is_as_calibrated(predictor, &options),
            });
            if output.is_map() {
                return View::Map(MapView::new(output, top, abstain_above, level, conformal));
            }
            match &output.head {
                Head::Classes(classes) => {
                    View::Classes(ClassView::new(classes, top, abstain_above, conformal))
                }
                Head::Labels(labels) => View::Labels(LabelView { labels, conformal }),
                Head::Gaussian(gaussian) => {
                    View::Targets(TargetView::new(&output.name, gaussian, level, conformal))
                }
            }
        };
        let views = model.outputs().iter().map(view).collect();
        Self { model, model_digest: model.digest().to_string(), options, views }
    }

    /// A note if sets or intervals were calibrated with other samples.
    pub(super) fn note(&self) -> Option<String> {
        let Options { samples, draws, .. } = &self.options;
        let mut predictors = self.outputs().iter().filter_map(|output| output.conformal.as_ref());
        let other = predictors.find(|predictor| !is_as_calibrated(predictor, &self.options))?;
        let from = if samples.start == 0 { "" } else { ", not from the first one" };
        Some(format!(
            "sets and intervals were calibrated with {} of seed {}, and may miss the truth more often with {} \
             of {}{from}",
            counted(other.samples, "sample"),
            other.seed,
            counted(samples.len() as u64, "sample"),
            named(draws),
        ))
    }

    fn outputs(&self) -> &'a [Output] {
        self.model.outputs()
    }

    /// Keeps what is shown of the prediction for the picture of an index, and writes its maps to `files`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn keep(
        &self,
        index: usize,
        picture: &Pictures<'_, IxDyn>,
        outcome: Outcome,
        files: Option<&MapFiles<'_>>,
    ) -> anyhow::Result<Kept> {
        let keep = |(output, (view, figures)): (usize, (&View<'_>, Uncertainty))| {
            let (View::Map(view), Uncertainty::Map(map)) = (view, &figures) else {
                return Ok(Figures::Single(figures));
            };
            let sets = self.outputs()[output].region(&figures);
            let sets = sets.as_ref().and_then(PredictionRegion::class_set_map);
            let files =
                files.map(|files| files.write([index, output], picture, map, sets)).transpose()?;
            Ok(Figures::Map(view.answer(map, sets, files.unwrap_or_default())))
        };
        let outputs = self.views.iter().zip(outcome.outputs).enumerate().map(keep);
        let outputs = outputs.collect::<anyhow::Result<_>>()?;
        Ok(Kept { outputs, logits_digest: outcome.logits_digest })
    }

    /// The answer for a picture, as JSON.
    pub(super) fn json<'o>(&'o self, picture: &'o str, kept: &'o Kept) -> impl Serialize + 'o {
        let model_digest = self.model_digest.as_str();
        let run = self.run(kept);
        let logits_digest = &kept.logits_digest;
        if let ([View::Classes(view)], [output], [Figures::Single(Uncertainty::Classes(figures))]) =
            (&self.views[..], self.outputs(), &kept.outputs[..])
            && output.name == Output::NAME
        {
            return Either::Plain(PlainAnswer {
                picture,
                model_digest,
                top: view.top(figures),
                conformal: view.set(figures),
                predictive_entropy: figures.predictive_entropy,
                expected_entropy: figures.expected_entropy,
                mutual_information: figures.mutual_information,
                standard_errors: EntropyErrors::of(figures),
                logits_digest,
                abstain: view.abstains(figures),
                run,
            });
        }
        let names = self.outputs().iter().map(|output| output.name.as_str());
        let answers = self.views.iter().zip(&kept.outputs).map(|(view, of)| view.json(of));
        let outputs = names.zip(answers).collect();
        Either::Other(Answer { picture, model_digest, outputs, logits_digest, run })
    }

    /// The samples of the answer for a picture.
    fn run(&self, kept: &Kept) -> Run {
        let Options { samples, draws, until, .. } = &self.options;
        let (draws, seed) = match draws {
            DrawSequence::Chosen(list) => ("chosen", list.seed()),
            &DrawSequence::Random { seed } => ("random", seed),
        };
        let first_sample = samples.start;
        let (samples, until_met) = match (until, kept.outputs.first()) {
            (Some(until), Some(Figures::Single(figures))) => {
                (figures.samples(), Some(until.is_met(figures)))
            }
            _ => (samples.len() as u64, None),
        };
        Run { samples, until_met, first_sample, draws, seed }
    }

    /// The text for all pictures.
    pub(super) fn text(&self, pictures: &[String], kept: &[Kept], style: Style) -> String {
        let blocks = |kept: &Kept| -> Vec<Block> {
            self.views.iter().zip(&kept.outputs).map(|(view, of)| view.block(of)).collect()
        };
        let all: Vec<Vec<Block>> = kept.iter().map(blocks).collect();
        // The width of the first column of an output, shared by all pictures.
        let label = |output: usize| all.iter().map(|blocks| blocks[output].label()).max();
        let labels: Vec<usize> =
            (0..self.views.len()).map(|output| label(output).unwrap_or(0)).collect();
        let mut text = self.heading(style);
        for ((picture, blocks), kept) in pictures.iter().zip(&all).zip(kept) {
            text.push('\n');
            if let ([block], [label]) = (&blocks[..], &labels[..]) {
                let title = shorten_path(picture, block.room());
                text.push_str(&titled(block, &style.bold(&title), &title, *label, style));
            } else {
                text.push_str(&format!("{}\n", style.bold(&shorten_path(picture, 80))));
                for ((block, output), label) in blocks.iter().zip(self.outputs()).zip(&labels) {
                    let title = shorten(&output.name, block.room());
                    text.push_str(&titled(block, &title, &title, *label, style));
                }
            }
            if let Run { samples, until_met: Some(met), .. } = self.run(kept) {
                let samples = counted(samples, "sample");
                let end = match met {
                    true => format!("ended after {samples}"),
                    false => format!("not precise enough after {samples}"),
                };
                text.push_str(&format!("  {}\n", style.dim(&end)));
            }
        }
        text
    }

    fn heading(&self, style: Style) -> String {
        let Options { samples, draws, until, .. } = &self.options;
        let first = match samples.start {
            0 => String::new(),
            first => format!(" from sample {first}"),
        };
        let name = shorten(self.model.quantized().name(), 40);
        let samples = counted(samples.len() as u64, "sample");
        let (most, until) = match until {
            Some(until) => ("at most ", format!(" until {until}")),
            None => ("", String::new()),
        };
        let (draws, kernel) = (named(draws), self.model.kernel());
        let run = format!("{most}{samples}{first}{until}, {draws}, {kernel}");
        let mut text = format!("{}\n{}\n", style.bold(&name), style.dim(&run));
        for (view, output) in self.views.iter().zip(self.outputs()) {
            let rule = match view {
                View::Classes(view) => Some(view.rule()),
                View::Map(view) => view.rule(),
                View::Labels(_) | View::Targets(_) => None,
            };
            let Some(rule) = rule else { continue };
            let name = match self.views.len() {
                1 => String::new(),
                _ => format!("{} ", shorten(&output.name, 30)),
            };
            text.push_str(&format!("{}\n", style.dim(&(name + &rule))));
        }
        let is_map = |view: &View<'_>| matches!(view, View::Map(_));
        if self.options.samples.len() > 1 && !self.views.iter().all(is_map) {
            text.push_str(&format!("{}\n", style.dim(ERRORS)));
        }
        text
    }
}

/// Whether sets of a predictor are from the samples with which it was calibrated.
fn is_as_calibrated(predictor: &ConformalPredictor, options: &Options) -> bool {
    let is_random = matches!(options.draws, DrawSequence::Random { .. });
    is_random && predictor.is_for(&options.samples, options.draws.seed())
}

/// Draws as text.
fn named(draws: &DrawSequence) -> String {
    match draws {
        DrawSequence::Chosen(_) => "chosen draws".into(),
        DrawSequence::Random { seed } => format!("seed {seed}"),
    }
}

/// A block below its title, which is painted already.
fn titled(block: &Block, painted: &str, title: &str, label: usize, style: Style) -> String {
    block.text(painted, title.chars().count(), label, style)
}

/// One of the two forms of an answer.
#[derive(Serialize)]
#[serde(untagged)]
enum Either<'a> {
    Plain(PlainAnswer<'a>),
    Other(Answer<'a>),
}

impl<'a> View<'a> {
    /// The figures of the output, as JSON.
    fn json(&'a self, figures: &'a Figures) -> OutputAnswer<'a> {
        use Figures::Single;
        match (self, figures) {
            (Self::Classes(view), Single(Uncertainty::Classes(of))) => {
                OutputAnswer::Classes(view.json(of))
            }
            (Self::Labels(view), Single(Uncertainty::Labels(of))) => {
                OutputAnswer::Labels(view.json(of))
            }
            (Self::Targets(view), Single(Uncertainty::Gaussian(of))) => {
                OutputAnswer::Targets(view.json(of))
            }
            (Self::Map(_), Figures::Map(of)) => OutputAnswer::Map(of),
            _ => unreachable!("the figures of the output's head"),
        }
    }

    fn block(&self, figures: &Figures) -> Block {
        use Figures::Single;
        match (self, figures) {
            (Self::Classes(view), Single(Uncertainty::Classes(of))) => view.block(of),
            (Self::Labels(view), Single(Uncertainty::Labels(of))) => view.block(of),
            (Self::Targets(view), Single(Uncertainty::Gaussian(of))) => view.block(of),
            (Self::Map(view), Figures::Map(of)) => view.block(of),
            _ => unreachable!("the figures of the output's head"),
        }
    }
}
