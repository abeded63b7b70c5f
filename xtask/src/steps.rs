//! Steps that all run, even if some of them fail, and the table of their results.

use crate::skipped::Skipped;
use anyhow::bail;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    steps: Vec<Step>,
    skipped: Skipped,
}

/// A step that has ended or cannot run.
#[derive(Debug)]
struct Step {
    name: &'static str,
    time: Duration,
    /// Number of checks that it skipped.
    skipped: usize,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Passed,
    Failed(anyhow::Error),
    /// It needs the result of this step, which has none.
    NotRun(&'static str),
}

/// A step that has ended. Other steps may need its result.
#[derive(Debug)]
pub(crate) struct Ended<T> {
    name: &'static str,
    /// `None` if the step failed or did not run.
    pub(crate) result: Option<T>,
}

impl Steps {
    /// Runs a step.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce(&mut Skipped) -> anyhow::Result<T>,
    ) -> Ended<T> {
        println!("\n== {name} ==");
        let (start, skipped) = (Instant::now(), self.skipped.count());
        let (outcome, result) = match step(&mut self.skipped) {
            Ok(result) => (Outcome::Passed, Some(result)),
            Err(error) => {
                println!("FAILED: {name}: {error:#}");
                (Outcome::Failed(error), None)
            }
        };
        let skipped = self.skipped.count() - skipped;
        self.steps.push(Step { name, time: start.elapsed(), skipped, outcome });
        Ended { name, result }
    }

    /// Runs a step that needs the result of another one, unless that failed or did not run.
    pub(crate) fn run_after<N, T>(
        &mut self,
        needed: &Ended<N>,
        name: &'static str,
        step: impl FnOnce(&N, &mut Skipped) -> anyhow::Result<T>,
    ) -> Ended<T> {
        if let Some(result) = &needed.result {
            return self.run(name, |skipped| step(result, skipped));
        }
        let (time, outcome) = (Duration::ZERO, Outcome::NotRun(needed.name));
        self.steps.push(Step { name, time, skipped: 0, outcome });
        Ended { name, result: None }
    }

    /// Prints the table of steps, then what failed and what did not run.
    ///
    /// # Errors
    /// If any step failed or did not run.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        println!("\n{}\n{}", self.table(), self.skipped.summary());
        let failed = self.steps.iter().filter(|step| matches!(step.outcome, Outcome::Failed(_)));
        let failed = failed.count();
        if failed == 0 {
            return Ok(());
        }
        println!("\n{}", self.failures());
        bail!("{failed} of {} steps failed", self.steps.len())
    }

    /// One line per step: time, outcome, skipped checks.
    fn table(&self) -> String {
        let width = self.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
        let mut lines = String::new();
        let mut line = |name: &str, time: Duration, outcome: &str, skipped: usize| {
            let seconds = time.as_secs();
            let _ =
                write!(lines, "{name:width$}  {:3}:{:02}  {outcome}", seconds / 60, seconds % 60);
            lines.push_str(&match skipped {
                0 => "\n".into(),
                count => format!(", {count} skipped\n"),
            });
        };
        for Step { name, time, skipped, outcome } in &self.steps {
            let outcome = match outcome {
                Outcome::Passed => "passed",
                Outcome::Failed(_) => "FAILED",
                Outcome::NotRun(_) => "NOT RUN",
            };
            line(name, *time, outcome, *skipped);
        }
        line("in all", self.steps.iter().map(|step| step.time).sum(), "", 0);
        lines
    }

    /// One line per step that failed or did not run.
    fn failures(&self) -> String {
        let mut lines = String::new();
        for Step { name, outcome, .. } in &self.steps {
            let _ = match outcome {
                Outcome::Passed => Ok(()),
                Outcome::Failed(error) => writeln!(lines, "FAILED: {name}: {error:#}"),
                Outcome::NotRun(needed) => {
                    writeln!(lines, "NOT RUN: {name}: it needs the step `{needed}`")
                }
            };
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_step_that_fails_stops_only_the_steps_that_need_it() {
        let mut steps = Steps::default();
        let mut ran = Vec::new();
        let package = steps.run("package", |_| -> anyhow::Result<()> { Err(anyhow!("no disk")) });
        let site = steps.run_after(&package, "site", |(), _| {
            ran.push("site");
            Ok(())
        });
        steps.run_after(&site, "site's tests", |(), _| {
            ran.push("site's tests");
            Ok(())
        });
        let library = steps.run("library", |skipped| {
            skipped.report("the library's header as C++");
            ran.push("library");
            Ok("built")
        });
        steps.run_after(&library, "library's tests", |library, _| -> anyhow::Result<()> {
            ran.push("library's tests");
            Err(anyhow!("cause").context(format!("{library}, but wrong")))
        });
        let expected = "\
            FAILED: package: no disk\n\
            NOT RUN: site: it needs the step `package`\n\
            NOT RUN: site's tests: it needs the step `site`\n\
            FAILED: library's tests: built, but wrong: cause\n";
        assert_eq!(steps.failures(), expected);
        for step in &mut steps.steps {
            step.time = Duration::from_secs(61);
        }
        let expected = "\
            package            1:01  FAILED\n\
            site               1:01  NOT RUN\n\
            site's tests       1:01  NOT RUN\n\
            library            1:01  passed, 1 skipped\n\
            library's tests    1:01  FAILED\n\
            in all             5:05  \n";
        assert_eq!(steps.table(), expected);
        assert_eq!(steps.skipped.summary(), "1 check SKIPPED, named above");
        assert_eq!(steps.finish().unwrap_err().to_string(), "2 of 5 steps failed");
        assert_eq!(ran, ["library", "library's tests"]);
    }

    #[test]
    fn steps_that_all_succeed_are_a_success() {
        let mut steps = Steps::default();
        let first = steps.run("first", |_| Ok(1));
        let second = steps.run_after(&first, "second", |first, _| Ok(first + 1));
        assert_eq!(second.result, Some(2));
        assert_eq!(steps.failures(), "");
        steps.finish().unwrap();
    }
}
