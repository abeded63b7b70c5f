//! Whole networks on tiles that no processor here may have: where it has them, `tests/tests/isa.rs`
//! compares all instruction sets.

use super::random::Random;
use crate::engine::{Engine, Job, Threaded};
use crate::kernels::amx::Amx;
use crate::prediction::Prediction;
use crate::threads::simd;
use bayes8_core::format;
use bayes8_core::reference::Reference;
use std::path::PathBuf;

#[test]
fn shipped_networks_have_the_same_logits_on_amx() {
    let Some(amx) = Amx::for_tests(false).or_else(|| Amx::for_tests(true)) else {
        println!("SKIPPED: amx: nothing here executes it");
        return;
    };
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models");
    for name in ["fashion-resnet14", "mnist-scnn", "cifar10-resnet20"] {
        let file = folder.join(name).with_extension("safetensors");
        let bytes = std::fs::read(&file).expect("a shipped model");
        let model = format::read(&bytes).expect("a model file");
        let codes = Random::new(8).bytes(3 * model.graph().input().elements());
        let run = |engine: &dyn Engine| {
            let mut predictions = Vec::new();
            Prediction::reset(&mut predictions, 3, model.classes());
            let (codes, samples) = (&codes[..], 0..2);
            let job = Job { codes, seed: 0xb8, samples, keep_logits: true, threads: 2 };
            engine.run(&job, &mut predictions);
            predictions
        };
        let expected = run(&Threaded::new(&model, Reference, 0));
        let found = run(&Threaded::new(&model, simd(amx), 0));
        let bits = |predictions: &[Prediction]| -> Vec<Vec<u32>> {
            let logits = |p: &Prediction| p.logits().expect("kept logits").mapv(f32::to_bits);
            predictions.iter().map(|p| logits(p).into_iter().collect()).collect()
        };
        assert_eq!(bits(&found), bits(&expected), "{name}");
        assert!(found == expected, "{name}: sums");
        assert_ne!(expected[0].logits(), expected[1].logits(), "{name}: nothing to compare");
    }
}
