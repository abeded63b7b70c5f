"""Predicts with the workers of Dask.

python batch_dask.py model.safetensors pictures.npz --workers 4
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, as_completed

import bayes8
from bayes8 import Prediction

Pictures = np.ndarray[Any, Any]


def predict_block(
    block: Pictures, model: bayes8.Model, samples: int, seed: int
) -> np.ndarray[Any, Any]:
    """Predicts a block of pictures. Returns an array of one item, the prediction."""
    part = np.empty(1, object)
    part[0] = model.predict(block, samples=samples, seed=seed)
    return part


def split_pictures(
    client: Client, model: bayes8.Model, x: da.Array, samples: int, seed: int = 0
) -> Prediction:
    """Gives each task a block of whole pictures and all samples."""
    parts = x.map_blocks(
        predict_block,
        model=dask.delayed(model),  # travels to each worker once
        samples=samples,
        seed=seed,
        meta=np.empty(0, object),
        drop_axis=list(range(1, x.ndim)),
        chunks=((1,) * x.numblocks[0],),
    )
    return Prediction.concatenate(list(client.compute(parts).result()))


def split_samples(
    client: Client, model: bayes8.Model, x: Pictures, samples: int, seed: int = 0, step: int = 64
) -> Prediction:
    """Gives each task `step` samples and all pictures."""
    parts = [range(start, min(start + step, samples)) for start in range(0, samples, step)]
    shared, pictures = dask.delayed(model), dask.delayed(x)
    tasks = [shared.predict(pictures, samples=part, seed=seed) for part in parts]
    # In the order in which they end: the sums are the same in any.
    finished = (future.result() for future in as_completed(client.compute(tasks)))
    p: Prediction = functools.reduce(Prediction.merge, finished)
    return p


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
    # Client("tcp://scheduler:8786") would use a cluster.
    with (
        LocalCluster(n_workers=args.workers, threads_per_worker=1) as cluster,
        Client(cluster) as client,
    ):
        if args.split == "pictures":
            p = split_pictures(client, model, da.from_array(x, chunks={0: 256}), args.samples)
        else:
            p = split_samples(client, model, x, args.samples)
    print(p, p.digest)


if __name__ == "__main__":
    main()
