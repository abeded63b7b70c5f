//! Strings from files in messages.

use core::fmt::{self, Display, Formatter, Write};

/// A name or another string from a file, as messages show it: unprintable characters are escaped,
/// and the middle of more than 80 characters is left out.
#[derive(Clone, Copy, Debug)]
pub struct Echo<'a>(pub &'a str);

/// A longer string from a file, such as a list of extents, as messages show it: unprintable
/// characters are escaped, and the middle of more than 600 characters is left out.
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a>(pub &'a str);

impl Display for Echo<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        shortened(self.0, 80, f)
    }
}

impl Display for Brief<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        shortened(self.0, 600, f)
    }
}

fn shortened(text: &str, width: usize, f: &mut Formatter<'_>) -> fmt::Result {
    let count = text.chars().count();
    if count <= width {
        return text.chars().try_for_each(|c| escaped(c, f));
    }
    let (head, tail) = (width / 2 - 1, width / 2);
    text.chars().take(head).try_for_each(|c| escaped(c, f))?;
    f.write_char('…')?;
    text.chars().skip(count - tail).try_for_each(|c| escaped(c, f))
}

fn escaped(c: char, f: &mut Formatter<'_>) -> fmt::Result {
    match c {
        // Printable, though `escape_debug` escapes them.
        '"' | '\'' | '\\' => f.write_char(c),
        _ => c.escape_debug().try_for_each(|c| f.write_char(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn printable_names_are_unchanged() {
        for name in ["", "layer1.0.conv1.weight", "/pool \"x\"/it's\\", "größe 大小"] {
            assert_eq!(Echo(name).to_string(), name);
        }
    }

    #[test]
    fn long_names_and_control_characters_cannot_flood_a_terminal() {
        assert_eq!(Echo("a\x1b[2Jb\n\u{202e}").to_string(), "a\\u{1b}[2Jb\\n\\u{202e}");
        let long = "x".repeat(500_000) + ".weight";
        let shown = Echo(&long).to_string();
        assert_eq!(shown.chars().count(), 80);
        assert!(shown.starts_with("xxx") && shown.contains("x…x") && shown.ends_with(".weight"));
    }
}
