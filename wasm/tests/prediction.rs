//! Predictions the way a page makes them: in runs, interleaved, and with wrong input.

use bayes8_conformance::models::{Builder, Kind};
use bayes8_core::draws::ChosenDraws;
use bayes8_core::executor::Executor;
use bayes8_core::format;
use bayes8_core::graph::{Shape, Value};
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_core::head::labels::Labels;
use bayes8_core::head::{Head, Sums};
use bayes8_core::input::InputQuantizer;
use bayes8_core::limits::Limits;
use bayes8_core::posterior::MAX_SAMPLES;
use bayes8_core::reference::Reference;
use bayes8_core::session::{Input, RequestError};
use bayes8_wasm::Error;
use bayes8_wasm::prediction::{Batch, LoadedModel, figures};
use std::path::Path;

const SHAPE: Shape = Shape::new(28, 28, 1);

fn file() -> Vec<u8> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    std::fs::read(models.join("mnist-scnn.safetensors")).unwrap()
}

fn network() -> LoadedModel {
    LoadedModel::new(&file(), None, Limits::default()).unwrap()
}

/// Pictures that are not alike.
fn pictures(count: usize) -> Vec<u8> {
    (0..count * SHAPE.elements()).map(|i| (i * i / 7 % 256) as u8).collect()
}

fn sums(batch: &Batch) -> Vec<Sums> {
    (0..batch.pictures()).flat_map(|picture| batch.sums(picture).unwrap().to_vec()).collect()
}

#[test]
fn runs_add_up_to_what_the_executor_says() {
    let model = format::read(&file()).unwrap();
    let executor = Executor::new(&model, Reference);
    let pictures = pictures(3);
    let mut codes = vec![0; pictures.len()];
    InputQuantizer::new(&model).bytes(&pictures, &mut codes);
    let mut expected = vec![model.outputs()[0].head.accumulator().unwrap(); 3];
    let mut logits = Vec::new();
    let each = |picture: usize, _, row: &[f32]| {
        expected[picture].add(row);
        if picture == 1 {
            logits.extend_from_slice(row);
        }
    };
    executor.run(&codes, 7, 4..9, &mut executor.workspace(3).unwrap(), each).unwrap();

    let mut batch = network().begin(Input::Bytes(&pictures)).unwrap();
    batch.run(Some(7), 4, 2, true).unwrap();
    batch.run(Some(7), 6, 3, true).unwrap();
    assert_eq!(sums(&batch), expected);
    assert_eq!(batch.logits(1).unwrap(), logits);
}

#[test]
fn batches_of_one_network_do_not_disturb_each_other_and_outlive_it() {
    let network = network();
    let alone = |pictures: &[u8]| {
        let mut batch = network.begin(Input::Bytes(pictures)).unwrap();
        batch.run(Some(1), 0, 4, false).unwrap();
        sums(&batch)
    };
    let (few, many) = (pictures(1), pictures(40));
    let expected = (alone(&few), alone(&many));

    let mut first = network.begin(Input::Bytes(&few)).unwrap();
    first.run(Some(1), 0, 2, false).unwrap();
    let mut second = network.begin(Input::Bytes(&many)).unwrap();
    drop(network);
    second.run(Some(1), 0, 1, false).unwrap();
    first.run(Some(1), 2, 2, false).unwrap();
    second.run(Some(1), 1, 3, false).unwrap();
    assert_eq!((sums(&first), sums(&second)), expected);
    assert!(first.logits(0).unwrap().is_empty());
}

#[test]
fn normalized_pictures_predict_the_same() {
    let network = network();
    let info = network.info();
    let (mean, std) = (info.preprocessing.mean[0], info.preprocessing.std[0]);
    let pictures = pictures(2);
    let numbers: Vec<f32> =
        pictures.iter().map(|&byte| (f32::from(byte) / 255.0 - mean) / std).collect();
    let mut batches = [
        network.begin(Input::Bytes(&pictures)).unwrap(),
        network.begin(Input::Normalized(&numbers)).unwrap(),
    ];
    batches.iter_mut().for_each(|batch| batch.run(Some(0), 0, 3, false).unwrap());
    assert_eq!(sums(&batches[0]), sums(&batches[1]));
}

#[test]
fn wrong_input_is_an_error_and_never_a_panic() {
    let network = network();
    let length = SHAPE.elements();
    let is_length =
        |error: &Error| matches!(error, Error::Request(RequestError::Length { shape: SHAPE, .. }));
    for found in [0, 1, length - 1, length + 1] {
        let error = network.begin(Input::Bytes(&vec![0; found])).err().unwrap();
        assert!(is_length(&error), "{error}");
        let error = network.begin(Input::Normalized(&vec![0.0; found])).err().unwrap();
        assert!(is_length(&error), "{error}");
        assert_eq!(error.code(), "invalid-input");
    }
    let mut numbers = vec![0.0; 2 * length];
    numbers[length] = f32::NAN;
    let error = network.begin(Input::Normalized(&numbers)).err().unwrap();
    let expected = RequestError::NotFinite { picture: 1 };
    assert!(matches!(&error, Error::Request(found) if *found == expected), "{error}");

    let mut batch = network.begin(Input::Bytes(&pictures(2))).unwrap();
    batch.run(Some(0), 0, 1, false).unwrap();
    for picture in [2, usize::MAX] {
        assert!(matches!(batch.sums(picture), Err(Error::Picture { pictures: 2, .. })));
        assert!(matches!(batch.logits(picture), Err(Error::Picture { pictures: 2, .. })));
    }
    let before = sums(&batch);
    for (first, count) in [(0, 0), (MAX_SAMPLES, 1), (1, MAX_SAMPLES), (0, MAX_SAMPLES)] {
        let error = batch.run(Some(0), first, count, true).unwrap_err();
        assert_eq!(error.code(), "invalid-samples", "{first} {count}");
    }
    assert!(batch.run(Some(0), u32::MAX, u32::MAX, false).is_err());
    assert_eq!(sums(&batch), before);
}

#[test]
fn a_damaged_model_is_an_error_with_the_message_of_core() {
    let mut file = file();
    file.truncate(1000);
    let error = LoadedModel::new(&file, None, Limits::default()).err().unwrap();
    assert_eq!(error.code(), "invalid-model");
    let message = format::read(&file).unwrap_err().to_string();
    assert!(error.to_string().ends_with(&message), "{error}");
}

#[test]
fn pictures_of_any_size_become_the_models() {
    let network = network();
    let rgba = |width: u32, height: u32| -> Vec<u8> {
        (0..width * height).flat_map(|i| [i as u8, i as u8, i as u8, 255]).collect()
    };
    let same = network.fit(rgba(28, 28), 28, 28).unwrap();
    assert_eq!(same, (0..28 * 28).map(|i| i as u8).collect::<Vec<u8>>());
    assert_eq!(network.fit(rgba(61, 7), 61, 7).unwrap().len(), SHAPE.elements());
    // Black with 20% opacity over white gives the same as on the command line.
    let translucent = [0, 0, 0, 51].repeat(28 * 28);
    assert_eq!(network.fit(translucent, 28, 28).unwrap(), [204; 28 * 28]);

    let sides = [(0, 0), (0, 5), (5, 0), (u32::MAX, u32::MAX), (u32::MAX, 1)];
    for (width, height) in sides {
        let error = network.fit(Vec::new(), width, height).unwrap_err();
        assert!(matches!(error, Error::Sides { .. }), "{error}");
    }
    for (width, height) in [(28, 27), (27, 28), (32768, 32768)] {
        let error = network.fit(rgba(28, 28), width, height).unwrap_err();
        assert!(matches!(error, Error::Rgba { found: 3136, .. }), "{error}");
    }
}

#[test]
fn the_description_is_that_of_the_file() {
    let network = network();
    let info = network.info();
    let model = format::read(&file()).unwrap();
    let input = &info.input;
    assert_eq!((input.depth, input.height, input.width, input.channels), (1, 28, 28, 1));
    let [output] = &info.outputs[..] else { panic!("an output") };
    assert_eq!((output.name.as_str(), output.head, output.names.len()), ("output", "classes", 10));
    assert_eq!((output.numbers, output.sum_words, info.values), (10, 23, "bytes"));
    assert_eq!(info.layers, model.layers().count());
    assert_eq!(info.bayesian_layers, model.randomness().bayesian_layers);
    assert_eq!(info.multiply_accumulates, model.multiply_accumulates() as f64);
    assert!(info.weight_bytes > 0);
    assert_eq!((info.members, info.dropout.len(), info.default_samples), (1, 0, 32));
}

#[test]
fn a_trace_ends_in_the_logits_and_changes_nothing() {
    let mut batch = network().begin(Input::Bytes(&pictures(3))).expect("whole pictures");
    batch.run(Some(5), 0, 2, true).expect("two samples");
    let before = sums(&batch);
    let trace = batch.trace(Some(5), 1).expect("a sample");
    assert_eq!(sums(&batch), before);
    let (_, last) = trace.last().expect("a node");
    let classes = last.len() / 4 / 3;
    let logits = (0..3).flat_map(|i| &batch.logits(i).expect("a picture")[classes..]);
    let expected: Vec<u8> = logits.flat_map(|logit| logit.to_le_bytes()).collect();
    assert_eq!(*last, expected);
    assert_eq!(batch.trace(Some(5), 1 << 28).expect_err("too high").code(), "invalid-samples");
}

#[test]
fn a_list_of_draws_is_taken_without_a_seed_and_ends() {
    let draws = ChosenDraws::new(u64::MAX, vec![4, 0, 7]).unwrap();
    let model = format::read(&file()).unwrap().with_draws(Some(draws));
    let with_draws = format::write(&model).unwrap();
    let network = LoadedModel::new(&with_draws, None, Limits::default()).unwrap();
    let info = network.info();
    assert_eq!((info.chosen_draws, info.default_samples), (Some(3), 32));
    assert_eq!(info.chosen_seed.as_deref(), Some("18446744073709551615"));

    let pictures = pictures(2);
    let mut chosen = network.begin(Input::Bytes(&pictures)).unwrap();
    let mut random = network.begin(Input::Bytes(&pictures)).unwrap();
    chosen.run(None, 1, 2, false).unwrap();
    random.run(Some(u64::MAX), 0, 1, false).unwrap();
    random.run(Some(u64::MAX), 7, 1, false).unwrap();
    assert_eq!(sums(&chosen), sums(&random));
    assert_eq!(chosen.trace(None, 0).unwrap(), random.trace(Some(u64::MAX), 4).unwrap());
    assert_eq!(chosen.run(None, 2, 2, false).unwrap_err().code(), "invalid-samples");
    assert_eq!(chosen.trace(None, 3).unwrap_err().code(), "invalid-samples");

    let plain = self::network();
    assert!(plain.info().chosen_draws.is_none() && plain.info().chosen_seed.is_none());
    let mut plain = plain.begin(Input::Bytes(&pictures)).unwrap();
    assert_eq!(plain.run(None, 0, 1, false).unwrap_err().code(), "invalid-option");
}

/// A model that takes numbers, with an output of each head.
fn three_heads() -> Vec<u8> {
    let mut b = Builder::new(5, Shape::vector(6));
    b.takes_numbers();
    let outputs = [4, 2, 3].map(|count| b.linear(Value::Input, count, Kind::Bayesian).unwrap());
    let target = |name: &str, unit: &str| Target {
        name: name.into(),
        unit: unit.into(),
        scale: 16.7,
        offset: 35.8,
        noise: 0.5,
        exponent: -24,
    };
    let targets = vec![target("strength", "MPa"), target("", "")];
    let gaussian = Gaussian { variance: Variance::Softplus, targets };
    b.output("size", &[outputs[0]], 2.0, Head::Gaussian(gaussian.into()));
    let labels = Labels { count: 2, names: Vec::new() };
    b.output("tags", &[outputs[1]], 3.0, Head::Labels(labels.into()));
    let classes = Classes { count: 3, names: Vec::new() };
    b.output("kind", &[outputs[2]], 3.0, Head::Classes(classes.into()));
    format::write(&b.finish()).unwrap()
}

#[test]
fn the_parameters_of_a_head_are_enough_for_its_figures() {
    let file = three_heads();
    let network = LoadedModel::new(&file, None, Limits::default()).unwrap();
    let numbers: Vec<f32> = (0..12).map(|i| i as f32 / 5.0 - 1.0).collect();
    let mut batch = network.begin_floats(&numbers).unwrap();
    batch.run(Some(7), 0, 5, true).unwrap();
    assert_eq!(batch.logits(1).unwrap().len(), 5 * 9);
    for picture in 0..2 {
        let outputs = network.info().outputs.iter().zip(batch.sums(picture).unwrap());
        for (output, sums) in outputs {
            let words = sums.to_words();
            assert_eq!(output.sum_words, words.len());
            let (found, _) = figures(&output.parameters, &output.positions, &[], &words).unwrap();
            assert_eq!(found, sums.finish(), "{}", output.name);
            let error =
                figures(&output.parameters, &output.positions, &[], &words[1..]).unwrap_err();
            assert_eq!(error.code(), "invalid-input");
        }
    }
}

#[test]
fn the_description_says_what_each_output_means() {
    let network = LoadedModel::new(&three_heads(), None, Limits::default()).unwrap();
    let info = network.info();
    assert_eq!(info.values, "numbers");
    let [size, tags, kind] = &info.outputs[..] else { panic!("three outputs") };
    assert_eq!([size.head, tags.head, kind.head], ["gaussian", "labels", "classes"]);
    assert_eq!(size.names, ["strength", "target 1"]);
    assert_eq!(size.units, ["MPa", ""]);
    assert_eq!(tags.names, ["label 0", "label 1"]);
    assert_eq!(tags.outcomes, ["no", "yes"]);
    assert_eq!(kind.names, ["class 0", "class 1", "class 2"]);
    assert_eq!([size.numbers, tags.numbers, kind.numbers], [4, 2, 3]);
}

#[test]
fn floats_are_raw_where_the_model_takes_numbers() {
    let network = LoadedModel::new(&three_heads(), None, Limits::default()).unwrap();
    let error = network.begin(Input::Bytes(&[0; 6])).err().unwrap();
    assert_eq!(error.to_string(), "the model takes numbers, not bytes");
    assert_eq!(error.code(), "invalid-input");
    let (mean, std) = (&network.info().preprocessing.mean, &network.info().preprocessing.std);
    let raw: Vec<f32> = (0..6).map(|i| i as f32 / 3.0).collect();
    let normalized: Vec<f32> =
        raw.iter().enumerate().map(|(i, x)| (x - mean[i]) / std[i]).collect();
    let mut batches = [
        network.begin_floats(&raw).unwrap(),
        network.begin(Input::Normalized(&normalized)).unwrap(),
    ];
    batches.iter_mut().for_each(|batch| batch.run(Some(0), 0, 3, false).unwrap());
    assert_eq!(sums(&batches[0]), sums(&batches[1]));
}
