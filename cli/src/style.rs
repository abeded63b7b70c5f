//! How text looks on a terminal: colours, bars, numbers and names.

use bayes8_native::core::graph::Shape;
use bayes8_native::core::words::noun;
use std::io::{IsTerminal, stdout};

/// Colours of standard output, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// Colours if standard output is a terminal that has them and `NO_COLOR` does not forbid them.
    pub(crate) fn detect() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { colour: stdout().is_terminal() && !set("NO_COLOR") && !dumb }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }
}

/// The filled part, in eighths of a cell, and the dotted rest of a bar of `width` cells.
pub(crate) fn bar(share: f64, width: usize) -> (String, String) {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * (8 * width) as f64).round() as usize;
    let (full, part) = (eighths / 8, PARTS[eighths % 8]);
    let rest = width - full - usize::from(!part.is_empty());
    ("█".repeat(full) + part, "·".repeat(rest))
}

/// A name from a file or a command line, without the control characters that would let it take
/// over the terminal.
pub(crate) fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// [`printable`], at most `width` characters of its beginning.
pub(crate) fn shorten(name: &str, width: usize) -> String {
    let name = printable(name);
    if name.chars().count() <= width {
        return name;
    }
    let kept: String = name.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

/// [`printable`], at most `width` characters of its end, where a path has its file name.
pub(crate) fn shorten_path(path: &str, width: usize) -> String {
    let path = printable(path);
    let count = path.chars().count();
    if count <= width {
        return path;
    }
    let kept: String = path.chars().skip(count - width.saturating_sub(1)).collect();
    "…".to_string() + &kept
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 sample`, `2,000 samples`.
pub(crate) fn counted(count: impl Into<u64>, singular: &str) -> String {
    let count = count.into();
    format!("{} {}", thousands(count), noun(count, singular))
}

/// A figure with four places; a dash where it is not defined.
pub(crate) fn four_places(value: f64) -> String {
    if value.is_nan() { "-".into() } else { format!("{value:.4}") }
}

/// What a model takes: `28 x 28, 1 channel`.
pub(crate) fn input(shape: Shape) -> String {
    let count = |count: usize, what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{} {what}{plural}", thousands(count as u64))
    };
    let Shape { depth, height, width, channels } = shape;
    let channels = count(channels, "channel");
    match (depth, height, width) {
        (1, 1, 1) => count(shape.channels, "feature"),
        (1, 1, length) => format!("{}, {channels}", count(length, "position")),
        (1, ..) => format!("{height} x {width}, {channels}"),
        _ => format!("{depth} x {height} x {width}, {channels}"),
    }
}

/// A number of bytes in a fitting unit.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..10_240 => format!("{} B", thousands(count)),
        10_240..10_485_760 => format!("{:.1} KiB", count as f64 / 1024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_one_width() {
        let text = |share| {
            let (full, rest) = bar(share, 4);
            full + &rest
        };
        assert_eq!(text(0.0), "····");
        assert_eq!(text(0.5), "██··");
        assert_eq!(text(0.53), "██▏·");
        assert_eq!(text(0.999), "████");
        assert_eq!(text(7.0), "████");
        assert_eq!(text(f64::NAN), "····");
        for i in 0..=100 {
            assert_eq!(text(f64::from(i) / 100.0).chars().count(), 4);
        }
    }

    #[test]
    fn long_names_are_cut_where_it_hurts_least() {
        assert_eq!(shorten("Ankle boot", 10), "Ankle boot");
        assert_eq!(shorten("Ankle boots", 10), "Ankle boo…");
        assert_eq!(shorten_path("pictures/boot.png", 9), "…boot.png");
        assert_eq!(shorten("\u{1b}[2J", 10), "\u{fffd}[2J");
    }

    #[test]
    fn inputs_are_shown_by_their_kind() {
        assert_eq!(input(Shape::new(28, 28, 1)), "28 x 28, 1 channel");
        assert_eq!(input(Shape::volume(16, 28, 28, 3)), "16 x 28 x 28, 3 channels");
        assert_eq!(input(Shape::new(1, 9, 2)), "9 positions, 2 channels");
        assert_eq!(input(Shape::vector(4)), "4 features");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(counted(1u32, "sample"), "1 sample");
        assert_eq!(counted(2_000u32, "class"), "2,000 classes");
        assert_eq!(bytes(10_239), "10,239 B");
        assert_eq!(bytes(1_572_864), "1536.0 KiB");
    }
}
