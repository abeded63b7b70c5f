//! Colours of classes.

use crate::input;
use anyhow::{Context, anyhow, bail};
use bayes8_core::counts::counted;
use bayes8_core::quoted::Echo;
use bayes8_evaluate::maps::colours::{self, Colour};
use std::path::Path;

/// A colour for each class, in RGB.
#[derive(Debug)]
pub(in crate::commands::predict) struct Palette(Vec<Colour>);

impl Palette {
    /// The colours of the reports of `bayes8 evaluate`.
    pub(in crate::commands::predict) fn standard(classes: usize) -> Self {
        // A map has at most 2^16 classes.
        Self((0..classes).map(|class| colours::class(class as u16)).collect())
    }

    /// Reads a colour such as `#c0ffee` for each class from the beginning of a line; the rest of the line is
    /// a name for people. Blank lines, and those that begin with `//`, are left out.
    ///
    /// # Errors
    /// When the file cannot be read, a line has no colour, or there are fewer colours than `classes`.
    pub(in crate::commands::predict) fn read(path: &Path, classes: usize) -> anyhow::Result<Self> {
        let contents = input::read(path)
            .map_err(anyhow::Error::new)
            .and_then(|bytes| {
                String::from_utf8(bytes).map_err(|_| anyhow!("it is not text in UTF-8"))
            })
            .with_context(|| format!("cannot read the palette {}", path.display()))?;
        Self::parse(&contents, classes).with_context(|| format!("the palette {}", path.display()))
    }

    fn parse(text: &str, classes: usize) -> anyhow::Result<Self> {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).enumerate();
        let mut colours = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("//")) {
            let first = line.split_whitespace().next().unwrap_or_default();
            let colour = colour(first).with_context(|| {
                format!(
                    "line {} begins with `{}`, not with a colour such as #c0ffee",
                    index + 1,
                    Echo(first)
                )
            })?;
            colours.push(colour);
        }
        if colours.len() < classes {
            bail!(
                "it has {} for {}: add {}",
                counted(colours.len(), "colour"),
                counted(classes, "class"),
                classes - colours.len()
            );
        }
        colours.truncate(classes);
        Ok(Self(colours))
    }

    /// The colours of the first classes, one after the other.
    pub(super) fn first(&self, classes: usize) -> &[u8] {
        self.0[..classes.min(self.0.len())].as_flattened()
    }

    /// The colour of a class.
    pub(super) fn of(&self, class: u16) -> Colour {
        self.0[usize::from(class)]
    }
}

/// Six hexadecimal digits after `#`.
fn colour(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal)?;
    let [_, rgb @ ..] = number.to_be_bytes();
    Some(rgb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_palette_has_a_colour_on_each_line() {
        let text = "\u{feff}// CamVid\r\n#808080 Sky\r\n\n  #8000FF\tBuilding // old\n#010203\n";
        let Palette(colours) = Palette::parse(text, 2).unwrap();
        assert_eq!(colours, [[128, 128, 128], [128, 0, 255]]);
        let refused = |text: &str, part: &str| {
            let error = Palette::parse(text, 4).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused(text, "it has 3 colours for 4 classes: add 1");
        refused("#808080\n\nSky #808080\n", "line 3 begins with `Sky`");
        for wrong in ["#80808", "#8080800", "#+12345", "808080", "#80808é", "#80_080"] {
            refused(wrong, "not with a colour");
        }
    }
}
