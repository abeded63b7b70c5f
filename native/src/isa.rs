//! Which instruction set runs a model.

use crate::kernels::{Kernel, with_kernel};
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use thiserror::Error;

/// Environment variable that overrides the choice.
pub const ISA_VARIABLE: &str = "BAYES8_ISA";

/// Environment variable that hides instruction sets from this process: their names, with commas
/// between. Those that need a hidden one are hidden too, as no processor has them without it. What is
/// left is what a processor without them has. The process reads the variable once.
pub const HIDE_VARIABLE: &str = "BAYES8_HIDE";

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
    #[error("`{0}` is not an instruction set of bayes8; use one of {all}", all = Isa::names())]
    Unknown(String),
    /// The processor lacks it.
    #[error("this processor has no {0}; it can run {available}", available = Isa::available_names())]
    Unavailable(Isa),
    /// `BAYES8_HIDE` hides it.
    #[error("{HIDE_VARIABLE} hides {0}; it leaves {available}", available = Isa::available_names())]
    Hidden(Isa),
    /// `BAYES8_HIDE` names something that it cannot hide.
    #[error("{HIDE_VARIABLE} cannot hide `{0}`; it takes {all}, with commas between", all = Isa::names_to_hide())]
    CannotHide(String),
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

    /// Whether this processor can run it and `BAYES8_HIDE` does not hide it.
    pub fn is_available(self) -> bool {
        with_kernel!(self, K => K::new().is_some(), portable => true, missing => false)
    }

    /// The instruction sets that are available, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The one named by `BAYES8_ISA`, or else the fastest that is available.
    ///
    /// # Errors
    /// [`IsaError`] when the variable names none or one that is not available, or `BAYES8_HIDE` names
    /// something that it cannot hide.
    pub fn choose() -> Result<Self, IsaError> {
        match variable(ISA_VARIABLE) {
            Some(name) => name.parse::<Self>()?.require(),
            None => Self::available().last().unwrap_or(Self::Portable).require(),
        }
    }

    /// Itself, if it is available.
    ///
    /// # Errors
    /// [`IsaError::Unavailable`] or [`IsaError::Hidden`]; [`IsaError::CannotHide`] whatever it is.
    pub fn require(self) -> Result<Self, IsaError> {
        hidden()?;
        if self.is_available() {
            Ok(self)
        } else if self.is_hidden() {
            Err(IsaError::Hidden(self))
        } else {
            Err(IsaError::Unavailable(self))
        }
    }

    /// Whether `BAYES8_HIDE` hides it, or one that it needs. The kernels ask this before they ask the
    /// processor, so that none can be made of what is hidden.
    pub(crate) fn is_hidden(self) -> bool {
        let named = hidden().is_ok_and(|hidden| hidden.contains(&self));
        named || self.needs().is_some_and(Self::is_hidden)
    }

    /// The instruction set without which no processor has this one.
    const fn needs(self) -> Option<Self> {
        match self {
            Self::Portable | Self::Avx2 => None,
            Self::AvxVnni | Self::Avx512Vnni => Some(Self::Avx2),
            Self::Amx => Some(Self::Avx512Vnni),
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    fn names_to_hide() -> String {
        Self::ALL[1..].iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ")
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

/// The value of an environment variable, unless it is empty.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

/// What `BAYES8_HIDE` names.
fn hidden() -> Result<&'static [Isa], IsaError> {
    static HIDDEN: OnceLock<Result<Vec<Isa>, IsaError>> = OnceLock::new();
    let hidden = HIDDEN.get_or_init(|| parse_hidden(&variable(HIDE_VARIABLE).unwrap_or_default()));
    hidden.as_deref().map_err(Clone::clone)
}

/// The instruction sets of a list with commas between.
fn parse_hidden(names: &str) -> Result<Vec<Isa>, IsaError> {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let parse = |name: &str| match name.parse() {
        Ok(Isa::Portable) | Err(_) => Err(IsaError::CannotHide(name.into())),
        Ok(isa) => Ok(isa),
    };
    names.map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_to_hide_has_names_of_instruction_sets_only() {
        assert_eq!(parse_hidden(""), Ok(vec![]));
        assert_eq!(parse_hidden(" amx, avx2,"), Ok(vec![Isa::Amx, Isa::Avx2]));
        for name in ["portable", "mmx", "AMX", "avx2 amx"] {
            let error = parse_hidden(&format!("avxvnni,{name}")).unwrap_err();
            assert_eq!(error, IsaError::CannotHide(name.into()));
            let names = "avx2, avxvnni, avx512vnni, amx";
            let expected =
                format!("BAYES8_HIDE cannot hide `{name}`; it takes {names}, with commas between");
            assert_eq!(error.to_string(), expected);
        }
    }
}
