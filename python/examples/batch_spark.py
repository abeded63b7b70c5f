"""Predicts with the workers of Spark. The tables are those of classifiers; merging takes any model.

python batch_spark.py model.safetensors pictures.npz --workers 4
"""

from __future__ import annotations

import argparse
import functools
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

import bayes8
from bayes8 import Prediction

Pictures = np.ndarray[Any, Any]

COLUMNS = """
    index long, probabilities array<double>, predictive_entropy double, mutual_information double,
    digest string
"""


def split_pictures(
    model: bayes8.Model, pictures: DataFrame, samples: int, seed: int = 0
) -> DataFrame:
    """Gives each task a partition of pictures and all samples. Returns a table of classes.

    Args:
        model: travels with the tasks, as its path.
        pictures: a column `index`, and a column `pixels` with the bytes of each picture.
        samples: number of samples.
        seed: seed of the weights.

    """

    def predict(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            pixels = b"".join(batch["pixels"].to_pylist())
            x = np.frombuffer(pixels, np.uint8).reshape(-1, *model.input_shape)
            p = model.predict(x, samples=samples, seed=seed)
            yield pa.RecordBatch.from_pydict(
                {
                    "index": batch["index"],
                    "probabilities": list(p.probabilities),
                    "predictive_entropy": p.predictive_entropy,
                    "mutual_information": p.mutual_information,
                    "digest": [one.digest for one in p],
                }
            )

    return pictures.mapInArrow(predict, COLUMNS)


def split_samples(
    spark: SparkSession,
    model: bayes8.Model,
    x: Pictures,
    samples: int,
    seed: int = 0,
    step: int = 64,
) -> Prediction:
    """Gives each task about `step` samples and all pictures."""

    def predict(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            # A row is the index of a sample. Those of a batch follow each other.
            part = range(batch["id"].iloc[0], batch["id"].iloc[-1] + 1)
            p = model.predict(x, samples=part, seed=seed)
            yield pd.DataFrame({"prediction": [pickle.dumps(p)]})

    indices = spark.range(0, samples, numPartitions=-(-samples // step))
    rows = indices.mapInPandas(predict, "prediction binary").collect()
    parts = [pickle.loads(row.prediction) for row in rows]  # noqa: S301 (of our own workers)
    p: Prediction = functools.reduce(Prediction.merge, parts)
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
    # One thread, as Spark runs one task per core.
    model = bayes8.load(args.model.resolve(), threads=1)
    # The workers of this machine run the same Python, not the `python3` of the PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # Each task may fail three times, as in a cluster. There, leave the master to spark-submit.
    spark = SparkSession.builder.master(f"local[{args.workers},4]").getOrCreate()
    if args.split == "pictures":
        rows = pd.DataFrame({"index": range(len(x)), "pixels": [each.tobytes() for each in x]})
        pictures = spark.createDataFrame(rows, "index long, pixels binary")
        table = split_pictures(model, pictures.repartition(args.workers), args.samples)
        # Rows come in any order.
        for row in table.orderBy("index").collect():
            print(row.index, row.mutual_information, row.digest)
    else:
        p = split_samples(spark, model, x, args.samples)
        print(p, p.digest)
    spark.stop()


if __name__ == "__main__":
    main()
