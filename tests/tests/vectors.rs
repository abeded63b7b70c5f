//! The files of `tests/vectors` match the reference, and they catch errors.

use bayes8_conformance::line::Verdict;
use bayes8_conformance::outcome::{Outcome, Trace};
use bayes8_conformance::reference::{OnCore, REFERENCE};
use bayes8_conformance::report::Report;
use bayes8_conformance::vectors::VectorFile;
use bayes8_conformance::{Case, Implementation, Line, catalogue, check, repository};
use bayes8_core::backend::Backend;
use bayes8_core::chacha::ChaCha8;
use bayes8_core::convolution::{Convolution, Output};
use bayes8_core::graph::{Op, Shape};
use bayes8_core::layer::Layer;
use bayes8_core::ops::{Dice, Job, Requantization};
use bayes8_core::posterior::Draw;
use bayes8_core::posterior::gaussian::{CHUNK, noise};
use bayes8_core::reference::{Reference, ReferenceWeights};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::path::PathBuf;
use std::sync::Arc;

fn folder() -> PathBuf {
    repository().join("tests/vectors")
}

fn cases() -> Vec<Case> {
    Case::load_all(&repository(), &folder()).expect("the vectors")
}

#[test]
fn the_files_are_what_the_reference_gives() {
    let files = catalogue::files(&repository()).expect("the shipped models");
    let mut names: Vec<String> = files.iter().map(|file| format!("{}.json", file.group)).collect();
    names.sort();
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .expect("tests/vectors")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("a name"))
        .collect();
    found.sort();
    assert_eq!(found, names, "files of tests/vectors");
    let mut bytes = 0;
    for file in files {
        let path = folder().join(&file.group).with_extension("json");
        let text = std::fs::read_to_string(&path).expect("a file of vectors");
        assert!(
            text == file.to_json(),
            "{} is stale: `cargo xtask conformance --update` if the change was meant",
            path.display()
        );
        assert_eq!(VectorFile::from_json(&text).as_ref(), Ok(&file));
        bytes += text.len();
    }
    assert!(bytes < 3_000_000, "{bytes} bytes of vectors: the repository carries them");
}

#[test]
fn documents_name_every_operation_and_every_file() {
    let document = |name: &str| {
        std::fs::read_to_string(repository().join("docs").join(name)).expect("a document")
    };
    let (format, conformance) = (document("FORMAT.md"), document("CONFORMANCE.md"));
    for number in 0..Op::COUNT {
        let op = Op::invent(number, Shape::new(3, 3, 2), &mut Dice(&mut |_| 0));
        let quoted = format!("\"{}\"", op.name());
        assert!(format.contains(&quoted), "FORMAT.md lacks the operation {quoted}");
    }
    for file in std::fs::read_dir(folder()).expect("tests/vectors") {
        let name = file.expect("a file").file_name().into_string().expect("a name");
        assert!(conformance.contains(&format!("`{name}`")), "CONFORMANCE.md lacks {name}");
    }
}

/// Section 3 of NUMERICS, from another implementation of ChaCha8.
#[test]
fn key_streams_are_those_of_rand_chacha() {
    let text = std::fs::read_to_string(folder().join("sampler.json")).expect("a file");
    let file = VectorFile::from_json(&text).expect("vectors");
    assert!(file.key_streams.len() >= 6);
    for vector in &file.key_streams {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&vector.seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        let bias = u64::from(vector.bias) << 63;
        generator.set_stream(bias | u64::from(vector.layer) << 32 | u64::from(vector.sample));
        generator.set_word_pos(u128::from(vector.group) * 256);
        let blocks: Vec<u32> = (0..256).map(|_| generator.next_u32()).collect();
        // Word j of block b is word 16 j + b of the group.
        let words = (0..256).map(|i| blocks[i % 16 * 16 + i / 16]);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(&bytes), vector.bytes.0);
        let eps = |i: usize| {
            let chunk = &bytes[i / CHUNK * 2 * CHUNK..];
            noise(chunk[i % CHUNK], chunk[CHUNK + i % CHUNK]) as u8
        };
        assert_eq!(hex(&(0..512).map(eps).collect::<Vec<_>>()), vector.noise.0);
    }
}

#[test]
fn vectors_tell_pictures_and_samples_apart() {
    for case in cases().iter().filter(|case| !case.name.starts_with("operations/")) {
        let outcome = REFERENCE.run(case).expect("a result");
        let picture = outcome.logits.len() / case.count;
        let pictures: Vec<&[u8]> = outcome.logits.chunks(picture).collect();
        assert!(pictures.iter().any(|x| *x != pictures[0]), "{}: one result", case.name);
    }
}

/// A back end that is wrong in one place.
#[derive(Clone, Copy)]
struct Wrong(Fault);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// One bit of a weight of the layer with this number.
    Weight(u32),
    /// The last output code of a max pool.
    Pool,
    /// Rounds halves away from zero.
    Requantize,
}

impl Backend for Wrong {
    type Layer = Arc<Layer>;
    type Weights = ReferenceWeights;
    type Scratch = ();

    fn kernel(&self) -> &'static str {
        "wrong"
    }

    fn prepare(&self, layer: &Arc<Layer>, job: &Convolution) -> Arc<Layer> {
        Reference.prepare(layer, job)
    }

    fn weight_bytes(&self, layer: &Arc<Layer>) -> usize {
        Reference.weight_bytes(layer)
    }

    fn sample(&self, layer: &Arc<Layer>, draw: Draw, weights: &mut ReferenceWeights, (): &mut ()) {
        Reference.sample(layer, draw, weights, &mut ());
        if self.0 == Fault::Weight(layer.index) {
            weights.weights[5] ^= 1;
        }
    }

    fn convolution(
        &self,
        job: &Convolution,
        weights: &ReferenceWeights,
        input: &[u8],
        output: Output<'_>,
        (): &mut (),
    ) {
        Reference.convolution(job, weights, input, output, &mut ());
    }

    fn run<'a>(&self, job: &Job, draw: Draw, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        match (self.0, job) {
            (Fault::Pool, Job::MaxPooling(_)) => {
                job.run(draw, ChaCha8::groups, input, output);
                *output.last_mut().expect("an output") ^= 1;
            }
            (Fault::Requantize, Job::Requantization(Requantization { rescale, target })) => {
                for (code, &q) in output.iter_mut().zip(input(0)) {
                    let steps = i32::from(q) - i32::from(rescale.zero_point);
                    let y = steps as f32 * rescale.multiplier;
                    let rounded = y.clamp(target.lower, target.upper).round() as i32;
                    *code = (rounded + target.zero_point) as u8;
                }
            }
            _ => job.run(draw, ChaCha8::groups, input, output),
        }
    }
}

/// The problems in the report of an implementation on the cases whose name has `part`.
fn problems(implementation: &impl Implementation, part: &str) -> Vec<String> {
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.name.contains(part)).collect();
    assert!(!cases.is_empty(), "no case {part}");
    let output: Vec<String> =
        cases.iter().map(|case| check(implementation, case).print()).collect();
    Report::new(&cases, &output.join("\n")).problems
}

#[test]
fn the_reference_has_no_problems() {
    assert_eq!(problems(&REFERENCE, "/"), [""; 0]);
}

#[test]
fn a_wrong_weight_is_found_in_its_layer_and_channel() {
    let problems = problems(&OnCore(Wrong(Fault::Weight(1))), "weights/layer 1");
    assert_eq!(problems.len(), 2, "both vectors: {problems:#?}");
    for problem in problems {
        assert!(problem.starts_with("core (wrong), weights/layer 1, "), "{problem}");
        assert!(problem.contains("layer `readout`, sample "), "{problem}");
        // Picture 5 shows weight 5 of all rows; the one of the first row is wrong.
        assert!(problem.contains("picture 5, row 0, column 0, channel 0: expected "), "{problem}");
        assert!(problem.ends_with("(1 of 1278 differ)"), "{problem}");
    }
    // A layer that is followed by others.
    let problems = self::problems(&OnCore(Wrong(Fault::Weight(0))), "models/fashion-resnet14");
    assert!(problems.iter().all(|problem| problem.contains("layer `m.conv1.f`")), "{problems:#?}");
    assert!(!problems.is_empty());
}

#[test]
fn a_wrong_code_is_found_at_its_element() {
    let problems = problems(&OnCore(Wrong(Fault::Pool)), "operations/max pool 2x2");
    assert_eq!(problems.len(), 2, "{problems:#?}");
    for problem in problems {
        // The last of five pictures of 3 x 3 x 18.
        let place = "layer `max_pool_0`, sample ";
        assert!(problem.contains(place), "{problem}");
        assert!(problem.contains("picture 4, row 2, column 2, channel 17: expected "), "{problem}");
        assert!(problem.ends_with("(1 of 810 differ)"), "{problem}");
    }
}

#[test]
fn another_rounding_of_ties_is_caught() {
    let problems = problems(&OnCore(Wrong(Fault::Requantize)), "operations/requantize ties");
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].contains("layer `requantize_0`"), "{problems:#?}");
}

/// A change to a result.
type Change = fn(&mut Outcome);

/// The reference with a change to its results.
struct Changed(Change);

impl Implementation for Changed {
    fn name(&self) -> String {
        "changed".into()
    }

    fn kernel(&self) -> String {
        "portable".into()
    }

    fn run(&self, case: &Case) -> Result<Outcome, String> {
        let mut outcome = REFERENCE.run(case)?;
        self.0(&mut outcome);
        Ok(outcome)
    }

    fn trace(&self, case: &Case, sample: u32) -> Result<Trace, String> {
        REFERENCE.trace(case, sample)
    }
}

#[test]
fn results_that_no_layer_explains_are_shown_by_themselves() {
    let part = "noise/layer 1";
    let changes: [(Change, &str); 4] = [
        (
            |outcome| outcome.logits[13] ^= 1,
            "logits, though no layer of any trace differs: picture 0",
        ),
        (|outcome| outcome.sums[8] ^= 1, "sums: picture 0, word 1: expected "),
        (
            |outcome| *outcome.uncertainty.last_mut().expect("bytes") ^= 0x80,
            "uncertainty: picture 20, figure 14: expected ",
        ),
        (|outcome| outcome.logits.truncate(8), "8 bytes, not "),
    ];
    for (change, expected) in changes {
        let problems = problems(&Changed(change), part);
        assert_eq!(problems.len(), 3, "{problems:#?}");
        assert!(problems[0].contains(expected), "{expected}: {problems:#?}");
    }
}

#[test]
fn a_report_counts_what_is_missing_or_skipped() {
    let cases = cases();
    let line = |vector: Option<&str>, result| Line {
        target: "some".into(),
        kernel: "simd".into(),
        vector: vector.map(Into::into),
        result,
    };
    let passed = line(Some(&cases[0].name), Verdict::Passed).print();
    let report = Report::new(&cases, &format!("noise\ntest x ... {passed}\nnoise"));
    let missing = format!("some (simd): {} vectors neither run nor skipped", cases.len() - 1);
    assert_eq!(report.problems, [missing]);
    let reason = "no browser".to_string();
    let skipped = line(None, Verdict::Skipped { reason }).print();
    let report = Report::new(&cases, &skipped);
    assert_eq!(report.problems, [""; 0]);
    assert_eq!(report.skipped().collect::<Vec<_>>(), ["some (simd): no browser"]);
    assert_eq!(Report::new(&cases, "").problems, ["no target ran"]);
    let unknown = line(Some("nothing/of this"), Verdict::Passed).print();
    assert!(!Report::new(&cases, &unknown).problems.is_empty());
}
