//! Normalizations: exact sums, numbers near those of real arithmetic, and what is refused.

use bayes8_conformance::{Builder, Kind, Random, node_mut, with_seven_bits};
use bayes8_core::executor::Executor;
use bayes8_core::format::{FormatError, read, write};
use bayes8_core::graph::{GraphError, Op, Shape, Value};
use bayes8_core::model::{Affine, ModelError, Parameters, Parts, QuantizedModel};
use bayes8_core::numerics::{CodeRange, Quantization};
use bayes8_core::ops::{Epsilon, Normalize, Over, RealValue};
use bayes8_core::reference::Reference;
use std::sync::Arc;

use crate::container::{File, Tensor};
use crate::naive;
use crate::small_model::error;

const OVER: [Over; 2] = [Over::Channels, Over::ChannelsAndPositions];

fn normalize(groups: usize, over: Over, epsilon: f32) -> Normalize {
    Normalize { groups, over, epsilon: Epsilon::try_from(epsilon).expect("a positive number") }
}

/// A normalization of the input, and a layer that reads it.
fn model(input: Shape, op: Normalize) -> QuantizedModel {
    let mut b = Builder::new(input.elements() as u64, input);
    let mut value = b.op(Op::Normalize(op), &[Value::Input]).expect("groups that fit");
    if input.elements() > 10_000 {
        value = b.slice(value, 0, 40).expect("some positions");
    }
    b.linear(value, 3, Kind::Deterministic).expect("a vector");
    b.finish()
}

fn logits(model: &QuantizedModel, codes: &[u8]) -> Vec<f32> {
    let executor = Executor::new(model, Reference);
    let mut workspace = executor.workspace(2).expect("memory");
    let mut all = Vec::new();
    let each = |_, _, logits: &[f32]| all.extend(logits.to_vec());
    executor.run(codes, 1, 0..1, &mut workspace, each).expect("codes of pictures");
    all
}

/// Two pictures: random codes, and codes whose sums of squares are as large as possible.
fn pictures(elements: usize) -> Vec<u8> {
    let mut codes = Random::new(elements as u64).bytes(elements);
    codes.resize(2 * elements, 255);
    codes[elements] = 0;
    codes
}

/// Groups of one channel, of more channels than are summed side by side, and of more positions than
/// sums of 32 bits can hold.
#[test]
fn groups_of_all_sizes_have_exact_sums() {
    for (input, groups) in [
        (Shape::new(3, 5, 1), &[1][..]),
        (Shape::new(2, 7, 12), &[1, 2, 4, 12]),
        (Shape::volume(2, 3, 2, 6), &[1, 3, 6]),
        (Shape::new(1, 2, 255), &[1, 3, 85, 255]),
        (Shape::new(2, 1, 256), &[2, 256]),
        (Shape::new(2, 1, 514), &[1, 2, 257, 514]),
        (Shape::new(1, 3, 1026), &[2, 3, 6, 1026]),
        (Shape::new(300, 230, 2), &[1, 2]),
        (Shape::new(1, 1, 5002), &[1, 2]),
    ] {
        for (&groups, over) in groups.iter().flat_map(|groups| OVER.map(|over| (groups, over))) {
            let model = model(input, normalize(groups, over, 1e-5));
            for model in [with_seven_bits(&model), model] {
                let mut codes = pictures(input.elements());
                let largest = model.activation_bits().largest_code();
                codes.iter_mut().for_each(|code| *code = (*code).min(largest));
                let alone = codes.chunks(input.elements());
                let expected: Vec<f32> =
                    alone.flat_map(|codes| naive::logits(&model, codes, 1, 0)).collect();
                assert_eq!(logits(&model, &codes), expected, "{input}, {groups} groups, {over:?}");
            }
        }
    }
}

/// The codes of the normalization, and its numbers by real arithmetic in output steps from zero.
fn with_real(parts: &Parts, op: &Normalize, codes: &[u8]) -> (Vec<u8>, Vec<f32>) {
    let model = QuantizedModel::new(parts.clone()).expect("a model");
    let found = naive::trace(&model, codes, 1, 0).0.swap_remove(0);
    let data = &model.graph().nodes()[0].data;
    let (input, output) = (model.input(), data.output.expect("a grid"));
    let real = |&code: &u8| input.scale * (f32::from(code) - f32::from(input.zero_point));
    let numbers: Vec<f32> = codes.iter().map(real).collect();
    let mut expected = vec![0.0; codes.len()];
    let value = RealValue { shape: model.graph().input(), numbers: &numbers };
    op.real(data.affine().expect("weights"), value, &mut expected);
    expected.iter_mut().for_each(|x| *x /= output.scale);
    (found, expected)
}

#[test]
fn codes_are_the_nearest_to_real_numbers() {
    let input = Shape::new(9, 7, 12);
    for (over, groups, epsilon) in OVER
        .into_iter()
        .flat_map(|over| [1, 3, 12].map(|groups| (over, groups)))
        .flat_map(|(over, groups)| [1e-5, 0.3].map(|epsilon| (over, groups, epsilon)))
    {
        let op = normalize(groups, over, epsilon);
        let mut parts = model(input, op.clone()).into_parts();
        let data = node_mut(&mut parts, 0);
        data.output = Some(Quantization { scale: 0.05, zero_point: 128 });
        data.range = CodeRange::FULL;
        let (found, expected) = with_real(&parts, &op, &Random::new(3).bytes(input.elements()));
        for (code, expected) in found.into_iter().zip(expected) {
            let difference = f32::from(code) - 128.0 - expected.clamp(-128.0, 127.0);
            assert!(difference.abs() < 0.5 + 1e-3, "{op:?}: {code} for {expected}");
        }
    }
}

/// The mean of nearly equal codes is far larger than their spread.
#[test]
fn small_differences_are_not_lost() {
    let (input, op) = (Shape::new(60, 60, 1), normalize(1, Over::ChannelsAndPositions, 1e-12));
    let mut parts = model(input, op.clone()).into_parts();
    let data = node_mut(&mut parts, 0);
    data.output = Some(Quantization { scale: 0.5, zero_point: 100 });
    data.range = CodeRange::FULL;
    data.parameters = Parameters::Affine(Affine { weight: vec![1.0], bias: vec![0.0] }.into());
    let mut codes = vec![254; input.elements()];
    codes[77] = 255;
    let (found, expected) = with_real(&parts, &op, &codes);
    assert!((expected[77] - 120.0).abs() < 0.1, "{}", expected[77]);
    assert_eq!((found[77], found[78]), (220, 100));
}

#[test]
fn equal_numbers_become_the_bias_and_offsets_make_no_difference() {
    let input = Shape::new(2, 3, 4);
    for (over, groups) in OVER.into_iter().flat_map(|over| [1, 4].map(|groups| (over, groups))) {
        let mut parts = model(input, normalize(groups, over, 1e-12)).into_parts();
        let data = node_mut(&mut parts, 0);
        data.output = Some(Quantization { scale: 0.25, zero_point: 90 });
        data.range = CodeRange::FULL;
        let affine = Affine { weight: vec![1e6; 4], bias: vec![0.5, -1.0, 0.0, 3.0] };
        data.parameters = Parameters::Affine(Arc::new(affine));
        let codes = |parts: &Parts, picture: &[u8]| {
            let model = QuantizedModel::new(parts.clone()).expect("a model");
            naive::trace(&model, picture, 1, 0).0.swap_remove(0)
        };
        for code in [0, 7, 255] {
            assert_eq!(codes(&parts, &[code; 24]), [92, 86, 90, 102].repeat(6));
        }
        let picture: Vec<u8> = (0..24u32).map(|i| (i * i % 29) as u8).collect();
        let moved: Vec<u8> = picture.iter().map(|code| code + 200).collect();
        let expected = codes(&parts, &picture);
        assert_eq!(codes(&parts, &moved), expected);
        parts.input.zero_point ^= 0x55;
        assert_eq!(codes(&parts, &picture), expected);
    }
}

#[test]
fn groups_that_do_not_fit_are_refused() {
    let refused = |groups, input| {
        let op = Op::Normalize(normalize(groups, Over::ChannelsAndPositions, 1e-5));
        let mut graph = bayes8_core::graph::Graph::new(input).expect("a shape");
        let error = graph.push("culprit".into(), op, vec![Value::Input], ()).unwrap_err();
        assert!(error.to_string().contains("culprit"), "{error}");
        error
    };
    for groups in [0, 4, 12] {
        let error = refused(groups, Shape::new(2, 2, 6));
        assert!(matches!(error, GraphError::Groups { .. }), "{error}");
    }
    let error = refused(1, Shape::new(1 << 12, (1 << 12) + 1, 1));
    assert!(matches!(error, GraphError::GroupElements { .. }), "{error}");
    for epsilon in [0.0, -1e-5, 1e-42, f32::NAN, f32::INFINITY] {
        assert!(Epsilon::try_from(epsilon).is_err(), "{epsilon}");
    }
}

#[test]
fn numbers_that_could_make_infinities_are_refused() {
    let input = Shape::new(2, 3, 4);
    let refused = |change: &dyn Fn(&mut Affine), step, culprit: &str| {
        let mut parts = model(input, normalize(2, Over::Channels, 1e-5)).into_parts();
        parts.input.scale = step;
        let Parameters::Affine(affine) = &mut node_mut(&mut parts, 0).parameters else {
            panic!("no weights")
        };
        change(Arc::make_mut(affine));
        let error = QuantizedModel::new(parts).expect_err("no model");
        assert!(error.to_string().contains(&format!("normalize_0.{culprit}")), "{error}");
        error
    };
    let count = refused(&|affine| affine.weight.truncate(3), 0.1, "weight");
    assert!(matches!(count, ModelError::Count { expected: 4, found: 3, .. }));
    refused(&|affine| affine.bias.push(0.0), 0.1, "bias");
    refused(&|affine| affine.weight[1] = f32::NAN, 0.1, "weight");
    refused(&|affine| affine.bias[3] = f32::INFINITY, 0.1, "bias");
    refused(&|affine| affine.weight[3] = 1e35, 0.1, "largest output");
    refused(&|affine| affine.bias[3] = -3e38, 0.1, "largest output");
    refused(&|_| (), 3e38, "256 * input scale / sqrt(epsilon)");
}

#[test]
fn files_have_the_weights_and_version_3() {
    let model = model(Shape::new(2, 3, 4), normalize(2, Over::ChannelsAndPositions, 1e-5));
    let bytes = write(&model).expect("a file");
    assert_eq!(read(&bytes).expect("a model"), model);
    let file = File::without_digest(&bytes);
    assert!(file.description.contains("\"format_version\":3"));
    let op = r#"{"normalize":{"groups":2,"over":"channels_and_positions","epsilon":0.00001}}"#;
    assert!(file.description.contains(op), "{}", file.description);
    for suffix in ["weight", "bias"] {
        let tensor = format!("normalize_0.{suffix}");
        let mut without = file.clone();
        without.tensors.remove(&tensor);
        assert!(matches!(error(&without, &tensor), FormatError::MissingTensor(_)));
        let mut short = file.clone();
        short.tensors.insert(tensor.clone(), Tensor::new("F32", &[3], vec![0; 12]));
        assert!(matches!(error(&short, &tensor), FormatError::TensorShape { .. }));
    }
    let described = |from: &str, to: &str, culprit: &str| {
        let mut changed = file.clone();
        changed.description = changed.description.replace(from, to);
        error(&changed, culprit)
    };
    let early = described("\"format_version\":3", "\"format_version\":2", "normalize_0");
    assert!(matches!(early, FormatError::Operation { since: 3, .. }), "{early}");
    described("0.00001", "0.0", "epsilon is 0");
    described("channels_and_positions", "positions", "positions");
    let mut infinite = file.clone();
    let data = &mut infinite.tensors.get_mut("normalize_0.bias").expect("biases").data;
    data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    error(&infinite, "normalize_0.bias");
}
