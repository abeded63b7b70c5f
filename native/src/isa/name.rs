//! The instruction sets and their names.

use std::fmt;

/// An instruction set that bayes8 has kernels for. Those of a processor are ordered by speed, slowest
/// first.
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
    /// AVX-512 F, BW and VL: 512-bit integers. Intel's servers since Skylake.
    Avx512Bw,
    /// AVX-VNNI: 256-bit dot products of bytes. Intel's client processors since Alder Lake, AMD
    /// since Zen 5.
    AvxVnni,
    /// AVX512-VNNI: 512-bit dot products of bytes. Intel since Ice Lake, AMD since Zen 4.
    Avx512Vnni,
    /// AMX-INT8: products of tiles of bytes. Intel's servers since Sapphire Rapids, on Linux.
    Amx,
    /// NEON: 128-bit integers. All AArch64 processors.
    Neon,
    /// The dot products of Armv8.2 and later: 128-bit dot products of bytes. Arm since Cortex-A76 and
    /// Neoverse N1, Apple since A13 and M1.
    DotProd,
    /// The matrix products of Armv8.6: 128-bit products of matrices of bytes. Arm since Neoverse V1 and
    /// N2, Apple since A15 and M2.
    I8mm,
}

impl Isa {
    /// All instruction sets: portable code, those of x86-64, slowest first, and those of AArch64,
    /// slowest first.
    pub const ALL: [Self; 9] = [
        Self::Portable,
        Self::Avx2,
        Self::Avx512Bw,
        Self::AvxVnni,
        Self::Avx512Vnni,
        Self::Amx,
        Self::Neon,
        Self::DotProd,
        Self::I8mm,
    ];

    /// Returns the name that `BAYES8_ISA` and [`FromStr`](std::str::FromStr) take, such as `avx2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512Bw => "avx512bw",
            Self::AvxVnni => "avxvnni",
            Self::Avx512Vnni => "avx512vnni",
            Self::Amx => "amx",
            Self::Neon => "neon",
            Self::DotProd => "dotprod",
            Self::I8mm => "i8mm",
        }
    }

    /// Iterates over the instruction sets that this build has kernels for, slowest first: those of
    /// the architecture it is compiled for. [`Isa::Portable`] is always among them.
    pub fn compiled() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| match isa {
            Self::Portable => true,
            Self::Avx2 | Self::Avx512Bw | Self::AvxVnni | Self::Avx512Vnni | Self::Amx => {
                cfg!(target_arch = "x86_64")
            }
            Self::Neon | Self::DotProd | Self::I8mm => cfg!(target_arch = "aarch64"),
        })
    }

    /// Returns the instruction set with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Returns the instruction set that every processor with this one has too.
    pub(super) const fn needs(self) -> Option<Self> {
        match self {
            Self::Portable | Self::Avx2 | Self::Neon => None,
            Self::Avx512Bw | Self::AvxVnni => Some(Self::Avx2),
            Self::Avx512Vnni => Some(Self::Avx512Bw),
            Self::Amx => Some(Self::Avx512Vnni),
            Self::DotProd => Some(Self::Neon),
            Self::I8mm => Some(Self::DotProd),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
