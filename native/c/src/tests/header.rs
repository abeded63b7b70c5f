//! The committed header is the one that cbindgen makes of the sources.

use cbindgen::{Builder, Config};
use std::path::Path;

#[test]
fn header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config::from_file(root.join("cbindgen.toml")).expect("a valid configuration");
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
