//! Checks which instructions WebAssembly modules contain.
//!
//! An engine validates a module as a whole. So with a single instruction of relaxed SIMD, engines
//! without relaxed SIMD refuse the baseline module. Stable compilers turn some SIMD128 code into such
//! instructions (`wasm/checks/relaxed_idiom.rs`).

use crate::programs::{root, shown};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;
use wasmparser::{Validator, WasmFeatures};

/// Target of the modules.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The instructions that a module may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// WebAssembly 2.0, which has SIMD128: all browsers since 2023.
    Baseline,
    /// WebAssembly 2.0 and relaxed SIMD.
    Relaxed,
}

impl Instructions {
    pub(crate) const ALL: [Self; 2] = [Self::Baseline, Self::Relaxed];

    /// The target features for the compiler.
    pub(crate) fn target_features(self) -> &'static str {
        match self {
            Self::Baseline => "+simd128",
            Self::Relaxed => "+simd128,+relaxed-simd",
        }
    }

    /// Name of the module in the npm package.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Baseline => "bayes8.wasm",
            Self::Relaxed => "bayes8-relaxed.wasm",
        }
    }

    fn validate(self, module: &[u8]) -> anyhow::Result<()> {
        let relaxed = match self {
            Self::Baseline => WasmFeatures::empty(),
            Self::Relaxed => WasmFeatures::RELAXED_SIMD,
        };
        Validator::new_with_features(WasmFeatures::WASM2 | relaxed).validate_all(module)?;
        Ok(())
    }

    /// Validates the module at `path` as an engine with these instructions does.
    pub(crate) fn check(self, path: &Path) -> anyhow::Result<()> {
        let module = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let context = || format!("{} is not a {self:?} module", path.display());
        self.validate(&module).with_context(context)?;
        println!("{}: valid with {self:?} instructions", self.file());
        Ok(())
    }
}

/// Compiles code that becomes relaxed SIMD by mistake, and checks that the validation refuses it.
pub(crate) fn check_the_check(folder: &Path) -> anyhow::Result<()> {
    let (source, module) = ("wasm/checks/relaxed_idiom.rs", folder.join("relaxed_idiom.wasm"));
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "--crate-type=cdylib", "--target", TARGET]);
    rustc.args(["-Copt-level=3", "-Cpanic=abort", "-Ctarget-feature=+simd128"]);
    rustc.arg(source).arg("-o").arg(&module).current_dir(root());
    println!("$ {}", shown(&rustc));
    ensure!(rustc.status().context("cannot run rustc")?.success(), "cannot compile {source}");
    let module = fs::read(&module).context("cannot read the output of rustc")?;
    Instructions::Relaxed.validate(&module).context("with relaxed SIMD it must be valid")?;
    match Instructions::Baseline.validate(&module) {
        Err(error) if error.to_string().contains("relaxed SIMD") => {
            println!(
                "as expected, this compiler turns {source} into an instruction that the check refuses"
            );
            Ok(())
        }
        Err(error) => bail!("{source} was refused for another reason: {error}"),
        Ok(()) => {
            println!("this compiler translates {source} correctly: its bug is gone");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with one function, which applies one instruction to two vectors.
    fn module(instruction: [u8; 3]) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        // Types: (v128, v128) -> v128; functions: one of type 0.
        bytes.extend([1, 7, 1, 0x60, 2, 0x7b, 0x7b, 1, 0x7b, 3, 2, 1, 0]);
        // Code: no locals, get both, the instruction, end.
        bytes.extend([10, 11, 1, 9, 0, 0x20, 0, 0x20, 1]);
        bytes.extend(instruction);
        bytes.push(0x0b);
        bytes
    }

    #[test]
    fn relaxed_instructions_are_refused_in_the_baseline_module_only() {
        let add = module([0xfd, 0x8e, 0x01]);
        let relaxed_dot = module([0xfd, 0x92, 0x02]);
        for instructions in Instructions::ALL {
            assert!(instructions.validate(&add).is_ok(), "{instructions:?}");
        }
        assert!(Instructions::Relaxed.validate(&relaxed_dot).is_ok());
        let error = Instructions::Baseline.validate(&relaxed_dot).unwrap_err();
        assert!(error.to_string().contains("relaxed SIMD"), "{error}");
    }
}
