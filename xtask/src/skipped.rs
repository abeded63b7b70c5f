//! Checks that could not run on this machine. They are shown at once and counted at the end.

/// The mark of tests and chores that were skipped.
const MARK: &str = "SKIPPED";

/// Start of the line in which tests of AMX say what executed it: `amx: on silicon` or `amx: emulated`.
const AMX: &str = "amx: ";

/// The checks that were skipped.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    count: usize,
}

impl Skipped {
    /// Reports that `what` could not be checked, and counts it.
    pub(crate) fn report(&mut self, what: &str) {
        println!("{MARK}: {what}");
        self.count += 1;
    }

    /// Whether `line` of a test's output reports a skip, which then counts. Some runners print the
    /// output of tests as comments.
    pub(crate) fn notices(&mut self, line: &str) -> bool {
        let is_skip = line.trim_start_matches(['#', ' ']).starts_with(MARK);
        self.count += usize::from(is_skip);
        is_skip
    }

    /// Number of checks that were skipped.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The last line of a run.
    pub(crate) fn summary(&self) -> String {
        match self.count {
            0 => format!("0 checks {MARK}: everything ran"),
            1 => format!("1 check {MARK}, named above"),
            count => format!("{count} checks {MARK}, each named above"),
        }
    }
}

/// Filters the output of `cargo test -- --show-output`, line by line. libtest shows the output of
/// successful tests between `successes:` and the end of a test program. Of that, only skips and what
/// executed AMX are shown. Everything else is shown unchanged, above all failures.
#[derive(Debug, Default)]
pub(crate) struct TestOutput {
    within_successes: bool,
}

impl TestOutput {
    /// Whether to show `line`. If it reports a skip, counts it.
    pub(crate) fn shows(&mut self, line: &str, skipped: &mut Skipped) -> bool {
        let is_skip = skipped.notices(line);
        match line {
            "successes:" => self.within_successes = true,
            "failures:" => self.within_successes = false,
            _ if line.starts_with("test result: ") => self.within_successes = false,
            _ => {}
        }
        !self.within_successes || is_skip || line.starts_with(AMX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// The lines of `output` that are shown, and the number of skips.
    fn filter(output: &str) -> (Vec<&str>, usize) {
        let (mut filter, mut skipped) = (TestOutput::default(), Skipped::default());
        let shown = output.lines().filter(|line| filter.shows(line, &mut skipped)).collect();
        (shown, skipped.count)
    }

    #[test]
    fn failures_stay_whole_and_only_skips_are_kept_of_successes() {
        let output = "\nrunning 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c ... ok\n\n\
            successes:\n\n---- a stdout ----\nnoise\nSKIPPED: amx\namx: emulated\n\nsuccesses:\n    a\n    c\n\n\
            failures:\n\n---- b stdout ----\nleft: 1\n\nfailures:\n    b\n\n\
            test result: FAILED. 2 passed; 1 failed\n\nrunning 0 tests\nlast";
        let expected = "\nrunning 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c ... ok\n\n\
            SKIPPED: amx\namx: emulated\nfailures:\n\n---- b stdout ----\nleft: 1\n\nfailures:\n    b\n\n\
            test result: FAILED. 2 passed; 1 failed\n\nrunning 0 tests\nlast";
        assert_eq!(filter(output), (expected.lines().collect(), 1));
    }

    #[test]
    fn a_skip_counts_as_a_separate_line_or_as_a_comment() {
        let mut skipped = Skipped::default();
        let lines = ["SKIPPED: a", "# SKIPPED: b", "    # SKIPPED: c", "ok 1 - SKIPPED # no", ""];
        assert_eq!(lines.map(|line| skipped.notices(line)), [true, true, true, false, false]);
        assert_eq!(skipped.count, 3);
    }

    /// The filter must know the format of the toolchain, so this test runs itself once more.
    #[test]
    fn a_skip_of_a_real_test_program_is_seen() {
        const INNER: &str = "XTASK_TEST_PRINTS_A_SKIP";
        if std::env::var_os(INNER).is_some() {
            println!("noise");
            println!("{MARK}: for the test of the filter");
            return;
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(INNER, "1").args(["--show-output", "--exact"]);
        command.arg("skipped::tests::a_skip_of_a_real_test_program_is_seen");
        let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let (shown, count) = filter(&output);
        assert_eq!(count, 1, "{output}");
        assert!(shown.contains(&"SKIPPED: for the test of the filter"), "{output}");
        assert!(!shown.contains(&"noise"), "{output}");
        assert!(shown.iter().any(|line| line.starts_with("test result: ok. 1 passed")), "{output}");
    }
}
