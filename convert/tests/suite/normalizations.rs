//! Normalizations of instances, groups and layers, in all ways that files spell them, against a naive
//! formula.

use bayes8_convert::calibrate::{Observations, RangeMethod};
use bayes8_convert::quantize::{ModelDetails, quantize};
use bayes8_convert::reference::{FloatWeights, run};
use bayes8_convert::{HeadDetails, HeadKind, ImportOptions, InputLayout, Network};
use bayes8_convert::{import_with, mean_weights};
use bayes8_core::executor::Executor;
use bayes8_core::graph::Op;
use bayes8_core::model::{Preprocessing, QuantizedModel};
use bayes8_core::numerics::ActivationBits;
use bayes8_core::ops::{Normalize, Over};
use bayes8_core::reference::Reference;
use ndarray::{Array2, Array4};
use rten_onnx::onnx::{
    AttributeProto, DataType, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};

use crate::common::{assert_names, float, int, ints, none, tensor};
use crate::heads::{assert_near, node};

pub(crate) const PICTURES: usize = 3;
pub(crate) const CHANNELS: usize = 6;
pub(crate) const ROWS: usize = 4;
pub(crate) const COLUMNS: usize = 5;

pub(crate) fn with(mut node: NodeProto, attributes: Vec<AttributeProto>) -> NodeProto {
    node.attribute = attributes;
    node
}

pub(crate) fn integers(name: &str, numbers: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: vec![numbers.len() as i64],
        data_type: Some(DataType::INT64),
        int64_data: numbers.to_vec(),
        ..TensorProto::default()
    }
}

/// Numbers of either sign.
pub(crate) fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 500.0 - 1.0).collect()
}

pub(crate) fn weight() -> Vec<f32> {
    numbers(CHANNELS, 3)
}

pub(crate) fn bias() -> Vec<f32> {
    numbers(CHANNELS, 4)
}

/// The tensors that the nodes of most tests read.
pub(crate) fn tensors() -> Vec<TensorProto> {
    let (channels, column) = ([CHANNELS as i64], [CHANNELS as i64, 1, 1]);
    vec![
        tensor("norm.weight", &channels, &weight()),
        tensor("norm.bias", &channels, &bias()),
        tensor("column.weight", &column, &weight()),
        tensor("column.bias", &column, &bias()),
        tensor("ones", &[2], &[1.0; 2]),
        tensor("zeros", &[2], &[0.0; 2]),
        tensor("half", &[2], &[0.5, -2.0]),
        tensor("two", &[], &[2.0]),
        tensor("epsilon", &[], &[1e-3]),
        integers("grouped", &[0, 2, -1]),
        integers("back", &[0, CHANNELS as i64, ROWS as i64, COLUMNS as i64]),
    ]
}

/// A network `[n, 6, 4, 5]` whose nodes read `x` and end in `y`.
pub(crate) fn file(set: i64, nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> Vec<u8> {
    let extents = [0, CHANNELS, ROWS, COLUMNS].map(|extent| Dimension {
        dim_value: (extent > 0).then_some(extent as i64),
        ..Dimension::default()
    });
    let info = |name: &str, dim: Vec<Dimension>| ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(TypeProto {
            tensor_type: Some(TypeProtoTensor {
                elem_type: Some(DataType::FLOAT),
                shape: Some(TensorShapeProto { dim }),
            }),
            ..TypeProto::default()
        }),
    };
    let model = ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(set) }],
        graph: Some(GraphProto {
            node: nodes,
            initializer,
            input: vec![info("x", extents.to_vec())],
            output: vec![info("y", Vec::new())],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    };
    model.write_buf().unwrap()
}

pub(crate) fn options() -> ImportOptions {
    ImportOptions::new().head(HeadKind::GaussianMean).input_layout(InputLayout::Picture)
}

#[track_caller]
pub(crate) fn imported(set: i64, nodes: Vec<NodeProto>, more: Vec<TensorProto>) -> Network {
    import_with(&file(set, nodes, [tensors(), more].concat()), &none(), &options()).unwrap()
}

pub(crate) fn refused(set: i64, nodes: Vec<NodeProto>, more: Vec<TensorProto>) -> String {
    let file = file(set, nodes, [tensors(), more].concat());
    import_with(&file, &none(), &options()).unwrap_err().to_string()
}

/// `[N, H, W, C]`.
pub(crate) fn pictures() -> Array4<f32> {
    let all = numbers(PICTURES * ROWS * COLUMNS * CHANNELS, 1);
    let all = all.iter().enumerate().map(|(i, x)| x * (1.0 + i as f32 / 90.0) + 0.5).collect();
    Array4::from_shape_vec((PICTURES, ROWS, COLUMNS, CHANNELS), all).unwrap()
}

/// The normalization of the pictures, from scratch: those of a group have the same `group`.
pub(crate) fn expected(
    group: impl Fn([usize; 3]) -> usize,
    epsilon: f64,
    weight: &[f32],
    bias: &[f32],
) -> Array2<f32> {
    let pictures = pictures();
    let mut all = Vec::new();
    for picture in pictures.outer_iter() {
        let of = |wanted: usize| -> Vec<f64> {
            let own = picture.indexed_iter().filter(|((h, w, c), _)| group([*h, *w, *c]) == wanted);
            own.map(|(_, &x)| x.into()).collect()
        };
        for ((h, w, c), &x) in picture.indexed_iter() {
            let own = of(group([h, w, c]));
            let mean = own.iter().sum::<f64>() / own.len() as f64;
            let squares = own.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            let spread = (squares / own.len() as f64 + epsilon).sqrt();
            let y = (f64::from(x) - mean) / spread * f64::from(weight[c]) + f64::from(bias[c]);
            all.push(y as f32);
        }
    }
    Array2::from_shape_vec((PICTURES, all.len() / PICTURES), all).unwrap()
}

/// The only normalization of a network.
#[track_caller]
pub(crate) fn normalize(network: &Network) -> &Normalize {
    let mut found = network.graph.nodes().iter().filter_map(|node| match &node.op {
        Op::Normalize(normalize) => Some(normalize),
        _ => None,
    });
    let only = found.next().expect("a normalization");
    assert!(found.next().is_none());
    only
}

/// The quantized network, calibrated by the pictures.
pub(crate) fn quantized(network: &Network) -> QuantizedModel {
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let seen = Observations::new(network, &outputs, pictures().view(), 1, 0, || ()).unwrap();
    let calibration = seen.calibration(RangeMethod::MinMax, ActivationBits::Eight);
    let preprocessing = Preprocessing::of_bytes(vec![0.0; CHANNELS], vec![1.0; CHANNELS]);
    let details = ModelDetails { name: "test".into(), preprocessing, outputs, input_planes: None };
    quantize(network, calibration, ActivationBits::Eight, details).unwrap()
}

/// Asserts that a network is a normalization of such groups alone, and computes `expected`.
#[track_caller]
pub(crate) fn check(network: &Network, groups: usize, over: Over, expected: &Array2<f32>) {
    let normalize = normalize(network);
    assert_eq!((normalize.groups, normalize.over), (groups, over));
    // It has the weights and biases, and a layer that copies makes the output.
    let operations: Vec<_> = network.graph.nodes().iter().map(|node| node.op.name()).collect();
    assert_eq!(operations, ["normalize", "conv2d"]);
    let weights = FloatWeights::mean(network, 0);
    assert_near(&run(network, &weights, pictures().view(), |_, _, _| {}).unwrap(), expected);
    // As codes.
    let model = quantized(network);
    let model = mean_weights::of(&model).unwrap();
    let input = model.input();
    let code = |x: &f32| ((x / input.scale).round() + f32::from(input.zero_point)) as u8;
    let codes: Vec<u8> = pictures().iter().map(code).collect();
    let executor = Executor::new(&model, Reference);
    let mut workspace = executor.workspace(2).unwrap();
    let mut found = Vec::new();
    executor.run(&codes, 0, 0..1, &mut workspace, |_, _, x| found.extend(x.to_vec())).unwrap();
    let spread = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 0.03 * spread, "{found} instead of {expected}");
    }
}

pub(crate) fn epsilon() -> AttributeProto {
    float("epsilon", 1e-3)
}

pub(crate) const INPUTS: [&str; 3] = ["x", "norm.weight", "norm.bias"];

#[test]
fn instances_are_channels_over_all_positions() {
    let nodes = vec![with(node("InstanceNormalization", "y", &INPUTS), vec![epsilon()])];
    let network = imported(17, nodes, Vec::new());
    let expected = expected(|[_, _, c]| c, 1e-3, &weight(), &bias());
    check(&network, CHANNELS, Over::ChannelsAndPositions, &expected);
    assert_eq!(network.graph.nodes()[0].name, "norm");
}

/// The operator, and an InstanceNormalization of groups, as PyTorch writes before operator set 21.
#[test]
fn groups_are_some_channels_over_all_positions() {
    let groups = || int("num_groups", 2);
    let own = |[_, _, c]: [usize; 3]| c / 3;
    let expected = expected(own, 1e-3, &weight(), &bias());
    let group = with(node("GroupNormalization", "y", &INPUTS), vec![groups(), epsilon()]);
    let over = Over::ChannelsAndPositions;
    check(&imported(21, vec![group], Vec::new()), 2, over, &expected);
    let spelled = |scale, shift| {
        let normalized = node("InstanceNormalization", "b", &["a", scale, shift]);
        vec![
            node("Reshape", "a", &["x", "grouped"]),
            with(normalized, vec![epsilon()]),
            node("Shape", "extents", &["x"]),
            node("Reshape", "c", &["b", "extents"]),
            node("Mul", "d", &["c", "column.weight"]),
            node("Add", "y", &["d", "column.bias"]),
        ]
    };
    check(&imported(17, spelled("ones", "zeros"), Vec::new()), 2, over, &expected);
    // Scales of the groups come first.
    let scaled: Vec<f32> = weight().iter().zip(0..).map(|(w, c)| w * [0.5, -2.0][c / 3]).collect();
    let shift: Vec<f32> = bias()
        .iter()
        .zip(weight())
        .zip(0..)
        .map(|((b, w), c)| b + w * [0.5, -2.0][c / 3])
        .collect();
    let shifted = self::expected(own, 1e-3, &scaled, &shift);
    check(&imported(17, spelled("half", "half"), Vec::new()), 2, over, &shifted);
    // At first the operator had one number per group.
    let inputs = ["x", "half", "half"];
    let group = with(node("GroupNormalization", "y", &inputs), vec![groups(), epsilon()]);
    let halves: Vec<f32> = (0..CHANNELS).map(|c| [0.5, -2.0][c / 3]).collect();
    let expected = self::expected(own, 1e-3, &halves, &halves);
    check(&imported(18, vec![group], Vec::new()), 2, over, &expected);
}

pub(crate) fn transposed(from: &str, to: &str, order: &[i64]) -> NodeProto {
    with(node("Transpose", to, &[from]), vec![ints("perm", order)])
}

/// As in ConvNeXt: the channels go to the end and back.
#[test]
fn layers_are_all_channels_of_a_position() {
    let last = ["a", "norm.weight", "norm.bias"];
    let nodes = vec![
        transposed("x", "a", &[0, 2, 3, 1]),
        with(node("LayerNormalization", "b", &last), vec![epsilon()]),
        transposed("b", "y", &[0, 3, 1, 2]),
    ];
    let expected = expected(|[h, w, _]| h * COLUMNS + w, 1e-3, &weight(), &bias());
    check(&imported(17, nodes, Vec::new()), 1, Over::Channels, &expected);
}

#[test]
fn layers_may_be_whole_pictures() {
    let own = |_| 0;
    let inputs = ["x", "column.weight", "column.bias"];
    let layer = |inputs: &[&str]| {
        vec![with(node("LayerNormalization", "y", inputs), vec![int("axis", 1), epsilon()])]
    };
    let over = Over::ChannelsAndPositions;
    let one_each = expected(own, 1e-3, &weight(), &bias());
    check(&imported(17, layer(&inputs), Vec::new()), 1, over, &one_each);
    let elements = CHANNELS * ROWS * COLUMNS;
    let extents = [CHANNELS as i64, ROWS as i64, COLUMNS as i64];
    let plain = expected(own, 1e-3, &[1.0; CHANNELS], &[0.0; CHANNELS]);
    let ones = || tensor("all", &extents, &vec![1.0; elements]);
    check(&imported(17, layer(&["x", "all"]), vec![ones()]), 1, over, &plain);
    // Positions without channels.
    let rows = [ROWS as i64, COLUMNS as i64];
    let square = tensor("square", &rows, &[1.0; ROWS * COLUMNS]);
    let nodes = vec![with(
        node("LayerNormalization", "y", &["x", "square"]),
        vec![int("axis", 2), epsilon()],
    )];
    let instances = expected(|[_, _, c]| c, 1e-3, &[1.0; CHANNELS], &[0.0; CHANNELS]);
    check(&imported(17, nodes, vec![square]), CHANNELS, over, &instances);
    let mut uneven = ones();
    uneven.float_data[7] = 2.0;
    let error = refused(17, layer(&["x", "all"]), vec![uneven]);
    assert_names(&error, &["`y` (LayerNormalization)", "input 1", "position to position"]);
}

/// As exporters wrote it before operator set 17, over `axes` of the value `from`.
fn decomposed(from: &str, to: &str, axes: &[i64], square: &str) -> Vec<NodeProto> {
    let mean = |to, from| with(node("ReduceMean", to, &[from]), vec![ints("axes", axes)]);
    let square = match square {
        "Pow" => node("Pow", "square", &["deviation", "two"]),
        _ => node("Mul", "square", &["deviation", "deviation"]),
    };
    vec![
        mean("mean", from),
        node("Sub", "deviation", &[from, "mean"]),
        square,
        mean("variance", "square"),
        node("Add", "sum", &["variance", "epsilon"]),
        node("Sqrt", "root", &["sum"]),
        node("Div", to, &["deviation", "root"]),
    ]
}

#[test]
fn layers_may_be_spelled_as_means() {
    for square in ["Pow", "Mul"] {
        let mut nodes = vec![transposed("x", "a", &[0, 2, 3, 1])];
        nodes.extend(decomposed("a", "b", &[-1], square));
        nodes.extend([
            node("Mul", "c", &["b", "norm.weight"]),
            node("Add", "d", &["c", "norm.bias"]),
            transposed("d", "y", &[0, 3, 1, 2]),
        ]);
        let positions = expected(|[h, w, _]| h * COLUMNS + w, 1e-3, &weight(), &bias());
        check(&imported(13, nodes, Vec::new()), 1, Over::Channels, &positions);
    }
    let pictures = expected(|_| 0, 1e-3, &[1.0; CHANNELS], &[0.0; CHANNELS]);
    let nodes = decomposed("x", "y", &[1, 2, 3], "Pow");
    check(&imported(13, nodes, Vec::new()), 1, Over::ChannelsAndPositions, &pictures);
    let instances = expected(|[_, _, c]| c, 1e-3, &[1.0; CHANNELS], &[0.0; CHANNELS]);
    let nodes = decomposed("x", "y", &[2, 3], "Pow");
    check(&imported(13, nodes, Vec::new()), CHANNELS, Over::ChannelsAndPositions, &instances);
    // A mean that does not become a normalization.
    let mean = |to| with(node("ReduceMean", to, &["x"]), vec![ints("axes", &[1])]);
    for (nodes, blamed) in [
        (vec![mean("m"), node("Relu", "y", &["m"])], "`m` (ReduceMean)"),
        (vec![mean("m"), node("Add", "y", &["x", "m"])], "`m` (ReduceMean)"),
        (
            {
                let mut nodes = decomposed("x", "y", &[1], "Pow");
                nodes[3].attribute = vec![ints("axes", &[1, 2, 3])];
                nodes
            },
            "`mean` (ReduceMean)",
        ),
    ] {
        let error = refused(13, nodes, Vec::new());
        assert_names(&error, &[blamed, "only a mean over axes after", "a part of a normalization"]);
    }
    let error = refused(13, vec![mean("y")], Vec::new());
    assert_names(&error, &["`y` (ReduceMean)", "a part of a normalization"]);
}

/// A ReLU is part of the normalization, and a matrix over channels at the end is a convolution.
#[test]
fn normalizations_take_up_clamps_and_precede_matrices() {
    let matrix = tensor("matrix", &[CHANNELS as i64, 2], &numbers(2 * CHANNELS, 5));
    let nodes = vec![
        transposed("x", "a", &[0, 2, 3, 1]),
        with(node("LayerNormalization", "b", &["a", "norm.weight"]), vec![epsilon()]),
        node("Relu", "c", &["b"]),
        node("MatMul", "d", &["c", "matrix"]),
        transposed("d", "y", &[0, 3, 1, 2]),
    ];
    let network = imported(17, nodes, vec![matrix]);
    let operations: Vec<_> = network.graph.nodes().iter().map(|node| node.op.name()).collect();
    assert_eq!(operations, ["normalize", "conv2d"]);
    let normalized = expected(|[h, w, _]| h * COLUMNS + w, 1e-3, &weight(), &[0.0; CHANNELS]);
    let matrix = numbers(2 * CHANNELS, 5);
    let positions: Vec<f32> = normalized.iter().map(|x| x.max(0.0)).collect();
    let products = positions.chunks(CHANNELS).flat_map(|all| {
        let product = |o: usize| all.iter().enumerate().map(|(c, x)| x * matrix[2 * c + o]).sum();
        [0, 1].map(product)
    });
    let products: Vec<f32> = products.collect();
    let expected = Array2::from_shape_vec((PICTURES, 2 * ROWS * COLUMNS), products).unwrap();
    let weights = FloatWeights::mean(&network, 0);
    assert_near(&run(&network, &weights, pictures().view(), |_, _, _| {}).unwrap(), &expected);
}
