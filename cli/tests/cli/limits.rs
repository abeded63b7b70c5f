//! Models that would take hours or all memory, and damaged ones.

use crate::support::Fixture;

const MODEL: &str = "model.safetensors";
const POOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/files/pool-hang.safetensors");

/// A kilobyte that describes 6 * 10^13 steps.
#[test]
fn a_model_that_would_never_return_is_refused_but_inspected() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    let refused = ["pool-hang.safetensors", "steps", "`q` (max_pool)", "raise the limit on steps"];
    fixture.run(&["predict", POOL, "a.png"]).failed(&refused);
    fixture.run(&["bench", POOL]).failed(&refused);
    let text = fixture.run(&["inspect", POOL]).succeeded().stdout;
    assert!(text.contains("runs only with a higher --max-steps"), "{text}");
    let json = fixture.json(&["inspect", POOL, "--json"]);
    assert!(json["steps"].as_u64() > Some(1 << 42), "{json}");
}

#[test]
fn limits_can_be_set() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    let facts = fixture.json(&["inspect", MODEL, "--json"]);
    let number = |name: &str| facts[name].as_u64().unwrap();
    let (memory, steps) = (number("memory_bytes"), number("steps"));
    let run = |memory: u64, steps: u64| {
        let (memory, steps) = (format!("{memory}B"), steps.to_string());
        fixture.run(&["predict", MODEL, "a.png", "--max-memory", &memory, "--max-steps", &steps])
    };
    run(memory, steps).succeeded();
    run(memory - 1, steps).failed(&[MODEL, " bytes of working memory", "--max-memory"]);
    run(memory, steps - 1).failed(&[MODEL, "steps", "--max-steps"]);
    fixture.run(&["predict", MODEL, "a.png", "--max-steps", "0"]).misused("--max-steps");
}

#[test]
fn a_flipped_bit_is_named_as_damage() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    let mut bytes = fixture.read(MODEL);
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(fixture.path(MODEL), bytes).unwrap();
    for command in [&["predict", MODEL, "a.png"][..], &["inspect", MODEL]] {
        fixture.run(command).failed(&[MODEL, "damaged", "copy it again"]);
    }
}
