//! The K loops of output blocks: all of the kernel's tile arithmetic, in one block of assembly.
//!
//! The compiler knows tile registers only as clobbers. Nothing may therefore stay in them between
//! two blocks of assembly: sums come from memory and go back to memory here.

use super::configuration::{ROW_BYTES, TILE_ROWS};
use crate::kernels::PANEL;
use std::arch::asm;
use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr;

/// Most rows of an output block: two A tiles.
pub(super) const BLOCK_ROWS: usize = 2 * TILE_ROWS;

/// Channels of an output block: two B tiles, which are two panels.
pub(super) const BLOCK_CHANNELS: usize = 2 * PANEL;

/// Entries of a row in one tile: the products that one `tdpbusd` sums.
pub(super) const TILE_ENTRIES: usize = ROW_BYTES;

/// Bytes of a B tile: 64 products deep, 16 channels wide, contiguous in a panel.
pub(super) const B_TILE_BYTES: usize = TILE_ENTRIES * PANEL;

/// Bytes between rows of [`Sums`].
pub(super) const SUMS_STRIDE: usize = BLOCK_CHANNELS * size_of::<i32>();

/// The sums of an output block, one row per row of activations.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[i32; BLOCK_CHANNELS]; BLOCK_ROWS]);

impl Sums {
    pub(super) const ZERO: Self = Self([[0; BLOCK_CHANNELS]; BLOCK_ROWS]);
}

/// A function called between two steps, with [`OutputBlock::after_context`].
pub(super) type AfterStep = unsafe extern "sysv64" fn(*mut c_void);

/// A function that sets [`OutputBlock::sums`] and describes the next output block in the
/// [`OutputBlock`]. Returns `false` if there is no next block. The argument is
/// [`OutputBlock::next_context`].
pub(super) type Next = unsafe extern "sysv64" fn(*mut c_void) -> bool;

/// The operands of an output block. It has `A` A tiles, the first with `upper_rows` rows and the
/// second with those of the loaded configuration, and `B` panels.
#[repr(C)]
pub(super) struct OutputBlock {
    /// First row of activations, at the first of `steps * 64` columns.
    pub(super) activations: *const u8,
    /// Bytes between rows of activations.
    pub(super) stride: usize,
    /// Rows of the first A tile.
    pub(super) upper_rows: usize,
    /// Bytes to the first row of the second A tile: `upper_rows * stride`.
    pub(super) lower: usize,
    /// First panel, at the same column: `[steps * 16][16][4]`.
    pub(super) weights: *const i8,
    /// Bytes between panels.
    pub(super) panel_bytes: usize,
    /// Steps of 64 columns, at least 1.
    pub(super) steps: usize,
    /// First row of the initial sums.
    pub(super) initial: *const i32,
    /// Bytes between rows of `initial`: 0 repeats one row, such as the offsets of the channels.
    pub(super) initial_stride: usize,
    /// Destination for the sums of the previous output block: the first row of a [`Sums`], which
    /// may be that of `initial`. Before the first block, it gets whatever the tiles hold.
    pub(super) sums: *mut i32,
    /// Called after the products of each step except the last; if there is only one step, called
    /// once.
    pub(super) after_step: AfterStep,
    pub(super) after_context: *mut c_void,
    /// Called after the products of the last step.
    pub(super) next: Next,
    pub(super) next_context: *mut c_void,
}

impl OutputBlock {
    /// An empty description, to be filled in.
    pub(super) const NONE: Self = {
        unsafe extern "sysv64" fn nothing(_: *mut c_void) {}
        unsafe extern "sysv64" fn none(_: *mut c_void) -> bool {
            false
        }
        Self {
            activations: ptr::null(),
            stride: 0,
            upper_rows: 0,
            lower: 0,
            weights: ptr::null(),
            panel_bytes: 0,
            steps: 0,
            initial: ptr::null(),
            initial_stride: 0,
            sums: ptr::null_mut(),
            after_step: nothing,
            after_context: ptr::null_mut(),
            next: none,
            next_context: ptr::null_mut(),
        }
    };
}

/// Loads the A and B tiles of a step, from r14 and r15.
macro_rules! load_step {
    ($load_a:literal, $load_b:literal) => {
        concat!(
            "mov rax, [r12 + {stride}]\n",
            "mov esi, {row_bytes}\n",
            $load_a,
            " tmm4, [r14 + rax]\n",
            $load_b,
            " tmm6, [r15 + rsi]\n",
            ".if {panels} == 2\n",
            "mov rdx, [r12 + {panel_bytes}]\n",
            "add rdx, r15\n",
            $load_b,
            " tmm7, [rdx + rsi]\n",
            ".endif\n",
            ".if {halves} == 2\n",
            "mov rcx, [r12 + {lower}]\n",
            "add rcx, r14\n",
            $load_a,
            " tmm5, [rcx + rax]\n",
            ".endif\n",
        )
    };
}

/// The body of [`multiply`], with the instructions that load A and B.
// SAFETY: the tiles touch exactly the bytes that the contract names, and of `sums` `R` rows of
// `B * 64` bytes, where `R <= 32` since a tile has at most 16 rows. The inner loop ends because
// `steps` is at least 1, the outer one by the contract. Without `nostack` the stack is aligned for a
// call. r12 to r15 survive the calls, and so do the tiles: the compiler makes no AMX instruction of
// its own.
macro_rules! k_loops {
    ($block:ident, $halves:ident, $panels:ident, $load_a:literal, $load_b:literal) => {
        asm!(
            // The first step of an output block, and with it the stores of the one before.
            "2:",
            "mov r13, [r12 + {steps}]",
            "mov r14, [r12 + {activations}]",
            "mov r15, [r12 + {weights}]",
            load_step!($load_a, $load_b),
            "mov r8, [r12 + {initial}]",
            "mov r9, [r12 + {initial_stride}]",
            "mov rdi, [r12 + {sums}]",
            "mov r10d, {sums_stride}",
            "tilestored [rdi + r10], tmm0",
            "tileloadd tmm0, [r8 + r9]",
            "tdpbusd tmm0, tmm4, tmm6",
            ".if {panels} == 2",
            "tilestored [rdi + r10 + 64], tmm1",
            "tileloadd tmm1, [r8 + r9 + 64]",
            "tdpbusd tmm1, tmm4, tmm7",
            ".endif",
            ".if {halves} == 2",
            "mov rdx, [r12 + {upper_rows}]",
            "mov rcx, rdx",
            "imul rdx, r10",
            "imul rcx, r9",
            "add rdi, rdx",
            "add r8, rcx",
            "tilestored [rdi + r10], tmm2",
            "tileloadd tmm2, [r8 + r9]",
            "tdpbusd tmm2, tmm5, tmm6",
            ".if {panels} == 2",
            "tilestored [rdi + r10 + 64], tmm3",
            "tileloadd tmm3, [r8 + r9 + 64]",
            "tdpbusd tmm3, tmm5, tmm7",
            ".endif",
            ".endif",
            "dec r13",
            "jnz 3f",
            "mov rdi, [r12 + {after_context}]",
            "call [r12 + {after_step}]",
            "jmp 4f",
            // The other steps.
            "3:",
            "add r14, {entries}",
            "add r15, {tile}",
            "mov rdi, [r12 + {after_context}]",
            "call [r12 + {after_step}]",
            load_step!($load_a, $load_b),
            "tdpbusd tmm0, tmm4, tmm6",
            ".if {panels} == 2",
            "tdpbusd tmm1, tmm4, tmm7",
            ".endif",
            ".if {halves} == 2",
            "tdpbusd tmm2, tmm5, tmm6",
            ".if {panels} == 2",
            "tdpbusd tmm3, tmm5, tmm7",
            ".endif",
            ".endif",
            "dec r13",
            "jnz 3b",
            "4:",
            "mov rdi, [r12 + {next_context}]",
            "call [r12 + {next}]",
            "test al, al",
            "jnz 2b",
            "mov rdi, [r12 + {sums}]",
            "mov r10d, {sums_stride}",
            "tilestored [rdi + r10], tmm0",
            ".if {panels} == 2",
            "tilestored [rdi + r10 + 64], tmm1",
            ".endif",
            ".if {halves} == 2",
            "mov rdx, [r12 + {upper_rows}]",
            "imul rdx, r10",
            "add rdi, rdx",
            "tilestored [rdi + r10], tmm2",
            ".if {panels} == 2",
            "tilestored [rdi + r10 + 64], tmm3",
            ".endif",
            ".endif",
            halves = const $halves,
            panels = const $panels,
            entries = const TILE_ENTRIES,
            tile = const B_TILE_BYTES,
            row_bytes = const ROW_BYTES,
            sums_stride = const SUMS_STRIDE,
            activations = const offset_of!(OutputBlock, activations),
            stride = const offset_of!(OutputBlock, stride),
            upper_rows = const offset_of!(OutputBlock, upper_rows),
            lower = const offset_of!(OutputBlock, lower),
            weights = const offset_of!(OutputBlock, weights),
            panel_bytes = const offset_of!(OutputBlock, panel_bytes),
            steps = const offset_of!(OutputBlock, steps),
            initial = const offset_of!(OutputBlock, initial),
            initial_stride = const offset_of!(OutputBlock, initial_stride),
            sums = const offset_of!(OutputBlock, sums),
            after_step = const offset_of!(OutputBlock, after_step),
            after_context = const offset_of!(OutputBlock, after_context),
            next = const offset_of!(OutputBlock, next),
            next_context = const offset_of!(OutputBlock, next_context),
            in("r12") $block,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            // Every register that a call may change, the tiles among them.
            clobber_abi("sysv64"),
        )
    };
}

/// Computes `sums = initial + activations * weights` for at most `A * 16` rows and `B * 16`
/// channels, first for `block` as it is and then for every block that its `next` describes. Sums
/// wrap like i32.
///
/// A step of two by two tiles is 4 loads, each of which takes 8 cycles of the two load ports, and 4
/// products, each of which takes 16 cycles of the multiplier. Each C tile is used once per step, so
/// its next product is 64 cycles away: more than the 52 that a product takes. After the products of
/// a step, while the multiplier is busy with them, comes a call of `after_step`: vector
/// instructions that do not depend on this block. The next step's tiles are loaded after the call,
/// since their many micro-operations would keep it out of the reorder buffer.
///
/// A store waits for the last product of its tile, and holds up everything after it. Each store is
/// therefore followed by the first product of the next block on the same tile, for which everything
/// else is already loaded.
///
/// One side should stay in the first-level cache, since later tiles meet it too. The other is
/// loaded with the hint that it will not be used again soon, so that it evicts nothing.
///
/// # Safety
/// AMX instructions must be executable and a configuration loaded with `A` A tiles, the first of
/// `upper_rows` rows. For `R` rows in both, these must be readable of each output block: `steps * 64`
/// bytes from `activations + r * stride` for `r < R`; `steps * 1024` bytes from
/// `weights + b * panel_bytes` for `b < B`; `B * 64` bytes from `initial + r * initial_stride`.
/// `sums` must be a whole [`Sums`], for this call alone. `after_step` and `next` must be callable
/// with their contexts and must not execute AMX instructions; nothing but they may change `block`
/// meanwhile, and `next` must end at some time.
pub(super) unsafe fn multiply<const A: usize, const B: usize, const A_STAYS: bool>(
    block: *mut OutputBlock,
) {
    // SAFETY: by the contract.
    unsafe {
        debug_assert!((*block).steps > 0 && (*block).upper_rows <= TILE_ROWS);
        debug_assert!((*block).lower == (*block).upper_rows * (*block).stride);
        if A_STAYS {
            k_loops!(block, A, B, "tileloadd", "tileloaddt1");
        } else {
            k_loops!(block, A, B, "tileloaddt1", "tileloadd");
        }
    }
}

/// Executes `tdpbusd` on registers, `rounds` times on four accumulators. Returns the number of
/// products and a sum.
///
/// # Safety
/// AMX instructions must be executable and a configuration loaded with two A tiles of 16 rows.
pub(super) unsafe fn peak(rounds: u64) -> (u64, i32) {
    const PRODUCTS: usize = 4 * TILE_ROWS * PANEL * TILE_ENTRIES;
    let ones = [[1u8; ROW_BYTES]; TILE_ROWS];
    let mut sums = [[0i32; PANEL]; TILE_ROWS];
    // SAFETY: loads and stores 16 rows of 64 bytes; at least one round.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "tileloadd tmm4, [{ones} + {row_bytes}]",
            "tileloadd tmm5, [{ones} + {row_bytes}]",
            "tileloadd tmm6, [{ones} + {row_bytes}]",
            "tileloadd tmm7, [{ones} + {row_bytes}]",
            "2:",
            "tdpbusd tmm0, tmm4, tmm6",
            "tdpbusd tmm1, tmm4, tmm7",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbusd tmm3, tmm5, tmm7",
            "dec {rounds}",
            "jnz 2b",
            "tilestored [{sums} + {row_bytes}], tmm0",
            ones = in(reg) ones.as_ptr(),
            row_bytes = in(reg) ROW_BYTES,
            rounds = inout(reg) rounds.max(1) => _,
            sums = in(reg) sums.as_mut_ptr(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
    (rounds.max(1) * PRODUCTS as u64, sums[0][0])
}
