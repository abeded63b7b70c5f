//! The names of models, nodes and classes.

use core::fmt;

/// The largest length of a name in bytes.
pub const MAX_NAME_BYTES: usize = 1024;

/// Why a string cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameFault {
    /// A line feed, an escape or another control character, which changes what a terminal shows.
    Control(char),
    /// More than 1024 bytes; the number is the length.
    Long(usize),
}

/// Returns what is wrong with `name`, if anything.
pub(crate) fn fault(name: &str) -> Option<NameFault> {
    if name.len() > MAX_NAME_BYTES {
        return Some(NameFault::Long(name.len()));
    }
    name.chars().find(|c| c.is_control()).map(NameFault::Control)
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(c) => write!(f, "it has the control character {}", c.escape_unicode()),
            Self::Long(bytes) => {
                write!(f, "it has {bytes} bytes; at most {MAX_NAME_BYTES} are allowed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_up_to_a_kilobyte_of_anything_printable() {
        assert_eq!(fault("T-shirt/top \u{2603} \u{5b57}"), None);
        assert_eq!(fault(""), None);
        assert_eq!(fault(&"n".repeat(MAX_NAME_BYTES)), None);
        assert_eq!(fault(&"n".repeat(MAX_NAME_BYTES + 1)), Some(NameFault::Long(1025)));
        for c in ['\n', '\u{1b}', '\0', '\u{7f}', '\u{9b}'] {
            assert_eq!(fault(&alloc::format!("a{c}b")), Some(NameFault::Control(c)));
        }
    }
}
