//! Hostile files: no bytes make the reader panic or allocate out of proportion, and every model
//! that can be read can be run.
//!
//! These tests have their own file because they replace the allocator with one that counts.

use bayes8_core::executor::Executor;
use bayes8_core::format::{FormatError, read, write};
use bayes8_core::graph::{AxisPadding, Depth, Op, Padding, Shape, Value, Window};
use bayes8_core::model::QuantizedModel;
use bayes8_core::ops::{AveragePool, MaxPool, Pad, PadChannels};
use bayes8_core::reference::Reference;
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[allow(dead_code, reason = "this test uses a part")]
#[path = "suite/container.rs"]
mod container;

use bayes8_conformance::{Builder, Kind, random_codes, thinned};
use container::{File, Tensor};

thread_local! {
    /// Bytes that this thread holds, and the most that it has held.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn held(change: isize) {
    // Not while the thread ends, when the count does not matter any more.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + change, most.max(now + change)));
    });
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        held(layout.size() as isize);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        held(-(layout.size() as isize));
        // SAFETY: as above, and the memory came from the same allocator.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the result of `f` and the most memory that it held at a time, in bytes.
fn peak<T>(f: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get().0;
    HELD.set((before, before));
    let result = f();
    (result, (HELD.get().1 - before) as usize)
}

/// Bytes of memory that reading may take per byte of the file. The numbers of tensors take one to
/// four times their bytes (a copy each, and another to transpose depthwise ones); the rest is the
/// description, where a short name becomes a `String` and a node a `Node`.
const PER_BYTE: usize = 8;
/// Bytes of memory per byte of a file that has nothing but nodes, tensors or names: a node of 60
/// characters becomes two structures, five strings and their entries in two growing lists.
const PER_CROWDED_BYTE: usize = 16;
/// Bytes of memory that any file may take: for an error message and the first growth of a few
/// collections.
const CONSTANT: usize = 8 << 10;

/// Reads any bytes, within the bound on memory, and runs them if they are a small model. Returns
/// whether they are a model.
fn survive(bytes: &[u8]) -> bool {
    let (result, peak) = peak(|| read(bytes));
    let allowed = PER_BYTE * bytes.len() + CONSTANT;
    assert!(peak <= allowed, "{} bytes took {peak} bytes of memory", bytes.len());
    let Ok(model) = result else { return false };
    run(&model);
    true
}

fn run(model: &QuantizedModel) {
    if model.multiply_accumulates() > 10_000_000 {
        return;
    }
    // The cost of operations without weights is bounded by the values that they read and write.
    let elements = |shape: Shape| shape.elements();
    let taps = |op: &Op| match op {
        Op::MaxPool(MaxPool { window }) | Op::AveragePool(AveragePool { window, .. }) => {
            window.taps()
        }
        _ => 1,
    };
    let graph = model.graph();
    let nodes = graph.nodes().iter();
    let work: usize = nodes.map(|n| elements(n.shape).saturating_mul(taps(&n.op))).sum();
    if work > 1 << 20 || elements(graph.input()) > 1 << 20 {
        return;
    }
    let executor = Executor::new(model, Reference);
    let codes = random_codes(model, 2, 1);
    let mut count = 0;
    let each = |_, _, logits: &[f32]| {
        assert_eq!(logits.len(), model.output_numbers());
        count += 1;
    };
    executor.run(&codes, 1, 0..2, &mut executor.workspace(2).unwrap(), each).unwrap();
    assert_eq!(count, 4);
}

/// Returns a file with one of each operation and a few hundred weights.
fn small_file() -> Vec<u8> {
    let mut b = Builder::new(5, Shape::new(5, 5, 2));
    let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
    let conv = b.conv(Value::Input, 4, 2, window, Kind::Bayesian).unwrap();
    let depthwise = b.conv(conv, 4, 4, window, Kind::Deterministic).unwrap();
    let sum = b.op(Op::Add, &[conv, depthwise]).unwrap();
    let max = b.op(Op::MaxPool(MaxPool { window }), &[sum]).unwrap();
    let both = b.op(Op::Concat, &[max, sum]).unwrap();
    let slice = b.slice(both, 0, 2).unwrap();
    let mean = Op::AveragePool(AveragePool { window, count_include_pad: false });
    let mean = b.op(mean, &[slice]).unwrap();
    let pad = b.op(Op::PadChannels(PadChannels { before: 1, after: 0 }), &[mean]).unwrap();
    let grid = b.op(Op::Requantize, &[pad]).unwrap();
    let global = b.op(Op::GlobalAveragePool, &[grid]).unwrap();
    let table = b.op(Op::Table, &[global]).unwrap();
    let product = b.op(Op::Multiply, &[grid, table]).unwrap();
    let flat = b.op(Op::Flatten, &[product]).unwrap();
    b.linear(flat, 3, Kind::BayesianBias).unwrap();
    File::without_digest(&write(&b.finish()).unwrap()).bytes()
}

/// Returns a file with everything that can have a depth.
fn volume_file() -> Vec<u8> {
    let mut b = Builder::new(6, Shape::volume(3, 4, 3, 2));
    let window = Window {
        padding: Padding { front: 1, back: 1, ..Padding::uniform(1) },
        depth: Depth { kernel: 2, stride: 1, dilation: 1 },
        ..Window::new([3, 3])
    };
    let conv = b.conv(Value::Input, 4, 2, window, Kind::Bayesian).unwrap();
    let zeros = AxisPadding { before: 1, between: 1, after: 1 };
    let pad = Op::Pad(Pad { rows: zeros, columns: zeros, planes: zeros });
    let pad = b.op(pad, &[conv]).unwrap();
    let slice = b.slice(pad, 1, 2).unwrap();
    let max = b.op(Op::MaxPool(MaxPool { window }), &[slice]).unwrap();
    b.linear(max, 3, Kind::BayesianBias).unwrap();
    File::without_digest(&write(&b.finish()).unwrap()).bytes()
}

#[test]
fn truncation_at_every_length_is_an_error() {
    let bytes = small_file();
    for length in 0..bytes.len() {
        assert!(!survive(&bytes[..length]), "the first {length} bytes read as a model");
    }
    assert!(survive(&bytes));
    assert!(!survive(&[&bytes[..], &[0]].concat()), "a byte too many");
}

#[test]
fn flipping_any_bit_neither_panics_nor_allocates() {
    for bytes in [small_file(), volume_file()] {
        let (mut models, mut tried) = (0, 0);
        for at in thinned(0..bytes.len()) {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                models += usize::from(survive(&damaged));
                tried += 1;
            }
        }
        // Any weights and names and many other numbers are valid.
        assert!(models > tried / 50, "{models} of {tried}");
    }
}

#[test]
fn any_byte_in_place_of_any_other() {
    let bytes = small_file();
    for at in thinned(0..bytes.len()) {
        for byte in *b"\x00\xff0919-.eE\"\\{}[],: n" {
            let mut damaged = bytes.clone();
            damaged[at] = byte;
            survive(&damaged);
        }
    }
}

/// Replaces every number of the description in turn with one that is likely to overflow something.
#[test]
fn absurd_numbers_in_the_description_are_refused_without_allocating() {
    let files = [small_file(), volume_file()];
    let tried: usize = files.iter().map(|file| absurd_numbers(&File::without_digest(file))).sum();
    assert!(tried > thinned(0..2000).count(), "{tried}");
}

/// Tries absurd numbers in the description of `file`. Returns the number of descriptions tried.
fn absurd_numbers(file: &File) -> usize {
    let text = &file.description;
    let is_number = |c: char| c.is_ascii_digit();
    let starts = text
        .char_indices()
        .filter(|&(i, c)| is_number(c) && !text[..i].ends_with(|c: char| is_number(c) || c == '.'));
    let mut tried = 0;
    for (start, _) in thinned(starts) {
        let length = text[start..].find(|c| !is_number(c)).unwrap();
        for number in [
            "0",
            "1",
            "67108864",
            "67108865",
            "2147483648",
            "4294967296",
            "18446744073709551615",
            "18446744073709551616",
            "1e38",
            "1e400",
        ] {
            let description = [&text[..start], number, &text[start + length..]].concat();
            survive(&File { description, ..file.clone() }.bytes());
            tried += 1;
        }
    }
    tried
}

/// A header that claims more than the file has must not be trusted.
#[test]
fn claimed_sizes_are_checked_before_memory_is_taken() {
    let bytes = small_file();
    for claim in [0, 1, 1 << 20, 99_999_999, 100_000_001, 1 << 40, u64::MAX - 7, u64::MAX] {
        let mut damaged = bytes.clone();
        damaged[..8].copy_from_slice(&claim.to_le_bytes());
        assert!(!survive(&damaged), "a header of {claim} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12 * ProptestConfig::default().cases))]

    #[test]
    fn several_damages_at_once(
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::weighted(0.3, any::<[prop::sample::Index; 2]>()),
    ) {
        let mut bytes = small_file();
        for (at, byte) in damages {
            let length = bytes.len();
            bytes[at.index(length)] = byte;
        }
        if let Some([from, to]) = cut {
            // Removes a piece, or repeats one.
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            bytes = [&bytes[..from], &bytes[to..]].concat();
        }
        survive(&bytes);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&bytes);
    }

    #[test]
    fn any_description(
        description in prop_oneof![
            "[ -~]{0,80}",
            "(\\{|\\}|\\[|\\]|,|:|\"[a-z_]{0,8}\"|[0-9]{1,3}){0,40}",
        ],
    ) {
        survive(&File { description, ..File::without_digest(&small_file()) }.bytes());
    }
}

/// Deep nesting must not exhaust the stack.
#[test]
fn deeply_nested_json_is_an_error() {
    for open in ["[", "{\"format_version\":", "{\"a\":["] {
        let description = open.repeat(100_000);
        let file = File { description, ..File::without_digest(&small_file()) };
        assert!(!survive(&file.bytes()));
    }
}

/// An empty name with quotes and comma becomes a `String`, and a number that the container's reader
/// buffers takes 32 bytes. Headers full of these are refused before they are parsed. Stretched to
/// the highest accepted density, they stay in proportion.
#[test]
fn headers_full_of_tiny_items_stay_in_proportion() {
    /// At least the bytes of the tensors, which are not part of the header.
    const DATA: usize = 1000;
    let file = File::without_digest(&small_file());
    let text = &file.description;
    let n = 20_000;
    let after = |marker: &str, what: String| {
        let at = text.find(marker).expect(marker) + marker.len();
        File { description: [&text[..at], &what, &text[at..]].concat(), ..file.clone() }
    };
    let list = |item: &str| vec![item; n].join(",");
    let node = |i: usize| format!(r#"{{"name":"{i}","op":"flatten","inputs":["input"]}},"#);
    let mut tensors = file.clone();
    for i in 0..n {
        tensors.tensors.insert(i.to_string(), Tensor::new("U8", &[0], vec![]));
    }
    let mut extents = file.clone();
    extents.tensors.insert("x".into(), Tensor::new("U8", &vec![0; n], vec![]));
    let crowds = [
        ("class names", after("\"class_names\":[", list("\"\""))),
        ("means", after("\"mean\":[", list("0") + ",")),
        ("inputs of a node", after("\"inputs\":[", list("\"input\"") + ",")),
        ("nodes", after("\"nodes\":[", (0..n).map(node).collect())),
        ("tensors", tensors),
        ("extents", extents),
    ];
    for (what, mut file) in crowds {
        // Enough white space for exactly eight bytes per item, if there are fewer.
        let crowded = file.bytes();
        let items = crowded.iter().filter(|&&byte| byte == b',').count();
        let filler = (8 * items).saturating_sub(crowded.len() - DATA);
        file.description.push_str(&" ".repeat(filler));
        for bytes in [crowded, file.bytes()] {
            let (result, peak) = peak(|| read(&bytes));
            assert!(result.is_err(), "{what}");
            let allowed = PER_CROWDED_BYTE * bytes.len() + CONSTANT;
            assert!(peak <= allowed, "{what}: {} bytes took {peak} bytes of memory", bytes.len());
        }
    }
}

/// The limit has a separate error, which says what was found.
#[test]
fn a_crowded_header_is_named() {
    let mut file = File::without_digest(&small_file());
    file.description.push_str(&",".repeat(2000));
    let error = read(&file.bytes()).unwrap_err();
    assert!(matches!(error, FormatError::Crowded { items: 2000.., .. }), "{error}");
    file.description.push_str(&" ".repeat(20_000));
    let error = read(&file.bytes()).unwrap_err();
    assert!(matches!(error, FormatError::Description(_)), "{error}");
}
