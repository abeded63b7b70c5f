//! One table of the results of all runners.

use crate::case::Case;
use crate::explain::explain;
use crate::line::{Line, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

/// The results on every target.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
    /// Descriptions of everything that is wrong.
    pub problems: Vec<String>,
}

/// A target.
#[derive(Debug, Default)]
struct Row {
    target: String,
    kernel: String,
    run: BTreeSet<String>,
    passed: usize,
    /// Number of vectors that were skipped, by the reason; 0 for the whole target.
    skipped: BTreeMap<String, usize>,
}

impl Report {
    /// The report from the output of runners on `cases`. Every target must have run or skipped each
    /// case.
    pub fn new(cases: &[Case], output: &str) -> Self {
        let mut report = Self::default();
        for line in output.lines().filter_map(Line::parse) {
            match line {
                Ok(line) => report.add(cases, line),
                Err(error) => report.problems.push(format!("a line of a runner: {error}")),
            }
        }
        if report.rows.is_empty() {
            report.problems.push("no target ran".into());
        }
        for row in &report.rows {
            let skipped: usize = row.skipped.values().sum();
            let all_skipped = row.skipped.values().any(|&count| count == 0);
            let missing = cases.len().saturating_sub(row.run.len() + skipped);
            if missing > 0 && !all_skipped {
                let problem = format!("{}: {missing} vectors neither run nor skipped", row.label());
                report.problems.push(problem);
            }
        }
        report
    }

    /// Targets and parts of targets that were skipped, with the reasons.
    pub fn skipped(&self) -> impl Iterator<Item = String> {
        let reasons = |row: &Row| {
            let line = |(reason, _): (&String, _)| format!("{}: {reason}", row.label());
            row.skipped.iter().map(line).collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(reasons)
    }

    fn add(&mut self, cases: &[Case], line: Line) {
        let Line { target, kernel, vector, result } = line;
        let known = |row: &&mut Row| row.target == target && row.kernel == kernel;
        let row = match self.rows.iter_mut().find(known) {
            Some(row) => row,
            None => {
                let (target, kernel) = (target.clone(), kernel.clone());
                self.rows.push(Row { target, kernel, ..Row::default() });
                self.rows.last_mut().expect("it was just added")
            }
        };
        if let Verdict::Skipped { reason } = result {
            *row.skipped.entry(reason).or_default() += usize::from(vector.is_some());
            return;
        }
        let name = vector.unwrap_or_else(|| "all vectors".into());
        let label = format!("{}, {name}", row.label());
        let Some(case) = cases.iter().find(|case| case.name == name) else {
            let message = match result {
                Verdict::Failed { message } => message,
                _ => "not a vector of the files".into(),
            };
            self.problems.push(format!("{label}: {message}"));
            return;
        };
        if !row.run.insert(name) {
            self.problems.push(format!("{label}: run twice"));
            return;
        }
        let problem = match result {
            Verdict::Different(difference) => {
                explain(case, &difference).unwrap_or_else(|error| error)
            }
            Verdict::Failed { message } => message,
            Verdict::Passed | Verdict::Skipped { .. } => {
                row.passed += 1;
                return;
            }
        };
        self.problems.push(format!("{label}: {problem}"));
    }
}

impl Row {
    fn label(&self) -> String {
        format!("{} ({})", self.target, self.kernel)
    }
}

/// The table in Markdown.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table =
            vec![["target", "kernel", "vectors run", "passed", "skipped"].map(String::from)];
        for row in &self.rows {
            let mut skipped = String::new();
            for (reason, count) in &row.skipped {
                let separator = if skipped.is_empty() { "" } else { "; " };
                match count {
                    0 => write!(skipped, "{separator}all: {reason}")?,
                    _ => write!(skipped, "{separator}{count}: {reason}")?,
                }
            }
            let skipped = if skipped.is_empty() { "-".into() } else { skipped };
            let (run, passed) = (row.run.len().to_string(), row.passed.to_string());
            table.push([row.target.clone(), row.kernel.clone(), run, passed, skipped]);
        }
        let width = |column: usize| table.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        for (number, row) in table.iter().enumerate() {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
            writeln!(f, "|{}", cells.collect::<String>())?;
            if number == 0 {
                let rule = widths.map(|width| format!("{}|", "-".repeat(width + 2)));
                writeln!(f, "|{}", rule.concat())?;
            }
        }
        Ok(())
    }
}
