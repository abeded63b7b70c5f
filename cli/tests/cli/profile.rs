//! `bench --profile`: where the time of a call goes.

use crate::support::{Fixture, keys};
use serde_json::Value as Json;

const MODEL: &str = "model.safetensors";

const RUN: [&str; 9] =
    ["bench", MODEL, "--profile", "--batch", "3", "--samples", "4", "--seconds", "0"];

#[test]
fn a_profile_accounts_for_every_step_and_all_time() {
    let fixture = Fixture::new(1);
    let json = fixture.json(&[&RUN[..], &["--json"]].concat());
    let expected = [
        "bank_bytes",
        "batch",
        "isa",
        "kernel",
        "milliseconds",
        "repeats",
        "samples",
        "steps",
        "threads",
        "work",
    ];
    assert_eq!(keys(&json), expected);
    assert_eq!(json["threads"], 1);
    let (work, steps) = (json["work"].as_array().unwrap(), json["steps"].as_array().unwrap());
    let time = ["giga_macs_per_second", "milliseconds", "share"];
    assert_eq!(keys(&work[0]), [&time[..], &["work"]].concat());
    let step = ["nodes", "operations", "output", "share", "work_milliseconds"];
    assert_eq!(keys(&steps[0]), [&time[..2], &step].concat());

    let number = |entry: &Json, key: &str| entry[key].as_f64().unwrap();
    let sum = |entries: &[Json], key: &str| -> f64 { entries.iter().map(|e| number(e, key)).sum() };
    let total = number(&json, "milliseconds");
    let is_close = |a: f64, b: f64| (a - b).abs() < 1e-9 * b;
    assert!(is_close(sum(work, "share"), 1.0) && is_close(sum(work, "milliseconds"), total));
    let other = work.iter().find(|entry| entry["work"] == "other").unwrap();
    assert!(is_close(sum(steps, "share") + number(other, "share"), 1.0), "{json:#}");
    for step in steps {
        let parts = step["work_milliseconds"].as_object().unwrap().values();
        let parts: f64 = parts.map(|time| time.as_f64().unwrap()).sum();
        assert!(is_close(parts, number(step, "milliseconds")), "{step:#}");
        let weighted = ["conv2d", "linear"].iter().any(|&op| step["operations"][0] == op);
        assert_eq!(step["giga_macs_per_second"].is_number(), weighted, "{step:#}");
    }

    // A flattened value is not a step.
    let nodes = fixture.json(&["inspect", MODEL, "--json"])["nodes"].take();
    let is_step = |node: &&Json| node["op"] != "flatten";
    let nodes: Vec<&Json> = nodes.as_array().unwrap().iter().filter(is_step).collect();
    assert_eq!(nodes.len(), steps.len());
    let text = fixture.run(&RUN).succeeded().stdout;
    for (node, step) in nodes.into_iter().zip(steps) {
        assert_eq!((&node["name"], &node["op"]), (&step["nodes"][0], &step["operations"][0]));
        assert_eq!(node["shape"], step["output"]);
        assert!(text.contains(node["name"].as_str().unwrap()), "{text}");
    }
    for part in ["1 thread", "fresh weights for every sample", "products", "sampling", "other"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_bank_leaves_nothing_to_draw() {
    let fixture = Fixture::new(1);
    let json = fixture.json(&[&RUN[..], &["--bank", "1MiB", "--json"]].concat());
    let work = json["work"].as_array().unwrap();
    assert!(work.iter().all(|entry| entry["work"] != "sampling"), "{json:#}");
    let text = fixture.run(&[&RUN[..], &["--bank", "1MiB"]].concat()).succeeded().stdout;
    assert!(text.contains("a bank of 1024.0 KiB"), "{text}");
}

#[test]
fn a_profile_is_of_one_thread() {
    let fixture = Fixture::new(1);
    fixture.run(&[&RUN[..], &["--threads", "2"]].concat()).misused("--profile measures one thread");
    fixture.run(&[&RUN[..], &["--threads", "1"]].concat()).succeeded();
}
