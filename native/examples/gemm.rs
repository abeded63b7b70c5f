//! Compares the matrix kernels with a loop of their dot-product instruction, on one thread.
//!
//! ```text
//! cargo run --release -p bayes8-native --example gemm -- 784 256 1152
//! ```

use bayes8_native::Isa;
use bayes8_native::measure::gemm;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let extents: Vec<usize> =
        std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let [m, n, k] = match extents[..] {
        [] => [784, 256, 1152],
        [m, n, k] => [m, n, k],
        _ => return Err("usage: gemm [M N K]".into()),
    };
    println!("{:<12} {:>12} {:>12} {:>8}   M={m} N={n} K={k}", "kernel", "GMAC/s", "peak", "share");
    for isa in Isa::available().filter(|&isa| isa != Isa::Portable) {
        let rate = gemm(isa, [m, n, k], 100)?;
        let share = 100.0 * rate.gemm / rate.peak;
        println!("{:<12} {:>12.1} {:>12.1} {share:>7.1}%", isa.name(), rate.gemm, rate.peak);
    }
    Ok(())
}
