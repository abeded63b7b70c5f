//! Predictions with several outputs, of all heads, from numbers.

use super::buffers::{buffer, nothing_wanted, unwanted};
use super::{Failure, load_bytes, result, shipped};
use crate::buffer::Buffer;
use crate::error::Status;
use crate::model::ModelHandle;
use crate::outputs::Outputs;
use crate::predict::{
    PredictOptions, bayes8_predict, bayes8_predict_normalized, bayes8_predict_numbers,
};
use crate::sums::{bayes8_output_sums_merge, bayes8_sums_finish, bayes8_sums_merge};
use bayes8_native::core::format;
use bayes8_native::core::graph::{Graph, Shape, Value};
use bayes8_native::core::model::{
    ActivationBits, CodeRange, Layer, Parameters, Parts, PerMember, Planes, Preprocessing,
    Quantization, Quantized, QuantizedModel, Values,
};
use bayes8_native::core::ops;
use bayes8_native::head::classes::Classes;
use bayes8_native::head::gaussian::{Gaussian, Target, Variance};
use bayes8_native::head::labels::Labels;
use bayes8_native::{Head, Output, Pictures, Sums};
use ndarray::Array2;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

const FEATURES: usize = 4;
pub(super) const COUNT: usize = 2;

/// An ensemble of three members over four features, with one layer for each head.
pub(super) fn file(heads: &[(&str, Head)]) -> Vec<u8> {
    let grid = Quantization { scale: 0.02, zero_point: 100 };
    let mut graph = Graph::new(Shape::vector(FEATURES)).expect("a shape");
    let mut outputs = Vec::new();
    for (node, (name, head)) in heads.iter().enumerate() {
        let count = head.outputs();
        let layer = |member: usize| {
            let weight = |i| ((i * i * 31 + 17 * member + 5 * node) % 255) as i8;
            Arc::new(Layer {
                index: node as u32,
                out_channels: count,
                depthwise: false,
                mu: (0..count * FEATURES).map(weight).collect(),
                posterior: None,
                scale: vec![0.01; count],
                bias: None,
            })
        };
        let members = PerMember::new((0..3).map(layer).collect()).expect("there are some");
        let data = Quantized {
            output: None,
            range: CodeRange::FULL,
            parameters: Parameters::Layer(members),
        };
        let linear = ops::Linear { out_features: count };
        graph.push((*name).into(), linear, vec![Value::Input], data).expect("it fits");
        let (name, head) = ((*name).into(), head.clone());
        let (nodes, positions) = (vec![node], [1; 3]);
        outputs.push(Output { name, nodes, head, positions, resize: None, conformal: None });
    }
    let model = QuantizedModel::new(Parts {
        name: "heads".into(),
        graph,
        activation_bits: ActivationBits::Eight,
        input: grid,
        preprocessing: Preprocessing {
            values: Values::Numbers,
            mean: vec![10.0; FEATURES],
            std: vec![2.0; FEATURES],
        },
        outputs: outputs.into(),
        input_planes: Planes::One,
        calibration: None,
        draws: None,
    });
    format::write(&model.expect("a model")).expect("a file")
}

pub(super) fn labels(count: usize, names: &[&str]) -> Head {
    let names = names.iter().map(|&name| name.into()).collect();
    Head::Labels(Labels { count, names }.into())
}

pub(super) fn three_heads() -> Vec<u8> {
    let names = vec!["a".into(), "b".into(), "c".into()];
    let strength = Target {
        name: "strength".into(),
        unit: "MPa".into(),
        scale: 16.5,
        offset: 35.75,
        noise: 0.5,
        exponent: -24,
    };
    let other = Target { name: String::new(), unit: String::new(), ..strength.clone() };
    let gaussian = Gaussian { variance: Variance::Log, targets: vec![strength, other] };
    file(&[
        ("size", Head::Gaussian(gaussian.into())),
        ("kind", Head::Classes(Classes { count: 3, names }.into())),
        ("tags", labels(2, &[])),
    ])
}

/// Raw features.
pub(super) fn numbers() -> Array2<f32> {
    Array2::from_shape_fn((COUNT, FEATURES), |(n, i)| 8.0 + n as f32 + 0.75 * i as f32)
}

pub(super) fn predict(
    model: *const ModelHandle,
    samples: Range<u32>,
    outputs: &Outputs,
) -> Result<(), Failure> {
    let numbers = numbers();
    let (first_sample, samples) = (samples.start, samples.len() as u32);
    let options = PredictOptions { seed: 7, first_sample, samples, ..PredictOptions::default() };
    let (data, length) = (numbers.as_ptr(), numbers.len());
    // SAFETY: a live handle, a slice and its length, options, and outputs with live buffers.
    let status = unsafe { bayes8_predict_numbers(model, data, length, COUNT, &options, outputs) };
    result(status, ())
}

/// What the Rust interface says about one output.
pub(super) struct Expected {
    /// A row of figures for each picture.
    pub(super) figures: Vec<Vec<f64>>,
    sums: Vec<i64>,
}

/// What the Rust interface says about each output, and the numbers of all.
pub(super) fn expected(samples: Range<u32>) -> (Vec<Expected>, Vec<f32>) {
    let quantized = format::read(&three_heads()).expect("a model");
    let model = bayes8_native::Model::new(quantized, Default::default()).expect("it loads");
    let options = bayes8_native::PredictOptions::new().seed(7).samples(samples).keep_logits(true);
    let numbers = numbers();
    let predictions = model.predict(Pictures::Numbers(numbers.view()), &options);
    let predictions = predictions.expect("it predicts");
    let outputs = (0..3).map(|output| {
        let sums = || predictions.iter().map(move |p| p.outputs().nth(output).expect("three").1);
        Expected {
            figures: sums().map(|sums| sums.finish().figures()).collect(),
            sums: sums().flat_map(Sums::to_words).collect(),
        }
    });
    let logits = predictions
        .iter()
        .flat_map(|p| p.logits().expect("they were asked for").into_iter().copied());
    (outputs.collect(), logits.collect())
}

pub(super) fn invalid<T>(message: &str) -> Result<T, Failure> {
    Err((Status::InvalidArgument, message.to_owned()))
}

/// The columns of rows of figures, one after the other for all pictures.
pub(super) fn columns(rows: &[Vec<f64>], columns: Range<usize>) -> Vec<f64> {
    rows.iter().flat_map(|row| row[columns.clone()].iter().copied()).collect()
}

#[test]
fn one_call_gives_the_bits_of_the_rust_interface_for_all_outputs() {
    let model = load_bytes(&three_heads()).expect("it loads");
    let (outputs, all_logits) = expected(2..7);
    let [size, kind, tags] = &outputs[..] else { panic!("three outputs") };
    let mut mean = vec![-1.0; COUNT * 2];
    let [mut std, mut aleatoric, mut epistemic] = [0; 3].map(|_| mean.clone());
    let mut sums = vec![-1; COUNT * 9];
    let mut logits = vec![-1.0; COUNT * 5 * 9];
    let mut probabilities = vec![-1.0; COUNT * 3];
    let mut kind_entropy = vec![-1.0; COUNT];
    let mut tag_figures = [0; 5].map(|_| vec![-1.0; COUNT * 2]);
    let [p, tag_std, predictive, expected, mutual] = &mut tag_figures;
    let last = Outputs {
        output: 2,
        probabilities: buffer(p),
        std: buffer(tag_std),
        predictive_entropy: buffer(predictive),
        expected_entropy: buffer(expected),
        mutual_information: buffer(mutual),
        sums: buffer(&mut sums),
        ..nothing_wanted()
    };
    let second = Outputs {
        mean: buffer(&mut mean),
        std: buffer(&mut std),
        aleatoric_std: buffer(&mut aleatoric),
        epistemic_std: buffer(&mut epistemic),
        next: &last,
        ..nothing_wanted()
    };
    // Outputs can be named in any order.
    let first = Outputs {
        output: 1,
        probabilities: buffer(&mut probabilities),
        predictive_entropy: buffer(&mut kind_entropy),
        logits: buffer(&mut logits),
        next: &second,
        ..nothing_wanted()
    };
    predict(*model, 2..7, &first).expect("it predicts");
    for (index, found) in [&mean, &std, &aleatoric, &epistemic].into_iter().enumerate() {
        assert_eq!(*found, columns(&size.figures, 2 * index..2 * index + 2), "{index}");
    }
    assert_eq!(probabilities, columns(&kind.figures, 0..3));
    assert_eq!(kind_entropy, columns(&kind.figures, 6..7));
    for (index, found) in tag_figures.iter().enumerate() {
        assert_eq!(*found, columns(&tags.figures, 2 * index..2 * index + 2), "{index}");
    }
    assert_eq!(sums, tags.sums);
    assert_eq!(logits, all_logits);
    assert!(epistemic.iter().all(|&std| std > 0.0), "the members differ");
}

#[test]
fn sums_of_each_output_merge_and_finish() {
    let model = load_bytes(&three_heads()).expect("it loads");
    let (outputs, _) = expected(2..7);
    let words = [11, 9, 9];
    for (output, Expected { figures, sums: whole }) in outputs.iter().enumerate() {
        let part = |samples| {
            let mut sums = vec![-1; COUNT * words[output]];
            let wanted = Outputs { output, sums: buffer(&mut sums), ..nothing_wanted() };
            predict(*model, samples, &wanted).expect("it predicts");
            sums
        };
        let (mut all, other) = (part(5..7), part(2..5));
        let length = all.len();
        // SAFETY: a live handle and two slices of that length.
        let status = unsafe {
            bayes8_output_sums_merge(
                *model,
                output,
                all.as_mut_ptr(),
                other.as_ptr(),
                length,
                COUNT,
            )
        };
        result(status, ()).expect("they add");
        assert_eq!(all, *whole);
        let mut std = vec![-1.0; COUNT * [2, 3, 2][output]];
        let count = std.len() / COUNT;
        let wanted = Outputs { output, std: buffer(&mut std), ..nothing_wanted() };
        // SAFETY: a live handle, a slice and its length, and outputs with live buffers.
        let finish = |outputs: &Outputs| unsafe {
            result(bayes8_sums_finish(*model, all.as_ptr(), length, COUNT, outputs), ())
        };
        finish(&wanted).expect("they are finished");
        // Probabilities or means come first.
        assert_eq!(std, columns(figures, count..2 * count), "{output}");

        let next = nothing_wanted();
        let refused = finish(&Outputs { next: &next, ..wanted });
        assert_eq!(
            refused,
            invalid("`outputs->next` must be NULL: the sums are those of one output")
        );
    }
    // Without an index they are those of the first output.
    let (mut into, from) = (vec![0; COUNT * words[1]], vec![0; COUNT * words[1]]);
    // SAFETY: as above.
    let status =
        unsafe { bayes8_sums_merge(*model, into.as_mut_ptr(), from.as_ptr(), into.len(), COUNT) };
    let message = "`into` has 18 words, not 2 x 11".to_owned();
    assert_eq!(result(status, ()), Err((Status::Shape, message)));
}

#[test]
fn impossible_sums_of_a_regression_are_refused() {
    let model = load_bytes(&three_heads()).expect("it loads");
    let (outputs, _) = expected(2..7);
    let (mut good, mut bad) = (outputs[0].sums.clone(), outputs[0].sums.clone());
    // A square sum that no samples with this sum have.
    (bad[3], bad[5]) = (0, 0);
    // SAFETY: a live handle and two slices of that length.
    let status = unsafe {
        let (into, from, length) = (good.as_mut_ptr(), bad.as_ptr(), bad.len());
        bayes8_output_sums_merge(*model, 0, into, from, length, COUNT)
    };
    let (status, message) = result(status, ()).expect_err("no such samples");
    assert_eq!(status, Status::Sums);
    assert!(message.starts_with("picture 0 of `from`: word 1 is "), "{message}");
    assert_eq!(good, outputs[0].sums, "a refusal writes nothing");
}

#[test]
fn figures_of_another_head_are_refused_by_name() {
    let model = load_bytes(&three_heads()).expect("it loads");
    let mut numbers = vec![-1.0; COUNT * 3];
    let buffer = buffer(&mut numbers);
    let none = nothing_wanted();
    let gaussian = "its head is `gaussian`, which has mean, std, aleatoric_std, epistemic_std, \
                    mean_error";
    let labels = "its head is `labels`, which has probabilities, std, predictive_entropy, \
                  expected_entropy, mutual_information, probabilities_error, \
                  predictive_entropy_error, expected_entropy_error, mutual_information_error";
    for (name, outputs, head) in [
        ("probabilities", Outputs { probabilities: buffer, ..none }, gaussian),
        ("predictive_entropy", Outputs { predictive_entropy: buffer, ..none }, gaussian),
        ("expected_entropy", Outputs { expected_entropy: buffer, ..none }, gaussian),
        ("mutual_information", Outputs { mutual_information: buffer, ..none }, gaussian),
        ("mean", Outputs { output: 2, mean: buffer, ..none }, labels),
        ("aleatoric_std", Outputs { output: 2, aleatoric_std: buffer, ..none }, labels),
        ("epistemic_std", Outputs { output: 2, epistemic_std: buffer, ..none }, labels),
        ("mean_error", Outputs { output: 2, mean_error: buffer, ..none }, labels),
        ("probabilities_error", Outputs { probabilities_error: buffer, ..none }, gaussian),
    ] {
        let output = if outputs.output == 0 { "size" } else { "tags" };
        let message = format!("`{name}` is not a figure of output `{output}`: {head}");
        assert_eq!(predict(*model, 0..3, &outputs), invalid(&message));
    }
    assert_eq!(numbers, [-1.0; COUNT * 3], "a refusal writes nothing");
}

#[test]
fn a_chain_of_outputs_is_checked() {
    let model = load_bytes(&three_heads()).expect("it loads");
    let mut numbers = vec![-1.0; COUNT * 2];
    let mean = buffer(&mut numbers);
    let chain = |next: &Outputs| {
        let first = Outputs { output: 1, next, ..nothing_wanted() };
        predict(*model, 0..3, &first)
    };
    let other = Outputs { mean, ..nothing_wanted() };
    assert_eq!(
        chain(&Outputs { output: 1, ..nothing_wanted() }),
        invalid("output `kind` is named twice")
    );
    let missing = "output 3 does not exist, the model has 3 of them";
    assert_eq!(chain(&Outputs { output: 3, ..other }), invalid(missing));
    let (status, message) = chain(&Outputs { size: 0, ..other }).expect_err("no size");
    assert_eq!(status, Status::InvalidArgument);
    assert!(message.starts_with("`outputs->next->size` is 0"), "{message}");
    let small = Buffer { capacity: COUNT * 2 - 1, ..mean };
    let (status, _) = chain(&Outputs { mean: small, ..other }).expect_err("too small");
    assert_eq!(status, Status::BufferTooSmall);
    // A ring ends where an output comes again.
    let mut ring = Outputs { mean, ..nothing_wanted() };
    ring.next = &raw const ring;
    assert_eq!(predict(*model, 0..3, &ring), invalid("output `size` is named twice"));
    assert_eq!(numbers, [-1.0; COUNT * 2], "a refusal writes nothing");
}

#[test]
fn bytes_and_numbers_are_not_mixed_up() {
    let (model, bytes) = (load_bytes(&three_heads()).expect("it loads"), shipped());
    let outputs = nothing_wanted();
    let (raw, options) = ([0; FEATURES], ptr::null());
    // SAFETY: live handles, slices and their lengths, and outputs without buffers.
    let status = unsafe { bayes8_predict(*model, raw.as_ptr(), FEATURES, 1, options, &outputs) };
    let message = "the model takes numbers, not bytes".to_owned();
    assert_eq!(result(status, ()), Err((Status::Values, message)));
    let mut picture = vec![0.0; 28 * 28];
    // SAFETY: as above.
    let status = unsafe {
        bayes8_predict_numbers(*bytes, picture.as_ptr(), picture.len(), 1, options, &outputs)
    };
    let message = "the model takes pictures as bytes, or numbers that are normalized".to_owned();
    assert_eq!(result(status, ()), Err((Status::Values, message)));
    picture[FEATURES + 1] = f32::NAN;
    // SAFETY: as above.
    let status = unsafe {
        bayes8_predict_numbers(*model, picture.as_ptr(), 2 * FEATURES, 2, options, &outputs)
    };
    let message = "picture 1 holds a number that is not finite".to_owned();
    assert_eq!(result(status, ()), Err((Status::NotFinite, message)));
}

#[test]
fn numbers_are_normalized_by_the_model() {
    let model = load_bytes(&three_heads()).expect("it loads");
    let normalized = numbers().mapv(|number| (number - 10.0) / 2.0);
    let [mut raw, mut given] = [0; 2].map(|_| vec![-1.0; COUNT * 2]);
    let wanted =
        |mean: &mut Vec<f64>| Outputs { mean: buffer(mean), std: unwanted(), ..nothing_wanted() };
    predict(*model, 0..3, &wanted(&mut raw)).expect("it predicts");
    let options = PredictOptions { seed: 7, samples: 3, ..PredictOptions::default() };
    let (data, length) = (normalized.as_ptr(), normalized.len());
    // SAFETY: a live handle, a slice and its length, and outputs with live buffers.
    let status = unsafe {
        bayes8_predict_normalized(*model, data, length, COUNT, &options, &wanted(&mut given))
    };
    result(status, ()).expect("it predicts");
    assert_eq!(raw, given);
}
