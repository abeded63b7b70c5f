//! What metadata and arguments say about the outputs of a network: arguments come first.

use std::fmt;
use std::path::PathBuf;

use bayes8_core::head::Output;

use crate::details::{Detail, Family, HeadDetails, OutputDetails};

/// Where something comes from that does not fit the outputs of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadOrigin {
    /// This file: the metadata or the network.
    File(PathBuf),
    /// The argument for this list, such as an option of the command line.
    Argument(Detail),
    /// The argument for the head of outputs.
    Head,
}

impl fmt::Display for HeadOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Argument(detail) => f.write_str(detail.key()),
            Self::Head => f.write_str("head"),
        }
    }
}

/// What metadata and arguments say.
pub(crate) struct GivenHeads<'a> {
    pub(crate) metadata: &'a HeadDetails,
    pub(crate) arguments: &'a OutputDetails,
}

impl GivenHeads<'_> {
    /// The details of both. Arguments are for the only output of which the metadata has such details.
    pub(crate) fn joined(&self) -> HeadDetails {
        let mut joined = self.metadata.clone();
        for family in Family::ALL {
            let to = match self.replaced(family) {
                Some(output) => joined.outputs.get_mut(output),
                None => None,
            };
            to.unwrap_or(&mut joined.common).replace(family, self.arguments);
        }
        joined
    }

    /// Whether a detail of an output, of the only one if that is `None`, is an argument.
    pub(crate) fn is_argument(&self, detail: Detail, output: Option<&str>) -> bool {
        let output = output.unwrap_or(Output::NAME);
        let own = self.metadata.outputs.get(output).filter(|of| of.has(detail));
        let is_replaced = || self.replaced(detail.family()) == Some(output);
        self.arguments.has(detail) && (own.is_none() || is_replaced())
    }

    /// The only output with details of a family in the metadata.
    fn replaced(&self, family: Family) -> Option<&str> {
        let outputs = &self.metadata.outputs;
        let mut own = outputs.iter().filter(|(_, details)| details.first(family).is_some());
        let (only, _) = own.next()?;
        let is_common = self.metadata.common.first(family).is_some();
        (own.next().is_none() && !is_common).then_some(only)
    }
}
