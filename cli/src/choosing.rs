//! What `choose` and `quantize --choose-draws` share: the choice of draws, and its table.

use crate::output;
use crate::style::table;
use bayes8_convert::choose::{Choice, ENOUGH_PICTURES, Gain};
use bayes8_evaluate::style::{Style, counted};
use bayes8_evaluate::table::{Align, Table};
use serde::Serialize;

/// The draws of a model and what they are worth, for reports.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Number of draws.
    draws: usize,
    /// Number of draws from which they were chosen.
    pool: u32,
    /// Number of pictures that chose them.
    pictures: usize,
    /// Measured on calibration pictures that did not choose.
    gain: Vec<Gain>,
    /// Measured on the pictures of `--test`.
    #[serde(skip_serializing_if = "Option::is_none")]
    test_gain: Option<Vec<Gain>>,
}

impl Report {
    /// The report of a choice from `pool` draws, which other pictures may have measured too.
    pub(crate) fn new(choice: Choice, pool: u32, test_gain: Option<Vec<Gain>>) -> Self {
        let Choice { draws, pictures, gain, .. } = choice;
        Self { draws: draws.samples().len(), pool, pictures, gain, test_gain }
    }

    /// Warns of a choice that too few pictures made.
    pub(crate) fn warn(&self) {
        if self.pictures < ENOUGH_PICTURES {
            output::warn(&format!(
                "only {} chose the draws: with fewer than {ENOUGH_PICTURES}, others may gain less",
                counted(self.pictures as u64, "picture")
            ));
        }
    }

    /// The report as tables.
    pub(crate) fn text(&self, style: Style) -> String {
        let mut text = format!(
            "{}\n{}\n",
            style.bold("Chosen draws"),
            style.dim(&format!(
                "{} of {}, chosen by {}; worth: the number of random draws with the same mean squared error",
                self.draws,
                self.pool,
                counted(self.pictures as u64, "picture")
            ))
        );
        let halves =
            "pictures that did not choose: each half of them measures the choice of the other";
        text.push_str(&gains(halves, &self.gain, style));
        if let Some(gain) = &self.test_gain {
            text.push_str(&gains("other pictures", gain, style));
        }
        text
    }
}

/// A table of what draws are worth.
fn gains(pictures: &str, gains: &[Gain], style: Style) -> String {
    type Figure = fn(&Gain) -> Option<f64>;
    let figures: [(&str, Figure); 5] = [
        ("probabilities", |gain| gain.probabilities),
        ("entropy", |gain| gain.entropy),
        ("mutual information", |gain| gain.mutual_information),
        ("mean", |gain| gain.mean),
        ("std", |gain| gain.std),
    ];
    let shown: Vec<_> =
        figures.into_iter().filter(|(_, of)| gains.iter().any(|gain| of(gain).is_some())).collect();
    let mut columns = vec![("draws", Align::Right)];
    columns.extend(shown.iter().map(|(name, _)| (*name, Align::Right)));
    let mut rows = Table::new(&columns);
    for gain in gains {
        let mut row = vec![gain.draws.to_string()];
        let worth = |worth: Option<f64>| worth.map_or(String::new(), |worth| format!("{worth:.0}"));
        row.extend(shown.iter().map(|(_, of)| worth(of(gain))));
        rows.push(row);
    }
    format!("{}\n{}", style.dim(pictures), table(&rows, style))
}
