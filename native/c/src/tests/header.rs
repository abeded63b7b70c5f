//! The committed header is the one that cbindgen makes of the sources.

use crate::predict::PredictOptions;
use crate::version::bayes8_version_number;
use cbindgen::{Builder, Config};
use std::path::Path;

#[test]
fn header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = Config::from_file(root.join("cbindgen.toml")).expect("a valid configuration");
    let macros = config.after_includes.take().expect("macros of versions and initial values");
    config.after_includes = Some(with_numbers(macros));
    let builder = Builder::new().with_src(root.join("src/lib.rs")).with_config(config);
    let mut generated = Vec::new();
    builder.generate().expect("sources that cbindgen can read").write(&mut generated);

    let path = root.join("include/bayes8.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&path, &generated).expect("the header is writable");
    }
    assert!(
        std::fs::read(&path).is_ok_and(|committed| committed == generated),
        "include/bayes8.h is not what cbindgen makes of the sources; write it anew with\n\
         UPDATE_HEADER=1 cargo test -p bayes8-c",
    );
}

/// `macros` with the package's version and the default options in place of their marks.
fn with_numbers(macros: String) -> String {
    let PredictOptions { seed, first_sample, samples, .. } = PredictOptions::default();
    let numbers = [
        ("@MAJOR@", env!("CARGO_PKG_VERSION_MAJOR").to_owned()),
        ("@MINOR@", env!("CARGO_PKG_VERSION_MINOR").to_owned()),
        ("@PATCH@", env!("CARGO_PKG_VERSION_PATCH").to_owned()),
        ("@VERSION@", env!("CARGO_PKG_VERSION").to_owned()),
        ("@SEED@", seed.to_string()),
        ("@FIRST_SAMPLE@", first_sample.to_string()),
        ("@SAMPLES@", samples.to_string()),
    ];
    numbers.iter().fold(macros, |macros, (mark, number)| {
        assert!(macros.contains(mark), "{mark} is not in cbindgen.toml");
        macros.replace(mark, number)
    })
}

#[test]
fn the_version_number_is_the_package() {
    let parts = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    let [major, minor, patch] = parts.map(|part| part.parse::<u32>().expect("a number"));
    assert_eq!(bayes8_version_number(), major * 1_000_000 + minor * 1000 + patch);
}
