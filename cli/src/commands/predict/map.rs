//! How maps are presented: as a summary for each picture, and as files with the figures of every position.

mod classes;
mod files;
mod images;
mod labels;
mod means;
mod names;
mod overlay;
mod palette;
mod sets;
mod targets;

pub(super) use files::{MapFiles, has_too_many_colours};
pub(super) use palette::Palette;

use super::block::{Block, Line};
use super::classes::ClassView;
use super::conformal::{Conformal, ConformalAnswer};
use super::targets::TargetView;
use bayes8_evaluate::style::{counted, printable};
use bayes8_native::core::conformal::ClassSetMap;
use bayes8_native::core::head::labels::Labels;
use bayes8_native::core::head::map::MapUncertainty;
use bayes8_native::core::head::{Head, Output};
use classes::ClassSummary;
use labels::LabelSummary;
use serde::Serialize;
use sets::SetSummary;
use targets::TargetSummary;

/// Presents a map.
pub(super) struct MapView<'a> {
    positions: [usize; 3],
    head: View<'a>,
    conformal: Option<Conformal<'a>>,
}

/// Presents what a map has at each position.
enum View<'a> {
    Classes(ClassView<'a>),
    Labels(&'a Labels),
    Targets(TargetView<'a>),
}

/// The summary of a map, as JSON.
#[derive(Serialize)]
pub(super) struct MapAnswer {
    head: &'static str,
    /// Planes, rows and columns.
    positions: [usize; 3],
    samples: u64,
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    conformal: Option<ConformalAnswer<SetSummary>>,
    /// The files that have been written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Summary {
    Classes(ClassSummary),
    Labels(LabelSummary),
    Targets(TargetSummary),
}

impl<'a> MapView<'a> {
    /// Shows the `top` classes that cover the most positions. Positions above a number of nats are uncertain.
    pub(super) fn new(
        output: &'a Output,
        top: usize,
        abstain_above: Option<f64>,
        level: f64,
        conformal: Option<Conformal<'a>>,
    ) -> Self {
        let head = match &output.head {
            Head::Classes(classes) => {
                View::Classes(ClassView::new(classes, top, abstain_above, None))
            }
            Head::Labels(labels) => View::Labels(labels),
            Head::Gaussian(gaussian) => {
                View::Targets(TargetView::new(&output.name, gaussian, level, None))
            }
        };
        Self { positions: output.positions, head, conformal }
    }

    /// What the figures mean, if that needs an explanation.
    pub(super) fn rule(&self) -> Option<String> {
        match &self.head {
            View::Classes(view) => Some(classes::rule(view)),
            View::Labels(_) | View::Targets(_) => None,
        }
    }

    /// Summarizes the figures of a picture and its prediction sets, which have been written to `files`.
    pub(super) fn answer(
        &self,
        figures: &MapUncertainty,
        sets: Option<&ClassSetMap>,
        files: Vec<String>,
    ) -> MapAnswer {
        let (head, summary) = match (&self.head, figures) {
            (View::Classes(view), MapUncertainty::Classes(of)) => {
                ("classes", Summary::Classes(ClassSummary::new(view, of)))
            }
            (View::Labels(labels), MapUncertainty::Labels(of)) => {
                ("labels", Summary::Labels(LabelSummary::new(labels, of)))
            }
            (View::Targets(view), MapUncertainty::Gaussian(of)) => {
                ("gaussian", Summary::Targets(TargetSummary::new(view, of)))
            }
            _ => unreachable!("the figures of the map's head"),
        };
        let conformal = self.conformal.zip(sets);
        let conformal = conformal.map(|(conformal, sets)| conformal.json(SetSummary::new(sets)));
        let (positions, samples) = (self.positions, figures.samples());
        MapAnswer { head, positions, samples, summary, conformal, files }
    }

    pub(super) fn block(&self, answer: &MapAnswer) -> Block {
        let mut lines = match (&self.head, &answer.summary) {
            (View::Classes(view), Summary::Classes(of)) => of.lines(view.entropy_limit),
            (View::Labels(_), Summary::Labels(of)) => of.lines(),
            (View::Targets(view), Summary::Targets(of)) => of.lines(view),
            _ => unreachable!("the summary of the map's head"),
        };
        if let Some((conformal, of)) = self.conformal.as_ref().zip(answer.conformal.as_ref()) {
            lines.push(conformal.line("sets", of.region.text()));
        }
        if let [first, ..] = &answer.files[..] {
            let count = counted(answer.files.len() as u64, "file");
            let figures = format!("{count}, the first is {}", printable(first));
            lines.push(Line { name: "written".into(), figures, bar: None });
        }
        Block { verdict: None, lines }
    }
}
