//! Labels and targets: sums merge to the same bits in any order, and the figures are right.

use bayes8_core::format::{self, FormatError};
use bayes8_core::graph::{Shape, Value, Window};
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, GaussianSums, Target, TargetUncertainty, Variance};
use bayes8_core::head::labels::{LabelSums, LabelUncertainty, Labels};
use bayes8_core::head::{Accumulator, Head, Sums, WordsError};
use bayes8_core::model::{ModelError, Parts, Planes, QuantizedModel, Values};
use bayes8_core::posterior::MAX_SAMPLES;
use std::sync::Arc;

use crate::small_model::{described, file};
use bayes8_conformance::{Builder, Kind, Random};

fn target(scale: f32, offset: f32, noise: f32) -> Target {
    Target { name: "t".into(), unit: "MPa".into(), scale, offset, noise, exponent: -24 }
}

fn gaussian(variance: Variance) -> Arc<Gaussian> {
    let targets = vec![target(16.5, 35.8, 0.0), target(0.02, -1.0, 0.5)];
    Arc::new(Gaussian { variance, targets })
}

fn random_samples(count: usize, numbers: usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(7);
    let mut sample = || (0..numbers).map(|_| random.real(-3.0, 3.0)).collect();
    (0..count).map(|_| sample()).collect()
}

fn heads() -> Vec<Head> {
    vec![
        Head::Classes(Arc::new(Classes { count: 4, names: Vec::new() })),
        Head::Labels(Arc::new(Labels { count: 3, names: Vec::new() })),
        Head::Gaussian(gaussian(Variance::None)),
        Head::Gaussian(gaussian(Variance::Log)),
        Head::Gaussian(gaussian(Variance::Softplus)),
    ]
}

fn sums(head: &Head, samples: &[Vec<f32>]) -> Sums {
    let mut sums = head.accumulator().expect("memory");
    samples.iter().for_each(|numbers| sums.add(numbers));
    sums
}

#[test]
fn parts_merge_to_the_whole_bit_for_bit_in_any_order() {
    for head in heads() {
        let samples = random_samples(32, head.outputs());
        let whole = sums(&head, &samples);
        let parts: Vec<_> = samples.chunks(5).map(|part| sums(&head, part)).collect();
        let mut merged = head.accumulator().expect("memory");
        parts.iter().rev().for_each(|part| merged.merge(part));
        assert_eq!(merged, whole);
        assert_eq!(merged.finish(), whole.finish());
        // So do the words, added element by element.
        let words = parts.iter().map(Sums::to_words);
        let words = words.reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect());
        assert_eq!(head.sums_from_words(&words.expect("parts")), Ok(whole));
    }
}

#[test]
fn sums_of_different_heads_do_not_merge() {
    let all: Vec<_> = heads().iter().map(|head| head.accumulator().expect("memory")).collect();
    for (a, left) in all.iter().enumerate() {
        for (b, right) in all.iter().enumerate() {
            assert_eq!(left.merges_with(right), a == b, "{a} and {b}");
        }
    }
    let most = [&[i64::from(MAX_SAMPLES)][..], &[0; 12]].concat();
    let head = &heads()[1];
    let full = head.sums_from_words(&most).expect("sums of the most samples");
    assert!(!full.merges_with(&sums(head, &random_samples(1, 3))));
}

#[test]
fn words_that_no_samples_have_are_refused() {
    for head in heads() {
        let whole = sums(&head, &random_samples(3, head.outputs()));
        let words = whole.to_words();
        let refused = |change: &dyn Fn(&mut Vec<i64>)| {
            let mut words = words.clone();
            change(&mut words);
            head.sums_from_words(&words).expect_err("other words")
        };
        let count = words.len();
        let length = WordsError::Length { found: count - 1, expected: count };
        assert_eq!(refused(&|words| words.truncate(count - 1)), length);
        assert_eq!(refused(&|words| words[0] = -1), WordsError::Samples(-1));
        for index in 1..count {
            for wrong in [i64::MIN, i64::MAX] {
                let error = refused(&|words| words[index] = wrong);
                assert_eq!(error, WordsError::Range { index, word: wrong, samples: 3 });
            }
        }
    }
    // The mean square is below the square of the mean.
    let words = [2, 2 << 20, 0, 0, 0, 0, 0];
    let error = GaussianSums::from_words(&gaussian(Variance::None), &words).expect_err("no spread");
    assert_eq!(error, WordsError::Range { index: 1, word: 2 << 20, samples: 2 });
}

#[test]
fn figures_of_labels_are_those_of_the_formulas() {
    let samples = random_samples(50, 4);
    let mut sums = LabelSums::new(4);
    samples.iter().for_each(|logits| sums.add(logits));
    let found = sums.finish();
    let entropy = |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
    for label in 0..4 {
        let p = |logits: &Vec<f32>| 1.0 / (1.0 + (-f64::from(logits[label])).exp());
        let mean = |of: &dyn Fn(f64) -> f64| samples.iter().map(|s| of(p(s))).sum::<f64>() / 50.0;
        let mean_p = mean(&|p| p);
        let std = (mean(&|p| p * p) - mean_p * mean_p).sqrt();
        let (total, aleatoric) = (entropy(mean_p), mean(&entropy));
        for (found, expected) in [
            (found.probabilities[label], mean_p),
            (found.std[label], std),
            (found.predictive_entropy[label], total),
            (found.expected_entropy[label], aleatoric),
            (found.mutual_information[label], total - aleatoric),
        ] {
            assert!((found - expected).abs() < 1e-8, "{found}, expected {expected}");
        }
    }
    // Far from 0, nothing overflows.
    let mut sums = LabelSums::new(2);
    sums.add(&[f32::MAX, -f32::MAX]);
    let certain = sums.finish();
    assert_eq!((certain.probabilities, certain.predictive_entropy), (vec![1.0, 0.0], vec![0.0; 2]));
    assert_eq!(certain.expected_entropy, [0.0; 2]);
}

#[test]
fn figures_of_targets_are_those_of_the_formulas() {
    for variance in [Variance::None, Variance::Log, Variance::Softplus] {
        let head = gaussian(variance);
        let samples = random_samples(50, head.outputs());
        let mut sums = GaussianSums::new(&head);
        samples.iter().for_each(|numbers| sums.add(numbers));
        let found = sums.finish();
        for (index, target) in head.targets.iter().enumerate() {
            let [scale, offset, noise] = [target.scale, target.offset, target.noise].map(f64::from);
            let mean = |of: &dyn Fn(&[f32]) -> f64| {
                samples.iter().map(|sample| of(sample)).sum::<f64>() / 50.0
            };
            let m = mean(&|sample| f64::from(sample[index]));
            let spread = mean(&|sample| (f64::from(sample[index]) - m).powi(2));
            let stated = mean(&|sample| match variance {
                Variance::None => 0.0,
                Variance::Log => f64::from(sample[2 + index]).exp(),
                Variance::Softplus => f64::from(sample[2 + index]).exp().ln_1p(),
            });
            let aleatoric = (scale * scale * stated + noise * noise).sqrt();
            let epistemic = scale * spread.sqrt();
            for (found, expected) in [
                (found.mean[index], scale * m + offset),
                (found.std[index], aleatoric.hypot(epistemic)),
                (found.aleatoric_std[index], aleatoric),
                (found.epistemic_std[index], epistemic),
            ] {
                assert!((found - expected).abs() < 1e-5 * scale, "{found}, expected {expected}");
            }
        }
    }
}

#[test]
fn samples_that_agree_have_no_epistemic_part_however_large_the_mean() {
    let head = gaussian(Variance::None);
    let mut sums = GaussianSums::new(&head);
    (0..1000).for_each(|_| sums.add(&[100.1, -100.1]));
    let found = sums.finish();
    assert_eq!(found.epistemic_std, [0.0; 2]);
    assert_eq!(found.aleatoric_std, [0.0, 0.5]);
    // Larger numbers saturate at 2^31 steps of 2^-24.
    sums.clear();
    sums.add(&[f32::MAX, -f32::MAX]);
    let found = sums.finish();
    assert!((found.mean[0] - (128.0 * 16.5 + f64::from(35.8f32))).abs() < 1e-3, "{found:?}");
}

#[test]
fn without_samples_all_figures_are_zero() {
    let zeros = || vec![0.0; 2];
    assert_eq!(
        LabelSums::new(2).finish(),
        LabelUncertainty {
            samples: 0,
            probabilities: zeros(),
            std: zeros(),
            predictive_entropy: zeros(),
            expected_entropy: zeros(),
            mutual_information: zeros(),
            standard_errors: None,
        }
    );
    let (mean, std, aleatoric_std, epistemic_std) = (zeros(), zeros(), zeros(), zeros());
    let none = TargetUncertainty {
        samples: 0,
        mean,
        std,
        aleatoric_std,
        epistemic_std,
        standard_errors: None,
    };
    assert_eq!(GaussianSums::new(&gaussian(Variance::Log)).finish(), none);
}

/// Returns the parts of a model with labels and targets, which takes numbers.
fn parts() -> Parts {
    let mut b = Builder::new(3, Shape::vector(7));
    b.takes_numbers();
    b.takes_two_planes();
    let features = b.linear(Value::Input, 5, Kind::Bayesian).unwrap();
    let labels = b.linear(features, 3, Kind::Bayesian).unwrap();
    let mean = b.linear(features, 2, Kind::Deterministic).unwrap();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let head = Head::Labels(Labels { count: 3, names }.into());
    b.output("tags", &[labels], 3.0, head);
    b.output("size", &[mean], 2.0, Head::Gaussian(gaussian(Variance::None)));
    b.parts()
}

#[test]
fn outputs_and_inputs_survive_a_file() {
    let model = QuantizedModel::new(parts()).unwrap();
    let bytes = format::write(&model).unwrap();
    let read = format::read(&bytes).unwrap();
    assert_eq!(read, model);
    assert_eq!(format::write(&read).unwrap(), bytes);
    assert_eq!((read.file_version(), read.input_planes()), (Some(3), Planes::Two));
    assert_eq!(read.preprocessing().values, Values::Numbers);
    assert_eq!(read.output("size").unwrap().head.gaussian().unwrap().targets[1].unit, "MPa");
    assert!(read.output("other").is_none() && read.classes().is_none());
}

/// Asserts that a change of the parts is refused with a message that contains `culprit`.
fn refused(culprit: &str, change: impl FnOnce(&mut Parts)) {
    let mut parts = parts();
    change(&mut parts);
    let error = QuantizedModel::new(parts).expect_err(culprit).to_string();
    assert!(error.contains(culprit), "`{error}` does not name `{culprit}`");
}

#[test]
fn outputs_that_cannot_be_are_named() {
    type Change = fn(&mut Gaussian);
    for (culprit, change) in [
        ("`size.targets[1].scale` is 0", (|g| g.targets[1].scale = 0.0) as Change),
        ("scale` is -1", |g| g.targets[0].scale = -1.0),
        ("scale` is NaN", |g| g.targets[0].scale = f32::NAN),
        ("offset` is inf", |g| g.targets[0].offset = f32::INFINITY),
        ("noise` is -0.5", |g| g.targets[0].noise = -0.5),
        ("exponent` is 101", |g| g.targets[0].exponent = 101),
        ("unit` cannot be", |g| g.targets[0].unit = "a\nb".into()),
        ("`size.targets` has 0 entries", |g| g.targets.clear()),
        ("`nodes of output size` has 2 entries, expected 4", |g| g.variance = Variance::Log),
    ] {
        refused(culprit, |parts| {
            let mut outputs = parts.outputs.to_vec();
            let Head::Gaussian(gaussian) = &mut outputs[1].head else { panic!("targets") };
            change(Arc::make_mut(gaussian));
            parts.outputs = outputs.into();
        });
    }
    let outputs = |change: fn(&mut Vec<bayes8_core::head::Output>)| {
        move |parts: &mut Parts| {
            let mut outputs = parts.outputs.to_vec();
            change(&mut outputs);
            parts.outputs = outputs.into();
        }
    };
    refused("`outputs` has 0 entries", outputs(Vec::clear));
    refused("different names", outputs(|all| all[1].name = "tags".into()));
    refused("different names", outputs(|all| all[1].name.clear()));
    refused("control character", outputs(|all| all[1].name = "\u{1b}".into()));
    refused("`size` belongs to a node that does not exist", outputs(|all| all[1].nodes = vec![9]));
    refused("makes two outputs", outputs(|all| all[1].nodes = vec![1]));
    refused("no node may read", outputs(|all| drop(all.pop())));
    refused(
        "`tags.names` has 2 entries",
        outputs(|all| {
            all[0].head = Head::Labels(Labels { count: 3, names: vec![String::new(); 2] }.into());
        }),
    );
}

#[test]
fn a_single_label_has_a_name_or_two() {
    let mut b = Builder::new(3, Shape::vector(2));
    let x = b.linear(Value::Input, 1, Kind::Bayesian).unwrap();
    let head = |names: &[&str]| {
        let names = names.iter().map(|&name| name.into()).collect();
        Head::Labels(Labels { count: 1, names }.into())
    };
    for (names, outcomes, name) in [
        (&[][..], ["no", "yes"], None),
        (&["ill"], ["no", "yes"], Some("ill")),
        (&["well", "ill"], ["well", "ill"], Some("ill")),
    ] {
        let mut b = b.clone();
        b.output("output", &[x], 1.0, head(names));
        let model = b.finish();
        let labels = model.outputs()[0].head.labels().unwrap();
        assert_eq!((labels.outcomes(), labels.name(0)), (outcomes, name));
        assert_eq!(format::read(&format::write(&model).unwrap()).unwrap(), model);
    }
    let mut b = b.clone();
    b.output("output", &[x], 1.0, head(&["a", "b", "c"]));
    assert!(QuantizedModel::new(b.parts()).is_err());
}

#[test]
fn only_layers_read_two_planes_and_their_sums_fit() {
    let build = |grow: fn(&mut Builder) -> Value| {
        let mut b = Builder::new(3, Shape::new(1, 300, 1));
        b.takes_two_planes();
        let x = grow(&mut b);
        b.linear(x, 2, Kind::Bayesian).unwrap();
        QuantizedModel::new(b.parts())
    };
    let error = build(|_| Value::Input).unwrap_err();
    assert!(matches!(error, ModelError::Accumulator { fan_in: 300, .. }), "{error}");
    let error = build(|b| {
        b.op(bayes8_core::graph::MaxPool { window: Window::new([1, 3]) }, &[Value::Input]).unwrap()
    });
    assert!(matches!(error.unwrap_err(), ModelError::Planes { op: "max_pool", .. }));
    let conv = |b: &mut Builder| {
        b.conv(Value::Input, 2, 1, Window::new([1, 200]), Kind::Bayesian).unwrap()
    };
    assert!(build(conv).is_ok());
}

#[test]
fn files_of_earlier_versions_have_no_such_fields() {
    let bytes = format::write(&QuantizedModel::new(parts()).unwrap()).unwrap();
    let described = |replace: &dyn Fn(String) -> String| {
        let mut file = crate::container::File::without_digest(&bytes);
        file.description = replace(file.description);
        format::read(&file.bytes()).unwrap_err().to_string()
    };
    let earlier = |json: String| json.replace("\"format_version\":3", "\"format_version\":2");
    let error = described(&earlier);
    assert_eq!(error, "`outputs` needs format version 3, but the file has 2");
    for (from, to, culprit) in [
        ("\"planes\":2", "\"planes\":3", "`input.planes` is 3"),
        ("\"nodes\":[\"linear_1\"]", "\"nodes\":[\"input\"]", "`input`, which is not a node"),
        ("\"nodes\":[\"linear_1\"]", "\"nodes\":[]", "`tags.names` has 3 entries, expected 0"),
        ("\"labels\":{", "\"marks\":{", "marks"),
        ("\"outputs\":", "\"class_names\":[],\"outputs\":", "either `class_names` or `outputs`"),
        ("\"values\":\"numbers\"", "\"values\":\"words\"", "words"),
    ] {
        let error = described(&|json: String| {
            assert!(json.contains(from), "{json}");
            json.replace(from, to)
        });
        assert!(error.contains(culprit), "`{error}` does not name `{culprit}`");
    }
    // And without outputs or names.
    self::described("\"class_names\":[\"", "\"class_nomes\":[\"", "class_nomes");
    let mut without = file();
    let start = without.description.find("\"class_names\":[").unwrap();
    let end = start + without.description[start..].find("],").unwrap() + 2;
    without.description.replace_range(start..end, "");
    let error = format::read(&without.bytes()).unwrap_err();
    assert!(
        matches!(&error, FormatError::Description(text) if text.contains("outputs")),
        "{error}"
    );
}
