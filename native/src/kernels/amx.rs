//! AMX-INT8: `tdpbusd` adds the product of a tile of 16 rows x 64 u8 and one of 64 x 16 i8 to a tile
//! of 16 x 16 i32.
//!
//! Tile: up to 32 rows x 32 channels, 64 deep per step. Registers: tmm0-3 are C, two by two; tmm4-5
//! A, the two halves of the rows; tmm6-7 B, the two panels. Packing: weights i8 `[K/4][16][4]` as
//! for AVX512-VNNI, K padded with zeros to a multiple of 64, so that a B tile is 1 KiB in one
//! piece; activations u8, rows at a uniform distance, in place if possible.
//! Peak: 16 x 16 x 64 products in 16 cycles, 1024 per cycle, sixteen times those of AVX512-VNNI's
//! port.
//!
//! - **Rows** are split into tiles of equal height. 49 rows, for example, become two tiles of 25,
//!   of which the second repeats a row of the first. A product takes one cycle per row of A, and
//!   one configuration serves all tiles of a block.
//! - **The offsets** are the initial sums: a C tile loaded with a stride of zero.
//! - **The epilogue** of a tile takes nearly as long on the vector ports as 256 columns take on the
//!   multiplier. It runs during the K loop of the next tile, some rows after the products of each
//!   step, so that both are in the pipeline at once. The tile's sums are stored between the first
//!   products of the next tile, which may belong to other panels. Only the last tile of a block has
//!   no next tile.
//! - **One side stays** in the first-level cache while the other streams past it, in parts if rows
//!   are deep: a part meets the whole other side before the next part does, and sums wait in
//!   memory. Rows stay, unless the layer is narrow or its weights are too many for the second-level
//!   cache (`order.rs`).
//!
//! `docs/AMX.md` has the measurements on silicon behind these choices.

mod configuration;
#[cfg(all(test, target_os = "linux"))]
mod emulator;
mod order;
mod pending;
#[cfg(test)]
mod portable;
mod row_tiles;
mod session;
mod tiles;
mod walk;

use super::avx512vnni::Avx512Vnni;
use super::avx512vnni::epilogue::Epilogue;
use super::{Block, BlockOutput, DepthwiseBlock, Drawing, Kernel, PANEL, PANEL_PAIR, Peak};
use crate::isa::Isa;
use bayes8_core::chacha::{ChaCha8, Group};
use bayes8_core::posterior::gaussian::CHUNK;
use bayes8_core::simd::Task;
use configuration::TILE_ROWS;
use pending::write_rows;
use session::Session;
use tiles::{AfterStep, TILE_ENTRIES};
use walk::walk;

/// Proof that the processor has AMX-INT8 and that this process may use it.
#[derive(Clone, Copy)]
pub(crate) struct Amx {
    vector: Vector,
}

/// The kernel for everything except matrix products.
#[derive(Clone, Copy)]
enum Vector {
    /// AVX512-VNNI, which every processor with AMX has.
    Avx512Vnni(Avx512Vnni),
    /// Plain Rust, so that tests run anywhere. Never leaves a product to AVX512-VNNI.
    #[cfg(test)]
    Portable,
}

impl Kernel for Amx {
    const NAME: &'static str = "amx";
    const STEP: usize = 4;
    const ROW_MULTIPLE: usize = TILE_ENTRIES;
    const UNIFORM_ROWS: bool = true;
    /// Half of these processors' 2 MiB of second-level cache. Weights are loaded from distant
    /// caches once per block, and the multiplier uses them up sixteen times faster than vector
    /// instructions.
    const BLOCK_BYTES: usize = 1 << 20;
    /// One cache line: one pair of panels writes half of it and the next pair the other half.
    const BLOCK_OUTPUTS: usize = 64;
    const DEPTHWISE: Option<fn(Self, DepthwiseBlock<'_, '_>)> = Some(depthwise);
    type Activation = u8;
    type Weight = i8;
    type Session = Session;

    fn new() -> Option<Self> {
        let vector = Vector::Avx512Vnni(Avx512Vnni::new()?);
        let has_it = !Isa::Amx.is_hidden() && configuration::is_available();
        has_it.then_some(Self { vector })
    }

    fn session(self) -> Session {
        // SAFETY: `self` proves that AMX instructions are executable.
        unsafe { Session::new() }
    }

    fn in_place(input: &[u8]) -> Option<&[u8]> {
        Some(input)
    }

    fn vectorize<T: Task>(self, task: T) -> T::Output {
        match self.vector {
            Vector::Avx512Vnni(kernel) => kernel.vectorize(task),
            #[cfg(test)]
            Vector::Portable => task.run(),
        }
    }

    fn multiply(self, session: &mut Session, block: &Block<'_, Self>, output: BlockOutput<'_>) {
        block.check(&output);
        let steps = block.row_entries() / TILE_ENTRIES;
        let vector_is_faster = vector_is_faster(block.rows.len(), block.panel_count(), steps);
        match self.vector {
            Vector::Avx512Vnni(kernel) if vector_is_faster => {
                let Block { activations, rows, pieces, steps, panels, offsets, multipliers } =
                    *block;
                let block =
                    Block { activations, rows, pieces, steps, panels, offsets, multipliers };
                kernel.multiply(&mut (), &block, output);
            }
            Vector::Avx512Vnni(_) => {
                // SAFETY: the kernel's value proves the features.
                let epilogue = unsafe { Epilogue::new(block.multipliers, output) };
                let after_step: [AfterStep; 2] = [write_rows::<1>, write_rows::<2>];
                // SAFETY: `check` has passed, and so the output has the rows; `self` proves the
                // features of `write_rows`, which takes a `Pending` of this epilogue.
                unsafe { walk(session, block, epilogue, after_step) };
            }
            #[cfg(test)]
            Vector::Portable => {
                let epilogue = portable::Epilogue { multipliers: block.multipliers, output };
                let after_step: [AfterStep; 2] = [portable::write_rows; 2];
                // SAFETY: as above; `portable::write_rows` needs no features.
                unsafe { walk(session, block, epilogue, after_step) };
            }
        }
    }

    fn groups(self, stream: ChaCha8, first: u64, groups: &mut [Group]) {
        match self.vector {
            Vector::Avx512Vnni(kernel) => kernel.groups(stream, first, groups),
            #[cfg(test)]
            Vector::Portable => stream.groups(first, groups),
        }
    }

    fn draw(self, drawing: Drawing<'_>) {
        match self.vector {
            Vector::Avx512Vnni(kernel) => kernel.draw(drawing),
            #[cfg(test)]
            Vector::Portable => portable::draw(drawing),
        }
    }

    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
        match self.vector {
            Vector::Avx512Vnni(kernel) => kernel.pack(rows, panel),
            #[cfg(test)]
            Vector::Portable => portable::pack(rows, panel),
        }
    }
}

/// Does a depthwise convolution ([`Kernel::DEPTHWISE`]).
fn depthwise(kernel: Amx, block: DepthwiseBlock<'_, '_>) {
    match kernel.vector {
        Vector::Avx512Vnni(kernel) => kernel.depthwise(block),
        #[cfg(test)]
        Vector::Portable => portable::depthwise(block),
    }
}

impl Peak for Amx {
    fn peak(self, rounds: u64) -> (u64, i32) {
        let mut session = self.session();
        session.configure([TILE_ROWS; 2]);
        // SAFETY: the session proves that AMX instructions are executable; the configuration is the
        // one that `peak` asks for.
        unsafe { tiles::peak(rounds) }
    }
}

/// Returns whether AVX512-VNNI multiplies a block in fewer cycles, by the figures of Intel's
/// manual.
///
/// A step of 64 columns takes the multiplier one cycle per row and panel, but at least the 52
/// cycles after which a C tile can be used again. The block's first load adds 45 cycles and its
/// last stores 16 each; the tiles between overlap. With vectors, the same step is 16 `vpdpbusd` per
/// row and panel, two per cycle, and takes at least the 5 cycles between two on the same register.
fn vector_is_faster(rows: usize, panels: usize, steps: usize) -> bool {
    if rows > TILE_ROWS {
        return false;
    }
    let (pairs, panels) = (panels.div_ceil(PANEL_PAIR), panels.min(PANEL_PAIR));
    let tiles = pairs * steps * (rows * panels).max(52) + 45 + 16 * panels;
    let vectors = pairs * steps * 16 * (rows * panels).div_ceil(2).max(5);
    vectors < tiles
}

#[cfg(test)]
impl Amx {
    /// Creates the kernel for tests, on silicon or emulated, and prints which. With `portable` it
    /// does not use AVX-512, so that tiles compute even the products for which AVX512-VNNI is
    /// faster. It works even if `BAYES8_HIDE` hides AMX, since a processor with AMX cannot emulate
    /// it: `ldtilecfg` does not trap.
    pub(crate) fn for_tests(portable: bool) -> Option<Self> {
        let vector = match Avx512Vnni::new() {
            Some(kernel) if !portable => Vector::Avx512Vnni(kernel),
            _ if portable => Vector::Portable,
            _ => return None,
        };
        let how = executed_by()?;
        // `cargo xtask test --quick` does not wait for the emulator.
        let emulate = std::env::var_os("BAYES8_EMULATE").is_none_or(|value| value != "0");
        (emulate || how == "on silicon").then_some(Self { vector })
    }
}

/// Makes AMX instructions executable. Returns, and prints once, what executes them; `None` if
/// nothing can.
#[cfg(test)]
pub(crate) fn executed_by() -> Option<&'static str> {
    static HOW: std::sync::OnceLock<Option<&str>> = std::sync::OnceLock::new();
    *HOW.get_or_init(|| {
        let how = if configuration::is_available() {
            Some("on silicon")
        } else if cfg!(target_os = "linux") {
            #[cfg(target_os = "linux")]
            emulator::install();
            Some("emulated")
        } else {
            None
        };
        match how {
            Some(how) => println!("amx: {how}"),
            None => println!("SKIPPED: amx: nothing here executes it"),
        }
        how
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_and_columns_are_left_to_vectors() {
        // Cycles by the model, tiles and vectors: 52 + 77 and 80; 156 + 77 and 240.
        assert!(vector_is_faster(1, 2, 1));
        assert!(!vector_is_faster(1, 2, 3));
        // 52 + 77 and 128; 104 + 77 and 256.
        assert!(vector_is_faster(8, 2, 1));
        assert!(!vector_is_faster(8, 2, 2));
        // 8 pairs: 416 + 77 and 640.
        assert!(!vector_is_faster(1, 16, 1));
        assert!(!vector_is_faster(16, 2, 1) && !vector_is_faster(49, 2, 1));
    }

    /// If distances wrapped, a check of the last row alone would miss the error.
    #[test]
    fn rows_in_descending_order_are_refused() {
        let Some(kernel) = Amx::for_tests(true) else { return };
        let block = Block {
            activations: &[0; 2 * TILE_ENTRIES],
            rows: &[TILE_ENTRIES as u32, 0],
            pieces: &[0],
            steps: TILE_ENTRIES / Amx::STEP,
            panels: &[0; TILE_ENTRIES * PANEL],
            offsets: &[0; PANEL],
            multipliers: &[0.0; PANEL],
        };
        let mut logits = ndarray::Array2::zeros((2, PANEL));
        let multiply = || {
            let output = BlockOutput::Logits(logits.view_mut());
            kernel.multiply(&mut kernel.session(), &block, output);
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(multiply)).is_err());
    }
}
