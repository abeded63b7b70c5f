//! What runners print: one line a vector, which [`crate::report`] reads.

use crate::outcome::{Trace, TracedNode};
use crate::vectors::to_base64;
use serde::{Deserialize, Serialize};

/// How a line begins, so that it is found among all else that a program prints.
pub const MARK: &str = "CONFORMANCE ";

/// What became of one vector, or of a whole target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The target, such as `Node, baseline`.
    pub target: String,
    /// Name of its kernels.
    pub kernel: String,
    /// The vector, as [`crate::Case::name`]; none where the whole target was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub result: Verdict,
}

/// What became of a vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Verdict {
    /// The same bits.
    Passed,
    /// Not run.
    Skipped {
        /// Why.
        reason: String,
    },
    /// No result.
    Failed {
        /// What the target said.
        message: String,
    },
    /// Other bits.
    Different(Difference),
}

/// The first part of a result that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What part.
    pub part: Part,
    /// What was found, in base64.
    pub found: String,
    /// Where the logits differ although the first sample's trace does not: the traces of all samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<FoundTrace>,
}

/// What the nodes gave for one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundTrace {
    /// Index of the sample.
    pub sample: u32,
    /// The nodes in their order.
    pub nodes: Vec<FoundNode>,
}

/// What a node gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundNode {
    /// Its name.
    pub node: String,
    /// Its output, in base64.
    pub found: String,
}

/// A part of what a prediction gives, in the order in which they are compared.
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
    /// `found`, which is not what `part` must be.
    pub fn new(part: Part, found: &[u8]) -> Self {
        Self { part, found: to_base64(found), traces: Vec::new() }
    }
}

impl FoundTrace {
    /// `trace` of sample `sample`.
    pub fn new(sample: u32, trace: Trace) -> Self {
        let node = |TracedNode { node, bytes }| FoundNode { node, found: to_base64(&bytes) };
        Self { sample, nodes: trace.into_iter().map(node).collect() }
    }
}

impl Line {
    /// The line as it is printed.
    ///
    /// # Panics
    /// Never: every part has a JSON form.
    pub fn print(&self) -> String {
        format!("{MARK}{}", serde_json::to_string(self).expect("plain data"))
    }

    /// The line that `text` is; `None` if it is something else.
    ///
    /// # Errors
    /// A marked line that cannot be read.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        // libtest may have begun the line.
        let json = text[text.find(MARK)? + MARK.len()..].trim();
        Some(serde_json::from_str(json).map_err(|error| format!("{error}: {json}")))
    }
}
