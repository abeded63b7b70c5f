//! The instruction set that runs a model: the one asked for, or the fastest.

use super::hidden::{HIDE_VARIABLE, hidden_by_user, variable};
use super::name::Isa;
use crate::kernels::{Kernel, with_kernel};
use std::str::FromStr;
use thiserror::Error;

/// Environment variable that overrides the choice.
pub const ISA_VARIABLE: &str = "BAYES8_ISA";

/// Why an instruction set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IsaError {
    /// No instruction set of this name.
    #[error("`{0}` is not an instruction set of bayes8; use one of {all}", all = names(&Isa::ALL))]
    Unknown(String),
    /// The processor lacks it.
    #[error("this processor has no {0}; it can run {available}", available = available_names())]
    Unavailable(Isa),
    /// `BAYES8_HIDE` hides it.
    #[error("{HIDE_VARIABLE} hides {0}; it leaves {available}", available = available_names())]
    Hidden(Isa),
    /// `BAYES8_HIDE` names something that it cannot hide.
    #[error("{HIDE_VARIABLE} cannot hide `{0}`; it takes {all}, with commas between", all = names(&Isa::ALL[1..]))]
    CannotHide(String),
}

impl Isa {
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
        hidden_by_user().map_err(|name| IsaError::CannotHide(name.into()))?;
        if self.is_available() {
            Ok(self)
        } else if self.is_hidden() {
            Err(IsaError::Hidden(self))
        } else {
            Err(IsaError::Unavailable(self))
        }
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(name: &str) -> Result<Self, IsaError> {
        Self::named(name).ok_or_else(|| IsaError::Unknown(name.into()))
    }
}

/// The names of `isas` with commas between.
fn names(isas: &[Isa]) -> String {
    isas.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ")
}

fn available_names() -> String {
    names(&Isa::available().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_hidden_is_told_what_can() {
        let expected = "BAYES8_HIDE cannot hide `mmx`; it takes avx2, avxvnni, avx512vnni, amx, with \
                        commas between";
        assert_eq!(IsaError::CannotHide("mmx".into()).to_string(), expected);
    }
}
