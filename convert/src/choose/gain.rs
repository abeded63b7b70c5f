//! What chosen draws are worth: how many random ones have the same error.

use super::features::{Features, plogp};
use super::sites::{Kind, Site};
use serde::Serialize;

/// What the first draws of a list are worth: the number of random draws whose figures have the same mean squared
/// error, compared with those of a large pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Gain {
    /// Number of draws, from the first one on.
    pub draws: usize,
    /// Their worth for probabilities of classes and labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<f64>,
    /// Their worth for the entropy of the mean probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f64>,
    /// Their worth for the mutual information.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutual_information: Option<f64>,
    /// Their worth for the mean of targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Their worth for the standard deviation of targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
}

/// The number of figures.
const FIGURES: usize = 5;

/// The most random sets of a size.
const MOST_SETS: usize = 128;

/// Squared errors of figures, summed over sites.
type Errors = [f64; FIGURES];

/// Measures sets of draws on some pictures, compared with a pool of random ones.
pub(super) struct Measure<'a> {
    pool: &'a Features,
    pictures: Vec<usize>,
    /// The figures from the whole pool, for each picture and site.
    truth: Vec<Vec<f64>>,
}

impl<'a> Measure<'a> {
    /// Measures on the pictures that `takes` names.
    pub(super) fn new(pool: &'a Features, takes: impl Fn(usize) -> bool) -> Self {
        let pictures = (0..pool.sites().pictures()).filter(|&picture| takes(picture)).collect();
        let mut measure = Self { pool, pictures, truth: Vec::new() };
        let all: Vec<usize> = (0..pool.pool()).collect();
        let truth = measure.each().map(|(picture, site)| figures(pool, &all, picture, site));
        measure.truth = truth.collect();
        measure
    }

    fn each(&self) -> impl Iterator<Item = (usize, &Site)> {
        let sites = self.pool.sites().of_picture();
        self.pictures.iter().flat_map(move |&picture| sites.iter().map(move |site| (picture, site)))
    }

    /// Adds the squared errors of the figures from some draws of `features` to `errors`.
    fn add(&self, features: &Features, draws: &[usize], errors: &mut Errors) {
        for ((picture, site), truth) in self.each().zip(&self.truth) {
            let found = figures(features, draws, picture, site);
            let squares: Vec<f64> = found.iter().zip(truth).map(|(a, b)| (a - b).powi(2)).collect();
            let first = match site.kind {
                Kind::Classes(_) | Kind::Label => {
                    let (probabilities, rest) = squares.split_at(squares.len() - 2);
                    errors[0] += probabilities.iter().sum::<f64>();
                    (1, rest)
                }
                // In units of the standard deviation.
                Kind::Target(_) => {
                    let square = if truth[1] > 0.0 { truth[1].powi(2) } else { 1.0 };
                    errors[3] += squares[0] / square;
                    errors[4] += squares[1] / square;
                    (0, &[][..])
                }
            };
            let (start, rest) = first;
            rest.iter().enumerate().for_each(|(i, square)| errors[start + i] += square);
        }
    }
}

/// The figures of a site from some draws: probabilities, entropy and mutual information, or a mean and a
/// standard deviation.
fn figures(features: &Features, draws: &[usize], picture: usize, site: &Site) -> Vec<f64> {
    let mut means = features.means(draws, picture, site);
    match site.kind {
        Kind::Classes(count) => {
            let entropy: f64 = means[..count].iter().map(|&p| plogp(p)).sum();
            let information = entropy - means[count];
            means[count] = entropy;
            means.push(information);
        }
        Kind::Label => {
            let entropy = plogp(means[0]) + plogp(1.0 - means[0]);
            let information = entropy - means[1];
            means[1] = entropy;
            means.push(information);
        }
        Kind::Target(_) => {
            let spread = draws.iter().map(|&draw| {
                let mean = f64::from(features.of(draw, picture, site)[0]);
                (mean - means[0]).powi(2)
            });
            means[1] = (means[1] + spread.sum::<f64>() / draws.len() as f64).sqrt();
        }
    }
    means
}

/// A list of draws: their features, their indices among these, and what measures them.
pub(super) struct Measured<'a> {
    pub(super) measure: Measure<'a>,
    pub(super) features: &'a Features,
    pub(super) list: &'a [usize],
}

/// The worth of the first `sizes` draws of lists, as a mean over them.
pub(super) fn gain(lists: &[Measured<'_>], sizes: &[usize]) -> Vec<Gain> {
    let random = random(lists);
    let worth = |&size: &usize| {
        let mut errors = [0.0; FIGURES];
        for Measured { measure, features, list } in lists {
            measure.add(features, &list[..size], &mut errors);
        }
        let worth: [Option<f64>; FIGURES] = std::array::from_fn(|figure| {
            let curve = random.iter().map(|(size, errors)| (*size, errors[figure]));
            worth(errors[figure], &curve.collect::<Vec<_>>())
        });
        let [probabilities, entropy, mutual_information, mean, std] = worth;
        Gain { draws: size, probabilities, entropy, mutual_information, mean, std }
    };
    sizes.iter().rev().map(worth).collect()
}

/// The mean errors of random sets of the pools, by their size.
fn random(lists: &[Measured<'_>]) -> Vec<(f64, Errors)> {
    let pool = lists.iter().map(|of| of.measure.pool.pool()).min().unwrap_or(0);
    let of_size = |size: usize| {
        let sets = (pool / size).min(MOST_SETS);
        let mut errors = [0.0; FIGURES];
        for set in 0..sets {
            let draws: Vec<usize> = (set * size..(set + 1) * size).collect();
            lists.iter().for_each(|of| of.measure.add(of.measure.pool, &draws, &mut errors));
        }
        // A part of the pool is nearer to its mean than to that of all draws there are.
        let share = 1.0 - size as f64 / pool as f64;
        (size as f64, errors.map(|error| error / sets as f64 / share))
    };
    let sizes = std::iter::successors(Some(2), |&size| Some(2 * size));
    sizes.take_while(|&size| size <= pool / 4).map(of_size).collect()
}

/// The number of random draws with an error, by the errors of some numbers of them; `None` if they have none.
fn worth(error: f64, random: &[(f64, f64)]) -> Option<f64> {
    let (first, last) = (random.first()?, random.last()?);
    if last.1 <= 0.0 {
        return None;
    }
    let reaches = random.iter().position(|&(_, of)| of <= error);
    Some(match reaches {
        // The error of few or many draws falls with their number.
        Some(0) => first.0 * first.1 / error,
        None => last.0 * last.1 / error,
        Some(place) => {
            let ((less, high), (more, low)) = (random[place - 1], random[place]);
            let share = libm::log(high / error) / libm::log(high / low);
            less * libm::exp(share * libm::log(more / less))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worth_is_the_number_of_random_draws_with_the_same_error() {
        // An error of 1 / draws.
        let random: Vec<_> = (1..8).map(|i| (f64::from(1 << i), 1.0 / f64::from(1 << i))).collect();
        for draws in [1.0, 2.0, 3.0, 64.0, 100.0, 128.0, 500.0] {
            let found = worth(1.0 / draws, &random).expect("errors");
            assert!((found / draws - 1.0).abs() < 1e-6, "{draws}: {found}");
        }
        assert_eq!(worth(0.0, &[(2.0, 0.0)]), None);
    }
}
