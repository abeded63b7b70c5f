//! What the numbers of an output mean, and which outputs a model has, as options say it.

use std::fmt;
use std::str::FromStr;

use bayes8_core::head::Head;
use bayes8_core::head::gaussian::Variance;
use thiserror::Error;

/// What the numbers of an output mean.
///
/// # Examples
/// ```
/// use bayes8_convert::HeadKind;
///
/// let head: HeadKind = "gaussian-log-variance".parse()?;
/// assert_eq!(head, HeadKind::GaussianLogVariance);
/// # Ok::<(), bayes8_convert::UnknownHead>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadKind {
    /// Logits of mutually exclusive classes.
    Classes,
    /// Logits of independent labels.
    Labels,
    /// Means of the targets of a regression.
    GaussianMean,
    /// Means of targets, then the logarithm of the variance of each.
    GaussianLogVariance,
    /// Means of targets, then the variance of each before a softplus.
    GaussianSoftplus,
}

impl HeadKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 5] = [
        Self::Classes,
        Self::Labels,
        Self::GaussianMean,
        Self::GaussianLogVariance,
        Self::GaussianSoftplus,
    ];

    /// Returns the name of the kind, such as `gaussian-mean`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Labels => "labels",
            Self::GaussianMean => "gaussian-mean",
            Self::GaussianLogVariance => "gaussian-log-variance",
            Self::GaussianSoftplus => "gaussian-softplus",
        }
    }

    /// Returns whether a head is of this kind.
    pub fn is(self, head: &Head) -> bool {
        match head {
            Head::Classes(_) => self == Self::Classes,
            Head::Labels(_) => self == Self::Labels,
            Head::Gaussian(gaussian) => self.variance() == Some(gaussian.variance),
        }
    }

    /// Returns how the outputs state variances; `None` unless they belong to a regression.
    pub(crate) fn variance(self) -> Option<Variance> {
        match self {
            Self::Classes | Self::Labels => None,
            Self::GaussianMean => Some(Variance::None),
            Self::GaussianLogVariance => Some(Variance::Log),
            Self::GaussianSoftplus => Some(Variance::Softplus),
        }
    }
}

impl fmt::Display for HeadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no kind of head has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "there is no head `{0}`; expected classes, labels, gaussian-mean, gaussian-log-variance or \
     gaussian-softplus"
)]
pub struct UnknownHead(String);

impl FromStr for HeadKind {
    type Err = UnknownHead;

    fn from_str(name: &str) -> Result<Self, UnknownHead> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| UnknownHead(name.into()))
    }
}

/// An output of the model: one output of the ONNX file, or several of which the values follow each
/// other.
///
/// As text it is the name, or the names with `+` between them, and perhaps `=` and the head.
///
/// # Examples
/// ```
/// use bayes8_convert::{HeadKind, OutputChoice};
///
/// let choice: OutputChoice = "mean+log_variance=gaussian-log-variance".parse()?;
/// assert_eq!(choice.of, ["mean", "log_variance"]);
/// assert_eq!(choice.head, Some(HeadKind::GaussianLogVariance));
/// # Ok::<(), bayes8_convert::UnknownHead>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputChoice {
    /// Names of the outputs in the ONNX file, at least one.
    pub of: Vec<String>,
    /// What the numbers mean; `None` if the file says so.
    pub head: Option<HeadKind>,
}

impl FromStr for OutputChoice {
    type Err = UnknownHead;

    fn from_str(text: &str) -> Result<Self, UnknownHead> {
        let (names, head) = match text.rsplit_once('=') {
            Some((names, head)) => (names, Some(head.parse()?)),
            None => (text, None),
        };
        Ok(Self { of: names.split('+').map(str::to_owned).collect(), head })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_chosen_by_name_and_head() {
        let parse = |text: &str| text.parse::<OutputChoice>();
        let choice = |of: &[&str], head| {
            Ok(OutputChoice { of: of.iter().map(|&name| name.into()).collect(), head })
        };
        assert_eq!(parse("logits"), choice(&["logits"], None));
        assert_eq!(parse("a+b=labels"), choice(&["a", "b"], Some(HeadKind::Labels)));
        assert_eq!(
            parse("StatefulPartitionedCall:0"),
            choice(&["StatefulPartitionedCall:0"], None)
        );
        assert_eq!(parse("a=b"), Err(UnknownHead("b".into())));
        for kind in HeadKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
    }
}
