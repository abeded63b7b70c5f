//! Verdicts on the thresholds of an evaluation.

use serde::Serialize;
use thiserror::Error;

/// Whether a threshold was kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The name of the figure, with the peer that it compares with.
    pub name: String,
    /// Its value; NaN if it is undefined.
    pub found: f64,
    /// The allowed values.
    #[serde(flatten)]
    pub limit: Limit,
    /// Whether the figure is within the limit. NaN never is.
    pub kept: bool,
}

/// The lower or upper end of the allowed values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The smallest allowed value.
    AtLeast(f64),
    /// The largest allowed value.
    AtMost(f64),
}

/// Thresholds that were missed, in words.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("threshold missed: {}", .0.join("; "))]
pub struct Missed(pub Vec<String>);

impl Verdict {
    pub(crate) fn new(name: String, found: f64, limit: Limit) -> Self {
        let kept = match limit {
            Limit::AtLeast(least) => found >= least,
            Limit::AtMost(most) => found <= most,
        };
        Self { name, found, limit, kept }
    }

    /// Why the threshold is missed.
    fn complaint(&self) -> String {
        let Self { name, found, limit, .. } = self;
        match limit {
            _ if found.is_nan() => format!("{name} is undefined for these predictions"),
            Limit::AtLeast(least) => format!("{name} {found:.4} is below {least}"),
            Limit::AtMost(most) => format!("{name} {found:.4} is above {most}"),
        }
    }
}

/// Succeeds if all thresholds are kept.
pub(crate) fn check(verdicts: &[Verdict]) -> Result<(), Missed> {
    let missed = verdicts.iter().filter(|verdict| !verdict.kept);
    let missed: Vec<String> = missed.map(Verdict::complaint).collect();
    if missed.is_empty() { Ok(()) } else { Err(Missed(missed)) }
}

/// How many thresholds are kept, in a line without a line break.
pub(crate) fn summary(verdicts: &[Verdict]) -> String {
    let kept = verdicts.iter().filter(|verdict| verdict.kept).count();
    format!("thresholds kept: {kept} of {}", verdicts.len())
}
