//! What the outputs of a network mean: what its file says, and what people say.

use std::sync::Arc;

use bayes8_core::counts::counted;
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_core::head::labels::Labels;
use bayes8_core::head::{Head, Output, Sums, Uncertainty};
use thiserror::Error;

use crate::head_kind::HeadKind;
use crate::network::{Network, NetworkOutput};

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
        let (name, nodes) = (output.name.clone(), output.nodes.clone());
        Ok(Output { name, nodes, head, conformal: None })
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
        let scale = numbers("scale", &self.scale, 1.0, count, positive, "a normal number above 0")?;
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
