//! A command line, quoted for a shell.

use std::ffi::OsString;

/// `bayes8` with its arguments, quoted for a shell.
pub(super) fn command(arguments: &[OsString]) -> String {
    let arguments = arguments.iter().map(|argument| quoted(&argument.to_string_lossy()));
    let words: Vec<String> = std::iter::once("bayes8".to_string()).chain(arguments).collect();
    words.join(" ")
}

/// A word, quoted if a shell would change it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_same_words() {
        assert_eq!(quoted("data/x.npz"), "data/x.npz");
        assert_eq!(quoted("my file"), "'my file'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
