"""The compiled AMX kernel as lists of instructions in the order in which they are executed."""

import collections
import math
import re
import subprocess


class Unexpected(Exception):
    """The disassembly is not what the model was made for."""


Instruction = collections.namedtuple("Instruction", "address name operands target callee")


def disassemble(binary):
    """Functions of `binary`: demangled name -> list of lists of instructions."""
    command = ["objdump", "-d", "-C", "-M", "intel", "--no-show-raw-insn", str(binary)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    functions, current = collections.defaultdict(list), None
    for line in text.splitlines():
        header = re.match(r"^[0-9a-f]+ <(.+)>:$", line)
        if header:
            current = []
            functions[header[1]].append(current)
            continue
        match = re.match(r"^\s+([0-9a-f]+):\s+(\S.*)$", line)
        if not match or current is None:
            continue
        parts = match[2].split("#")[0].strip().split(None, 1)
        if parts[0] in ("data16", "cs", "notrack", "rep", "bnd") and len(parts) > 1:
            parts = parts[1].split(None, 1)
        name, operands = parts[0], parts[1] if len(parts) > 1 else ""
        jump = re.match(r"^([0-9a-f]+) <(.+)>$", operands)
        target = int(jump[1], 16) if jump else None
        callee = target if name == "call" else None
        current.append(Instruction(int(match[1], 16), name, operands, target, callee))
    return functions


class Function:
    """A function as a graph of instructions."""

    def __init__(self, instructions):
        self.instructions = instructions
        self.entry = instructions[0].address
        self.index = {x.address: i for i, x in enumerate(instructions)}

    def count(self, name):
        return sum(x.name == name for x in self.instructions)

    def successors(self, i):
        x = self.instructions[i]
        if x.name in ("ret", "ud2", "int3"):
            return []
        following = [i + 1] if i + 1 < len(self.instructions) else []
        if x.name == "jmp":
            return [self.index[x.target]] if x.target in self.index else []
        if x.name.startswith("j") and x.target in self.index:
            return following + [self.index[x.target]]
        return following

    def path(self, start, goal, allowed=lambda x: True):
        """Shortest list of instructions from `start`, included, to the first that is a `goal`, not
        included; at least one step. None if there is none through what is allowed."""
        before, queue = {}, collections.deque([start])
        while queue:
            i = queue.popleft()
            for j in self.successors(i):
                if goal(j):
                    steps = [i]
                    while steps[-1] != start:
                        steps.append(before[steps[-1]])
                    return [self.instructions[k] for k in reversed(steps)]
                if j not in before and j != start and allowed(self.instructions[j]):
                    before[j] = i
                    queue.append(j)
        return None


def functions_named(functions, part):
    found = [Function(x) for name, all in functions.items() if part in name for x in all if x]
    if not found:
        raise Unexpected(f"no function named like `{part}`: is this a release build of the kernel?")
    return found


def expect(condition, what):
    if not condition:
        raise Unexpected(what)


class MicroKernel:
    """`tiles::multiply` for one or two A tiles and two panels, rows or weights resident: up to the first tiles of A and B; a
    step, which multiplies them, loads the next and calls the epilogue; the last products and
    stores."""

    def __init__(self, functions, halves, rows_stay):
        products = 2 * halves
        second_panel = lambda f: any("tmm1" in x.operands for x in f.instructions)
        streamed = "tmm6" if rows_stay else "tmm4"
        streams = lambda f: any(x.name == "tileloaddt1" and streamed in x.operands
                                for x in f.instructions)
        found = [f for f in functions_named(functions, "kernels::amx::tiles::multiply")
                 if f.count("tdpbusd") == 2 * products and second_panel(f) and streams(f)]
        expect(len(found) == 1,
               f"{len(found)} functions tiles::multiply with {2 * products} tdpbusd, not 1")
        self.function = found[0]
        code = found[0].instructions
        code = code[:next(i for i, x in enumerate(code) if x.name == "ret") + 1]
        jumps = [(i, self.function.index[x.target]) for i, x in enumerate(code)
                 if x.target is not None]
        expect(len(jumps) == 2 and jumps[0][1] == jumps[1][0] + 1
               and jumps[1][1] == jumps[0][0] + 1,
               "tiles::multiply must be one loop and a jump over it")
        top, end = jumps[1][1], jumps[1][0] + 1
        self.before, self.loop, self.behind = code[:top], code[top:end], code[end:]
        names = ("tileload", "tdpbusd", "call", "tilestored")
        counts = [[sum(x.name.startswith(name) for x in part) for name in names]
                  for part in (self.before, self.loop, self.behind)]
        loads = halves + 2
        expect(counts == [[products + loads, 0, 0, 0], [loads, products, 1, 0],
                          [0, products, 1, products]],
               f"counts of {names} before, in and behind the K loop are {counts}")


class Epilogue:
    """`pending::write_rows` for two panels, all 32 channels: the way through one of its loops."""

    def __init__(self, functions, residual):
        form = "residual" if residual else "plain"
        loops = []
        for function in functions_named(functions, "kernels::amx::pending::write_rows"):
            for i, x in enumerate(function.instructions):
                if x.name != "vpackuswb":
                    continue
                # All 32 channels: nothing is masked.
                body = function.path(i, lambda j, i=i: j == i, lambda x: "{k" not in x.operands)
                if body is None:
                    continue
                adds = sum(x.name == "vaddps" for x in body)
                from_memory = sum(x.name == "vcvtdq2ps" and "PTR" in x.operands for x in body)
                packs = sum(x.name == "vpackuswb" for x in body)
                if bool(adds) == residual and from_memory == 4 * packs:
                    loops.append((function, body, packs))
        expect(len(loops) == 1, f"{len(loops)} loops of the {form} epilogue for two panels, not 1")
        function, body, self.pairs = loops[0]
        code = function.instructions
        # The body begins at its packing: turn it so that it begins where it is entered.
        inside = {x.address for x in body}
        self.before = function.path(0, lambda j: code[j].address in inside)
        expect(self.before is not None, f"the {form} loop cannot be reached")
        entered = next(j for j in function.successors(function.index[self.before[-1].address])
                       if code[j].address in inside)
        turn = next(i for i, x in enumerate(body) if x.address == code[entered].address)
        self.body = body[turn:] + body[:turn]

        def to_return(start):
            path = function.path(start, lambda j: code[j].name == "ret")
            expect(path is not None, f"no way from the {form} epilogue to its end")
            return path + [next(x for x in code if x.name == "ret")]

        exits = [x for x in self.body if x.target is not None and x.target not in inside
                 and x.name.startswith("j")]
        ways = [to_return(function.index[x.target]) for x in exits]
        ways += [to_return(function.index[self.body[-1].address])[1:]]
        self.behind = min(ways, key=len)
        self.nothing = to_return(0)

    def call(self, pairs):
        """A call that writes so many pairs of rows: its instructions, one list a pair; those around
        them are with the first and the last."""
        if not pairs:
            return [self.nothing]
        # A loop may write several pairs, of which the last time may need less.
        lists = [self.body if i % self.pairs == 0 else [] for i in range(pairs)]
        return [self.before + lists[0], *lists[1:], self.behind]


class Fetch:
    """`fetch_and_write_rows`: what comes before it goes on as `write_rows`."""

    def __init__(self, functions):
        found = functions_named(functions, "kernels::amx::pending::fetch_and_write_rows")
        expect(found, "no function fetch_and_write_rows")
        code = found[0].instructions
        end = next((i for i, x in enumerate(code) if x.name == "jmp"), None)
        expect(end is not None, "fetch_and_write_rows must end with a jump to write_rows")
        self.instructions = code[:end + 1]
        self.lines = found[0].count("prefetcht0")
        expect(self.lines == 16, f"{self.lines} prefetches of a tile's 16 lines")


class Loop:
    """A function that calls another one again and again: what lies before, between and behind the
    calls, themselves included."""

    def __init__(self, functions, name, callee):
        found = [f for f in functions_named(functions, name)
                 if any(x.callee == callee for x in f.instructions)]
        expect(len(found) == 1, f"{len(found)} functions {name} with the call expected, not 1")
        self.function, self.entry = found[0], found[0].entry
        code = found[0].instructions
        calls = [i for i, x in enumerate(code) if x.callee == callee]
        self.before = found[0].path(0, lambda j: j in calls)
        expect(self.before is not None, f"{name} does not reach its call")
        # The compiler makes one loop of several in the source, or several of one: shortest first.
        loops = [self.path(i, i) for i in calls]
        self.between = sorted((path for path in loops if path is not None), key=len)
        expect(self.between, f"{name} has no loop around its call")
        ends = [found[0].path(i, lambda j: code[j].name == "ret") for i in calls]
        self.behind = min((path for path in ends if path is not None), key=len)
        self.behind = self.behind + [next(x for x in code if x.name == "ret")]

    def path(self, start, end):
        return self.function.path(start, lambda j: j == end, lambda x: x.name != "call")

    def around(self):
        """The shortest way from a call back to it that leaves the innermost loop."""
        inner, index = self.between[0], self.function.index
        inside = {index[x.address] for x in inner}
        ways = []
        for n, x in enumerate(inner):
            for out in set(self.function.successors(index[x.address])) - inside:
                path = self.path(out, index[inner[0].address])
                if path is not None:
                    ways.append(inner[:n + 1] + path)
        expect(ways, "there is no loop around the loop")
        return min(ways, key=len)
