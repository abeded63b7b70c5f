//! Counts in messages.

use alloc::format;
use alloc::string::String;
use core::fmt::Display;

/// Formats a number and what it counts: `1 sample`, `2 samples`, `3 classes`, `4 axes`.
pub fn counted<N: Display + From<u8> + PartialEq + Copy>(count: N, singular: &str) -> String {
    format!("{count} {}", noun(count, singular))
}

/// Returns the noun alone: singular for a count of one, otherwise plural.
pub fn noun<N: From<u8> + PartialEq>(count: N, singular: &str) -> String {
    if count == N::from(1) {
        return singular.into();
    }
    match singular.as_bytes() {
        [.., b'i', b's'] => format!("{}es", &singular[..singular.len() - 2]),
        [.., b's'] => format!("{singular}es"),
        [.., b't', b'y'] => format!("{}ies", &singular[..singular.len() - 1]),
        _ => format!("{singular}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_one_is_singular() {
        for (singular, plural) in [
            ("channel", "channels"),
            ("class", "classes"),
            ("axis", "axes"),
            ("severity", "severities"),
        ] {
            assert_eq!(counted(1u32, singular), format!("1 {singular}"));
            assert_eq!(counted(0usize, singular), format!("0 {plural}"));
            assert_eq!(counted(2u64, singular), format!("2 {plural}"));
        }
    }
}
