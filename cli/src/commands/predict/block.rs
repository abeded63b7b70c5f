//! What the figures of an output look like: lines with a name, figures and perhaps a bar.

use crate::style::bar;
use bayes8_evaluate::style::Style;

pub(super) const GREEN: &str = "32";
pub(super) const YELLOW: &str = "33";
pub(super) const CYAN: &str = "36";

/// Width of the text, of its bars, and of the longest name in it.
const WIDTH: usize = 80;
const BAR: usize = 24;
pub(super) const LONGEST_NAME: usize = 32;

/// Width of the figures: `100.00 % ± 12.34`.
const FIGURES: usize = 16;

/// The lines of an output for a picture.
pub(super) struct Block {
    /// A word about the picture, and its colour.
    pub(super) verdict: Option<(&'static str, &'static str)>,
    pub(super) lines: Vec<Line>,
}

/// A line of a [`Block`].
pub(super) struct Line {
    pub(super) name: String,
    pub(super) figures: String,
    pub(super) bar: Option<Bar>,
}

/// A bar at the end of a line.
pub(super) struct Bar {
    pub(super) share: f64,
    pub(super) colour: &'static str,
}

impl Block {
    /// Width of its longest name.
    pub(super) fn label(&self) -> usize {
        self.lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0)
    }

    /// Room for its title before the verdict.
    pub(super) fn room(&self) -> usize {
        WIDTH - self.verdict.map_or(0, |(verdict, _)| verdict.len() + 2)
    }

    /// The title, which has the width `width`, and the lines, with room for names of `label` characters.
    pub(super) fn text(&self, title: &str, width: usize, label: usize, style: Style) -> String {
        let mut text = title.to_string();
        if let Some((verdict, colour)) = self.verdict {
            // The verdict stands above the ends of the bars.
            let space =
                (label + 2 + FIGURES + 2 + BAR + 2).saturating_sub(width + verdict.len()).max(2);
            text.push_str(&" ".repeat(space));
            text.push_str(&style.paint(colour, verdict));
        }
        text.push('\n');
        for Line { name, figures, bar: drawn } in &self.lines {
            match drawn {
                Some(Bar { share, colour }) => {
                    let (full, rest) = bar(*share, BAR);
                    let bar = style.paint(colour, &full) + &style.dim(&rest);
                    text.push_str(&format!("  {name:label$}  {figures:FIGURES$}  {bar}\n"));
                }
                None => text.push_str(&format!("  {name:label$}  {figures}\n")),
            }
        }
        text
    }
}

/// Lines with the parts of an uncertainty in nats. `limit` is the most that the total can be.
pub(super) fn uncertainty(
    [total, aleatoric, epistemic]: [f64; 3],
    limit: f64,
    colour: &'static str,
) -> impl Iterator<Item = Line> {
    [("total", total), ("aleatoric", aleatoric), ("epistemic", epistemic)].into_iter().map(
        move |(name, nats)| Line {
            name: name.into(),
            figures: format!("{nats:6.3} nats"),
            bar: Some(Bar { share: nats / limit, colour }),
        },
    )
}

/// A probability and its standard deviation.
pub(super) fn percent(probability: f64, std: f64) -> String {
    format!("{:6.2} % ± {:5.2}", 100.0 * probability, 100.0 * std)
}
