//! The axes of an input: networks of `tests/data/layouts` (see `make.py` there) against the answers
//! of ONNX Runtime, and ambiguous ones.

use std::path::PathBuf;

use crate::common::{assert_names, none};
use bayes8_convert::HeadDetails;
use bayes8_convert::answers::{AnswersError, check};
use bayes8_convert::reference::{FloatWeights, run};
use bayes8_convert::{ImportError, ImportOptions, InputLayout, Network, import, import_with};
use bayes8_core::graph::Shape;
use bayes8_core::head::Output;
use ndarray::{ArrayD, ArrayViewD, Ix2, s};
use rten_onnx::onnx::{DataType, Dimension, ModelProto, ValueInfoProto};
use safetensors::SafeTensors;

use InputLayout::{
    ChannelsLast, Gray, Picture, Sequence, SequenceLast, Vector, Volume, VolumeLast,
};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/layouts").join(name)
}

fn onnx(name: &str) -> Vec<u8> {
    std::fs::read(file(name).with_extension("onnx")).unwrap()
}

/// Inputs and outputs as ONNX Runtime recorded them.
struct Answers(Vec<u8>);

impl Answers {
    fn read() -> Self {
        Self(std::fs::read(file("answers.safetensors")).unwrap())
    }

    fn get(&self, tensor: &str) -> ArrayD<f32> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let view = tensors.tensor(tensor).unwrap();
        let numbers = view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        ArrayD::from_shape_vec(view.shape(), numbers).unwrap()
    }
}

/// Brings axes from a file's order to `[N, .., C]`; a missing axis of the channel stays missing.
fn channels_last(layout: InputLayout, pictures: ArrayViewD<'_, f32>) -> ArrayD<f32> {
    let channel = layout.name().find('c').unwrap_or(pictures.ndim() - 1);
    let mut order: Vec<usize> = (0..pictures.ndim()).collect();
    let channel = order.remove(channel);
    order.push(channel);
    pictures.permuted_axes(order).to_owned()
}

/// The largest difference between our logits and the recorded ones.
fn deviation(network: &Network, name: &str, answers: &Answers) -> f32 {
    let pictures = answers.get(&format!("{name}.input"));
    let pictures = channels_last(network.input.layout, pictures.view());
    let logits =
        run(network, &FloatWeights::mean(network, 0), pictures.view(), |_, _, _| ()).unwrap();
    let recorded = answers.get(&format!("{name}.output"));
    assert_eq!(recorded.shape(), logits.shape());
    (logits.into_dyn() - recorded).iter().fold(0.0, |max, d| max.max(d.abs()))
}

/// The layout of each network, which its name begins with.
const CASES: [(&str, InputLayout, Shape); 34] = [
    ("nchw_conv", Picture, Shape::new(5, 4, 2)),
    ("nchw_flatten", Picture, Shape::new(5, 2, 3)),
    ("nchw_reshape", Picture, Shape::new(5, 2, 3)),
    ("nchw_normalized", Picture, Shape::new(5, 4, 2)),
    ("nchw_transpose_flatten", Picture, Shape::new(5, 4, 3)),
    ("nchw_flatten_axis", Picture, Shape::new(5, 2, 1)),
    ("nchw_fixed_batch", Picture, Shape::new(5, 2, 3)),
    ("nchw_batch_norm", Picture, Shape::new(5, 4, 2)),
    ("nchw_view", Picture, Shape::new(5, 2, 3)),
    ("nchw_concat", Picture, Shape::new(5, 4, 2)),
    ("nchw_double", Picture, Shape::new(5, 2, 3)),
    ("nchw_open", Picture, Shape::new(5, 4, 3)),
    ("nhwc_flatten", ChannelsLast, Shape::new(5, 4, 1)),
    ("nhwc_flatten_rgb", ChannelsLast, Shape::new(5, 4, 3)),
    ("nhwc_normalized", ChannelsLast, Shape::new(5, 4, 2)),
    ("nhwc_transpose_conv", ChannelsLast, Shape::new(5, 4, 2)),
    ("nhwc_reshape_conv", ChannelsLast, Shape::new(5, 4, 1)),
    ("nhwc_squeeze", ChannelsLast, Shape::new(5, 4, 1)),
    ("nhwc_transpose_flatten", ChannelsLast, Shape::new(5, 4, 3)),
    ("nhwc_mean", ChannelsLast, Shape::new(5, 4, 6)),
    ("nhwc_bytes", ChannelsLast, Shape::new(5, 4, 3)),
    ("nhw_flatten", Gray, Shape::new(5, 4, 1)),
    ("nhw_reshape", Gray, Shape::new(5, 5, 1)),
    ("nhw_unsqueeze_conv", Gray, Shape::new(5, 4, 1)),
    ("nhw_reshape_conv", Gray, Shape::new(5, 4, 1)),
    ("nhw_bytes", Gray, Shape::new(5, 4, 1)),
    ("ncl_conv", Sequence, Shape::new(1, 9, 3)),
    ("nlc_transpose_conv", SequenceLast, Shape::new(1, 9, 3)),
    ("nlc_expand_conv", SequenceLast, Shape::new(1, 9, 3)),
    ("ncdhw_flatten", Volume, Shape::volume(3, 5, 2, 1)),
    ("ncdhw_conv", Volume, Shape::volume(3, 5, 4, 2)),
    ("ndhwc_flatten", VolumeLast, Shape::volume(2, 5, 4, 3)),
    ("ndhwc_transpose_conv", VolumeLast, Shape::volume(3, 5, 4, 2)),
    ("nc_normalized", Vector, Shape::vector(6)),
];

/// Networks that flatten `[n, H, W, 1]` were once read as channels first, and answered at random.
#[test]
fn every_layout_answers_as_onnx_runtime_does() {
    let answers = Answers::read();
    for (name, layout, shape) in CASES {
        let input_shape = name.ends_with("_open").then_some(shape);
        let options = ImportOptions::new().input_shape(input_shape);
        let network = import_with(&onnx(name), &none(), &options);
        let network = network.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((network.input.layout, network.graph.input()), (layout, shape), "{name}");
        assert_eq!(network.input.takes_bytes, name.ends_with("_bytes"), "{name}");
        assert!(name.starts_with(layout.name()), "{name}");
        let deviation = deviation(&network, name, &answers);
        assert!(deviation < 1e-5, "{name}: {deviation}");
        // The inferred layout can also be given.
        let options = options.input_layout(layout);
        assert_eq!(import_with(&onnx(name), &none(), &options).unwrap(), network, "{name}");
    }
    let folder = std::fs::read_dir(file("")).unwrap().map(|entry| entry.unwrap().file_name());
    let files = folder.filter(|name| name.to_string_lossy().ends_with(".onnx")).count();
    assert_eq!(files, CASES.len(), "every file is tested");
}

#[test]
fn the_input_is_shown_as_the_file_has_it() {
    for (name, axes) in [
        ("nhwc_flatten", "[n, 5, 4, 1]"),
        ("nhw_flatten", "[n, 5, 4]"),
        ("nchw_fixed_batch", "[2, 3, 5, 2]"),
        ("ncl_conv", "[n, 3, 9]"),
        ("ndhwc_flatten", "[n, 2, 5, 4, 3]"),
        ("nc_normalized", "[n, 6]"),
    ] {
        let network = import(&onnx(name), &none()).unwrap();
        assert_eq!(network.input.axes(network.graph.input()), axes);
    }
}

/// The input of a changed file.
fn changed(name: &str, change: impl FnOnce(&mut ValueInfoProto)) -> Vec<u8> {
    let mut model = ModelProto::parse_buf(&onnx(name)).unwrap();
    change(&mut model.graph.as_mut().unwrap().input[0]);
    model.write_buf().unwrap()
}

fn set_extents(input: &mut ValueInfoProto, extents: &[i64]) {
    let tensor = input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
    let axes = extents.iter().map(|&extent| Dimension {
        dim_value: (extent > 0).then_some(extent),
        ..Dimension::default()
    });
    tensor.shape.as_mut().unwrap().dim = axes.collect();
}

fn refusal(onnx: &[u8], options: &ImportOptions) -> String {
    let error = import_with(onnx, &none(), options).unwrap_err();
    assert!(matches!(error, ImportError::Interface { kind: "input", .. }), "{error}");
    error.to_string()
}

#[test]
fn what_cannot_be_told_is_asked_for() {
    let none_given = ImportOptions::default();
    for extents in [[0, 5, 2, 2], [0, 1, 5, 4], [0, 4, 5, 1], [0, 0, 5, 0]] {
        let file = changed("nhwc_flatten", |input| set_extents(input, &extents));
        let expected = ["`x`", "input layout", "nchw", "nhwc", "[n, C, H, W]"];
        assert_names(&refusal(&file, &none_given), &expected);
    }
    let volume = changed("ndhwc_flatten", |input| set_extents(input, &[0, 2, 5, 4, 6]));
    assert_names(&refusal(&volume, &none_given), &["input layout", "ncdhw", "ndhwc"]);
    // The user's choice counts.
    let ambiguous = changed("nhwc_flatten", |input| set_extents(input, &[0, 5, 2, 2]));
    for (input_layout, shape) in
        [(Picture, Shape::new(2, 2, 5)), (ChannelsLast, Shape::new(5, 2, 2))]
    {
        let options = none_given.clone().input_layout(input_layout);
        let network = import_with(&ambiguous, &none(), &options).unwrap();
        assert_eq!(network.graph.input(), shape);
    }
    let options = none_given.clone().input_layout(Gray);
    assert_names(&refusal(&ambiguous, &options), &["[n, 5, 2, 2]", "[n, H, W]", "nhw"]);
}

/// A window knows which axis holds the channels, whatever the user says.
#[test]
fn a_layout_that_contradicts_the_network_is_refused() {
    for (name, input_layout) in
        [("nchw_conv", ChannelsLast), ("ncl_conv", Gray), ("ncl_conv", SequenceLast)]
    {
        let options = ImportOptions::new().input_layout(input_layout);
        let error = import_with(&onnx(name), &none(), &options).unwrap_err().to_string();
        assert_names(&error, &["`a` (Conv)", "[n, C, ..], not [n, "]);
    }
}

#[test]
fn open_extents_are_asked_for_and_must_fit() {
    let none_given = ImportOptions::default();
    let error = import_with(&onnx("nchw_open"), &none(), &none_given).unwrap_err();
    assert!(
        matches!(&error, ImportError::OpenExtents { name, shape } if name == "x" && shape == "[n, 3, ?, ?]"),
        "{error}"
    );
    assert_names(&error.to_string(), &["`x`", "[n, 3, ?, ?]", "input shape"]);
    for shape in [Shape::new(5, 4, 1), Shape::volume(2, 5, 4, 3)] {
        let options = none_given.clone().input_shape(shape);
        let shape = shape.to_string();
        let expected = ["[n, 3, ?, ?]", "input shape", &shape];
        assert_names(&refusal(&onnx("nchw_open"), &options), &expected);
    }
    let options = none_given.clone().input_shape(Shape::new(4, 5, 3));
    assert_names(&refusal(&onnx("nhwc_flatten_rgb"), &options), &["[n, 5, 4, 3]", "4x5x3"]);
    let options = none_given.clone().input_shape(Shape::new(5, 4, 3));
    assert!(import_with(&onnx("nhwc_flatten_rgb"), &none(), &options).is_ok());
}

#[test]
fn types_that_are_neither_floats_nor_bytes_are_refused() {
    for data_type in [DataType::INT64, DataType::INT8, DataType::STRING] {
        let file = changed("nchw_flatten", |input| {
            let tensor = input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
            tensor.elem_type = Some(data_type);
        });
        let found = data_type.to_string();
        assert_names(&refusal(&file, &ImportOptions::default()), &[&found, "FLOAT", "UINT8"]);
    }
}

/// 200 + 100 is 44 in uint8.
#[test]
fn bytes_cannot_be_computed_with() {
    let mut model = ModelProto::parse_buf(&onnx("nhwc_bytes")).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    // Divides first, then casts.
    let (cast, div) = (nodes[0].clone(), nodes[1].clone());
    nodes[0] = div.clone();
    nodes[1] = cast;
    nodes[0].input[0] = "x".into();
    nodes[0].output[0] = "a".into();
    nodes[1].input[0] = "a".into();
    nodes[1].output[0] = "b".into();
    let error = import(&model.write_buf().unwrap(), &none()).unwrap_err().to_string();
    assert_names(&error, &["(Div)", "uint8", "cast"]);
}

/// An import in another order answers at random, and only recorded answers show it.
#[test]
fn recorded_answers_tell_a_wrong_layout() {
    let answers = Answers::read();
    let recorded = answers.get("nhw_reshape.output").into_dimensionality::<Ix2>().unwrap();
    let pictures = answers.get("nhw_reshape.input");
    let network = import(&onnx("nhw_reshape"), &none()).unwrap();
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    assert_eq!(check(&network, &outputs, pictures.view(), recorded.view()), Ok(()));
    let transposed = pictures.view().permuted_axes(vec![0, 2, 1]);
    let error = check(&network, &outputs, transposed, recorded.view()).unwrap_err();
    assert!(matches!(error, AnswersError::Differ { .. }), "{error}");
    let error =
        check(&network, &outputs, pictures.view(), recorded.slice(s![..1, ..])).unwrap_err();
    assert_names(&error.to_string(), &["[1, 3]", "[2, 3]"]);
    let mut broken = recorded;
    broken[[1, 2]] = f32::NAN;
    let error = check(&network, &outputs, pictures.view(), broken.view()).unwrap_err();
    assert_eq!(error, AnswersError::NotFinite(1));
    let maps = outputs.iter().map(|of| Output { positions: [1, 2, 2], ..of.clone() });
    let maps: Vec<Output> = maps.collect();
    let error = check(&network, &maps, pictures.view(), broken.view()).unwrap_err();
    assert_names(&error.to_string(), &["`output`", "map", "leave the array out"]);
}
