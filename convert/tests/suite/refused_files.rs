//! Files that the importer refuses: missing ones, files that the model may not read, damaged bytes.

use std::error::Error;
use std::path::Path;

use crate::common::{Fixture, assert_names, initializer, none};
use bayes8_convert::{Network, PosteriorSource, SigmaSource, import};
use rten_onnx::onnx::{DataLocation, ModelProto, StringStringEntryProto};
use safetensors::{Dtype, tensor::TensorView};

/// Writes `residual.onnx` to a folder, with `fc.weight` in the file `location` and further
/// `entries`, and loads it.
fn external(folder: &Path, location: &str, entries: &[(&str, &str)]) -> Result<Network, String> {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let tensor = initializer(&mut model, "fc.weight");
    tensor.raw_data = None;
    tensor.data_location = Some(DataLocation::EXTERNAL);
    let location = [("location", location)];
    tensor.external_data = location
        .iter()
        .chain(entries)
        .map(|(key, value)| StringStringEntryProto {
            key: Some((*key).into()),
            value: Some((*value).into()),
        })
        .collect();
    std::fs::write(folder.join("model.onnx"), model.write_buf().unwrap()).unwrap();
    Network::load(&folder.join("model.onnx"), &PosteriorSource::Deterministic)
        .map_err(|error| with_causes(&error))
}

/// The message of an error and those of its causes.
fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The error of a network that must be refused, with its causes.
fn refusal(onnx: &Path, posterior: PosteriorSource) -> String {
    with_causes(&Network::load(onnx, &posterior).unwrap_err())
}

#[test]
fn data_in_other_files_is_read_from_the_folder_of_the_model_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let raw = initializer(&mut model, "fc.weight").raw_data.as_ref().unwrap().take();
    assert_eq!(raw.len(), 160);
    std::fs::create_dir(folder.path().join("model")).unwrap();
    let folder = folder.path().join("model");
    std::fs::write(folder.join("w.data"), [&[9; 16], raw.as_slice(), &[9; 4]].concat()).unwrap();
    std::fs::write(folder.join("../outside.data"), &raw).unwrap();

    let read = external(&folder, "w.data", &[("offset", "16"), ("length", "160")]).unwrap();
    let fixture = Fixture::load("residual");
    assert_eq!(read, import(&fixture.onnx, &none()).unwrap());
    std::fs::write(folder.join("whole.data"), &raw).unwrap();
    assert_eq!(external(&folder, "./whole.data", &[]).unwrap(), read);

    let refused = |location: &str, entries: &[(&str, &str)], parts: &[&str]| {
        let error = external(&folder, location, entries).unwrap_err();
        assert_names(&error, &[&["model.onnx", "`fc.weight`"], parts].concat());
    };
    let outside = folder.join("../outside.data");
    refused("../outside.data", &[], &["../outside.data", "not in the model's folder"]);
    refused(outside.to_str().unwrap(), &[], &["not in the model's folder"]);
    refused("none.data", &[], &["none.data"]);
    refused("w.data", &[("offset", "21"), ("length", "160")], &["beyond the 180"]);
    refused("w.data", &[("offset", "18446744073709551615"), ("length", "160")], &["beyond"]);
    refused("w.data", &[("offset", "-1")], &["`offset`", "`-1`"]);
    refused("w.data", &[("length", "156")], &["160 bytes", "156"]);
    refused("w.data", &[], &["160 bytes", "180"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&outside, folder.join("link.data")).unwrap();
        refused("link.data", &[], &["link.data", "not in the model's folder"]);
    }
}

/// Opening a pipe waits for someone who writes to it.
#[cfg(unix)]
#[test]
fn a_pipe_is_refused_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = external(folder.path(), "pipe", &[("length", "160")]).unwrap_err();
    assert_names(&error, &["`fc.weight`", "`pipe`", "not a file"]);
    assert_names(&refusal(&pipe, PosteriorSource::Deterministic), &["pipe", "not a file"]);
    let model = folder.path().join("model.onnx");
    assert_names(&refusal(&model, PosteriorSource::File(pipe)), &["pipe", "not a file"]);
}

#[test]
fn a_pointer_of_git_lfs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    std::fs::write(&path, pointer).unwrap();
    for posterior in [PosteriorSource::Deterministic, PosteriorSource::File(path.clone())] {
        assert_names(&refusal(&path, posterior), &["network.onnx", "git lfs pull"]);
    }
    assert_names(&import(pointer, &none()).unwrap_err().to_string(), &["git lfs pull"]);
}

/// A small file whose tensors all take the same bytes would fill the memory.
#[test]
fn tensors_cannot_share_the_data_of_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    for name in ["conv1.weight", "conv2.weight", "fc.weight"] {
        let tensor = initializer(&mut model, name);
        tensor.raw_data = None;
        tensor.data_location = Some(DataLocation::EXTERNAL);
        let count: i64 = tensor.dims.iter().product();
        tensor.external_data =
            [("location", "w.data".to_string()), ("length", (4 * count).to_string())]
                .map(|(key, value)| StringStringEntryProto {
                    key: Some(key.into()),
                    value: Some(value),
                })
                .into();
    }
    std::fs::write(folder.path().join("w.data"), vec![0; 4 * 300]).unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.write_buf().unwrap()).unwrap();
    let error = refusal(&path, PosteriorSource::Deterministic);
    assert_names(&error, &["model.onnx", "more data of `w.data` than it has"]);
}

#[test]
fn files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (onnx, sigmas) = (folder.path().join("network.onnx"), folder.path().join("p.safetensors"));
    let source = PosteriorSource::File(sigmas.clone());
    let message = || refusal(&onnx, source.clone());
    assert_names(&message(), &["p.safetensors"]);
    std::fs::write(&sigmas, "{}").unwrap();
    assert_names(&message(), &["p.safetensors", "not a safetensors file"]);
    std::fs::write(&sigmas, [2, 0, 0, 0, 0, 0, 0, 0, b'{', b'}']).unwrap();
    assert_names(&message(), &["network.onnx"]);
    std::fs::write(&onnx, "no model").unwrap();
    assert_names(&message(), &["network.onnx", "not an ONNX model"]);
    std::fs::write(&onnx, Fixture::load("mobile").onnx).unwrap();
    assert!(Network::load(&onnx, &source).is_ok());
    // The posterior of another network.
    let bytes = [0.1f32; 2].map(f32::to_le_bytes).concat();
    let sigma = TensorView::new(Dtype::F32, vec![2], &bytes).unwrap();
    std::fs::write(&sigmas, safetensors::serialize([("other.sigma", sigma)], None).unwrap())
        .unwrap();
    assert_names(&message(), &["p.safetensors: ", "no initializer `other`"]);
}

/// Truncated files are refused; damaged ones are refused or imported, but never panic.
#[test]
fn hostile_bytes_do_not_panic() {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for name in ["residual", "mobile", "flatten", "branches", "fixed_batch", "keras", "excitation"]
    {
        let whole = Fixture::load(name).onnx;
        for length in 0..whole.len().min(4000) {
            assert!(import(&whole[..length], &none()).is_err(), "{name} cut at {length}");
        }
        for _ in 0..3000 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random() % 4 {
                let at = random() % bytes.len();
                bytes[at] = random() as u8;
            }
            let _ = import(&bytes, &SigmaSource::Moped { delta: 0.1 });
        }
    }
}
