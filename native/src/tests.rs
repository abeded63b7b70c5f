//! Compares every kernel with the reference, bit for bit, through the [`Backend`] interface.
//!
//! [`kernels`] is the one list of tested kernels. A kernel that this processor lacks, or that
//! `BAYES8_HIDE` hides, is reported as SKIPPED, never skipped silently.

#[cfg(target_arch = "x86_64")]
mod conformance;
mod convolution;
mod elementwise;
mod lanes;
mod layers;
mod sampling;
mod winograd;

use crate::isa::Isa;
#[cfg(target_arch = "x86_64")]
use crate::kernels::amx::Amx;
use crate::kernels::{Kernel, with_kernel};
use crate::threads::simd;
use bayes8_conformance::Random;
use bayes8_core::backend::Backend;
use bayes8_core::convolution::{Convolution, Output};
use bayes8_core::executor::{Executor, NodeOutput};
use bayes8_core::layer::Layer;
use bayes8_core::model::QuantizedModel;
use bayes8_core::ops::Job;
use bayes8_core::posterior::Draw;
use bayes8_core::reference::Reference;
use std::cell::RefCell;
use std::sync::Arc;

/// A back end with its working memory, which all jobs of a test share, as they do on a thread.
pub(crate) trait Subject {
    fn name(&self) -> &'static str;
    /// Draws the weights and convolves. Returns codes, or logits as little-endian bytes.
    fn convolution(&mut self, layer: &Layer, job: &Convolution, draw: Draw, x: &[u8]) -> Vec<u8>;
    /// Runs a loop that writes `outputs` codes.
    fn run(&self, job: &Job, inputs: &[&[u8]], outputs: usize) -> Vec<u8>;
    /// Returns the output of every node of `model` for the pictures of `codes`.
    fn trace(&self, model: &QuantizedModel, codes: &[u8], draw: Draw) -> Vec<NodeOutput>;
}

struct Tested<B: Backend, M> {
    /// Makes more back ends of the same kind.
    make: M,
    backend: B,
    scratch: B::Scratch,
}

/// Threads that share an operation, if it is large enough. Three, so that no split is even.
const THREADS: usize = 3;

/// Returns the reference.
pub(crate) fn reference() -> Box<dyn Subject> {
    subject(|| Reference)
}

/// Returns all kernels that this processor can run or emulate.
pub(crate) fn kernels() -> Vec<Box<dyn Subject>> {
    let mut kernels = Vec::new();
    for isa in Isa::compiled() {
        let mut add = |name, kernel: Option<_>| match kernel {
            Some(kernel) => kernels.push(kernel),
            None => not_here(name),
        };
        match isa {
            // Emulated if the processor lacks it. First with portable code around the tiles, which
            // runs anywhere, then as it is used.
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => {
                add("amx", tested(Amx::for_tests(true)));
                add("amx with AVX-512", tested(Amx::for_tests(false)));
            }
            _ => with_kernel!(
                isa,
                K => add(K::NAME, tested(K::new())),
                portable => {},
                missing => add(isa.name(), None)
            ),
        }
    }
    kernels
}

/// Reports that a kernel was skipped: once per test, even if the test has many cases. Each test has
/// a separate thread.
fn not_here(kernel: &'static str) {
    thread_local!(static SAID: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) });
    SAID.with_borrow_mut(|said| {
        if !said.contains(&kernel) {
            said.push(kernel);
            println!("SKIPPED: {kernel}: not on this processor");
        }
    });
}

fn tested<K: Kernel + 'static>(kernel: Option<K>) -> Option<Box<dyn Subject>> {
    kernel.map(|kernel| subject(move || simd(kernel)))
}

fn subject<B: Backend + 'static>(make: impl Fn() -> B + 'static) -> Box<dyn Subject> {
    let (backend, mut scratch) = (make(), B::Scratch::default());
    backend.share(&mut scratch, THREADS);
    Box::new(Tested { make, backend, scratch })
}

/// Lets `write` fill the middle of a larger buffer, and fails if it writes outside. The
/// middle starts at an odd address, as the output of a step may.
fn guarded<T: Copy + PartialEq>(guard: T, length: usize, write: impl FnOnce(&mut [T])) -> Vec<T> {
    const BEFORE: usize = 67;
    const AFTER: usize = 61;
    let mut buffer = vec![guard; BEFORE + length + AFTER];
    write(&mut buffer[BEFORE..BEFORE + length]);
    let after = buffer.split_off(BEFORE + length);
    let inside = buffer.split_off(BEFORE);
    assert!(buffer.iter().all(|&x| x == guard), "wrote before its output");
    assert!(after.iter().all(|&x| x == guard), "wrote after its output");
    inside
}

impl<B: Backend, M: Fn() -> B> Subject for Tested<B, M> {
    fn name(&self) -> &'static str {
        self.backend.kernel()
    }

    fn convolution(&mut self, layer: &Layer, job: &Convolution, draw: Draw, x: &[u8]) -> Vec<u8> {
        let Self { backend, scratch, .. } = self;
        let prepared = backend.prepare(&Arc::new(layer.clone()), job);
        let mut weights = B::Weights::default();
        // Memory is reused: traces of an earlier draw must not show.
        backend.sample(&prepared, Draw { seed: !draw.seed, ..draw }, &mut weights, scratch);
        backend.sample(&prepared, draw, &mut weights, scratch);
        let outputs = x.len() / job.filters.input.elements() * job.output.elements();
        if let Some(target) = job.target {
            let other = Random::new(draw.seed).bytes(outputs);
            return guarded(0xa5, outputs, |codes| {
                let output = match job.residual {
                    None => Output::Codes(codes, target),
                    Some(add) => Output::Sums(codes, target, add, &other),
                };
                backend.convolution(job, &weights, x, output, scratch);
            });
        }
        let logits = guarded(-1.5f32, outputs, |logits| {
            backend.convolution(job, &weights, x, Output::Logits(logits), scratch);
        });
        logits.into_iter().flat_map(f32::to_le_bytes).collect()
    }

    fn run(&self, job: &Job, inputs: &[&[u8]], outputs: usize) -> Vec<u8> {
        let draw = Draw { seed: 0, sample: 0 };
        guarded(0xa5, outputs, |y| self.backend.run(job, draw, |index| inputs[index], y))
    }

    fn trace(&self, model: &QuantizedModel, codes: &[u8], draw: Draw) -> Vec<NodeOutput> {
        let executor = Executor::new(model, (self.make)());
        let mut workspace = executor.workspace(2).expect("a small network");
        executor.share(&mut workspace, THREADS);
        executor.begin(codes, &mut workspace).expect("a small network");
        executor.trace(draw, &mut workspace)
    }
}

#[test]
fn every_instruction_set_has_a_kernel_of_its_name() {
    let mut tested: Vec<_> = kernels().iter().map(|kernel| kernel.name()).collect();
    tested.dedup();
    #[cfg(target_arch = "x86_64")]
    let emulated = Amx::for_tests(true).is_some();
    #[cfg(not(target_arch = "x86_64"))]
    let emulated = false;
    let can_run = |isa: &Isa| isa.is_available() || (*isa == Isa::Amx && emulated);
    let expected: Vec<_> = Isa::compiled().filter(can_run).map(Isa::name).collect();
    assert_eq!(reference().name(), expected[0]);
    assert_eq!(tested, expected[1..]);
    println!("{} of {} kernels tested", tested.len(), Isa::compiled().count() - 1);
}
