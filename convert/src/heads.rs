//! What the outputs of a network mean: what its file says, and what people say.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bayes8_core::counts::counted;
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_core::head::labels::Labels;
use bayes8_core::head::{Head, Output, Sums, Uncertainty};
use thiserror::Error;

use crate::network::{Network, NetworkOutput};

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

    /// Returns how the outputs state variances; `None` unless they belong to a regression.
    fn variance(self) -> Option<Variance> {
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

/// The names and units of what the outputs of a network stand for. Empty lists leave them open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeadDetails {
    /// One name per class.
    pub class_names: Vec<String>,
    /// One name per label; of a single label perhaps two, of the case without it and with it.
    pub label_names: Vec<String>,
    /// Names, units and scales of the targets of a regression.
    pub targets: TargetDetails,
}

/// Properties of the targets of a regression, one entry per target. A list of numbers may have one entry
/// for all, and is empty if it is not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetDetails {
    /// Names.
    pub names: Vec<String>,
    /// Units of measurement.
    pub units: Vec<String>,
    /// The standard deviations by which training divided them; 1 by default.
    pub scale: Vec<f32>,
    /// The means that training subtracted; 0 by default.
    pub offset: Vec<f32>,
    /// Standard deviations of noise that the network does not state, in their units; 0 by default.
    pub noise: Vec<f32>,
}

/// Why the outputs of a network do not have the given meaning.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeadError {
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
    #[error("{details} are given, but no output of the network is {head}")]
    Unused {
        /// What was given.
        details: &'static str,
        /// The head that they are for.
        head: &'static str,
    },
}

impl Network {
    /// Returns the outputs with their heads. The targets' exponents are those of means below 2^7.
    ///
    /// # Errors
    /// [`HeadError`] if nothing says what an output means, or the details do not fit.
    pub fn heads(&self, details: &HeadDetails) -> Result<Arc<[Output]>, HeadError> {
        let outputs = self.outputs.iter().map(|output| self.head(output, details));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        let has = |is: fn(&Head) -> bool| outputs.iter().any(|output| is(&output.head));
        let targets = details.targets != TargetDetails::default();
        for (is_given, details, head, is_used) in [
            (
                !details.class_names.is_empty(),
                "class names",
                "classes",
                has(|h| h.classes().is_some()),
            ),
            (
                !details.label_names.is_empty(),
                "label names",
                "labels",
                has(|h| h.labels().is_some()),
            ),
            (targets, "properties of targets", "a regression", has(|h| h.gaussian().is_some())),
        ] {
            if is_given && !is_used {
                return Err(HeadError::Unused { details, head });
            }
        }
        Ok(outputs.into())
    }

    fn head(&self, output: &NetworkOutput, details: &HeadDetails) -> Result<Output, HeadError> {
        let nodes = self.graph.nodes();
        let count = output.nodes.iter().map(|&node| nodes[node].shape.channels).sum();
        let kind = match output.head {
            Some(kind) => kind,
            // Three numbers and more are rarely anything else.
            None if count > 2 || (count == 2 && !details.class_names.is_empty()) => {
                HeadKind::Classes
            }
            None => return Err(HeadError::Unclear(count)),
        };
        let head = match kind.variance() {
            Some(variance) => {
                let targets = if variance == Variance::None { count } else { count / 2 };
                if variance != Variance::None && !count.is_multiple_of(2) {
                    return Err(HeadError::Odd(count));
                }
                let targets = details.targets.targets(targets)?;
                Head::Gaussian(Gaussian { variance, targets }.into())
            }
            None if kind == HeadKind::Classes => {
                let names = named("classes", "class", count, &details.class_names)?;
                Head::Classes(Classes { count, names }.into())
            }
            None => {
                let pair = count == 1 && details.label_names.len() == 2;
                let expected = if pair { 2 } else { count };
                let names = named("labels", "label", expected, &details.label_names)?;
                Head::Labels(Labels { count, names }.into())
            }
        };
        Ok(Output { name: output.name.clone(), nodes: output.nodes.clone(), head })
    }
}

/// The epistemic uncertainty of a prediction, for comparing it with that of another engine: mutual
/// information, and of a regression the variance of the means in the network's units.
pub(crate) fn epistemic<'a>(outputs: impl Iterator<Item = (&'a Output, &'a Sums)>) -> f64 {
    let of_output = |(output, sums): (&Output, &Sums)| match (sums.finish(), &output.head) {
        (Uncertainty::Gaussian(figures), Head::Gaussian(head)) => {
            let targets = figures.epistemic_std.iter().zip(&head.targets);
            targets.map(|(std, target)| (std / f64::from(target.scale)).powi(2)).sum()
        }
        (Uncertainty::Labels(figures), _) => figures.mutual_information.iter().sum(),
        (Uncertainty::Classes(figures), _) => figures.mutual_information,
        (Uncertainty::Gaussian(_), _) => 0.0,
    };
    outputs.map(of_output).sum()
}

/// The exponent of targets whose means are below 2^7 in magnitude: standardized ones.
const EXPONENT: i8 = -24;

impl TargetDetails {
    /// Returns `count` targets.
    fn targets(&self, count: usize) -> Result<Vec<Target>, HeadError> {
        let names = named("targets", "target", count, &self.names)?;
        if !self.units.is_empty() && self.units.len() != count {
            let (what, found) = ("targets", self.units.len());
            return Err(HeadError::Names { what, expected: count, found });
        }
        let positive = |x: f32| x.is_normal() && x > 0.0;
        let scale = numbers("scale", &self.scale, 1.0, count, positive, "a number above 0")?;
        let finite = f32::is_finite;
        let offset = numbers("offset", &self.offset, 0.0, count, finite, "a finite number")?;
        let valid = |x: f32| x.is_finite() && x >= 0.0;
        let noise = numbers("noise", &self.noise, 0.0, count, valid, "a number of at least 0")?;
        let text = |all: &[String], target: usize| all.get(target).cloned().unwrap_or_default();
        let target = |target| Target {
            name: text(&names, target),
            unit: text(&self.units, target),
            scale: scale[target],
            offset: offset[target],
            noise: noise[target],
            exponent: EXPONENT,
        };
        Ok((0..count).map(target).collect())
    }
}

/// Checks names: none, or `expected`, none of which is blank.
fn named(
    what: &'static str,
    one: &'static str,
    expected: usize,
    names: &[String],
) -> Result<Vec<String>, HeadError> {
    if !names.is_empty() && names.len() != expected {
        return Err(HeadError::Names { what, expected, found: names.len() });
    }
    match names.iter().position(|name| name.trim().is_empty()) {
        Some(index) => Err(HeadError::EmptyName { what: one, index }),
        None => Ok(names.to_vec()),
    }
}

/// Returns one number per target, each of which must be `valid`.
fn numbers(
    what: &'static str,
    given: &[f32],
    default: f32,
    targets: usize,
    valid: impl Fn(f32) -> bool,
    expected: &'static str,
) -> Result<Vec<f32>, HeadError> {
    if let Some(&value) = given.iter().find(|&&x| !valid(x)) {
        return Err(HeadError::Number { what, value: value.to_string(), expected });
    }
    match *given {
        [] => Ok(vec![default; targets]),
        [all] => Ok(vec![all; targets]),
        _ if given.len() == targets => Ok(given.to_vec()),
        _ => Err(HeadError::Numbers { what, found: given.len(), targets }),
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

    #[test]
    fn properties_of_targets_fit_their_number() {
        let details = |scale: &[f32]| TargetDetails { scale: scale.into(), ..Default::default() };
        let targets = details(&[2.0]).targets(3).unwrap();
        assert!(targets.iter().all(|target| (target.scale, target.offset) == (2.0, 0.0)));
        let error = details(&[1.0, 2.0]).targets(3).unwrap_err().to_string();
        assert_eq!(error, "the target scale has 2 numbers, but there are 3 targets");
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let error = details(&[scale]).targets(1).unwrap_err();
            assert!(matches!(error, HeadError::Number { what: "scale", .. }), "{error}");
        }
        let noise = TargetDetails { noise: vec![-1.0], ..Default::default() };
        assert!(noise.targets(1).is_err());
        let names = TargetDetails { names: vec!["a".into(), " ".into()], ..Default::default() };
        let error = names.targets(2).unwrap_err().to_string();
        assert_eq!(error, "the name of target 1 is empty");
    }
}
