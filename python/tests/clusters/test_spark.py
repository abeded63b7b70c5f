"""Spark."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import (
    MODEL,
    SAMPLES,
    SEED,
    DiesOnce,
    X,
    check_example,
    check_table,
    engine,
    example,
    of_an_urgent_picture,
    one_machine,
)

sql = engine("pyspark.sql")
pandas = engine("pandas")
engine("pyarrow")
if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
    pytest.skip("SKIPPED: there is no java, which Spark needs", allow_module_level=True)
batch = example("batch_spark")


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
    }
    # Workers run this Python. The examples, which inherit the environment, see to that themselves.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        # Four attempts at a task.
        spark = sql.SparkSession.builder.master("local[2,4]").config(map=settings).getOrCreate()
    yield spark
    spark.stop()


@pytest.fixture(scope="module")
def pictures(spark: Any) -> Any:
    rows = pandas.DataFrame({"index": range(len(X)), "pixels": [each.tobytes() for each in X]})
    return spark.createDataFrame(rows, "index long, pixels binary").repartition(4)


def rows(table: Any) -> list[Any]:
    return [row.asDict() for row in table.collect()]


def test_either_split_gives_the_bits_of_one_machine(spark: Any, pictures: Any) -> None:
    check_table(rows(batch.split_pictures(MODEL, pictures, SAMPLES, SEED)))
    assert batch.split_samples(spark, MODEL, X, SAMPLES, SEED) == one_machine()
    assert batch.split_samples(spark, MODEL, X[:1], 1024, SEED) == of_an_urgent_picture()


def test_the_pictures_of_a_killed_worker_are_predicted_again(pictures: Any, tmp_path: Path) -> None:
    model = DiesOnce(tmp_path)
    check_table(rows(batch.split_pictures(model, pictures, SAMPLES, SEED)))
    model.check()


def test_the_samples_of_a_killed_worker_are_drawn_again(spark: Any, tmp_path: Path) -> None:
    model = DiesOnce(tmp_path)
    assert batch.split_samples(spark, model, X, SAMPLES, SEED) == one_machine()
    model.check()


@pytest.mark.parametrize("split", ["pictures", "samples"])
def test_the_example_runs(split: str, tmp_path: Path) -> None:
    check_example("batch_spark", split, tmp_path)
