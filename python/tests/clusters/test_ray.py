"""Ray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import (
    MODEL,
    SAMPLES,
    SEED,
    DiesOnce,
    ReadOnly,
    X,
    check_example,
    check_table,
    engine,
    example,
    of_an_urgent_picture,
    one_machine,
)

ray = engine("ray")
data = engine("ray.data")
batch = example("batch_ray")


@pytest.fixture(scope="module")
def pictures() -> Iterator[Any]:
    ray.init(
        num_cpus=2, include_dashboard=False, object_store_memory=100 << 20, log_to_driver=False
    )
    data.DataContext.get_current().enable_progress_bars = False
    rows = [{"index": index, "picture": picture} for index, picture in enumerate(X)]
    yield data.from_items(rows, override_num_blocks=7)
    ray.shutdown()


def test_either_split_gives_the_bits_of_one_machine(pictures: Any) -> None:
    table = batch.split_pictures(ReadOnly(), pictures, SAMPLES, SEED)
    check_table(table.take_all())
    assert batch.split_samples(ReadOnly(), X, SAMPLES, SEED) == one_machine()
    assert batch.split_samples(MODEL, X[:1], 1024, SEED) == of_an_urgent_picture()


def test_the_pictures_of_a_killed_actor_are_predicted_again(pictures: Any, tmp_path: Path) -> None:
    model = DiesOnce(tmp_path)
    check_table(batch.split_pictures(model, pictures, SAMPLES, SEED).take_all())
    model.check()


@pytest.mark.usefixtures("pictures")
def test_the_samples_of_a_killed_actor_are_drawn_again(tmp_path: Path) -> None:
    model = DiesOnce(tmp_path)
    assert batch.split_samples(model, X, SAMPLES, SEED, step=16) == one_machine()
    model.check()


@pytest.mark.parametrize("split", ["pictures", "samples"])
def test_the_example_runs(split: str, tmp_path: Path) -> None:
    check_example("batch_ray", split, tmp_path)
