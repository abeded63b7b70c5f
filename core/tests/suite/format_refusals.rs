//! Errors name what is wrong with a file, or what cannot be written to one.

use bayes8_conformance::name_classes;
use bayes8_core::format::{FormatError, METADATA_KEY, read};
use bayes8_core::graph::{GraphError, Op, Value};
use bayes8_core::model::{ModelError, QuantizedModel};

use crate::container::Tensor;
use crate::small_model::{described, error, file, parts};

#[test]
fn a_model_with_ranges_that_are_not_finite_cannot_be_made() {
    for x in [f32::NAN, f32::INFINITY] {
        let mut parts = parts();
        parts.calibration.as_mut().unwrap().ranges[1][0] = x;
        // JSON has no such numbers, so the file could not be read back.
        let error = QuantizedModel::new(parts).expect_err("no model");
        assert!(error.to_string().contains("calibration.ranges"), "{error}");
    }
}

#[test]
fn files_that_are_not_containers_are_refused() {
    for (bytes, kind) in [
        (&b""[..], "an empty file, "),
        (b"\x08", "the file is cut off, damaged, or not a model"),
        (b"name,probability\n", "a text, "),
        (b"PK\x03\x04 not a safetensors file", "a zip archive"),
        (b"<!doctype html><title>Not found</title>", "a page of HTML"),
        (&[0xff; 64], "the file is cut off, damaged, or not a model"),
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
    let mut file = crate::small_model::file();
    file.tensors.extend((0..200_000).map(|n| (format!("empty.{n}"), tensor.clone())));
    assert!(matches!(read(&file.bytes()), Err(FormatError::Header(_))));
}

#[test]
fn a_list_in_place_of_an_object_is_refused() {
    // serde reads one as the fields in their order.
    let list = "invalid type: sequence";
    described(r#""scale":"#, r#""preprocessing":[[0.0],[1.0]],"scale":"#, list);
    let file = crate::small_model::file();
    let from = file.description.find(r#"{"linear":{"#).expect("a linear layer");
    let op = &file.description[from..][..file.description[from..].find("}}").unwrap() + 2];
    described(op, r#"{"linear":[3]}"#, list);
}

#[test]
fn names_with_control_characters_or_megabytes_are_refused() {
    let long = "n".repeat(1 << 20);
    for (bad, fault) in [("a\\u001b[2Jb", "control character \\u{1b}"), (&long, "1048576 bytes")] {
        described(r#""name":"test model 3""#, &format!(r#""name":"{bad}""#), fault);
    }
    for name in ["a\nb", &long] {
        let mut parts = parts();
        let count = parts.graph.nodes().last().unwrap().shape.channels;
        let names: Vec<_> = (0..count).map(|class| if class == 1 { name } else { "" }).collect();
        name_classes(&mut parts, &names);
        let error = QuantizedModel::new(parts).unwrap_err().to_string();
        assert!(error.starts_with("`class_names[1]` cannot be `"), "{error}");
        let error = crate::small_model::parts().graph.derive(|_, _| ()).push(
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
fn a_node_that_reads_an_unknown_value_is_named() {
    let unknown = described("[\"conv2d_0\"]", "[\"conv2d_9\"]", "conv2d_9");
    assert!(matches!(unknown, FormatError::UnknownInput { node, .. } if node == "conv2d_1"));
    // A cycle: a node that reads its own output, or a later one.
    for name in ["conv2d_1", "conv2d_2"] {
        let cycle = described("[\"conv2d_0\"]", &format!("[\"{name}\"]"), "conv2d_1");
        assert!(matches!(cycle, FormatError::UnknownInput { .. }));
    }
}

#[test]
fn errors_of_the_graph_and_of_the_model_are_passed_on() {
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
    file = crate::small_model::file();
    // The right number of elements, but the wrong shape.
    file.tensors.get_mut("conv2d_0.mu").unwrap().shape = vec![4, 18];
    let wrong = error(&file, "conv2d_0.mu");
    assert!(matches!(wrong, FormatError::TensorShape { found, .. } if found == [4, 18]));
}

#[test]
fn negative_spreads_are_refused_with_their_index() {
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
