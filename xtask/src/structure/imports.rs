//! The imports among files, and the cycles among them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// Texts of files by their paths from the root of the workspace.
pub(super) type Files = BTreeMap<PathBuf, String>;

/// An import of one file by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) from: PathBuf,
    /// The first line that names the other.
    pub(super) line: usize,
    pub(super) to: PathBuf,
}

/// The imports among some files.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// For each importing file, the imported files with the lines of the imports.
    lines: BTreeMap<PathBuf, BTreeMap<PathBuf, usize>>,
}

impl Imports {
    /// Adds an import. An import of a file by itself does not count.
    pub(super) fn add(&mut self, from: &Path, line: usize, to: &Path) {
        if from != to {
            let lines = self.lines.entry(from.into()).or_default();
            let first = lines.entry(to.into()).or_insert(line);
            *first = line.min(*first);
        }
    }

    /// Cycles, each as a list of imports, of which the last leads to the first file. Every import that
    /// is part of a cycle is in at least one of them. Each is a shortest cycle with its first import.
    pub(super) fn cycles(&self) -> Vec<Vec<Import>> {
        let mut cycles = Vec::new();
        let mut covered = BTreeSet::new();
        for (from, lines) in &self.lines {
            for to in lines.keys().filter(|to| to.as_path() != from) {
                if covered.contains(&(from, to)) {
                    continue;
                }
                let Some(back) = self.shortest_path(to, from) else { continue };
                let files: Vec<&PathBuf> = [from].into_iter().chain(back).collect();
                let pairs = files.windows(2).map(|pair| (pair[0], pair[1]));
                covered.extend(pairs.clone());
                let import = |(from, to): (&PathBuf, &PathBuf)| Import {
                    from: from.clone(),
                    line: self.lines[from][to],
                    to: to.clone(),
                };
                cycles.push(pairs.map(import).collect());
            }
        }
        cycles
    }

    /// The files on a shortest path from `first` to `last`, both included.
    fn shortest_path<'a>(&'a self, first: &'a PathBuf, last: &PathBuf) -> Option<Vec<&'a PathBuf>> {
        let mut came_from = BTreeMap::from([(first, None)]);
        let mut queue = VecDeque::from([first]);
        while let Some(file) = queue.pop_front() {
            if file == last {
                let mut path: Vec<_> =
                    std::iter::successors(Some(file), |&file| came_from[file]).collect();
                path.reverse();
                return Some(path);
            }
            for next in self.lines.get(file).into_iter().flat_map(BTreeMap::keys) {
                came_from.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    Some(file)
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Imports from pairs of one letter each; lines count from 1.
    fn imports(pairs: &[&str]) -> Imports {
        let mut imports = Imports::default();
        for (i, pair) in pairs.iter().enumerate() {
            imports.add(Path::new(&pair[..1]), i + 1, Path::new(&pair[1..]));
        }
        imports
    }

    /// The cycles, each as the letters of its files.
    fn cycles(pairs: &[&str]) -> Vec<String> {
        let letters =
            |cycle: &Vec<Import>| cycle.iter().map(|i| i.from.to_str().unwrap()).collect();
        imports(pairs).cycles().iter().map(letters).collect()
    }

    #[test]
    fn files_that_meet_again_without_a_cycle_are_none() {
        assert_eq!(cycles(&["ab", "ac", "bd", "cd", "aa"]), Vec::<String>::new());
    }

    #[test]
    fn every_import_of_a_cycle_is_in_one_that_is_found() {
        assert_eq!(cycles(&["ab", "ba", "bc"]), ["ab"]);
        assert_eq!(cycles(&["ab", "bc", "ca", "cd"]), ["abc"]);
        assert_eq!(cycles(&["ab", "bc", "ca", "cb", "xa"]), ["abc", "cb"]);
    }

    #[test]
    fn a_cycle_names_the_first_line_of_each_import() {
        let mut imports = imports(&["ab", "ba"]);
        imports.add(Path::new("b"), 1, Path::new("a"));
        imports.add(Path::new("a"), 9, Path::new("b"));
        let import = |from: &str, line, to: &str| Import { from: from.into(), line, to: to.into() };
        assert_eq!(imports.cycles(), [[import("a", 1, "b"), import("b", 1, "a")]]);
    }
}
