//! Measures the time to draw and pack a weight, on one thread, for layers of a ResNet-50.
//!
//! ```text
//! cargo run --release -p bayes8-native --example sampling
//! ```

use bayes8_native::Isa;
use bayes8_native::measure::sampling;

/// Number of filters, and weights per filter.
const LAYERS: [[usize; 2]; 4] = [[64, 576], [256, 1152], [512, 4608], [2048, 512]];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "{:<12} {}  ns per weight",
        "kernel",
        LAYERS.map(|l| format!("{:>12}", format!("{} x {}", l[0], l[1]))).concat()
    );
    for isa in Isa::available() {
        print!("{:<12} ", isa.name());
        for layer in LAYERS {
            let repeats = if isa == Isa::Portable { 3 } else { 200 };
            print!("{:>12.3}", sampling(isa, layer, repeats)?);
        }
        println!();
    }
    Ok(())
}
