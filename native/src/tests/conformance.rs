//! The conformance vectors on AMX tiles, emulated if this processor lacks them.
//! `cargo xtask conformance` reads the output. On a processor with AMX the public API runs them too
//! (`tests/examples`).

use crate::engine::{Engine, Job, Memory, Threaded};
use crate::kernels::Kernel;
use crate::kernels::amx::{Amx, executed_by};
use crate::prediction::Prediction;
use crate::threads::{Simd, simd};
use bayes8_conformance::line::Verdict;
use bayes8_conformance::outcome::{Outcome, Trace};
use bayes8_conformance::reference::named;
use bayes8_conformance::{Case, Implementation, check, repository};
use bayes8_core::format;
use bayes8_core::model::QuantizedModel;
use bayes8_core::session::DrawSequence;
use std::ops::ControlFlow;

/// The engine on AMX, on silicon or emulated.
struct Tiles {
    amx: Amx,
    name: String,
}

/// Threads that share a prediction.
const THREADS: usize = 2;

impl Tiles {
    fn engine(&self, model: &QuantizedModel) -> Threaded<Simd<Amx>> {
        Threaded::new(model, simd(self.amx), Memory { activation_bytes: 1 << 30, bank_bytes: 0 })
    }
}

/// Returns the model and the input codes of a case.
fn begin(case: &Case) -> Result<(QuantizedModel, Vec<u8>), String> {
    let model = format::read(&case.model).map_err(|error| error.to_string())?;
    let codes = case.codes(&model)?;
    Ok((model, codes))
}

impl Implementation for Tiles {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn kernel(&self) -> String {
        Amx::NAME.into()
    }

    fn run(&self, case: &Case) -> Result<Outcome, String> {
        let (model, codes) = begin(case)?;
        let mut predictions = Vec::new();
        Prediction::reset(&mut predictions, case.count, model.shared_outputs())
            .map_err(|error| error.to_string())?;
        let draws = DrawSequence::new(&model, Some(case.draws())).map_err(|e| e.to_string())?;
        let samples = draws.range(case.samples()).map_err(|error| error.to_string())?;
        let job = Job {
            codes: &codes,
            draws: &draws,
            samples,
            keep_logits: true,
            threads: THREADS,
            progress: &|_| ControlFlow::Continue(()),
        };
        self.engine(&model).run(job, &mut predictions).map_err(|stopped| format!("{stopped:?}"))?;
        let mut outcome = Outcome::default();
        for prediction in &predictions {
            let logits: Vec<f32> = prediction.logits().into_iter().flatten().copied().collect();
            outcome.push_sums(&logits, prediction.outputs());
        }
        Ok(outcome)
    }

    fn trace(&self, case: &Case, sample: u32) -> Result<Trace, String> {
        let (model, codes) = begin(case)?;
        let engine = self.engine(&model);
        let mut outputs = Vec::new();
        for draw in case.draws_of(&model, sample..sample + 1)? {
            let trace = engine.trace(&codes, draw, THREADS);
            outputs.extend(trace.map_err(|error| error.to_string())?);
        }
        Ok(named(&model, outputs))
    }
}

/// Runs the kernel as it is used, then with all products on tiles, since AVX512-VNNI otherwise
/// takes small ones.
#[test]
#[ignore = "`cargo xtask conformance` runs it, as `cargo xtask test` does"]
fn conformance_vectors_pass_on_amx() {
    let root = repository();
    let cases = Case::load_all(&root, &root.join("tests/vectors")).expect("the vectors");
    let mut wrong = 0;
    for (portable, suffix) in [(false, ""), (true, ", tiles alone")] {
        let Some(amx) = Amx::for_tests(portable) else {
            println!("SKIPPED: amx{suffix}: nothing here executes it");
            continue;
        };
        let how = executed_by().unwrap_or_default();
        let tiles = Tiles { amx, name: format!("native, {how}{suffix}") };
        for line in cases.iter().map(|case| check(&tiles, case)) {
            println!("{}", line.print());
            wrong += usize::from(line.result != Verdict::Passed);
        }
    }
    assert_eq!(wrong, 0, "of {} vectors; `cargo xtask conformance` names the place", cases.len());
}
