"""Predicts with several processes of one machine.

python batch_multiprocessing.py model.safetensors pictures.npz --workers 4
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import bayes8
from bayes8 import Prediction

Pictures = np.ndarray[Any, Any]

# The model of a worker, which its first task finds loaded.
model: bayes8.Model


def start_worker(its_model: bayes8.Model) -> None:
    """Keeps the model: it was pickled as its path, and loaded here."""
    global model  # noqa: PLW0603
    model = its_model


def predict(pictures: Pictures, samples: int | range, seed: int) -> Prediction:
    """Predicts in a worker."""
    return model.predict(pictures, samples=samples, seed=seed)


def start(model: bayes8.Model, workers: int) -> ProcessPoolExecutor:
    """Starts worker processes that have the model."""
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=start_worker,
        initargs=(model,),
    )


def split_pictures(
    executor: ProcessPoolExecutor, x: Pictures, samples: int, seed: int = 0, step: int = 256
) -> Prediction:
    """Gives each task `step` pictures and all samples."""
    parts = [x[start : start + step] for start in range(0, len(x), step)]
    each = functools.partial(predict, samples=samples, seed=seed)
    return Prediction.concatenate(list(executor.map(each, parts)))


def split_samples(
    executor: ProcessPoolExecutor, x: Pictures, samples: int, seed: int = 0, step: int = 64
) -> Prediction:
    """Gives each task `step` samples and all pictures."""
    parts = [range(start, min(start + step, samples)) for start in range(0, samples, step)]
    each = functools.partial(predict, x, seed=seed)
    return functools.reduce(Prediction.merge, executor.map(each, parts))


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("pictures", type=Path, help="an npz archive with an array x")
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--split", choices=["pictures", "samples"], default="pictures")
    args = parser.parse_args()

    x = np.load(args.pictures)["x"]
    # One thread, as there is one worker per core.
    model = bayes8.load(args.model.resolve(), threads=1)
    split = split_pictures if args.split == "pictures" else split_samples
    with start(model, args.workers) as executor:
        p = split(executor, x, args.samples)
    print(p, p.digest)


if __name__ == "__main__":
    main()
