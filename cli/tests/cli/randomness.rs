//! Ensembles and Monte-Carlo dropout: from arguments to models, and beside their FP32 networks.

use crate::support::{Finished, Fixture};
use rten_onnx::onnx::{ModelProto, NodeProto};
use safetensors::{Dtype, tensor::TensorView};

const TO_MODEL: [&str; 5] = ["quantize", "--calibration", "x.npz", "-o", "out.safetensors"];
const EVALUATE: [&str; 5] = ["evaluate", "out.safetensors", "--data", "x.npz", "--json"];
const MEMBERS: [&str; 6] = ["--member", "a.onnx", "--member", "b.onnx", "--member", "c.onnx"];

/// A folder with three members of an ensemble, `a.onnx` to `c.onnx`, the first of them with dropout
/// in evaluation mode as `drop.onnx`, and pictures `x.npz`.
fn networks() -> Fixture {
    let fixture = Fixture::with_network("residual");
    fixture.archive_of("x.npz", 3, &[0, 1, 2, 3, 4]);
    let write = |name: &str, change: &dyn Fn(&mut ModelProto)| {
        let mut model = ModelProto::parse_buf(&fixture.read("network.onnx")).unwrap();
        change(&mut model);
        std::fs::write(fixture.path(name), model.write_buf().unwrap()).unwrap();
    };
    write("a.onnx", &|_| ());
    write("b.onnx", &|model| scale(model, "fc.weight", -0.5));
    write("c.onnx", &|model| scale(model, "conv1.weight", 0.5));
    write("drop.onnx", &dropout);
    fixture
}

/// Multiplies an initializer.
fn scale(model: &mut ModelProto, name: &str, factor: f32) {
    let tensors = &mut model.graph.as_mut().unwrap().initializer;
    let tensor = tensors.iter_mut().find(|t| t.name.as_deref() == Some(name)).unwrap();
    let bytes = tensor.raw_data.as_mut().unwrap().get_mut();
    for value in bytes.as_chunks_mut::<4>().0 {
        *value = (f32::from_le_bytes(*value) * factor).to_le_bytes();
    }
}

/// Puts a dropout node before the last.
fn dropout(model: &mut ModelProto) {
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let last = nodes.iter_mut().find(|n| n.op_type.as_deref() == Some("Gemm")).unwrap();
    let input = std::mem::replace(&mut last.input[0], "dropped".into());
    nodes.push(NodeProto {
        name: Some("drop".into()),
        op_type: Some("Dropout".into()),
        input: vec![input],
        output: vec!["dropped".into()],
        ..NodeProto::default()
    });
}

fn quantize(fixture: &Fixture, more: &[&str]) -> Finished {
    fixture.run(&[&TO_MODEL[..], more].concat())
}

#[test]
fn what_cannot_vary_is_a_wrong_usage_that_names_the_ways() {
    let fixture = networks();
    let ways = ["--posterior", "--moped", "--mc-dropout", "training mode", "--member"];
    let evaluate = ["evaluate", "model.safetensors", "--data", "x.npz"];
    for name in ["network.onnx", "drop.onnx"] {
        let run = quantize(&fixture, &["--network", name]);
        ways.iter().for_each(|way| assert!(run.stderr.contains(way), "{way}: {}", run.stderr));
        assert!(run.stderr.contains(&format!("{name}: nothing varies")), "{}", run.stderr);
        run.misused("--deterministic");
    }
    // Members that are equal are one network.
    let equal = ["--member", "a.onnx", "--member", "network.onnx"];
    quantize(&fixture, &equal)
        .misused("a.onnx: nothing varies from sample to sample, as all 2 members are equal");
    assert!(!fixture.path("out.safetensors").exists());

    quantize(&fixture, &["--network", "network.onnx", "--deterministic"]).succeeded();
    let evaluate = [&["evaluate", "out.safetensors"], &evaluate[2..]].concat();
    let run = fixture.run(&[&evaluate[..], &["--network", "drop.onnx"]].concat());
    run.misused("drop.onnx: nothing varies from sample to sample");
}

#[test]
fn members_and_their_posteriors_are_counted() {
    let fixture = networks();
    quantize(&fixture, &["--member", "a.onnx"]).misused("--member is given once");
    quantize(&fixture, &["--member", "a.onnx"].repeat(65)).misused("--member is given 65 times");
    quantize(&fixture, &[&["--network", "a.onnx"], &MEMBERS[..]].concat()).misused("--member");
    let two = [&MEMBERS[..], &["--posterior", "p", "--posterior", "q"]].concat();
    quantize(&fixture, &two).misused("--posterior is given 2 times, but 3 members take one each");
    let two = ["--network", "a.onnx", "--posterior", "p", "--posterior", "q"];
    quantize(&fixture, &two).misused("--posterior is given 2 times, but --network takes one");
    quantize(&fixture, &[]).misused("--network");
    quantize(&fixture, &["--mc-dropout", "all"]).misused("--network");
    for wrong in ["", "all=2", "drop=0", "drop,"] {
        quantize(&fixture, &["--network", "drop.onnx", "--mc-dropout", wrong])
            .misused("--mc-dropout");
    }
    let other = ["--member", "a.onnx", "--member", "drop.onnx", "--mc-dropout", "all"];
    quantize(&fixture, &other).failed(&["a.onnx", "no Dropout node is called `all`"]);
}

#[test]
fn an_ensemble_becomes_a_model_that_is_compared_with_its_networks() {
    let fixture = networks();
    quantize(&fixture, &MEMBERS).succeeded();
    let run = fixture.run(&[&EVALUATE[..], &MEMBERS, &["--fp32-noise", "int8"]].concat());
    let run = run.succeeded();
    assert_eq!(run.stderr, "");
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(json["mean_mutual_information"].as_f64().unwrap() > 0.01, "{json}");
    let spearman = json["fp32"]["comparison"]["spearman_mutual_information"].as_f64().unwrap();
    assert!(spearman > 0.5, "{spearman}");
    assert_eq!(json["randomness"]["members"], 3);
    let distance = |side: &serde_json::Value| {
        let disagreement = &side["member_disagreement"];
        assert!(disagreement["classes"].as_f64().unwrap() > 0.0, "{disagreement}");
        disagreement["total_variation"].as_f64().unwrap()
    };
    let (int8, fp32) = (distance(&json), distance(&json["fp32"]));
    assert!(int8 > 0.01 && (int8 / fp32 - 1.0).abs() < 0.1, "{int8} {fp32}");
    let run = ["evaluate", "out.safetensors", "--data", "x.npz", "--html", "report.html"];
    let text = fixture.run(&run).succeeded().stdout;
    let html = String::from_utf8(fixture.read("report.html")).unwrap();
    assert!(
        text.contains("varies: 3 members in turn") && text.contains("members differ"),
        "{text}"
    );
    assert!(html.contains("3 members in turn") && html.contains("members differ"));
}

#[test]
fn every_member_may_have_a_posterior() {
    let fixture = networks();
    for (name, sigma) in [("p", 0.01f32), ("q", 0.2), ("r", 0.01)] {
        let values: Vec<u8> = [sigma; 40].iter().flat_map(|s| s.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![5, 8], &values).unwrap();
        let file = safetensors::serialize([("fc.weight.sigma", view)], None).unwrap();
        std::fs::write(fixture.path(name), file).unwrap();
    }
    let posteriors = ["--posterior", "p", "--posterior", "q", "--posterior", "r"];
    let peer = [&MEMBERS[..], &posteriors].concat();
    quantize(&fixture, &peer).succeeded();
    let run = fixture.run(&[&EVALUATE[..], &peer].concat()).succeeded();
    assert_eq!(run.stderr, "");
    // None of its samples is seen twice, unlike those of the members alone.
    let model = crate::support::load(&fixture.path("out.safetensors"));
    assert_eq!((model.quantized().members(), model.quantized().randomness().period()), (3, None));
}

#[test]
fn dropout_that_is_activated_becomes_a_model() {
    let fixture = networks();
    for chosen in ["all", "drop", "all=0.25", "drop=0.25"] {
        let options = ["--network", "drop.onnx", "--mc-dropout", chosen];
        quantize(&fixture, &options).succeeded();
        let model = crate::support::load(&fixture.path("out.safetensors"));
        let dropout = &model.quantized().randomness().dropout[0];
        let expected = if chosen.contains('=') { 0.25 } else { 0.5 };
        assert_eq!((&*dropout.node, dropout.dropout.probability.as_f64()), ("drop", expected));
        let run = fixture.run(&[&EVALUATE[..], &options].concat()).succeeded();
        assert_eq!(run.stderr, "");
    }
    let options = ["--network", "drop.onnx", "--mc-dropout", "flop"];
    quantize(&fixture, &options).failed(&["drop.onnx", "no Dropout node is called `flop`"]);
    let options = ["--network", "network.onnx", "--mc-dropout", "all"];
    quantize(&fixture, &options).failed(&["network.onnx", "training mode"]);
}

#[test]
fn members_that_alone_vary_are_sampled_once_each() {
    let fixture = networks();
    let samples = |options: &[&str]| {
        quantize(&fixture, &[&MEMBERS[..], options].concat()).succeeded();
        let answers = fixture.json(&["predict", "out.safetensors", "x.npz", "--json"]);
        let evaluation = fixture.json(&EVALUATE);
        assert_eq!(answers[0]["samples"], evaluation["samples"]);
        evaluation["samples"].as_u64().unwrap()
    };
    assert_eq!(samples(&[]), 3);
    assert_eq!(
        samples(&["--moped", "0.1"]),
        33,
        "32, rounded up to an equal share for each member"
    );
}

#[test]
fn bench_counts_what_comes_before_the_first_dropout_once_per_picture() {
    let fixture = networks();
    quantize(&fixture, &["--network", "drop.onnx", "--mc-dropout", "all"]).succeeded();
    let run = ["bench", "out.safetensors", "--batch", "2", "--samples", "5", "--threads", "1"];
    let json = fixture.json(&[&run[..], &["--seconds", "0.05", "--json"]].concat());
    let rate = |key: &str| json[key].as_f64().unwrap();
    let found = 1e9 * rate("giga_macs_per_second") / rate("image_samples_per_second");
    let model = crate::support::load(&fixture.path("out.safetensors"));
    let expected = model.quantized().multiply_accumulates_of(5) as f64 / 5.0;
    assert!((found / expected - 1.0).abs() < 1e-9, "{found}, not {expected}");
    assert!(expected < 0.5 * model.quantized().multiply_accumulates() as f64, "{expected}");
}

#[test]
fn inspect_says_what_varies() {
    let fixture = networks();
    let dropout = ["--network", "drop.onnx", "--mc-dropout", "all=0.25"];
    quantize(&fixture, &dropout).succeeded();
    let json = fixture.json(&["inspect", "out.safetensors", "--json"]);
    let expected = serde_json::json!({"node": "drop", "probability": 0.25, "kind": "element"});
    assert_eq!((&json["members"], &json["bayesian_layers"]), (&1.into(), &0.into()));
    assert_eq!(json["dropout"], serde_json::json!([expected]));
    let parameters = json["parameters"].as_u64().unwrap();
    let text = fixture.run(&["inspect", "out.safetensors"]).succeeded().stdout;
    for part in ["dropout 0.25 of elements in drop", "drops 0.25 of elements"] {
        assert!(text.contains(part), "no {part} in {text}");
    }

    // c.onnx differs in conv1, b.onnx in fc; the layer between them is shared.
    quantize(&fixture, &MEMBERS).succeeded();
    let json = fixture.json(&["inspect", "out.safetensors", "--json"]);
    assert_eq!((&json["members"], &json["dropout"]), (&3.into(), &serde_json::json!([])));
    assert_eq!(json["default_samples"], 3);
    let node = |name: &str| {
        let nodes = json["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["name"] == name).unwrap().clone()
    };
    assert_eq!((&node("conv1")["members"], &node("conv2")["members"]), (&3.into(), &1.into()));
    assert_eq!(node("fc")["weights"], 3 * 40);
    let plain = json["nodes"].as_array().unwrap().iter().filter(|node| node["weights"] == 0);
    assert!(plain.clone().count() > 0 && plain.clone().all(|node| node["members"] == 0));
    let more = 2 * (4 * 27 + 4) + 2 * (5 * 8 + 5);
    assert_eq!(json["parameters"], parameters + more, "those of all members");
    let text = fixture.run(&["inspect", "out.safetensors"]).succeeded().stdout;
    for part in ["3 members in turn", "fixed, per member", "fixed, shared"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn a_peer_that_varies_otherwise_is_made_known() {
    let fixture = networks();
    let evaluate = ["evaluate", "out.safetensors", "--data", "x.npz", "--samples", "4"];
    let all = ["--network", "drop.onnx", "--mc-dropout", "all"];
    let warns = |peer: &[&str], warning: &str| {
        let run = fixture.run(&[&evaluate[..], peer].concat()).succeeded();
        assert!(run.stderr.contains(warning), "no {warning} in {}", run.stderr);
    };
    quantize(&fixture, &MEMBERS).succeeded();
    warns(&MEMBERS[..4], "the model has 3 members, its FP32 network 2");
    let bayesian = [&MEMBERS[..], &["--moped", "0.1"]].concat();
    warns(&bayesian, "its FP32 network is Bayesian, the model is not");
    quantize(&fixture, &all).succeeded();
    warns(&["--network", "drop.onnx", "--deterministic"], "the model has 1 active dropout node");
    warns(
        &["--network", "drop.onnx", "--mc-dropout", "all=0.25"],
        "dropout node `drop` of the model has probability 0.5 (element), that of its FP32 network \
         probability 0.25 (element)",
    );
    quantize(&fixture, &["--network", "drop.onnx", "--deterministic"]).succeeded();
    warns(&all, "the model is deterministic (--deterministic), its FP32 network is not");
}

/// Without dropout, a layer reads a finer grid, and its biases stay what they are.
#[test]
fn the_values_without_dropout_are_those_of_fp32() {
    let fixture = networks();
    let options = ["--network", "drop.onnx", "--mc-dropout", "all=0.75", "--report", "r.json"];
    quantize(&fixture, &options).succeeded();
    let report: serde_json::Value = serde_json::from_slice(&fixture.read("r.json")).unwrap();
    let logits = report["values"].as_array().unwrap().last().unwrap();
    assert!(logits["sqnr_db"].as_f64().unwrap() > 25.0, "{logits}");
}
