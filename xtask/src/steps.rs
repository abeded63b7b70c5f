//! Steps that all run, whichever of them fail, and the list of what became of them.

use crate::skipped::Skipped;
use anyhow::bail;
use std::fmt::Write;

/// What became of the steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    count: usize,
    failed: Vec<(&'static str, anyhow::Error)>,
    not_run: Vec<(&'static str, &'static str)>,
    skipped: Skipped,
}

/// A step that has ended: other steps may need its result.
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
        self.count += 1;
        let result = step(&mut self.skipped);
        let result = result.map_err(|error| {
            println!("FAILED: {name}: {error:#}");
            self.failed.push((name, error));
        });
        Ended { name, result: result.ok() }
    }

    /// Runs a step that needs the result of another, unless there is none.
    pub(crate) fn run_after<N, T>(
        &mut self,
        needed: &Ended<N>,
        name: &'static str,
        step: impl FnOnce(&N, &mut Skipped) -> anyhow::Result<T>,
    ) -> Ended<T> {
        if let Some(result) = &needed.result {
            return self.run(name, |skipped| step(result, skipped));
        }
        self.count += 1;
        self.not_run.push((name, needed.name));
        Ended { name, result: None }
    }

    /// Prints what was skipped, what failed and what did not run.
    ///
    /// # Errors
    /// Unless all steps have succeeded.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        println!("{}", self.skipped.summary());
        if self.failed.is_empty() {
            return Ok(());
        }
        println!("\n{}", self.failures());
        bail!("{} of {} steps failed", self.failed.len(), self.count)
    }

    /// One line per step that failed or did not run.
    fn failures(&self) -> String {
        let mut lines = String::new();
        for (name, error) in &self.failed {
            let _ = writeln!(lines, "FAILED: {name}: {error:#}");
        }
        for (name, needed) in &self.not_run {
            let _ = writeln!(lines, "NOT RUN: {name}: it needs the step `{needed}`");
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
            FAILED: library's tests: built, but wrong: cause\n\
            NOT RUN: site: it needs the step `package`\n\
            NOT RUN: site's tests: it needs the step `site`\n";
        assert_eq!(steps.failures(), expected);
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
