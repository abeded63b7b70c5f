//! Which instruction set runs a model.

use crate::kernels::{Kernel, with_kernel};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Environment variable that overrides the choice.
pub const ISA_VARIABLE: &str = "BAYES8_ISA";

/// An instruction set that bayes8 has kernels for, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Why an instruction set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IsaError {
    /// No instruction set of this name.
    #[error("`{0}` is no instruction set of bayes8; use one of {all}", all = Isa::names())]
    Unknown(String),
    /// The processor lacks it.
    #[error("this processor has no {0}; it can run {available}", available = Isa::available_names())]
    Unavailable(Isa),
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

    /// Whether this processor can run it.
    pub fn is_available(self) -> bool {
        with_kernel!(self, K => K::new().is_some(), portable => true, missing => false)
    }

    /// The instruction sets that this processor can run, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The one named by `BAYES8_ISA`, or else the fastest that the processor has.
    ///
    /// # Errors
    /// [`IsaError`] when the variable names none or one that is not available.
    pub fn choose() -> Result<Self, IsaError> {
        match std::env::var(ISA_VARIABLE) {
            Ok(name) if !name.is_empty() => name.parse::<Self>()?.require(),
            _ => Ok(Self::available().last().unwrap_or(Self::Portable)),
        }
    }

    /// Itself, if the processor can run it.
    ///
    /// # Errors
    /// [`IsaError::Unavailable`].
    pub fn require(self) -> Result<Self, IsaError> {
        if self.is_available() { Ok(self) } else { Err(IsaError::Unavailable(self)) }
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    fn available_names() -> String {
        Self::available().map(Self::name).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(name: &str) -> Result<Self, IsaError> {
        let known = Self::ALL.into_iter().find(|isa| isa.name() == name);
        known.ok_or_else(|| IsaError::Unknown(name.to_string()))
    }
}
