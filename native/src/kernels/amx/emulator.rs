//! Emulates AMX, so that tests run the compiled kernel on any x86-64 processor under Linux.
//!
//! A processor without AMX raises SIGILL at its instructions. The handler here decodes those that
//! the kernel may use, executes them on a tile file in software, one per thread, and steps over
//! them. Unknown instructions, and what the architecture forbids (an invalid configuration, shapes
//! that do not match), are left to the previous action: the process dies at that instruction.
//! Semantics: Intel 64 and IA-32 Software Developer's Manual, volume 2, `LDTILECFG` to `TILEZERO`.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

const TILES: usize = 8;
const ROWS: usize = 16;
const ROW_BYTES: usize = 64;

/// The tile registers and the configuration of a thread.
struct TileFile {
    configured: bool,
    start_row: u8,
    row_bytes: [u16; TILES],
    rows: [u8; TILES],
    tiles: [[[u8; ROW_BYTES]; ROWS]; TILES],
}

const INITIAL: TileFile = TileFile {
    configured: false,
    start_row: 0,
    row_bytes: [0; TILES],
    rows: [0; TILES],
    tiles: [[[0; ROW_BYTES]; ROWS]; TILES],
};

thread_local! {
    // Neither initialized lazily nor dropped: plain memory, which a signal handler may use.
    static FILE: UnsafeCell<TileFile> = const { UnsafeCell::new(INITIAL) };
}

/// An instruction with computed addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instruction {
    LoadConfiguration { address: usize },
    StoreConfiguration { address: usize },
    Release,
    Zero { tile: usize },
    Load { tile: usize, address: usize, stride: usize },
    Store { tile: usize, address: usize, stride: usize },
    Multiply { sums: usize, left: usize, right: usize, signs: [bool; 2] },
}

/// The instruction must fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault;

impl TileFile {
    /// # Safety
    /// The memory that the instruction names must be what the running program may access.
    unsafe fn execute(&mut self, instruction: Instruction) -> Result<(), Fault> {
        match instruction {
            Instruction::LoadConfiguration { address } => {
                let from = ptr::with_exposed_provenance::<[u8; 64]>(address);
                // SAFETY: by the contract.
                let bytes = unsafe { from.read_unaligned() };
                self.configure(&bytes)?;
            }
            Instruction::StoreConfiguration { address } => {
                let to = ptr::with_exposed_provenance_mut::<[u8; 64]>(address);
                // SAFETY: by the contract.
                unsafe { to.write_unaligned(self.configuration()) };
            }
            Instruction::Release => *self = INITIAL,
            Instruction::Zero { tile } => {
                self.shape(tile)?;
                self.tiles[tile] = INITIAL.tiles[tile];
                self.start_row = 0;
            }
            Instruction::Load { tile, address, stride } => {
                let (rows, bytes) = self.shape(tile)?;
                let start = usize::from(self.start_row);
                if start == 0 {
                    self.tiles[tile] = INITIAL.tiles[tile];
                }
                for row in start..rows {
                    let from = address.wrapping_add(row.wrapping_mul(stride));
                    let from = ptr::with_exposed_provenance::<u8>(from);
                    let to = &mut self.tiles[tile][row];
                    *to = [0; ROW_BYTES];
                    // SAFETY: by the contract; `bytes` is at most 64.
                    unsafe { ptr::copy_nonoverlapping(from, to.as_mut_ptr(), bytes) };
                }
                self.tiles[tile][rows..].fill([0; ROW_BYTES]);
                self.start_row = 0;
            }
            Instruction::Store { tile, address, stride } => {
                let (rows, bytes) = self.shape(tile)?;
                for row in usize::from(self.start_row)..rows {
                    let to = address.wrapping_add(row.wrapping_mul(stride));
                    let to = ptr::with_exposed_provenance_mut::<u8>(to);
                    // SAFETY: by the contract; `bytes` is at most 64.
                    unsafe { ptr::copy_nonoverlapping(self.tiles[tile][row].as_ptr(), to, bytes) };
                }
                self.start_row = 0;
            }
            Instruction::Multiply { sums, left, right, signs } => {
                self.multiply(sums, left, right, signs)?;
            }
        }
        Ok(())
    }

    /// Executes `LDTILECFG`: palette 0 clears all, palette 1 has 8 tiles of 16 rows of 64 bytes.
    fn configure(&mut self, bytes: &[u8; 64]) -> Result<(), Fault> {
        match bytes[0] {
            0 => {
                *self = INITIAL;
                return Ok(());
            }
            1 => {}
            _ => return Err(Fault),
        }
        let reserved = bytes[2..16].iter().chain(&bytes[32..48]).chain(&bytes[56..]);
        let mut file = Self { configured: true, start_row: bytes[1], ..INITIAL };
        for tile in 0..TILES {
            let at = 16 + 2 * tile;
            file.row_bytes[tile] = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            file.rows[tile] = bytes[48 + tile];
        }
        let shapes = || file.row_bytes.iter().zip(&file.rows);
        let too_large = |(&b, &r): (&u16, &u8)| usize::from(b) > ROW_BYTES || r as usize > ROWS;
        let half_set = |(&b, &r): (&u16, &u8)| (b == 0) != (r == 0);
        let reserved_set = reserved.into_iter().any(|&b| b != 0);
        if reserved_set || shapes().any(too_large) || shapes().any(half_set) {
            return Err(Fault);
        }
        *self = file;
        Ok(())
    }

    /// Returns the bytes that `STTILECFG` writes: zeros without a configuration.
    fn configuration(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        if self.configured {
            bytes[0] = 1;
            bytes[1] = self.start_row;
            for tile in 0..TILES {
                let at = 16 + 2 * tile;
                bytes[at..at + 2].copy_from_slice(&self.row_bytes[tile].to_le_bytes());
                bytes[48 + tile] = self.rows[tile];
            }
        }
        bytes
    }

    /// Returns the rows and the bytes per row of a tile, or a fault if it is not configured.
    fn shape(&self, tile: usize) -> Result<(usize, usize), Fault> {
        let shape = (usize::from(self.rows[tile]), usize::from(self.row_bytes[tile]));
        if self.configured && shape.0 != 0 { Ok(shape) } else { Err(Fault) }
    }

    fn multiply(
        &mut self,
        sums: usize,
        left: usize,
        right: usize,
        signs: [bool; 2],
    ) -> Result<(), Fault> {
        let distinct = sums != left && sums != right && left != right;
        let (sum_rows, sum_bytes) = self.shape(sums)?;
        let (left_rows, left_bytes) = self.shape(left)?;
        let (right_rows, right_bytes) = self.shape(right)?;
        let match_up = sum_rows == left_rows
            && sum_bytes == right_bytes
            && left_bytes == 4 * right_rows
            && [sum_bytes, left_bytes, right_bytes].iter().all(|bytes| bytes % 4 == 0);
        if !distinct || !match_up {
            return Err(Fault);
        }
        let widen = |byte: u8, signed: bool| {
            if signed { i32::from(byte as i8) } else { i32::from(byte) }
        };
        // Widened and transposed once, so that the loop below is a product of vectors.
        let mut columns = [[0i32; ROW_BYTES]; ROWS];
        for (column, products) in columns.iter_mut().enumerate().take(right_bytes / 4) {
            for (k, product) in products.iter_mut().enumerate().take(left_bytes) {
                *product = widen(self.tiles[right][k / 4][4 * column + k % 4], signs[1]);
            }
        }
        for row in 0..sum_rows {
            let left = self.tiles[left][row].map(|byte| widen(byte, signs[0]));
            let (words, _) = self.tiles[sums][row].as_chunks_mut::<4>();
            for (word, column) in words.iter_mut().zip(&columns).take(sum_bytes / 4) {
                let products = left.iter().zip(column).map(|(a, b)| a * b);
                let sum = products.fold(i32::from_le_bytes(*word), i32::wrapping_add);
                *word = sum.to_le_bytes();
            }
            self.tiles[sums][row][sum_bytes..].fill(0);
        }
        self.tiles[sums][sum_rows..].fill([0; ROW_BYTES]);
        self.start_row = 0;
        Ok(())
    }
}

/// The general registers in the order of their numbers in instructions.
type Registers = [usize; 16];

/// Reads an instruction byte by byte, since the memory after it may not be readable.
struct Code(*const u8);

impl Code {
    /// # Safety
    /// The next byte must be part of an instruction that the processor has fetched.
    unsafe fn byte(&mut self) -> u8 {
        // SAFETY: by the contract.
        let byte = unsafe { self.0.read() };
        self.0 = self.0.wrapping_add(1);
        byte
    }

    /// # Safety
    /// As [`Code::byte`], for four bytes.
    unsafe fn i32(&mut self) -> i32 {
        // SAFETY: by the contract.
        i32::from_le_bytes(std::array::from_fn(|_| unsafe { self.byte() }))
    }
}

/// Decodes the AMX instruction at `code` and returns it with its length; `None` for other ones.
///
/// # Safety
/// `code` must be the address of an instruction that the processor has met and does not have.
unsafe fn decode(code: *const u8, registers: &Registers) -> Option<(Instruction, usize)> {
    let start = code;
    let mut code = Code(code);
    // SAFETY: each byte is read after the earlier ones have shown that the instruction is longer:
    // the processor has fetched it as a whole.
    unsafe {
        // VEX of three bytes: inverted R, X and B and map 0F38; then W, inverted vvvv, L and pp.
        if code.byte() != 0xc4 {
            return None;
        }
        let first = code.byte();
        let [r, x, b] = [7, 6, 5].map(|bit| usize::from(!first >> bit & 1) << 3);
        if first & 0x1f != 2 {
            return None;
        }
        let second = code.byte();
        let (third_operand, prefix) = (usize::from(!second >> 3 & 15), second & 3);
        if second & 0x84 != 0 {
            return None;
        }
        let opcode = code.byte();
        let modrm = code.byte();
        let (mode, reg, rm) = (modrm >> 6, usize::from(modrm >> 3 & 7), usize::from(modrm & 7));
        let instruction = match (opcode, prefix, mode) {
            (0x5e, _, 3) => {
                if r != 0 || b != 0 || third_operand >= TILES {
                    return None;
                }
                // pp: none, 66, F3, F2 are TDPBUUD, TDPBUSD, TDPBSUD, TDPBSSD.
                let signs = [prefix >= 2, prefix % 2 == 1];
                Instruction::Multiply { sums: reg, left: rm, right: third_operand, signs }
            }
            // Only products have a third operand.
            _ if third_operand != 0 => return None,
            (0x49, 0, 3) if modrm == 0xc0 && r + b == 0 => Instruction::Release,
            (0x49, 3, 3) if rm == 0 && r + b == 0 => Instruction::Zero { tile: reg },
            (0x49, 0 | 1, 0..=2) if reg == 0 && r == 0 => {
                let (address, stride) = memory(&mut code, modrm, x, b, registers)?;
                let address = address.wrapping_add(stride);
                if prefix == 0 {
                    Instruction::LoadConfiguration { address }
                } else {
                    Instruction::StoreConfiguration { address }
                }
            }
            // The index register, scaled, is the distance between rows.
            (0x4b, 1..=3, 0..=2) if rm == 4 && r == 0 => {
                let (address, stride) = memory(&mut code, modrm, x, b, registers)?;
                if prefix == 2 {
                    Instruction::Store { tile: reg, address, stride }
                } else {
                    Instruction::Load { tile: reg, address, stride }
                }
            }
            _ => return None,
        };
        Some((instruction, code.0.addr() - start.addr()))
    }
}

/// Decodes an address into base plus displacement, and scaled index. Returns `None` for addresses
/// relative to the instruction, whose end is not known here; no kernel uses them.
///
/// # Safety
/// As for [`decode`], with `code` after the byte `modrm`, which names memory.
unsafe fn memory(
    code: &mut Code,
    modrm: u8,
    x: usize,
    b: usize,
    registers: &Registers,
) -> Option<(usize, usize)> {
    let (mode, rm) = (modrm >> 6, usize::from(modrm & 7));
    // SAFETY: the bytes that `modrm` announces belong to the instruction.
    unsafe {
        let (mut base, mut index) = (Some(rm | b), 0);
        if rm == 4 {
            let sib = code.byte();
            let (number, low) = (usize::from(sib >> 3 & 7) | x, usize::from(sib & 7));
            // Register 4 as an index means none.
            index = if number == 4 { 0 } else { registers[number] << (sib >> 6) };
            base = (mode != 0 || low != 5).then_some(low | b);
        } else if mode == 0 && rm == 5 {
            return None;
        }
        let displacement = match mode {
            1 => isize::from(code.byte() as i8),
            2 => code.i32() as isize,
            _ if base.is_none() => code.i32() as isize,
            _ => 0,
        };
        let base = base.map_or(0, |number| registers[number]);
        Some((base.wrapping_add_signed(displacement), index))
    }
}

/// Indices of the general registers in a signal's context, by their numbers in instructions.
const PLACES: [i32; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// The action before [`install`].
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

extern "C" fn handle(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system passes a handler with SA_SIGINFO a context that is its own until it
    // returns.
    let saved = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let registers = PLACES.map(|place| saved[place as usize] as usize);
    let rip = &mut saved[libc::REG_RIP as usize];
    let code = ptr::with_exposed_provenance(*rip as usize);
    // SAFETY: the processor stopped at `code`. The memory that the instruction names is the
    // program's own, as it would be for the processor. The tile file belongs to this thread, and
    // while the handler runs on it nothing else does: SIGILL is blocked meanwhile.
    let executed = unsafe {
        decode(code, &registers).and_then(|(instruction, length)| {
            FILE.with(|file| (*file.get()).execute(instruction)).ok().map(|()| length)
        })
    };
    match executed {
        Some(length) => *rip += length as i64,
        // The processor meets the instruction again, without this handler.
        None => {
            let previous = PREVIOUS.get().map_or(ptr::null(), ptr::from_ref);
            // SAFETY: `previous` is what `sigaction` returned. While it is not yet stored, the call
            // changes nothing and the instruction is met once more.
            unsafe { libc::sigaction(libc::SIGILL, previous, ptr::null_mut()) };
        }
    }
}

/// Emulates AMX in this process from now on.
pub(super) fn install() {
    PREVIOUS.get_or_init(|| {
        let mut previous = MaybeUninit::uninit();
        // SAFETY: zeros are a valid `sigaction`; the handler has the signature that SA_SIGINFO asks
        // for and uses only memory of its thread and system calls that handlers may use.
        unsafe {
            let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
            action.sa_sigaction = handle as *const () as usize;
            // On the stack of the thread: an alternative one may be too small for 16 columns.
            action.sa_flags = libc::SA_SIGINFO;
            let result = libc::sigaction(libc::SIGILL, &action, previous.as_mut_ptr());
            assert_eq!(result, 0, "SIGILL can be handled");
            previous.assume_init()
        }
    });
}

#[cfg(test)]
#[path = "emulator_tests.rs"]
mod tests;
