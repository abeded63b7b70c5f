//! Whether the links of all Markdown documents of the repository lead somewhere: relative ones,
//! with their anchors. Addresses on the web are not fetched.

use crate::markdown::{anchors, links};
use crate::programs::{output, root};
use anyhow::{Context, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Checks all documents.
///
/// # Errors
/// If any link is broken: all of them are printed.
pub(crate) fn check() -> anyhow::Result<()> {
    // What git ignores is left out, what is not committed yet is not.
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"];
    let documents = output("git", &list)?;
    let documents: BTreeSet<_> =
        documents.lines().filter(|name| root().join(name).exists()).collect();
    let mut broken = Vec::new();
    for name in &documents {
        let document = root().join(name);
        let text = read(&document)?;
        broken.extend(faults(&document, &text).map(|fault| format!("{name}: {fault}")));
    }
    broken.iter().for_each(|fault| println!("{fault}"));
    ensure!(broken.is_empty(), "{} broken links", broken.len());
    println!("the links of {} documents lead somewhere", documents.len());
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What is wrong with the links of a document.
fn faults(document: &Path, text: &str) -> impl Iterator<Item = String> {
    let local = links(text).into_iter().filter(|link| link.is_local());
    local.filter_map(move |link| {
        let (path, anchor) = link.parts();
        if path.starts_with('/') {
            return Some(format!("`{}` is not relative", link.target));
        }
        let folder = document.parent().unwrap_or(Path::new("."));
        let target = if path.is_empty() { document.to_path_buf() } else { folder.join(path) };
        if !target.exists() {
            return Some(format!("`{}` leads to a file that does not exist", link.target));
        }
        if anchor.is_empty() || target.extension().is_none_or(|extension| extension != "md") {
            return None;
        }
        let found =
            read(&target).map(|text| anchors(&text).iter().any(|heading| heading == anchor));
        match found {
            Ok(true) => None,
            Ok(false) => Some(format!("`{}` leads to a heading that does not exist", link.target)),
            Err(error) => Some(format!("{error:#}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        faults(&root().join("docs/invented.md"), text).collect()
    }

    #[test]
    fn a_link_to_a_missing_file_or_heading_is_found() {
        let fault = found("[a](no-such-file.md)");
        assert!(fault[0].contains("file that does not exist"), "{fault:?}");
        let fault = found("[a](FORMAT.md#no-such-heading)");
        assert!(fault[0].contains("heading that does not exist"), "{fault:?}");
        let fault = found("[a](/docs/FORMAT.md)");
        assert!(fault[0].contains("not relative"), "{fault:?}");
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "[a](FORMAT.md#digest) [b](../core/src) [c](https://example.org/no-such-page)";
        assert_eq!(found(text), [""; 0]);
    }
}
