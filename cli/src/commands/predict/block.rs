//! What the figures of an output look like: lines with a name, figures and perhaps a bar.

use crate::style::bar;
use bayes8_evaluate::style::Style;

pub(super) const GREEN: &str = "32";
pub(super) const YELLOW: &str = "33";
pub(super) const CYAN: &str = "36";

/// Width of the text, of its bars, and of the longest name in it.
const WIDTH: usize = 80;
const BAR: usize = 24;
pub(super) const LONGEST_NAME: usize = 26;

/// Width of a figure, `100.00 % ± 12.34`, and of the figure with its error, ` (12.34)`.
const FIGURE: usize = 16;
const FIGURE_AND_ERROR: usize = FIGURE + 8;

/// What the brackets of [`with_error`] are.
pub(super) const ERRORS: &str = "in brackets: the standard error, which falls with more samples";

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

    /// Width of the figures before the bars.
    fn figures(&self) -> usize {
        let drawn = self.lines.iter().filter(|line| line.bar.is_some());
        let have_errors =
            drawn.map(|line| line.figures.chars().count()).any(|width| width > FIGURE);
        if have_errors { FIGURE_AND_ERROR } else { FIGURE }
    }

    /// The title, which has the width `width`, and the lines, with room for names of `label` characters.
    pub(super) fn text(&self, title: &str, width: usize, label: usize, style: Style) -> String {
        let (mut text, widest) = (title.to_string(), self.figures());
        if let Some((verdict, colour)) = self.verdict {
            // The verdict stands above the ends of the bars.
            let space =
                (label + 2 + widest + 2 + BAR + 2).saturating_sub(width + verdict.len()).max(2);
            text.push_str(&" ".repeat(space));
            text.push_str(&style.paint(colour, verdict));
        }
        text.push('\n');
        for Line { name, figures, bar: drawn } in &self.lines {
            match drawn {
                Some(Bar { share, colour }) => {
                    let (full, rest) = bar(*share, BAR);
                    let bar = style.paint(colour, &full) + &style.dim(&rest);
                    text.push_str(&format!("  {name:label$}  {figures:widest$}  {bar}\n"));
                }
                None => text.push_str(&format!("  {name:label$}  {figures}\n")),
            }
        }
        text
    }
}

/// Lines with the parts of an uncertainty in nats, total, aleatoric and epistemic, and with their errors, if these are
/// known. `limit` is the most that the total can be.
pub(super) fn uncertainty(
    parts: [f64; 3],
    errors: Option<[f64; 3]>,
    limit: f64,
    colour: &'static str,
) -> impl Iterator<Item = Line> {
    let names = ["total", "aleatoric", "epistemic"].into_iter();
    names.zip(parts).enumerate().map(move |(index, (name, nats))| Line {
        name: name.into(),
        figures: with_error(&format!("{nats:6.3} nats"), errors.map(|of| of[index]), 3),
        bar: Some(Bar { share: nats / limit, colour }),
    })
}

/// A probability with its standard deviation, and its error if it is known.
pub(super) fn percent(probability: f64, std: f64, error: Option<f64>) -> String {
    let figure = format!("{:6.2} % ± {:5.2}", 100.0 * probability, 100.0 * std);
    with_error(&figure, error.map(|error| 100.0 * error), 2)
}

/// A figure and its error in brackets, if it is known, with some digits after the point.
fn with_error(figure: &str, error: Option<f64>, digits: usize) -> String {
    match error {
        // As wide as ` (12.34)`, so that what follows is aligned.
        Some(error) => format!("{figure:FIGURE$} {:7}", format!("({error:.digits$})")),
        None => figure.into(),
    }
}
