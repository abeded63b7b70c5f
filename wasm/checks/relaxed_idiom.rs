//! Sums of neighbouring products of bytes. Stable compilers turn them into an instruction of relaxed
//! SIMD, even if they were only asked for SIMD128. The instruction is wrong for -128, and an engine
//! without relaxed SIMD refuses the whole module. `cargo xtask web` compiles this file with `+simd128`
//! only, to show that its check of the modules finds the instruction.

#![no_std]

use core::arch::wasm32::*;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Adds neighbouring products of 16 bytes each.
#[unsafe(no_mangle)]
pub fn sums_of_products(a: v128, b: v128) -> v128 {
    let low = i16x8_extmul_low_i8x16(a, b);
    let high = i16x8_extmul_high_i8x16(a, b);
    let even = i16x8_shuffle::<0, 2, 4, 6, 8, 10, 12, 14>(low, high);
    let odd = i16x8_shuffle::<1, 3, 5, 7, 9, 11, 13, 15>(low, high);
    i16x8_add(even, odd)
}
