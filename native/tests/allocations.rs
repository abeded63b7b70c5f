//! A server's memory: a model has its posterior once, and once its buffers have grown, a prediction takes
//! none.
//!
//! The allocator of this test counts, which is why it has a file of its own.

use bayes8_conformance::{Builder, Kind};
use bayes8_core::format;
use bayes8_core::graph::{Shape, Value};
use bayes8_core::head::Accumulator;
use bayes8_core::head::classes::Uncertainty;
use bayes8_core::model::QuantizedModel;
use bayes8_native::{Isa, Model, ModelOptions, Pictures, PredictOptions, Threads};
use ndarray::Array4;
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls that took memory, on any thread.
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// Bytes that are taken.
static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
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

/// The instruction sets that have kernels. The portable code of the reference takes memory.
fn with_kernels() -> impl Iterator<Item = Isa> {
    Isa::available().filter(|&isa| isa != Isa::Portable)
}

/// Predicts twice to warm up, then counts.
fn steady_state(model: &Model, count: usize, samples: u32, keep_logits: bool) -> usize {
    let pictures = pictures(model.quantized(), count);
    let options = PredictOptions::new().samples(0..samples).seed(3).keep_logits(keep_logits);
    let mut predictions = Vec::new();
    let mut uncertainty = Uncertainty::default();
    let mut call = || {
        let pictures = Pictures::Bytes(pictures.view());
        model.predict_into(pictures, &options, &mut predictions).expect("the right shape");
        predictions.iter().for_each(|p| p.sums().finish_into(&mut uncertainty));
    };
    call();
    call();
    let mut count = || allocations(|| (0..5).for_each(|_| call()));
    // Others take memory once: libtest, to say that a test runs for long, and a thread that meets its
    // largest work late. What predictions take, they take again.
    match count() {
        0 => 0,
        first => first.min(count()),
    }
}

fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1u8]))) >= 1);
}

/// Means and standard deviations of a layer whose rows are whole chunks of 64 weights, a byte each.
fn a_loaded_model_has_its_posterior_once(isa: Isa) {
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
    // Not a second time; queues and multipliers take some.
    assert!((posterior..posterior * 3 / 2).contains(&taken), "{isa}: {taken} bytes");
    drop(model);
}

fn a_prediction_on_the_calling_thread_takes_no_memory() {
    for isa in with_kernels() {
        for name in ["fashion-resnet14", "cifar10-resnet20", "mnist-scnn"] {
            for bank in [0, 1 << 30] {
                let model = model(name, isa, Threads::One, bank);
                // One picture; a batch; more pictures than run together.
                for (count, logits) in [(1, false), (5, true), (40, false)] {
                    let found = steady_state(&model, count, 2, logits);
                    assert_eq!(found, 0, "{name}, {isa}, {count} pictures, bank of {bank} bytes");
                }
            }
        }
    }
}

fn a_prediction_from_a_thread_of_the_pool_takes_no_memory(isa: Isa) {
    let Threads::Pool(pool) = Threads::new(2).expect("two threads") else { unreachable!() };
    let model = model("cifar10-resnet20", isa, Threads::Pool(pool.clone()), 0);
    // As many threads as there are must each have met their largest work once.
    for (count, samples) in [(4, 8), (1, 1)] {
        pool.install(|| {
            for _ in 0..20 {
                steady_state(&model, count, samples, false);
            }
            assert_eq!(steady_state(&model, count, samples, false), 0, "{count} x {samples}");
        });
    }
}

/// A call from outside goes through the pool's queue, which takes a block now and then.
fn a_prediction_from_outside_of_the_pool_takes_next_to_none(isa: Isa) {
    let model = model("cifar10-resnet20", isa, Threads::new(2).expect("two threads"), 0);
    for _ in 0..20 {
        steady_state(&model, 4, 8, false);
    }
    let blocks: usize = (0..20).map(|_| steady_state(&model, 4, 8, false)).sum();
    assert!(blocks <= 8, "{blocks} allocations in 140 calls");
}

/// One test: all threads count together, and the thread that reports the end of a test takes memory.
#[test]
fn a_prediction_in_steady_state_takes_no_memory() {
    the_counter_counts();
    let Some(fastest) = with_kernels().last() else {
        println!("SKIPPED: memory of predictions: only portable code here, which may take some");
        return;
    };
    with_kernels().for_each(a_loaded_model_has_its_posterior_once);
    a_prediction_on_the_calling_thread_takes_no_memory();
    a_prediction_from_a_thread_of_the_pool_takes_no_memory(fastest);
    a_prediction_from_outside_of_the_pool_takes_next_to_none(fastest);
}
