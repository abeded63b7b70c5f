//! The summary of a map of classes: those that cover the most positions, and the mean uncertainty.

use super::means::mean;
use crate::commands::predict::block::{self, Bar, CYAN, GREEN, LONGEST_NAME, Line, YELLOW};
use crate::commands::predict::classes::ClassView;
use crate::style::shorten;
use bayes8_native::core::head::map::ClassMapUncertainty;
use serde::Serialize;

/// The summary as JSON. Entropies and mutual information are means over the positions.
#[derive(Serialize)]
pub(super) struct ClassSummary {
    top: Vec<Covering>,
    predictive_entropy: f64,
    expected_entropy: f64,
    mutual_information: f64,
    /// Positions of a larger total uncertainty are uncertain.
    abstain_above: f64,
    /// The share of uncertain positions.
    abstain_share: f64,
}

/// A class that is the most likely one of some positions.
#[derive(Serialize)]
struct Covering {
    class: usize,
    name: String,
    /// The share of these positions.
    share: f64,
    /// The mean probability of the class there.
    probability: f64,
}

/// What the figures of the text mean.
pub(super) fn rule(view: &ClassView<'_>) -> String {
    let threshold = view.threshold;
    format!("p is the mean probability where a class is; uncertain above {threshold:.3} nats")
}

impl ClassSummary {
    pub(super) fn new(view: &ClassView<'_>, map: &ClassMapUncertainty) -> Self {
        let positions = map.predictive_entropy.len().max(1) as f64;
        // The number of positions of each class, and the sum of its probabilities there.
        let mut covered = vec![(0usize, 0.0); map.classes];
        let all = map.most_likely().into_iter().map(usize::from);
        for (class, probabilities) in all.zip(map.probabilities.chunks_exact(map.classes.max(1))) {
            covered[class].0 += 1;
            covered[class].1 += f64::from(probabilities[class]);
        }
        let mut top: Vec<_> =
            covered.into_iter().enumerate().filter(|(_, (count, _))| *count > 0).collect();
        // Stable: of classes that cover the same number of positions, the first stays the first.
        top.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        top.truncate(view.top);
        let covering = |(class, (count, sum))| Covering {
            class,
            name: view.name(class),
            share: count as f64 / positions,
            probability: sum / count as f64,
        };
        let above = |entropy: &&f32| f64::from(**entropy) > view.threshold;
        let uncertain = map.predictive_entropy.iter().filter(above).count();
        Self {
            top: top.into_iter().map(covering).collect(),
            predictive_entropy: mean(&map.predictive_entropy),
            expected_entropy: mean(&map.expected_entropy),
            mutual_information: mean(&map.mutual_information),
            abstain_above: view.threshold,
            abstain_share: uncertain as f64 / positions,
        }
    }

    /// The lines of the text, where `limit` is the most that an entropy can be.
    pub(super) fn lines(&self, limit: f64) -> Vec<Line> {
        let top = self.top.iter().map(|class| Line {
            name: shorten(&class.name, LONGEST_NAME),
            figures: format!("{:6.2} %, p {:.2}", 100.0 * class.share, class.probability),
            bar: Some(Bar { share: class.share, colour: CYAN }),
        });
        let parts = [self.predictive_entropy, self.expected_entropy, self.mutual_information];
        let share = self.abstain_share;
        let uncertain = Line {
            name: "uncertain".into(),
            figures: format!("{:6.2} %", 100.0 * share),
            bar: Some(Bar { share, colour: YELLOW }),
        };
        top.chain(block::uncertainty(parts, None, limit, GREEN)).chain([uncertain]).collect()
    }
}
