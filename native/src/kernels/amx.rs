//! AMX-INT8: `tdpbusd` adds the product of a tile of 16 rows x 64 u8 and one of 64 x 16 i8 to a tile
//! of 16 x 16 i32.
//!
//! Tile: up to 32 rows x 32 channels, 64 deep a step. Registers: tmm0-3 are C, two by two; tmm4-5 A,
//! the two halves of the rows; tmm6-7 B, the two panels. Packing: weights i8 `[K/4][16][4]` as
//! AVX512-VNNI's, K padded with zeros to a multiple of 64, so that a B tile is 1 KiB in one piece;
//! activations u8, rows at a uniform distance, in place where they can be.
//! Peak: 16 x 16 x 64 products in 16 cycles, 1024 a cycle, sixteen times AVX512-VNNI's port.
//!
//! - **Rows that are no multiple of 32** become tiles of equal height: 49 are two of 25, of which
//!   the second repeats a row of the first. A product takes as many cycles as A has rows, and one
//!   configuration serves all tiles of a block.
//! - **The offsets** are what the sums begin with: a C tile loaded with a stride of zero.
//! - **The epilogue** of a tile takes nearly as long on the vector ports as 256 columns take on the
//!   multiplier. It runs during the K loop of the next tile, some rows behind the products of each
//!   step, so that both are in the pipeline at once.
//! - **Deep rows** are cut: more than [`PART_STEPS`] steps of two panels do not stay in a
//!   first-level cache beside the activations that stream past. A part of the panels meets all rows
//!   before the next part; sums wait in memory.
//!
//! `docs/AMX.md` has the cycle model that these choices come from, and what it predicts.

mod configuration;
#[cfg(all(test, target_os = "linux"))]
mod emulator;
#[cfg(test)]
mod portable;
mod row_tiles;
mod tiles;

use super::avx512vnni::Avx512Vnni;
use super::avx512vnni::epilogue::Epilogue;
use super::{Block, BlockOutput, Kernel, Multipliers, PANEL, Peak};
use bayes8_core::chacha::ChaCha8;
use bayes8_core::sampler::CHUNK;
use configuration::{Configuration, TILE_ROWS};
use row_tiles::RowTiles;
use std::arch::x86_64::__m512i;
use std::cell::Cell;
use std::ffi::c_void;
use std::mem::take;
use std::ops::Range;
use tiles::{AfterStep, B_TILE_BYTES, BLOCK_CHANNELS, OutputBlock, SUMS_STRIDE, Sums, TILE_DEPTH};

/// Proof that the processor has AMX-INT8 and that this process may use it.
#[derive(Clone, Copy)]
pub(crate) struct Amx {
    vector: Vector,
}

/// What does all that is not a matrix product.
#[derive(Clone, Copy)]
enum Vector {
    /// Every processor with AMX has it.
    Avx512Vnni(Avx512Vnni),
    /// Nothing but the language: tests run anywhere. Never leaves a product to AVX512-VNNI.
    #[cfg(test)]
    Portable,
}

/// Tiles of a thread during a convolution: their configuration and sums on their way.
pub(crate) struct Session {
    configuration: Configuration,
    /// Two that are being finished, then one for each tile of a block whose rows are cut.
    sums: Vec<Sums>,
}

thread_local! {
    /// The memory of the last session, so that predictions in a steady state take none.
    static SUMS: Cell<Vec<Sums>> = const { Cell::new(Vec::new()) };
}

impl Drop for Session {
    fn drop(&mut self) {
        // Freed with the thread's other memory where that is gone already.
        let sums = take(&mut self.sums);
        let _ = SUMS.try_with(|kept| kept.set(sums));
    }
}

/// Most steps of 64 columns that a pair of panels may have to stay in a first-level cache of 48
/// KiB: half of it.
const PART_STEPS: usize = 12;

impl Kernel for Amx {
    const NAME: &'static str = "amx";
    const STEP: usize = 4;
    const DEPTH: usize = TILE_DEPTH;
    const UNIFORM_ROWS: bool = true;
    /// Half of the 2 MiB of second-level cache that these processors have: weights are read from
    /// afar once for each block, and the multiplier is done with them sixteen times as fast.
    const BLOCK_BYTES: usize = 1 << 20;
    /// One line: half of it is written by a pair of panels, half by the next, and it is left.
    const BLOCK_OUTPUTS: usize = 64;
    type Activation = u8;
    type Weight = i8;
    type Session = Session;

    fn new() -> Option<Self> {
        let vector = Vector::Avx512Vnni(Avx512Vnni::new()?);
        configuration::is_available().then_some(Self { vector })
    }

    fn session(self) -> Session {
        Session { configuration: Configuration::new(), sums: SUMS.take() }
    }

    fn in_place(input: &[u8]) -> Option<&[u8]> {
        Some(input)
    }

    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        match self.vector {
            Vector::Avx512Vnni(kernel) => kernel.vectorize(f),
            #[cfg(test)]
            Vector::Portable => f(),
        }
    }

    fn multiply(self, session: &mut Session, block: &Block<'_, Self>, output: BlockOutput<'_>) {
        let panels = block.panel_count();
        if let Vector::Avx512Vnni(kernel) = self.vector
            && vector_is_faster(block.rows.len(), panels, block.depth() / TILE_DEPTH)
        {
            let Block { activations, rows, pieces, steps, panels, offsets, multipliers } = *block;
            let block = Block { activations, rows, pieces, steps, panels, offsets, multipliers };
            return kernel.multiply(&mut (), &block, output);
        }
        match panels {
            1 => self.multiply_panels::<1>(session, block, output),
            _ => self.multiply_panels::<2>(session, block, output),
        }
    }

    fn draw(
        self,
        stream: ChaCha8,
        first: u64,
        mu: &[[i8; CHUNK]],
        sigma: &[[u8; CHUNK]],
        multipliers: Multipliers<'_>,
        weights: &mut [[i8; CHUNK]],
    ) {
        match self.vector {
            Vector::Avx512Vnni(kernel) => {
                kernel.draw(stream, first, mu, sigma, multipliers, weights);
            }
            #[cfg(test)]
            Vector::Portable => portable::draw(stream, first, mu, sigma, multipliers, weights),
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

impl Peak for Amx {
    fn peak(self, rounds: u64) -> (u64, i32) {
        let mut configuration = Configuration::new();
        // SAFETY: `self` proves that AMX instructions are executable; the configuration is the one
        // that `peak` asks for.
        unsafe {
            configuration.load([TILE_ROWS; 2]);
            tiles::peak(rounds)
        }
    }
}

/// Whether AVX512-VNNI multiplies a block in fewer cycles, by the model of `docs/AMX.md`.
///
/// A step of 64 columns takes the multiplier a cycle for each row and panel, but never less than
/// the 52 cycles after which a C tile can be used again; a block of one tile, which overlaps with
/// nothing, adds 45 for its first load and 16 for each store. The same step is 16 `vpdpbusd` for each row
/// and panel, two a cycle, and never less than the 5 cycles between two on the same register.
fn vector_is_faster(rows: usize, panels: usize, steps: usize) -> bool {
    if rows > TILE_ROWS {
        return false;
    }
    let tiles = steps * (rows * panels).max(52) + 45 + 16 * panels;
    let vectors = steps * 16 * (rows * panels).div_ceil(2).max(5);
    vectors < tiles
}

impl Amx {
    fn multiply_panels<const P: usize>(
        self,
        session: &mut Session,
        block: &Block<'_, Self>,
        output: BlockOutput<'_>,
    ) {
        block.check(&output);
        match self.vector {
            Vector::Avx512Vnni(_) => {
                // SAFETY: the kernel's value proves the features.
                let epilogue = unsafe { Epilogue::<P>::new(block.multipliers, output) };
                self.multiply_rows::<P, _>(session, block, epilogue, write_rows::<P>);
            }
            #[cfg(test)]
            Vector::Portable => {
                let epilogue = portable::Epilogue { multipliers: block.multipliers, output };
                self.multiply_rows::<P, _>(session, block, epilogue, portable::write_rows);
            }
        }
    }

    fn multiply_rows<const P: usize, E>(
        self,
        session: &mut Session,
        block: &Block<'_, Self>,
        epilogue: E,
        write: AfterStep,
    ) {
        if RowTiles::new(block.rows.len()).halves[1] == 0 {
            self.multiply_block::<1, P, E>(session, block, epilogue, write);
        } else {
            self.multiply_block::<2, P, E>(session, block, epilogue, write);
        }
    }

    /// Multiplies a block that `Block::check` has passed in tiles of `A` A tiles and `P` panels.
    /// `write` takes a [`Pending`] of `epilogue`.
    fn multiply_block<const A: usize, const P: usize, E>(
        self,
        session: &mut Session,
        block: &Block<'_, Self>,
        epilogue: E,
        write: AfterStep,
    ) {
        assert!(block.pieces.len() == 1 && block.panel_count() == P);
        let row_tiles = RowTiles::new(block.rows.len());
        assert!(A == if row_tiles.halves[1] == 0 { 1 } else { 2 });
        let first_row = block.rows[0] as usize;
        let stride = block.rows.get(1).map_or(0, |&second| second as usize - first_row);
        // The rows between lie between.
        let last_row = first_row + (block.rows.len() - 1) * stride;
        assert!(block.rows.last().is_some_and(|&last| last as usize == last_row));
        debug_assert!(block.rows.windows(2).all(|two| two[1] as usize == two[0] as usize + stride));

        let depth = block.depth();
        assert!(depth.is_multiple_of(TILE_DEPTH));
        let steps = depth / TILE_DEPTH;
        let parts = if row_tiles.count == 1 { 1 } else { steps.div_ceil(PART_STEPS) };
        let Session { configuration, sums } = session;
        let needed = 2 + if parts == 1 { 0 } else { row_tiles.count };
        if sums.len() < needed {
            sums.resize(needed, Sums::ZERO);
        }
        let finished = sums.as_mut_ptr();
        let partial = finished.wrapping_add(2);
        // SAFETY: `self` proves that AMX instructions are executable.
        unsafe { configuration.load(row_tiles.halves) };

        // Nothing is left for the last step: the first loads of the next tile would wait behind it.
        let calls = (steps / parts - 1).max(1);
        let at_a_time = row_tiles.height.div_ceil(2 * calls) * 2;
        let mut pending = Pending { sums: finished, first: 0, rows: 0..0, at_a_time, epilogue };
        let activations = &block.activations[first_row + block.pieces[0] as usize..];
        let mut output_block = OutputBlock {
            activations: activations.as_ptr(),
            stride,
            upper_rows: row_tiles.halves[0],
            lower: row_tiles.halves[0] * stride,
            weights: block.panels.as_ptr(),
            panel_bytes: steps * B_TILE_BYTES,
            steps: 0,
            initial: block.offsets.as_ptr(),
            initial_stride: 0,
            sums: finished.cast(),
            after_step: write,
            context: (&raw mut pending).cast(),
        };
        for part in 0..parts {
            let columns = steps * part / parts..steps * (part + 1) / parts;
            let is_last = part + 1 == parts;
            // Slices, here and below, so that an offset that was wrong would be found.
            output_block.weights = block.panels[columns.start * B_TILE_BYTES..].as_ptr();
            output_block.steps = columns.len();
            for tile in 0..row_tiles.count {
                let row = row_tiles.first(tile);
                let first = row * stride + columns.start * TILE_DEPTH;
                output_block.activations = activations[first..].as_ptr();
                if part > 0 {
                    output_block.initial = partial.wrapping_add(tile).cast();
                    output_block.initial_stride = SUMS_STRIDE;
                }
                let sums = if is_last {
                    finished.wrapping_add(tile % 2)
                } else {
                    partial.wrapping_add(tile)
                };
                output_block.sums = sums.cast();
                // SAFETY: the configuration loaded is the one of `halves`, which has `A` A tiles.
                // `check` has seen that the last row of the block holds all steps and, with the
                // assertion above, that so do those before it; a tile's rows are some of them. The
                // panels hold `P` times all steps. `offsets` has a row of `P` times 16; there are
                // `needed` sums, each with as many rows as a tile can have and room for two panels.
                // `pending` belongs to this block and reads the other of the two finished sums.
                unsafe { tiles::multiply::<A, P>(&output_block) };
                debug_assert!(pending.rows.is_empty());
                if is_last {
                    pending.sums = sums;
                    pending.first = row;
                    pending.rows = row_tiles.new_rows(tile);
                }
            }
        }
        pending.at_a_time = pending.rows.len();
        // SAFETY: `pending` is as above.
        unsafe { write((&raw mut pending).cast()) };
    }
}

/// A tile whose epilogue is on its way.
struct Pending<E> {
    sums: *const Sums,
    /// Row of the output that is the first of the sums.
    first: usize,
    /// Rows of the output that are still to be written.
    rows: Range<usize>,
    /// Rows to write at a time, an even number.
    at_a_time: usize,
    epilogue: E,
}

impl<E> Pending<E> {
    /// The next rows.
    fn take(&mut self) -> Range<usize> {
        let rows = self.rows.start..(self.rows.start + self.at_a_time).min(self.rows.end);
        self.rows.start = rows.end;
        rows
    }
}

/// Writes the next rows of a [`Pending`] tile of `P` panels.
///
/// # Safety
/// The processor must have the features named. `context` must be a `Pending<Epilogue<P>>` that nothing
/// else uses meanwhile, with sums for its rows and an output that has these.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe extern "sysv64" fn write_rows<const P: usize>(context: *mut c_void) {
    // SAFETY: by the contract.
    let pending = unsafe { &mut *context.cast::<Pending<Epilogue<'_, P>>>() };
    let rows = pending.take();
    if rows.is_empty() {
        return;
    }
    let sums = pending.sums.cast::<[i32; BLOCK_CHANNELS]>().wrapping_sub(pending.first);
    // SAFETY: row `first` of the output is the first of `sums`, which holds `rows`; a row has room
    // for `P` panels. The rest is the contract.
    unsafe {
        let load = |row: usize| sums.wrapping_add(row).cast::<[__m512i; P]>().read_unaligned();
        pending.epilogue.write(rows, load);
    }
}

#[cfg(test)]
impl Amx {
    /// The kernel for tests, on silicon or emulated; which of the two, it prints. `portable` keeps
    /// AVX-512 out of it, so that tiles multiply even what AVX512-VNNI does faster.
    pub(crate) fn for_tests(portable: bool) -> Option<Self> {
        let vector = match Avx512Vnni::new() {
            Some(kernel) if !portable => Vector::Avx512Vnni(kernel),
            _ if portable => Vector::Portable,
            _ => return None,
        };
        executed_by()?;
        Some(Self { vector })
    }
}

/// Makes AMX instructions executable; says and prints once by what. `None` where nothing can.
#[cfg(test)]
fn executed_by() -> Option<&'static str> {
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
        println!("amx: {}", how.unwrap_or("SKIPPED: neither a processor with it nor Linux"));
        how
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_and_columns_are_left_to_vectors() {
        // Cycles by the model, tiles against vectors: 52 + 77 and 80; 156 + 77 and 240.
        assert!(vector_is_faster(1, 2, 1));
        assert!(!vector_is_faster(1, 2, 3));
        // 52 + 77 and 128; 104 + 77 and 256.
        assert!(vector_is_faster(8, 2, 1));
        assert!(!vector_is_faster(8, 2, 2));
        assert!(!vector_is_faster(16, 2, 1) && !vector_is_faster(49, 2, 1));
    }
}
