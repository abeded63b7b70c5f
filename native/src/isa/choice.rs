//! Chooses the instruction set that runs a model: the requested one, or the fastest.

use super::hidden::{HIDE_VARIABLE, hidden_by_user, variable};
use super::name::Isa;
use crate::kernels::{Kernel, with_kernel};
use std::str::FromStr;
use thiserror::Error;

/// The environment variable that chooses the instruction set: `BAYES8_ISA`. It takes a
/// [name](Isa::name).
pub const ISA_VARIABLE: &str = "BAYES8_ISA";

/// Why an instruction set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IsaError {
    /// No instruction set has this name.
    #[error("`{0}` is not an instruction set of bayes8; use one of {all}", all = names(&Isa::ALL))]
    Unknown(String),
    /// The processor does not have it.
    #[error("this processor does not have {0}; it can run {available}", available = available_names())]
    Unavailable(Isa),
    /// `BAYES8_HIDE` hides it.
    #[error("{HIDE_VARIABLE} hides {0}; it leaves {available}", available = available_names())]
    Hidden(Isa),
    /// `BAYES8_HIDE` names something that cannot be hidden.
    #[error("{HIDE_VARIABLE} cannot hide `{0}`; it takes {all}, separated by commas", all = names(&Isa::ALL[1..]))]
    CannotHide(String),
}

impl Isa {
    /// Returns whether this processor has the instruction set and `BAYES8_HIDE` does not hide it.
    pub fn is_available(self) -> bool {
        with_kernel!(self, K => K::new().is_some(), portable => true, missing => false)
    }

    /// Iterates over the available instruction sets, slowest first. [`Isa::Portable`] is always
    /// among them.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// Returns the instruction set that `BAYES8_ISA` names, or the fastest available one if the
    /// variable is not set.
    ///
    /// # Errors
    /// [`IsaError`] when `BAYES8_ISA` does not name an available instruction set, or `BAYES8_HIDE`
    /// names something that cannot be hidden.
    pub fn choose() -> Result<Self, IsaError> {
        match variable(ISA_VARIABLE) {
            Some(name) => name.parse::<Self>()?.require(),
            None => Self::available().last().unwrap_or(Self::Portable).require(),
        }
    }

    /// Returns the instruction set itself if it is available.
    ///
    /// # Errors
    /// [`IsaError::Unavailable`] or [`IsaError::Hidden`] if it is not. [`IsaError::CannotHide`] if
    /// `BAYES8_HIDE` names something that cannot be hidden.
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

/// Joins the names of `isas` with commas.
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
    fn errors_list_what_can_be_hidden() {
        let expected = "BAYES8_HIDE cannot hide `mmx`; it takes avx2, avx512bw, avxvnni, avx512vnni, amx, \
                        neon, dotprod, i8mm, separated by commas";
        assert_eq!(IsaError::CannotHide("mmx".into()).to_string(), expected);
    }
}
