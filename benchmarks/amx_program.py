"""The AMX kernel's instructions in the order in which a block of rows executes them."""

import itertools
import math
import re

from amx_core import LINE, Core
from amx_disassembly import Epilogue, Fetch, Loop, MicroKernel

TILE_ROWS, STEP = 32, 64
FETCH = "prefetcht0"


class Block:
    """A block of rows as native/src/kernels/amx/walk.rs cuts it, and where its lines lie."""

    def __init__(self, rows, channels, steps, constants):
        self.rows, self.channels, self.steps = rows, channels, steps
        self.tiles = math.ceil(rows / TILE_ROWS)
        self.height = math.ceil(rows / self.tiles)
        upper = self.height if self.height <= 16 else math.ceil(self.height / 2)
        self.halves = (upper, self.height - upper)
        self.pairs = math.ceil(channels / 32)
        resident = constants["RESIDENT_BYTES"] // (self.height * steps * STEP)
        self.rows_stay = resident > 0 and self.tiles <= constants["RESIDENT_TILES"]
        self.together = resident if self.rows_stay else self.tiles
        weights_stay = not self.rows_stay and self.tiles > 1
        self.parts = math.ceil(steps / constants["PART_STEPS"]) if weights_stay else 1
        self.pairs_at_a_time = math.ceil(self.height / (2 * max(steps // self.parts - 1, 1)))

    def columns(self, part):
        return range(self.steps * part // self.parts, self.steps * (part + 1) // self.parts)

    def passes(self, tiles, pairs):
        """(tiles of rows, pair of panels, part), of so many tiles and pairs."""
        groups = [range(first, min(first + self.together, tiles))
                  for first in range(0, tiles, self.together)]
        return itertools.product(groups, range(pairs), range(self.parts))

    def first_row(self, tile):
        return min(tile * self.height, self.rows - self.height)

    # Addresses of lines. Each array begins with the first set of the cache; `copy` tells lines apart
    # that are the same, but have left the cache in between.
    ACTIVATIONS, WEIGHTS, OFFSETS, SUMS, OUTPUT, OTHER = (i << 28 for i in range(6))
    COPY = 1 << 24

    def activations(self, copy, row, step):
        return self.ACTIVATIONS + copy * self.COPY + row * self.steps + step

    def weights(self, panel, step):
        """A B tile."""
        first = self.WEIGHTS + (panel * self.steps + step) * 16
        return range(first, first + 16)

    def sums(self, copy, index, row, panel):
        return self.SUMS + copy * self.COPY + (index * TILE_ROWS + row) * 2 + panel

    def codes(self, array, copy, row, pair):
        return array + copy * self.COPY + (row * self.channels + pair * 32) // LINE


class Tile:
    """A tile in a pass: which lines its registers have."""

    def __init__(self, block, copy, tile, pair, part, finished):
        self.block, self.copy, self.pair, self.part = block, copy, pair, part
        self.tile, self.first = tile, block.first_row(tile)
        self.is_last = part + 1 == block.parts
        self.index = finished % 2 if self.is_last else 2 + tile

    def rows(self, register):
        upper, lower = self.block.halves
        return range(upper, upper + lower) if register in (2, 3, 5) else range(upper)

    def operand(self, register, step):
        """An A or a B tile."""
        if register >= 6:
            return self.block.weights(2 * self.pair + register - 6, step)
        rows = self.rows(register)
        return [self.block.activations(self.copy, self.first + row, step) for row in rows]

    def initial(self, register):
        """What a C tile begins with."""
        rows, panel = self.rows(register), register % 2
        if self.part == 0:
            return [self.block.OFFSETS + 2 * self.pair + panel] * len(rows)
        before = max(self.copy - 1, 0)
        return [self.block.sums(before, 2 + self.tile, row, panel) for row in rows]

    def sums(self, register):
        copy = 0 if self.is_last else self.copy
        return [self.block.sums(copy, self.index, row, register % 2) for row in self.rows(register)]


class Pending:
    """A tile whose epilogue is on its way."""

    def __init__(self, tile, stored):
        self.tile = tile
        self.ready = stored + 5  # loaded 5 cycles behind their store at the earliest
        block = tile.block
        self.rows = list(range(tile.tile * block.height, tile.first + block.height))

    def take(self, count):
        rows, self.rows = self.rows[:count], self.rows[count:]
        return rows


class Program:
    def __init__(self, functions, constants, options):
        self.kernels = {(halves, stay): MicroKernel(functions, halves, stay)
                        for halves in (1, 2) for stay in (False, True)}
        self.epilogues = [Epilogue(functions, residual) for residual in (False, True)]
        self.fetch = Fetch(functions)
        # Other kernels lie in the same loops.
        some = self.kernels[2, False].function.entry
        self.tiles = Loop(functions, "amx::walk::Walk::pass", some)
        self.passes = Loop(functions, "amx::walk", self.tiles.entry)
        self.constants, self.options = constants, options

    def simulate(self, block, residual, tiles, pairs):
        """The first so many tiles of rows and pairs of panels: (cycles, cycles of the multiplier)."""
        core, pending, finished, copy = Core(self.options), None, 0, 0
        kernel = self.kernels[2 if block.halves[1] else 1, block.rows_stay]
        core.run_all(self.passes.before)
        for group, pair, part in block.passes(tiles, pairs):
            core.run_all(self.tiles.before)
            for number in group:
                tile = Tile(block, copy, number, pair, part, finished)
                fetching = not block.rows_stay and len(group) > 1 and number == group[-1]
                fetched = self.fetched(block, pair, part) if fetching else None
                stored = self.multiply(core, kernel, tile, fetched, pending, residual)
                if tile.is_last:
                    pending, finished = Pending(tile, stored), finished + 1
                if number != group[-1]:
                    # The loop of a last part has more to do.
                    core.run_all(self.tiles.between[-1 if tile.is_last else 0])
            core.run_all(self.tiles.behind)
            core.run_all(self.passes.around() if tile.is_last else self.passes.between[0])
            if tiles < block.tiles:
                copy += 1  # what all tiles bring into the cache pushes out the lines of this pass
        self.write(core, pending, block.height, residual)
        core.run_all(self.passes.behind)
        return core.retire_cycle, core.busy

    def multiply(self, core, kernel, tile, fetched, pending, residual):
        """A tile's K loop. Returns when its sums are in memory."""
        block = tile.block
        columns = block.columns(tile.part)
        loads = {register: iter(columns) for register in range(4, 8)}
        parts = ((kernel.before, 1), (kernel.loop, len(columns) - 1), (kernel.behind, 1))
        for part, times in parts:
            for x in part * times:
                registers = [int(t) for t in re.findall(r"tmm(\d)", x.operands)]
                if x.name.startswith("tileload"):
                    [register] = registers
                    keep = x.name == "tileloadd" or self.options.hint_ignored
                    lines = (tile.initial(register) if register < 4
                             else tile.operand(register, next(loads[register])))
                    core.tile_load(f"t{register}", lines, keep)
                elif x.name == "tdpbusd":
                    core.product(*(f"t{t}" for t in registers), len(tile.rows(registers[1])))
                elif x.name == "tilestored":
                    stored = core.tile_store(f"t{registers[0]}", tile.sums(registers[0]))
                else:
                    core.run(x)
                    if x.name == "call":
                        if fetched:
                            self.fetch_tile(core, next(fetched))
                        self.write(core, pending, 2 * block.pairs_at_a_time, residual)
        return stored

    def fetched(self, block, pair, part):
        """B tiles of the first panel of the next pass, then more of what lies behind them."""
        is_last = part + 1 == block.parts
        panel, step = (2 * (pair + 1), 0) if is_last else (2 * pair, block.columns(part).stop)
        return (block.weights(panel, step + i) for i in itertools.count())

    def fetch_tile(self, core, lines):
        lines = iter(lines)
        for x in self.fetch.instructions:
            if x.name == FETCH:
                core.fetch(next(lines))
            else:
                core.run(x)

    def write(self, core, pending, count, residual):
        """A call of the epilogue, for so many rows at most."""
        rows = pending.take(count) if pending else []
        for i, instructions in enumerate(self.epilogues[residual].call(math.ceil(len(rows) / 2))):
            ready = pending.ready if pending else 0
            for row in rows[2 * i:2 * i + 2]:
                tile = pending.tile
                at = tile.copy, row, tile.pair
                lines = [tile.block.sums(0, tile.index, row - tile.first, panel) for panel in (0, 1)]
                lines += [tile.block.codes(Block.OTHER, *at)] if residual else []
                ready = max(ready, *(core.cache.touch(line, core.cycle) for line in lines))
                core.cache.touch(tile.block.codes(Block.OUTPUT, *at), core.cycle)
            for x in instructions:
                core.run(x, ready)

    def block(self, rows, channels, steps, residual):
        """Cycles for a block of rows and all panels: (cycles, cycles of the multiplier)."""
        block = Block(rows, channels, steps, self.constants)
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
