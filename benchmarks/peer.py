"""Peers: other programs that run the same network, checked before they are timed."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# Runs that are timed even if they take longer than requested.
FEWEST_RUNS = 3
# Pictures of a check: enough logits for a stable correlation.
CHECK_PICTURES = 8


@dataclass(frozen=True)
class Task:
    """What to run."""

    network: Path
    """ONNX file with every weight at its mean, BatchNormalization as nodes."""
    bytes: NDArray[np.uint8]
    """Pictures [N, H, W, C] for calibration and checks."""
    pictures: Array
    """These pictures, normalized, [N, C, H, W]."""
    delta: float
    """Standard deviation of each weight as a share of its magnitude (MOPED)."""
    threads: int


class CannotRunError(Exception):
    """A peer cannot run this task; the message says what to do about it."""


class Peer(ABC):
    """Something that runs the network of a task."""

    name: ClassVar[str]
    package: ClassVar[str]
    least_correlation: ClassVar[float]
    """Below this correlation with the FP32 network of mean weights, an answer counts as wrong."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @abstractmethod
    def prepare(self) -> None:
        """Imports packages, loads, calibrates and quantizes. Raises CannotRunError."""

    @abstractmethod
    def reference(self, pictures: Array) -> Array:
        """Logits [N, classes] of the FP32 network with its mean weights."""

    @abstractmethod
    def predict(self, pictures: Array) -> Array:
        """Logits [N, classes], of one weight sample where the network is Bayesian."""

    def tune(self, pictures: Array) -> None:
        """Called before each measurement with the batch that follows; the time is not counted."""
        self.predict(pictures)

    def check(self) -> float:
        """Correlation of the answer with the reference. Raises CannotRunError if it is too low."""
        pictures = self.task.pictures[:CHECK_PICTURES]
        answers = [self.predict(pictures), self.reference(pictures)]
        correlation = float(np.corrcoef([answer.ravel() for answer in answers])[0, 1])
        if not correlation >= self.least_correlation:
            message = f"wrong answer: correlation {correlation:.3f} with its FP32 network"
            raise CannotRunError(message)
        return correlation


def measure(peer: Peer, batch: int, seconds: float) -> float:
    """Image-samples per second: pictures of a batch over the median time of a run."""
    pictures = repeat_to(peer.task.pictures, batch)
    peer.tune(pictures)
    return batch / median(timed(lambda: peer.predict(pictures), seconds))


def timed(call: Callable[[], object], seconds: float, fewest: int = FEWEST_RUNS) -> list[float]:
    """Duration of each of several calls, in seconds."""
    start = time.perf_counter()
    times: list[float] = []
    while len(times) < fewest or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return times


def rate_text(rate: float) -> str:
    """A rate with three digits."""
    return f"{float(f'{rate:.3g}'):,g}"


def repeat_to(pictures: Array, count: int) -> Array:
    """`count` pictures, which repeat in order."""
    return np.ascontiguousarray(pictures[np.arange(count) % len(pictures)])
