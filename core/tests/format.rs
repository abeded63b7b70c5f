//! What is written is read back, always the same bytes, and what is wrong is named.

use bayes8_core::format::{FORMAT_VERSION, FormatError, METADATA_KEY, read, version, write};
use bayes8_core::graph::{GraphError, Op, Padding, Shape, Value, Window};
use bayes8_core::model::{Calibration, Model, ModelError, Parts};
use proptest::prelude::*;

mod container;

use bayes8_core::posterior::Posterior;

use bayes8_conformance::{
    Builder, Kind, layer_mut, node_mut, random_model_of_all_operations, random_volume_model,
    with_seven_bits,
};
use container::{File, Tensor};

/// A small model with all kinds of layers: Bayesian, grouped, depthwise, deterministic.
fn model() -> Model {
    Model::new(parts()).unwrap()
}

fn parts() -> Parts {
    let mut b = Builder::new(3, Shape::new(4, 4, 2));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let conv = b.conv(Value::Input, 4, 1, window, Kind::Bayesian).unwrap();
    let grouped = b.conv(conv, 6, 2, window, Kind::BayesianBias).unwrap();
    let depthwise = b.conv(grouped, 6, 6, window, Kind::Bayesian).unwrap();
    b.linear(depthwise, 3, Kind::Deterministic).unwrap();
    let mut parts = b.parts();
    parts.class_names = vec!["cat".into(), "\"quoted\" \\ \u{1f408}".into(), String::new()];
    parts.calibration = Some(Calibration {
        method: "percentile 99.99".into(),
        pictures: 100,
        weight_samples: 4,
        ranges: vec![[-1.5, 2.25], [0.0, 0.1], [-0.3, 1e-30], [0.0, 3e38], [-7.0, 7.0]],
    });
    parts
}

fn file() -> File {
    File::without_digest(&write(&model()).unwrap())
}

/// The error that reading `file` gives, which must name `culprit`.
fn error(file: &File, culprit: &str) -> FormatError {
    let error = read(&file.bytes()).expect_err("a damaged file");
    assert!(error.to_string().contains(culprit), "`{error}` does not name `{culprit}`");
    error
}

/// The error after replacing `from`, which must occur, in the description.
fn described(from: &str, to: &str, culprit: &str) -> FormatError {
    let mut file = file();
    assert!(file.description.contains(from), "{from} is not in {}", file.description);
    file.description = file.description.replacen(from, to, 1);
    error(&file, culprit)
}

#[test]
fn random_networks_are_read_as_they_were_written() {
    for seed in 0..200 {
        for model in [random_model_of_all_operations(seed), random_volume_model(seed)] {
            let bytes = write(&model).unwrap();
            assert_eq!(read(&bytes).unwrap(), model, "seed {seed}");
            assert_eq!(write(&model).unwrap(), bytes, "seed {seed}: other bytes");
        }
    }
}

#[test]
fn the_bits_of_activations_are_kept_and_checked() {
    let description = |model: &Model| File::without_digest(&write(model).unwrap()).description;
    let seven = with_seven_bits(&model());
    assert_eq!(read(&write(&seven).unwrap()).unwrap(), seven);
    let bits = "\"activation_bits\":7,";
    assert!(
        description(&seven).contains(bits) && !description(&model()).contains("activation_bits")
    );
    let name = "\"name\":\"test";
    described(name, &format!("\"activation_bits\":6,{name}"), "7 or 8 bits, not 6");
    described(name, &format!("{bits}{name}"), "activation_bits");
}

#[test]
fn every_kind_of_layer_and_all_metadata_are_kept() {
    let model = model();
    let layers: Vec<_> = model.layers().collect();
    assert!(layers[2].depthwise && layers[2].is_bayesian() && !layers[3].is_bayesian());
    assert_eq!(read(&write(&model).unwrap()).unwrap(), model);
}

/// More commas than 1,024, of fewer than 8 bytes each: as they stand the reader would refuse them.
#[test]
fn thousands_of_short_class_names_are_written_so_that_they_can_be_read() {
    for name in ["", "ab", "a,,,,,,,b", "twelve bytes"] {
        let mut b = Builder::new(1, Shape::vector(1));
        b.linear(Value::Input, 2000, Kind::Bayesian).unwrap();
        let mut parts = b.parts();
        parts.class_names = vec![name.into(); 2000];
        let model = Model::new(parts).unwrap();
        let bytes = write(&model).unwrap();
        assert_eq!(read(&bytes).unwrap(), model, "{name:?}");
        assert_eq!(write(&model).unwrap(), bytes, "{name:?}: other bytes");
        let spread = File::without_digest(&bytes).description.ends_with(' ');
        assert_eq!(spread, name != "twelve bytes", "{name:?}: no byte more than is needed");
    }
}

/// In the file a depthwise layer is [C][taps] as all others, in memory [taps][C].
#[test]
fn depthwise_weights_are_stored_by_channel() {
    let model = model();
    let node = model.graph().nodes().iter().filter(|node| node.op.is_weighted()).nth(2).unwrap();
    let (name, layer) = (&node.name, node.data.layer().unwrap());
    let tensor = &file().tensors[&format!("{name}.mu")];
    assert_eq!(tensor.shape, [6, 3, 3, 1]);
    for channel in 0..6 {
        for tap in 0..9 {
            assert_eq!(tensor.data[channel * 9 + tap] as i8, layer.mu[tap * 6 + channel]);
        }
    }
}

proptest! {
    /// Numbers in JSON must come back to the last bit.
    #[test]
    fn any_number_survives_the_description(
        scale in 1e-20f32..1e20,
        mean in any::<f32>().prop_filter("finite", |x| x.is_finite()),
        range in [-1e38f32..1e38, -1e-30f32..1e-30],
    ) {
        let mut parts = parts();
        parts.input.scale = scale;
        node_mut(&mut parts, 0).output.as_mut().unwrap().scale = scale;
        parts.preprocessing.mean[1] = mean;
        parts.calibration.as_mut().unwrap().ranges[2] = range;
        // A scale may be too far from its neighbours for a model: that is another test's matter.
        if let Ok(model) = Model::new(parts) {
            prop_assert_eq!(read(&write(&model).unwrap()).unwrap(), model);
        }
    }
}

#[test]
fn a_model_with_ranges_that_are_not_numbers_cannot_be_made() {
    for x in [f32::NAN, f32::INFINITY] {
        let mut parts = parts();
        parts.calibration.as_mut().unwrap().ranges[1][0] = x;
        // JSON has no such numbers: the file could not be read again.
        let error = Model::new(parts).expect_err("no model");
        assert!(error.to_string().contains("calibration.ranges"), "{error}");
    }
}

#[test]
fn what_is_no_container_is_refused() {
    for (bytes, kind) in [
        (&b""[..], "an empty file, "),
        (b"\x08", "not a safetensors file"),
        (b"PK\x03\x04 not a safetensors file", "a zip archive"),
        (b"<!doctype html><title>Not found</title>", "a page of HTML"),
        (&[0xff; 64], "not a safetensors file"),
    ] {
        let error = read(bytes).unwrap_err();
        assert!(matches!(error, FormatError::Container(_) | FormatError::Foreign { .. }));
        let error = error.to_string();
        assert!(error.starts_with(kind), "{error}");
        assert!(error.contains("a model that `bayes8 quantize` made"), "{error}");
    }
}

#[test]
fn a_header_of_many_megabytes_is_not_parsed() {
    let mut file = vec![b' '; 8 + 99_000_000];
    file[..8].copy_from_slice(&99_000_000u64.to_le_bytes());
    assert!(matches!(read(&file), Err(FormatError::Header(99_000_000))));
    let tensor = Tensor::new("U8", &[0], vec![]);
    let mut file = self::file();
    file.tensors.extend((0..200_000).map(|n| (format!("empty.{n}"), tensor.clone())));
    assert!(matches!(read(&file.bytes()), Err(FormatError::Header(_))));
}

#[test]
fn names_with_control_characters_or_megabytes_are_refused() {
    let long = "n".repeat(1 << 20);
    for (bad, fault) in [("a\\u001b[2Jb", "control character \\u{1b}"), (&long, "1048576 bytes")] {
        described(r#""name":"test model 3""#, &format!(r#""name":"{bad}""#), fault);
    }
    for name in ["a\nb", &long] {
        let mut parts = parts();
        parts.class_names = (0..parts.graph.nodes().last().unwrap().shape.channels)
            .map(|class| if class == 1 { name.into() } else { String::new() })
            .collect();
        let error = Model::new(parts).unwrap_err().to_string();
        assert!(error.starts_with("`class_names[1]` cannot be `"), "{error}");
        let error = self::parts().graph.derive(|_, _| ()).push(
            name.into(),
            Op::Flatten,
            vec![Value::Input],
            (),
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("cannot be called"), "{error}");
    }
}

#[test]
fn a_file_of_another_kind_is_told_from_a_damaged_one() {
    let mut file = file();
    file.key = "other".into();
    assert!(matches!(error(&file, METADATA_KEY), FormatError::NoDescription));
    file.key = METADATA_KEY.into();
    file.description = "{".into();
    assert!(matches!(error(&file, METADATA_KEY), FormatError::Description(_)));
}

#[test]
fn a_later_version_is_named_even_if_all_else_differs() {
    let mut file = file();
    file.description = r#"{"format_version": 4, "anything": ["else"]}"#.into();
    assert!(matches!(error(&file, "version 4"), FormatError::Version { found: 4 }));
    assert_eq!(FORMAT_VERSION, 3);
    file.description = r#"{"format_version": 0, "anything": ["else"]}"#.into();
    assert!(matches!(error(&file, "version 0"), FormatError::Version { found: 0 }));
}

/// A table and a product between two layers.
fn file_of_version_2() -> File {
    let mut b = Builder::new(4, Shape::new(4, 4, 2));
    let conv = b.conv(Value::Input, 4, 1, Window::new([1, 1]), Kind::Bayesian).unwrap();
    let table = b.op(Op::Table, &[conv]).unwrap();
    let product = b.op(Op::Multiply, &[conv, table]).unwrap();
    b.linear(product, 3, Kind::Deterministic).unwrap();
    File::without_digest(&write(&b.finish()).unwrap())
}

/// A linear layer over a volume.
fn file_of_volumes() -> File {
    let mut b = Builder::new(4, Shape::volume(3, 2, 2, 1));
    b.linear(Value::Input, 3, Kind::Deterministic).unwrap();
    File::without_digest(&write(&b.finish()).unwrap())
}

/// A model whose only layer has spreads that are a share of its means, as MOPED's.
fn proportional() -> Model {
    let mut b = Builder::new(5, Shape::new(8, 8, 32));
    b.linear(Value::Input, 3, Kind::Bayesian).unwrap();
    let mut parts = b.parts();
    let layer = layer_mut(&mut parts, 0);
    let Posterior::Gaussian(posterior) = layer.posterior.as_mut().unwrap();
    for (sigma, mu) in posterior.sigma.iter_mut().zip(&layer.mu) {
        *sigma = mu.unsigned_abs() / 2 * 3 + mu.unsigned_abs() % 3;
    }
    Model::new(parts).unwrap()
}

#[test]
fn spreads_that_follow_the_means_are_stored_as_residuals_and_come_back() {
    let model = proportional();
    let bytes = write(&model).unwrap();
    let file = File::without_digest(&bytes);
    assert!(file.description.contains("\"format_version\":3"));
    assert!(!file.tensors.keys().any(|name| name == "linear_0.sigma"));
    assert_eq!(read(&bytes).unwrap(), model);
    assert_eq!(write(&read(&bytes).unwrap()).unwrap(), bytes);
    // The same file with whole codes is as good.
    let mut whole = file.clone();
    whole.tensors.retain(|name, _| !name.contains(".sigma_"));
    let Posterior::Gaussian(posterior) = model.layers().next().unwrap().posterior.as_ref().unwrap();
    let shape = file.tensors["linear_0.mu"].shape.clone();
    let tensor = Tensor::new("U8", &shape, posterior.sigma.clone());
    whole.tensors.insert("linear_0.sigma".into(), tensor);
    assert_eq!(read(&whole.bytes()).unwrap(), model);
    // A file has the version that it says, whatever would be written today.
    whole.description = whole.description.replace("\"format_version\":3", "\"format_version\":1");
    assert_eq!(version(&read(&whole.bytes()).unwrap()), 1);
    assert_eq!((version(&model), version(&read(&bytes).unwrap())), (3, 3));
    // Any line will do, any residual is a code; but not half of them, nor in earlier versions.
    let line = "linear_0.sigma_line";
    let mut steep = file.clone();
    steep.tensors.get_mut(line).unwrap().data = [0x80, 0, 0xff, 0x7f].repeat(3);
    assert!(read(&steep.bytes()).is_ok());
    let mut half = file.clone();
    half.tensors.remove(line);
    assert!(matches!(error(&half, "must come together"), FormatError::HalfResidual(_)));
    let mut short = file.clone();
    let packed = short.tensors.get_mut("linear_0.sigma_residual").unwrap();
    let bytes = packed.data.len() - 4;
    *packed = Tensor::new("U8", &[bytes], packed.data[..bytes].to_vec());
    assert!(matches!(error(&short, "sigma_residual` is damaged"), FormatError::Residual(_)));
    let mut early = file.clone();
    early.description = early.description.replace("\"format_version\":3", "\"format_version\":2");
    assert!(matches!(error(&early, "noise_multiplier"), FormatError::HalfPosterior(_)));
}

#[test]
fn a_file_has_the_earliest_version_that_has_its_operations() {
    assert!(file().description.contains("\"format_version\":1"));
    let mut file = file_of_version_2();
    assert!(file.description.contains("\"format_version\":2"));
    assert!(read(&file.bytes()).is_ok());
    file.description = file.description.replacen("version\":2", "version\":1", 1);
    let early = error(&file, "`table_1` (table) needs format version 2");
    assert!(matches!(early, FormatError::Operation { since: 2, version: 1, .. }));
    let mut volumes = file_of_volumes();
    assert!(volumes.description.contains("\"format_version\":2"));
    volumes.description = volumes.description.replacen("version\":2", "version\":1", 1);
    error(&volumes, "`input` (volume) needs format version 2");
    // A later version than needed does no harm.
    let mut late = self::file();
    late.description = late.description.replacen("version\":1", "version\":2", 1);
    assert!(read(&late.bytes()).is_ok());
}

#[test]
fn tables_are_256_bytes_and_belong_to_table_nodes() {
    let file = file_of_version_2();
    let mut missing = file.clone();
    missing.tensors.remove("table_1.table");
    assert!(matches!(error(&missing, "table_1.table"), FormatError::MissingTensor(_)));
    for length in [0, 1, 255, 257] {
        let mut wrong = file.clone();
        let table = Tensor::new("U8", &[length], vec![0; length]);
        wrong.tensors.insert("table_1.table".into(), table);
        assert!(matches!(error(&wrong, "table_1.table"), FormatError::TensorShape { .. }));
    }
    let mut wrong = file.clone();
    wrong.tensors.get_mut("table_1.table").unwrap().dtype = "I8".into();
    assert!(matches!(error(&wrong, "table_1.table"), FormatError::TensorType { .. }));
    let mut alien = file;
    alien.tensors.insert("conv2d_0.table".into(), Tensor::new("U8", &[256], vec![0; 256]));
    assert!(matches!(error(&alien, "conv2d_0.table"), FormatError::UnexpectedTensor(_)));
}

#[test]
fn unknown_and_missing_fields_are_refused_by_name() {
    let damaged = |from, to, culprit| {
        assert!(matches!(described(from, to, culprit), FormatError::Description(_)));
    };
    damaged("\"class_names\":", "\"class_nemas\":", "class_nemas");
    damaged("\"groups\":1", "\"groups\":1,\"transposed\":true", "transposed");
    damaged("\"op\":{\"linear\"", "\"op\":{\"lstm\"", "lstm");
    damaged("\"zero_point\":", "\"zero_point\":256,\"zero_point\":", "256");
    damaged("\"groups\":1", "\"groups\":-1", "-1");
}

#[test]
fn a_node_that_reads_nothing_known_is_named() {
    let unknown = described("[\"conv2d_0\"]", "[\"conv2d_9\"]", "conv2d_9");
    assert!(matches!(unknown, FormatError::UnknownInput { node, .. } if node == "conv2d_1"));
    // A cycle: a node that reads itself, or a later one.
    for name in ["conv2d_1", "conv2d_2"] {
        let cycle = described("[\"conv2d_0\"]", &format!("[\"{name}\"]"), "conv2d_1");
        assert!(matches!(cycle, FormatError::UnknownInput { .. }));
    }
}

#[test]
fn errors_of_the_graph_and_of_the_model_come_through() {
    let graph = described("\"kernel\":[3,3]", "\"kernel\":[0,3]", "conv2d_0");
    assert!(matches!(graph, FormatError::Graph(GraphError::Window { .. })));
    let graph = described("\"shape\":[4,4,2]", "\"shape\":[4,0,2]", "4x0x2");
    assert!(matches!(graph, FormatError::Graph(GraphError::InputShape(_))));
    let scale = described("\"scale\":", "\"scale\":0.0,\"unused\":", "");
    assert!(matches!(scale, FormatError::Description(_)));
    let mut file = file();
    file.tensors.get_mut("linear_3.scale").unwrap().data[0..4].fill(0);
    let number = error(&file, "linear_3.scale");
    assert!(matches!(number, FormatError::Model(ModelError::Number { .. })));
}

#[test]
fn missing_and_unexpected_tensors_are_named() {
    for name in ["conv2d_0.mu", "linear_3.scale"] {
        let mut file = file();
        file.tensors.remove(name);
        assert!(matches!(error(&file, name), FormatError::MissingTensor(_)));
    }
    let mut file = file();
    file.tensors.insert("conv2d_0.nu".into(), Tensor::new("U8", &[1], vec![0]));
    assert!(matches!(error(&file, "conv2d_0.nu"), FormatError::UnexpectedTensor(_)));
}

#[test]
fn half_a_posterior_is_refused() {
    for suffix in ["sigma", "noise_multiplier"] {
        let mut file = file();
        file.tensors.remove(&format!("conv2d_0.{suffix}"));
        assert!(matches!(error(&file, "conv2d_0.sigma"), FormatError::HalfPosterior(_)));
    }
    let mut file = file();
    file.tensors.remove("conv2d_1.bias.mu");
    assert!(matches!(error(&file, "conv2d_1.bias.sigma"), FormatError::BiasWithoutMean(_)));
}

#[test]
fn tensors_of_the_wrong_type_or_shape_are_named() {
    let mut file = file();
    file.tensors.get_mut("conv2d_0.mu").unwrap().dtype = "U8".into();
    let wrong = error(&file, "conv2d_0.mu");
    assert!(matches!(wrong, FormatError::TensorType { expected: "I8", .. }));
    file = self::file();
    // The right number of elements in the wrong shape.
    file.tensors.get_mut("conv2d_0.mu").unwrap().shape = vec![4, 18];
    let wrong = error(&file, "conv2d_0.mu");
    assert!(matches!(wrong, FormatError::TensorShape { found, .. } if found == [4, 18]));
}

#[test]
fn negative_spreads_are_refused_with_their_place() {
    for (tensor, size) in [("conv2d_0.noise_multiplier", 2), ("conv2d_1.bias.sigma", 4)] {
        let mut file = file();
        file.tensors.get_mut(tensor).unwrap().data[size..2 * size].fill(0xff);
        let negative = error(&file, tensor);
        assert!(
            matches!(negative, FormatError::Model(ModelError::Negative { index: 1, .. })),
            "{negative}"
        );
    }
}
