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

from amx_core import CONFIGURATION, PEAK, Core
from amx_disassembly import Driver, Epilogue, MicroKernel, Unexpected, disassemble, expect

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Program:
    """The kernel's instructions in the order in which a block executes them."""

    def __init__(self, functions, options):
        self.kernels = {halves: MicroKernel(functions, halves) for halves in (1, 2)}
        self.epilogues = [Epilogue(functions, residual) for residual in (False, True)]
        self.driver = Driver(functions, self.kernels[2])
        self.options = options

    def multiply(self, core, halves, steps, b_from_l2, sums_from_l2, calls, sums_ready):
        """One tile's K loop with the epilogue of the tile before. Returns when its sums are in
        memory."""
        rows = [halves[0]] * 2 + [halves[1]] * 2 + [halves[0], halves[1], 16, 16]
        stored = 0
        kernel = self.kernels[2 if halves[1] else 1]
        for part, times in ((kernel.before, 1), (kernel.loop, steps - 1), (kernel.behind, 1)):
            for _ in range(times):
                for x in part:
                    tiles = [int(t) for t in re.findall(r"tmm(\d)", x.operands)]
                    if x.name == "tileloadd":
                        tile = tiles[0]
                        l2 = sums_from_l2 if tile < 4 else True if tile < 6 else b_from_l2
                        core.tile_load(f"t{tile}", rows[tile], l2)
                    elif x.name == "tdpbusd":
                        core.product(*(f"t{t}" for t in tiles), rows[tiles[1]])
                    elif x.name == "tilestored":
                        stored = core.tile_store(f"t{tiles[0]}", rows[tiles[0]])
                    elif x.name == "call":
                        core.run(x)
                        for y in next(calls):
                            core.run(y, sums_ready)
                    else:
                        core.run(x)
        return stored

    def passes(self, steps, tiles, halves, parts, part, residual, core):
        """All row tiles with a part of the panels."""
        columns = steps * (part + 1) // parts - steps * part // parts
        last, stored, rows = part + 1 == parts, 0, 0
        epilogue = self.epilogues[residual]
        for tile in range(tiles):
            b_from_l2 = tile == 0 or columns > self.options.part_steps
            calls = epilogue.calls(rows, math.ceil(sum(halves) / (2 * max(steps // parts - 1, 1))))
            # Sums are loaded 5 cycles behind their store at the earliest.
            stored = self.multiply(core, halves, columns, b_from_l2, part > 0, calls, stored + 5)
            rows = sum(halves) if last else 0
            for x in self.driver.between[last]:
                core.run(x)
        for y in next(epilogue.calls(rows, rows)):
            core.run(y, stored + 5)

    def block(self, rows, steps, residual):
        """Cycles for a block of rows and two panels: (cycles, cycles of the multiplier)."""
        tiles = math.ceil(rows / 32)
        height = math.ceil(rows / tiles)
        upper = height if height <= 16 else math.ceil(height / 2)
        halves = (upper, height - upper)
        parts = 1 if tiles == 1 else math.ceil(steps / self.options.part_steps)

        def simulate(count):
            core = Core(self.options)
            for x in self.driver.before:
                core.run(x)
            for part in range(parts):
                self.passes(steps, count, halves, parts, part, residual, core)
            return core.retire_cycle, core.busy

        few, many = 6, 10
        if tiles <= many:
            return simulate(tiles)
        # From some tiles on each takes the same.
        (a, a_busy), (b, b_busy) = simulate(few), simulate(many)
        more = (tiles - many) / (many - few)
        return b + (b - a) * more, b_busy + (b_busy - a_busy) * more


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


def source_constant(name):
    """A constant of the kernel's source."""
    text = (ROOT / "native/src/kernels/amx.rs").read_text()
    match = re.search(rf"const {name}: usize = ([0-9<_ ]+);", text)
    expect(match, f"native/src/kernels/amx.rs has no constant {name}")
    numbers = [int(x) for x in match[1].split("<<")]
    return numbers[0] << numbers[1] if len(numbers) == 2 else numbers[0]


def convolution(program, rows, channels, depth, residual, block_bytes):
    """Cycles of a convolution of `rows` rows in all: (cycles, share of the multiplier's peak)."""
    steps = math.ceil(depth / 64)
    # As native/src/rows.rs cuts them.
    most = max(96, block_bytes // (steps * 64 + min(channels, 64)))
    cycles, busy, height, first = 0, 0, None, 0
    cache = {}
    while first < rows:
        count = min(most, rows - first)
        if count not in cache:
            cache[count] = program.block(count, steps, residual)
        tiles = math.ceil(count / 32)
        if math.ceil(count / tiles) != height:
            height = math.ceil(count / tiles)
            cycles += CONFIGURATION
        blocks = math.ceil(channels / 32)
        cycles += cache[count][0] * blocks
        busy += cache[count][1] * blocks
        first += count
    return cycles, busy


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    parser.add_argument("--binary", type=pathlib.Path,
                        default=pathlib.Path(target) / "release/examples/gemm")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tile-registers", type=int, default=0,
                        help="physical tile registers, 0: as many as needed")
    parser.add_argument("--conversions-on-port-0", action="store_true",
                        help="conversions, minima and maxima run on one port only")
    options = parser.parse_args()
    if options.tile_registers and options.tile_registers < 10:
        parser.error("at least 10 tile registers: 8 and two to rename to")
    try:
        expect(options.binary.exists(), f"{options.binary} is missing: cargo build --release "
               "-p bayes8-native --example gemm")
        options.part_steps = source_constant("PART_STEPS")
        block_bytes = source_constant("BLOCK_BYTES")
        program = Program(disassemble(options.binary), options)
        rows = []
        for per_picture, channels, depth, residual, times in resnet50():
            m = options.batch * per_picture
            products = m * channels * depth
            shares = []
            for form in ([False, True] if residual else [False]):
                cycles, busy = convolution(program, m, channels, depth, form, block_bytes)
                shares.append((cycles, products / PEAK / cycles, busy / cycles))
            rows.append({
                "m": m, "n": channels, "k": depth, "times": times, "residual": residual,
                "cycles": round(shares[-1][0]), "utilization": shares[-1][1],
                "multiplier_busy": shares[-1][2], "utilization_without_residual": shares[0][1],
            })
    except (Unexpected, FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"amx_schedule: {error}", file=sys.stderr)
        return 2
    total = sum(r["cycles"] * r["times"] for r in rows)
    ideal = sum(r["m"] * r["n"] * r["k"] * r["times"] for r in rows) / PEAK
    whole = ideal / total
    deep = min(r["utilization_without_residual"] for r in rows if r["k"] >= 256 and r["m"] >= 32)
    passed = deep >= 0.80 and whole >= 0.50
    if options.json:
        print(json.dumps({"batch": options.batch, "layers": rows, "whole": whole,
                          "worst_of_depth_256": deep, "passed": passed}, indent=1))
    else:
        print(f"{'M':>7} {'N':>5} {'K':>5} {'times':>5} {'cycles':>10} {'of peak':>8} {'busy':>6}"
              "  epilogue")
        for r in rows:
            note = "plain"
            if r["residual"]:
                note = f"residual; {r['utilization_without_residual']:.1%} with a plain one"
            print(f"{r['m']:>7} {r['n']:>5} {r['k']:>5} {r['times']:>5} {r['cycles']:>10} "
                  f"{r['utilization']:>8.1%} {r['multiplier_busy']:>6.1%}  {note}")
        print(f"K >= 256, M >= 32, plain epilogue: at least {deep:.1%} of peak (target 80%)")
        print(f"all convolutions at batch {options.batch}: {whole:.1%} of peak (target 50%)")
        print("passed" if passed else "MISSED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
