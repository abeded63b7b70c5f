//! A tiny model, its files, and the program under test.

use bayes8_conformance::models::{Builder, Kind};
use bayes8_native::core::chacha::ChaCha8;
use bayes8_native::core::format;
use bayes8_native::core::graph::{Graph, Padding, Shape, Value, Window};
use bayes8_native::core::head::Head;
use bayes8_native::core::layer::{Bias, Layer};
use bayes8_native::core::model::{
    Calibration, Parameters, Parts, PerMember, Planes, Preprocessing, Quantized, QuantizedModel,
};
use bayes8_native::core::numerics::{ActivationBits, CodeRange, Quantization};
use bayes8_native::core::ops::{Conv2d, Linear, MaxPool};
use bayes8_native::core::posterior::{Posterior, gaussian::Gaussian};
use ndarray::{Array1, Array4};
use ndarray_npy::NpzWriter;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;

/// A folder that holds `model.safetensors`.
pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// A folder with a model of `channels` input channels.
    pub(crate) fn new(channels: usize) -> Self {
        Self::of(&tiny_model(channels))
    }

    /// A folder with a model.
    pub(crate) fn of(model: &QuantizedModel) -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        let bytes = format::write(model).unwrap();
        std::fs::write(fixture.path("model.safetensors"), bytes).unwrap();
        fixture
    }

    /// A folder with a network of these tests or of the converter's as `network.onnx`.
    pub(crate) fn with_network(network: &str) -> Self {
        let fixture = Self::new(1);
        fixture.network("network.onnx", network);
        fixture
    }

    /// Copies a network of these tests or of the converter's to the file `name`.
    pub(crate) fn network(&self, name: &str, network: &str) {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let folders = ["tests/data/", "../convert/tests/data/layouts/", "../convert/tests/data/"];
        let copy = |folder: &str| {
            std::fs::copy(format!("{root}{folder}{network}.onnx"), self.path(name)).is_ok()
        };
        assert!(folders.into_iter().any(copy), "{network}");
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Writes a gray picture of the given size.
    pub(crate) fn picture(&self, name: &str, width: u32, height: u32) {
        let pixel = |x, y| image::Luma([(x * 31 + y * 17) as u8]);
        image::GrayImage::from_fn(width, height, pixel).save(self.path(name)).unwrap();
    }

    /// Writes labelled pictures for a model of one channel.
    pub(crate) fn archive(&self, name: &str, labels: &[i64]) {
        self.archive_of(name, 1, labels);
    }

    /// Writes labelled pictures, 8x8.
    pub(crate) fn archive_of(&self, name: &str, channels: usize, labels: &[i64]) {
        let shape = (labels.len(), 8, 8, channels);
        let byte = |(n, h, w, c)| (n * 57 + h * 31 + w * 11 + c * 83) as u8;
        let x = Array4::from_shape_fn(shape, byte);
        let mut npz = NpzWriter::new(std::fs::File::create(self.path(name)).unwrap());
        npz.add_array("x", &x).unwrap();
        npz.add_array("y", &Array1::from(labels.to_vec())).unwrap();
        npz.finish().unwrap();
    }

    /// Runs `bayes8` in the folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with(arguments, &[])
    }

    /// Runs `bayes8` in the folder with environment variables.
    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
        let mut command = bayes8(arguments);
        command.envs(environment.iter().copied()).current_dir(self.folder.path());
        Finished::of(command.output().unwrap())
    }

    /// Runs `bayes8`, which must succeed and print JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Json {
        let finished = self.run(arguments).succeeded();
        assert_eq!(finished.stderr, "", "no noise");
        serde_json::from_str(&finished.stdout).unwrap()
    }
}

/// The program with arguments, in a clean environment.
pub(crate) fn bayes8(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bayes8"));
    command.args(arguments).env_remove("BAYES8_ISA");
    command
}

/// The result of a run of the program.
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// Checks for exit code 1, no output, and a one-line error that contains all `parts`.
    pub(crate) fn failed(self, parts: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{}", self.stderr);
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in {}", self.stderr);
        }
    }

    /// Checks for exit code 2 and an error that contains `part`.
    pub(crate) fn misused(self, part: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(2), ""), "{}", self.stderr);
        assert!(self.stderr.contains(part), "no {part:?} in {}", self.stderr);
    }

    /// Checks for exit code 3, an error that contains all `parts`, and the printed report.
    #[track_caller]
    pub(crate) fn missed(self, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(3), "{parts:?}: {}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in {}", self.stderr);
        }
        assert!(self.stdout.contains("accuracy"), "{}", self.stdout);
        self
    }
}

/// The keys of an object, sorted.
pub(crate) fn keys(object: &Json) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Predicts without the program.
pub(crate) fn load(path: &Path) -> bayes8_native::Model {
    bayes8_native::Model::load(path).unwrap()
}

/// Convolution, pooling and a linear layer over 8x8 pictures: three classes.
fn tiny_model(channels: usize) -> QuantizedModel {
    let mut graph = Graph::new(Shape::new(8, 8, channels)).unwrap();
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let convolution = Conv2d { out_channels: 5, groups: 1, window };
    let grid = Some(Quantization { scale: 0.1, zero_point: 0 });
    let data = |output, parameters| Quantized { output, range: CodeRange::FULL, parameters };
    let owned = |layer| Parameters::Layer(PerMember::shared(Arc::new(layer)));
    let features = data(grid, owned(layer(0, 5, 9 * channels)));
    let x = graph.push("features".into(), convolution, vec![Value::Input], features).unwrap();
    let pool = MaxPool { window: Window { stride: [4, 4], ..Window::new([4, 4]) } };
    let x = graph.push("pool".into(), pool, vec![x], data(grid, Parameters::None)).unwrap();
    let classifier = data(None, owned(layer(1, 3, 20)));
    graph.push("classifier".into(), Linear { out_features: 3 }, vec![x], classifier).unwrap();

    let names = ["circle", "square", "star"].map(String::from).to_vec();
    QuantizedModel::new(Parts {
        name: "tiny".into(),
        graph,
        activation_bits: ActivationBits::Eight,
        input: Quantization { scale: 0.02, zero_point: 128 },
        preprocessing: Preprocessing::of_bytes(vec![0.5; channels], vec![0.25; channels]),
        outputs: [bayes8_native::Output::of_classes(2, 3, names)].into(),
        input_planes: Planes::One,
        calibration: Some(Calibration {
            method: "percentile 99.99".into(),
            pictures: 12,
            weight_samples: 4,
            ranges: vec![[-2.0, 2.0], [0.0, 20.0], [0.0, 20.0], [-7.5, 6.5]],
        }),
        draws: None,
    })
    .unwrap()
}

fn layer(index: u32, out_channels: usize, fan_in: usize) -> Layer {
    let random = ChaCha8::new(1, u64::from(index)).group_bytes(0);
    let count = out_channels * fan_in;
    Layer {
        index,
        out_channels,
        depthwise: false,
        mu: random[..count].iter().map(|&byte| byte as i8 / 2).collect(),
        posterior: Some(Posterior::Gaussian(Gaussian {
            sigma: random[count..2 * count].iter().map(|&byte| byte / 2).collect(),
            noise_multiplier: vec![60; out_channels],
        })),
        scale: vec![0.01; out_channels],
        bias: Some(Bias { mu: vec![3; out_channels], sigma: Some(vec![500; out_channels]) }),
    }
}

/// A model of a table of three features with these outputs.
pub(crate) fn table(outputs: &[(&str, Head)]) -> QuantizedModel {
    let mut b = Builder::new(5, Shape::vector(3));
    b.takes_numbers();
    let hidden = b.linear(Value::Input, 9, Kind::Bayesian).unwrap();
    for (name, head) in outputs {
        let value = b.linear(hidden, head.outputs(), Kind::Bayesian).unwrap();
        b.output(name, &[value], 2.0, head.clone());
    }
    b.finish()
}
