//! Lists of draws in model files, and samples that take them.

use crate::container::File;
use crate::small_model::{error, model};
use bayes8_core::draws::{ChosenDraws, Draws};
use bayes8_core::format::{FormatError, read, version, write};
use bayes8_core::session::DrawSequence;

fn list() -> ChosenDraws {
    ChosenDraws::new(u64::MAX, vec![300, 2, (1 << 28) - 1]).expect("a list")
}

fn file() -> File {
    File::without_digest(&write(&model().with_draws(Some(list()))).expect("a file"))
}

#[test]
fn a_list_comes_back_from_a_file_of_version_3() {
    let model = model();
    assert_eq!((version(&model), model.chosen_draws()), (1, None));
    assert!(!File::without_digest(&write(&model).expect("a file")).description.contains("draws"));
    let chosen = model.clone().with_draws(Some(list()));
    assert_ne!(chosen, model);
    let found = read(&write(&chosen).expect("a file")).expect("a model");
    assert_eq!((version(&chosen), &found), (3, &chosen));
    assert_eq!(found.chosen_draws().map(|draws| &**draws), Some(&list()));
    assert_eq!(found.with_draws(None), model);
}

#[test]
fn a_new_list_makes_another_file_and_changed_layers_lose_it() {
    let chosen = read(&write(&model().with_draws(Some(list()))).expect("a file")).expect("a model");
    assert!(chosen.file_digest().is_some());
    assert!(chosen.clone().with_draws(None).file_digest().is_none());
    let changed = chosen.map_layers(|_, _, layer| layer.mu[0] ^= 1).expect("a model");
    assert_eq!(changed.chosen_draws(), None);
}

#[test]
fn lists_that_are_not_as_documented_are_refused() {
    let described = |to: &str, culprit: &str| {
        let mut file = file();
        let from = "{\"seed\":18446744073709551615,\"samples\":[300,2,268435455]}";
        assert!(file.description.contains(from));
        file.description = file.description.replacen(from, to, 1);
        let found = error(&file, culprit);
        assert!(matches!(found, FormatError::Description(_)), "{found:?}");
    };
    described("{\"seed\":0,\"samples\":[]}", "1 to 256 samples, not 0");
    described("{\"seed\":0,\"samples\":[4,9,4]}", "draws 0 and 2 are both sample 4");
    described("{\"seed\":0,\"samples\":[0,268435456]}", "draw 1 is sample 268435456");
    let many: Vec<String> = (0..257).map(|i| i.to_string()).collect();
    described(&format!("{{\"seed\":0,\"samples\":[{}]}}", many.join(",")), "not 257");
    described("{\"seed\":-1,\"samples\":[1]}", "-1");
    described("{\"samples\":[1]}", "seed");
    described("{\"seed\":0,\"samples\":[1],\"more\":2}", "more");
    described("{\"seed\":0,\"samples\":[1.5]}", "1.5");
}

#[test]
fn earlier_versions_have_no_list() {
    let mut file = file();
    file.description = file.description.replacen("version\":3", "version\":2", 1);
    error(&file, "`draws` needs format version 3");
}

#[test]
fn a_prediction_takes_the_list_unless_a_seed_is_given() {
    let of = |list: Option<ChosenDraws>, draws| {
        let draws = DrawSequence::new(&model().with_draws(list), draws).expect("draws");
        (draws.kind(), draws.seed(), draws.length())
    };
    let random = Draws::Random { seed: 7 };
    assert_eq!(of(None, None), (Draws::Random { seed: 0 }, 0, None));
    assert_eq!(of(Some(list()), None), (Draws::Chosen, u64::MAX, Some(3)));
    assert_eq!(of(Some(list()), Some(random)), (random, 7, None));
    // Three draws are fewer than the 32 samples by default.
    let model = model().with_draws(Some(list()));
    let default = model.randomness().default_samples();
    let samples = |draws| DrawSequence::new(&model, draws).expect("draws").at_most(default);
    assert_eq!((samples(None), samples(Some(random))), (3, 32));
}
