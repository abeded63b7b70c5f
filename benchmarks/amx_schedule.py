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
import itertools
import json
import math
import os
import pathlib
import re
import subprocess
import sys

from amx_core import CONFIGURATION, LINE, PEAK, Core
from amx_disassembly import (Epilogue, Fetch, Loop, MicroKernel, Unexpected, disassemble,
                             expect)

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Block:
    """A block of rows as native/src/kernels/amx/walk.rs cuts it, and where its lines lie."""

    def __init__(self, rows, channels, steps, part_steps):
        self.rows, self.channels, self.steps = rows, channels, steps
        self.tiles = math.ceil(rows / 32)
        self.height = math.ceil(rows / self.tiles)
        upper = self.height if self.height <= 16 else math.ceil(self.height / 2)
        self.halves = (upper, self.height - upper)
        self.parts = 1 if self.tiles == 1 else math.ceil(steps / part_steps)
        self.pairs = math.ceil(channels / 32)
        calls = max(steps // self.parts - 1, 1)
        self.at_a_time = math.ceil(self.height / (2 * calls))

    def columns(self, part):
        return range(self.steps * part // self.parts, self.steps * (part + 1) // self.parts)

    def first_row(self, tile):
        return min(tile * self.height, self.rows - self.height)

    # Addresses of lines. Each array begins with the first set of the cache; `copy` tells apart what
    # is another line to a cache, since too much came between.
    ARRAY = 1 << 24
    ACTIVATIONS, WEIGHTS, OFFSETS, SUMS, OUTPUT, OTHER = (i << 28 for i in range(6))

    def activations(self, copy, row, step):
        return self.ACTIVATIONS + copy * self.ARRAY + row * self.steps + step

    def weights(self, panel, step):
        """16 lines: a B tile."""
        first = self.WEIGHTS + (panel * self.steps + step) * 16
        return range(first, first + 16)

    def sums(self, copy, index, row, panel):
        return self.SUMS + copy * self.ARRAY + index * 64 + row * 2 + panel

    def codes(self, array, copy, row, pair):
        return array + copy * self.ARRAY + (row * self.channels + pair * 32) // LINE


class Program:
    """The kernel's instructions in the order in which a block executes them."""

    def __init__(self, functions, options):
        self.kernels = {halves: MicroKernel(functions, halves) for halves in (1, 2)}
        self.epilogues = [Epilogue(functions, residual) for residual in (False, True)]
        self.fetch = Fetch(functions)
        # A tile of 16 rows at most takes the same way with another kernel in it.
        self.tiles = Loop(functions, "amx::walk::Walk::pass",
                          self.kernels[2].function.entry)
        self.passes = Loop(functions, "amx::walk", self.tiles.entry)
        self.options = options

    def tile(self, core, block, lines, steps, calls):
        """One tile's K loop; `lines` of a register in a step; what is called behind each step."""
        kernel = self.kernels[2 if block.halves[1] else 1]
        rows = [block.halves[0]] * 2 + [block.halves[1]] * 2 + list(block.halves)
        step = 0
        for part, times in ((kernel.before, 1), (kernel.loop, len(steps) - 1), (kernel.behind, 1)):
            for _ in range(times):
                for x in part:
                    tiles = [int(t) for t in re.findall(r"tmm(\d)", x.operands)]
                    if x.name in ("tileloadd", "tileloaddt1"):
                        at = steps[step] if tiles[0] >= 4 else None
                        keep = x.name == "tileloadd" or self.options.hint_ignored
                        core.tile_load(f"t{tiles[0]}", lines(tiles[0], at), keep)
                        # The last of a step's loads: what follows are loads of the next.
                        if tiles[0] == (5 if block.halves[1] else 7):
                            step += 1
                    elif x.name == "tdpbusd":
                        core.product(*(f"t{t}" for t in tiles), rows[tiles[1]])
                    elif x.name == "tilestored":
                        stored = core.tile_store(f"t{tiles[0]}", lines(tiles[0], "stored"))
                    elif x.name == "call":
                        core.run(x)
                        next(calls)
                    else:
                        core.run(x)
        return stored

    def simulate(self, block, residual, tiles, pairs):
        """The first so many tiles of the first so many pairs of panels: (cycles, cycles of the
        multiplier)."""
        core = Core(self.options)
        epilogue = self.epilogues[residual]
        # Where tiles are left out, what all tiles bring into the cache is not.
        copy = 0
        pending = None  # (pair, copy, rows still to write, index of the sums, when they are there)
        finished = 0

        def write(pairs_of_rows):
            if pending is None or not pending["rows"]:
                calls, rows = epilogue.call(0), []
            else:
                rows = pending["rows"][:2 * pairs_of_rows]
                del pending["rows"][:2 * pairs_of_rows]
                calls = epilogue.call(math.ceil(len(rows) / 2))
            for i, instructions in enumerate(calls):
                ready = 0
                for row in rows[2 * i:2 * i + 2]:
                    at = pending["copy"], row, pending["pair"]
                    lines = [block.sums(0, pending["index"], row - pending["first"], panel)
                             for panel in (0, 1)]
                    lines += [block.codes(block.OTHER, *at)] if residual else []
                    there = [core.cache.touch(line, core.cycle) for line in lines]
                    ready = max(ready, pending["stored"], *there)
                    if not os.environ.get("NOOUT"): core.cache.touch(block.codes(block.OUTPUT, *at), core.cycle)
                for x in instructions:
                    core.run(x, ready)

        def calls(next_panel, next_steps):
            for i in itertools.count():
                if next_panel is not None:
                    fetched = block.weights(next_panel, next_steps.start + i)
                    lines = iter(fetched)
                    for x in self.fetch.instructions:
                        if x.name == "prefetcht0":
                            core.fetch(next(lines))
                        else:
                            core.run(x)
                write(block.at_a_time)
                yield

        for x in self.passes.before:
            core.run(x)
        for pair in range(pairs):
            for part in range(block.parts):
                steps = block.columns(part)
                is_last = part + 1 == block.parts
                for x in self.tiles.before:
                    core.run(x)
                for tile in range(tiles):
                    first = block.first_row(tile)
                    index = finished % 2 if is_last else 2 + tile

                    def lines(register, step):
                        if register >= 6:
                            return block.weights(2 * pair + register - 6, step)
                        low = register in (2, 3, 5)
                        rows = range(block.halves[0], block.height) if low else range(block.halves[0])
                        if register >= 4:
                            return [block.activations(copy, first + row, step) for row in rows]
                        panel = register % 2
                        if step == "stored":
                            of = 0 if is_last else copy
                            return [block.sums(of, index, row, panel) for row in rows]
                        if part == 0:
                            return [block.OFFSETS + 2 * pair + panel] * len(rows)
                        before = copy - 1 if copy else 0
                        return [block.sums(before, 2 + tile, row, panel) for row in rows]

                    next_panel = None
                    if tile > 0 and tile + 1 == tiles:
                        next_panel = 2 * (pair + is_last)
                        next_steps = block.columns(0 if is_last else part + 1)
                    else:
                        next_steps = steps
                    stored = self.tile(core, block, lines, steps, calls(next_panel, next_steps))
                    if is_last:
                        # Loaded 5 cycles behind their store at the earliest.
                        new = range(tile * block.height, first + block.height)
                        pending = {"pair": pair, "copy": copy, "rows": list(new), "first": first,
                                   "index": index, "stored": stored + 5}
                        finished += 1
                    if tile + 1 < tiles:
                        # The loop of a last part has more to do.
                        loops = self.tiles.between
                        for x in loops[-1] if is_last or len(loops) == 1 else loops[-2]:
                            core.run(x)
                if tiles < block.tiles:
                    copy += 1
                way = self.passes.between[0] if not is_last else self.passes.around()
                for x in self.tiles.behind + way:
                    core.run(x)
        write(block.height)
        for x in self.passes.behind:
            core.run(x)
        return core.retire_cycle, core.busy

    def block(self, rows, channels, steps, residual):
        """Cycles for a block of rows and all panels: (cycles, cycles of the multiplier)."""
        block = Block(rows, channels, steps, self.options.part_steps)
        # From some tiles and pairs on each takes the same.
        tiles = [block.tiles] if block.tiles <= 8 else [5, 8]
        pairs = [block.pairs] if block.pairs <= 4 else [2, 4]
        results = [[self.simulate(block, residual, t, p) for t in tiles] for p in pairs]

        def line(at, values, x):
            if len(at) == 1:
                return values[0]
            slope = (values[1] - values[0]) / (at[1] - at[0])
            return values[1] + slope * (x - at[1])

        return tuple(line(pairs, [line(tiles, [r[i] for r in row], block.tiles) for row in results],
                          block.pairs) for i in (0, 1))


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


def source_constant(file, name):
    """A constant of the kernel's source."""
    text = (ROOT / "native/src/kernels" / file).read_text()
    match = re.search(rf"const {name}: usize = ([0-9<_ ]+);", text)
    expect(match, f"native/src/kernels/{file} has no constant {name}")
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
            cache[count] = program.block(count, channels, steps, residual)
        tiles = math.ceil(count / 32)
        if math.ceil(count / tiles) != height:
            height = math.ceil(count / tiles)
            cycles += CONFIGURATION
        cycles += cache[count][0]
        busy += cache[count][1]
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
    parser.add_argument("--hint-ignored", action="store_true",
                        help="tileloaddt1 places lines in the first level, as tileloadd does")
    options = parser.parse_args()
    if options.tile_registers and options.tile_registers < 10:
        parser.error("at least 10 tile registers: 8 and two to rename to")
    try:
        expect(options.binary.exists(), f"{options.binary} is missing: cargo build --release "
               "-p bayes8-native --example gemm")
        options.part_steps = source_constant("amx/walk.rs", "PART_STEPS")
        block_bytes = source_constant("amx.rs", "BLOCK_BYTES")
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
