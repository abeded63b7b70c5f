//! Structs of earlier and later callers.

use super::buffers::nothing_wanted;
use super::{last_message, load, result, shipped};
use crate::buffer::Buffer;
use crate::dropout::Dropout;
use crate::error::{Error, Status, boundary};
use crate::extensible::{Extensible, read, write};
use crate::model::{ModelInfo, ModelOptions, bayes8_model_get_info};
use crate::output::{OutputInfo, TargetInfo};
use crate::outputs::Outputs;
use crate::predict::{PredictOptions, bayes8_predict};
use std::ptr;

/// The first version of a struct.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct First {
    size: usize,
    seed: u64,
}

/// A later version, with one more field.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct Later {
    size: usize,
    seed: u64,
    rate: u64,
}

// SAFETY: integers, no padding.
unsafe impl Extensible for First {
    const NAME: &'static str = "first";
    const INITIALIZER: &'static str = "FIRST_INIT";
    const FIRST_SIZE: usize = size_of::<First>();
}

// SAFETY: integers, no padding.
unsafe impl Extensible for Later {
    const NAME: &'static str = "later";
    const INITIALIZER: &'static str = "LATER_INIT";
    const FIRST_SIZE: usize = size_of::<First>();
}

/// A struct of this version inside one of a later version, which has one more field.
#[repr(C)]
struct Longer<T> {
    known: T,
    new: u64,
}

const FIRST: usize = size_of::<First>();
const LATER: usize = size_of::<Later>();

/// Bytes after a struct that are not the library's.
const UNTOUCHED: u64 = 0x5555_5555_5555_5555;

#[test]
fn fields_that_an_earlier_caller_lacks_are_zero() {
    // The caller's memory goes on after its struct.
    let caller = [First { size: FIRST, seed: 7 }, First { size: 8, seed: 9 }];
    // SAFETY: `FIRST` bytes are there.
    let value = unsafe { read::<Later>(caller.as_ptr().cast(), "options") };
    assert_eq!(value.expect("an earlier version"), Later { size: FIRST, seed: 7, rate: 0 });
}

#[test]
fn a_later_caller_may_leave_new_fields_at_zero() {
    let mut caller = Later { size: LATER, seed: 7, rate: 0 };
    // SAFETY: `LATER` bytes are there.
    let value = unsafe { read::<First>((&raw const caller).cast(), "options") };
    assert_eq!(value.expect("nothing new is set"), First { size: LATER, seed: 7 });

    for byte in 0..8 {
        caller.rate = 1 << (8 * byte);
        // SAFETY: as above.
        let value = unsafe { read::<First>((&raw const caller).cast(), "options") };
        assert!(matches!(value, Err(Error::UnknownField("options"))), "byte {byte}: {value:?}");
    }
}

#[test]
fn results_fill_what_the_caller_has_and_clear_what_the_library_lacks() {
    let mut earlier = Later { size: FIRST, seed: 0, rate: UNTOUCHED };
    let value = Later { size: LATER, seed: 7, rate: 8 };
    // SAFETY: more than `FIRST` bytes are there.
    unsafe { write(&raw mut earlier, &value, "info") }.expect("an earlier version");
    assert_eq!(earlier, Later { size: FIRST, seed: 7, rate: UNTOUCHED });

    let mut later = Later { size: LATER, seed: 0, rate: UNTOUCHED };
    let value = First { size: FIRST, seed: 7 };
    // SAFETY: `LATER` bytes are there.
    unsafe { write((&raw mut later).cast(), &value, "info") }.expect("a later version");
    assert_eq!(later, Later { size: LATER, seed: 7, rate: 0 });
}

#[test]
fn sizes_that_no_version_has_are_refused() {
    for size in [0, 1, 8, FIRST - 1, FIRST + 1, FIRST + 4, 4104, usize::MAX] {
        let mut caller = Later { size, seed: 7, rate: 0 };
        let refused = boundary(|| {
            // SAFETY: such a size is refused before it is used.
            unsafe { read::<First>((&raw const caller).cast(), "options") }.map(|_| ())
        });
        assert_eq!(refused, Status::InvalidArgument, "{size}");
        let message =
            format!("`options->size` is {size}, not `sizeof(first)`: start from `FIRST_INIT`");
        assert_eq!(last_message(), message);
        let value = First { size: FIRST, seed: 8 };
        // SAFETY: as above.
        let refused = unsafe { write((&raw mut caller).cast(), &value, "info") };
        assert!(matches!(refused, Err(Error::Size { .. })), "{size}");
        assert_eq!(caller, Later { size, seed: 7, rate: 0 }, "a refusal writes nothing");
    }
}

#[test]
fn every_function_checks_the_sizes_of_its_structs() {
    let options = ModelOptions { size: 0, ..ModelOptions::default() };
    let (status, message) = load(super::MODEL, Some(&options)).err().expect("no size");
    assert_eq!(status, Status::InvalidArgument);
    assert!(message.contains("sizeof(bayes8_model_options)"), "{message}");

    let model = shipped();
    let picture = [0; 28 * 28];
    let mut info = super::model::no_info();
    info.size = ModelInfo::FIRST_SIZE - 8;
    // SAFETY: a live handle and a struct.
    let (status, message) =
        result(unsafe { bayes8_model_get_info(*model, &mut info) }, ()).expect_err("too small");
    assert_eq!(status, Status::InvalidArgument);
    assert!(message.contains("sizeof(bayes8_model_info)"), "{message}");

    let predict = |options: &PredictOptions, outputs: &Outputs| {
        let (data, length) = (picture.as_ptr(), picture.len());
        // SAFETY: a live handle, a slice and its length, and structs without buffers.
        let status = unsafe { bayes8_predict(*model, data, length, 1, options, outputs) };
        result(status, ()).expect_err("a size is wrong")
    };
    let (options, outputs) = (PredictOptions::default(), nothing_wanted());
    let (status, message) = predict(&PredictOptions { size: 0, ..options }, &outputs);
    assert_eq!(status, Status::InvalidArgument);
    assert!(message.contains("sizeof(bayes8_predict_options)"), "{message}");
    let (status, message) = predict(&options, &Outputs { size: 8, ..outputs });
    assert_eq!(status, Status::InvalidArgument);
    assert!(message.contains("sizeof(bayes8_outputs)"), "{message}");
}

/// A program that was compiled for a later version, with an old library.
#[test]
fn a_later_program_predicts_unless_it_asks_for_something_new() {
    let (model, picture, mut nats) = (shipped(), [0; 28 * 28], -1.0);
    let mut options = Longer { known: PredictOptions::default(), new: 0 };
    options.known.size = size_of_val(&options);
    let wanted = Buffer { data: &raw mut nats, capacity: 1 };
    let known = Outputs { mutual_information: wanted, ..nothing_wanted() };
    let mut outputs = Longer { known, new: 0 };
    outputs.known.size = size_of_val(&outputs);
    let predict = |options: &Longer<PredictOptions>, outputs: &Longer<Outputs>| {
        let (data, length) = (picture.as_ptr(), picture.len());
        let (options, outputs) = (ptr::from_ref(options).cast(), ptr::from_ref(outputs).cast());
        // SAFETY: a live handle, a slice and its length, and structs of the sizes that they say.
        result(unsafe { bayes8_predict(*model, data, length, 1, options, outputs) }, ())
    };
    options.new = 1;
    let (status, message) = predict(&options, &outputs).expect_err("an unknown option");
    assert_eq!(status, Status::InvalidArgument);
    assert!(message.starts_with("`options` sets a field that bayes8 "), "{message}");
    options.new = 0;
    outputs.new = 1;
    let (status, message) = predict(&options, &outputs).expect_err("an unknown output");
    assert_eq!(status, Status::InvalidArgument);
    assert!(message.starts_with("`outputs` sets a field that bayes8 "), "{message}");
    outputs.new = 0;
    assert_eq!(nats, -1.0, "a refusal writes nothing");
    predict(&options, &outputs).expect("nothing new is asked for");
    assert!(nats >= 0.0);
}

#[test]
fn info_of_a_later_program_ends_in_zeros() {
    let mut info = Longer { known: super::model::no_info(), new: UNTOUCHED };
    info.known.size = size_of_val(&info);
    // SAFETY: a live handle and a struct of the size that it says.
    let status = unsafe { bayes8_model_get_info(*shipped(), (&raw mut info).cast()) };
    assert_eq!(status, Status::Ok);
    assert_eq!((info.known.classes, info.new), (10, 0));
    assert_eq!(info.known.size, size_of_val(&info));
}

/// Programs that were compiled before keep to this: later versions add fields after `FIRST_SIZE`.
#[cfg(target_pointer_width = "64")]
#[test]
fn the_layout_of_the_first_version_stays() {
    use std::mem::offset_of;
    let firsts = [
        ModelOptions::FIRST_SIZE,
        ModelInfo::FIRST_SIZE,
        PredictOptions::FIRST_SIZE,
        Outputs::FIRST_SIZE,
        Dropout::FIRST_SIZE,
        OutputInfo::FIRST_SIZE,
        TargetInfo::FIRST_SIZE,
    ];
    assert_eq!(firsts, [48, 120, 40, 120, 32, 72, 48]);
    macro_rules! offsets {
        ($type:ty: $($field:ident),*) => { [$(offset_of!($type, $field)),*] };
    }
    let options = offsets!(ModelOptions: size, isa, threads, bank_bytes, max_memory_bytes, max_steps,
        input_size, tile_overlap);
    assert_eq!(options, [0, 8, 16, 24, 32, 40, 48, 72]);
    let info = offsets!(ModelInfo: size, name, digest, kernel, depth, height, width, channels, classes,
        threads, sum_words, default_samples, members, bayesian_layers, dropout, outputs, numbers,
        values, chosen_draws);
    assert_eq!(info[..15], [0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112]);
    assert_eq!(info[15..], [120, 128, 136, 144]);
    let options =
        offsets!(PredictOptions: size, seed, first_sample, samples, progress, progress_data, draws);
    assert_eq!(options, [0, 8, 16, 20, 24, 32, 40]);
    let outputs = offsets!(Outputs: size, probabilities, std, predictive_entropy, expected_entropy,
        mutual_information, logits, sums, mean, aleatoric_std, epistemic_std, output, next);
    assert_eq!(outputs, [0, 8, 24, 40, 56, 72, 88, 104, 120, 136, 152, 168, 176]);
    let output =
        offsets!(OutputInfo: size, name, head, count, numbers, sum_words, variance, outcomes);
    assert_eq!(output, [0, 8, 16, 24, 32, 40, 48, 56]);
    assert_eq!(
        offsets!(TargetInfo: size, name, unit, scale, offset, noise),
        [0, 8, 16, 24, 32, 40]
    );
    assert_eq!(offsets!(Dropout: size, node, kind, probability), [0, 8, 16, 24]);
}

/// Padding at the end would hold an earlier caller's rubbish where a later version has a field.
#[test]
fn structs_end_with_their_last_field() {
    macro_rules! end {
        ($type:ty: $last:ident: $field:ty) => {
            (std::mem::offset_of!($type, $last) + size_of::<$field>(), size_of::<$type>())
        };
    }
    for (end, size) in [
        end!(ModelOptions: tile_overlap: usize),
        end!(ModelInfo: chosen_draws: usize),
        end!(PredictOptions: draws: u64),
        end!(Outputs: mean_error: Buffer<f64>),
        end!(Dropout: probability: f64),
        end!(OutputInfo: positions: [usize; 3]),
        end!(TargetInfo: noise: f64),
    ] {
        assert_eq!(end, size);
    }
}

/// A program that was compiled for version 0.1.0, whose structs end earlier.
#[test]
fn an_earlier_program_predicts_and_its_memory_is_left_alone() {
    let (model, picture, mut nats) = (shipped(), [0; 28 * 28], -1.0);
    let wanted = Buffer { data: &raw mut nats, capacity: 1 };
    // Rubbish lies after its struct, where this version has fields.
    let mut outputs =
        Outputs { output: 7, next: ptr::dangling(), mean: wanted, ..nothing_wanted() };
    (outputs.size, outputs.mutual_information) = (Outputs::FIRST_SIZE, wanted);
    // SAFETY: a live handle, a slice and its length, and a struct of the size that it says.
    let status = unsafe {
        let (data, length) = (picture.as_ptr(), picture.len());
        bayes8_predict(*model, data, length, 1, ptr::null(), &outputs)
    };
    result(status, ()).expect("it predicts");
    assert!(nats >= 0.0);

    let mut info = ModelInfo { outputs: 55, ..super::model::no_info() };
    info.size = ModelInfo::FIRST_SIZE;
    // SAFETY: a live handle and a struct of the size that it says.
    result(unsafe { bayes8_model_get_info(*model, &mut info) }, ()).expect("it is described");
    assert_eq!((info.classes, info.outputs), (10, 55));
}
