//! The samples of a regression, in the units of its targets.

use bayes8_core::head::gaussian::{Gaussian, Target, Variance};

use crate::metrics::regression::{Example, Mixture};

/// Means and variances that are kept at a time: 64 MiB.
const MOST_KEPT: usize = 1 << 22;

/// The means and variances of every sample for some examples.
pub(crate) struct Samples<'h> {
    head: &'h Gaussian,
    /// Of each example and target, those of its samples.
    mixtures: Vec<(Vec<f64>, Vec<f64>)>,
}

impl<'h> Samples<'h> {
    /// The number of examples whose samples are kept at a time.
    pub(crate) fn together(head: &Gaussian, samples: u32) -> usize {
        (MOST_KEPT / head.targets.len() / samples.max(1) as usize).max(1)
    }

    /// No samples of `examples` examples.
    pub(crate) fn new(head: &'h Gaussian, examples: usize) -> Self {
        Self { head, mixtures: vec![Default::default(); examples * head.targets.len()] }
    }

    /// Adds the outputs of a sample of an example.
    pub(crate) fn add(&mut self, example: usize, outputs: &[f32]) {
        let targets = self.head.targets.len();
        for (index, target) in self.head.targets.iter().enumerate() {
            let (means, variances) = &mut self.mixtures[example * targets + index];
            means.push(mean(target, outputs[index]));
            variances.push(match self.head.variance {
                Variance::None => variance(target, 0.0),
                stated => variance(target, stated.of(outputs[targets + index])),
            });
        }
    }

    /// The first example of which a number is none.
    pub(crate) fn not_a_number(&self) -> Option<usize> {
        let is_none = |(means, variances): &(Vec<f64>, Vec<f64>)| {
            means.iter().chain(variances).any(|x| x.is_nan())
        };
        let place = self.mixtures.iter().position(is_none)?;
        Some(place / self.head.targets.len())
    }

    /// What is known of each example for a target, of which `truth` has the true values.
    pub(crate) fn examples(&self, target: usize, truth: &[f64]) -> Vec<Example> {
        use rayon::prelude::*;
        let of_target = self.mixtures[target..].par_iter().step_by(self.head.targets.len());
        let examples = of_target
            .zip(truth)
            .map(|((means, variances), &y)| Example::new(&Mixture::new(means, variances), y));
        examples.collect()
    }
}

/// The mean in the unit of a target. It has the range that predictions have, so it is finite.
fn mean(target: &Target, output: f32) -> f64 {
    let most = f64::from(i32::MAX) * 2f64.powi(target.exponent.into());
    f64::from(target.scale) * f64::from(output).clamp(-most, most) + f64::from(target.offset)
}

/// The variance in the squared unit of a target, with the noise that the outputs do not state. It has the
/// range that predictions have, so it is finite.
fn variance(target: &Target, stated: f64) -> f64 {
    let most = 2f64.powi(62 + 2 * i32::from(target.exponent));
    let (scale, noise) = (f64::from(target.scale), f64::from(target.noise));
    // `min` would turn NaN into a number.
    let stated = if stated > most { most } else { stated };
    scale * scale * stated + noise * noise
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(noise: f32) -> Target {
        let (name, unit) = ("y".into(), String::new());
        Target { name, unit, scale: 2.0, offset: 1.0, noise, exponent: -20 }
    }

    #[test]
    fn samples_are_in_the_units_of_their_target() {
        let head = Gaussian { variance: Variance::Log, targets: vec![target(0.0), target(3.0)] };
        let mut samples = Samples::new(&head, 1);
        samples.add(0, &[1.5, -1.0, 0.0, 0.0]);
        let moments = |at: usize| samples.examples(at, &[0.0])[0].moments;
        assert_eq!((moments(0).mean, moments(0).total), (4.0, 2.0));
        assert_eq!((moments(1).mean, moments(1).total), (-1.0, 13f64.sqrt()));
        assert_eq!(samples.not_a_number(), None);
    }

    #[test]
    fn huge_outputs_are_finite_and_none_is_found() {
        let head = Gaussian { variance: Variance::Log, targets: vec![target(0.0)] };
        let mut samples = Samples::new(&head, 2);
        samples.add(0, &[f32::MAX, f32::MAX]);
        assert!(samples.examples(0, &[0.0])[0].moments.total.is_finite());
        samples.add(1, &[f32::NAN, 0.0]);
        assert_eq!(samples.not_a_number(), Some(1));
    }
}
