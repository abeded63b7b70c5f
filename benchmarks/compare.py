"""Runs bayes8 and its peers on one network in turns, and prints how many times faster bayes8 is.

The speed of a shared machine drifts by more than the differences measured here. So all contenders
take turns, round after round, and their medians are compared. The figure of merit is image-samples
per second: pictures times weight samples; the single pass of a deterministic peer counts as one.
Every answer is checked before it is timed: `bayes8 bench` compares its bits with the portable
reference, and each peer's answer must correlate with FP32.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from common import add_bayes8, check_files
from installed_peers import add_arguments, prepared, task
from peer import Peer, measure, rate_text


@dataclass
class Contender:
    """Something to measure, with its image-samples per second for each batch, one per round."""

    name: str
    ours: bool
    rate: Callable[[int], float]
    rates: dict[int, list[float]] = field(default_factory=dict)

    def median(self, batch: int) -> float:
        return median(self.rates[batch])


@dataclass
class Bayes8:
    """The command under test."""

    arguments: argparse.Namespace
    machine: str = ""

    def has_bank(self) -> bool:
        return "--bank" in self._run("--help")

    def rate(self, batch: int, options: tuple[str, ...] = ()) -> float:
        a = self.arguments
        numbers = {
            "batch": batch,
            "samples": a.samples,
            "threads": a.threads,
            "seconds": a.seconds,
        }
        flags = [word for name, value in numbers.items() for word in (f"--{name}", str(value))]
        report: dict[str, Any] = json.loads(self._run(str(a.model), *flags, "--json", *options))
        self.machine = f"{report['threads']} threads, {report['kernel']}"
        return float(report["image_samples_per_second"])

    def _run(self, *arguments: str) -> str:
        command = [str(self.arguments.bayes8), "bench", *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def contenders(bayes8: Bayes8, bank: str, peers: list[Peer], seconds: float) -> list[Contender]:
    """All contenders, ours first."""
    ours = [Contender("bayes8, fresh weights", ours=True, rate=bayes8.rate)]
    if bayes8.has_bank():
        rate = partial(bayes8.rate, options=("--bank", bank))
        ours.append(Contender(f"bayes8, bank of {bank}", ours=True, rate=rate))
    else:
        print("SKIPPED bayes8 with a bank: its bench has no --bank", file=sys.stderr)
    return ours + [
        Contender(peer.name, ours=False, rate=partial(measure, peer, seconds=seconds))
        for peer in peers
    ]


def table(all_: list[Contender], batches: list[int]) -> str:
    """Image-samples per second, and below each peer how many times faster ours is."""
    width = 4 + max(len(contender.name) for contender in all_)
    lines = ["image-samples/s".ljust(width) + "".join(f"batch {b}".rjust(12) for b in batches)]

    def line(name: str, cells: list[str]) -> None:
        lines.append(name.ljust(width) + "".join(cell.rjust(12) for cell in cells))

    for contender in all_:
        line(contender.name, [rate_text(contender.median(b)) for b in batches])
        if contender.ours:
            continue
        for ours in (c for c in all_ if c.ours):
            ratios = (ours.median(b) / contender.median(b) for b in batches)
            line(f"  ratio, {ours.name.removeprefix('bayes8, ')}", [f"{r:.2f}x" for r in ratios])
    return "\n".join(lines)


def warn_of_others() -> None:
    """Warns of a busy machine, on which peers whose threads wait for each other suffer most."""
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load > processors / 4:
        message = f"WARNING load average {load:.1f} on {processors} processors: ratios are unfair"
        print(message, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Compare bayes8 with its peers on one network.",
        epilog="Example: python benchmarks/compare.py resnet50/resnet50.safetensors "
        "--network resnet50/network.onnx --rounds 3 --seconds 3 --json resnet50.json",
    )
    add_arguments(parser)
    add_bayes8(parser)
    parser.add_argument(
        "--samples", type=int, default=8, metavar="S", help="bayes8's samples per call (default: 8)"
    )
    parser.add_argument(
        "--bank", default="2GiB", metavar="BYTES", help="bayes8's packed weights (default: 2GiB)"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single measurement")
    arguments = parser.parse_args()
    check_files(parser, arguments.model, arguments.network, arguments.bayes8)

    warn_of_others()
    bayes8 = Bayes8(arguments)
    peers = prepared(arguments.peers, task(arguments))
    all_ = contenders(bayes8, arguments.bank, peers, arguments.seconds)
    for number in range(1, arguments.rounds + 1):
        for batch in arguments.batches:
            for contender in all_:
                rate = contender.rate(batch)
                contender.rates.setdefault(batch, []).append(rate)
                progress = f"round {number}, batch {batch}, {contender.name}: {rate_text(rate)}"
                print(progress, file=sys.stderr)

    print(f"{arguments.model.stem}: {bayes8.machine}, median of {arguments.rounds} rounds")
    print(table(all_, arguments.batches))
    if arguments.json:
        report = {
            "model": arguments.model.name,
            "threads": arguments.threads,
            "samples": arguments.samples,
            "machine": bayes8.machine,
            "versions": {peer.package: version(peer.package) for peer in peers},
            "image_samples_per_second": {c.name: c.rates for c in all_},
        }
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
