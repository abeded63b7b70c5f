//! Every kernel against the reference, bit for bit, through the seam that both implement.
//!
//! [`kernels`] is the one list of what is tested. A kernel that this processor lacks, or that
//! `BAYES8_HIDE` hides, is reported as SKIPPED, never passed over in silence.

mod conformance;
mod convolution;
mod elementwise;
mod layers;
mod sampling;

use crate::isa::Isa;
use crate::kernels::Kernel;
use crate::kernels::amx::Amx;
use crate::kernels::avx2::Avx2;
use crate::kernels::avx512vnni::Avx512Vnni;
use crate::kernels::avxvnni::AvxVnni;
use crate::threads::simd;
use bayes8_conformance::Random;
use bayes8_core::backend::Backend;
use bayes8_core::convolution::{Convolution, Output};
use bayes8_core::layer::Layer;
use bayes8_core::ops::Job;
use bayes8_core::posterior::Draw;
use bayes8_core::reference::Reference;
use std::cell::RefCell;
use std::sync::Arc;

/// A back end with its working memory, which all jobs of a test share as those of a thread do.
pub(crate) trait Subject {
    fn name(&self) -> &'static str;
    /// Draws the weights and convolves: codes, or logits as little-endian bytes.
    fn convolution(&mut self, layer: &Layer, job: &Convolution, draw: Draw, x: &[u8]) -> Vec<u8>;
    /// Runs a loop that writes so many codes.
    fn run(&self, job: &Job, inputs: &[&[u8]], outputs: usize) -> Vec<u8>;
}

struct Tested<B: Backend> {
    backend: B,
    scratch: B::Scratch,
}

/// Threads that share an operation, where it is large enough. Three, so that no split is even.
const THREADS: usize = 3;

/// The definition.
pub(crate) fn reference() -> Box<dyn Subject> {
    subject(Reference)
}

/// What is compared with it on this processor.
pub(crate) fn kernels() -> Vec<Box<dyn Subject>> {
    let mut kernels = Vec::new();
    for isa in Isa::ALL {
        let mut add = |name, kernel: Option<_>| match kernel {
            Some(kernel) => kernels.push(kernel),
            None => not_here(name),
        };
        match isa {
            Isa::Portable => {}
            Isa::Avx2 => add("avx2", tested(Avx2::new())),
            Isa::AvxVnni => add("avxvnni", tested(AvxVnni::new())),
            Isa::Avx512Vnni => add("avx512vnni", tested(Avx512Vnni::new())),
            // Emulated where the processor lacks it: with portable code around its tiles, which runs
            // anywhere, then as it is used.
            Isa::Amx => {
                add("amx", tested(Amx::for_tests(true)));
                add("amx with AVX-512", tested(Amx::for_tests(false)));
            }
        }
    }
    kernels
}

/// Says that a kernel was skipped: once a test, which may meet it for many cases. A test has a thread
/// of its own.
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
    kernel.map(|kernel| subject(simd(kernel)))
}

fn subject<B: Backend + 'static>(backend: B) -> Box<dyn Subject> {
    let mut scratch = B::Scratch::default();
    backend.share(&mut scratch, THREADS);
    Box::new(Tested { backend, scratch })
}

/// Lets `write` fill the middle of a larger buffer, and fails if it wrote outside of it. The
/// middle begins at an odd address, as the output of a step may.
fn guarded<T: Copy + PartialEq>(guard: T, length: usize, write: impl FnOnce(&mut [T])) -> Vec<T> {
    const BEFORE: usize = 67;
    const AFTER: usize = 61;
    let mut buffer = vec![guard; BEFORE + length + AFTER];
    write(&mut buffer[BEFORE..BEFORE + length]);
    let after = buffer.split_off(BEFORE + length);
    let inside = buffer.split_off(BEFORE);
    assert!(buffer.iter().all(|&x| x == guard), "wrote before its output");
    assert!(after.iter().all(|&x| x == guard), "wrote behind its output");
    inside
}

impl<B: Backend> Subject for Tested<B> {
    fn name(&self) -> &'static str {
        self.backend.kernel()
    }

    fn convolution(&mut self, layer: &Layer, job: &Convolution, draw: Draw, x: &[u8]) -> Vec<u8> {
        let Self { backend, scratch } = self;
        let prepared = backend.prepare(&Arc::new(layer.clone()), job);
        let mut weights = B::Weights::default();
        // Memory is used again: what an earlier draw left must not show.
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
        guarded(0xa5, outputs, |y| self.backend.run(job, |index| inputs[index], y))
    }
}

#[test]
fn every_instruction_set_has_a_kernel_of_its_name() {
    let mut tested: Vec<_> = kernels().iter().map(|kernel| kernel.name()).collect();
    tested.dedup();
    let emulated = Amx::for_tests(true).is_some();
    let can_run = |isa: &Isa| isa.is_available() || (*isa == Isa::Amx && emulated);
    let expected: Vec<_> = Isa::ALL.into_iter().filter(can_run).map(Isa::name).collect();
    assert_eq!(reference().name(), expected[0]);
    assert_eq!(tested, expected[1..]);
    println!("{} of {} kernels tested", tested.len(), Isa::ALL.len() - 1);
}
