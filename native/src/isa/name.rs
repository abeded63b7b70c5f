//! The instruction sets and their names.

use std::fmt;

/// An instruction set that bayes8 has kernels for. They are ordered by speed, slowest first.
///
/// All give the same bits; they differ only in speed.
///
/// # Examples
/// ```
/// use bayes8_native::{Isa, Model, ModelOptions};
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// for isa in Isa::available() {
///     let options = ModelOptions::new().isa(isa);
///     let model = Model::load_with("models/mnist-cnn.safetensors", options)?;
///     assert_eq!(model.isa(), isa);
/// }
/// assert_eq!("avx2".parse::<Isa>()?, Isa::Avx2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// Safe Rust for any processor: the reference.
    Portable,
    /// AVX2: 256-bit integers. x86-64 processors since 2013.
    Avx2,
    /// AVX-VNNI: 256-bit dot products of bytes. Intel's client processors since Alder Lake, AMD
    /// since Zen 5.
    AvxVnni,
    /// AVX512-VNNI: 512-bit dot products of bytes. Intel since Ice Lake, AMD since Zen 4.
    Avx512Vnni,
    /// AMX-INT8: products of tiles of bytes. Intel's servers since Sapphire Rapids, on Linux.
    Amx,
}

impl Isa {
    /// All instruction sets, slowest first.
    pub const ALL: [Self; 5] =
        [Self::Portable, Self::Avx2, Self::AvxVnni, Self::Avx512Vnni, Self::Amx];

    /// Returns the name that `BAYES8_ISA` and [`FromStr`](std::str::FromStr) take, such as `avx2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512Vnni => "avx512vnni",
            Self::Amx => "amx",
        }
    }

    /// Returns the instruction set with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Returns the instruction set that every processor with this one has too.
    pub(super) const fn needs(self) -> Option<Self> {
        match self {
            Self::Portable | Self::Avx2 => None,
            Self::AvxVnni | Self::Avx512Vnni => Some(Self::Avx2),
            Self::Amx => Some(Self::Avx512Vnni),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
