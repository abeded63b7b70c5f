//! Predictions of a model with chosen draws.

use super::buffers::{SUM_WORDS, nothing_wanted, predict};
use super::model::info;
use super::{Handle, MODEL, load_bytes, shipped};
use crate::buffer::Buffer;
use crate::draws::Draws;
use crate::error::Status;
use crate::outputs::Outputs;
use crate::predict::PredictOptions;
use bayes8_native::Model;
use bayes8_native::core::draws::ChosenDraws;
use bayes8_native::core::format;

/// A seed and its draws, in an order that is not their own.
const SEED: u64 = 5;
const DRAWS: [u32; 3] = [900, 2, 40];

fn with_draws() -> Handle {
    let model = Model::load(MODEL).expect("it loads").quantized().clone();
    let draws = ChosenDraws::new(SEED, DRAWS.to_vec()).expect("a list");
    let file = format::write(&model.with_draws(Some(draws))).expect("a file");
    load_bytes(&file).expect("it loads")
}

/// The logits of a picture. `samples` is how many there must be.
fn logits(model: &Handle, options: &PredictOptions, samples: usize) -> Vec<f32> {
    let mut logits = vec![f32::NAN; 10 * samples];
    let outputs = Outputs {
        logits: Buffer { data: logits.as_mut_ptr(), capacity: logits.len() },
        ..nothing_wanted()
    };
    predict(**model, &[100; 28 * 28], 1, Some(options), &outputs).expect("it predicts");
    assert!(logits.iter().all(|logit| logit.is_finite()), "fewer than {samples} samples");
    logits
}

fn of(draws: Draws, seed: u64) -> PredictOptions {
    PredictOptions { seed, draws: draws as u64, ..PredictOptions::default() }
}

#[test]
fn a_list_is_taken_unless_a_seed_or_random_draws_are_asked_for() {
    let (model, plain) = (with_draws(), shipped());
    assert_eq!(info(*model).expect("a live model").chosen_draws, 3);
    assert_eq!(info(*plain).expect("a live model").chosen_draws, 0);

    let draw = |seed, first_sample| {
        logits(&plain, &PredictOptions { seed, first_sample, samples: 1, ..of(Draws::Auto, 0) }, 1)
    };
    let chosen = DRAWS.map(|sample| draw(SEED, sample)).concat();
    // A list of three draws is shorter than the 32 samples by default.
    assert_eq!(logits(&model, &of(Draws::Auto, 0), 3), chosen);
    assert_eq!(logits(&model, &of(Draws::Chosen, 0), 3), chosen);
    let last = PredictOptions { first_sample: 1, samples: 2, ..of(Draws::Chosen, 0) };
    assert_eq!(logits(&model, &last, 2), chosen[10..]);

    for (draws, seed) in [(Draws::Auto, 7), (Draws::Random, 7), (Draws::Random, 0)] {
        let random = logits(&model, &of(draws, seed), 32);
        assert_eq!(random, logits(&plain, &of(Draws::Auto, seed), 32));
        assert_eq!(random[..10], draw(seed, 0));
    }
}

#[test]
fn draws_that_a_model_does_not_have_are_refused() {
    let (model, plain) = (with_draws(), shipped());
    let unknown = PredictOptions { draws: 3, ..PredictOptions::default() };
    let high = PredictOptions { draws: 1 << 32, ..PredictOptions::default() };
    let beyond = PredictOptions { samples: 4, ..of(Draws::Auto, 0) };
    let after = PredictOptions { first_sample: 3, samples: 1, ..of(Draws::Chosen, 0) };
    for (model, options, part) in [
        (&model, unknown, "`options->draws` is 3, not BAYES8_DRAWS_AUTO (0)"),
        (&model, high, "`options->draws` is 4294967296"),
        (&model, of(Draws::Chosen, 7), "`options->seed` is 7, which is for random draws"),
        (&plain, of(Draws::Chosen, 0), "no chosen draws: choose them with `bayes8 choose`"),
        (&model, beyond, "samples 0..4 end after the model's 3 chosen draws: take fewer"),
        (&model, after, "samples 3..4 end after the model's 3 chosen draws"),
    ] {
        let mut sums = [0; SUM_WORDS];
        let outputs = Outputs {
            sums: Buffer { data: sums.as_mut_ptr(), capacity: sums.len() },
            ..nothing_wanted()
        };
        let (status, message) = predict(**model, &[0; 28 * 28], 1, Some(&options), &outputs)
            .expect_err("no such draws");
        assert_eq!(status, Status::InvalidArgument);
        assert!(message.contains(part), "{message}");
        assert_eq!(sums, [0; SUM_WORDS], "a refusal writes nothing");
    }
}
