//! Instruction sets that this process must not use, even if the processor has them.

use super::name::Isa;
use std::sync::OnceLock;

/// The environment variable that hides instruction sets from this process: `BAYES8_HIDE`.
///
/// It takes [names](Isa::name), separated by commas. Instruction sets that need a hidden one are
/// hidden too, so the process runs as on a processor without them. The variable is read once.
pub const HIDE_VARIABLE: &str = "BAYES8_HIDE";

impl Isa {
    /// Returns whether `BAYES8_HIDE` hides it, or one that it needs. Kernels check this before they
    /// ask the processor, so that a hidden one cannot be created.
    pub(crate) fn is_hidden(self) -> bool {
        let named = hidden_by_user().is_ok_and(|hidden| hidden.contains(&self));
        named || self.needs().is_some_and(Self::is_hidden)
    }
}

/// Returns the instruction sets that `BAYES8_HIDE` names.
///
/// # Errors
/// The first name that cannot be hidden.
pub(super) fn hidden_by_user() -> Result<&'static [Isa], &'static str> {
    static HIDDEN: OnceLock<Result<Vec<Isa>, String>> = OnceLock::new();
    let hidden = HIDDEN.get_or_init(|| parse(&variable(HIDE_VARIABLE).unwrap_or_default()));
    hidden.as_deref().map_err(String::as_str)
}

/// Returns the value of an environment variable, unless it is empty.
pub(super) fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

/// Parses a comma-separated list of instruction sets. Fails with the first name that cannot be
/// hidden.
fn parse(names: &str) -> Result<Vec<Isa>, String> {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let parse = |name: &str| match Isa::named(name) {
        Some(Isa::Portable) | None => Err(name.into()),
        Some(isa) => Ok(isa),
    };
    names.map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_instruction_sets_can_be_hidden() {
        assert_eq!(parse(""), Ok(vec![]));
        assert_eq!(parse(" amx, avx2,"), Ok(vec![Isa::Amx, Isa::Avx2]));
        for name in ["portable", "mmx", "AMX", "avx2 amx"] {
            assert_eq!(parse(&format!("avxvnni,{name}")), Err(name.into()));
        }
    }
}
