//! `cargo xtask mca`: the matrix kernels of AArch64 on the models of processors in LLVM.
//!
//! Takes the inner loop of each kernel's largest tile from the compiler's assembly, and lets
//! `llvm-mca` simulate it and, for the peak, the product instructions alone.

use crate::programs::{root, run_command};
use crate::tools::{self, Missing};
use anyhow::{Context, ensure};
use std::io::Write;
use std::process::{Command, Stdio};
use std::{fs, thread};

const TARGET: &str = "aarch64-unknown-linux-musl";

/// The oldest LLVM whose models of these processors have been tried.
const OLDEST_LLVM: u32 = 19;

/// A kernel and its product on registers.
struct Kernel {
    name: &'static str,
    /// The last instruction of a product, which no other code has.
    mnemonic: &'static str,
    products: usize,
    /// The instructions of a product with accumulator `i`.
    alone: fn(i: usize) -> String,
    /// The names of processors in LLVM.
    processors: &'static [&'static str],
}

/// Accumulators of the peak: enough to hide the latency of every product.
const ACCUMULATORS: usize = 16;

const KERNELS: [Kernel; 3] = [
    Kernel {
        name: "neon",
        mnemonic: "sadalp",
        products: 8,
        alone: |i| {
            let product = ACCUMULATORS + i % 8;
            format!("smull v{product}.8h, v30.8b, v31.8b\nsadalp v{i}.4s, v{product}.8h\n")
        },
        processors: &["cortex-a72", "neoverse-n1"],
    },
    Kernel {
        name: "dotprod",
        mnemonic: "sdot",
        products: 16,
        alone: |i| format!("sdot v{i}.4s, v30.16b, v31.4b[0]\n"),
        processors: &["cortex-a76", "neoverse-n1"],
    },
    Kernel {
        name: "i8mm",
        mnemonic: "usmmla",
        products: 32,
        alone: |i| format!("usmmla v{i}.4s, v30.16b, v31.16b\n"),
        processors: &["neoverse-n2", "neoverse-v1"],
    },
];

/// Prints the table.
pub(crate) fn run() -> anyhow::Result<()> {
    let program = match llvm_mca().and_then(|program| tools::rust_target(TARGET).map(|()| program))
    {
        Ok(program) => program,
        Err(reason) => {
            println!("SKIPPED: mca: {reason}");
            return Ok(());
        }
    };
    let assembly = assembly()?;
    println!("| kernel | processor | products per cycle | peak | share |\n|---|---|---|---|---|");
    for kernel in &KERNELS {
        let Kernel { name, mnemonic, products, alone, processors } = kernel;
        let (body, count) = largest_loop(&assembly, mnemonic)
            .with_context(|| format!("no loop of the assembly has `{mnemonic}`"))?;
        let peak: String = (0..ACCUMULATORS).map(alone).collect();
        for processor in *processors {
            let rate = (products * count) as f64 / cycles(&program, processor, &body)?;
            let peak = (products * ACCUMULATORS) as f64 / cycles(&program, processor, &peak)?;
            let share = 100.0 * rate / peak;
            println!("| {name} | {processor} | {rate:.1} | {peak:.1} | {share:.0} % |");
        }
    }
    Ok(())
}

/// Compiles `bayes8-native` and returns its assembly.
fn assembly() -> anyhow::Result<String> {
    let path = tools::target().join("mca.s");
    let mut cargo = Command::new("cargo");
    cargo.args(["rustc", "--package", "bayes8-native", "--lib", "--release", "--target", TARGET]);
    // One file. A separate folder, since cargo does not know of this file.
    cargo.args(["--target-dir"]).arg(tools::target().join("mca"));
    cargo.args(["--", "-Ccodegen-units=1"]).arg(format!("--emit=asm={}", path.display()));
    run_command(cargo.current_dir(root()))?;
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Returns the instructions of the loop with the most instructions `mnemonic` among those that load,
/// and their number. Loops are blocks that end with a branch to their own beginning.
fn largest_loop(assembly: &str, mnemonic: &str) -> Option<(String, usize)> {
    let mut largest = None;
    let (mut label, mut body, mut count, mut loads) = ("", String::new(), 0, false);
    for line in assembly.lines() {
        if let Some(name) = line.strip_suffix(':') {
            // Labels between instructions are for debuggers.
            if !name.starts_with(".Ltmp") {
                (label, count, loads) = (name, 0, false);
                body.clear();
            }
            continue;
        }
        let instruction = line.trim();
        let Some((operation, operands)) = instruction.split_once(char::is_whitespace) else {
            continue;
        };
        if operation.starts_with(['.', '/']) {
            continue;
        }
        body.extend([instruction, "\n"]);
        count += usize::from(operation == mnemonic);
        loads |= operation.starts_with("ld");
        let is_loop = operands.split(", ").last() == Some(label);
        if is_loop && loads && count > largest.as_ref().map_or(0, |&(_, most)| most) {
            largest = Some((body.clone(), count));
        }
    }
    largest
}

/// Finds `llvm-mca`.
fn llvm_mca() -> Result<String, Missing> {
    let numbered =
        (OLDEST_LLVM..OLDEST_LLVM + 20).rev().map(|version| format!("llvm-mca-{version}"));
    let mut programs = numbered.chain(["llvm-mca".into()]);
    let is_new = |program: &String| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| version(&output.stdout) >= Some(OLDEST_LLVM))
    };
    let missing = || format!("no llvm-mca: install LLVM {OLDEST_LLVM} or later (https://llvm.org)");
    programs.find(is_new).ok_or_else(missing)
}

/// The version of LLVM in what a program says about itself.
fn version(output: &[u8]) -> Option<u32> {
    let output = String::from_utf8_lossy(output);
    let (_, rest) = output.split_once("LLVM version ")?;
    rest.split('.').next()?.parse().ok()
}

/// Returns how many cycles an iteration of `body` takes.
fn cycles(program: &str, processor: &str, body: &str) -> anyhow::Result<f64> {
    const ITERATIONS: u32 = 1000;
    let mut command = Command::new(program);
    command.args(["-mtriple=aarch64", "-mattr=+dotprod,+i8mm", &format!("-mcpu={processor}")]);
    command.args([&format!("-iterations={ITERATIONS}")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("the input is piped")?;
    let output = thread::scope(|scope| {
        scope.spawn(move || input.write_all(body.as_bytes()));
        child.wait_with_output()
    })?;
    ensure!(output.status.success(), "{program} failed for {processor}");
    let output = String::from_utf8(output.stdout)?;
    let total = output.lines().find_map(|line| line.strip_prefix("Total Cycles:"));
    let total: u32 = total.context("llvm-mca names no cycles")?.trim().parse()?;
    Ok(f64::from(total) / f64::from(ITERATIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_with_the_most_products_is_taken_with_all_its_instructions() {
        let assembly = "peak:\n.LBB0_1:\n\tsdot\tv0\n\tsdot\tv1\n\tsdot\tv2\n\tb.ne\t.LBB0_1\n\
            tile:\n\tsdot\tv0\n.LBB1_1:\n\t.loc\t1 2 3\n\tldr\tq0, [x0]\n.Ltmp7:\n\t//APP\n\
            \tsdot\tv1\n\t//NO_APP\n\tcbz\tx1, .LBB1_9\n\tsdot\tv2\n\tb.ne\t.LBB1_1\n\
            .LBB1_2:\n\tldr\tq0, [x0]\n\tsdot\tv3\n\tb.ne\t.LBB1_2\n";
        let body = "ldr\tq0, [x0]\nsdot\tv1\ncbz\tx1, .LBB1_9\nsdot\tv2\nb.ne\t.LBB1_1\n";
        assert_eq!(largest_loop(assembly, "sdot"), Some((body.into(), 2)));
        assert_eq!(largest_loop(assembly, "usmmla"), None);
    }

    #[test]
    fn llvm_names_its_version() {
        assert_eq!(version(b"Debian LLVM version 14.0.6\n"), Some(14));
        assert_eq!(version(b"LLVM (http://llvm.org/):\n  LLVM version 22.1.0\n"), Some(22));
        assert_eq!(version(b"mca"), None);
    }
}
