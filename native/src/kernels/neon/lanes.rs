//! NEON's part of the shared kernels: sixteen lanes are four registers of four.

use crate::isa::Isa;
use bayes8_core::simd::{Lanes, Line};
use std::arch::{aarch64::*, asm, is_aarch64_feature_detected};
use std::ptr;

/// Evaluates an expression of NEON instructions on registers.
macro_rules! neon {
    ($expression:expr) => {{
        // SAFETY: the methods that use this take a value of their type, which is proof that the
        // processor has NEON.
        unsafe { $expression }
    }};
}
pub(super) use neon;

/// The top bit of every byte.
const TOP_BITS: i32 = i32::from_ne_bytes([0x80; 4]);

/// Proof that the processor has NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Lanes<4> for Neon {
    type Int = int32x4_t;
    type Float = float32x4_t;

    #[inline(always)]
    fn load<T: Line>(self, from: &T) -> [int32x4_t; 4] {
        const { assert!(size_of::<T>() == 64) };
        // SAFETY: 64 bytes of integers, at any address.
        unsafe { ptr::from_ref(from).cast::<[int32x4_t; 4]>().read_unaligned() }
    }

    #[inline(always)]
    fn store<T: Line>(self, to: &mut T, lanes: [int32x4_t; 4]) {
        const { assert!(size_of::<T>() == 64) };
        // SAFETY: 64 bytes of integers, at any address, for which any bits are values.
        unsafe { ptr::from_mut(to).cast::<[int32x4_t; 4]>().write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_register<T: Line>(self, from: &T, p: usize) -> int32x4_t {
        const { assert!(size_of::<T>() == 64) };
        assert!(p < 4);
        // SAFETY: one of four quarters of 64 bytes of integers, at any address.
        unsafe { ptr::from_ref(from).cast::<int32x4_t>().add(p).read_unaligned() }
    }

    #[inline(always)]
    fn store_register<T: Line>(self, to: &mut T, p: usize, lanes: int32x4_t) {
        const { assert!(size_of::<T>() == 64) };
        assert!(p < 4);
        // SAFETY: one of four quarters of 64 bytes of integers, at any address, for which any bits
        // are values.
        unsafe { ptr::from_mut(to).cast::<int32x4_t>().add(p).write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_floats(self, from: &[f32; 16]) -> [float32x4_t; 4] {
        // SAFETY: 64 bytes of floats, at any address.
        unsafe { ptr::from_ref(from).cast::<[float32x4_t; 4]>().read_unaligned() }
    }

    #[inline(always)]
    fn store_floats(self, to: &mut [f32; 16], lanes: [float32x4_t; 4]) {
        // SAFETY: 64 bytes of floats, at any address.
        unsafe { ptr::from_mut(to).cast::<[float32x4_t; 4]>().write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_codes(self, from: &[u8; 16]) -> [int32x4_t; 4] {
        // SAFETY: 16 bytes, at any address; `self` proves NEON.
        unsafe {
            let bytes = vld1q_u8(from.as_ptr());
            let (low, high) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
            [
                vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))),
                vreinterpretq_s32_u32(vmovl_high_u16(low)),
                vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))),
                vreinterpretq_s32_u32(vmovl_high_u16(high)),
            ]
        }
    }

    #[inline(always)]
    fn store_codes(
        self,
        to: &mut [u8; 16],
        [a, b, c, d]: [int32x4_t; 4],
        zero_point: int32x4_t,
        least: int32x4_t,
    ) {
        // SAFETY: 16 bytes, at any address; `self` proves NEON.
        unsafe {
            let zero_point = vreinterpretq_s16_s32(zero_point);
            let low = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(a), b), zero_point);
            let high = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(c), d), zero_point);
            let bytes = vqmovun_high_s16(vqmovun_s16(low), high);
            vst1q_u8(to.as_mut_ptr(), vmaxq_u8(bytes, vreinterpretq_u8_s32(least)));
        }
    }

    #[inline(always)]
    fn splat(self, x: i32) -> int32x4_t {
        neon!(vdupq_n_s32(x))
    }

    #[inline(always)]
    fn add(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        neon!(vaddq_s32(a, b))
    }

    #[inline(always)]
    fn subtract(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        neon!(vsubq_s32(a, b))
    }

    #[inline(always)]
    fn quarter(self, a: int32x4_t) -> int32x4_t {
        neon!(vshrq_n_s32::<2>(a))
    }

    #[inline(always)]
    fn xor(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        neon!(veorq_s32(a, b))
    }

    #[inline(always)]
    fn rotate<const BITS: i32>(self, a: int32x4_t) -> int32x4_t {
        // Rotations by whole bytes take one instruction, others two: a shift, and a shift that
        // inserts.
        neon!(match BITS {
            16 => vreinterpretq_s32_u16(vrev32q_u16(vreinterpretq_u16_s32(a))),
            8 => {
                let order: [u8; 16] = [3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14];
                let order = vld1q_u8(order.as_ptr());
                vreinterpretq_s32_u8(vqtbl1q_u8(vreinterpretq_u8_s32(a), order))
            }
            12 => vsriq_n_s32::<20>(vshlq_n_s32::<12>(a), a),
            7 => vsriq_n_s32::<25>(vshlq_n_s32::<7>(a), a),
            _ => unreachable!("ChaCha rotates by 7, 8, 12 and 16"),
        })
    }

    #[inline(always)]
    fn splat_float(self, x: f32) -> float32x4_t {
        neon!(vdupq_n_f32(x))
    }

    #[inline(always)]
    fn to_float(self, a: int32x4_t) -> float32x4_t {
        neon!(vcvtq_f32_s32(a))
    }

    #[inline(always)]
    fn multiply(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        neon!(vmulq_f32(a, b))
    }

    #[inline(always)]
    fn add_floats(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        neon!(vaddq_f32(a, b))
    }

    #[inline(always)]
    fn round(self, a: float32x4_t, lower: float32x4_t, upper: float32x4_t) -> int32x4_t {
        neon!(vcvtnq_s32_f32(vminq_f32(vmaxq_f32(a, lower), upper)))
    }

    #[inline(always)]
    fn round_above(self, a: float32x4_t, _: float32x4_t, upper: float32x4_t) -> int32x4_t {
        // The conversion saturates.
        neon!(vcvtnq_s32_f32(vminq_f32(a, upper)))
    }

    #[inline(always)]
    fn table(self, table: &[i8; 16]) -> int32x4_t {
        // SAFETY: 16 bytes, at any address; `self` proves NEON.
        unsafe { vreinterpretq_s32_s8(vld1q_s8(table.as_ptr())) }
    }

    #[inline(always)]
    fn look_up(self, tables: [int32x4_t; 2], bytes: int32x4_t) -> int32x4_t {
        neon!({
            let bytes = vreinterpretq_u8_s32(bytes);
            let [low_table, high_table] = tables.map(|table| vreinterpretq_u8_s32(table));
            let low = vqtbl1q_u8(low_table, vandq_u8(bytes, vdupq_n_u8(15)));
            let high = vqtbl1q_u8(high_table, vshrq_n_u8::<4>(bytes));
            vreinterpretq_s32_u8(vaddq_u8(low, high))
        })
    }

    #[inline(always)]
    fn add_bytes(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        neon!({
            let sum = vaddq_u8(vreinterpretq_u8_s32(a), vreinterpretq_u8_s32(b));
            vreinterpretq_s32_u8(sum)
        })
    }

    #[inline(always)]
    fn multipliers(self, low: int32x4_t, high: int32x4_t) -> [int32x4_t; 2] {
        [low, high]
    }

    #[inline(always)]
    fn weights(
        self,
        mu: int32x4_t,
        sigma: int32x4_t,
        multipliers: [int32x4_t; 2],
        noise: int32x4_t,
    ) -> int32x4_t {
        neon!({
            let (mu, noise) = (vreinterpretq_s8_s32(mu), vreinterpretq_s8_s32(noise));
            let sigma = vreinterpretq_u8_s32(sigma);
            let sigma = [vmovl_u8(vget_low_u8(sigma)), vmovl_high_u8(sigma)];
            let noise = [vmovl_s8(vget_low_s8(noise)), vmovl_high_s8(noise)];
            let mut scaled = noise;
            for half in 0..2 {
                // |noise * sigma| is at most 126 * 255, and multipliers are not negative.
                let product = vmulq_s16(noise[half], vreinterpretq_s16_u16(sigma[half]));
                scaled[half] = vqrdmulhq_s16(product, vreinterpretq_s16_s32(multipliers[half]));
            }
            let low = vqmovn_s16(vaddw_s8(scaled[0], vget_low_s8(mu)));
            vreinterpretq_s32_s8(vqmovn_high_s16(low, vaddw_high_s8(scaled[1], mu)))
        })
    }

    #[inline(always)]
    fn transpose(self, rows: [int32x4_t; 16]) -> [int32x4_t; 16] {
        let mut columns = rows;
        for (i, rows) in rows.as_chunks::<4>().0.iter().enumerate() {
            for (c, lanes) in self.transpose_4(*rows).into_iter().enumerate() {
                columns[4 * c + i] = lanes;
            }
        }
        columns
    }
}

impl Neon {
    /// Returns the proof, or `None` if the processor lacks NEON, or is big-endian: the kernels number
    /// lanes in the order of memory.
    pub(super) fn detect() -> Option<Self> {
        let has_it = !Isa::Neon.is_hidden()
            && cfg!(target_endian = "little")
            && is_aarch64_feature_detected!("neon");
        has_it.then_some(Self(()))
    }

    /// Returns the first halves of two registers, and the second halves.
    #[inline(always)]
    pub(super) fn halves(self, a: int32x4_t, b: int32x4_t) -> [int32x4_t; 2] {
        neon!({
            let (a, b) = (vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b));
            [vreinterpretq_s32_s64(vzip1q_s64(a, b)), vreinterpretq_s32_s64(vzip2q_s64(a, b))]
        })
    }

    /// Exchanges rows and columns of a 4 x 4 matrix.
    #[inline(always)]
    fn transpose_4(self, [a, b, c, d]: [int32x4_t; 4]) -> [int32x4_t; 4] {
        let [a_b, c_d] =
            neon!([[vtrn1q_s32(a, b), vtrn2q_s32(a, b)], [vtrn1q_s32(c, d), vtrn2q_s32(c, d)]]);
        let [first, third] = self.halves(a_b[0], c_d[0]);
        let [second, fourth] = self.halves(a_b[1], c_d[1]);
        [first, second, third, fourth]
    }

    /// Flips the top bit of every byte.
    #[inline(always)]
    pub(super) fn flip(self, bytes: int32x4_t) -> int32x4_t {
        self.xor(bytes, self.splat(TOP_BITS))
    }

    /// Loads 16 bytes and flips their top bits.
    #[inline(always)]
    pub(super) fn load_flipped(self, from: &[u8; 16]) -> int32x4_t {
        let mut bytes;
        // Together, since compilers would load several rows before they flip the first, and keep
        // accumulators in memory for that.
        // SAFETY: loads 16 bytes, at any address; `self` proves NEON.
        unsafe {
            asm!(
                "ldr {bytes:q}, [{from}]",
                "eor {bytes:v}.16b, {bytes:v}.16b, {top_bits:v}.16b",
                bytes = out(vreg) bytes,
                from = in(reg) from,
                top_bits = in(vreg) self.splat(TOP_BITS),
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        bytes
    }

    /// Loads 8 bytes into each half of a register.
    #[inline(always)]
    pub(super) fn load_halves(self, low: &[u8; 8], high: &[u8; 8]) -> int32x4_t {
        // SAFETY: 8 bytes each, at any address; `self` proves NEON.
        unsafe {
            let bytes = vcombine_u8(vld1_u8(low.as_ptr()), vld1_u8(high.as_ptr()));
            vreinterpretq_s32_u8(bytes)
        }
    }

    /// Returns the sum of all lanes.
    #[inline(always)]
    pub(super) fn sum(self, registers: &[int32x4_t]) -> i32 {
        let sum = registers.iter().fold(self.splat(0), |a, &b| self.add(a, b));
        neon!(vaddvq_s32(sum))
    }
}
