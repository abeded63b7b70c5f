//! The imports among the files of a crate. A file imports the files that define the names it uses.
//!
//! A name leads through re-exports to the file that defines it. So a parent that only declares a child
//! and re-exports its names does not need the child, but a parent that also uses these names does.
//! Methods have no path, so calling them does not count as using the file that defines them.

use super::imports::{Files, Imports};
use super::names::{Name, Names, Used, are_of_tests, is_of_tests, of_use};
use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::Visit;
use syn::{Item, Visibility};

/// The imports among `files`, of the crate with the first file `crate_root`.
///
/// # Errors
/// If a file does not parse, or the file of a module is missing.
pub(super) fn imports(files: &Files, crate_root: &Path) -> anyhow::Result<Imports> {
    let mut modules = Modules { files, modules: Vec::new() };
    let folder = crate_root.parent().context("a crate is in a folder")?;
    modules.add_file(crate_root.into(), folder, None)?;
    Ok(modules.imports())
}

/// A module, in a separate file or inline.
struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    uses: Vec<Use>,
    names: Vec<Name>,
}

struct Use {
    used: Used,
    is_reexport: bool,
}

/// The target of a path.
enum Found {
    Module(usize),
    /// A file that defines the name.
    Item(PathBuf),
}

struct Modules<'a> {
    files: &'a Files,
    /// The modules, beginning with the root of the crate.
    modules: Vec<Module>,
}

impl Modules<'_> {
    /// Adds the module in `file` and its children, which are in `folder`. Returns its number.
    fn add_file(
        &mut self,
        file: PathBuf,
        folder: &Path,
        parent: Option<usize>,
    ) -> anyhow::Result<Option<usize>> {
        let text = self.files.get(&file).with_context(|| format!("no file {}", file.display()))?;
        let syntax = syn::parse_file(text);
        let syntax = syntax.with_context(|| format!("cannot parse {}", file.display()))?;
        if are_of_tests(&syntax.attrs) {
            return Ok(None);
        }
        self.add(file, folder, parent, &syntax.items).map(Some)
    }

    fn add(
        &mut self,
        file: PathBuf,
        folder: &Path,
        parent: Option<usize>,
        code: &[Item],
    ) -> anyhow::Result<usize> {
        let number = self.modules.len();
        let (children, items, uses) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        let names = Vec::new();
        self.modules.push(Module { file: file.clone(), parent, children, items, uses, names });
        let mut names = Names::default();
        for item in code.iter().filter(|&item| !is_of_tests(item)) {
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let child_folder = folder.join(&name);
                    let added = match &child.content {
                        Some((_, code)) => {
                            Some(self.add(file.clone(), &child_folder, Some(number), code)?)
                        }
                        None => {
                            let candidates =
                                [folder.join(format!("{name}.rs")), child_folder.join("mod.rs")];
                            let found =
                                candidates.into_iter().find(|path| self.files.contains_key(path));
                            let Some(found) = found else {
                                bail!("{}: no file of module {name}", file.display());
                            };
                            self.add_file(found, &child_folder, Some(number))?
                        }
                    };
                    self.modules[number].children.extend(added.map(|added| (name, added)));
                }
                Item::Use(item) if item.leading_colon.is_none() => {
                    let is_reexport = !matches!(item.vis, Visibility::Inherited);
                    let uses = of_use(&item.tree).into_iter();
                    self.modules[number].uses.extend(uses.map(|used| Use { used, is_reexport }));
                }
                _ => {
                    self.modules[number].items.extend(name_of(item));
                    names.visit_item(item);
                }
            }
        }
        self.modules[number].names = names.0;
        Ok(number)
    }

    fn imports(&self) -> Imports {
        let mut imports = Imports::default();
        for (number, module) in self.modules.iter().enumerate() {
            let own = module.uses.iter().filter(|used| !used.is_reexport);
            for name in own.map(|used| &used.used.name).chain(&module.names) {
                if let Some(Found::Item(file)) = self.find(number, &name.segments) {
                    imports.add(&module.file, name.line, &file);
                }
            }
        }
        imports
    }

    /// The target of `path` from module `from`, if it is in this crate.
    fn find(&self, from: usize, path: &[String]) -> Option<Found> {
        self.find_path(from, path, &mut BTreeSet::new())
    }

    /// Does the work of [`Self::find`]. `tried` has the names that the search has passed, since
    /// re-exports may form a circle.
    fn find_path<'s>(
        &'s self,
        from: usize,
        path: &'s [String],
        tried: &mut BTreeSet<(usize, &'s str)>,
    ) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        let mut found = match first.as_str() {
            "crate" => Found::Module(0),
            "self" => Found::Module(from),
            "super" => Found::Module(self.modules[from].parent?),
            name => self.find_name(from, name, tried)?,
        };
        for name in rest {
            let Found::Module(module) = found else { break };
            found = if name == "super" {
                Found::Module(self.modules[module].parent?)
            } else {
                // Names that a macro defines are not known here.
                let item = self.find_name(module, name, tried);
                item.unwrap_or_else(|| Found::Item(self.modules[module].file.clone()))
            };
        }
        Some(found)
    }

    /// The target of `name` in module `number`.
    fn find_name<'s>(
        &'s self,
        number: usize,
        name: &'s str,
        tried: &mut BTreeSet<(usize, &'s str)>,
    ) -> Option<Found> {
        let module = &self.modules[number];
        if let Some(&child) = module.children.get(name) {
            return Some(Found::Module(child));
        }
        if module.items.contains(name) {
            return Some(Found::Item(module.file.clone()));
        }
        if !tried.insert((number, name)) {
            return None;
        }
        let by_name = |used: &&Use| used.used.alias.as_deref() == Some(name);
        if let Some(used) = module.uses.iter().find(by_name) {
            return self.find_path(number, &used.used.name.segments, tried);
        }
        let mut globs = module.uses.iter().filter(|used| used.used.alias.is_none());
        globs.find_map(|used| match self.find_path(number, &used.used.name.segments, tried)? {
            Found::Module(module) => self.find_name(module, name, tried),
            Found::Item(_) => None,
        })
    }
}

/// The name of an item.
fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cycles of a crate with these files in its folder `src`, each as `FILE:LINE FILE:LINE`.
    fn cycles(files: &[(&str, &str)]) -> Vec<String> {
        let path = |name: &str| Path::new("src").join(name);
        let files = files.iter().map(|&(name, text)| (path(name), text.into())).collect();
        let imports = imports(&files, &path("lib.rs")).unwrap();
        let of_import = |import: &super::super::imports::Import| {
            format!("{}:{}", import.from.strip_prefix("src").unwrap().display(), import.line)
        };
        let of_cycle = |cycle: &Vec<_>| cycle.iter().map(of_import).collect::<Vec<_>>().join(" ");
        imports.cycles().iter().map(of_cycle).collect()
    }

    /// The cycles of a library with modules `a` and `b`.
    fn cycles_of_two(a: &str, b: &str) -> Vec<String> {
        cycles(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", a), ("b.rs", b)])
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn a_cycle_of_two_files_is_found_whatever_names_the_other() {
        let b = "use crate::a::A;\npub fn f(_: A) {}\npub const F: () = ();\npub trait T {}";
        let code = [
            "use crate::b::f;",
            "use super::b;\nfn g() { b::f(A) }",
            "use crate::{b::{self as other}};\nfn g() { other::f(A) }",
            "fn g() { use crate::b::F as G; G }",
            "impl crate::b::T for A {}",
            "fn g() -> Vec<super::b::Type> {}",
            "fn g() { println!(\"{:?}\", [crate::b::F]) }",
            "macro_rules! m { () => { $crate::b::F } }",
            "struct S {\n#[arg(value_parser = super::b::f)] field: A }",
            "use super::b::*;\nfn g() { f(A) }",
            "#[cfg(not(test))]\nuse crate::b::f;",
            "#[cfg(any(test, unix))]\nuse crate::b::f;",
        ];
        for code in code {
            let found = cycles_of_two(&format!("pub struct A;\n{code}"), b);
            assert_eq!(found.len(), 1, "{code}");
            assert!(found[0].starts_with("a.rs:") && found[0].ends_with(" b.rs:1"), "{found:?}");
        }
    }

    #[test]
    fn a_cycle_names_the_line_of_each_import() {
        let a = "//! A.\n\nuse super::{\n    b::{\n        B,\n    },\n};\npub struct A;";
        assert_eq!(cycles_of_two(a, "pub struct B;\nfn f(_: super::a::A) {}"), ["a.rs:5 b.rs:2"]);
    }

    #[test]
    fn tests_are_left_out() {
        let b = "use crate::a::A;\npub struct B;";
        for code in [
            "#[cfg(test)]\nuse crate::b::B;",
            "#[cfg(test)]\nmod tests { use crate::b::B; }",
            "#[cfg(all(test, unix))]\nfn f(_: crate::b::B) {}",
            "impl A { #[cfg(test)] fn f(_: crate::b::B) {} }",
            "fn f() { #[cfg(test)] let b = crate::b::B; }",
            "fn f() { match 0 { #[cfg(test)] 1 => crate::b::B, _ => {} } }",
            "enum E { #[cfg(test)] B(crate::b::B) }",
            "struct S { #[cfg(test)] b: crate::b::B }",
        ] {
            assert_eq!(cycles_of_two(&format!("pub struct A;\n{code}"), b), NONE, "{code}");
        }
        let tests = ("a/tests.rs", "use crate::b::B;");
        let a = ("a.rs", "#[cfg(test)]\nmod tests;\npub struct A;");
        assert_eq!(cycles(&[("lib.rs", "mod a;\nmod b;"), a, ("b.rs", b), tests]), NONE);
    }

    #[test]
    fn names_that_only_look_alike_are_no_imports() {
        let b = "use crate::a::A;\npub struct B;\npub mod log {}";
        for code in [
            "use std::b;",
            "use ::b::B;",
            "fn f(b: A) { b.b(); vec![b.b, A]; }",
            "pub(in crate::a) struct C;",
            "fn f<'b>() { m!('b, ::b::B, $b::B, \"crate::b::B\"); } // crate::b::B",
        ] {
            assert_eq!(cycles_of_two(&format!("pub struct A;\n{code}"), b), NONE, "{code}");
        }
    }

    /// The cycles of a library with `a.rs` and its child `a/c.rs`.
    fn cycles_of_child(a: &str, child: &str) -> Vec<String> {
        cycles(&[("lib.rs", "mod a;"), ("a.rs", a), ("a/c.rs", child)])
    }

    #[test]
    fn a_parent_that_declares_and_reexports_does_not_need_its_child() {
        let child = "use super::A;\npub struct C;";
        assert_eq!(cycles_of_child("mod c;\npub use c::C;\npub struct A;", child), NONE);
        assert_eq!(cycles_of_child("pub mod c;\npub use c::*;\npub struct A;", child), NONE);
    }

    #[test]
    fn a_parent_that_uses_what_its_child_defines_needs_it() {
        let child = "use super::A;\npub struct C;";
        for parent in [
            "mod c;\npub struct A;\nuse c::C;",
            "mod c;\npub struct A;\npub use c::C;\nimpl C {}",
            "mod c;\npub struct A;\nfn f() -> c::C {}",
        ] {
            assert_eq!(cycles_of_child(parent, child).len(), 1, "{parent}");
        }
        assert_eq!(cycles_of_child("mod c;\nuse c::C;\npub struct A;", "pub struct C;"), NONE);
    }

    #[test]
    fn a_reexport_leads_to_the_file_that_defines_the_name() {
        let lib = ("lib.rs", "mod a;");
        let a = ("a.rs", "mod b;\nmod c;\npub use b::B;\npub use c::C as D;\nfn f(_: D) {}");
        let b = ("a/b.rs", "use super::D;\npub struct B;");
        assert_eq!(cycles(&[lib, a, b, ("a/c.rs", "pub struct C;")]), NONE);
        let c = ("a/c.rs", "use super::B;\npub struct C;");
        assert_eq!(cycles(&[lib, a, b, c]), ["a/b.rs:1 a/c.rs:1"]);
    }

    #[test]
    fn reexports_that_go_round_in_a_circle_end() {
        assert_eq!(
            cycles_of_two("pub use super::b::*;\nfn f() { X }", "pub use super::a::*;"),
            NONE
        );
        assert_eq!(cycles_of_two("pub use super::b::X;", "pub use super::a::X;"), NONE);
    }

    #[test]
    fn modules_within_a_file_are_that_file() {
        let a = "pub mod inner {\n    use super::super::b::B;\n    pub struct A;\n}";
        assert_eq!(cycles_of_two(a, "use crate::a::inner::A;\npub struct B;"), ["a.rs:2 b.rs:1"]);
        assert_eq!(cycles_of_two("mod c { use super::A; }\nuse c::X;\nstruct A;", ""), NONE);
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_it() {
        let files = Files::from([("src/lib.rs".into(), "mod absent;".into())]);
        let error = imports(&files, Path::new("src/lib.rs")).unwrap_err();
        assert_eq!(error.to_string(), "src/lib.rs: no file of module absent");
    }
}
