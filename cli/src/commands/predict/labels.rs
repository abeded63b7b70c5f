//! How labels are presented: each with its probability and its uncertainty, a single one with its two
//! outcomes.

use super::block::{self, Bar, Block, CYAN, GREEN, LONGEST_NAME, Line};
use super::conformal::{Conformal, ConformalAnswer, LabelSets};
use crate::style::shorten;
use bayes8_native::core::conformal::LabelSet;
use bayes8_native::core::head::labels::{LabelUncertainty, Labels};
use serde::Serialize;

/// The figures as JSON.
#[derive(Serialize)]
pub(super) struct LabelAnswer<'a> {
    head: &'static str,
    /// Names of the labels, in the order of the figures.
    names: Vec<String>,
    /// Names of the two outcomes of a single label: without it, then with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<[&'a str; 2]>,
    #[serde(flatten)]
    figures: &'a LabelUncertainty,
    #[serde(skip_serializing_if = "Option::is_none")]
    conformal: Option<ConformalAnswer<LabelSets>>,
}

/// Presents labels.
pub(super) struct LabelView<'a> {
    pub(super) labels: &'a Labels,
    pub(super) conformal: Option<Conformal<'a>>,
}

impl<'a> LabelView<'a> {
    pub(super) fn json(&self, figures: &'a LabelUncertainty) -> LabelAnswer<'a> {
        let labels = self.labels;
        let names = (0..labels.count).map(|label| name(labels, label)).collect();
        let outcomes = (labels.count == 1).then(|| labels.outcomes());
        let conformal = self.conformal.and_then(|conformal| {
            let sets = conformal.predictor.label_sets(figures)?;
            Some(conformal.json(LabelSets { sets }))
        });
        LabelAnswer { head: "labels", names, outcomes, figures, conformal }
    }

    pub(super) fn block(&self, figures: &LabelUncertainty) -> Block {
        let sets = self.conformal.and_then(|conformal| {
            let sets = conformal.predictor.label_sets(figures)?;
            Some((conformal, sets.into_iter().map(|set| self.answers(set)).collect::<Vec<_>>()))
        });
        let mut lines = match self.labels.count {
            1 => outcomes(self.labels, figures),
            count => (0..count).map(|label| line(self.labels, figures, label)).collect(),
        };
        match (sets, self.labels.count) {
            (Some((conformal, sets)), 1) => lines.push(conformal.line("set", sets.concat())),
            (Some((conformal, sets)), _) => {
                for (line, set) in lines.iter_mut().zip(sets) {
                    line.figures += &format!("; {}: {set}", conformal.title("set"));
                }
            }
            (None, _) => {}
        }
        Block { verdict: None, lines }
    }

    /// The answers in the set of a label.
    fn answers(&self, set: LabelSet) -> String {
        let [no, yes] = self.labels.outcomes();
        match (set.absent, set.present) {
            (false, false) => "neither".into(),
            (true, false) => no.into(),
            (false, true) => yes.into(),
            (true, true) => format!("{no} or {yes}"),
        }
    }
}

pub(super) fn name(labels: &Labels, label: usize) -> String {
    match labels.name(label) {
        Some(name) => name.into(),
        None if labels.count == 1 => labels.outcomes()[1].into(),
        None => format!("label {label}"),
    }
}

/// The two outcomes of a single label, the more probable first, and its uncertainty.
fn outcomes(labels: &Labels, figures: &LabelUncertainty) -> Vec<Line> {
    let (with, std) = (figures.probabilities[0], figures.std[0]);
    let errors = figures.standard_errors.as_ref();
    let error = errors.map(|of| of.probabilities[0]);
    let [no, _] = labels.outcomes();
    let mut outcomes = [(name(labels, 0), with), (no.to_string(), 1.0 - with)];
    if with < 0.5 {
        outcomes.reverse();
    }
    let outcomes = outcomes.into_iter().map(|(name, probability)| Line {
        name: shorten(&name, LONGEST_NAME),
        figures: block::percent(probability, std, error),
        bar: Some(Bar { share: probability, colour: CYAN }),
    });
    let parts =
        [figures.predictive_entropy[0], figures.expected_entropy[0], figures.mutual_information[0]];
    let errors = errors
        .map(|of| [of.predictive_entropy[0], of.expected_entropy[0], of.mutual_information[0]]);
    outcomes.chain(block::uncertainty(parts, errors, std::f64::consts::LN_2, GREEN)).collect()
}

/// One of several labels: its probability, its total uncertainty, and the epistemic part of that.
fn line(labels: &Labels, figures: &LabelUncertainty, label: usize) -> Line {
    let error = figures.standard_errors.as_ref().map(|of| of.probabilities[label]);
    let percent = block::percent(figures.probabilities[label], figures.std[label], error);
    let (total, epistemic) = (figures.predictive_entropy[label], figures.mutual_information[label]);
    Line {
        // Three characters less than elsewhere fit.
        name: shorten(&name(labels, label), LONGEST_NAME - 3),
        figures: format!("{percent}  {total:.3} nats, {epistemic:.3} epistemic"),
        bar: None,
    }
}
