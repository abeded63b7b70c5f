//! Evaluation of outputs that are not classes: the targets of a regression, and independent labels.

mod end_to_end;
mod evaluation;
mod examples;
mod figures;
mod measure;
mod regression;
mod report;
mod text;
mod verdicts;

pub use end_to_end::{HeadEndToEnd, HeadExamples};
pub(crate) use examples::{Examples, Truth};
pub use figures::{HeadFigures, LabelsReport, Ranks, TargetFigures, UncertaintyDetection};
pub(crate) use figures::{label_name, label_probabilities, target_name};
pub use report::{Evaluation, HeadPeer, HeadReport};
