"""Predicts with the actors of Ray. The tables are those of classifiers; merging takes any model.

python batch_ray.py model.safetensors pictures.npz --workers 4
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.util import ActorPool

import bayes8
from bayes8 import Prediction

Pictures = np.ndarray[Any, Any]


class Predictor:
    """An actor of Ray Data, which keeps the model."""

    def __init__(self, model: bayes8.Model, samples: int, seed: int) -> None:
        self.model, self.samples, self.seed = model, samples, seed

    def __call__(self, batch: dict[str, Pictures]) -> dict[str, Any]:
        """Predicts a batch. Its pictures are a read-only block, which is not copied."""
        p = self.model.predict(batch["picture"], samples=self.samples, seed=self.seed)
        return {
            "index": batch["index"],
            "probabilities": p.probabilities,
            "predictive_entropy": p.predictive_entropy,
            "mutual_information": p.mutual_information,
            "digest": np.array([one.digest for one in p]),
        }


def split_pictures(
    model: bayes8.Model,
    pictures: ray.data.Dataset,
    samples: int,
    seed: int = 0,
    workers: int = 2,
) -> ray.data.Dataset:
    """Gives each task a block of pictures and all samples. Returns a table of classes."""
    return pictures.map_batches(
        Predictor,
        fn_constructor_kwargs={"model": model, "samples": samples, "seed": seed},
        batch_size=None,  # whole blocks
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=workers),
    )


@ray.remote(num_cpus=1, max_restarts=3, max_task_retries=3)
class Worker:
    """An actor, which keeps the model. It is restarted, and its task too, if it dies."""

    def __init__(self, model: bayes8.Model) -> None:
        self.model = model

    def predict(self, pictures: Pictures, samples: range, seed: int) -> Prediction:
        """Predicts all pictures from some samples."""
        return self.model.predict(pictures, samples=samples, seed=seed)


def split_samples(
    model: bayes8.Model,
    x: Pictures,
    samples: int,
    seed: int = 0,
    step: int = 64,
    workers: int = 2,
) -> Prediction:
    """Gives each task `step` samples and all pictures."""
    parts = [range(start, min(start + step, samples)) for start in range(0, samples, step)]
    pool = ActorPool([Worker.remote(model) for _ in range(workers)])  # type: ignore[attr-defined]
    pictures = ray.put(x)
    # In the order in which they end: the sums are the same in any.
    finished = pool.map_unordered(
        lambda worker, part: worker.predict.remote(pictures, part, seed), parts
    )
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
    # One thread, as there is one actor per core.
    model = bayes8.load(args.model.resolve(), threads=1)
    # ray.init("auto") would use a cluster.
    ray.init(num_cpus=args.workers, include_dashboard=False)
    if args.split == "pictures":
        rows = [{"index": index, "picture": picture} for index, picture in enumerate(x)]
        pictures = ray.data.from_items(rows, override_num_blocks=-(-len(x) // 256))
        table = split_pictures(model, pictures, args.samples, workers=args.workers)
        # Rows come in any order.
        for row in table.sort("index").iter_rows():
            print(row["index"], row["mutual_information"], row["digest"])
    else:
        p = split_samples(model, x, args.samples, workers=args.workers)
        print(p, p.digest)
    ray.shutdown()


if __name__ == "__main__":
    main()
