//! The imports among the files of a folder of TypeScript.

use super::imports::{Files, Imports};
use std::path::{Component, Path, PathBuf};

/// The imports among `files`, except of types only, which the compiler removes.
pub(super) fn imports(files: &Files) -> Imports {
    let mut imports = Imports::default();
    for (file, text) in files {
        for (line, specifier) in specifiers(text) {
            let path = specifier.strip_suffix(".js").unwrap_or(&specifier);
            let folder = file.parent().unwrap_or(Path::new(""));
            let to = normalized(&folder.join(path)).with_extension("ts");
            if files.contains_key(&to) {
                imports.add(file, line, &to);
            }
        }
    }
    imports
}

/// `path` without `.` and `..`.
fn normalized(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            _ => normal.push(component),
        }
    }
    normal
}

/// The relative addresses in statements `import` and `export ... from` and in calls of `import`, each
/// with its line, from 1.
fn specifiers(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let text = without_comments(text);
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    while let Some((number, line)) = lines.next() {
        for call in line.split("import(").skip(1) {
            found.extend(quoted(call).map(|specifier| (number, specifier)));
        }
        let is_statement =
            ["import ", "import{", "import\"", "export {", "export{", "export *", "export type {"]
                .iter()
                .any(|start| line.starts_with(start));
        if !is_statement {
            continue;
        }
        // Up to the address, or to the end of a statement that is not an import.
        let mut statement = line.to_owned();
        while quoted(&statement).is_none() && !statement.contains(';') {
            let Some((_, line)) = lines.next() else { break };
            statement += line;
        }
        if !is_of_types(&statement) {
            found.extend(quoted(&statement).map(|specifier| (number, specifier)));
        }
    }
    found.retain(|(_, specifier)| specifier.starts_with('.'));
    found
}

/// Whether an import or export names only types.
fn is_of_types(statement: &str) -> bool {
    let rest = statement.trim_start_matches("import").trim_start_matches("export").trim_start();
    let Some(names) = rest.strip_prefix('{') else { return rest.starts_with("type ") };
    let names = names.split('}').next().unwrap_or_default();
    names.split(',').map(str::trim).all(|name| name.is_empty() || name.starts_with("type "))
}

/// The first text in quotes.
fn quoted(code: &str) -> Option<String> {
    let start = code.find(['"', '\''])?;
    let mark = &code[start..=start];
    Some(code[start + 1..].split_once(mark)?.0.into())
}

/// `text` without the contents of comments. Comment marks in quotes do not count.
fn without_comments(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut quote = None;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let end = match quote {
            None if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            None if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            Some(_) if next == '\\' => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                result += &rest[..1 + escaped];
                rest = &rest[1 + escaped..];
                continue;
            }
            _ => {
                if quote == Some(next) || (quote.is_some() && next == '\n' && quote != Some('`')) {
                    quote = None;
                } else if quote.is_none() && ['"', '\'', '`'].contains(&next) {
                    quote = Some(next);
                }
                result.push(next);
                rest = &rest[next.len_utf8()..];
                continue;
            }
        };
        result.extend(rest[..end].chars().filter(|&comment| comment == '\n'));
        rest = &rest[end..];
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(files: &[(&str, &str)]) -> usize {
        let files = files.iter().map(|&(path, text)| (path.into(), text.into())).collect();
        imports(&files).cycles().len()
    }

    #[test]
    fn every_form_of_import_counts_with_its_line() {
        let text = "\
            /* import \"./comment.js\" */\n\
            import { a } from \"./a.js\";\n\
            import {\n  type B,\n  b,\n} from \"./b.js\";\n\
            import \"./c.js\"; // import \"./comment.js\"\n\
            import d, { type D } from '../d.js';\n\
            export * from \"./e.js\";\n\
            export { f } from \"./f.js\";\n\
            export const x = await import(\"./g.js\");\n\
            import { readFile } from \"node:fs\";\n\
            export { x };\n\
            const text = \"a // b\"; export const url = new URL(\"./worker.js\", import.meta.url);\n";
        let expected = [(2, "./a.js"), (3, "./b.js"), (7, "./c.js"), (8, "../d.js"), (9, "./e.js")];
        let expected = expected.into_iter().chain([(10, "./f.js"), (11, "./g.js")]);
        let expected: Vec<_> = expected.map(|(line, path)| (line, path.to_owned())).collect();
        assert_eq!(specifiers(text), expected);
    }

    #[test]
    fn imports_of_types_alone_do_not_count() {
        let text = "\
            import type { A } from \"./a.js\";\n\
            import type B from \"./b.js\";\n\
            import { type C, type D } from \"./c.js\";\n\
            import {\n  type E,\n  type F,\n} from \"./e.js\";\n\
            export type { G } from \"./g.js\";\n\
            export { type H } from \"./h.js\";\n";
        assert_eq!(specifiers(text), []);
    }

    #[test]
    fn cycles_are_found_across_folders() {
        let up = "import { a } from \"../a.js\";";
        assert_eq!(cycles(&[("s/a.ts", "import { b } from \"./b/b.js\";"), ("s/b/b.ts", up)]), 1);
        assert_eq!(
            cycles(&[("s/a.ts", "import type { B } from \"./b/b.js\";"), ("s/b/b.ts", up)]),
            0
        );
    }
}
