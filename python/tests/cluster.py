"""What the tests of clusters share: a model, pictures, what one machine predicts, and death."""

from __future__ import annotations

import functools
import importlib
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from repository import MODELS, ROOT

import bayes8

EXAMPLES = ROOT / "python/examples"
# Workers import the examples and this module too.
FOLDERS = [str(EXAMPLES), str(Path(__file__).parent)]
sys.path[:0] = [folder for folder in FOLDERS if folder not in sys.path]
os.environ["PYTHONPATH"] = os.pathsep.join([*FOLDERS, os.environ.get("PYTHONPATH", "")])

FILE = MODELS / "mnist-cnn.safetensors"
MODEL = bayes8.load(FILE, threads=1)
SEED = 7
# A hundred pictures, and samples that no part divides.
SAMPLES = 300
X: NDArray[np.uint8] = np.random.default_rng(5).integers(0, 256, (100, 28, 28), np.uint8)


@functools.cache
def one_machine() -> bayes8.Prediction:
    """All pictures from all samples."""
    return bayes8.load(FILE).predict(X, samples=SAMPLES, seed=SEED)


@functools.cache
def of_an_urgent_picture() -> bayes8.Prediction:
    """One picture from 1,024 samples."""
    return bayes8.load(FILE).predict(X[:1], samples=1024, seed=SEED)


def check_table(rows: list[Any]) -> None:
    """Checks a table of predictions, in any order."""
    expected = one_machine()
    rows = sorted(rows, key=lambda row: row["index"])
    assert [row["index"] for row in rows] == list(range(len(X)))
    assert [row["digest"] for row in rows] == [p.digest for p in expected]
    np.testing.assert_array_equal([row["probabilities"] for row in rows], expected.probabilities)
    for name in ("predictive_entropy", "mutual_information"):
        np.testing.assert_array_equal([row[name] for row in rows], getattr(expected, name))


def engine(name: str) -> Any:
    """Imports the package of an engine, or skips the tests of a module."""
    reason = f"SKIPPED: {name} is not installed: pip install './python[clusters]'"
    return pytest.importorskip(name, reason=reason)


def example(name: str) -> Any:
    """Imports an example."""
    return importlib.import_module(name)


def run_example(name: str, split: str, folder: Path) -> str:
    """Runs an example with the pictures, and returns what it prints."""
    np.savez(folder / "x.npz", x=X)
    options = ["--samples", "100", "--workers", "2", "--split", split]
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), str(FILE), str(folder / "x.npz")]
    run = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def check_example(name: str, split: str, folder: Path) -> None:
    """Runs an example that prints a digest, or one for each picture."""
    output = run_example(name, split, folder)
    expected = MODEL.predict(X, samples=100)
    digests = [line.split()[-1] for line in output.splitlines()]
    assert digests in ([expected.digest], [p.digest for p in expected])


class DiesOnce:
    """A model in whose second or a later prediction the process is killed, once in all processes.

    It is sent to workers in the place of a model.
    """

    def __init__(self, folder: Path) -> None:
        self.model = MODEL
        self.folder = folder
        self.input_shape = MODEL.input_shape

    def predict(self, pictures: Any, **options: Any) -> bayes8.Prediction:
        if len(self.finished()) >= 2:
            try:
                (self.folder / "died").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        p = self.model.predict(pictures, **options)
        (self.folder / f"{os.getpid()}-{uuid.uuid4().hex}.finished").touch()
        return p

    def finished(self) -> list[Path]:
        """A file for each prediction that finished."""
        return list(self.folder.glob("*.finished"))

    def check(self) -> None:
        """Checks that a worker died in the middle."""
        assert (self.folder / "died").exists()
        assert len(self.finished()) > 2
        assert not list(self.folder.glob(f"{os.getpid()}-*"))


class ReadOnly:
    """A model that insists on pictures that cannot be written and need no copy."""

    def __init__(self) -> None:
        self.model = MODEL

    def predict(self, pictures: NDArray[Any], **options: Any) -> bayes8.Prediction:
        assert not pictures.flags.writeable
        assert pictures.flags.c_contiguous
        return self.model.predict(pictures, **options)
