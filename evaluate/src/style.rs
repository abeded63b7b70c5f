//! Text for a terminal: colours, numbers and names.

use bayes8_core::counts::noun;

/// Text with colours, or without.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Whether there are colours; bold counts as one.
    pub colour: bool,
}

impl Style {
    /// Makes text bold.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Makes text dim.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Gives text the attributes of an ANSI escape code, such as `32`.
    pub fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }
}

/// Replaces the control characters of a name from a file or a command line, which could take over the
/// terminal.
pub fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Formats `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
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

/// Formats a number and the noun that it counts: `1 sample`, `2,000 samples`.
pub fn counted(count: impl Into<u64>, singular: &str) -> String {
    let count = count.into();
    format!("{} {}", thousands(count), noun(count, singular))
}

/// Formats a figure with four decimal places, or a dash for NaN.
pub fn four_places(value: f64) -> String {
    if value.is_nan() { "-".into() } else { format!("{value:.4}") }
}

/// Formats a number of bytes in a suitable unit.
pub fn bytes(count: u64) -> String {
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
