//! Random networks of all operations.

use super::draft::Draft;
use crate::models::{random_codes, random_model};
use crate::vectors::VectorFile;
use bayes8_core::executor::Executor;
use bayes8_core::format;
use bayes8_core::input::InputQuantizer;
use bayes8_core::model::QuantizedModel;
use bayes8_core::reference::Reference;

/// Number of networks in the file.
const COUNT: usize = 24;

/// Bytes of the largest network: the repository holds the file.
const LARGEST: usize = 16 << 10;

pub(super) fn file() -> VectorFile {
    let mut draft = Draft::new(
        "networks",
        "Random networks of up to a dozen nodes, of all operations and both kinds of layers, over \
         random pictures, one of zeros and one of 255.",
    );
    let fits = |seed: &u64| {
        let model = random_model(*seed);
        tells_apart(&model) && format::write(&model).is_ok_and(|bytes| bytes.len() <= LARGEST)
    };
    for seed in (0..).filter(fits).take(COUNT) {
        let model = random_model(seed);
        let name = format!("network {seed}");
        let pictures = draft.model_and_vector(&name, &model);
        draft.next_vector(&name, &pictures);
    }
    draft.finish()
}

/// Whether two pictures have different logits. A few networks saturate on the way.
fn tells_apart(model: &QuantizedModel) -> bool {
    let bytes = random_codes(model, 2, 1);
    let mut codes = bytes.clone();
    InputQuantizer::new(model).bytes(&bytes, &mut codes);
    let executor = Executor::new(model, Reference);
    let mut logits = Vec::new();
    let mut workspace = executor.workspace(2).expect("a small network");
    let run = executor.run(&codes, 0, 0..1, &mut workspace, |_, _, found| {
        logits.push(found.to_vec());
    });
    run.expect("a small network");
    logits[0] != logits[1]
}
