//! The paths in the code of a file, without tests.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Meta, Token, UseTree};

/// A path such as `crate::graph::Shape`, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

/// A name that a `use` brings in.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) name: Name,
    /// The name in this file, or `_`. `None` for a glob import.
    pub(super) alias: Option<String>,
}

/// Whether the item with these attributes is only compiled for tests.
pub(super) fn are_of_tests(attributes: &[Attribute]) -> bool {
    fn needs_test(condition: &Meta) -> bool {
        let Meta::List(list) = condition else { return condition.path().is_ident("test") };
        let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        let parts = parts.unwrap_or_default();
        if list.path.is_ident("all") {
            parts.iter().any(needs_test)
        } else {
            list.path.is_ident("any") && parts.iter().all(needs_test)
        }
    }
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args().is_ok_and(|condition| needs_test(&condition))
    })
}

/// Whether a piece of code is only compiled for tests.
pub(super) fn is_of_tests(code: &impl ToTokens) -> bool {
    let attributes = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        input.parse::<TokenStream>()?;
        Ok(attributes)
    };
    attributes.parse2(code.to_token_stream()).is_ok_and(|attributes| are_of_tests(&attributes))
}

/// All names that a `use` brings in.
pub(super) fn of_use(tree: &UseTree) -> Vec<Used> {
    fn collect(tree: &UseTree, segments: &[String], found: &mut Vec<Used>) {
        let with = |last: &syn::Ident| {
            let own = (last != "self").then(|| last.to_string());
            segments.iter().cloned().chain(own).collect::<Vec<_>>()
        };
        let mut add = |segments: Vec<String>, alias: Option<String>| {
            let line = tree.span().start().line;
            found.push(Used { name: Name { segments, line }, alias });
        };
        match tree {
            UseTree::Path(path) => {
                let segments: Vec<_> =
                    segments.iter().cloned().chain([path.ident.to_string()]).collect();
                collect(&path.tree, &segments, found);
            }
            UseTree::Name(name) => {
                let segments = with(&name.ident);
                let alias = segments.last().cloned();
                add(segments, alias);
            }
            UseTree::Rename(rename) => add(with(&rename.ident), Some(rename.rename.to_string())),
            UseTree::Glob(_) => add(segments.to_vec(), None),
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| collect(item, segments, found));
            }
        }
    }
    let mut found = Vec::new();
    collect(tree, &[], &mut found);
    found
}

/// Collects the paths in code. Modules in it are left out.
#[derive(Debug, Default)]
pub(super) struct Names(pub(super) Vec<Name>);

impl Names {
    fn add(&mut self, segments: Vec<String>, line: usize) {
        self.0.push(Name { segments, line });
    }

    /// Adds the paths in the tokens of a macro, found by how they look.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |i: usize, mark: char| matches!(tokens.get(i), Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
        let mut i = 0;
        while i < tokens.len() {
            if let TokenTree::Group(group) = &tokens[i] {
                self.add_tokens(group.stream());
            }
            let TokenTree::Ident(first) = &tokens[i] else {
                i += 1;
                continue;
            };
            let before = |mark: char| i.checked_sub(1).is_some_and(|last| is(last, mark));
            let is_range = before('.') && i >= 2 && is(i - 2, '.');
            // Not paths of this crate: fields, methods, lifetimes, macro variables, other crates.
            let is_other = before('.') && !is_range
                || before('\'')
                || before('$') && first != "crate"
                || before(':') && i >= 2 && is(i - 2, ':');
            let mut segments = vec![first.to_string()];
            let line = first.span().start().line;
            i += 1;
            while is(i, ':') && is(i + 1, ':') {
                let Some(TokenTree::Ident(next)) = tokens.get(i + 2) else { break };
                segments.push(next.to_string());
                i += 3;
            }
            if !is_other {
                self.add(segments, line);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string());
            self.add(segments.collect(), path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, macro_call: &'ast syn::Macro) {
        self.visit_path(&macro_call.path);
        self.add_tokens(macro_call.tokens.clone());
    }

    /// A `use` in a function; elsewhere it belongs to the module.
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for used in of_use(&item.tree) {
            self.0.push(used.name);
        }
    }

    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}

    /// Arguments of attributes may name functions, as with clap.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
        }
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_of_tests(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !is_of_tests(item) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if !is_of_tests(statement) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !are_of_tests(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !are_of_tests(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !are_of_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }
}
