//! WebAssembly's part of the shared kernels: sixteen lanes are four registers of four.

use bayes8_core::simd::{Lanes, Line};
use core::arch::wasm32::*;
use core::hint::black_box;
use core::ptr;

/// Proof that the engine has SIMD128. An engine without it refuses the module.
#[derive(Clone, Copy)]
pub(crate) struct Simd128;

impl Lanes<4> for Simd128 {
    type Int = v128;
    type Float = v128;

    #[inline(always)]
    fn load<T: Line>(self, from: &T) -> [v128; 4] {
        // Unlike a load of the whole array, these have constant offsets, which cost nothing.
        core::array::from_fn(|p| self.load_register(from, p))
    }

    #[inline(always)]
    fn store<T: Line>(self, to: &mut T, lanes: [v128; 4]) {
        const { assert!(size_of::<T>() == 64) };
        // SAFETY: 64 bytes of integers, at any address, for which any bits are values.
        unsafe { ptr::from_mut(to).cast::<[v128; 4]>().write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_register<T: Line>(self, from: &T, p: usize) -> v128 {
        const { assert!(size_of::<T>() == 64) };
        assert!(p < 4);
        // SAFETY: one of four quarters of 64 bytes of integers, at any address.
        unsafe { ptr::from_ref(from).cast::<v128>().add(p).read_unaligned() }
    }

    #[inline(always)]
    fn store_register<T: Line>(self, to: &mut T, p: usize, lanes: v128) {
        const { assert!(size_of::<T>() == 64) };
        assert!(p < 4);
        // SAFETY: one of four quarters of 64 bytes of integers, at any address, for which any bits
        // are values.
        unsafe { ptr::from_mut(to).cast::<v128>().add(p).write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_floats(self, from: &[f32; 16]) -> [v128; 4] {
        // SAFETY: 64 bytes of floats, at any address.
        unsafe { ptr::from_ref(from).cast::<[v128; 4]>().read_unaligned() }
    }

    #[inline(always)]
    fn store_floats(self, to: &mut [f32; 16], lanes: [v128; 4]) {
        // SAFETY: 64 bytes of floats, at any address.
        unsafe { ptr::from_mut(to).cast::<[v128; 4]>().write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_codes(self, from: &[u8; 16]) -> [v128; 4] {
        // SAFETY: 16 bytes, at any address.
        let bytes = unsafe { v128_load(from.as_ptr().cast()) };
        let (low, high) = (u16x8_extend_low_u8x16(bytes), u16x8_extend_high_u8x16(bytes));
        [
            u32x4_extend_low_u16x8(low),
            u32x4_extend_high_u16x8(low),
            u32x4_extend_low_u16x8(high),
            u32x4_extend_high_u16x8(high),
        ]
    }

    #[inline(always)]
    fn store_codes(
        self,
        to: &mut [u8; 16],
        [a, b, c, d]: [v128; 4],
        zero_point: v128,
        least: v128,
    ) {
        let low = i16x8_add_sat(i16x8_narrow_i32x4(a, b), zero_point);
        let high = i16x8_add_sat(i16x8_narrow_i32x4(c, d), zero_point);
        let bytes = u8x16_max(u8x16_narrow_i16x8(low, high), least);
        // SAFETY: 16 bytes, at any address.
        unsafe { v128_store(to.as_mut_ptr().cast(), bytes) };
    }

    #[inline(always)]
    fn splat(self, x: i32) -> v128 {
        i32x4_splat(x)
    }

    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        i32x4_add(a, b)
    }

    #[inline(always)]
    fn subtract(self, a: v128, b: v128) -> v128 {
        i32x4_sub(a, b)
    }

    #[inline(always)]
    fn quarter(self, a: v128) -> v128 {
        i32x4_shr(a, 2)
    }

    #[inline(always)]
    fn xor(self, a: v128, b: v128) -> v128 {
        v128_xor(a, b)
    }

    #[inline(always)]
    fn rotate<const BITS: i32>(self, a: v128) -> v128 {
        // A shuffle by 8 or 16 bits takes V8 longer.
        v128_or(i32x4_shl(a, BITS as u32), u32x4_shr(a, 32 - BITS as u32))
    }

    #[inline(always)]
    fn splat_float(self, x: f32) -> v128 {
        f32x4_splat(x)
    }

    #[inline(always)]
    fn to_float(self, a: v128) -> v128 {
        f32x4_convert_i32x4(a)
    }

    #[inline(always)]
    fn multiply(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    fn add_floats(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    fn round(self, a: v128, lower: v128, upper: v128) -> v128 {
        // `pmax` and `pmin` are single instructions. With the bound first, they compare as
        // `Target::round` does.
        let bounded = f32x4_pmin(upper, f32x4_pmax(lower, a));
        // As `numerics::round_ties_even`: the addition rounds half to even.
        let magic = f32x4_splat(12_582_912.0);
        i32x4_sub(f32x4_add(bounded, magic), magic)
    }

    #[inline(always)]
    fn table(self, table: &[i8; 16]) -> v128 {
        // Hidden from the compiler: V8 would make a constant anew for every use, in four instructions.
        let table = black_box(table);
        // SAFETY: 16 bytes, at any address.
        unsafe { v128_load(table.as_ptr().cast()) }
    }

    #[inline(always)]
    fn look_up(self, tables: [v128; 2], bytes: v128) -> v128 {
        // `u8x16_shr` is the same shift, but V8 makes its mask anew.
        let four_bits = |bytes| v128_and(bytes, u8x16_splat(15));
        let low = entries(tables[0], four_bits(bytes));
        i8x16_add(low, entries(tables[1], four_bits(u16x8_shr(bytes, 4))))
    }

    #[inline(always)]
    fn add_bytes(self, a: v128, b: v128) -> v128 {
        i8x16_add(a, b)
    }

    /// Returns the multipliers of each half.
    #[inline(always)]
    fn multipliers(self, low: v128, high: v128) -> [v128; 2] {
        [low, high]
    }

    #[inline(always)]
    fn weights(self, mu: v128, sigma: v128, multipliers: [v128; 2], noise: v128) -> v128 {
        let low = i16x8_mul(u16x8_extend_low_u8x16(sigma), i16x8_extend_low_i8x16(noise));
        let high = i16x8_mul(u16x8_extend_high_u8x16(sigma), i16x8_extend_high_i8x16(noise));
        let low = i16x8_add_sat(i16x8_extend_low_i8x16(mu), mulhrs(low, multipliers[0]));
        let high = i16x8_add_sat(i16x8_extend_high_i8x16(mu), mulhrs(high, multipliers[1]));
        i8x16_narrow_i16x8(low, high)
    }

    #[inline(always)]
    fn transpose(self, rows: [v128; 16]) -> [v128; 16] {
        let mut columns = rows;
        for (i, rows) in rows.as_chunks::<4>().0.iter().enumerate() {
            for (c, lanes) in transpose(*rows).into_iter().enumerate() {
                columns[4 * c + i] = lanes;
            }
        }
        columns
    }
}

/// Returns the entries of a table at indices of 0..=15, for which both instructions give the same
/// result.
#[inline(always)]
fn entries(table: v128, indices: v128) -> v128 {
    #[cfg(target_feature = "relaxed-simd")]
    return i8x16_relaxed_swizzle(table, indices);
    #[cfg(not(target_feature = "relaxed-simd"))]
    i8x16_swizzle(table, indices)
}

/// Returns `(a * b + 2^14) >> 15`. Multipliers are not negative, so the only product on which both
/// instructions may differ, of -2^15 by itself, does not occur.
#[inline(always)]
fn mulhrs(a: v128, multipliers: v128) -> v128 {
    #[cfg(target_feature = "relaxed-simd")]
    return i16x8_relaxed_q15mulr(a, multipliers);
    #[cfg(not(target_feature = "relaxed-simd"))]
    i16x8_q15mulr_sat(a, multipliers)
}

/// Exchanges rows and columns of a 4 x 4 matrix of 32 bits.
#[inline(always)]
fn transpose([a, b, c, d]: [v128; 4]) -> [v128; 4] {
    let low = |a, b| i32x4_shuffle::<0, 4, 1, 5>(a, b);
    let high = |a, b| i32x4_shuffle::<2, 6, 3, 7>(a, b);
    let (ab, cd) = ([low(a, b), high(a, b)], [low(c, d), high(c, d)]);
    [
        i64x2_shuffle::<0, 2>(ab[0], cd[0]),
        i64x2_shuffle::<1, 3>(ab[0], cd[0]),
        i64x2_shuffle::<0, 2>(ab[1], cd[1]),
        i64x2_shuffle::<1, 3>(ab[1], cd[1]),
    ]
}
