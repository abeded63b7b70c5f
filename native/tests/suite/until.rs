//! Predictions that end as soon as they are precise enough.

use bayes8_conformance::repository;
use bayes8_native::core::draws::ChosenDraws;
use bayes8_native::core::format;
use bayes8_native::{
    Draws, Model, ModelOptions, Observer, Pictures, PredictError, PredictOptions, Prediction,
    RequestError, Threads, Until, UntilError,
};
use ndarray::{Array4, Axis};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

const PICTURES: usize = 24;

fn file() -> Vec<u8> {
    std::fs::read(repository().join("models/mnist-dropout.safetensors")).expect("a shipped model")
}

fn model() -> Model {
    Model::from_bytes(&file()).expect("a shipped model")
}

/// Strokes of different widths, of which some are like digits.
fn pictures() -> Array4<u8> {
    Array4::from_shape_fn((PICTURES, 28, 28, 1), |(n, row, column, _)| {
        let (x, y) = (row as i32 - 14, column as i32 - 14);
        let stroke = match n % 3 {
            0 => y.abs() < 1 + n as i32 / 6 && x.abs() < 10,
            1 => (x * x + y * y - 60).abs() < 10 + 4 * n as i32,
            _ => (x + y).abs() < 3 && x.abs() < n as i32,
        };
        if stroke { 255 } else { (n * row % 7) as u8 * 9 }
    })
}

fn predict(model: &Model, pictures: &Array4<u8>, options: &PredictOptions) -> Vec<Prediction> {
    model.predict(Pictures::Bytes(pictures.view()), options).expect("pictures")
}

/// The number of samples after which the prediction of a picture is precise enough, and the prediction.
fn expected(model: &Model, picture: &Array4<u8>, until: Until, most: u32) -> Prediction {
    let of = |samples: u32| {
        let options = PredictOptions::new().samples(0..samples).keep_logits(true);
        predict(model, picture, &options).remove(0)
    };
    let looks = [8, 16, 32, 64, 128, 256].into_iter().filter(|&look| look <= most).map(of);
    looks.clone().find(|found| until.is_met(&found.uncertainty())).unwrap_or_else(|| of(most))
}

#[test]
fn each_picture_ends_by_its_own_sums_with_the_bits_of_so_many_samples() {
    let (model, all) = (model(), pictures());
    for (until, most) in [
        (Until::Decided, 100),
        (Until::Entropy(0.03), 64),
        (Until::Probability(0.01), 70),
        (Until::MutualInformation(0.05), 128),
    ] {
        let options = PredictOptions::new().samples(0..most).until(until).keep_logits(true);
        let found = predict(&model, &all, &options);
        let mut ends: Vec<u64> = Vec::new();
        for (index, found) in found.iter().enumerate() {
            let picture = all.select(Axis(0), &[index]);
            assert_eq!(*found, expected(&model, &picture, until, most), "{until}, {index}");
            ends.push(found.sums().samples());
        }
        let (least, last) = (ends.iter().min(), ends.iter().max());
        assert!(least < last, "{until}: the pictures should differ: {ends:?}");
        // Neither the batch nor the threads matter.
        let one = ModelOptions::new().threads(Threads::One);
        let one = Model::from_bytes_with(&file(), one).expect("a shipped model");
        let order: Vec<usize> = (0..PICTURES).rev().collect();
        let mut reversed = predict(&one, &all.select(Axis(0), &order), &options);
        reversed.reverse();
        assert_eq!(reversed, found, "{until}");
    }
}

#[test]
fn watchers_see_the_samples_of_each_picture_and_progress_adds_up() {
    let (model, all) = (model(), pictures());
    let options = PredictOptions::new().samples(0..40).until(Until::Decided).keep_logits(true);
    let mut seen: Vec<Vec<f32>> = vec![Vec::new(); PICTURES];
    let mut logits = |picture: usize, logits: &[f32]| seen[picture].extend(logits);
    let done = AtomicUsize::new(0);
    let progress = |pictures: usize| {
        done.fetch_add(pictures, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let observer = Observer::new().progress(&progress).logits(&mut logits);
    let pictures = Pictures::Bytes(all.view());
    let found = model.predict_with(pictures, &options, observer).expect("pictures");
    assert_eq!(found, predict(&model, &all, &options));
    for (found, seen) in found.iter().zip(&seen) {
        assert!(found.logits().expect("kept").iter().eq(seen));
    }
    assert_eq!(done.into_inner(), PICTURES * 40);
    let stop = |_| ControlFlow::Break(());
    let cancelled = model.predict_with(pictures, &options, Observer::new().progress(&stop));
    assert_eq!(cancelled, Err(PredictError::Cancelled));
}

#[test]
fn a_range_counts_its_own_samples_and_a_list_ends_it() {
    let list = ChosenDraws::new(5, (0..40).rev().collect()).expect("a list");
    let chosen = format::read(&file()).expect("a shipped model").with_draws(Some(list));
    let (random, all) = (model(), pictures());
    let chosen = Model::new(chosen, ModelOptions::new()).expect("a model");
    let options = PredictOptions::new().until(Until::Probability(1e-9));
    let most = |model: &Model, options: &PredictOptions| {
        predict(model, &all, options).iter().map(|of| of.sums().samples()).max()
    };
    assert_eq!(most(&chosen, &options), Some(40), "all chosen draws");
    assert_eq!(most(&chosen, &options.clone().draws(Draws::Random { seed: 1 })), Some(256));
    assert_eq!(most(&random, &options), Some(256));
    // The looks count from the first sample of the range.
    let later = PredictOptions::new().samples(1000..1100).until(Until::Decided);
    for (found, picture) in predict(&random, &all, &later).iter().zip(all.axis_iter(Axis(0))) {
        let samples = found.sums().samples();
        assert!([8, 16, 32, 64, 100].contains(&samples), "{samples}");
        let picture = picture.insert_axis(Axis(0)).to_owned();
        let same = PredictOptions::new().samples(1000..1000 + samples as u32);
        assert_eq!(predict(&random, &picture, &same)[0].sums(), found.sums());
    }
}

#[test]
fn predictions_that_cannot_end_early_are_refused() {
    let (model, all) = (model(), pictures());
    let refused = |options: PredictOptions| match model
        .predict(Pictures::Bytes(all.view()), &options)
        .expect_err("refused")
    {
        PredictError::Request(RequestError::Until(error)) => error,
        other => panic!("{other}"),
    };
    let few = PredictOptions::new().samples(0..7).until(Until::Decided);
    assert_eq!(refused(few), UntilError::Samples { found: 7 });
    let zero = refused(PredictOptions::new().until(Until::Entropy(0.0)));
    assert_eq!(zero, UntilError::Target { figure: "entropy", target: 0.0 });
    let options = PredictOptions::new().until(Until::Decided);
    let stream = model.stream(Pictures::Bytes(all.view()), &options).err();
    assert_eq!(stream, Some(RequestError::from(UntilError::Stream).into()));

    let regression = repository().join("models/curve-dropout.safetensors");
    let regression = Model::load(regression).expect("a shipped model");
    let x = ndarray::Array2::<f32>::zeros((1, 1));
    let error = regression.predict(Pictures::Numbers(x.view()), &options).expect_err("no class");
    assert!(error.to_string().contains("targets of a regression cannot stop"), "{error}");
}
