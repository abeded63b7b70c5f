//! Evaluation of outputs that are not classes: the targets of a regression, independent labels, and maps of
//! classes.

mod end_to_end;
mod evaluation;
mod examples;
mod figure_table;
mod figures;
mod map_text;
mod measure;
mod regression;
mod report;
mod text;
mod verdicts;

pub use end_to_end::{HeadEndToEnd, HeadExamples};
pub(crate) use examples::{Examples, Truth};
pub(crate) use figure_table::is_share;
pub use figures::{
    HeadAgreement, HeadFigures, LabelsReport, Ranks, TargetFigures, UncertaintyDetection,
};
pub(crate) use figures::{label_name, label_probabilities, target_name};
pub(crate) use map_text::rows_of as map_rows;
pub use report::{Evaluation, HeadPeer, HeadReport};
