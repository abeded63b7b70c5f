//! The instruction sets and their names.

use std::fmt;

/// An instruction set that bayes8 has kernels for, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// Safe Rust, any processor: the reference.
    Portable,
    /// 256-bit integers, x86-64 since 2013.
    Avx2,
    /// 256-bit dot products of bytes: Intel's client processors since Alder Lake, AMD since Zen 5.
    AvxVnni,
    /// 512-bit dot products of bytes: Intel since Ice Lake, AMD since Zen 4.
    Avx512Vnni,
    /// Products of tiles of bytes: Intel's servers since Sapphire Rapids, under Linux.
    Amx,
}

impl Isa {
    /// All instruction sets, slowest first.
    pub const ALL: [Self; 5] =
        [Self::Portable, Self::Avx2, Self::AvxVnni, Self::Avx512Vnni, Self::Amx];

    /// The name that `BAYES8_ISA` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512Vnni => "avx512vnni",
            Self::Amx => "amx",
        }
    }

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// The instruction set without which no processor has this one.
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
