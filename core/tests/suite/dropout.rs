//! Dropout: its masks, its grid, and what of a network it changes.

use bayes8_core::backend::Backend;
use bayes8_core::convolution::{Convolution, Output};
use bayes8_core::executor::Executor;
use bayes8_core::format::{FormatError, read, version, write};
use bayes8_core::graph::{Padding, Shape, Value, Window};
use bayes8_core::layer::Layer;
use bayes8_core::model::{ModelError, Parts, Quantization, QuantizedModel};
use bayes8_core::numerics::CodeRange;
use bayes8_core::ops::{Dropout, DropoutKind, DropoutProbability, Operation};
use bayes8_core::posterior::Draw;
use bayes8_core::reference::{Reference, ReferenceWeights};
use std::sync::{Arc, Mutex};

use crate::container::File;
use crate::small_model::error;
use bayes8_conformance::{Builder, Kind, layer_mut, node_mut, random_codes};

const KINDS: [DropoutKind; 3] = [DropoutKind::Element, DropoutKind::Channel, DropoutKind::Value];

fn dropout(probability: f64, kind: DropoutKind) -> Dropout {
    Dropout { probability: DropoutProbability::nearest(probability).unwrap(), kind }
}

/// A deterministic convolution, dropout with P = 16384, and a deterministic layer.
fn parts(kind: DropoutKind) -> Parts {
    let mut b = Builder::new(3, Shape::new(4, 4, 2));
    let conv = b.conv(Value::Input, 6, 1, Window::new([3, 3]), Kind::Deterministic).unwrap();
    let dropped = b.op(dropout(0.25, kind), &[conv]).unwrap();
    b.linear(dropped, 3, Kind::Deterministic).unwrap();
    b.parts()
}

/// Returns the error after replacing `from`, which must occur, in the description of a file.
fn described(from: &str, to: &str, culprit: &str) -> FormatError {
    let model = QuantizedModel::new(parts(DropoutKind::Element)).unwrap();
    let mut file = File::without_digest(&write(&model).unwrap());
    assert!(file.description.contains(from), "{from} is not in {}", file.description);
    file.description = file.description.replacen(from, to, 1);
    error(&file, culprit)
}

#[test]
fn dropout_comes_back_from_a_file_of_version_3() {
    for (kind, name) in KINDS.into_iter().zip(["element", "channel", "value"]) {
        let model = QuantizedModel::new(parts(kind)).unwrap();
        let bytes = write(&model).unwrap();
        let op = format!(r#""op":{{"dropout":{{"probability":16384,"kind":"{name}"}}}}"#);
        let description = File::parse(&bytes).description;
        assert!(description.contains(&op), "{description}");
        assert_eq!((read(&bytes).unwrap(), version(&model)), (model, 3));
    }
}

#[test]
fn what_is_no_dropout_is_refused() {
    let damaged = |from: &str, to: &str, culprit: &str| {
        assert!(matches!(described(from, to, culprit), FormatError::Description(_)));
    };
    for probability in ["0", "65536", "-1", "0.25", "\"0.25\"", "null"] {
        damaged("\"probability\":16384", &format!("\"probability\":{probability}"), "");
    }
    damaged("\"kind\":\"element\"", "\"kind\":\"pixel\"", "pixel");
    damaged("\"kind\":\"element\"", "\"kind\":\"element\",\"seed\":1", "seed");
    damaged("\"probability\":16384,", "", "probability");
    for early in [1, 2] {
        let version = format!("\"format_version\":{early}");
        let found = described("\"format_version\":3", &version, "`dropout_1` (dropout) needs");
        assert!(matches!(found, FormatError::Operation { since: 3, .. }));
    }
    let range = described(
        "\"inputs\":[\"conv2d_0\"]",
        "\"inputs\":[\"conv2d_0\"],\"range\":[0,254]",
        "dropout_1",
    );
    assert!(matches!(range, FormatError::Model(ModelError::Range { .. })));
    // The grid belongs to another probability.
    let grid = described("\"probability\":16384", "\"probability\":16383", "dropout_1");
    assert!(matches!(grid, FormatError::Model(ModelError::Moved { .. })));
}

#[test]
fn the_grid_is_the_input_s_with_a_larger_step() {
    let of = |scale, probability: f64| {
        let input = Quantization { scale, zero_point: 17 };
        dropout(probability, DropoutKind::Element).kept_grid(input)
    };
    assert_eq!(of(0.5, 0.25), Quantization { scale: 0.5 * 65_536.0 / 49_152.0, zero_point: 17 });
    assert_eq!(of(0.3, 0.5).scale, 0.6);
    for change in [
        |output: &mut Quantization| output.scale = output.scale.next_up(),
        |output: &mut Quantization| output.scale = output.scale.next_down(),
        |output: &mut Quantization| output.zero_point ^= 1,
    ] {
        let mut parts = parts(DropoutKind::Value);
        change(node_mut(&mut parts, 1).output.as_mut().unwrap());
        let error = QuantizedModel::new(parts).unwrap_err();
        assert!(matches!(error, ModelError::Moved { .. }), "{error}");
    }
    // A step that is not a number of f32.
    let mut b = Builder::new(3, Shape::new(1, 1, 2));
    let dropped = b.op(dropout(65_535.0 / 65_536.0, DropoutKind::Value), &[Value::Input]).unwrap();
    b.linear(dropped, 3, Kind::Deterministic).unwrap();
    let mut parts = b.parts();
    parts.input.scale = 1e38;
    node_mut(&mut parts, 0).output.as_mut().unwrap().scale = f32::INFINITY;
    let error = QuantizedModel::new(parts).unwrap_err();
    assert!(matches!(error, ModelError::Number { .. }), "{error}");
    // It has no bounds.
    let mut parts = self::parts(DropoutKind::Value);
    node_mut(&mut parts, 1).range = CodeRange { low: 1, high: 255 };
    assert!(matches!(QuantizedModel::new(parts).unwrap_err(), ModelError::Range { .. }));
}

#[test]
fn probabilities_are_rounded_to_multiples_that_are_possible() {
    let units = |p| DropoutProbability::nearest(p).map(|p: DropoutProbability| p.0.get());
    for (probability, expected) in [
        (0.5, Some(32_768)),
        (0.1, Some(6_554)),
        (1.0 / 65_536.0, Some(1)),
        (1.0 - 1.0 / 65_536.0, Some(65_535)),
        (1.0 - 1.0 / 262_144.0, None),
        (1.0 / 262_144.0, None),
        (0.0, None),
        (1.0, None),
        (-0.5, None),
        (f64::NAN, None),
    ] {
        assert_eq!(units(probability), expected, "{probability}");
    }
}

/// 105 elements in 7 channels.
const SHAPE: Shape = Shape { depth: 1, height: 5, width: 3, channels: 7 };

fn kept(dropout: Dropout, number: u32, draw: Draw, shape: Shape) -> Vec<bool> {
    dropout.kept(number, draw, shape).collect()
}

#[test]
fn units_are_dropped_as_often_as_the_probability_says() {
    for kind in KINDS {
        for units in [1, 655, 6_554, 16_384, 32_768, 58_982, 65_535] {
            let p = f64::from(units) / 65_536.0;
            let dropout = dropout(p, kind);
            let (mut dropped, mut all) = (0, 0);
            for sample in 0..10_000 {
                let kept = kept(dropout, 2, Draw { seed: 9, sample }, SHAPE);
                assert_eq!(kept.len(), kind.units(SHAPE));
                dropped += kept.iter().filter(|kept| !**kept).count();
                all += kept.len();
            }
            let (expected, spread) = (all as f64 * p, (all as f64 * p * (1.0 - p)).sqrt());
            // Of the rarest, fewer than one may be expected.
            let bound = 4.0 * spread + 1.0;
            assert!((dropped as f64 - expected).abs() < bound, "{kind:?}, {units}: {dropped}");
        }
    }
}

/// Returns the correlation of pairs of equally likely bits in units of its standard error.
fn correlation(pairs: impl Iterator<Item = (bool, bool)>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0f64);
    for (a, b) in pairs {
        sum += if a == b { 1.0 } else { -1.0 };
        count += 1.0;
    }
    assert!(count > 1e5);
    sum / count.sqrt()
}

#[test]
fn masks_of_nodes_samples_elements_and_seeds_are_independent() {
    let dropout = dropout(0.5, DropoutKind::Element);
    let shape = Shape::vector(1100);
    let mask = |number, seed, sample| kept(dropout, number, Draw { seed, sample }, shape);
    let pairs = |other: &dyn Fn(u32) -> Vec<bool>, shift: usize| {
        let pairs = (0..300).flat_map(|sample| {
            let (one, other) = (mask(0, 3, sample), other(sample));
            (0..1100 - shift).map(|i| (one[i], other[i + shift])).collect::<Vec<_>>()
        });
        correlation(pairs)
    };
    // Neighbours, the next chunk, the next group, the place of the second byte.
    for shift in [1, 2, 16, 64, 128, 512] {
        let found = pairs(&|sample| mask(0, 3, sample), shift);
        assert!(found.abs() < 4.5, "{shift} units further: {found}");
    }
    for shift in [0, 1, 64, 512] {
        for (what, found) in [
            ("the next node", pairs(&|sample| mask(1, 3, sample), shift)),
            ("a later node", pairs(&|sample| mask(77, 3, sample), shift)),
            ("the next sample", pairs(&|sample| mask(0, 3, sample + 1), shift)),
            ("another seed", pairs(&|sample| mask(0, 4, sample), shift)),
            ("a seed of high bits", pairs(&|sample| mask(0, 3 | 1 << 63, sample), shift)),
        ] {
            assert!(found.abs() < 4.5, "{what}, {shift} units further: {found}");
        }
    }
    // The stream is not that of a layer's weights or biases, which begins with the same words.
    let draw = Draw { seed: 3, sample: 1 };
    let first = draw.mask_stream(0).group_bytes(0);
    assert!(first != draw.weight_stream(0).group_bytes(0));
    assert!(first != draw.bias_stream(0).group_bytes(0));
}

/// Covers shapes with fewer than half a group of units, about a group, and more.
#[test]
fn kept_codes_stay_and_dropped_ones_become_zero_in_all_pictures_alike() {
    for (seed, channels) in [1, 3, 128, 255, 256, 257, 300, 512, 600, 1100].into_iter().enumerate()
    {
        for kind in KINDS {
            let mut b = Builder::new(seed as u64, Shape::new(2, 2, channels));
            let x = b.op(bayes8_core::graph::Op::Requantize, &[Value::Input]).unwrap();
            let first = b.op(dropout(0.5, DropoutKind::Value), &[x]).unwrap();
            let second = b.op(dropout(0.4, kind), &[first]).unwrap();
            b.linear(second, 3, Kind::Deterministic).unwrap();
            let model = b.finish();
            let executor = Executor::new(&model, Reference);
            let codes = random_codes(&model, 5, 7);
            for capacity in [2, 5] {
                let mut workspace = executor.workspace(capacity).unwrap();
                executor.begin(&codes, &mut workspace).unwrap();
                for sample in 0..4 {
                    let draw = Draw { seed: 1, sample };
                    let trace = executor.trace(draw, &mut workspace);
                    for node in [1, 2] {
                        let data = &model.graph().nodes()[node];
                        let bayes8_core::graph::Op::Dropout(dropout) = data.op else { panic!() };
                        let z = data.data.output.unwrap().zero_point;
                        let mask = kept(dropout, node as u32 - 1, draw, data.shape);
                        let (from, to) = (&trace[node - 1].bytes, &trace[node].bytes);
                        for (i, (&from, &to)) in from.iter().zip(to).enumerate() {
                            // Channels repeat at all positions, elements in all pictures.
                            assert_eq!(to, if mask[i % mask.len()] { from } else { z });
                        }
                    }
                }
            }
        }
    }
}

/// What dropout does to a linear network has a mean of zero.
#[test]
fn the_mean_of_a_linear_network_s_logits_is_that_of_the_network_without_dropout() {
    for kind in KINDS {
        for p in [0.1, 0.5, 0.8] {
            let mut b = Builder::new(12, Shape::new(2, 3, 5));
            let dropped = b.op(dropout(p, kind), &[Value::Input]).unwrap();
            b.linear(dropped, 4, Kind::Deterministic).unwrap();
            let mut parts = b.parts();
            layer_mut(&mut parts, 0).bias = None;
            let mut plain = Builder::new(12, Shape::new(2, 3, 5));
            plain.linear(Value::Input, 4, Kind::Deterministic).unwrap();
            let mut plain = plain.parts();
            *layer_mut(&mut plain, 0) = layer_mut(&mut parts, 0).clone();
            let [model, plain] = [parts, plain].map(|parts| QuantizedModel::new(parts).unwrap());
            let codes = random_codes(&model, 1, 3);
            let run = |model: &QuantizedModel, samples| {
                let executor = Executor::new(model, Reference);
                let mut workspace = executor.workspace(1).unwrap();
                let mut all: Vec<Vec<f64>> = Vec::new();
                let each = |_, _, logits: &[f32]| {
                    all.push(logits.iter().copied().map(f64::from).collect());
                };
                executor.run(&codes, 21, 0..samples, &mut workspace, each).unwrap();
                all
            };
            let expected = &run(&plain, 1)[0];
            let samples = run(&model, 4000);
            let count = samples.len() as f64;
            for (class, expected) in expected.iter().enumerate() {
                let mean = samples.iter().map(|logits| logits[class]).sum::<f64>() / count;
                let square = samples.iter().map(|x| (x[class] - mean).powi(2)).sum::<f64>();
                let error = (square / count / count).sqrt();
                assert!(error > 0.0, "dropout changes the logits");
                let found = (mean - expected) / error;
                assert!(found.abs() < 4.5, "{kind:?}, {p}: {found} standard errors");
            }
        }
    }
}

/// The reference, which records the nodes that it works on, and the draws of layers.
#[derive(Default)]
struct Counting {
    entered: Mutex<Vec<usize>>,
    drawn: Mutex<usize>,
}

impl Backend for Counting {
    type Layer = Arc<Layer>;
    type Weights = ReferenceWeights;
    type Scratch = ();

    fn kernel(&self) -> &'static str {
        "counting"
    }

    fn prepare(&self, layer: &Arc<Layer>, convolution: &Convolution) -> Arc<Layer> {
        Reference.prepare(layer, convolution)
    }

    fn weight_bytes(&self, layer: &Arc<Layer>) -> usize {
        Reference.weight_bytes(layer)
    }

    fn enter(&self, node: usize) {
        self.entered.lock().unwrap().push(node);
    }

    fn sample(&self, layer: &Arc<Layer>, draw: Draw, weights: &mut ReferenceWeights, (): &mut ()) {
        *self.drawn.lock().unwrap() += 1;
        Reference.sample(layer, draw, weights, &mut ());
    }

    fn convolution(
        &self,
        convolution: &Convolution,
        weights: &ReferenceWeights,
        input: &[u8],
        output: Output<'_>,
        (): &mut (),
    ) {
        Reference.convolution(convolution, weights, input, output, &mut ());
    }
}

#[test]
fn what_comes_before_the_first_dropout_runs_once_and_no_weight_is_drawn() {
    let mut b = Builder::new(4, Shape::new(6, 6, 3));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let one = b.conv(Value::Input, 4, 1, window, Kind::Deterministic).unwrap();
    let two = b.conv(one, 4, 4, window, Kind::Deterministic).unwrap();
    let dropped = b.op(dropout(0.2, DropoutKind::Channel), &[two]).unwrap();
    let three = b.conv(dropped, 4, 1, window, Kind::Deterministic).unwrap();
    b.linear(three, 3, Kind::Deterministic).unwrap();
    let model = b.finish();
    assert_eq!(model.randomness().bayesian_layers, 0);
    assert_eq!(model.randomness().dropout[0].node, "dropout_2");

    let executor = Executor::new(&model, Counting::default());
    assert_eq!(executor.weight_bytes(), 0);
    *executor.backend().drawn.lock().unwrap() = 0;
    let mut workspace = executor.workspace(2).unwrap();
    let codes = random_codes(&model, 2, 1);
    executor.run(&codes, 1, 5..8, &mut workspace, |_, _, _| ()).unwrap();
    let entered = executor.backend().entered.lock().unwrap().clone();
    assert_eq!(entered, [0, 1, 2, 3, 4, 2, 3, 4, 2, 3, 4]);
    assert_eq!(*executor.backend().drawn.lock().unwrap(), 0);
}
