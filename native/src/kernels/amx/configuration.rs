//! Detects whether this process may use AMX, and keeps the tile configuration of a thread.

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, CpuidResult};
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// Rows of a tile register, and the most rows of each of the two A tiles of an output block.
pub(super) const TILE_ROWS: usize = 16;

/// Bytes in a row of a tile register.
pub(super) const ROW_BYTES: usize = 64;

/// Returns whether the processor has AMX-TILE and AMX-INT8 and the system lets this process use
/// them. Asks the system once per process.
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_instructions() && system_saves_tiles() && is_permitted())
}

/// Checks CPUID(7, 0).EDX: bit 24 is AMX-TILE, bit 25 AMX-INT8.
fn has_instructions() -> bool {
    const TILE_AND_INT8: u32 = 0b11 << 24;
    let last_leaf = cpuid(0).eax;
    last_leaf >= 7 && cpuid(7).edx & TILE_AND_INT8 == TILE_AND_INT8
}

/// Returns subleaf 0 of a leaf of CPUID.
fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: Every x86-64 processor has the instruction.
    #[allow(unused_unsafe, reason = "newer compilers have it as a safe function")]
    unsafe {
        __cpuid_count(leaf, 0)
    }
}

/// Checks bits 17 and 18 of XCR0: whether the system saves the configuration and the tiles of a
/// thread.
fn system_saves_tiles() -> bool {
    const OSXSAVE: u32 = 1 << 27;
    const CONFIGURATION_AND_DATA: u32 = 0b11 << 17;
    if cpuid(1).ecx & OSXSAVE == 0 {
        return false;
    }
    let low: u32;
    // SAFETY: OSXSAVE says that `xgetbv` may be executed; register 0 always exists. It reads
    // nothing else and changes only the two registers named.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack));
    }
    low & CONFIGURATION_AND_DATA == CONFIGURATION_AND_DATA
}

/// Asks the system for the 8 KiB of tiles. Linux since 5.16 raises SIGILL in processes that did not
/// ask.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const SYS_ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;
    let result: i64;
    // SAFETY: this system call takes two numbers and touches no memory of the process; the
    // `syscall` instruction changes rax, rcx and r11 only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") SYS_ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// Returns `false` for other systems, which were not tried.
#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// The 64 bytes that `ldtilecfg` reads.
#[repr(C, align(64))]
struct TileConfiguration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl TileConfiguration {
    /// Creates the configuration for A tiles of these numbers of rows. Tiles 0 to 3 are C, 4 and 5
    /// A, 6 and 7 B. C tiles 0 and 1 have the rows of A tile 4, C tiles 2 and 3 those of A tile 5.
    /// An A tile without rows leaves its three registers unused.
    fn new(rows: [usize; 2]) -> Self {
        assert!((1..=TILE_ROWS).contains(&rows[0]) && rows[1] <= TILE_ROWS);
        let [upper, lower] = rows.map(|rows| rows as u8);
        let full = TILE_ROWS as u8;
        let mut configuration = Self {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [0; 16],
            rows: [upper, upper, lower, lower, upper, lower, full, full, 0, 0, 0, 0, 0, 0, 0, 0],
        };
        for (bytes, rows) in configuration.row_bytes.iter_mut().zip(configuration.rows) {
            *bytes = if rows == 0 { 0 } else { ROW_BYTES as u16 };
        }
        configuration
    }
}

thread_local! {
    /// Rows of the two A tiles in the configuration that this thread has loaded; `[0, 0]` without
    /// one. Kept per thread, so that it is right for any number of guards.
    static LOADED: Cell<[usize; 2]> = const { Cell::new([0, 0]) };
}

/// A guard that may configure the tiles of this thread. Its drop releases them, so that the system
/// does not have to save 8 KiB at every switch of threads.
pub(crate) struct Configuration {
    /// Tiles are state of a thread, so the guard must not leave it.
    not_send: PhantomData<*const ()>,
}

impl Configuration {
    /// Creates a guard without loading a configuration.
    pub(super) fn new() -> Self {
        Self { not_send: PhantomData }
    }

    /// Configures the tiles for A tiles of these numbers of rows, `1..=16` and `0..=16`, if they
    /// are not yet.
    ///
    /// # Safety
    /// AMX instructions must be executable in this process: by the processor or by a handler.
    pub(super) unsafe fn load(&mut self, rows: [usize; 2]) {
        if LOADED.get() == rows {
            return;
        }
        let configuration = TileConfiguration::new(rows);
        // SAFETY: reads the 64 bytes of `configuration`. All eight tile registers are overwritten.
        unsafe {
            asm!(
                "ldtilecfg [{configuration}]",
                configuration = in(reg) &raw const configuration,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, readonly),
            );
        }
        LOADED.set(rows);
    }
}

impl Drop for Configuration {
    fn drop(&mut self) {
        if LOADED.replace([0, 0]) == [0, 0] {
            return;
        }
        // SAFETY: a configuration is loaded, so AMX instructions are executable; by the contract of
        // `load` no tile holds anything between two calls of the kernel.
        unsafe {
            asm!(
                "tilerelease",
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, nomem),
            );
        }
    }
}
