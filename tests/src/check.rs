//! Runs one case on one implementation.

use crate::case::Case;
use crate::line::{Difference, FoundTrace, Line, Part, Verdict};
use crate::outcome::{Outcome, Trace};

/// An implementation under test: a back end with everything between it and its users.
pub trait Implementation {
    /// Name in the table of targets, such as `native, 2 threads`.
    fn name(&self) -> String;

    /// Name of the kernels.
    fn kernel(&self) -> String;

    /// Predicts a case.
    ///
    /// # Errors
    /// The reason why it cannot.
    fn run(&self, case: &Case) -> Result<Outcome, String>;

    /// The outputs of the nodes for all pictures of a case and one sample.
    ///
    /// # Errors
    /// The reason why it cannot.
    fn trace(&self, case: &Case, sample: u32) -> Result<Trace, String>;
}

/// Runs a case on an implementation and compares all results.
pub fn check(implementation: &impl Implementation, case: &Case) -> Line {
    let result =
        verdict(implementation, case).unwrap_or_else(|message| Verdict::Failed { message });
    let (target, kernel) = (implementation.name(), implementation.kernel());
    Line { target, kernel, vector: Some(case.name.clone()), result }
}

fn verdict(implementation: &impl Implementation, case: &Case) -> Result<Verdict, String> {
    let vector = &case.vector;
    let outcome = implementation.run(case)?;
    let trace = implementation.trace(case, case.samples().start)?;
    for expected in &vector.trace {
        let found = trace.iter().find(|found| found.node == expected.node);
        let found = found.ok_or_else(|| format!("no node `{}` in the trace", expected.node))?;
        if !expected.output.is(&found.bytes) {
            let part = Part::Node(found.node.clone());
            return Ok(Verdict::Different(Difference::new(part, &found.bytes)));
        }
    }
    if !vector.logits.is(&outcome.logits) {
        let trace = |sample| Ok(FoundTrace::new(sample, implementation.trace(case, sample)?));
        let traces = case.samples().map(trace).collect::<Result<_, String>>()?;
        let difference = Difference::new(Part::Logits, &outcome.logits);
        return Ok(Verdict::Different(Difference { traces, ..difference }));
    }
    for (expected, found, part) in [
        (&vector.sums, &outcome.sums, Part::Sums),
        (&vector.uncertainty, &outcome.uncertainty, Part::Uncertainty),
    ] {
        if !expected.is(found) {
            return Ok(Verdict::Different(Difference::new(part, found)));
        }
    }
    Ok(Verdict::Passed)
}
