//! What could not be checked on this machine: shown where it is met, counted at the end.

/// How tests and chores say that they were skipped.
const MARK: &str = "SKIPPED";

/// How the tests of AMX say what executed it: `amx: on silicon` or `amx: emulated`.
const AMX: &str = "amx: ";

/// The checks that were skipped.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    count: usize,
}

impl Skipped {
    /// Says that `what` could not be checked, and counts it.
    pub(crate) fn report(&mut self, what: &str) {
        println!("{MARK}: {what}");
        self.count += 1;
    }

    /// Whether `line` of a test's output says that something was skipped, which then counts. Some
    /// runners print what a test says as a comment.
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

/// The output of `cargo test -- --show-output`, line by line, as people want to read it. libtest
/// shows what successful tests printed between two lines `successes:` and the end of a test program;
/// of that only what was skipped, and what executed AMX, is of interest. All else, failures above all, passes as it comes.
#[derive(Debug, Default)]
pub(crate) struct TestOutput {
    within_successes: bool,
}

impl TestOutput {
    /// Whether to show `line`; counts it where it says that something was skipped.
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

    /// What is shown of an output, and the count of what was skipped.
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
    fn a_skip_counts_as_a_line_of_its_own_or_as_a_comment() {
        let mut skipped = Skipped::default();
        let lines = ["SKIPPED: a", "# SKIPPED: b", "    # SKIPPED: c", "ok 1 - SKIPPED # no", ""];
        assert_eq!(lines.map(|line| skipped.notices(line)), [true, true, true, false, false]);
        assert_eq!(skipped.count, 3);
    }

    /// The toolchain's own format, which the filter must know: this test is run by itself once more.
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
