//! Names that a file may give: of the model, its nodes and its classes.

use core::fmt;

/// Bytes of the longest name.
pub const MAX_NAME_BYTES: usize = 1024;

/// Why a text cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameFault {
    /// A line feed, an escape or another control character, which changes what a terminal shows.
    Control(char),
    /// More than [`MAX_NAME_BYTES`].
    Long(usize),
}

/// What is wrong with `name`, if anything is.
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
            Self::Long(bytes) => write!(f, "it has {bytes} bytes, at most {MAX_NAME_BYTES} may be"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything_printable_of_a_kilobyte() {
        assert_eq!(fault("T-shirt/top \u{2603} \u{5b57}"), None);
        assert_eq!(fault(""), None);
        assert_eq!(fault(&"n".repeat(MAX_NAME_BYTES)), None);
        assert_eq!(fault(&"n".repeat(MAX_NAME_BYTES + 1)), Some(NameFault::Long(1025)));
        for c in ['\n', '\u{1b}', '\0', '\u{7f}', '\u{9b}'] {
            assert_eq!(fault(&alloc::format!("a{c}b")), Some(NameFault::Control(c)));
        }
    }
}
