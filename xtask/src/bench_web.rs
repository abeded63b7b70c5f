//! Measures the web section of `docs/PERFORMANCE.md`: the npm package against onnxruntime-web.

use crate::bench::{BAYES8, CIFAR10, ResNet50, resnet50, title};
use crate::programs::{self, root, run_command, succeeds};
use crate::{tools, web};
use anyhow::anyhow;
use std::path::Path;
use std::process::Command;

const FOLDER: &str = "benchmarks/web";

/// The model whose output is a map.
const CAMVID: &str = "models/camvid-unet.safetensors";

/// Measures everything that this machine can measure. The rest is skipped, with the reason.
pub(crate) fn run(
    python: &Path,
    cifar10: Option<&Path>,
    camvid: Option<&Path>,
    rounds: u32,
) -> anyhow::Result<()> {
    let python = python.display().to_string();
    web::run(true, web::Packer::Direct)?;
    tools::npm_packages(&root().join(FOLDER)).map_err(|reason| anyhow!(reason))?;
    programs::run("cargo", &["build", "--release", "--package", "bayes8-cli"])?;
    if !succeeds(&python, &["-c", "import onnx, onnxruntime.quantization"]) {
        println!("SKIPPED: the peer: {python} lacks onnx and onnxruntime");
        return Ok(());
    }
    let rounds = rounds.to_string();
    title("ResNet-50");
    if let Some(ResNet50 { model, network }) = resnet50(&python)? {
        compare(&python, &model, &network, "4", &rounds)?;
    }
    let shipped = [
        ("cifar10-resnet20", CIFAR10, "--cifar10", cifar10),
        ("camvid-unet", CAMVID, "--camvid", camvid),
    ];
    for (name, model, option, network) in shipped {
        title(name);
        match network {
            Some(network) => {
                compare(&python, model, &network.display().to_string(), "32", &rounds)?;
            }
            None => println!("SKIPPED: no {option} ONNX was given"),
        }
    }
    Ok(())
}

/// Compares with the peer in Node, then both builds in Chromium.
fn compare(
    python: &str,
    model: &str,
    network: &str,
    samples: &str,
    rounds: &str,
) -> anyhow::Result<()> {
    let peer = root().join("target/benchmarks/web").display().to_string();
    let quantize = ["benchmarks/web_peer.py", model, "--network", network, "--output", &peer];
    programs::run(python, &quantize)?;
    let run = |script: &str, environment: Option<&Path>| {
        let mut node = Command::new("node");
        node.arg(format!("{FOLDER}/{script}")).args([model, &peer]);
        node.args(["--samples", samples, "--rounds", rounds, "--bayes8", BAYES8]);
        node.envs(environment.map(|path| ("BAYES8_CHROMIUM", path))).current_dir(root());
        run_command(&mut node)
    };
    run("node.js", None)?;
    match tools::CHROMIUM.find() {
        Ok(path) => run("chromium.js", Some(&path)),
        Err(reason) => {
            println!("SKIPPED: Chromium: {reason}");
            Ok(())
        }
    }
}
