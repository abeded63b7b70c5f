//! Instruction sets that this process must not use, though the processor may have them.

use super::name::Isa;
use std::sync::OnceLock;

/// Environment variable that hides instruction sets from this process: their names, with commas
/// between. Those that need a hidden one are hidden too, as no processor has them without it. What is
/// left is what a processor without them has. The process reads the variable once.
pub const HIDE_VARIABLE: &str = "BAYES8_HIDE";

impl Isa {
    /// Whether `BAYES8_HIDE` hides it, or one that it needs. The kernels ask this before they ask the
    /// processor, so that none can be made of what is hidden.
    pub(crate) fn is_hidden(self) -> bool {
        let named = hidden_by_user().is_ok_and(|hidden| hidden.contains(&self));
        named || self.needs().is_some_and(Self::is_hidden)
    }
}

/// What `BAYES8_HIDE` names.
///
/// # Errors
/// The first name of what it cannot hide.
pub(super) fn hidden_by_user() -> Result<&'static [Isa], &'static str> {
    static HIDDEN: OnceLock<Result<Vec<Isa>, String>> = OnceLock::new();
    let hidden = HIDDEN.get_or_init(|| parse(&variable(HIDE_VARIABLE).unwrap_or_default()));
    hidden.as_deref().map_err(String::as_str)
}

/// The value of an environment variable, unless it is empty.
pub(super) fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

/// The instruction sets of a list with commas between, or the first name that is none of them.
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
    fn a_list_to_hide_has_names_of_instruction_sets_only() {
        assert_eq!(parse(""), Ok(vec![]));
        assert_eq!(parse(" amx, avx2,"), Ok(vec![Isa::Amx, Isa::Avx2]));
        for name in ["portable", "mmx", "AMX", "avx2 amx"] {
            assert_eq!(parse(&format!("avxvnni,{name}")), Err(name.into()));
        }
    }
}
