"""A model of a Sapphire Rapids core for the instructions of the AMX kernel."""

import collections
import heapq
import math
import re

from amx_disassembly import expect

# Manual: Intel 64 and IA-32 Architectures Optimization Reference Manual, volume 1,
# chapters on Golden Cove and on AMX. LLVM: llvm/lib/Target/X86/X86SchedSapphireRapids.td.
FRONT_END = 6  # micro-ops a cycle. LLVM: IssueWidth.
REORDER_BUFFER = 512  # LLVM: MicroOpBufferSize.
RETIRE = 8  # micro-ops a cycle. Manual, Golden Cove.
SCHEDULER = 112  # waiting arithmetic. LLVM: reservation stations of the execution units.
LOAD_SCHEDULER = 72  # waiting loads and stores. LLVM: reservation stations of memory.
LOAD_PORTS = 2  # 64 bytes each. Manual, Golden Cove.
STORE_PORTS = 1  # 64 bytes: a tile store takes 16 cycles. Manual, AMX.
INTEGER_PORTS = 5  # LLVM: ports 0, 1, 5, 6, 10; here only as a width.
PRODUCT_LATENCY = 52  # Manual, AMX: TDPBUSD, 16 cycles apart. Fewer rows of A: as many cycles.
TILE_LOAD_LATENCY = 45  # Manual, AMX: TILELOADD, 8 cycles apart: 16 rows on two ports.
CONFIGURATION = 204  # Manual, AMX: LDTILECFG.
VECTOR_LOAD = 8  # LLVM: load of a vector.
L2_LINES = 3  # in 4 cycles: 48 bytes a cycle, sustained. Manual, Golden Cove.
L2_LATENCY = 10  # cycles more than the first level: 15 against 5. Manual, Golden Cove.
L1_SETS, L1_WAYS = 64, 12  # 48 KiB. Manual, Golden Cove. Replaced: the line longest not used.
LINE = 64
DIVISION = 4  # micro-ops. LLVM.
PEAK = 1024  # products a cycle.
# Micro-ops of the tile instructions are not published: one a row and one more.

# Arithmetic of 512 bits runs on ports 0 and 5, or on one of them: (ports, latency). Ports 0 and 1
# are one for it. Manual: the second 512-bit floating-point unit of servers is on port 5.
EITHER, ONLY_0, ONLY_5 = (0, 5), (0,), (5,)
VECTOR = {
    "vcvtdq2ps": (EITHER, 4), "vcvtps2dq": (EITHER, 4), "vmulps": (EITHER, 4),
    "vaddps": (EITHER, 4), "vminps": (EITHER, 4), "vmaxps": (EITHER, 4),
    "vpsubd": (EITHER, 1), "vpaddd": (EITHER, 1), "vpaddsw": (EITHER, 1), "vpmaxub": (EITHER, 1),
    "vpxor": (EITHER, 1), "vpxord": (EITHER, 1), "vpternlogd": (EITHER, 1),
    "vpackssdw": (ONLY_5, 1), "vpackuswb": (ONLY_5, 1), "vpermd": (ONLY_5, 3),
    "vpmovzxbd": (ONLY_5, 3), "vextracti64x4": (ONLY_5, 3), "vextracti128": (ONLY_5, 3),
    "vbroadcastss": (ONLY_5, 3), "vpbroadcastd": (ONLY_5, 3), "vpbroadcastw": (ONLY_5, 3),
    "vpbroadcastb": (ONLY_5, 3), "vpextrb": (ONLY_5, 3), "vpinsrb": (ONLY_5, 3),
    "vcvttss2si": (ONLY_0, 7), "vucomiss": (ONLY_0, 3), "kmovd": (ONLY_5, 3), "kmovq": (ONLY_5, 3),
    "vmovd": (ONLY_5, 3), "vmovq": (ONLY_5, 3),
}
MOVES = ("vmovups", "vmovaps", "vmovdqu", "vmovdqa", "vmovdqu8", "vmovdqu32", "vmovdqu64",
         "vmovdqa32", "vmovdqa64", "vmovss")


class Calendar:
    """Slots of a resource, `width` a cycle."""

    def __init__(self, width):
        self.width, self.used = width, collections.Counter()

    def take(self, ready):
        cycle = math.ceil(ready)
        while self.used[cycle] >= self.width:
            cycle += 1
        self.used[cycle] += 1
        return cycle


class Cache:
    """The first level in front of the second, which has everything. Addresses are those of lines."""

    def __init__(self):
        self.sets = [collections.OrderedDict() for _ in range(L1_SETS)]  # line -> when it is there
        self.second = Calendar(L2_LINES)  # in 4 cycles

    def touch(self, line, cycle, keep=True):
        """When an access of `cycle` has the line, which then stays in the first level or not."""
        lines = self.sets[line % L1_SETS]
        if line in lines:
            lines.move_to_end(line)
            return max(cycle, lines[line])
        ready = max(cycle, 4 * self.second.take(cycle // 4)) + L2_LATENCY
        if not keep:
            return ready
        lines[line] = ready
        if len(lines) > L1_WAYS:
            lines.popitem(last=False)
        return ready


class Core:
    def __init__(self, options):
        self.options = options
        self.cycle, self.issued = 0, 0  # of the front end
        self.retired = collections.deque()  # cycles of the last REORDER_BUFFER micro-ops
        self.retire_cycle, self.retire_count = 0, 0
        self.waiting, self.waiting_loads = [], []
        self.loads, self.stores = Calendar(LOAD_PORTS), Calendar(STORE_PORTS)
        self.integers = Calendar(INTEGER_PORTS)
        self.ports = {0: Calendar(1), 5: Calendar(1)}
        self.multiplier, self.cache = 0, Cache()
        self.ready = collections.defaultdict(int)  # register -> cycle
        self.tiles = collections.deque()  # retirement of writes to tile registers
        self.busy = 0  # cycles of the multiplier

    def allocate(self, waiting, limit, count=1):
        """The cycle at which the next micro-op enters, and its place in the scheduler."""
        if self.issued == FRONT_END:
            self.cycle, self.issued = self.cycle + 1, 0
        cycle = self.cycle
        if len(self.retired) >= REORDER_BUFFER:
            cycle = max(cycle, self.retired.popleft())
        while waiting is not None and waiting and waiting[0] <= cycle:
            heapq.heappop(waiting)
        if waiting is not None and len(waiting) >= limit:
            cycle = max(cycle, heapq.heappop(waiting))
        if cycle > self.cycle:
            self.cycle, self.issued = math.ceil(cycle), 0
        self.issued += 1
        return self.cycle

    def retire(self, done):
        cycle = max(math.ceil(done), self.retire_cycle)
        if cycle == self.retire_cycle:
            self.retire_count += 1
            if self.retire_count > RETIRE:
                cycle, self.retire_count = cycle + 1, 1
        else:
            self.retire_count = 1
        self.retire_cycle = cycle
        self.retired.append(cycle)
        return cycle

    def arithmetic(self, ports, ready):
        entered = self.allocate(self.waiting, SCHEDULER)
        cycle = max(entered + 1, math.ceil(ready))
        best = None
        for port in ports:
            calendar, at = self.ports[port], cycle
            while calendar.used[at] >= 1:
                at += 1
            if best is None or at < best[0]:
                best = (at, calendar)
        best[1].used[best[0]] += 1
        heapq.heappush(self.waiting, best[0])
        return best[0]

    def load(self, ready=0):
        entered = self.allocate(self.waiting_loads, LOAD_SCHEDULER)
        cycle = self.loads.take(max(entered + 1, ready))
        heapq.heappush(self.waiting_loads, cycle)
        return cycle

    def store(self, ready):
        entered = self.allocate(self.waiting_loads, LOAD_SCHEDULER)
        # Its address leaves the scheduler at once; the data waits in the store buffer.
        heapq.heappush(self.waiting_loads, entered + 1)
        return self.stores.take(max(entered + 1, ready))

    def integer(self):
        entered = self.allocate(self.waiting, SCHEDULER)
        cycle = self.integers.take(entered + 1)
        heapq.heappush(self.waiting, cycle)
        self.retire(cycle + 1)

    def new_tile(self):
        """Waits for a free tile register where their number is limited."""
        limit = self.options.tile_registers
        if limit and len(self.tiles) >= limit - 8:
            self.cycle, self.issued = max((self.cycle, self.issued), (self.tiles.popleft(), 0))

    def tile_load(self, register, lines, keep):
        self.new_tile()
        last = 0
        for line in lines:
            cycle = self.cache.touch(line, self.load(), keep)
            last = max(last, cycle)
            self.retire(cycle + 5)
        done = last + TILE_LOAD_LATENCY - 8
        self.allocate(None, 0)
        self.tiles.append(self.retire(done))
        self.ready[register] = done

    def fetch(self, line):
        """A prefetch: nothing waits for it."""
        cycle = self.load()
        self.cache.touch(line, cycle)
        self.retire(cycle + 1)

    def product(self, sums, left, right, rows):
        self.new_tile()
        entered = self.allocate(self.waiting, SCHEDULER)
        ready = max(self.ready[sums], self.ready[left], self.ready[right], entered + 1)
        start = max(ready, self.multiplier)
        heapq.heappush(self.waiting, start)
        self.multiplier = start + rows
        self.busy += rows
        self.ready[sums] = start + PRODUCT_LATENCY
        self.tiles.append(self.retire(start + PRODUCT_LATENCY))

    def tile_store(self, register, lines):
        last = 0
        for line in lines:
            last = self.store(self.ready[register])
            # A line that is written comes first; the store buffer waits for it, nothing else does.
            self.cache.touch(line, self.cycle)
            self.retire(last)
        self.allocate(None, 0)
        self.retire(last)
        return last

    def run_all(self, instructions):
        for x in instructions:
            self.run(x)

    def run(self, instruction, operands_ready=0):
        """An instruction that is none of tiles. `operands_ready`: when what arithmetic may load is
        there."""
        name, operands = instruction.name, instruction.operands
        if name.startswith("nop") or name == "endbr64":
            return
        if name == "vzeroupper":
            for _ in range(4):  # micro-ops. LLVM.
                self.integer()
            return
        registers = ["v" + x for x in re.findall(r"\b[xyz]mm(\d+)", operands)]
        memory = "[" in operands and name != "lea"
        first_is_memory = memory and operands.split(",")[0].find("[") >= 0
        if not name.startswith(("v", "kmov")):
            if name in ("push", "call") or (memory and first_is_memory and name.startswith("mov")):
                self.retire(self.store(0))
            elif memory or name in ("pop", "ret"):
                self.retire(self.load() + 5)
            else:
                for _ in range(DIVISION if name == "div" else 1):
                    self.integer()
            return
        if name in MOVES or (name == "vextracti64x4" and first_is_memory):
            if not memory:
                ports, latency = EITHER, 1
                done = self.arithmetic(ports, self.ready[registers[-1]]) + latency
                self.ready[registers[0]] = done
            elif first_is_memory:
                done = self.store(self.ready[registers[-1]]) + 1
            else:
                done = self.load() + VECTOR_LOAD
                self.ready[registers[0]] = done
            self.retire(done)
            return
        broadcast = "broadcast" in name and memory
        if broadcast:
            done = self.load() + VECTOR_LOAD
        else:
            expect(name in VECTOR, f"no figures for `{name} {operands}` at {instruction.address:x}")
            ports, latency = VECTOR[name]
            if self.options.conversions_on_port_0 and name.startswith(("vcvt", "vmin", "vmax")):
                ports = ONLY_0
            sources = registers[1:] if len(registers) > 1 or not memory else []
            ready = max([self.ready[x] for x in sources], default=0)
            if memory:
                # Fused with its arithmetic as far as the front end goes.
                at = self.loads.take(max(self.cycle + 1, operands_ready))
                ready = max(ready, at + VECTOR_LOAD)
            done = self.arithmetic(ports, ready) + latency
        if registers:
            self.ready[registers[0]] = done
        self.retire(done)
