//! Maps: sums merge to the same bits in any order, and the figures are those of single positions.

use bayes8_conformance::{Builder, Kind, Random};
use bayes8_core::format;
use bayes8_core::graph::{Shape, Value, Window};
use bayes8_core::head::classes::{ClassSums, Classes};
use bayes8_core::head::gaussian::{Gaussian, GaussianSums, Target, Variance};
use bayes8_core::head::labels::{LabelSums, Labels};
use bayes8_core::head::map::{MapResize, MapUncertainty};
use bayes8_core::head::{Accumulator, Head, Output, Sums, Uncertainty};
use bayes8_core::model::{ModelError, QuantizedModel};
use bayes8_core::ops::{Coordinates, Interpolation, Resize};
use std::sync::Arc;

fn output(head: Head, positions: [usize; 3]) -> Output {
    Output { name: "map".into(), nodes: vec![0], head, positions, resize: None, conformal: None }
}

fn gaussian() -> Arc<Gaussian> {
    let (name, unit) = (String::new(), String::new());
    let target = Target { name, unit, scale: 2.0, offset: 1.0, noise: 0.5, exponent: -20 };
    Arc::new(Gaussian { variance: Variance::Log, targets: vec![target] })
}

/// Maps whose last tile is full, and maps whose last tile is not.
fn outputs() -> Vec<Output> {
    let names = Vec::new;
    vec![
        output(Head::Classes(Classes { count: 3, names: names() }.into()), [1, 4, 8]),
        output(Head::Classes(Classes { count: 21, names: names() }.into()), [2, 3, 7]),
        output(Head::Classes(Classes { count: 1, names: names() }.into()), [1, 1, 5]),
        output(Head::Labels(Labels { count: 2, names: names() }.into()), [1, 5, 5]),
        output(Head::Gaussian(gaussian()), [1, 3, 3]),
    ]
}

fn random_samples(count: usize, output: &Output) -> Vec<Vec<f32>> {
    let mut random = Random::new(11);
    let mut sample = || (0..output.numbers()).map(|_| random.real(-9.0, 9.0)).collect();
    (0..count).map(|_| sample()).collect()
}

fn sums(output: &Output, samples: &[Vec<f32>]) -> Sums {
    let mut sums = output.accumulator().expect("memory");
    samples.iter().for_each(|numbers| sums.add(numbers));
    sums
}

#[test]
fn parts_merge_to_the_whole_bit_for_bit_however_many_samples() {
    for output in outputs() {
        // 255 samples are the most that sums hold in 32 bits.
        for (count, part) in [(32, 5), (255, 200), (256, 255), (600, 299)] {
            let samples = random_samples(count, &output);
            let whole = sums(&output, &samples);
            let parts: Vec<_> = samples.chunks(part).map(|part| sums(&output, part)).collect();
            let mut merged = output.accumulator().expect("memory");
            parts.iter().rev().for_each(|part| merged.merge(part));
            assert!(merged == whole, "{count} samples");
            assert!(merged.finish() == whole.finish());
            let words = parts.iter().map(Sums::to_words);
            let words = words.reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect());
            let words = words.expect("parts");
            assert_eq!(words.len(), output.sum_words());
            assert!(output.figures_from_words(&words) == Ok(whole.finish()));
            assert!(output.sums_from_words(&words) == Ok(whole));
        }
    }
}

#[test]
fn only_maps_of_the_same_size_merge() {
    let all: Vec<_> =
        outputs().iter().map(|output| output.accumulator().expect("memory")).collect();
    for (a, left) in all.iter().enumerate() {
        for (b, right) in all.iter().enumerate() {
            assert_eq!(left.merges_with(right), a == b, "{a} and {b}");
        }
    }
}

#[test]
fn words_that_no_samples_can_have_are_refused() {
    for output in outputs() {
        let words = sums(&output, &random_samples(3, &output)).to_words();
        for index in 0..words.len() {
            let mut wrong = words.clone();
            wrong[index] = i64::MIN;
            let Err(error) = output.sums_from_words(&wrong) else { panic!("word {index}") };
            assert_eq!(output.figures_from_words(&wrong), Err(error));
        }
        assert!(output.sums_from_words(&words[1..]).is_err());
        assert!(output.sums_from_words(&[]).is_err());
    }
}

/// The figures of each position by the sums of a single one, in f64.
fn positions(output: &Output, samples: &[Vec<f32>]) -> Vec<Uncertainty> {
    let numbers = output.head.outputs();
    let of = |position: usize| {
        let mut sums = output.head.accumulator().expect("memory");
        samples.iter().for_each(|sample| sums.add(&sample[position * numbers..][..numbers]));
        sums.finish()
    };
    (0..output.position_count()).map(of).collect()
}

#[test]
fn figures_are_those_of_single_positions() {
    let near = |found: f32, expected: f64| {
        assert!((f64::from(found) - expected).abs() < 3e-6, "{found}, expected {expected}");
    };
    for output in outputs() {
        let samples = random_samples(300, &output);
        let Some(map) = sums(&output, &samples).finish().map() else { panic!("a map") };
        assert_eq!(map.samples(), 300);
        for (position, expected) in positions(&output, &samples).into_iter().enumerate() {
            match (&map, expected) {
                (MapUncertainty::Classes(map), Uncertainty::Classes(expected)) => {
                    for class in 0..map.classes {
                        let at = position * map.classes + class;
                        near(map.probabilities[at], expected.probabilities[class]);
                        near(map.std[at], expected.std[class]);
                    }
                    near(map.predictive_entropy[position], expected.predictive_entropy);
                    near(map.expected_entropy[position], expected.expected_entropy);
                    near(map.mutual_information[position], expected.mutual_information);
                }
                (MapUncertainty::Labels(map), Uncertainty::Labels(expected)) => {
                    for label in 0..map.labels {
                        let at = position * map.labels + label;
                        near(map.probabilities[at], expected.probabilities[label]);
                        near(map.std[at], expected.std[label]);
                        near(map.predictive_entropy[at], expected.predictive_entropy[label]);
                        near(map.expected_entropy[at], expected.expected_entropy[label]);
                        near(map.mutual_information[at], expected.mutual_information[label]);
                    }
                }
                (MapUncertainty::Gaussian(map), Uncertainty::Gaussian(expected)) => {
                    assert_eq!(map.mean[position], expected.mean[0]);
                    assert_eq!(map.std[position], expected.std[0]);
                }
                (map, expected) => panic!("{map:?} is not a map of {expected:?}"),
            }
        }
    }
}

#[test]
fn numbers_that_are_not_finite_give_figures() {
    for output in outputs() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let mut map = output.accumulator().expect("memory");
            map.add(&vec![odd; output.numbers()]);
            let mut mixed = vec![0.0; output.numbers()];
            mixed[0] = odd;
            map.add(&mixed);
            assert!(map.finish().figures().iter().all(|figure| figure.is_finite()), "{odd}");
            assert!(output.sums_from_words(&map.to_words()) == Ok(map));
        }
    }
}

#[test]
fn without_samples_all_figures_are_zero() {
    for output in outputs() {
        let map = output.accumulator().expect("memory");
        assert!(map.finish().figures().iter().all(|&figure| figure == 0.0));
        assert_eq!(map.samples(), 0);
    }
    // Those of single positions agree.
    assert_eq!(ClassSums::new(2).finish().predictive_entropy, 0.0);
    assert_eq!(LabelSums::new(1).finish().predictive_entropy, [0.0]);
    assert_eq!(GaussianSums::new(&gaussian()).finish().std, [0.0]);
}

/// a at share 0, b at share 1.
fn mix(a: f64, b: f64, share: f64) -> f64 {
    a + (b - a) * share
}

#[test]
fn resized_maps_are_those_of_interpolated_numbers() {
    let by = Resize {
        size: [2, 5, 7],
        mode: Interpolation::Linear,
        coordinates: Coordinates::HalfPixel,
        steps: None,
    };
    for small in outputs() {
        let from = [1, 2, 3];
        let resize = MapResize::new(from, by.clone()).map(Arc::new).expect("possible");
        let large = Output { positions: by.size, ..small.clone() };
        let resized = Output { resize: Some(resize), ..large.clone() };
        assert_eq!(resized.numbers(), 6 * small.head.outputs());
        let samples = random_samples(9, &resized);
        let channels = small.head.outputs();
        let interpolated = samples.iter().map(|sample| {
            let position = |o: usize, from: usize, to: usize| {
                let x = (o as f64 + 0.5) * from as f64 / to as f64 - 0.5;
                let x = x.clamp(0.0, (from - 1) as f64);
                (x.floor() as usize, (x.floor() as usize + 1).min(from - 1), x.fract())
            };
            let at = |row: usize, column: usize, channel: usize| {
                f64::from(sample[(row * from[2] + column) * channels + channel])
            };
            let mut numbers = Vec::new();
            for o in 0..large.position_count() {
                let (above, below, y) = position(o / 7 % 5, 2, 5);
                let (left, right, x) = position(o % 7, 3, 7);
                for channel in 0..channels {
                    let upper = mix(at(above, left, channel), at(above, right, channel), x);
                    let lower = mix(at(below, left, channel), at(below, right, channel), x);
                    numbers.push(mix(upper, lower, y) as f32);
                }
            }
            numbers
        });
        let expected = sums(&large, &interpolated.collect::<Vec<_>>()).finish().figures();
        let found = sums(&resized, &samples).finish().figures();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4, "{found}, expected {expected}");
        }
    }
}

/// A model with a map of three classes, which is resized to `size`.
fn resized_model(size: [usize; 3]) -> QuantizedModel {
    let mut b = Builder::new(5, Shape::new(4, 4, 1));
    let window = Window::new([2, 2]);
    let map = b.conv(Value::Input, 3, 1, window, Kind::Bayesian).expect("a window that fits");
    b.output("map", &[map], 3.0, outputs()[0].head.clone());
    let (mode, coordinates) = (Interpolation::Linear, Coordinates::HalfPixel);
    b.resize_output(Resize { size, mode, coordinates, steps: None });
    b.finish()
}

#[test]
fn files_keep_maps_and_how_they_are_resized() {
    let model = resized_model([1, 9, 8]);
    let read = format::read(&format::write(&model).unwrap()).unwrap();
    assert_eq!(read.outputs(), model.outputs());
    let [output] = read.outputs() else { panic!("one output") };
    assert_eq!((output.made(), output.positions), ([1, 3, 3], [1, 9, 8]));
}

#[test]
fn maps_that_are_too_large_or_of_another_size_than_they_say_are_refused() {
    let refused = |change: fn(&mut Output)| {
        let mut parts = resized_model([1, 9, 8]).into_parts();
        let mut outputs = parts.outputs.to_vec();
        change(&mut outputs[0]);
        parts.outputs = outputs.into();
        QuantizedModel::new(parts).expect_err("a map that is not possible")
    };
    let error = refused(|output| output.positions = [1, 9, 9]);
    assert!(matches!(error, ModelError::OutputResize { .. }), "{error}");
    let error = refused(|output| output.resize = None);
    assert!(matches!(error, ModelError::Output { .. }), "{error}");
    let error = refused(|output| {
        let size = [1, 1 << 13, 1 << 13];
        let by = Resize { size, ..output.resize.as_ref().expect("resized").by().clone() };
        output.resize = MapResize::new([1, 3, 3], by).map(Arc::new);
        output.positions = size;
    });
    assert!(matches!(error, ModelError::MapSize { .. }), "{error}");
    let by = resized_model([1, 1, 1]).outputs()[0].resize.as_ref().expect("resized").by().clone();
    for by in [
        Resize { size: [0, 1, 1], ..by.clone() },
        Resize { size: [1, 1, 65_537], ..by.clone() },
        Resize { coordinates: Coordinates::TfHalfPixel, ..by.clone() },
        Resize { steps: Some([[1, 0]; 3]), ..by },
    ] {
        assert_eq!(MapResize::new([1, 3, 3], by), None);
    }
}
