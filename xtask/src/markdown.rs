//! The links and the anchors of a Markdown document.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::collections::HashMap;
use std::ops::Range;

/// A link or a picture.
#[derive(Debug, PartialEq)]
pub(crate) struct Link {
    /// The address, as it is written.
    pub(crate) target: String,
    /// Bytes of the document that hold the address.
    pub(crate) place: Range<usize>,
}

impl Link {
    /// Whether the address is a path in the repository or an anchor: it names no protocol.
    pub(crate) fn is_local(&self) -> bool {
        let (protocol, _) = self.target.split_once(':').unwrap_or_default();
        protocol.is_empty() || protocol.contains(['/', '#', '.'])
    }

    /// The path and the anchor, either of which may be empty.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.target.split_once('#').unwrap_or((&self.target, ""))
    }
}

fn events(text: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter()
}

/// All links and pictures, in order. Code is left out.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let links = events(text).filter_map(|(event, range)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            let target = dest_url.into_string();
            // The address comes after the text, which may hold a picture with the same one.
            let start = range.start + text[range].rfind(&target)?;
            Some(Link { place: start..start + target.len(), target })
        }
        _ => None,
    });
    links.collect()
}

/// The anchors that GitHub and mdBook make of the headings.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors = Vec::new();
    let mut heading: Option<String> = None;
    for (event, _) in events(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                heading.iter_mut().for_each(|heading| heading.push_str(&part));
            }
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap_or_default());
                let count = seen.entry(anchor.clone()).or_default();
                anchors.push(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
                *count += 1;
            }
            _ => {}
        }
    }
    anchors
}

fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_pictures_are_found_and_code_is_not() {
        let text =
            "[a](b.md#c) `[d](e)`\n```\n[f](g)\n```\n[![h](i.png)](j)\n\n| [k](l) |\n|---|\n";
        let found = links(text);
        let targets: Vec<_> = found.iter().map(|link| link.target.as_str()).collect();
        assert_eq!(targets, ["b.md#c", "j", "i.png", "l"]);
        assert!(found.iter().all(|link| text[link.place.clone()] == link.target));
        assert_eq!(found[0].parts(), ("b.md", "c"));
    }

    #[test]
    fn only_addresses_without_a_protocol_are_local() {
        let local = |target: &str| Link { target: target.into(), place: 0..0 }.is_local();
        assert!(local("a/b.md") && local("#c") && local("a.md#b:c"));
        assert!(!local("https://example.org/") && !local("mailto:a@example.org"));
    }

    #[test]
    fn anchors_are_those_of_github() {
        let text = "# From C and C++\n## `load` a model\n## What it's for?\n# From C and C++\n";
        let expected = ["from-c-and-c", "load-a-model", "what-its-for", "from-c-and-c-1"];
        assert_eq!(anchors(text), expected);
    }
}
