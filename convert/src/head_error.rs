//! Why the outputs of a network do not have the meaning that people give them.

use bayes8_core::counts::counted;
use bayes8_core::quoted::Echo;
use thiserror::Error;

use crate::details::{Detail, Family};
use crate::head_kind::HeadKind;
use crate::network::{Network, NetworkOutput};

/// Why the outputs of a network do not have the given meaning.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{fault}", place(output.as_deref()))]
pub struct HeadError {
    /// The output that it is about; `None` if the network has one output only.
    pub output: Option<String>,
    /// The list that does not fit; `None` if it is the network or its head.
    pub detail: Option<Detail>,
    /// What is wrong.
    pub fault: HeadFault,
}

/// What is wrong with the meaning of an output.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeadFault {
    /// Nothing says what the numbers mean.
    #[error(
        "the network has {} and no Softmax or Sigmoid: {}", counted(*.0, "output"), match .0 {
            1 => "it may be the target of a regression or the logit of a label; name the head",
            _ => "two classes cannot be told from the mean and the log variance of a regression; name the \
                  classes or the head",
        }
    )]
    Unclear(usize),
    /// Names of another number than there are things to name.
    #[error("the network has {expected} {what}, not {found}")]
    Names {
        /// `classes`, `labels` or `targets`.
        what: &'static str,
        /// The number that the network has.
        expected: usize,
        /// The number of names.
        found: usize,
    },
    /// A name without letters.
    #[error("the name of {what} {index} is empty")]
    EmptyName {
        /// `class`, `label` or `target`.
        what: &'static str,
        /// Its index.
        index: usize,
    },
    /// A name that two things have.
    #[error("{what} {first} and {what} {second} have the same name, `{}`", Echo(name))]
    SameName {
        /// `class`, `label` or `target`.
        what: &'static str,
        /// The name.
        name: String,
        /// The index of the first.
        first: usize,
        /// The index of the second.
        second: usize,
    },
    /// An odd number of outputs, which cannot be means and variances.
    #[error(
        "{0} outputs cannot be means and variances: there must be one of each for every target"
    )]
    Odd(usize),
    /// A list of numbers of another length than there are targets.
    #[error("the target {what} has {}, but there are {targets} targets", counted(*found, "number"))]
    Numbers {
        /// `scale`, `offset` or `noise`.
        what: &'static str,
        /// The length of the list.
        found: usize,
        /// The number of targets.
        targets: usize,
    },
    /// A number that no target can have.
    #[error("the target {what} is {value}, expected {expected}")]
    Number {
        /// `scale`, `offset` or `noise`.
        what: &'static str,
        /// The number.
        value: String,
        /// What is required.
        expected: &'static str,
    },
    /// Details of a head that no output has.
    #[error("{details} are given, but no output of the network is {}", details.head())]
    Unused {
        /// What was given.
        details: Family,
    },
    /// Details of a head that an output does not have.
    #[error("{details} are given, but its head is `{kind}`")]
    OtherHead {
        /// What was given.
        details: Family,
        /// The head of the output.
        kind: HeadKind,
    },
    /// Targets of an output of which nothing says how it states variances.
    #[error(
        "properties of targets are given, but nothing says what the {} are: name the head, such as \
         gaussian-mean or gaussian-log-variance", counted(*count, "output")
    )]
    NoHead {
        /// The number of numbers of the output.
        count: usize,
    },
    /// Details that several outputs could have.
    #[error(
        "{details} are given once, but there are several outputs that are {}: {}; `outputs` of the \
         metadata says whose they are", details.head(), quoted(outputs)
    )]
    Ambiguous {
        /// What was given.
        details: Family,
        /// The names of the outputs.
        outputs: Vec<String>,
    },
    /// Details of an output that the network does not have.
    #[error("`outputs` has `{}`, but the model has {}", Echo(name), quoted(outputs))]
    UnknownOutput {
        /// The name that was given.
        name: String,
        /// The names of the outputs.
        outputs: Vec<String>,
    },
}

fn place(output: Option<&str>) -> String {
    output.map_or_else(String::new, |name| format!("output `{}`: ", Echo(name)))
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{}`", Echo(name))).collect::<Vec<_>>().join(", ")
}

impl HeadError {
    /// The error with the name of the output that it is about, unless there is one output only.
    pub(crate) fn in_output(self, network: &Network, output: &NetworkOutput) -> Self {
        let is_only = network.outputs.len() == 1;
        Self { output: (!is_only).then(|| output.name.clone()), ..self }
    }
}

impl HeadFault {
    pub(crate) fn of(self, detail: impl Into<Option<Detail>>) -> HeadError {
        HeadError { output: None, detail: detail.into(), fault: self }
    }
}
