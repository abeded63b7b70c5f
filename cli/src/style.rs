//! Text for this terminal: colours, facts, tables, bars and shortened names.

use bayes8_evaluate::style::{Style, printable, thousands};
use bayes8_evaluate::table::Table;
use bayes8_native::core::graph::Shape;
use std::io::{IsTerminal, stdout};

/// Uses colours if standard output is a terminal that has them and `NO_COLOR` does not forbid them.
pub(crate) fn detect() -> Style {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    Style { colour: stdout().is_terminal() && !set("NO_COLOR") && !dumb }
}

/// A line with a labelled fact.
pub(crate) fn fact(label: &str, value: &str, style: Style) -> String {
    format!("  {}  {value}\n", style.dim(&format!("{label:11}")))
}

/// The lines of a table.
pub(crate) fn table(table: &Table, style: Style) -> String {
    let (header, rows) = table.lines();
    let lines = [style.dim(&header)].into_iter().chain(rows);
    lines.map(|line| line + "\n").collect()
}

/// A bar of `width` cells: its filled part, in eighths of a cell, and its dotted rest.
pub(crate) fn bar(share: f64, width: usize) -> (String, String) {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * (8 * width) as f64).round() as usize;
    let (full, part) = (eighths / 8, PARTS[eighths % 8]);
    let rest = width - full - usize::from(!part.is_empty());
    ("█".repeat(full) + part, "·".repeat(rest))
}

/// Makes a name [`printable`], and keeps at most `width` characters of its beginning.
pub(crate) fn shorten(name: &str, width: usize) -> String {
    let name = printable(name);
    if name.chars().count() <= width {
        return name;
    }
    let kept: String = name.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

/// Makes a path [`printable`], and keeps at most `width` characters of its end, with the file name.
pub(crate) fn shorten_path(path: &str, width: usize) -> String {
    let path = printable(path);
    let count = path.chars().count();
    if count <= width {
        return path;
    }
    let kept: String = path.chars().skip(count - width.saturating_sub(1)).collect();
    "…".to_string() + &kept
}

/// The shape of a value: `28x28x1`, or the length of a vector.
pub(crate) fn shape(shape: Shape) -> String {
    match shape.spatial() {
        1 => shape.channels.to_string(),
        _ => shape.to_string(),
    }
}

/// A model's input: `28 x 28, 1 channel`.
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
}
