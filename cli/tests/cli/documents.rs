//! The shell commands of the documents run as written, and print what the documents show.

use crate::recorded::{self, Recorded};
use crate::support::{Fixture, bayes8, load};
use bayes8_convert::reference::{self, FloatWeights};
use bayes8_convert::{Network, PosteriorSource};
use bayes8_native::{Pictures, PredictOptions};
use ndarray::Axis;
use std::path::Path;

/// Commands that cannot run in a clone without downloads: how they begin, and why.
const NOT_RUN: [(&str, &str); 19] = [
    ("cargo install ", "installs what is tested here"),
    ("python train.py ", "needs PyTorch"),
    ("cargo xtask ", "builds or measures for minutes; `cargo xtask test` itself is one"),
    ("pip install ", "needs a package registry"),
    ("python3 -m venv ", "needs a package registry"),
    ("bayes8-export ", "python/tests/exporter/test_readme.py runs it"),
    ("python python/examples/", "python/tests/clusters run it"),
    ("cd python", "a step of the tests of Python"),
    ("ruff check ", "a lint of Python"),
    ("python examples/training/", "trains networks for minutes"),
    ("python benchmarks/no_collapse.py ", "needs trained networks"),
    ("python benchmarks/auroc_chance.py ", "needs trained networks"),
    ("BAYES8_SHARED=$SHARED ", "needs trained networks"),
    ("bayes8 evaluate models/", "needs trained networks and their data sets"),
    ("bayes8 choose models/", "needs data sets"),
    ("bayes8 evaluate target/", "needs trained networks and their data sets"),
    ("bayes8 quantize --network cut.onnx ", "needs the network of basic-pitch"),
    ("bayes8 evaluate concrete.safetensors ", "needs a trained regression"),
    ("bayes8 evaluate tags.safetensors ", "needs a trained network with labels"),
];

/// The commands of the shell blocks of a document, each on one line and without its comment.
fn commands(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(recorded::repository().join(document)).unwrap();
    let mut shell = String::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => shell.extend([line.split("# ").next().unwrap_or_default(), "\n"]),
            _ => {}
        }
    }
    let lines = shell.replace("\\\n", " ");
    let words = lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words.filter(|line| !line.is_empty()).collect()
}

/// Documents whose commands run, each after those of the others beside it.
const RUN: [&[&str]; 9] = [
    &["README.md"],
    &["docs/EVALUATION.md"],
    &["docs/guides/command-line.md"],
    &["docs/guides/maps.md"],
    &["docs/guides/quantize.md"],
    &["docs/guides/samples.md"],
    &["docs/guides/uncertainty.md"],
    &["docs/tutorials/first-prediction.md"],
    &["docs/tutorials/pytorch-to-browser.md", "docs/tutorials/proving-uncertainty.md"],
];

/// Every document whose commands are tested.
fn documents() -> Vec<String> {
    let mut documents = vec!["README.md".into(), "python/README.md".into()];
    for folder in ["docs", "docs/guides", "docs/tutorials"] {
        let files = std::fs::read_dir(recorded::repository().join(folder)).unwrap();
        let names = files.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display()));
        documents.extend(names.filter(|name| name.ends_with(".md")));
    }
    documents.sort();
    documents
}

/// Whether a command is a synopsis: it has parts to fill in or leave out.
fn is_synopsis(command: &str) -> bool {
    command.contains(['[', '|']) || command.contains(" MODEL")
}

fn not_run(command: &str) -> bool {
    NOT_RUN.iter().any(|(start, _)| format!("{command} ").starts_with(start))
}

/// Runs a command of `bayes8` in the folder; it must succeed.
#[track_caller]
fn run(fixture: &Fixture, command: &str) -> String {
    let (command, output) = match command.split_once(" > ") {
        Some((command, output)) => (command, Some(output)),
        None => (command, None),
    };
    let arguments = command
        .strip_prefix("cargo run --release -- ")
        .or_else(|| command.strip_prefix("bayes8 "))
        .unwrap_or_else(|| panic!("neither run nor listed in NOT_RUN: {command}"));
    let words: Vec<String> =
        arguments.split(' ').flat_map(|word| expanded(&fixture.path("."), word)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    println!("$ {command}");
    let stdout = fixture.run(&words).succeeded().stdout;
    if let Some(output) = output {
        std::fs::write(fixture.path(output), &stdout).unwrap();
    }
    stdout
}

/// Expands `folder/*.suffix` as a shell does.
fn expanded(root: &Path, word: &str) -> Vec<String> {
    let Some((folder, suffix)) = word.split_once('*') else { return vec![word.into()] };
    let names = std::fs::read_dir(root.join(folder)).unwrap();
    let names = names.map(|entry| format!("{folder}{}", entry.unwrap().file_name().display()));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(suffix)).collect();
    names.sort();
    names
}

/// A folder like the root of a clone, with the files that the commands of `document` read.
fn prepared(document: &str) -> Fixture {
    let fixture = Fixture::new(1);
    for folder in ["models", "models/pictures", "models/sequences", "models/tables"] {
        std::fs::create_dir(fixture.path(folder)).unwrap();
        for entry in std::fs::read_dir(recorded::repository().join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = format!("{folder}/{}", entry.file_name().display());
                std::fs::copy(entry.path(), fixture.path(&name)).unwrap();
            }
        }
    }
    match document {
        "python/README.md" => {
            let mut recorded = Recorded::load("readme-resnet20");
            recorded.write(&fixture, "exported");
            recorded.write_pictures(&fixture, "pictures.npz", "x");
        }
        _ => {
            let mut recorded = Recorded::load("small-cnn");
            recorded.write(&fixture, ".");
            recorded.write(&fixture, "exported");
            for name in ["x", "xy", "test", "calibration", "two"] {
                recorded.write_pictures(&fixture, &format!("{name}.npz"), "x");
            }
            for name in ["other", "foreign"] {
                recorded.write_pictures(&fixture, &format!("{name}.npz"), "other");
            }
            run(
                &fixture,
                "bayes8 quantize --network network.onnx --posterior posterior.safetensors \
                 --metadata metadata.json --calibration x.npz -o model.safetensors",
            );
        }
    }
    fixture
}

/// Runs the commands of documents that can run, in one folder.
fn run_commands(documents: &[&str]) -> Fixture {
    let fixture = prepared(documents[0]);
    let commands = documents.iter().flat_map(|document| commands(document));
    for command in commands.filter(|command| !not_run(command) && !is_synopsis(command)) {
        run(&fixture, &command);
    }
    fixture
}

#[test]
fn the_commands_of_the_documents_run() {
    for documents in RUN {
        run_commands(documents);
    }
}

#[test]
fn the_other_documents_have_no_commands_to_run() {
    let run = [RUN.concat(), vec!["python/README.md"]].concat();
    for document in documents() {
        if !run.contains(&document.as_str()) {
            let left: Vec<_> = commands(&document).into_iter().filter(|c| !not_run(c)).collect();
            assert!(left.is_empty(), "{document}: {left:?}");
        }
    }
}

/// bayes8-export, then `quantize`: constants that a Shape node and others read once panicked here.
#[test]
fn the_exporter_s_readme_makes_a_model_with_the_answers_of_pytorch() {
    let fixture = run_commands(&["python/README.md"]);
    let mut recorded = Recorded::load("readme-resnet20");
    let (pictures, expected) = (recorded.pictures("x"), recorded.logits());

    let posterior = PosteriorSource::File(fixture.path("exported/posterior.safetensors"));
    let network = Network::load(&fixture.path("exported/network.onnx"), &posterior).unwrap();
    let mut inputs = pictures.mapv(|byte| f32::from(byte) / 255.0);
    let colours = [(0.4914, 0.2470), (0.4822, 0.2435), (0.4465, 0.2616)];
    for (mut plane, (mean, std)) in inputs.axis_iter_mut(Axis(3)).zip(colours) {
        plane.mapv_inplace(|value| (value - mean) / std);
    }
    let logits =
        reference::run(&network, &FloatWeights::mean(&network, 0), inputs.view(), |_, _, _| ());
    let deviation = (logits.unwrap() - &expected).fold(0.0, |max: f32, d| max.max(d.abs()));
    assert!(deviation < 1e-3, "FP32: {deviation}");

    let model = load(&fixture.path("model.safetensors"));
    let options = PredictOptions::default();
    let answers = model.predict(Pictures::Bytes(pictures.view()), &options).unwrap();
    for (answer, logits) in answers.iter().zip(expected.rows()) {
        let exponentials = logits.mapv(|logit| f64::from(logit).exp());
        let expected = &exponentials / exponentials.sum();
        let probabilities = answer.uncertainty().classes().unwrap().probabilities;
        for (probability, expected) in probabilities.iter().zip(expected) {
            assert!((probability - expected).abs() < 0.2, "{probability} instead of {expected}");
        }
    }
}

#[test]
fn every_reason_not_to_run_a_command_has_one() {
    let commands: Vec<String> = documents().iter().flat_map(|name| commands(name)).collect();
    for (start, reason) in NOT_RUN {
        let found = commands.iter().any(|command| format!("{command} ").starts_with(start));
        assert!(found, "no document has `{start}`, which {reason}");
    }
}

#[test]
fn every_option_of_a_synopsis_exists() {
    let commands = documents().iter().flat_map(|name| commands(name)).collect::<Vec<_>>();
    let synopses = commands.iter().filter(|c| c.starts_with("bayes8 ") && is_synopsis(c));
    let mut count = 0;
    for synopsis in synopses {
        let words: Vec<&str> = synopsis.split([' ', '[', ']', '|']).collect();
        let output = bayes8(&[words[1], "--help"]).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        for option in words.iter().filter(|word| word.starts_with("--")) {
            let known = help.split(|c: char| c.is_whitespace() || ",=[".contains(c));
            assert!(known.into_iter().any(|word| word == *option), "{option} of: {synopsis}");
        }
        count += 1;
    }
    assert!(count >= 4, "only {count} synopses were found");
}

/// The bits are the same everywhere, and so is the text, apart from the name of the kernels.
#[test]
fn the_answers_in_the_documents_are_the_program_s() {
    let read = |name: &str| {
        let text = std::fs::read_to_string(recorded::repository().join(name)).unwrap();
        text.replace("\\\n", " ")
    };
    let (readme, tutorial) = (read("README.md"), read("docs/tutorials/first-prediction.md"));
    let (_, block) = readme.split_once("```text\n$ ").unwrap();
    let (shown, _) = block.split_once("\n```").unwrap();
    let mut answers = vec![shown.split_once('\n').map(owned).unwrap()];
    for part in tutorial.split("```sh\n").skip(1) {
        let answer = part.split_once("\n```\n\n```text\n");
        answers.extend(
            answer.map(|(command, rest)| owned((command, rest.split_once("\n```").unwrap().0))),
        );
    }
    assert_eq!(answers.len(), 3);
    let fixture = prepared("README.md");
    for (command, expected) in answers {
        let command = command.split_whitespace().collect::<Vec<_>>().join(" ");
        let printed = run(&fixture, &command);
        let lines = |text: &str| {
            let lines = text.trim_end().lines().map(|line| match line.rsplit_once(", ") {
                Some((before, _)) if line.starts_with("32 samples") => before.to_owned(),
                _ => line.trim_end().to_owned(),
            });
            lines.collect::<Vec<_>>()
        };
        assert_eq!(lines(&printed), lines(&expected), "{command}");
    }
}

fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}
