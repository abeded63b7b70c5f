//! Models load from files and from bytes, and errors name the file and their cause, each once.

use bayes8_conformance::repository;
use bayes8_core::format::FormatError;
use bayes8_core::limits::{LimitError, Limits};
use bayes8_native::{
    Isa, IsaError, LoadError, Model, ModelOptions, Pictures, PredictOptions, Threads,
};
use ndarray::Array4;
use std::error::Error;
use std::path::PathBuf;

fn shipped() -> PathBuf {
    repository().join("models/mnist-cnn.safetensors")
}

#[test]
fn a_model_from_bytes_is_the_model_of_the_file() {
    let bytes = std::fs::read(shipped()).expect("a shipped model");
    let pictures = Array4::from_shape_fn((2, 28, 28, 1), |(n, y, x, _)| (n * 31 + y * 7 + x) as u8);
    let predict = |model: &Model| {
        model.predict(Pictures::Bytes(pictures.view()), &PredictOptions::new()).expect("pictures")
    };
    let (read, loaded) = (Model::from_bytes(&bytes), Model::load(shipped()));
    let (read, loaded) = (read.expect("a model"), loaded.expect("a model"));
    assert_eq!(read.digest(), loaded.digest());
    assert_eq!(predict(&read), predict(&loaded));
}

#[test]
fn bytes_that_are_not_a_model_are_refused() {
    let mut damaged = std::fs::read(shipped()).expect("a shipped model");
    *damaged.last_mut().expect("bytes") ^= 1;
    for bytes in [&b""[..], b"GIF89a", &damaged[..100], &damaged] {
        let error = Model::from_bytes(bytes).expect_err("not a model");
        assert!(matches!(error, LoadError::Format { path: None, .. }), "{error:?}");
        assert_eq!(error.to_string(), "the buffer is not a valid model");
    }
    let error = Model::from_bytes(&damaged).expect_err("a flipped bit");
    let LoadError::Format { source, .. } = error else { panic!("{error:?}") };
    assert!(matches!(source, FormatError::Damaged { .. }), "{source}");
}

#[test]
fn a_model_from_bytes_has_limits() {
    let bytes = std::fs::read(shipped()).expect("a shipped model");
    let options = ModelOptions::new().limits(Limits::new().steps(1000));
    let error = Model::from_bytes_with(&bytes, options).expect_err("too many steps");
    assert_eq!(error.to_string(), "cannot run the model");
    let LoadError::Limit { path: None, source } = error else { panic!("{error:?}") };
    assert!(matches!(source, LimitError::Steps(_)), "{source}");
}

#[test]
fn a_missing_instruction_set_is_named() {
    let bytes = std::fs::read(shipped()).expect("a shipped model");
    let Some(missing) = Isa::ALL.into_iter().find(|isa| !isa.is_available()) else {
        println!("SKIPPED: missing instruction sets: this processor has them all");
        return;
    };
    let error = Model::from_bytes_with(&bytes, ModelOptions::new().isa(missing));
    let error = error.expect_err("the processor does not have it");
    let LoadError::Isa(IsaError::Unavailable(isa) | IsaError::Hidden(isa)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(isa, missing);
}

/// Programs print the whole chain, so a message must not repeat that of its source.
#[test]
fn messages_name_the_file_and_leave_the_cause_to_the_source() {
    let readme = repository().join("README.md");
    let limits = ModelOptions::new().limits(Limits::new().memory_bytes(1000));
    for (path, options) in [
        (repository().join("models/missing.safetensors"), None),
        (repository().join("models"), None),
        (readme, None),
        (shipped(), Some(limits)),
    ] {
        let error = Model::load_with(&path, options.unwrap_or_default()).expect_err("no model");
        let message = error.to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
        let source = error.source().expect("a cause").to_string();
        assert!(!message.contains(&source), "{message}: {source}");
    }
}

/// A count that was never initialized must not bring the machine down.
#[test]
fn absurd_numbers_of_threads_are_refused() {
    for count in [Threads::MAX + 1, usize::MAX] {
        let error = Threads::new(count).expect_err("too many threads");
        assert!(
            matches!(error, LoadError::TooManyThreads { count: found, .. } if found == count),
            "{error}"
        );
        assert!(error.to_string().contains("at most 1024"), "{error}");
    }
}
