//! The output of runners: one line per vector, which [`crate::report`] reads.

use crate::outcome::{Trace, TracedNode};
use crate::vectors::to_base64;
use serde::{Deserialize, Serialize};

/// Start of a line, which tells it from other output of a program.
pub const MARK: &str = "CONFORMANCE ";

/// The result for one vector, or for a whole target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The target, such as `Node, baseline`.
    pub target: String,
    /// Name of the kernels.
    pub kernel: String,
    /// Name of the vector ([`crate::Case::name`]); `None` if the whole target was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<String>,
    /// The result.
    #[serde(flatten)]
    pub result: Verdict,
}

/// The result for a vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Verdict {
    /// The same bits.
    Passed,
    /// Not run.
    Skipped {
        /// The reason.
        reason: String,
    },
    /// No result.
    Failed {
        /// The error of the target.
        message: String,
    },
    /// Different bits.
    Different(Difference),
}

/// The first part of a result that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The part that differs.
    pub part: Part,
    /// The bytes that were found, in base64.
    pub found: String,
    /// Traces of all samples, if the logits differ although the trace of the first sample does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<FoundTrace>,
}

/// The outputs of the nodes for one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundTrace {
    /// Index of the sample.
    pub sample: u32,
    /// The outputs, in the order of the nodes.
    pub nodes: Vec<FoundNode>,
}

/// The output of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundNode {
    /// Name of the node.
    pub node: String,
    /// The output, in base64.
    pub found: String,
}

/// A part of the result of a prediction, in the order of comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The output of the node of this name, for the first sample.
    Node(String),
    /// The logits.
    Logits,
    /// The integer sums.
    Sums,
    /// The uncertainty.
    Uncertainty,
}

impl Difference {
    /// A difference in `part`, where `found` was found.
    pub fn new(part: Part, found: &[u8]) -> Self {
        Self { part, found: to_base64(found), traces: Vec::new() }
    }
}

impl FoundTrace {
    /// The trace of sample `sample`.
    pub fn new(sample: u32, trace: Trace) -> Self {
        let node = |TracedNode { node, bytes }| FoundNode { node, found: to_base64(&bytes) };
        Self { sample, nodes: trace.into_iter().map(node).collect() }
    }
}

impl Line {
    /// The line in its printed form.
    ///
    /// # Panics
    /// Never: every part has a JSON form.
    pub fn print(&self) -> String {
        format!("{MARK}{}", serde_json::to_string(self).expect("plain data"))
    }

    /// Parses a printed line; `None` if `text` is other output.
    ///
    /// # Errors
    /// A marked line that cannot be read.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        // libtest may have printed something before the mark.
        let json = text[text.find(MARK)? + MARK.len()..].trim();
        Some(serde_json::from_str(json).map_err(|error| format!("{error}: {json}")))
    }
}
