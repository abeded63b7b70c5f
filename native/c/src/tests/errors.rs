//! Standard errors of all heads.

use super::buffers::{self, buffer, nothing_wanted};
use super::heads::{COUNT, columns, expected, invalid, predict, three_heads};
use super::load_bytes;
use crate::outputs::Outputs;
use bayes8_conformance::models::{Builder, Kind};
use bayes8_native::Head;
use bayes8_native::core::format;
use bayes8_native::core::graph::{Shape, Value, Window};
use bayes8_native::head::classes::Classes;

/// The errors of targets, of classes and of labels, each `[count][n]` or `[count]`.
fn found(samples: std::ops::Range<u32>) -> [Vec<Vec<f64>>; 3] {
    let model = load_bytes(&three_heads()).expect("it loads");
    let room = |n: usize| vec![-1.0; COUNT * n];
    let mut size = [room(2)];
    let mut kind = [room(3), room(1), room(1), room(1)];
    let mut tags = [room(2), room(2), room(2), room(2)];
    let wanted = |[p, total, expected, information]: &mut [Vec<f64>; 4]| Outputs {
        probabilities_error: buffer(p),
        predictive_entropy_error: buffer(total),
        expected_entropy_error: buffer(expected),
        mutual_information_error: buffer(information),
        ..nothing_wanted()
    };
    let last = Outputs { output: 2, ..wanted(&mut tags) };
    let second = Outputs { output: 1, next: &last, ..wanted(&mut kind) };
    let first = Outputs { mean_error: buffer(&mut size[0]), next: &second, ..nothing_wanted() };
    predict(*model, samples, &first).expect("it predicts");
    [size.into(), kind.into(), tags.into()]
}

#[test]
fn errors_have_the_bits_of_the_rust_interface() {
    let (outputs, _) = expected(2..7);
    let [size, kind, tags] = &outputs[..] else { panic!("three outputs") };
    let [of_size, of_kind, of_tags] = found(2..7);
    assert_eq!(of_size[0], columns(&size.figures, 8..10));
    for (found, range) in of_kind.iter().zip([9..12, 12..13, 13..14, 14..15]) {
        assert_eq!(*found, columns(&kind.figures, range));
    }
    for (index, found) in of_tags.iter().enumerate() {
        assert_eq!(*found, columns(&tags.figures, 10 + 2 * index..12 + 2 * index));
    }
    let all = [of_size, of_kind, of_tags].concat().concat();
    assert!(all.iter().all(|&error| error >= 0.0), "{all:?}");
    assert!(all.iter().filter(|&&error| error > 0.0).count() > all.len() / 2, "{all:?}");
}

#[test]
fn errors_of_one_sample_are_not_numbers() {
    let all = found(3..4).concat().concat();
    assert!(all.iter().all(|error| error.is_nan()), "{all:?}");
}

#[test]
fn maps_have_no_errors() {
    let mut builder = Builder::new(3, Shape::new(4, 5, 3));
    let node = builder.conv(Value::Input, 3, 1, Window::new([2, 2]), Kind::Bayesian);
    let head = Head::Classes(Classes { count: 3, names: Vec::new() }.into());
    builder.output("map", &[node.expect("it fits")], 3.0, head);
    let model = load_bytes(&format::write(&builder.finish()).expect("a file")).expect("it loads");
    let (pixels, mut numbers) = ([7; 4 * 5 * 3], vec![-1.0; 3 * 4 * 3]);
    let outputs = Outputs { probabilities_error: buffer(&mut numbers), ..nothing_wanted() };
    let message = "`probabilities_error` is not a figure of output `map`: its head is `classes`, which has \
                   probabilities, std, predictive_entropy, expected_entropy, mutual_information";
    assert_eq!(buffers::predict(*model, &pixels, 1, None, &outputs), invalid(message));
    assert!(numbers.iter().all(|&number| number == -1.0), "a refusal writes nothing");
}
