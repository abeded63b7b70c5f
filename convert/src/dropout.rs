//! The choice of dropout nodes to activate.

use std::fmt;
use std::str::FromStr;

use bayes8_core::ops::DropoutProbability;
use thiserror::Error;

/// Dropout nodes to activate that a file has in evaluation mode: Monte-Carlo dropout.
///
/// Its text is `all` or the nodes' names with commas between them, followed by `=` and a probability
/// if it is not that of the nodes: `all`, `all=0.1`, `drop1,drop2=0.25`. A name that itself ends in `=`
/// and a number needs the probability after it.
///
/// # Examples
/// ```
/// use bayes8_convert::McDropout;
///
/// let choice: McDropout = "drop1,drop2=0.25".parse()?;
/// assert_eq!(choice.nodes.as_deref(), Some(&["drop1".to_string(), "drop2".into()][..]));
/// assert_eq!(choice.probability.map(|p| p.as_f64()), Some(0.25));
/// # Ok::<(), bayes8_convert::McDropoutError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McDropout {
    /// Names of the nodes; `None` for all.
    pub nodes: Option<Vec<String>>,
    /// Probability that a unit is dropped; `None` for that of each node.
    pub probability: Option<DropoutProbability>,
}

/// Why a text is not a choice of dropout nodes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum McDropoutError {
    /// A node without a name.
    #[error("expected `all` or names of nodes, with commas between them")]
    Names,
    /// A probability that dropout cannot have.
    #[error("`{0}` is not a probability above 0 and below 1, in units of 2^-16")]
    Probability(String),
}

impl McDropout {
    /// Activates every dropout node with its probability.
    pub const ALL: Self = Self { nodes: None, probability: None };

    /// Whether the node `name` is chosen.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|node| node == name))
    }
}

impl FromStr for McDropout {
    type Err = McDropoutError;

    fn from_str(text: &str) -> Result<Self, McDropoutError> {
        // Names may hold `=`, a probability cannot.
        let (names, probability) = match text.rsplit_once('=') {
            Some((names, number)) => {
                let refused = || McDropoutError::Probability(number.into());
                match number.trim().parse().ok().map(DropoutProbability::nearest) {
                    Some(probability) => (names, Some(probability.ok_or_else(refused)?)),
                    // A part of a name, such as `block=a/drop`.
                    None if names.trim() != "all" && !number.trim().is_empty() => (text, None),
                    None => return Err(refused()),
                }
            }
            None => (text, None),
        };
        if names.trim() == "all" {
            return Ok(Self { nodes: None, probability });
        }
        let nodes: Vec<String> = names.split(',').map(|name| name.trim().into()).collect();
        if nodes.iter().any(String::is_empty) {
            return Err(McDropoutError::Names);
        }
        Ok(Self { nodes: Some(nodes), probability })
    }
}

impl fmt::Display for McDropout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nodes {
            None => f.write_str("all")?,
            Some(nodes) => f.write_str(&nodes.join(","))?,
        }
        match self.probability {
            Some(probability) => write!(f, "={probability}"),
            None => Ok(()),
        }
    }
}
