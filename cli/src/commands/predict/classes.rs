//! How classes are presented: the most probable ones, and whether to abstain.

use super::block::{self, Bar, Block, CYAN, GREEN, LONGEST_NAME, Line, YELLOW};
use super::conformal::{ClassSet, Conformal, ConformalAnswer, SetClass, listed};
use crate::style::shorten;
use bayes8_native::ClassUncertainty;
use bayes8_native::core::head::classes::Classes;
use bayes8_native::core::head::errors::ClassErrors;
use serde::Serialize;

/// The default share of ln(classes) above which the program abstains. At half of it, a model
/// wavers between about sqrt(classes) classes.
const ABSTAIN_SHARE: f64 = 0.5;

/// Presents classes.
pub(super) struct ClassView<'a> {
    classes: &'a Classes,
    pub(super) top: usize,
    /// The largest possible entropy: that of equal probabilities.
    pub(super) entropy_limit: f64,
    pub(super) threshold: f64,
    conformal: Option<Conformal<'a>>,
}

/// A class of a picture.
#[derive(Serialize)]
pub(super) struct Class {
    class: usize,
    name: String,
    probability: f64,
    /// Standard deviation of the probability over the samples.
    std: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    standard_error: Option<f64>,
}

/// The standard errors of the entropies of a picture.
#[derive(Clone, Copy, Serialize)]
pub(super) struct EntropyErrors {
    predictive_entropy: f64,
    expected_entropy: f64,
    mutual_information: f64,
}

impl EntropyErrors {
    /// Those of these figures, if they are known.
    pub(super) fn of(figures: &ClassUncertainty) -> Option<Self> {
        let &ClassErrors { predictive_entropy, expected_entropy, mutual_information, .. } =
            figures.standard_errors.as_ref()?;
        Some(Self { predictive_entropy, expected_entropy, mutual_information })
    }
}

/// The figures as JSON.
#[derive(Serialize)]
pub(super) struct ClassAnswer<'a> {
    head: &'static str,
    top: Vec<Class>,
    #[serde(flatten)]
    figures: &'a ClassUncertainty,
    abstain: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    conformal: Option<ConformalAnswer<ClassSet>>,
}

impl<'a> ClassView<'a> {
    /// Shows the `top` most probable classes, and abstains above a number of nats.
    pub(super) fn new(
        classes: &'a Classes,
        top: usize,
        abstain_above: Option<f64>,
        conformal: Option<Conformal<'a>>,
    ) -> Self {
        let entropy_limit = (classes.count as f64).ln();
        let threshold = abstain_above.unwrap_or(ABSTAIN_SHARE * entropy_limit);
        Self { classes, top, entropy_limit, threshold, conformal }
    }

    /// The rule by which the program abstains.
    pub(super) fn rule(&self) -> String {
        format!("abstains above {:.3} nats of uncertainty", self.threshold)
    }

    /// The most probable classes, the best first.
    pub(super) fn top(&self, figures: &ClassUncertainty) -> Vec<Class> {
        let top = figures.top(self.top).into_iter();
        let class = |(class, probability)| Class {
            class,
            name: self.name(class),
            probability,
            std: figures.std[class],
            standard_error: figures.standard_errors.as_ref().map(|of| of.probabilities[class]),
        };
        top.map(class).collect()
    }

    pub(super) fn name(&self, class: usize) -> String {
        match self.classes.names.get(class) {
            Some(name) => name.clone(),
            None => format!("class {class}"),
        }
    }

    /// The prediction set, if the model gives one.
    pub(super) fn set(&self, figures: &ClassUncertainty) -> Option<ConformalAnswer<ClassSet>> {
        let conformal = self.conformal?;
        let class = |class| SetClass { class, name: self.name(class) };
        let set = conformal.predictor.class_set(figures)?;
        Some(conformal.json(ClassSet { set: set.into_iter().map(class).collect() }))
    }

    /// A line with the prediction set.
    fn line(&self, figures: &ClassUncertainty) -> Option<Line> {
        let conformal = self.conformal?;
        let set = conformal.predictor.class_set(figures)?;
        let names: Vec<String> = set.into_iter().map(|class| self.name(class)).collect();
        Some(conformal.line("set", listed(&names)))
    }

    /// Whether the model is too uncertain to answer.
    pub(super) fn abstains(&self, figures: &ClassUncertainty) -> bool {
        figures.predictive_entropy > self.threshold
    }

    pub(super) fn json<'f>(&self, figures: &'f ClassUncertainty) -> ClassAnswer<'f> {
        let (top, abstain) = (self.top(figures), self.abstains(figures));
        ClassAnswer { head: "classes", top, figures, abstain, conformal: self.set(figures) }
    }

    pub(super) fn block(&self, figures: &ClassUncertainty) -> Block {
        let (verdict, colour) = match self.abstains(figures) {
            true => ("abstain", YELLOW),
            false => ("answer", GREEN),
        };
        let top = self.top(figures).into_iter().map(|class| Line {
            name: shorten(&class.name, LONGEST_NAME),
            figures: block::percent(class.probability, class.std, class.standard_error),
            bar: Some(Bar { share: class.probability, colour: CYAN }),
        });
        let &ClassUncertainty { predictive_entropy, expected_entropy, mutual_information, .. } =
            figures;
        let parts = [predictive_entropy, expected_entropy, mutual_information];
        let errors = EntropyErrors::of(figures)
            .map(|of| [of.predictive_entropy, of.expected_entropy, of.mutual_information]);
        let uncertainty = block::uncertainty(parts, errors, self.entropy_limit, colour);
        let lines = top.chain(self.line(figures)).chain(uncertainty).collect();
        Block { verdict: Some((verdict, colour)), lines }
    }
}
