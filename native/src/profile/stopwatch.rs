//! A stopwatch for each thread: the time of every node, by kind of work.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

/// A kind of work that a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Drawing weights and biases, and packing them.
    Sampling,
    /// Copying, padding and packing activations for products.
    Packing,
    /// Transforming activations for convolutions that are multiplied by transformation.
    Transforms,
    /// Matrix products with their epilogues. On the portable kernels, everything that a convolution does.
    Products,
    /// Depthwise convolutions.
    Depthwise,
    /// A loop over codes: an operation without weights.
    Loop,
}

impl Work {
    /// All kinds of work.
    pub const ALL: [Self; 6] = [
        Self::Sampling,
        Self::Packing,
        Self::Transforms,
        Self::Products,
        Self::Depthwise,
        Self::Loop,
    ];
}

/// What was timed for one node.
#[derive(Clone, Copy, Default)]
pub(super) struct Reading {
    pub(super) multiply_accumulates: u64,
    /// The time of each kind of work.
    pub(super) times: [Duration; Work::ALL.len()],
}

#[derive(Default)]
struct Stopwatch {
    /// The current node.
    node: usize,
    readings: BTreeMap<usize, Reading>,
    /// Time of finished work inside the current work.
    inside: Duration,
}

impl Stopwatch {
    fn reading(&mut self) -> &mut Reading {
        self.readings.entry(self.node).or_default()
    }
}

thread_local! {
    static STOPWATCH: RefCell<Stopwatch> = RefCell::default();
}

/// Makes `node` the node whose work is timed.
pub(super) fn enter(node: usize) {
    STOPWATCH.with_borrow_mut(|watch| watch.node = node);
}

/// Adds multiply-accumulates of the current node.
pub(super) fn count(multiply_accumulates: usize) {
    STOPWATCH.with_borrow_mut(|watch| {
        watch.reading().multiply_accumulates += multiply_accumulates as u64;
    });
}

/// Runs `f`, which is work of kind `work`. Work inside it counts as its own kind alone.
pub(super) fn time<R>(work: Work, f: impl FnOnce() -> R) -> R {
    let before = STOPWATCH.with_borrow_mut(|watch| mem::take(&mut watch.inside));
    let start = Instant::now();
    let result = f();
    let elapsed = start.elapsed();
    STOPWATCH.with_borrow_mut(|watch| {
        let inside = mem::replace(&mut watch.inside, before + elapsed);
        watch.reading().times[work as usize] += elapsed - inside;
    });
    result
}

/// Returns what this thread has timed, by node, and resets its stopwatch.
pub(super) fn take() -> BTreeMap<usize, Reading> {
    STOPWATCH.take().readings
}
