//! Measures every figure of `docs/EVALUATION.md` and writes its tables.

use crate::bench::BAYES8;
use crate::programs::{root, run, run_command};
use anyhow::{Context, bail};
use serde_json::Value;
use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A model and its data. Names of files are those in the folder `data`.
struct Subject {
    name: &'static str,
    /// The set of its calibration pictures.
    calibration: &'static str,
    data: &'static str,
    ood: Option<&'static str>,
    /// Whether it is also measured on corrupted data.
    drift: bool,
    /// The MOPED factor of a model without a posterior file.
    moped: Option<&'static str>,
    /// Whether the model is in `models/`; others are quantized first.
    shipped: bool,
}

const SUBJECTS: [Subject; 5] = [
    Subject {
        name: "cifar10-resnet20",
        calibration: "cifar10-calibration",
        data: "cifar10-test",
        ood: Some("cifar100-ood"),
        drift: true,
        moped: None,
        shipped: true,
    },
    Subject {
        name: "mnist-scnn",
        calibration: "mnist-calibration",
        data: "mnist-test",
        ood: Some("notmnist-ood"),
        drift: false,
        moped: None,
        shipped: true,
    },
    Subject {
        name: "fashion-resnet14",
        calibration: "fashion-calibration",
        data: "fashion-test",
        ood: Some("mnist-test"),
        drift: false,
        moped: None,
        shipped: true,
    },
    Subject {
        name: "pneumonia-cnn",
        calibration: "pneumonia-calibration",
        data: "pneumonia-validation",
        ood: None,
        drift: false,
        moped: None,
        shipped: true,
    },
    Subject {
        name: "efficientnet-lite0",
        calibration: "imagenette-calibration",
        data: "imagenette-test",
        ood: None,
        drift: false,
        moped: Some("0.02"),
        shipped: false,
    },
];

/// How much to measure.
pub(crate) struct Effort<'a> {
    pub(crate) samples: u32,
    /// Samples for the FP32 networks; 0 leaves them out.
    pub(crate) fp32_samples: u32,
    /// Samples for corrupted pictures; 0 leaves them out.
    pub(crate) drift_samples: u32,
    /// Only these models; empty for all.
    pub(crate) only: &'a [String],
    /// Whether to measure nothing and only write the tables.
    pub(crate) tables_only: bool,
}

/// Measures models, and writes the tables of `docs/EVALUATION.md` for all models that were measured
/// now or before.
pub(crate) fn measure(from: &Path, effort: &Effort<'_>) -> anyhow::Result<()> {
    let from = std::path::absolute(from).context("cannot resolve the folder")?;
    if let Some(name) = effort.only.iter().find(|&n| SUBJECTS.iter().all(|s| s.name != n.as_str()))
    {
        bail!("--only {name}: unknown model");
    }
    let folder = root().join("target/evaluation");
    if effort.tables_only {
        return write_tables(&folder);
    }
    run("cargo", &["build", "--release", "--package", "bayes8-cli"])?;
    std::fs::create_dir_all(&folder).context("cannot make target/evaluation")?;
    let wanted = |name: &str| effort.only.is_empty() || effort.only.iter().any(|n| n == name);
    for subject in SUBJECTS.iter().filter(|subject| wanted(subject.name)) {
        for command in subject.commands(effort) {
            let arguments =
                command.iter().map(|word| word.replace(SHARED, &from.to_string_lossy()));
            let arguments: Vec<String> = arguments.collect();
            let mut bayes8 = Command::new(BAYES8);
            bayes8.args(&arguments).current_dir(root());
            if command[0] != "evaluate" {
                run_command(&mut bayes8)?;
                continue;
            }
            // Earlier figures stay until all are measured anew.
            let (path, part) = (figures(&folder, subject.name), folder.join("part.json"));
            bayes8.stdout(File::create(&part).with_context(|| part.display().to_string())?);
            run_command(&mut bayes8)?;
            std::fs::rename(&part, &path).with_context(|| path.display().to_string())?;
        }
    }
    write_tables(&folder)
}

/// The file of a model's figures.
fn figures(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

/// Placeholder for the folder in the commands of the document.
const SHARED: &str = "$SHARED";

impl Subject {
    /// The commands that measure this model, without the name of the program.
    fn commands(&self, effort: &Effort<'_>) -> Vec<Vec<String>> {
        let Self { name, calibration, data, .. } = self;
        let npz = |set: &str| format!("{SHARED}/data/{set}.npz");
        let source = |file: &str| format!("{SHARED}/models/{name}/{file}");
        let made = |suffix: &str| format!("target/evaluation/{name}{suffix}");
        let model = match self.shipped {
            true => format!("models/{name}.safetensors"),
            false => made(".safetensors"),
        };
        let spread = match self.moped {
            Some(delta) => ["--moped".to_string(), delta.to_string()],
            None => ["--posterior".to_string(), source("posterior.safetensors")],
        };
        let mut commands = Vec::new();
        if !self.shipped {
            let mut quantize = words(&["quantize", "--network"]);
            quantize.push(source("mean.onnx"));
            quantize.extend(spread.clone());
            quantize.extend(["--metadata".into(), source("golden.json")]);
            quantize.extend(["--calibration".into(), npz(calibration), "-o".into(), model.clone()]);
            commands.push(quantize);
        }
        let drift = self.drift && effort.drift_samples > 0;
        if drift {
            let corrupt = ["corrupt".into(), npz(data), "-o".into(), made("-corruptions.npz")];
            commands.push(corrupt.to_vec());
        }
        let mut evaluate = words(&["evaluate", &model, "--data", &npz(data)]);
        if let Some(ood) = self.ood {
            evaluate.extend(["--ood".into(), npz(ood)]);
        }
        if drift {
            evaluate.extend(["--drift".into(), made("-corruptions.npz")]);
            evaluate.extend(["--drift-samples".into(), effort.drift_samples.to_string()]);
        }
        if effort.fp32_samples > 0 {
            evaluate.extend(["--network".into(), source("mean.onnx")]);
            evaluate.extend(spread);
            evaluate.extend(["--fp32-samples".into(), effort.fp32_samples.to_string()]);
            evaluate.extend(words(&["--fp32-noise", "int8"]));
        }
        evaluate.extend(["--golden".into(), source("golden.safetensors")]);
        evaluate.extend(["--samples".into(), effort.samples.to_string()]);
        evaluate.extend(["--html".into(), made(".html"), "--json".into()]);
        commands.push(evaluate);
        commands
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Writes the tables of all measured models between their markers.
fn write_tables(folder: &Path) -> anyhow::Result<()> {
    let path = root().join("docs/EVALUATION.md");
    let read = || path.display().to_string();
    let mut document = std::fs::read_to_string(&path).with_context(read)?;
    for Subject { name, .. } in SUBJECTS {
        let path = figures(folder, name);
        let Ok(json) = std::fs::read(&path) else {
            println!("SKIPPED: {name} was not measured: its tables stay");
            continue;
        };
        let figures = serde_json::from_slice(&json).with_context(|| path.display().to_string())?;
        let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
        let parts = document.split_once(&begin).and_then(|(before, rest)| {
            rest.split_once(&end).map(|(_, after)| (before.to_string(), after.to_string()))
        });
        let (before, after) = parts.with_context(|| format!("{}: no markers of {name}", read()))?;
        document = format!("{before}{begin}\n{}{end}{after}", tables(&figures)?);
    }
    std::fs::write(&path, document).with_context(read)
}

/// The tables of one model.
fn tables(figures: &Value) -> anyhow::Result<String> {
    let mut text = String::new();
    let number = |value: &Value| value.as_f64().map_or("-".into(), |x| format!("{x:.4}"));
    let peers = [("fp32", "FP32"), ("golden", "golden")];
    let peers = peers.map(|(key, name)| (name, &figures[key]));
    let peers: Vec<_> = peers.into_iter().filter(|(_, peer)| peer.is_object()).collect();
    let columns = columns(figures, &peers);
    let command = figures["provenance"]["command"].as_str().context("no `command`")?;
    writeln!(text, "```sh\n{}\n```\n", generic(command))?;
    writeln!(
        text,
        "{} pictures, with the number of samples beside each model:\n",
        figures["pictures"]
    )?;
    write!(text, "| |")?;
    columns.iter().try_for_each(|column| write!(text, " {} |", column.name))?;
    writeln!(text, "\n|---|{}", "---:|".repeat(columns.len()))?;
    let rows = [
        ("accuracy", "/accuracy"),
        ("NLL, nats", "/nll"),
        ("Brier score", "/brier"),
        ("ECE", "/ece"),
        ("mean predictive entropy, nats", "/mean_predictive_entropy"),
        ("mean expected entropy, nats", "/mean_expected_entropy"),
        ("mean mutual information, nats", "/mean_mutual_information"),
        ("AvU", "/avu/avu"),
        ("AURC", "/selective/aurc"),
        ("OOD AUROC, entropy", "/ood/predictive_entropy/auroc"),
        ("OOD AUROC, mutual information", "/ood/mutual_information/auroc"),
        ("accuracy of mean weights", "/mean_weights/accuracy"),
    ];
    let cell = |side: &Value, pointer: &str| side.pointer(pointer).map_or("-".into(), number);
    for (name, pointer) in rows {
        if figures.pointer(pointer).is_some() {
            write!(text, "| {name} |")?;
            let mut cells = columns.iter().map(|column| cell(column.figures, pointer));
            cells.try_for_each(|cell| write!(text, " {cell} |"))?;
            writeln!(text)?;
        }
    }
    for (name, pointer) in [
        ("rank correlation, entropy", "/comparison/spearman_predictive_entropy"),
        ("rank correlation, mutual information", "/comparison/spearman_mutual_information"),
        ("same class", "/comparison/same_class"),
    ] {
        write!(text, "| {name} |")?;
        let compared = |column: &Column| match column.is_peer {
            true => cell(column.figures, pointer),
            false => String::new(),
        };
        columns.iter().try_for_each(|column| write!(text, " {} |", compared(column)))?;
        writeln!(text)?;
    }
    convergence(&mut text, figures)?;
    if figures["drift"].is_array() {
        drift(&mut text, figures)?;
    }
    Ok(text)
}

/// A column of the table of figures.
struct Column<'a> {
    name: String,
    figures: &'a Value,
    is_peer: bool,
}

/// INT8 and its peers. If INT8 has more samples than a peer, a column with equal samples precedes the
/// peer.
fn columns<'a>(figures: &'a Value, peers: &[(&str, &'a Value)]) -> Vec<Column<'a>> {
    let name = |model: &str, samples: &Value| match samples.as_u64() {
        Some(samples) => format!("{model}, {samples}"),
        None => format!("{model}, unknown"),
    };
    let int8 = |samples, figures| Column { name: name("INT8", samples), figures, is_peer: false };
    let mut columns = vec![int8(&figures["samples"], figures)];
    for &(model, peer) in peers {
        let compared = &peer["compared"];
        columns.extend(compared.get("int8").map(|part| int8(&compared["int8_samples"], part)));
        columns.push(Column { name: name(model, &peer["samples"]), figures: peer, is_peer: true });
    }
    columns
}

/// The command with a placeholder instead of the path of the folder.
fn generic(command: &str) -> String {
    let words = command.split(' ').map(|word| match (word.find("/models/"), word.find("/data/")) {
        (Some(at), _) | (_, Some(at)) if at > 0 => format!("{SHARED}{}", &word[at..]),
        _ => word.to_string(),
    });
    words.collect::<Vec<_>>().join(" ").replace(" --", " \\\n    --")
}

fn convergence(text: &mut String, figures: &Value) -> anyhow::Result<()> {
    writeln!(text, "\n| samples | NLL | mean predictive entropy | mean mutual information |")?;
    writeln!(text, "|---:|---:|---:|---:|")?;
    for point in figures["convergence"].as_array().context("no `convergence`")? {
        write!(text, "| {} |", point["samples"])?;
        for part in ["nll", "predictive_entropy", "mutual_information"] {
            let value = point[part]["value"].as_f64().context("no `value`")?;
            let error = point[part]["standard_error"].as_f64();
            let error = error.map_or(String::new(), |error| format!(" ± {error:.4}"));
            write!(text, " {value:.4}{error} |")?;
        }
        writeln!(text)?;
    }
    Ok(())
}

/// Accuracies and entropies of both models, one line per corruption.
fn drift(text: &mut String, figures: &Value) -> anyhow::Result<()> {
    let int8 = figures["drift"].as_array().context("no `drift`")?;
    let fp32 = figures["fp32"]["drift"].as_array();
    let mut severities: Vec<u64> = int8.iter().filter_map(|p| p["severity"].as_u64()).collect();
    severities.sort_unstable();
    severities.dedup();
    for (title, pointer) in [
        ("accuracy", "/accuracy"),
        ("mean predictive entropy, nats", "/mean_predictive_entropy"),
        ("AUROC against clean pictures by predictive entropy", "/auroc/predictive_entropy"),
        ("AUROC against clean pictures by mutual information", "/auroc/mutual_information"),
    ] {
        writeln!(text, "\n{title}, INT8{}:\n", if fp32.is_some() { " / FP32" } else { "" })?;
        write!(text, "| corruption |")?;
        severities.iter().try_for_each(|severity| write!(text, " {severity} |"))?;
        writeln!(text, "\n|---|{}", "---:|".repeat(severities.len()))?;
        for (index, point) in int8.iter().enumerate() {
            let corruption = point["corruption"].as_str().context("no `corruption`")?;
            if index == 0 || int8[index - 1]["corruption"] != point["corruption"] {
                write!(text, "| {corruption} |")?;
            }
            let value =
                |point: &Value| point.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
            let peer = fp32.and_then(|fp32| fp32.get(index));
            let peer = peer.map_or(String::new(), |peer| format!(" / {:.3}", value(peer)));
            write!(text, " {:.3}{peer} |", value(point))?;
            if int8.get(index + 1).is_none_or(|next| next["corruption"] != point["corruption"]) {
                writeln!(text)?;
            }
        }
    }
    let gaps = &figures["fp32"]["drift_gaps"];
    let gap = |name: &str| gaps[name]["value"].as_f64();
    if let (Some(accuracy), Some(entropy), Some(auroc)) =
        (gap("accuracy"), gap("predictive_entropy"), gap("auroc"))
    {
        let at = |name: &str| {
            let corruption = gaps[name]["corruption"].as_str().unwrap_or_default();
            format!("{corruption} {}", gaps[name]["severity"])
        };
        writeln!(
            text,
            "\nWith {} samples of each: accuracies differ by at most {:.1} points ({}), mean \
             predictive entropies by {:.1} % ({}), AUROCs by {auroc:.4} ({}).",
            figures["drift_samples"],
            100.0 * accuracy,
            at("accuracy"),
            100.0 * entropy,
            at("predictive_entropy"),
            at("auroc"),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures are next to figures from the same number of samples, unless the peer has more.
    #[test]
    fn a_peer_stands_beside_int8_of_as_many_samples() {
        let figures = serde_json::json!({
            "samples": 256,
            "fp32": {"samples": 64, "compared": {"int8_samples": 64, "int8": {}}},
            "golden": {"samples": 300, "compared": {"int8_samples": 256}},
        });
        let peers = [("FP32", &figures["fp32"]), ("golden", &figures["golden"])];
        let columns = columns(&figures, &peers);
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["INT8, 256", "INT8, 64", "FP32, 64", "golden, 300"]);
    }

    #[test]
    fn commands_name_the_folder() {
        let command =
            "bayes8 evaluate models/a.safetensors --data /x/y/data/b.npz --network /x/y/models/a/m";
        let expected = "bayes8 evaluate models/a.safetensors \\\n    --data $SHARED/data/b.npz \\\n    --network $SHARED/models/a/m";
        assert_eq!(generic(command), expected);
    }
}
