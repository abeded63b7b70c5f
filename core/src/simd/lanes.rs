//! What the shared kernels need of an instruction set.

use super::kernel::DepthwiseBlock;
use super::task::Task;
use crate::posterior::gaussian::CHUNK;

/// How many steps ahead of their use weights are fetched into the first-level cache: about 120 cycles,
/// the time that a line of a distant cache takes. The processor's own prefetcher stops at each page
/// of 4 KiB, 64 steps.
const AHEAD: usize = 16;

/// The vector registers of a processor, on sixteen lanes of 32 bits: `P` registers.
///
/// A value of the type is proof that the processor has the instructions. The tile, the epilogue, the
/// transforms and the sampler are written once over this trait. [`Dot::run`] compiles them for the
/// instruction set, and everything is inlined into it. A test runs every implementation against
/// scalar code, lane by lane.
///
/// A register holds integers of 8, 16 or 32 bits ([`Self::Int`]) or floats ([`Self::Float`]). Lane
/// `i` of register `p` is entry `16 / P * p + i` of a [`Line`].
pub trait Lanes<const P: usize>: Copy + Send + Sync {
    /// A register of integers.
    type Int: Copy;
    /// A register of floats.
    type Float: Copy;

    /// Fetches a line into the first-level cache, if it is mapped.
    #[inline(always)]
    fn prefetch<T>(self, _line: *const T) {}

    /// Loads 64 bytes.
    fn load<T: Line>(self, from: &T) -> [Self::Int; P];
    /// Stores 64 bytes.
    fn store<T: Line>(self, to: &mut T, lanes: [Self::Int; P]);
    /// Loads register `p` of a line.
    fn load_register<T: Line>(self, from: &T, p: usize) -> Self::Int;
    /// Stores register `p` of a line.
    fn store_register<T: Line>(self, to: &mut T, p: usize, lanes: Self::Int);
    /// Loads sixteen floats.
    fn load_floats(self, from: &[f32; 16]) -> [Self::Float; P];
    /// Stores sixteen floats.
    fn store_floats(self, to: &mut [f32; 16], lanes: [Self::Float; P]);
    /// Loads sixteen bytes, widened to i32.
    fn load_codes(self, from: &[u8; 16]) -> [Self::Int; P];
    /// Adds `zero_point`, which every 16 bits of it hold, to sixteen i32, and stores the sums as bytes
    /// from the one in `least`, which every byte of it holds, to 255. All steps saturate.
    fn store_codes(
        self,
        to: &mut [u8; 16],
        lanes: [Self::Int; P],
        zero_point: Self::Int,
        least: Self::Int,
    );

    /// Returns `x` in every lane of 32 bits.
    fn splat(self, x: i32) -> Self::Int;
    /// Adds lanes of 32 bits; sums wrap.
    fn add(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Subtracts lanes of 32 bits; differences wrap.
    fn subtract(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Divides lanes of i32 by four, rounding down.
    fn quarter(self, a: Self::Int) -> Self::Int;
    /// Returns the exclusive or of two registers.
    fn xor(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Rotates lanes of 32 bits to the left by `BITS`: 7, 8, 12 or 16.
    fn rotate<const BITS: i32>(self, a: Self::Int) -> Self::Int;

    /// Returns `x` in every lane.
    fn splat_float(self, x: f32) -> Self::Float;
    /// Converts i32 to the nearest float, ties to even.
    fn to_float(self, a: Self::Int) -> Self::Float;
    /// Multiplies lanes.
    fn multiply(self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// Adds lanes.
    fn add_floats(self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// Returns the i32 nearest to `a` bounded to `lower..=upper`, ties to even. The bounds are integers
    /// of magnitude below 2^16.
    fn round(self, a: Self::Float, lower: Self::Float, upper: Self::Float) -> Self::Int;
    /// Does what [`Self::round`] does, but may leave out the lower bound, for
    /// [`Self::store_codes`] to apply.
    #[inline(always)]
    fn round_above(self, a: Self::Float, lower: Self::Float, upper: Self::Float) -> Self::Int {
        self.round(a, lower, upper)
    }

    /// Returns `table` in every 16 bytes of a register.
    fn table(self, table: &[i8; 16]) -> Self::Int;
    /// Returns for every byte the entries of `tables` that its low and its high four bits select, added.
    fn look_up(self, tables: [Self::Int; 2], bytes: Self::Int) -> Self::Int;
    /// Adds lanes of 8 bits; sums wrap.
    fn add_bytes(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Returns the multipliers of [`Self::weights`] for the weights of a register that have the
    /// multipliers `low`, the first half, and `high`.
    fn multipliers(self, low: Self::Int, high: Self::Int) -> [Self::Int; 2];
    /// Computes `sat8(mu + mulhrs(noise * sigma, multiplier))` for every byte, as
    /// [`sample_weight`](crate::posterior::gaussian::sample_weight) does.
    fn weights(
        self,
        mu: Self::Int,
        sigma: Self::Int,
        multipliers: [Self::Int; 2],
        noise: Self::Int,
    ) -> Self::Int;
    /// Exchanges rows and columns of a matrix of 32 bits with 16 rows, one register each. Returns
    /// the columns, `P` registers each.
    fn transpose(self, rows: [Self::Int; 16]) -> [Self::Int; 16];
}

/// An instruction set with a dot product: it adds the sum of a few products to every lane of 32 bits.
/// A value of the type is proof that the processor has the instructions.
pub trait Dot<const P: usize>: Copy + Send + Sync {
    /// Name of the kernel, as in `BAYES8_ISA`.
    const NAME: &'static str;
    /// Most rows of a tile: its accumulators, the weights of a step, an activation and a product fit
    /// the registers.
    const ROWS: usize;
    /// What is subtracted from every activation before it is multiplied: 128 if the instruction takes
    /// signed bytes only.
    const ACTIVATION_OFFSET: i32 = 0;
    /// Does a depthwise convolution with what the instruction set has for pairs of i16, if it has
    /// anything ([`Kernel::DEPTHWISE`](super::Kernel::DEPTHWISE)).
    const DEPTHWISE: Option<fn(Self, DepthwiseBlock<'_, '_>)> = None;
    /// The registers.
    type Lanes: Lanes<P>;
    /// An activation, as the instruction takes it.
    type Activation: Copy + Default + From<u8> + Send + Sync + 'static;
    /// A weight, as the instruction takes it.
    type Weight: Copy + Default + From<i8> + Send + Sync;
    /// The activations of a lane.
    type Step: Copy;
    /// The weights of each of sixteen lanes.
    type Weights: Line;

    /// Returns the proof, or `None` if the processor lacks an instruction.
    fn new() -> Option<Self>;

    /// Returns the proof for the registers alone.
    fn lanes(self) -> Self::Lanes;

    /// Runs `task`, compiled for this instruction set.
    fn run<T: Task>(self, task: T) -> T::Output;

    /// Returns `activations` as steps.
    fn steps(activations: &[Self::Activation]) -> &[Self::Step];
    /// Returns `weights` as steps.
    fn weight_steps(weights: &[Self::Weight]) -> &[Self::Weights];
    /// Returns `step` in every lane of 32 bits.
    fn splat_step(self, step: Self::Step) -> Int<Self, P>;
    /// Adds to `sum`, which wraps, the products of each lane.
    fn dot(
        self,
        sum: Int<Self, P>,
        activations: Int<Self, P>,
        weights: Int<Self, P>,
    ) -> Int<Self, P>;

    /// Adds to `sums` the products of rows, each with at least `weights.len()` steps, and `weights`.
    /// Broadcasts every step; an instruction set that has something faster overrides this.
    #[inline(always)]
    fn add_products<const R: usize>(
        self,
        rows: [&[Self::Step]; R],
        weights: &[Self::Weights],
        sums: &mut [[Int<Self, P>; P]; R],
    ) {
        // With equal lengths, compilers see that no index is out of bounds.
        let mut equal = rows;
        for row in &mut equal {
            *row = &row[..weights.len()];
        }
        // A copy, so that the accumulators have no address and stay in registers.
        let mut registers = *sums;
        for step in 0..weights.len() {
            self.lanes().prefetch(weights.as_ptr().wrapping_add(step + AHEAD));
            let weights = self.lanes().load(&weights[step]);
            for r in 0..R {
                let activations = self.splat_step(equal[r][step]);
                for p in 0..P {
                    registers[r][p] = self.dot(registers[r][p], activations, weights[p]);
                }
            }
        }
        *sums = registers;
    }
}

/// An instruction set that multiplies pairs of i16.
pub trait DotPairs<const P: usize>:
    Dot<P, Activation = i16, Weight = i16, Step = [i16; 2], Weights = [i16; 32]>
{
    /// Number of i16 in a register.
    const WORDS: usize = 32 / P;
    /// Input channels that are transformed together: whole registers, at least 16.
    const CHANNELS: usize = if Self::WORDS > 16 { Self::WORDS } else { 16 };

    /// Loads the first bytes of `from`, widened to a register of i16.
    ///
    /// # Panics
    /// When there are fewer bytes than [`Self::WORDS`], here and below.
    fn widen_codes(self, from: &[u8]) -> Int<Self, P>;
    /// Loads the first bytes of `from`, widened to a register of i16.
    fn widen_weights(self, from: &[i8]) -> Int<Self, P>;
    /// Widens sixteen bytes of both, and pairs them: lane `i` has `a[i]` and `b[i]` as i16.
    #[inline(always)]
    fn pair_codes(self, a: &[u8; 16], b: &[u8; 16]) -> [Int<Self, P>; P] {
        let lanes = self.lanes();
        let (mut pairs, upper) = (lanes.load_codes(a), lanes.load_codes(b));
        for (pair, upper) in pairs.iter_mut().zip(upper) {
            *pair = lanes.add(*pair, lanes.rotate::<16>(upper));
        }
        pairs
    }
    /// Loads a register of i16 from the start of `from`.
    fn load_words(self, from: &[i16]) -> Int<Self, P>;
    /// Stores a register of i16 to the start of `to`.
    fn store_words(self, to: &mut [i16], words: Int<Self, P>);
    /// Adds lanes of 16 bits; sums wrap.
    fn add_words(self, a: Int<Self, P>, b: Int<Self, P>) -> Int<Self, P>;
    /// Subtracts lanes of 16 bits; differences wrap.
    fn subtract_words(self, a: Int<Self, P>, b: Int<Self, P>) -> Int<Self, P>;
}

/// A register of integers of an instruction set.
pub type Int<D, const P: usize> = <<D as Dot<P>>::Lanes as Lanes<P>>::Int;

/// Sixty-four bytes of integers: sixteen lanes of 32 bits.
pub trait Line: sealed::Line + Copy {}

impl<T: sealed::Line + Copy> Line for T {}

mod sealed {
    /// Integers without padding, 64 bytes in all.
    pub trait Line {}
    impl Line for [i8; 64] {}
    impl Line for [u8; 64] {}
    impl Line for [i16; 32] {}
    impl Line for [i32; 16] {}
}

const _: () = assert!(CHUNK == 64, "a chunk of weights is a line");
