"""Compares predictions from Python with `bayes8 bench`, which makes them from Rust.

Both run the same engine, so the difference is what a call from Python costs: checking and passing
the pictures, releasing the interpreter's lock, and making the arrays of the result. They take turns,
and the best rounds are compared. With --python-threads, several Python threads share a model and
predict at once, each on its thread; the Rust side gets the same number of threads, up to the number
of processors. The answers are checked against the portable reference first.

    pip install ./python
    python benchmarks/python_api.py models/mnist-scnn.safetensors --samples 1
    python benchmarks/python_api.py resnet50.safetensors --batch 8 --samples 4
    python benchmarks/python_api.py models/cifar10-resnet20.safetensors --batch 8 --python-threads 8
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import bayes8
import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--batch", type=int, default=1, help="pictures of a call")
    parser.add_argument("--samples", type=int, default=8, help="weight samples of a call")
    parser.add_argument("--threads", type=int, default=1, help="threads of a prediction")
    parser.add_argument(
        "--python-threads", type=int, default=1, help="threads that predict at once"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="duration of each side of a round")
    a = parser.parse_args()
    if a.python_threads > 1 and a.threads > 1:
        parser.error("--python-threads share a model of one thread")

    model = bayes8.load(a.model, threads=a.threads)
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (a.batch, *model.input_shape), np.uint8)
    reference = bayes8.load(a.model, isa="portable").predict(pictures[:1], samples=1)
    if model.predict(pictures, samples=1)[0] != reference[0]:
        sys.exit("the answers differ from the portable reference")

    ours, rust = [], []
    for _ in range(a.rounds):
        ours.append(python_rate(model, pictures, a))
        rust.append(rust_rate(a))
    best = [max(ours), max(rust)]
    print(
        f"{model.name}: {a.batch} pictures, {a.samples} samples, {model.isa}, {os.cpu_count()} processors"
    )
    print(
        f"Python {best[0]:,.1f} and Rust {best[1]:,.1f} image-samples a second: {best[0] / best[1]:.3f}"
    )
    if a.python_threads == 1:
        work = a.batch * a.samples
        print(
            f"a call takes {1e6 * (work / best[0] - work / best[1]):+.1f} microseconds more than from Rust"
        )


def python_rate(model: bayes8.Model, pictures: np.ndarray, a: argparse.Namespace) -> float:
    """Image-samples per second of predictions that read their figures, by their median duration."""

    def durations(end: float) -> list[float]:
        found = []
        while time.perf_counter() < end:
            start = time.perf_counter()
            model.predict(pictures, samples=a.samples).probabilities  # noqa: B018
            found.append(time.perf_counter() - start)
        return found

    start = time.perf_counter()
    if a.python_threads == 1:
        return a.batch * a.samples / median(durations(start + a.seconds))
    ends = [start + a.seconds] * a.python_threads
    with ThreadPoolExecutor(a.python_threads) as threads:
        calls = sum(map(len, threads.map(durations, ends)))
    return calls * a.batch * a.samples / (time.perf_counter() - start)


def rust_rate(a: argparse.Namespace) -> float:
    """Image-samples per second of `bayes8 bench`."""
    threads = min(max(a.threads, a.python_threads), os.cpu_count() or 1)
    numbers = {"batch": a.batch, "samples": a.samples, "threads": threads, "seconds": a.seconds}
    flags = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    command = [sys.executable, "-m", "bayes8", "bench", str(a.model), *flags, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout)["image_samples_per_second"])


if __name__ == "__main__":
    main()
