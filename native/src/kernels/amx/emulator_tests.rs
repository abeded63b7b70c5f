//! Compares the emulator, or a processor with AMX, with tiles computed by hand.

use super::*;
use crate::kernels::amx::executed_by;
use std::arch::asm;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// Returns a configuration: palette 1, with `(rows, bytes per row)` of the first tiles.
fn shapes(start_row: u8, tiles: &[(u8, u16)]) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..2].copy_from_slice(&[1, start_row]);
    for (tile, (rows, row_bytes)) in tiles.iter().enumerate() {
        bytes[16 + 2 * tile..][..2].copy_from_slice(&row_bytes.to_le_bytes());
        bytes[48 + tile] = *rows;
    }
    bytes
}

/// Runs instructions between `ldtilecfg` and `tilerelease`.
macro_rules! tiles {
    ($configuration:expr, [$($line:expr),* $(,)?], $($operands:tt)*) => {{
        let configuration: [u8; 64] = $configuration;
        executed_by().expect("silicon or the emulator");
        // SAFETY: `executed_by` makes the instructions executable; the memory that the lines name is that
        // of the caller's arrays, which hold the configured rows.
        unsafe {
            asm!(
                "ldtilecfg [{configuration}]",
                $($line,)*
                "tilerelease",
                configuration = in(reg) &raw const configuration,
                $($operands)*
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            );
        }
    }};
}

/// `sums += left * right` of 2 x 8 times 8 x 2, with the instruction named.
macro_rules! product {
    ($name:literal) => {{
        let left: [[u8; 8]; 2] = [[1, 2, 3, 4, 5, 6, 7, 8], [255, 128, 0, 1, 2, 0, 0, 255]];
        // Two columns of four in a row.
        let right: [[i8; 8]; 2] = [[1, -1, 2, -2, 127, -128, 0, 1], [3, 0, 0, -3, -1, -1, -1, -1]];
        let mut sums: [[i32; 2]; 2] = [[100, 200], [i32::MIN, 5]];
        tiles!(
            shapes(0, &[(2, 8), (2, 8), (2, 8)]),
            [
                "tileloadd tmm0, [{sums} + {stride}]",
                "tileloadd tmm1, [{left} + {stride}]",
                "tileloadd tmm2, [{right} + {stride}]",
                concat!($name, " tmm0, tmm1, tmm2"),
                "tilestored [{sums} + {stride}], tmm0",
            ],
            sums = in(reg) sums.as_mut_ptr(),
            left = in(reg) left.as_ptr(),
            right = in(reg) right.as_ptr(),
            stride = in(reg) 8usize,
        );
        sums
    }};
}

#[test]
fn products_of_both_signs_are_those_computed_by_hand() {
    // Row 0 of `left` has the same value with and without sign. Row 1, column 0 leaves the range of
    // i32 and wraps. u8 x i8: 1 - 2 + 6 - 8 + 15 - 24 = -12, 127 - 256 + 4 - 26 = -151,
    // 255 - 128 - 2 + 6 - 765 = -634, 32385 - 16384 + 1 - 2 - 255 = 15745.
    assert_eq!(product!("tdpbusd"), [[88, 49], [2_147_483_014, 15_750]]);
    // i8 x i8: row 1 is -1 + 128 - 2 + 6 + 3 = 134, -127 + 16384 + 1 - 2 + 1 = 16257.
    assert_eq!(product!("tdpbssd"), [[88, 49], [-2_147_483_514, 16_262]]);
    // u8 x u8: 1 + 510 + 6 + 1016 + 15 + 2024 = 3572, 127 + 256 + 4 + 6630 = 7017,
    // 255 + 32640 + 254 + 6 + 64515 = 97670, 32385 + 16384 + 1 + 510 + 65025 = 114305.
    assert_eq!(product!("tdpbuud"), [[3672, 7217], [-2_147_385_978, 114_310]]);
    // i8 x u8: row 1 is -1 - 32640 + 254 + 6 - 253 = -32634, -127 - 16384 + 1 + 510 - 255 = -16255.
    assert_eq!(product!("tdpbsud"), [[3672, 7217], [2_147_451_014, -16_250]]);
}

#[test]
fn loads_and_stores_follow_the_stride() {
    let from: [u8; 24] = std::array::from_fn(|i| i as u8);
    let (mut twice, mut same) = ([0xa5u8; 24], [0xa5u8; 24]);
    tiles!(
        shapes(0, &[(3, 4), (3, 4)]),
        [
            // The index counts with its scale; without an index all rows are the same.
            "tileloadd tmm0, [{from} + 4*{two}]",
            "tileloaddt1 tmm1, [{from} + 20]",
            "tilestored [{twice} + {two} + 4], tmm0",
            "tilestored [{same} + 4*{two}], tmm1",
        ],
        from = in(reg) from.as_ptr(),
        twice = in(reg) twice.as_mut_ptr(),
        same = in(reg) same.as_mut_ptr(),
        two = in(reg) 2usize,
    );
    // Rows 2 apart overlap: each overwrites the end of the one before.
    let mut expected = [0xa5; 24];
    expected[4..12].copy_from_slice(&[0, 1, 8, 9, 16, 17, 18, 19]);
    assert_eq!(twice, expected);
    let mut expected = [0xa5; 24];
    for row in 0..3 {
        expected[8 * row..][..4].copy_from_slice(&[20, 21, 22, 23]);
    }
    assert_eq!(same, expected);
}

/// The forms of an address take different paths through the bytes of an instruction.
#[test]
fn every_form_of_an_address_is_decoded() {
    let from: [u8; 400] = std::array::from_fn(|i| i as u8);
    let mut to = [[0u8; 4]; 6];
    tiles!(
        shapes(0, &[(1, 4); 8]),
        [
            "tileloadd tmm0, [r13 + r12]",
            "tileloadd tmm1, [r12 + 8*r15 + 3]",
            "tileloadd tmm2, [r13 + 300]",
            "tileloadd tmm3, [r13 - 1]",
            "tilestored [{to}], tmm0",
            "tilestored [{to} + 4], tmm1",
            "tilestored [{to} + 8], tmm2",
            "tilestored [{to} + 12], tmm3",
            // rsp as a base takes the byte that an index takes.
            "sub rsp, 128",
            "tilestored [rsp], tmm2",
            "tileloadd tmm7, [rsp]",
            "tilestored [rsp + r12 + 8], tmm7",
            "tileloadd tmm5, [rsp + 8]",
            "add rsp, 128",
            "tilestored [{to} + 16], tmm7",
            "tilestored [{to} + 20], tmm5",
        ],
        to = in(reg) to.as_mut_ptr(),
        in("r13") from.as_ptr().wrapping_add(4),
        in("r12") from.as_ptr(),
        in("r15") 5usize,
    );
    let at = |i: usize| [0, 1, 2, 3].map(|k| (i + k) as u8);
    assert_eq!(to, [at(4), at(3), at(304), at(3), at(304), at(304)]);
}

#[test]
fn zero_clears_one_tile_and_release_the_configuration() {
    let ones = [1u8; 64];
    let mut rows = [[9u8; 4]; 2];
    let (mut before, mut after) = ([7u8; 64], [7u8; 64]);
    let configuration = shapes(0, &[(1, 4), (16, 64)]);
    tiles!(
        configuration,
        [
            "tileloadd tmm0, [{ones}]",
            "tileloadd tmm1, [{ones}]",
            "tilezero tmm1",
            "tilestored [{rows}], tmm0",
            "sttilecfg [{before}]",
            "tilerelease",
            "sttilecfg [{after}]",
        ],
        ones = in(reg) ones.as_ptr(),
        rows = in(reg) rows.as_mut_ptr(),
        before = in(reg) before.as_mut_ptr(),
        after = in(reg) after.as_mut_ptr(),
    );
    assert_eq!(rows, [[1; 4], [9; 4]]);
    assert_eq!(before, configuration);
    assert_eq!(after, [0; 64]);
}

#[test]
fn a_tile_is_zero_after_its_configuration_and_after_zero() {
    let ones = [1u8; 16];
    let mut found = [[9u8; 4]; 4];
    tiles!(
        shapes(0, &[(2, 4), (2, 4)]),
        [
            "tilestored [{found} + {stride}], tmm0",
            "tileloadd tmm1, [{ones}]",
            "tilezero tmm1",
            "tilestored [{found} + {stride} + 8], tmm1",
        ],
        ones = in(reg) ones.as_ptr(),
        found = in(reg) found.as_mut_ptr(),
        stride = in(reg) 4usize,
    );
    assert_eq!(found, [[0; 4]; 4]);
}

#[test]
fn a_load_resumes_at_the_start_row() {
    let from: [u8; 12] = std::array::from_fn(|i| 10 + i as u8);
    let mut found = [[9u8; 4]; 3];
    let mut configuration = [7u8; 64];
    tiles!(
        shapes(2, &[(3, 4)]),
        [
            "tileloadd tmm0, [{from} + {stride}]",
            "tilestored [{found} + {stride}], tmm0",
            "sttilecfg [{configuration_after}]",
        ],
        from = in(reg) from.as_ptr(),
        found = in(reg) found.as_mut_ptr(),
        stride = in(reg) 4usize,
        configuration_after = in(reg) configuration.as_mut_ptr(),
    );
    assert_eq!(found, [[0; 4], [0; 4], [18, 19, 20, 21]]);
    assert_eq!(configuration, shapes(0, &[(3, 4)]), "a finished load clears the start row");
}

/// The part of a register beyond its shape is invisible to programs, but must be zero.
#[test]
fn rows_and_columns_beyond_the_shape_become_zero() {
    let mut file = INITIAL;
    file.configure(&shapes(0, &[(2, 8), (2, 8), (2, 8)])).expect("a valid configuration");
    file.tiles = [[[0xff; ROW_BYTES]; ROWS]; TILES];
    let from = [[3u8; 8]; 2];
    let address = from.as_ptr().expose_provenance();
    // SAFETY: two rows of 8 bytes lie at `address`.
    unsafe { file.execute(Instruction::Load { tile: 1, address, stride: 8 }) }.expect("a load");
    let multiply = Instruction::Multiply { sums: 0, left: 1, right: 2, signs: [false, true] };
    // SAFETY: touches no memory.
    unsafe { file.execute(multiply) }.expect("a product");
    for (tile, inside) in [(0, -25i32), (1, i32::from_le_bytes([3; 4]))] {
        for (row, bytes) in file.tiles[tile].iter().enumerate() {
            let (words, _) = bytes.as_chunks::<4>();
            for (column, word) in words.iter().enumerate() {
                let expected = if row < 2 && column < 2 { inside } else { 0 };
                assert_eq!(i32::from_le_bytes(*word), expected, "tile {tile} {row} {column}");
            }
        }
    }
}

#[test]
fn configurations_that_are_not_valid_fault() {
    let valid = shapes(0, &[(16, 64); 8]);
    assert_eq!(INITIAL.configure_copy(&valid), Ok(valid));
    assert_eq!(INITIAL.configure_copy(&[0; 64]), Ok([0; 64]), "palette 0 clears everything");
    let changed = |at: usize, byte: u8| {
        let mut bytes = valid;
        bytes[at] = byte;
        INITIAL.configure_copy(&bytes)
    };
    assert_eq!(changed(0, 2), Err(Fault), "unknown palette");
    for reserved in [2, 15, 32, 47, 56, 63] {
        assert_eq!(changed(reserved, 1), Err(Fault), "reserved byte {reserved}");
    }
    assert_eq!(changed(16, 65), Err(Fault), "row of 65 bytes");
    assert_eq!(changed(17, 1), Err(Fault), "row of 320 bytes");
    assert_eq!(changed(48, 17), Err(Fault), "17 rows");
    assert_eq!(changed(48, 0), Err(Fault), "bytes without rows");
    assert_eq!(changed(30, 0), Err(Fault), "rows without bytes");
}

impl TileFile {
    /// Returns the configuration after `ldtilecfg` of `bytes`.
    fn configure_copy(&self, bytes: &[u8; 64]) -> Result<[u8; 64], Fault> {
        let mut file = Self { ..INITIAL };
        file.configure(bytes).map(|()| file.configuration())
    }
}

#[test]
fn shapes_that_do_not_match_fault() {
    let products = [
        ([(4, 16), (4, 16), (4, 16)], [0, 1, 2], Ok(())),
        ([(4, 16), (3, 16), (4, 16)], [0, 1, 2], Err(Fault)),
        ([(4, 16), (4, 12), (4, 16)], [0, 1, 2], Err(Fault)),
        ([(4, 16), (4, 16), (4, 12)], [0, 1, 2], Err(Fault)),
        ([(4, 14), (4, 16), (4, 14)], [0, 1, 2], Err(Fault)),
        ([(4, 16), (4, 16), (4, 16)], [0, 1, 3], Err(Fault)),
        ([(4, 16), (4, 16), (4, 16)], [0, 0, 2], Err(Fault)),
        ([(4, 16), (4, 16), (4, 16)], [0, 1, 1], Err(Fault)),
        ([(4, 16), (4, 16), (4, 16)], [0, 1, 0], Err(Fault)),
    ];
    for (tiles, [sums, left, right], expected) in products {
        let mut file = INITIAL;
        file.configure(&shapes(0, &tiles)).expect("a valid configuration");
        let multiply = Instruction::Multiply { sums, left, right, signs: [false, true] };
        // SAFETY: touches no memory.
        assert_eq!(unsafe { file.execute(multiply) }, expected, "{tiles:?} {multiply:?}");
    }
}

/// Tells the child processes of the test below which instruction to die of.
const CHILD: &str = "BAYES8_TEST_FAULT";

#[test]
fn unknown_instructions_are_real_faults() {
    let name = "kernels::amx::emulator::tests::unknown_instructions_are_real_faults";
    if let Ok(case) = std::env::var(CHILD) {
        return die(&case);
    }
    if executed_by() == Some("on silicon") {
        println!("SKIPPED: faults of the emulator: the processor has AMX");
        return;
    }
    for case in ["nothing", "ud2", "bf16", "unconfigured", "palette", "shapes", "equal", "wide"] {
        let output = Command::new(std::env::current_exe().expect("the test's own file"))
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, case)
            .output()
            .expect("a child of the test");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.contains("before the fault"), "{case}: did not get there");
        let signal = (case != "nothing").then_some(libc::SIGILL);
        assert_eq!(output.status.signal(), signal, "{case}");
    }
}

/// Executes an instruction that must end the process, after one that must not.
fn die(case: &str) {
    let configuration = shapes(0, &[(2, 8), (2, 8), (2, 8), (2, 12)]);
    tiles!(configuration, ["tilezero tmm0"],);
    println!("before the fault");
    match case {
        "nothing" => tiles!(configuration, ["tdpbusd tmm0, tmm1, tmm2"],),
        "ud2" => tiles!(configuration, ["ud2"],),
        "bf16" => tiles!(configuration, ["tdpbf16ps tmm0, tmm1, tmm2"],),
        "unconfigured" => tiles!([0; 64], ["tilezero tmm0"],),
        "palette" => tiles!([9; 64], ["nop"],),
        "shapes" => tiles!(configuration, ["tdpbusd tmm0, tmm1, tmm3"],),
        // tdpbusd tmm0, tmm1, tmm1, which assemblers refuse.
        "equal" => tiles!(configuration, [".byte 0xc4, 0xe2, 0x71, 0x5e, 0xc1"],),
        // tilezero tmm0 with VEX.L set.
        "wide" => tiles!(configuration, [".byte 0xc4, 0xe2, 0x7f, 0x49, 0xc0"],),
        _ => panic!("no such case: {case}"),
    }
}
