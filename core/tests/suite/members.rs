//! Members: their tensors in a file, and which of them a sample takes.

use bayes8_core::executor::{Executor, WeightSample};
use bayes8_core::format::{FormatError, read, version, write};
use bayes8_core::graph::{Padding, Shape, Value, Window};
use bayes8_core::layer::Layer;
use bayes8_core::model::{MAX_MEMBERS, Parameters, Parts, PerMember, QuantizedModel};
use bayes8_core::ops::{Dropout, DropoutKind, DropoutProbability};
use bayes8_core::posterior::Draw;
use bayes8_core::reference::Reference;
use std::ops::Range;
use std::sync::Arc;

use crate::container::{File, Tensor};
use crate::small_model::error;
use bayes8_conformance::{Builder, Kind, random_codes};

/// Returns the layers of a model under construction.
fn layers_mut(parts: &mut Parts) -> Vec<&mut PerMember<Arc<Layer>>> {
    let layers = parts.graph.data_mut().filter_map(|data| match &mut data.parameters {
        Parameters::Layer(layer) => Some(layer),
        Parameters::None | Parameters::Affine(_) | Parameters::Table(_) => None,
    });
    layers.collect()
}

/// Gives a layer `count` members, which differ in their means.
fn multiply(layer: &mut PerMember<Arc<Layer>>, count: usize) {
    for member in 1..count {
        let mut copy = Layer::clone(layer.member(0));
        let by = member % copy.mu.len();
        copy.mu.rotate_left(by);
        copy.bias.iter_mut().for_each(|bias| bias.mu.iter_mut().for_each(|mu| *mu += 1000));
        layer.push(Arc::new(copy));
    }
}

/// A convolution that all members share, a depthwise one and a linear layer of `members` members.
fn parts(members: usize, kind: Kind) -> Parts {
    let mut b = Builder::new(3, Shape::new(4, 4, 2));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let conv = b.conv(Value::Input, 6, 1, window, Kind::Deterministic).unwrap();
    let depthwise = b.conv(conv, 6, 6, window, kind).unwrap();
    b.linear(depthwise, 3, kind).unwrap();
    let mut parts = b.parts();
    layers_mut(&mut parts).into_iter().skip(1).for_each(|layer| multiply(layer, members));
    parts
}

fn ensemble(members: usize) -> QuantizedModel {
    QuantizedModel::new(parts(members, Kind::Deterministic)).unwrap()
}

fn file(members: usize) -> File {
    File::without_digest(&write(&ensemble(members)).unwrap())
}

/// Runs `samples` with a workspace of `capacity` pictures: logits `[samples][pictures]`.
fn logits(
    model: &QuantizedModel,
    codes: &[u8],
    samples: Range<u32>,
    capacity: usize,
) -> Vec<Vec<f32>> {
    let executor = Executor::new(model, Reference);
    let mut workspace = executor.workspace(capacity).unwrap();
    let mut all = Vec::new();
    let each = |_, _, logits: &[f32]| all.push(logits.to_vec());
    executor.run(codes, 5, samples, &mut workspace, each).unwrap();
    all
}

#[test]
fn members_come_back_from_a_file_and_what_they_share_is_stored_once() {
    for members in [2, 3, MAX_MEMBERS] {
        let model = ensemble(members);
        let bytes = write(&model).unwrap();
        let file = File::without_digest(&bytes);
        assert!(file.description.contains(&format!("\"members\":{members}")));
        assert_eq!(version(&model), 3);
        let of = |layer: &str| {
            let means = file.tensors.keys().filter(|name| name.ends_with(".mu"));
            let means = means.filter(|name| !name.ends_with(".bias.mu"));
            means.filter(|name| name.starts_with(layer)).count()
        };
        assert_eq!([of("conv2d_0"), of("conv2d_1"), of("linear_2")], [1, members, members]);
        assert_eq!(file.tensors["conv2d_0.mu"].shape, [6, 3, 3, 2]);
        assert_eq!(file.tensors["conv2d_1.member.1.mu"].shape, [6, 3, 3, 1]);
        assert_eq!(read(&bytes).unwrap(), model);
        assert_eq!(write(&read(&bytes).unwrap()).unwrap(), bytes);
    }
    assert!(!file(1).description.contains("members"));
    assert_eq!(version(&ensemble(1)), 1);
}

/// Depthwise layers are stored by channel, in every member.
#[test]
fn depthwise_layers_of_all_members_are_transposed() {
    let (model, file) = (ensemble(2), file(2));
    let depthwise = model.layers().nth(1).unwrap();
    for member in 0..2 {
        let stored = &file.tensors[&format!("conv2d_1.member.{member}.mu")].data;
        for (i, &code) in stored.iter().enumerate() {
            let (channel, tap) = (i / 9, i % 9);
            assert_eq!(code as i8, depthwise.member(member).mu[tap * 6 + channel]);
        }
    }
}

#[test]
fn members_may_differ_in_what_is_random() {
    let mut parts = parts(3, Kind::Bayesian);
    for layer in layers_mut(&mut parts).into_iter().skip(1) {
        let second = Arc::make_mut(layer.iter_mut().nth(1).unwrap());
        (second.posterior, second.bias) = (None, None);
    }
    let model = QuantizedModel::new(parts).unwrap();
    assert_eq!(read(&write(&model).unwrap()).unwrap(), model);
    let codes = random_codes(&model, 3, 1);
    let naive: Vec<_> = (0..6)
        .flat_map(|sample| {
            let naive = |picture| crate::naive::logits(&model, picture, 5, sample);
            codes.chunks(32).map(naive).collect::<Vec<_>>()
        })
        .collect();
    for capacity in [1, 4] {
        assert!(logits(&model, &codes, 0..6, capacity) == naive);
    }
    // Only the second member repeats itself.
    assert!(naive[3..6] == naive[12..15] && naive[0..3] != naive[9..12]);
    assert_eq!(model.randomness().period(), None);
}

#[test]
fn a_number_of_members_out_of_range_or_without_tensors_is_refused() {
    let described = |members: &str, culprit: &str| {
        let mut file = file(2);
        file.description = file.description.replacen("\"members\":2", members, 1);
        error(&file, culprit)
    };
    for members in [0, 65, 1u64 << 40] {
        let found = described(&format!("\"members\":{members}"), "1 to 64");
        assert!(matches!(found, FormatError::Members { .. }));
    }
    assert!(matches!(described("\"members\":-2", "-2"), FormatError::Description(_)));
    // A valid number of members, but the file lacks the tensors of the third.
    let missing = described("\"members\":3", "conv2d_1.member.2.mu");
    assert!(matches!(missing, FormatError::MissingTensor(_)));
    let more = |members| {
        let mut file = file(3);
        file.description = file.description.replacen("\"members\":3", members, 1);
        file
    };
    error(&more("\"members\":2"), "conv2d_1.member.2.");
    error(&more("\"members\":1"), "conv2d_1.mu");
    let mut none = file(1);
    none.description = none.description.replacen("\"input\"", "\"members\":2,\"input\"", 1);
    none.description = none.description.replacen("version\":1", "version\":3", 1);
    let none = error(&none, "no layer has tensors of several");
    assert!(matches!(none, FormatError::Members { members: 2, .. }));
}

#[test]
fn a_layer_has_the_tensors_of_all_members_or_of_none() {
    for (tensor, culprit) in [
        ("linear_2.member.0.mu", "linear_2.mu"),
        ("linear_2.member.1.mu", "linear_2.member.1.mu"),
        ("linear_2.member.2.scale", "linear_2.member.2.scale"),
    ] {
        let mut file = file(3);
        file.tensors.remove(tensor).unwrap();
        assert!(matches!(error(&file, culprit), FormatError::MissingTensor(_)), "{tensor}");
    }
    let mut both = file(2);
    let shared = both.tensors["linear_2.member.0.mu"].clone();
    both.tensors.insert("linear_2.mu".into(), shared);
    assert!(matches!(error(&both, "linear_2.mu"), FormatError::UnexpectedTensor(_)));
    for name in ["linear_2.member.01.mu", "linear_2.member.2.mu", "linear_2.member.mu"] {
        let mut strange = file(2);
        strange.tensors.insert(name.into(), Tensor::new("I8", &[1], vec![0]));
        assert!(matches!(error(&strange, name), FormatError::UnexpectedTensor(_)));
    }
}

#[test]
fn earlier_versions_have_no_members() {
    for early in [1, 2] {
        let mut file = file(2);
        let version = format!("\"format_version\":{early}");
        file.description = file.description.replacen("\"format_version\":3", &version, 1);
        let found = error(&file, "`members` needs format version 3");
        assert!(matches!(found, FormatError::FieldVersion { version, .. } if version == early));
    }
}

#[test]
fn the_samples_of_an_ensemble_are_its_members_in_turn() {
    let members = 3;
    let model = ensemble(members);
    assert_eq!((model.members(), model.randomness().period()), (members, Some(members)));
    let codes = random_codes(&model, 4, 2);
    let found = logits(&model, &codes, 1..8, 4);
    for (row, sample) in found.chunks(4).zip(1..) {
        // The network of that member alone.
        let mut parts = parts(members, Kind::Deterministic);
        for layer in layers_mut(&mut parts) {
            *layer = PerMember::shared(Arc::clone(layer.member(sample % layer.count())));
        }
        let alone = QuantizedModel::new(parts).unwrap();
        assert!(row == logits(&alone, &codes, 0..1, 4));
        // The members differ.
        assert!(row != logits(&model, &codes, sample as u32 + 1..sample as u32 + 2, 4));
    }
}

#[test]
fn a_deterministic_ensemble_draws_no_weights() {
    let executor = Executor::new(&ensemble(5), Reference);
    assert_eq!(executor.weight_bytes(), 0);
    let mut workspace = executor.workspace(1).unwrap();
    let mut weights = WeightSample::new();
    executor.sample(Draw { seed: 1, sample: 3 }, &mut weights, &mut workspace);
    let mixture = QuantizedModel::new(parts(2, Kind::Bayesian)).unwrap();
    assert!(Executor::new(&mixture, Reference).weight_bytes() > 0);
}

/// Three members, some layers Bayesian, and dropout.
fn mixture() -> QuantizedModel {
    let mut b = Builder::new(8, Shape::new(5, 4, 3));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let conv = b.conv(Value::Input, 8, 1, window, Kind::Deterministic).unwrap();
    let probability = DropoutProbability::nearest(0.3).unwrap();
    let dropout = |kind| Dropout { probability, kind };
    let dropped = b.op(dropout(DropoutKind::Element), &[conv]).unwrap();
    let conv = b.conv(dropped, 8, 1, window, Kind::Bayesian).unwrap();
    let dropped = b.op(dropout(DropoutKind::Channel), &[conv]).unwrap();
    b.linear(dropped, 4, Kind::Bayesian).unwrap();
    let mut parts = b.parts();
    layers_mut(&mut parts).into_iter().skip(1).for_each(|layer| multiply(layer, 3));
    QuantizedModel::new(parts).unwrap()
}

#[test]
fn no_split_of_pictures_or_samples_changes_a_bit() {
    for model in [ensemble(3), mixture()] {
        let pictures = 5;
        let elements = model.graph().input().elements();
        let codes = random_codes(&model, pictures, 9);
        let whole = logits(&model, &codes, 0..11, pictures);
        assert!(whole[0] != whole[pictures]);
        for capacity in [1, 2, 7] {
            for samples in [0..11, 1..2, 2..9, 4..11] {
                let found = logits(&model, &codes, samples.clone(), capacity);
                let range = samples.start as usize * pictures..samples.end as usize * pictures;
                assert!(found == whole[range], "capacity {capacity}, samples {samples:?}");
            }
        }
        // A part of the batch.
        let part = logits(&model, &codes[2 * elements..4 * elements], 5..8, 2);
        let expected = (5..8).flat_map(|sample| &whole[sample * pictures..][2..4]);
        assert!(part.iter().eq(expected));
        // Weights that were drawn earlier.
        let executor = Executor::new(&model, Reference);
        let mut workspace = executor.workspace(2).unwrap();
        let mut weights = WeightSample::new();
        executor.begin(&codes, &mut workspace).unwrap();
        for sample in [7, 3, 8, 0] {
            let draw = Draw { seed: 5, sample };
            executor.sample(draw, &mut weights, &mut workspace);
            let mut found = Vec::new();
            executor.run_sample(draw, Some(&weights), &mut workspace, |_, logits| {
                found.push(logits.to_vec());
            });
            assert!(found == whole[sample as usize * pictures..][..pictures]);
        }
    }
}
