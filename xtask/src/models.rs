//! Makes the shipped models from their FP32 networks.

use crate::programs::{root, run};
use anyhow::Context;
use std::path::Path;

/// The name of each shipped model, of its data set, and of the part of the data set for the
/// comparison.
const MODELS: [(&str, &str, &str); 5] = [
    ("fashion-resnet14", "fashion", "test"),
    ("mnist-scnn", "mnist", "test"),
    ("mnist-cnn", "mnist", "test"),
    ("cifar10-resnet20", "cifar10", "test"),
    ("pneumonia-cnn", "pneumonia", "validation"),
];

/// Samples for the comparison with FP32.
const SAMPLES: &str = "256";

/// Quantizes each model and compares it with its FP32 network: `models/NAME.safetensors` and
/// `models/reports/NAME.json`.
pub(crate) fn quantize(from: &Path) -> anyhow::Result<()> {
    let from = std::path::absolute(from).context("cannot resolve the folder")?;
    let folder = root().join("models");
    std::fs::create_dir_all(folder.join("reports")).context("cannot make models/reports")?;
    for (name, set, part) in MODELS {
        let source = |file: &str| from.join("models").join(name).join(file);
        let data = |part: &str| from.join("data").join(format!("{set}-{part}.npz"));
        let paths = [
            ("--network", source("mean.onnx")),
            ("--posterior", source("posterior.safetensors")),
            ("--metadata", source("golden.json")),
            ("--calibration", data("calibration")),
            ("--data", data(part)),
            ("--report", folder.join("reports").join(format!("{name}.json"))),
            ("--output", folder.join(format!("{name}.safetensors"))),
        ];
        let paths: Vec<(&str, String)> =
            paths.into_iter().map(|(flag, path)| (flag, path.display().to_string())).collect();
        let mut arguments = vec!["run", "--release", "--package", "bayes8-cli", "--", "quantize"];
        arguments.extend(["--samples", SAMPLES]);
        arguments.extend(paths.iter().flat_map(|(flag, path)| [*flag, path.as_str()]));
        run("cargo", &arguments)?;
    }
    Ok(())
}
