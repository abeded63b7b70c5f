"""Dask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import (
    FILE,
    MODEL,
    SAMPLES,
    SEED,
    DiesOnce,
    X,
    check_example,
    engine,
    example,
    of_an_urgent_picture,
    one_machine,
)

import bayes8

distributed = engine("distributed")
array = engine("dask.array")
batch = example("batch_dask")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def x() -> Any:
    return array.from_array(X, chunks={0: 16})


def test_either_split_gives_the_bits_of_one_machine(client: Any, x: Any) -> None:
    assert batch.split_pictures(client, MODEL, x, SAMPLES, SEED) == one_machine()
    assert batch.split_samples(client, MODEL, X, SAMPLES, SEED) == one_machine()
    assert batch.split_samples(client, MODEL, X[:1], 1024, SEED) == of_an_urgent_picture()


def test_a_model_of_bytes_travels_to_workers_without_a_file(client: Any, x: Any) -> None:
    model = bayes8.load(FILE.read_bytes(), threads=1)
    assert batch.split_pictures(client, model, x, SAMPLES, SEED) == one_machine()


@pytest.mark.parametrize("split", ["pictures", "samples"])
def test_the_tasks_of_a_killed_worker_run_again(
    client: Any, x: Any, split: str, tmp_path: Path
) -> None:
    model = DiesOnce(tmp_path)
    before = set(client.run(os.getpid).values())
    if split == "pictures":
        assert batch.split_pictures(client, model, x, SAMPLES, SEED) == one_machine()
    else:
        assert batch.split_samples(client, model, X, SAMPLES, SEED, step=16) == one_machine()
    model.check()
    client.wait_for_workers(2)
    assert len(before & set(client.run(os.getpid).values())) == 1


@pytest.mark.parametrize("split", ["pictures", "samples"])
def test_the_example_runs(split: str, tmp_path: Path) -> None:
    check_example("batch_dask", split, tmp_path)
