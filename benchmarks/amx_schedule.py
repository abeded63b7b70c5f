#!/usr/bin/env python3
"""How busy the AMX kernel keeps the tile multiplier, by a schedule of its own instructions.

No machine with AMX is needed: the compiled kernel is disassembled, its loops are laid out for the
shapes of ResNet-50, and the instructions are scheduled on a model of a Sapphire Rapids core.

    cargo build --release -p bayes8-native --example gemm
    python3 benchmarks/amx_schedule.py [--json]

Exit code 1: a target is missed. 2: the disassembly is not what the model expects.
docs/AMX.md explains the model, its figures and what it leaves out.
"""

import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import sys

from amx_core import CONFIGURATION, PEAK
from amx_disassembly import Unexpected, disassemble, expect
from amx_program import Program

ROOT = pathlib.Path(__file__).resolve().parent.parent


# ResNet-50 v1.5 at 224 x 224: (rows a picture, output channels, depth, residual, times).
def resnet50():
    layers = [(112 * 112, 64, 147, False, 1)]
    size, inputs = 56 * 56, 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        before = size
        size = size if stage == 0 else size // 4
        layers += [
            (before, width, inputs, False, 1),
            (size, width, 9 * width, False, blocks),
            (size, 4 * width, width, True, blocks),
            (size, 4 * width, inputs, False, 1),
            (size, width, 4 * width, False, blocks - 1),
        ]
        inputs = 4 * width
    # The classifier: its logits are counted as codes.
    return layers + [(1, 1000, 2048, False, 1)]


CONSTANTS = {"BLOCK_BYTES": "amx.rs", "PART_STEPS": "amx/walk.rs", "RESIDENT_BYTES": "amx/walk.rs",
             "RESIDENT_TILES": "amx/walk.rs"}


def source_constant(file, name):
    """A constant of the kernel's source."""
    text = (ROOT / "native/src/kernels" / file).read_text()
    match = re.search(rf"const {name}: usize = ([0-9<_ ]+);", text)
    expect(match, f"native/src/kernels/{file} has no constant {name}")
    numbers = [int(x) for x in match[1].split("<<")]
    return numbers[0] << numbers[1] if len(numbers) == 2 else numbers[0]


def convolution(program, rows, channels, depth, residual):
    """Cycles of a convolution of `rows` rows in all: (cycles, cycles of the multiplier)."""
    steps = math.ceil(depth / 64)
    # As core/src/simd/rows.rs cuts them.
    most = max(96, program.constants["BLOCK_BYTES"] // (steps * 64 + min(channels, 64)))
    cycles, busy, height, first = 0, 0, None, 0
    cache = {}
    while first < rows:
        count = min(most, rows - first)
        if count not in cache:
            cache[count] = program.block(count, channels, steps, residual)
        tiles = math.ceil(count / 32)
        if math.ceil(count / tiles) != height:
            height = math.ceil(count / tiles)
            cycles += CONFIGURATION
        cycles += cache[count][0]
        busy += cache[count][1]
        first += count
    return cycles, busy


def network(program, batch):
    """ResNet-50 at a batch: a row for each shape, and shares of the peak."""
    rows = []
    for per_picture, channels, depth, residual, times in resnet50():
        m = batch * per_picture
        shares = []
        for form in ([False, True] if residual else [False]):
            cycles, busy = convolution(program, m, channels, depth, form)
            shares.append((cycles, m * channels * depth / PEAK / cycles, busy / cycles))
        rows.append({
            "m": m, "n": channels, "k": depth, "times": times, "residual": residual,
            "cycles": round(shares[-1][0]), "utilization": shares[-1][1],
            "multiplier_busy": shares[-1][2], "utilization_without_residual": shares[0][1],
        })
    total = sum(r["cycles"] * r["times"] for r in rows)
    ideal = sum(r["m"] * r["n"] * r["k"] * r["times"] for r in rows) / PEAK
    deep = min(r["utilization_without_residual"] for r in rows if r["k"] >= 256 and r["m"] >= 32)
    # A target for the whole at batch 8 only: at batch 1 weights cost more than their products.
    passed = deep >= 0.80 and (batch != 8 or ideal / total >= 0.50)
    return {"batch": batch, "layers": rows, "whole": ideal / total, "worst_of_depth_256": deep,
            "passed": passed}


def show(result):
    print(f"{'M':>7} {'N':>5} {'K':>5} {'times':>5} {'cycles':>10} {'of peak':>8} {'busy':>6}"
          "  epilogue")
    for r in result["layers"]:
        note = "plain"
        if r["residual"]:
            note = f"residual; {r['utilization_without_residual']:.1%} with a plain one"
        print(f"{r['m']:>7} {r['n']:>5} {r['k']:>5} {r['times']:>5} {r['cycles']:>10} "
              f"{r['utilization']:>8.1%} {r['multiplier_busy']:>6.1%}  {note}")
    print(f"K >= 256, M >= 32, plain epilogue: at least {result['worst_of_depth_256']:.1%} of peak "
          "(target 80%)")
    target = " (target 50%)" if result["batch"] == 8 else ""
    print(f"all convolutions at batch {result['batch']}: {result['whole']:.1%} of peak{target}")
    print("passed" if result["passed"] else "MISSED", end="\n\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    parser.add_argument("--binary", type=pathlib.Path,
                        default=pathlib.Path(target) / "release/examples/gemm")
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 1])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tile-registers", type=int, default=0,
                        help="physical tile registers, 0: as many as needed")
    parser.add_argument("--conversions-on-port-0", action="store_true",
                        help="conversions, minima and maxima run on one port only")
    parser.add_argument("--hint-ignored", action="store_true",
                        help="tileloaddt1 places lines in the first level, as tileloadd does")
    options = parser.parse_args()
    if options.tile_registers and options.tile_registers < 10:
        parser.error("at least 10 tile registers: 8 and two to rename to")
    try:
        expect(options.binary.exists(), f"{options.binary} is missing: cargo build --release "
               "-p bayes8-native --example gemm")
        constants = {name: source_constant(file, name) for name, file in CONSTANTS.items()}
        program = Program(disassemble(options.binary), constants, options)
        results = [network(program, batch) for batch in options.batch]
    except (Unexpected, FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"amx_schedule: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        for result in results:
            show(result)
    return 0 if all(result["passed"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
