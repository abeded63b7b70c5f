//! The reference back end as an implementation. Its results are right by definition.

use crate::case::Case;
use crate::check::Implementation;
use crate::outcome::{Outcome, Trace, TracedNode};
use bayes8_core::backend::Backend;
use bayes8_core::executor::{Executor, NodeOutput, Workspace};
use bayes8_core::format;
use bayes8_core::model::QuantizedModel;
use bayes8_core::reference::Reference;
use bayes8_core::session::Estimate;

/// A back end run directly on the executor of core.
#[derive(Clone, Copy, Debug)]
pub struct OnCore<B>(pub B);

/// The reference.
pub const REFERENCE: OnCore<Reference> = OnCore(Reference);

impl<B: Backend + Copy> Implementation for OnCore<B> {
    fn name(&self) -> String {
        "core".into()
    }

    fn kernel(&self) -> String {
        self.0.kernel().into()
    }

    fn run(&self, case: &Case) -> Result<Outcome, String> {
        let (model, executor, mut workspace) = self.begin(case)?;
        let estimate = Estimate::new(model.shared_outputs()).map_err(|error| error.to_string())?;
        let mut estimates = vec![estimate; case.count];
        for draw in case.draws_of(&model, case.samples())? {
            executor.run_sample(draw, None, &mut workspace, |picture, found| {
                estimates[picture].add(found, true);
            });
        }
        let mut outcome = Outcome::default();
        for estimate in &estimates {
            let outputs = estimate.outputs().iter().zip(estimate.sums());
            outcome.push_sums(estimate.numbers(), outputs);
        }
        Ok(outcome)
    }

    fn trace(&self, case: &Case, sample: u32) -> Result<Trace, String> {
        let (model, executor, mut workspace) = self.begin(case)?;
        let draws = case.draws_of(&model, sample..sample + 1)?;
        let trace = draws.into_iter().flat_map(|draw| executor.trace(draw, &mut workspace));
        Ok(named(&model, trace.collect()))
    }
}

impl<B: Backend + Copy> OnCore<B> {
    /// The model, and an executor and workspace with the pictures of the case.
    fn begin(&self, case: &Case) -> Result<(QuantizedModel, Executor<B>, Workspace<B>), String> {
        let model = format::read(&case.model).map_err(|error| error.to_string())?;
        let codes = case.codes(&model)?;
        let executor = Executor::new(&model, self.0);
        let mut workspace = executor.workspace(32).map_err(|error| error.to_string())?;
        executor.begin(&codes, &mut workspace).map_err(|error| error.to_string())?;
        Ok((model, executor, workspace))
    }
}

/// Outputs with the names of their nodes.
pub fn named(model: &QuantizedModel, outputs: Vec<NodeOutput>) -> Trace {
    let nodes = model.graph().nodes();
    let named = |output: NodeOutput| TracedNode {
        node: nodes[output.node].name.clone(),
        bytes: output.bytes,
    };
    outputs.into_iter().map(named).collect()
}
