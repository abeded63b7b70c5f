//! What the outputs of a network mean: what its file says, and what people say.

use std::collections::HashMap;
use std::sync::Arc;

use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_core::head::labels::Labels;
use bayes8_core::head::map::{MapResize, MapUncertainty};
use bayes8_core::head::{Head, Output, Sums, Uncertainty};

use crate::details::{Detail, Family, HeadDetails, OutputDetails, TargetDetails};
use crate::head_assignment::assign;
use crate::head_error::{HeadError, HeadFault};
use crate::head_kind::HeadKind;
use crate::network::Network;

impl Network {
    /// Returns the outputs with their heads. The targets' exponents are those of means below 2^7.
    ///
    /// # Errors
    /// [`HeadError`] if nothing says what an output means, or the details do not fit.
    pub fn heads(&self, details: &HeadDetails) -> Result<Arc<[Output]>, HeadError> {
        let assigned = assign(self, details)?;
        let outputs = self.outputs.iter().zip(&assigned);
        let outputs = outputs.map(|(output, (kind, details))| {
            let head = head(self.numbers_of(output), *kind, details);
            let mut head = head.map_err(|error| error.in_output(self, output))?;
            if let Head::Gaussian(gaussian) = &mut head {
                add_variance(Arc::make_mut(gaussian), output.least_variance);
            }
            let (name, nodes) = (output.name.clone(), output.nodes.clone());
            // The nodes of an output have the same positions.
            let positions = nodes.first().map(|&node| self.graph.nodes()[node].shape.axes());
            let positions = positions.unwrap_or([1; 3]);
            let resize = output
                .resize
                .clone()
                .map(|by| MapResize::new(positions, by).expect("an operation that the graph took"));
            let positions = resize.as_ref().map_or(positions, |resize| resize.by().size);
            let resize = resize.map(Arc::new);
            Ok(Output { name, nodes, head, positions, resize, conformal: None })
        });
        outputs.collect()
    }
}

/// Adds a variance in the network's units, which does not depend on the input, to the noise of targets.
fn add_variance(gaussian: &mut Gaussian, variance: f64) {
    for target in &mut gaussian.targets {
        let own = f64::from(target.scale) * variance.sqrt();
        target.noise = f64::from(target.noise).hypot(own) as f32;
    }
}

/// The head of an output of `count` numbers.
fn head(count: usize, kind: Option<HeadKind>, details: &OutputDetails) -> Result<Head, HeadError> {
    let kind = match kind {
        Some(kind) => kind,
        // Three numbers and more are rarely anything else.
        None if count > 2 => HeadKind::Classes,
        None => return Err(HeadFault::Unclear(count).of(None)),
    };
    Ok(match kind.variance() {
        Some(variance) => {
            let targets = if variance == Variance::None { count } else { count / 2 };
            if variance != Variance::None && !count.is_multiple_of(2) {
                return Err(HeadFault::Odd(count).of(None));
            }
            let targets = details.targets.targets(targets)?;
            Head::Gaussian(Gaussian { variance, targets }.into())
        }
        None if kind == HeadKind::Classes => {
            let names = named(Detail::ClassNames, "class", count, &details.class_names)?;
            Head::Classes(Classes { count, names }.into())
        }
        None => {
            let pair = count == 1 && details.label_names.len() == 2;
            let expected = if pair { 2 } else { count };
            let names = named(Detail::LabelNames, "label", expected, &details.label_names)?;
            Head::Labels(Labels { count, names }.into())
        }
    })
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
        (Uncertainty::Map(map), head) => map_epistemic(&map, head),
    };
    outputs.map(of_output).sum()
}

/// The mean of a map's epistemic uncertainty over its positions.
fn map_epistemic(map: &MapUncertainty, head: &Head) -> f64 {
    let mean = |of: &[f32], numbers: usize| {
        let sum: f64 = of.iter().copied().map(f64::from).sum();
        sum * numbers as f64 / of.len().max(1) as f64
    };
    match (map, head) {
        (MapUncertainty::Classes(of), _) => mean(&of.mutual_information, 1),
        (MapUncertainty::Labels(of), _) => mean(&of.mutual_information, of.labels),
        (MapUncertainty::Gaussian(of), Head::Gaussian(head)) => {
            let scales = head.targets.iter().cycle().map(|target| f64::from(target.scale));
            let stds = of.epistemic_std.iter().zip(scales);
            let sum: f64 = stds.map(|(std, scale)| (std / scale).powi(2)).sum();
            sum * head.targets.len() as f64 / of.epistemic_std.len().max(1) as f64
        }
        (MapUncertainty::Gaussian(_), _) => 0.0,
    }
}

/// The exponent of targets whose means are below 2^7 in magnitude: standardized ones.
const EXPONENT: i8 = -24;

impl TargetDetails {
    /// Returns `count` targets.
    fn targets(&self, count: usize) -> Result<Vec<Target>, HeadError> {
        let names = named(Detail::TargetNames, "target", count, &self.names)?;
        if !self.units.is_empty() && self.units.len() != count {
            let (what, found) = ("targets", self.units.len());
            let fault = HeadFault::Names { what, expected: count, found };
            return Err(fault.of(Detail::TargetUnits));
        }
        let positive = |x: f32| x.is_normal() && x > 0.0;
        let expected = "a normal number above 0";
        check(Detail::TargetScale, &self.scale, positive, expected)?;
        check(Detail::TargetOffset, &self.offset, f32::is_finite, "a finite number")?;
        let valid = |x: f32| x.is_finite() && x >= 0.0;
        check(Detail::TargetNoise, &self.noise, valid, "a number of at least 0")?;
        let scale = numbers(Detail::TargetScale, &self.scale, 1.0, count)?;
        let offset = numbers(Detail::TargetOffset, &self.offset, 0.0, count)?;
        let noise = numbers(Detail::TargetNoise, &self.noise, 0.0, count)?;
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

/// Checks names: none, or `expected` that differ, none of which is blank.
fn named(
    detail: Detail,
    one: &'static str,
    expected: usize,
    names: &[String],
) -> Result<Vec<String>, HeadError> {
    let what = match detail.family() {
        Family::Classes => "classes",
        Family::Labels => "labels",
        Family::Targets => "targets",
    };
    if !names.is_empty() && names.len() != expected {
        return Err(HeadFault::Names { what, expected, found: names.len() }.of(detail));
    }
    let mut seen = HashMap::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        if name.trim().is_empty() {
            return Err(HeadFault::EmptyName { what: one, index }.of(detail));
        }
        if let Some(first) = seen.insert(name, index) {
            let name = name.clone();
            let fault = HeadFault::SameName { what: one, name, first, second: index };
            return Err(fault.of(detail));
        }
    }
    Ok(names.to_vec())
}

/// Checks that numbers of targets are `valid`.
fn check(
    detail: Detail,
    given: &[f32],
    valid: impl Fn(f32) -> bool,
    expected: &'static str,
) -> Result<(), HeadError> {
    match given.iter().find(|&&x| !valid(x)) {
        None => Ok(()),
        Some(value) => {
            let (what, value) = (detail.name(), value.to_string());
            Err(HeadFault::Number { what, value, expected }.of(detail))
        }
    }
}

/// Returns one number per target.
fn numbers(
    detail: Detail,
    given: &[f32],
    default: f32,
    targets: usize,
) -> Result<Vec<f32>, HeadError> {
    match *given {
        [] => Ok(vec![default; targets]),
        [all] => Ok(vec![all; targets]),
        _ if given.len() == targets => Ok(given.to_vec()),
        _ => {
            let (what, found) = (detail.name(), given.len());
            Err(HeadFault::Numbers { what, found, targets }.of(detail))
        }
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
            assert!(matches!(error.fault, HeadFault::Number { what: "scale", .. }), "{error}");
        }
        let noise = TargetDetails { noise: vec![-1.0], ..Default::default() };
        assert!(noise.targets(1).is_err());
        let names = TargetDetails { names: vec!["a".into(), " ".into()], ..Default::default() };
        let error = names.targets(2).unwrap_err().to_string();
        assert_eq!(error, "the name of target 1 is empty");
    }
}
