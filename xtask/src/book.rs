//! `cargo xtask book`: the documentation as an mdBook, after a check of all links.

use crate::links;
use crate::markdown;
use crate::programs::{root, run_command};
use crate::skipped::Skipped;
use crate::tools;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// Version of mdBook.
const MDBOOK: &str = "0.5.4";

/// Where the sources of a release are to be read: links that leave the book lead there.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// Checks the links of all documents and builds the book into `target/book`.
///
/// # Errors
/// If a link is broken, a page is not in the table of contents, or the book cannot be built.
pub(crate) fn build(skipped: &mut Skipped) -> anyhow::Result<()> {
    links::check()?;
    every_page_is_listed()?;
    // Neither a server nor a search index: that halves what is to be compiled.
    if let Err(reason) =
        tools::cargo_program("mdbook", "mdbook", MDBOOK, &["--no-default-features"])
    {
        skipped.report(&format!("the book: {reason}"));
        return Ok(());
    }
    let mut command = Command::new(tools::bin().join("mdbook"));
    command.args(["build", "docs", "--dest-dir"]).arg(tools::target().join("book"));
    run_command(command.current_dir(root()))
}

/// Fails where a page of `docs` is missing from `docs/SUMMARY.md`: no reader would find it.
fn every_page_is_listed() -> anyhow::Result<()> {
    let docs = root().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).context("docs/SUMMARY.md")?;
    let listed = markdown::links(&summary).into_iter().map(|link| docs.join(link.target));
    let listed: BTreeSet<PathBuf> = listed.chain([docs.join("SUMMARY.md")]).collect();
    let mut pages = BTreeSet::new();
    collect_pages(&docs, &mut pages)?;
    let missing: Vec<_> =
        pages.difference(&listed).map(|page| page.display().to_string()).collect();
    ensure!(missing.is_empty(), "not in docs/SUMMARY.md: {}", missing.join(", "));
    Ok(())
}

fn collect_pages(folder: &Path, pages: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if path.is_dir() {
            collect_pages(&path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.insert(path);
        }
    }
    Ok(())
}

/// What mdBook runs before it renders: reads `[context, book]` and prints the book, in which links
/// to files outside of `docs` lead to the repository on the web.
///
/// # Errors
/// If the input is not what mdBook writes.
pub(crate) fn preprocess() -> anyhow::Result<()> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).context("cannot read the book")?;
    let input: Value = serde_json::from_str(&input).context("the book is not JSON")?;
    let Value::Array(mut parts) = input else { anyhow::bail!("expected `[context, book]`") };
    let mut book = parts.pop().context("expected `[context, book]`")?;
    if !REPOSITORY.is_empty() {
        rewrite(&mut book, REPOSITORY);
    }
    println!("{book}");
    Ok(())
}

/// Rewrites the links of all chapters: objects with a `content` and a `path`.
fn rewrite(value: &mut Value, repository: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, repository)),
        Value::Object(fields) => {
            let path = fields.get("path").and_then(Value::as_str);
            let path = path.map(|path| Path::new("docs").join(path));
            if let (Some(path), Some(Value::String(content))) = (path, fields.get_mut("content")) {
                *content = with_web_links(content, &path, repository);
            }
            fields.values_mut().for_each(|field| rewrite(field, repository));
        }
        _ => {}
    }
}

/// The page at `path` of the repository, with links that leave `docs` as addresses.
fn with_web_links(content: &str, path: &Path, repository: &str) -> String {
    let mut text = content.to_owned();
    let mut links = markdown::links(content);
    // From the end, so that the places of those before stay.
    links.sort_by_key(|link| std::cmp::Reverse(link.place.start));
    for link in links.iter().filter(|link| link.is_local()) {
        let (file, anchor) = link.parts();
        let target = normal(&path.parent().unwrap_or(Path::new("")).join(file));
        if file.is_empty() || target.starts_with("docs") {
            continue;
        }
        let kind = if root().join(&target).is_dir() { "tree" } else { "blob" };
        let hash = if anchor.is_empty() { "" } else { "#" };
        let address = format!("{repository}/{kind}/main/{}{hash}{anchor}", target.display());
        text.replace_range(link.place.clone(), &address);
    }
    text
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, component| {
        match component {
            Component::ParentDir => {
                path.pop();
            }
            other => path.push(other),
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn links_that_leave_the_book_lead_to_the_repository() {
        let page = "[a](../../README.md#see-it) [b](../FORMAT.md) [c](#d) [e](../../core/src)";
        let expected = "[a](https://example.org/o/r/blob/main/README.md#see-it) [b](../FORMAT.md) \
                        [c](#d) [e](https://example.org/o/r/tree/main/core/src)";
        let path = Path::new("docs/guides/invented.md");
        assert_eq!(with_web_links(page, path, "https://example.org/o/r"), expected);
    }

    #[test]
    fn chapters_are_found_at_any_depth() {
        let chapter = |sub_items: Value| {
            let (content, path) = ("[a](../README.md)", "a.md");
            json!({ "Chapter": { "content": content, "path": path, "sub_items": sub_items } })
        };
        let mut book = json!({ "items": [chapter(json!([chapter(Value::Null)]))] });
        rewrite(&mut book, "https://example.org/o/r");
        assert_eq!(book.to_string().matches("/o/r/blob/main/README.md").count(), 2);
    }
}
