//! Prediction sets and intervals.

use super::buffers::{buffer, nothing_wanted};
use super::heads::{COUNT, invalid, numbers, predict, three_heads};
use super::{load_bytes, result};
use crate::buffer::Buffer;
use crate::describe::bayes8_model_get_output;
use crate::output::OutputInfo;
use crate::outputs::Outputs;
use crate::predict::{PredictOptions, bayes8_predict};
use crate::sums::bayes8_sums_finish;
use bayes8_conformance::models::{Builder, Kind};
use bayes8_native::core::conformal::{ClassScore, ConformalPredictor, Method};
use bayes8_native::core::format;
use bayes8_native::core::graph::{Shape, Value, Window};
use bayes8_native::head::classes::Classes;
use bayes8_native::{Head, Pictures, PredictionRegion};
use ndarray::ArrayView4;
use std::ffi::CStr;

fn predictor(method: Method, thresholds: &[f64]) -> ConformalPredictor {
    ConformalPredictor {
        method,
        alpha: 0.1,
        thresholds: thresholds.to_vec(),
        calibration_examples: 500,
        samples: 3,
        seed: 7,
    }
}

/// The file of three outputs, which are calibrated.
fn calibrated() -> Vec<u8> {
    let model = format::read(&three_heads()).expect("a model");
    let (lac, aps) = (Method::Classes(ClassScore::Lac), Method::Classes(ClassScore::Aps));
    let model = [
        ("size", predictor(Method::Residuals, &[1.5, f64::INFINITY])),
        ("kind", predictor(aps, &[0.9])),
        ("tags", predictor(lac, &[0.5, 0.625])),
    ]
    .into_iter()
    .fold(model, |model, (output, predictor)| {
        model.with_conformal(output, Some(predictor)).expect("it fits")
    });
    format::write(&model).expect("a file")
}

/// What the Rust interface says about each output: a region for each picture.
fn expected() -> [Vec<PredictionRegion>; 3] {
    let model = bayes8_native::Model::from_bytes(&calibrated()).expect("it loads");
    let options = bayes8_native::PredictOptions::new().seed(7).samples(0..3);
    let numbers = numbers();
    let predictions = model.predict(Pictures::Numbers(numbers.view()), &options);
    let predictions = predictions.expect("it predicts");
    [0, 1, 2].map(|output| {
        let region = |prediction: &bayes8_native::Prediction| {
            let (output, sums) = prediction.outputs().nth(output).expect("three");
            output.region(&sums.finish()).expect("it is calibrated")
        };
        predictions.iter().map(region).collect()
    })
}

#[test]
fn sets_and_intervals_are_those_of_the_rust_interface() {
    let model = load_bytes(&calibrated()).expect("it loads");
    let [size, kind, tags] = expected();
    let mut interval = vec![-1.0; COUNT * 4];
    let [mut set, mut answers] = [vec![9; COUNT * 3], vec![9; COUNT * 4]];
    let mut sums = vec![-1; COUNT * 9];
    let last = Outputs { output: 2, set: buffer(&mut answers), ..nothing_wanted() };
    let next = Outputs {
        output: 1,
        set: buffer(&mut set),
        sums: buffer(&mut sums),
        next: &last,
        ..nothing_wanted()
    };
    let first = Outputs { interval: buffer(&mut interval), next: &next, ..nothing_wanted() };
    predict(*model, 0..3, &first).expect("it predicts");
    let of = |regions: &[PredictionRegion]| -> Vec<f64> {
        regions.iter().flat_map(PredictionRegion::numbers).collect()
    };
    assert_eq!(interval, of(&size));
    assert_eq!(interval[3], f64::INFINITY);
    assert_eq!(answers.iter().map(|&is_in| f64::from(is_in)).collect::<Vec<_>>(), of(&tags));
    for (members, region) in set.chunks(3).zip(&kind) {
        let classes = region.class_set().expect("classes");
        let expected: Vec<u8> = (0..3).map(|class| classes.contains(&class).into()).collect();
        assert_eq!(members, expected);
    }
    let mut again = vec![9; COUNT * 3];
    let wanted = Outputs { output: 1, set: buffer(&mut again), ..nothing_wanted() };
    // SAFETY: a live handle, a slice and its length, and outputs with live buffers.
    let status = unsafe { bayes8_sums_finish(*model, sums.as_ptr(), sums.len(), COUNT, &wanted) };
    result(status, ()).expect("they are finished");
    assert_eq!(again, set);
}

#[test]
fn maps_have_a_set_at_each_position() {
    let mut builder = Builder::new(3, Shape::new(4, 5, 3));
    let map =
        builder.conv(Value::Input, 3, 1, Window::new([2, 2]), Kind::Bayesian).expect("it fits");
    let head = Head::Classes(Classes { count: 3, names: Vec::new() }.into());
    builder.output("map", &[map], 3.0, head);
    let predictor = predictor(Method::Classes(ClassScore::Aps), &[0.75]);
    let quantized = builder.finish().with_conformal("map", Some(predictor)).expect("it fits");
    let file = format::write(&quantized).expect("a file");
    let pixels: Vec<u8> = (0..2 * 4 * 5 * 3).map(|n| (n * 83 % 256) as u8).collect();
    let view = ArrayView4::from_shape((2, 4, 5, 3), &pixels).expect("two pictures");

    let rust = bayes8_native::Model::from_bytes(&file).expect("it loads");
    let options = bayes8_native::PredictOptions::new().samples(0..3);
    let predictions = rust.predict(Pictures::Bytes(view), &options).expect("it predicts");
    let members = |p: &bayes8_native::Prediction| p.region().expect("it is calibrated").numbers();
    let expected: Vec<u8> = predictions.iter().flat_map(members).map(|is_in| is_in as u8).collect();
    assert!(expected.contains(&0) && expected.contains(&1), "sets of some classes");

    let model = load_bytes(&file).expect("it loads");
    let mut set = vec![9; 2 * 3 * 4 * 3];
    let wanted = Outputs { set: buffer(&mut set), ..nothing_wanted() };
    let options = PredictOptions { samples: 3, ..PredictOptions::default() };
    let (data, length) = (pixels.as_ptr(), pixels.len());
    // SAFETY: a live handle, a slice and its length, options, and outputs with live buffers.
    let status = unsafe { bayes8_predict(*model, data, length, 2, &options, &wanted) };
    result(status, ()).expect("it predicts");
    assert_eq!(set, expected);
    let mut short = vec![9; 2 * 3];
    let wanted = Outputs { set: buffer(&mut short), ..nothing_wanted() };
    // SAFETY: as before.
    let status = unsafe { bayes8_predict(*model, data, length, 2, &options, &wanted) };
    assert!(result(status, ()).is_err(), "room for a single set per picture");
}

#[test]
fn an_output_says_how_it_was_calibrated() {
    let describe = |file: &[u8]| {
        let model = load_bytes(file).expect("it loads");
        // SAFETY: sizes, numbers and pointers, of which zeros are valid.
        let zero: OutputInfo = unsafe { std::mem::zeroed() };
        let mut output = OutputInfo { size: size_of::<OutputInfo>(), ..zero };
        // SAFETY: a live handle and a struct of this version.
        result(unsafe { bayes8_model_get_output(*model, 1, &mut output) }, ())
            .expect("it is there");
        let method = match output.conformal_method.is_null() {
            true => None,
            // SAFETY: a string of the model, which is still alive.
            false => Some(unsafe { CStr::from_ptr(output.conformal_method) }.to_owned()),
        };
        let OutputInfo { conformal_alpha, calibration_examples, .. } = output;
        let samples = (output.calibration_samples, output.calibration_seed);
        (method, conformal_alpha, calibration_examples, samples)
    };
    assert_eq!(describe(&calibrated()), (Some(c"aps".into()), 0.1, 500, (3, 7)));
    assert_eq!(describe(&three_heads()), (None, 0.0, 0, (0, 0)));
}

#[test]
fn what_an_output_does_not_have_is_refused() {
    let model = load_bytes(&calibrated()).expect("it loads");
    let (mut bytes, mut ends) = (vec![9; COUNT * 3], vec![-1.0; COUNT * 4]);
    let (set, interval) = (buffer(&mut bytes), buffer(&mut ends));
    let none = nothing_wanted();
    assert_eq!(
        predict(*model, 0..3, &Outputs { set, ..none }),
        invalid(
            "`set` is not a figure of output `size`: its head is `gaussian`, which has interval"
        )
    );
    assert_eq!(
        predict(*model, 0..3, &Outputs { output: 1, interval, ..none }),
        invalid(
            "`interval` is not a figure of output `kind`: its head is `classes`, which has set"
        )
    );
    let small = Buffer { capacity: COUNT * 3 - 1, ..set };
    let (_, message) =
        predict(*model, 0..3, &Outputs { output: 1, set: small, ..none }).expect_err("too small");
    assert_eq!(message, "`set` has room for 5 elements, 6 are needed");
    let plain = load_bytes(&three_heads()).expect("it loads");
    let (_, message) =
        predict(*plain, 0..3, &Outputs { output: 1, set, ..none }).expect_err("not calibrated");
    assert!(message.starts_with("`set`: output `kind` has no conformal predictor"), "{message}");
    assert_eq!((bytes, ends), (vec![9; COUNT * 3], vec![-1.0; COUNT * 4]));
}
