//! Runs the conformance vectors on every instruction set of this processor, through the public API of
//! `bayes8-native`, and prints a line for each.
//!
//! An argument is the name of another target, which is emulated and slow: there, only one thread
//! without a bank runs them.

use bayes8_conformance::line::{Line, Verdict};
use bayes8_conformance::outcome::{Outcome, Trace, TracedNode};
use bayes8_conformance::{Case, Implementation, check, repository};
use bayes8_core::format;
use bayes8_core::model::Values;
use bayes8_native::{Isa, Model, ModelOptions, Pictures, PredictOptions, Threads};
use ndarray::{ArrayView5, Ix5};

/// An instruction set on some threads.
struct Native {
    target: String,
    isa: Isa,
    threads: Threads,
    bank_bytes: usize,
}

impl Native {
    fn model(&self, case: &Case) -> Result<Model, String> {
        let quantized = format::read(&case.model).map_err(|error| error.to_string())?;
        let (threads, bank_bytes) = (self.threads.clone(), self.bank_bytes);
        let options = ModelOptions::new().isa(self.isa).threads(threads).bank_bytes(bank_bytes);
        let model = Model::new(quantized, options).map_err(|error| error.to_string())?;
        if model.kernel() == self.isa.name() {
            Ok(model)
        } else {
            Err(format!("kernels `{}` instead of `{}`", model.kernel(), self.isa))
        }
    }
}

/// Returns the pictures of a case, of which `numbers` holds the numbers.
fn pictures<'a>(
    model: &Model,
    case: &'a Case,
    numbers: &'a [f32],
) -> Result<Pictures<'a, Ix5>, String> {
    let shape = model.quantized().graph().input();
    let shape = (case.count, shape.depth, shape.height, shape.width, shape.channels);
    let pictures = match model.quantized().preprocessing().values {
        Values::Bytes => ArrayView5::from_shape(shape, &case.pictures).map(Pictures::Bytes),
        Values::Numbers => ArrayView5::from_shape(shape, numbers).map(Pictures::Numbers),
    };
    pictures.map_err(|error| error.to_string())
}

impl Implementation for Native {
    fn name(&self) -> String {
        match self.threads.count() {
            1 => self.target.clone(),
            threads => format!("{}, {threads} threads, bank", self.target),
        }
    }

    fn kernel(&self) -> String {
        self.isa.name().into()
    }

    fn run(&self, case: &Case) -> Result<Outcome, String> {
        let model = self.model(case)?;
        let options =
            PredictOptions::new().samples(case.samples()).draws(case.draws()).keep_logits(true);
        let numbers = case.numbers();
        let pictures = pictures(&model, case, &numbers)?;
        let predictions = model.predict(pictures, &options).map_err(|error| error.to_string())?;
        let mut outcome = Outcome::default();
        for prediction in &predictions {
            let logits: Vec<f32> = prediction.logits().into_iter().flatten().copied().collect();
            outcome.push_sums(&logits, prediction.outputs());
        }
        Ok(outcome)
    }

    fn trace(&self, case: &Case, sample: u32) -> Result<Trace, String> {
        let model = self.model(case)?;
        let numbers = case.numbers();
        let trace = model
            .trace(pictures(&model, case, &numbers)?, Some(case.draws()), sample)
            .map_err(|error| error.to_string())?;
        let node =
            |node: bayes8_native::NodeTrace| TracedNode { node: node.node, bytes: node.bytes };
        Ok(trace.into_iter().map(node).collect())
    }
}

fn main() -> Result<(), String> {
    let emulated = std::env::args().nth(1);
    let root = repository();
    let cases = Case::load_all(&root, &root.join("tests/vectors"))?;
    // The second keeps draws and reuses them, which must not change any result.
    let configurations = [(1, 0), (2, 64 << 20)];
    let tried = if emulated.is_some() { 1 } else { configurations.len() };
    let target = emulated.unwrap_or("native".into());
    for &(threads, bank_bytes) in &configurations[..tried] {
        for isa in Isa::compiled() {
            let threads = Threads::new(threads).map_err(|error| error.to_string())?;
            let native = Native { target: target.clone(), isa, threads, bank_bytes };
            if !isa.is_available() {
                let result = Verdict::Skipped { reason: "not on this processor".into() };
                let (target, kernel) = (native.name(), native.kernel());
                println!("{}", Line { target, kernel, vector: None, result }.print());
                continue;
            }
            for case in &cases {
                println!("{}", check(&native, case).print());
            }
        }
    }
    Ok(())
}
