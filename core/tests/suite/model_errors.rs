//! Every reason to refuse the parts of a model, with the name of the culprit.

use bayes8_core::graph::{Graph, Op, Shape, Value, Window};
use bayes8_core::model::{Calibration, ModelError, Parameters, Parts, Quantized, QuantizedModel};
use bayes8_core::numerics::{CodeRange, Quantization};
use bayes8_core::ops::{Conv2d, MaxPool};
use bayes8_core::posterior::{Posterior, gaussian::Gaussian};

use bayes8_conformance::name_classes;
use bayes8_conformance::{Builder, Kind, layer_mut, node_mut, with_seven_bits};

const INPUT: Shape = Shape::new(6, 6, 4);

/// The data of a node without parameters.
const NOTHING: Quantized =
    Quantized { output: None, range: CodeRange::FULL, parameters: Parameters::None };

/// Returns two Bayesian layers around a pool.
fn parts() -> Parts {
    let mut b = Builder::new(1, INPUT);
    let conv = b.conv(Value::Input, 4, 1, Window::new([3, 3]), Kind::Bayesian).unwrap();
    let pool = b.op(Op::MaxPool(MaxPool { window: Window::new([2, 2]) }), &[conv]).unwrap();
    let mean = b.op(Op::GlobalAveragePool, &[pool]).unwrap();
    b.linear(mean, 3, Kind::BayesianBias).unwrap();
    b.parts()
}

/// Returns the posterior of the first layer.
fn gaussian(parts: &mut Parts) -> &mut Gaussian {
    let Some(Posterior::Gaussian(gaussian)) = &mut layer_mut(parts, 0).posterior else {
        panic!("no posterior");
    };
    gaussian
}

fn model_error(change: impl FnOnce(&mut Parts), culprit: &str) -> ModelError {
    let mut parts = parts();
    assert!(QuantizedModel::new(parts.clone()).is_ok());
    change(&mut parts);
    let error = QuantizedModel::new(parts).expect_err("no model");
    assert!(error.to_string().contains(culprit), "`{error}` does not name `{culprit}`");
    error
}

#[test]
fn a_model_ends_in_a_vector_of_logits() {
    let empty = |parts: &mut Parts| parts.graph = Graph::new(INPUT).unwrap();
    assert_eq!(model_error(empty, "no nodes"), ModelError::Empty);
    let pool = |parts: &mut Parts| {
        parts.graph.push("end".into(), Op::Flatten, vec![Value::Node(3)], NOTHING).unwrap();
        name_classes(parts, &[]);
    };
    assert!(matches!(model_error(pool, "end"), ModelError::Output { .. }));
    let picture = |parts: &mut Parts| {
        let op = Op::Conv2d(Conv2d { out_channels: 4, groups: 1, window: Window::new([1, 1]) });
        parts.graph.push("end".into(), op, vec![Value::Input], NOTHING).unwrap();
        name_classes(parts, &[]);
    };
    assert!(matches!(model_error(picture, "6x6x4"), ModelError::Output { .. }));
}

#[test]
fn exactly_the_outputs_are_not_quantized() {
    let early = |parts: &mut Parts| node_mut(parts, 1).output = None;
    assert!(matches!(model_error(early, "max_pool_1"), ModelError::OutputQuantization { .. }));
    let late = |parts: &mut Parts| node_mut(parts, 3).output = Some(parts.input);
    assert!(matches!(model_error(late, "linear_3"), ModelError::OutputQuantization { .. }));
}

#[test]
fn lists_must_have_the_right_length() {
    let calibration =
        Calibration { method: "m".into(), pictures: 1, weight_samples: 1, ranges: vec![] };
    type Change = Box<dyn FnOnce(&mut Parts)>;
    let changes: [(&str, Change); 10] = [
        ("input.preprocessing.mean", Box::new(|p| p.preprocessing.mean.push(0.0))),
        ("input.preprocessing.std", Box::new(|p| p.preprocessing.std.clear())),
        ("class_names", Box::new(|p| name_classes(p, &["one"]))),
        ("calibration.ranges", Box::new(|p| p.calibration = Some(calibration))),
        ("conv2d_0.mu", Box::new(|p| layer_mut(p, 0).mu.push(0))),
        ("conv2d_0.scale", Box::new(|p| layer_mut(p, 0).scale.clear())),
        ("conv2d_0.sigma", Box::new(|p| gaussian(p).sigma.push(0))),
        ("conv2d_0.noise_multiplier", Box::new(|p| gaussian(p).noise_multiplier.clear())),
        ("linear_3.bias.mu", Box::new(|p| layer_mut(p, 1).bias.as_mut().unwrap().mu.push(0))),
        (
            "linear_3.bias.sigma",
            Box::new(|p| layer_mut(p, 1).bias.as_mut().unwrap().sigma.as_mut().unwrap().push(0)),
        ),
    ];
    for (name, change) in changes {
        assert!(matches!(model_error(change, name), ModelError::Count { .. }), "{name}");
    }
}

/// A sum of infinities may be NaN, whose code would depend on the processor.
#[test]
fn an_addition_whose_sums_may_be_infinite_is_refused() {
    let mut b = Builder::new(1, INPUT);
    let conv = b.conv(Value::Input, 4, 1, Window::new([1, 1]), Kind::Bayesian).unwrap();
    let sum = b.op(Op::Add, &[Value::Input, conv]).unwrap();
    b.linear(sum, 3, Kind::Deterministic).unwrap();
    let mut parts = b.parts();
    parts.input.scale = 1e30;
    node_mut(&mut parts, 0).output.as_mut().unwrap().scale = 1e30;
    node_mut(&mut parts, 1).output.as_mut().unwrap().scale = 1e-4;
    assert!(QuantizedModel::new(parts.clone()).is_ok());
    // Each quotient is still finite.
    node_mut(&mut parts, 1).output.as_mut().unwrap().scale = 1e-7;
    let error = QuantizedModel::new(parts).unwrap_err();
    assert!(error.to_string().contains("add_1.255 * (input scales / output scale)"), "{error}");
}

/// Every table node needs a table, other nodes must not have one, and a table node must not have
/// bounds.
#[test]
fn tables_belong_to_table_nodes_and_imply_their_bounds() {
    let mut b = Builder::new(1, INPUT);
    let table = b.op(Op::Table, &[Value::Input]).unwrap();
    b.linear(table, 3, Kind::Deterministic).unwrap();
    let parts = b.parts();
    assert!(QuantizedModel::new(parts.clone()).is_ok());
    let mut bare = parts.clone();
    node_mut(&mut bare, 0).parameters = Parameters::None;
    let mut doubled = parts.clone();
    node_mut(&mut doubled, 1).parameters = node_mut(&mut doubled, 0).parameters.clone();
    for (parts, culprit) in [(bare, "table_0"), (doubled, "linear_1")] {
        let error = QuantizedModel::new(parts).unwrap_err();
        assert!(matches!(&error, ModelError::Parameters { node } if node == culprit), "{error}");
    }
    let mut bounded = parts;
    node_mut(&mut bounded, 0).range = CodeRange { low: 0, high: 254 };
    let error = QuantizedModel::new(bounded).unwrap_err();
    assert!(matches!(&error, ModelError::Range { node, .. } if node == "table_0"), "{error}");
}

#[test]
fn a_product_needs_a_normal_multiplier() {
    let mut b = Builder::new(1, INPUT);
    let product = b.op(Op::Multiply, &[Value::Input, Value::Input]).unwrap();
    b.linear(product, 3, Kind::Deterministic).unwrap();
    let parts = b.parts();
    for (input, output) in [(1e30, 1.0), (1e-30, 1.0), (1e-19, 1e2)] {
        let mut parts = parts.clone();
        parts.input.scale = input;
        node_mut(&mut parts, 0).output.as_mut().unwrap().scale = output;
        let error = QuantizedModel::new(parts).unwrap_err().to_string();
        assert!(error.contains("multiply_0.input scale * input scale / output scale"), "{error}");
    }
}

#[test]
fn unusable_numbers_are_named() {
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40] {
        type Change = Box<dyn FnOnce(&mut Parts)>;
        let changes: [(&str, Change); 4] = [
            ("input.scale", Box::new(move |p| p.input.scale = bad)),
            ("input.preprocessing.std", Box::new(move |p| p.preprocessing.std[1] = bad)),
            ("conv2d_0.scale", Box::new(move |p| layer_mut(p, 0).scale[2] = bad)),
            (
                "conv2d_0.output.scale",
                Box::new(move |p| node_mut(p, 0).output.as_mut().unwrap().scale = bad),
            ),
        ];
        for (name, change) in changes {
            assert!(matches!(model_error(change, name), ModelError::Number { .. }), "{name} {bad}");
        }
    }
    let mean = |parts: &mut Parts| parts.preprocessing.mean[0] = f32::NAN;
    model_error(mean, "input.preprocessing.mean");
    // Each number is fine, but their quotient is not.
    let quotient = |parts: &mut Parts| {
        for (node, scale) in [(0, 1e30), (1, 1e30), (2, f32::MIN_POSITIVE)] {
            node_mut(parts, node).output.as_mut().unwrap().scale = scale;
        }
    };
    model_error(quotient, "global_average_pool_2.input scale / output scale");
    let product = |parts: &mut Parts| layer_mut(parts, 0).scale[1] = 1e38;
    model_error(product, "conv2d_0.largest output");
}

#[test]
fn code_ranges_are_not_empty_and_not_on_moving_nodes_or_logits() {
    for (node, range, name) in [
        (0, CodeRange { low: 9, high: 8 }, "conv2d_0"),
        (1, CodeRange { low: 1, high: 255 }, "max_pool_1"),
        (3, CodeRange { low: 0, high: 254 }, "linear_3"),
    ] {
        let error = model_error(|parts| node_mut(parts, node).range = range, name);
        assert!(matches!(error, ModelError::Range { .. }));
    }
}

#[test]
fn a_node_that_moves_codes_keeps_their_grid() {
    let moved = |parts: &mut Parts| {
        let grid = node_mut(parts, 1).output.as_mut().unwrap();
        *grid = Quantization { zero_point: grid.zero_point ^ 1, ..*grid };
    };
    assert!(matches!(model_error(moved, "max_pool_1"), ModelError::Moved { .. }));
}

#[test]
fn a_layer_belongs_to_its_node() {
    type Change = fn(&mut Parts);
    let changes: [Change; 3] = [
        |p| layer_mut(p, 0).out_channels = 5,
        |p| layer_mut(p, 0).depthwise = true,
        |p| node_mut(p, 0).parameters = Parameters::None,
    ];
    for change in changes {
        assert!(matches!(model_error(change, "conv2d_0"), ModelError::Parameters { .. }));
    }
}

/// The number of a layer decides what is drawn.
#[test]
fn a_model_numbers_its_layers() {
    let mut parts = parts();
    layer_mut(&mut parts, 0).index = 7;
    let numbers = |model: &QuantizedModel| {
        model.layers().map(|members| members.member(0).index).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&QuantizedModel::new(parts).unwrap()), [0, 1]);
}

#[test]
fn spreads_are_not_negative() {
    let multiplier = |parts: &mut Parts| {
        gaussian(parts).noise_multiplier[3] = -1;
    };
    let error = model_error(multiplier, "conv2d_0.noise_multiplier");
    assert!(matches!(error, ModelError::Negative { index: 3, .. }));
    let sigma = |parts: &mut Parts| {
        layer_mut(parts, 1).bias.as_mut().unwrap().sigma.as_mut().unwrap()[0] = i32::MIN;
    };
    let error = model_error(sigma, "linear_3.bias.sigma");
    assert!(matches!(error, ModelError::Negative { index: 0, .. }));
}

#[test]
fn sums_that_might_overflow_are_refused() {
    for bias in [i32::MIN, i32::MAX] {
        let change = |parts: &mut Parts| layer_mut(parts, 1).bias.as_mut().unwrap().mu[1] = bias;
        assert!(matches!(model_error(change, "linear_3"), ModelError::Accumulator { .. }));
    }
    let deep = |inputs: usize| {
        let mut b = Builder::new(1, Shape::vector(inputs));
        b.linear(Value::Input, 1, Kind::Deterministic).unwrap();
        let mut parts = b.parts();
        layer_mut(&mut parts, 0).bias = None;
        QuantizedModel::new(parts)
    };
    let most = i32::MAX as usize / (255 * 128);
    assert!(deep(most).is_ok());
    assert!(matches!(deep(most + 1), Err(ModelError::Accumulator { .. })));
}

/// The sum of a mean of more than (2^31 - 1) / 255 = 8,421,504 elements might overflow.
#[test]
fn means_that_might_overflow_are_refused() {
    let mean = |height: usize| {
        let mut b = Builder::new(1, Shape::new(height, 4096, 1));
        let mean = b.op(Op::GlobalAveragePool, &[Value::Input]).unwrap();
        b.linear(mean, 2, Kind::Deterministic).unwrap();
        QuantizedModel::new(b.parts())
    };
    assert!(mean(2056).is_ok());
    let error = mean(2057).expect_err("no model");
    assert!(matches!(error, ModelError::Mean { .. }));
    assert!(error.to_string().contains("global_average_pool_0"), "{error}");
}

/// In a file, `a.bias` + `.mu` and `a` + `.bias.mu` are the same name.
#[test]
fn layers_whose_tensors_would_share_a_name_are_refused() {
    let clash = |last: &'static str, members: usize| {
        move |parts: &mut Parts| {
            let mut graph = Graph::new(INPUT).unwrap();
            for (i, name) in ["a", "pool", "mean", last].into_iter().enumerate() {
                let mut node = parts.graph.nodes()[i].clone();
                if let Parameters::Layer(layer) = &mut node.data.parameters {
                    (1..members).for_each(|_| layer.push(layer.member(0).clone()));
                }
                graph.push(name.into(), node.op, node.inputs, node.data).unwrap();
            }
            parts.graph = graph;
        }
    };
    for (last, members) in [("a.bias", 1), ("a.member.0", 2), ("a.member.17.bias", 2)] {
        let error = model_error(clash(last, members), last);
        assert_eq!(error, ModelError::TensorName(last.into()));
    }
    for (last, members) in [("a.member.0", 1), ("a.member.x", 2), ("b.member.0", 2)] {
        let mut parts = parts();
        clash(last, members)(&mut parts);
        QuantizedModel::new(parts).unwrap();
    }
}

#[test]
fn layers_that_are_not_shared_have_the_same_number_of_members() {
    let members = |counts: [usize; 2]| {
        move |parts: &mut Parts| {
            let layers = parts.graph.data_mut().filter_map(|data| match &mut data.parameters {
                Parameters::Layer(layer) => Some(layer),
                Parameters::None | Parameters::Affine(_) | Parameters::Table(_) => None,
            });
            for (layer, count) in layers.zip(counts) {
                (1..count).for_each(|_| layer.push(layer.member(0).clone()));
            }
        }
    };
    let error = model_error(members([2, 3]), "3 members, expected 2");
    assert!(matches!(error, ModelError::Members { expected: 2, found: 3, .. }));
    let error = model_error(members([65, 1]), "65 members, expected 64");
    assert!(matches!(error, ModelError::Members { expected: 64, found: 65, .. }));
    for (counts, expected) in [([64, 1], 64), ([1, 3], 3), ([5, 5], 5), ([1, 1], 1)] {
        let mut parts = parts();
        members(counts)(&mut parts);
        assert_eq!(QuantizedModel::new(parts).unwrap().members(), expected);
    }
}

/// Kernels may rely on seven bits, so anything that could make a larger code is refused.
#[test]
fn seven_bit_activations_have_no_larger_code() {
    let with = |change: &dyn Fn(&mut Parts)| {
        let model = with_seven_bits(&QuantizedModel::new(parts()).unwrap());
        let mut parts = model.into_parts();
        change(&mut parts);
        QuantizedModel::new(parts)
    };
    assert!(with(&|_| ()).is_ok());
    let grid = Quantization { scale: 0.1, zero_point: 128 };
    type Change<'a> = &'a dyn Fn(&mut Parts);
    let changes: [(&str, Change<'_>); 3] = [
        ("input.zero_point", &|parts| parts.input = grid),
        ("conv2d_0.output.zero_point", &|parts| {
            // The pool after it keeps the grid.
            node_mut(parts, 0).output = Some(grid);
            node_mut(parts, 1).output = Some(grid);
        }),
        ("conv2d_0.range", &|parts| node_mut(parts, 0).range.high = 128),
    ];
    for (culprit, change) in changes {
        let error = with(change).expect_err("a code beyond 127");
        assert!(matches!(error, ModelError::Code { code: 128, largest: 127, .. }), "{error}");
        assert!(error.to_string().contains(culprit), "`{error}` does not name `{culprit}`");
    }
}
