//! The memory of a server: a model holds its posterior only once, and predictions in a steady state
//! allocate nothing.
//!
//! This test has its own file because it replaces the allocator with one that counts.

use bayes8_conformance::{Builder, Kind, thinned};
use bayes8_core::format;
use bayes8_core::graph::{Shape, Value, Window};
use bayes8_core::head::Accumulator;
use bayes8_core::head::classes::ClassUncertainty;
use bayes8_core::model::{Layer, Parameters, Parts, QuantizedModel};
use bayes8_core::ops::{Dropout, DropoutKind, DropoutProbability};
use bayes8_native::{Isa, Model, ModelOptions, Pictures, PredictOptions, Threads};
use ndarray::Array4;
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Number of allocations, on any thread.
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// Number of bytes in use.
static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above, and the memory came from the same allocator.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The slowest of the [`MODELS`] that are tested.
fn slowest() -> &'static str {
    thinned(MODELS).last().expect("at least the first")
}

fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    f();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

fn model(name: &str, isa: Isa, threads: Threads, bank_bytes: usize) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let path = folder.join(name).with_extension("safetensors");
    let options = ModelOptions::new().isa(isa).threads(threads).bank_bytes(bank_bytes);
    Model::load_with(path, options).expect("a shipped model")
}

fn pictures(quantized: &QuantizedModel, count: usize) -> Array4<u8> {
    let shape = quantized.graph().input();
    let byte = |(n, y, x, c)| (n * 31 + y * 7 + x * 5 + c * 3) as u8;
    Array4::from_shape_fn((count, shape.height, shape.width, shape.channels), byte)
}

/// Shipped models, the quickest first.
const MODELS: [&str; 3] = ["mnist-scnn", "fashion-resnet14", "cifar10-resnet20"];

/// Iterates over the instruction sets with kernels. The portable code of the reference allocates
/// memory.
fn with_kernels() -> impl Iterator<Item = Isa> {
    Isa::available().filter(|&isa| isa != Isa::Portable)
}

/// Predicts twice to warm up, then counts the allocations of five calls.
fn steady_state(model: &Model, count: usize, samples: u32, keep_logits: bool) -> usize {
    let pictures = pictures(model.quantized(), count);
    let options = PredictOptions::new().samples(0..samples).seed(3).keep_logits(keep_logits);
    let mut predictions = Vec::new();
    let mut uncertainty = ClassUncertainty::default();
    let mut call = || {
        let pictures = Pictures::Bytes(pictures.view());
        model.predict_into(pictures, &options, &mut predictions).expect("the right shape");
        predictions
            .iter()
            .for_each(|p| p.sums().classes().expect("classes").finish_into(&mut uncertainty));
    };
    call();
    call();
    let mut count = || allocations(|| (0..5).for_each(|_| call()));
    // Others allocate once: libtest, to report that a test is slow, and a thread that meets its
    // largest work late. Allocations of predictions would repeat.
    match count() {
        0 => 0,
        first => first.min(count()),
    }
}

fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1u8]))) >= 1);
}

/// The rows of the layer are whole chunks of 64 weights. Each weight takes one byte for its mean
/// and one for its sigma.
fn a_loaded_model_holds_its_posterior_only_once(isa: Isa) {
    let mut b = Builder::new(1, Shape::vector(1 << 10));
    let hidden = b.linear(Value::Input, 1 << 10, Kind::Bayesian).expect("a vector");
    b.linear(hidden, 3, Kind::Bayesian).expect("a vector");
    let file = format::write(&b.finish()).expect("a small model");
    let before = LIVE.load(Ordering::Relaxed);
    let quantized = format::read(&file).expect("a model file");
    let options = ModelOptions::new().isa(isa).threads(Threads::One);
    let model = Model::new(quantized, options).expect("an available instruction set");
    let taken = LIVE.load(Ordering::Relaxed) - before;
    let posterior = 2 << 20;
    // Queues and multipliers take some memory, but less than a second copy.
    assert!((posterior..posterior * 3 / 2).contains(&taken), "{isa}: {taken} bytes");
    drop(model);
}

fn a_prediction_on_the_calling_thread_allocates_nothing() {
    for isa in with_kernels() {
        for name in thinned(MODELS) {
            for bank in [0, 1 << 30] {
                let model = model(name, isa, Threads::One, bank);
                // One picture; a batch; more pictures than run together.
                for (count, logits) in thinned([(1, false), (5, true), (40, false)]) {
                    let found = steady_state(&model, count, 2, logits);
                    assert_eq!(found, 0, "{name}, {isa}, {count} pictures, bank of {bank} bytes");
                }
            }
        }
    }
}

/// Returns the name of a model and the model: dropout alone; an ensemble; a mixture with dropout, some
/// of whose members have no posterior.
fn random_without_weights() -> [(&'static str, QuantizedModel); 3] {
    let network = |kind, with_dropout| {
        let mut b = Builder::new(7, Shape::new(8, 8, 5));
        let mut x = Value::Input;
        for dropped in [DropoutKind::Element, DropoutKind::Channel, DropoutKind::Value] {
            x = b.conv(x, 40, 1, Window::new([3, 3]), kind).expect("a window that fits");
            if with_dropout {
                let probability = DropoutProbability::nearest(0.3).expect("a probability");
                let dropout = Dropout { probability, kind: dropped };
                x = b.op(dropout, &[x]).expect("any shape");
            }
        }
        b.linear(x, 10, kind).expect("any shape");
        b.parts()
    };
    let with_members = |mut parts: Parts| {
        for data in parts.graph.data_mut() {
            let Parameters::Layer(layer) = &mut data.parameters else { continue };
            for member in 1..3 {
                let mut other = Layer::clone(layer.member(0));
                other.mu.reverse();
                if member == 2 {
                    (other.posterior, other.bias) = (None, None);
                }
                layer.push(Arc::new(other));
            }
        }
        parts
    };
    [
        ("dropout", network(Kind::Deterministic, true)),
        ("ensemble", with_members(network(Kind::Deterministic, false))),
        ("mixture", with_members(network(Kind::Bayesian, true))),
    ]
    .map(|(name, parts)| (name, QuantizedModel::new(parts).expect("a model")))
}

fn dropout_and_members_allocate_nothing(isa: Isa) {
    for (name, quantized) in random_without_weights() {
        for bank in [0, 1 << 30] {
            let options = ModelOptions::new().isa(isa).threads(Threads::One).bank_bytes(bank);
            let model = Model::new(quantized.clone(), options).expect("an instruction set");
            for count in [1, 40] {
                let found = steady_state(&model, count, 7, true);
                assert_eq!(found, 0, "{name}, {isa}, {count} pictures, bank of {bank} bytes");
            }
        }
    }
}

fn a_prediction_from_a_thread_of_the_pool_allocates_nothing(isa: Isa) {
    let Threads::Pool(pool) = Threads::new(2).expect("two threads") else { unreachable!() };
    let model = model(slowest(), isa, Threads::Pool(pool.clone()), 0);
    // Each thread must have met its largest work once.
    for (count, samples) in [(4, 8), (1, 1)] {
        pool.install(|| {
            for _ in thinned(0..20) {
                steady_state(&model, count, samples, false);
            }
            assert_eq!(steady_state(&model, count, samples, false), 0, "{count} x {samples}");
        });
    }
}

/// A call from outside goes through the pool's queue, which allocates a block now and then.
fn a_prediction_from_outside_the_pool_allocates_next_to_nothing(isa: Isa) {
    let model = model(slowest(), isa, Threads::new(2).expect("two threads"), 0);
    for _ in thinned(0..20) {
        steady_state(&model, 4, 8, false);
    }
    let blocks: usize = thinned(0..20).map(|_| steady_state(&model, 4, 8, false)).sum();
    assert!(blocks <= 8, "{blocks} allocations in 140 calls");
}

/// A single test, since the count covers all threads, and the thread that reports the end of a test
/// allocates memory.
#[test]
fn a_prediction_in_a_steady_state_allocates_nothing() {
    the_counter_counts();
    let Some(fastest) = with_kernels().last() else {
        println!("SKIPPED: memory of predictions: only portable code here, which may allocate");
        return;
    };
    with_kernels().for_each(a_loaded_model_holds_its_posterior_only_once);
    a_prediction_on_the_calling_thread_allocates_nothing();
    with_kernels().for_each(dropout_and_members_allocate_nothing);
    a_prediction_from_a_thread_of_the_pool_allocates_nothing(fastest);
    a_prediction_from_outside_the_pool_allocates_next_to_nothing(fastest);
}
