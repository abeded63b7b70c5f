"""Processes of one machine."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from cluster import (
    MODEL,
    SAMPLES,
    SEED,
    DiesOnce,
    X,
    check_example,
    example,
    of_an_urgent_picture,
    one_machine,
)
from small_networks import NORMALIZED, features, perceptron

import bayes8

batch = example("batch_multiprocessing")


def test_either_split_gives_the_bits_of_one_machine() -> None:
    with batch.start(MODEL, 2) as executor:
        assert batch.split_pictures(executor, X, SAMPLES, SEED, step=16) == one_machine()
        assert batch.split_samples(executor, X, SAMPLES, SEED) == one_machine()
        assert batch.split_samples(executor, X[:1], 1024, SEED) == of_an_urgent_picture()


def test_every_head_travels_between_processes() -> None:
    model = bayes8.quantize(
        perceptron({"kind": 3, "y": 2}),
        moped=0.2,
        calibration=features(64),
        metadata=NORMALIZED,
        outputs={"y": "gaussian-mean", "kind": "classes"},
    )
    x = features(10)
    expected = model.predict(x, samples=20, seed=SEED)
    with batch.start(model, 2) as executor:
        assert batch.split_pictures(executor, x, 20, SEED, step=4) == expected
        assert batch.split_samples(executor, x, 20, SEED, step=7) == expected


@pytest.mark.skipif(os.name == "nt", reason="SKIPPED: signals of POSIX")
@pytest.mark.parametrize("split", ["pictures", "samples"])
def test_a_dead_worker_is_an_error_and_a_second_run_gives_the_same_bits(
    split: str, tmp_path: Path
) -> None:
    model = DiesOnce(tmp_path)
    function = getattr(batch, f"split_{split}")
    with batch.start(model, 2) as executor, pytest.raises(BrokenProcessPool):
        function(executor, X, SAMPLES, SEED, step=16)
    with batch.start(model, 2) as executor:
        assert function(executor, X, SAMPLES, SEED, step=16) == one_machine()
    model.check()


@pytest.mark.parametrize("split", ["pictures", "samples"])
def test_the_example_runs(split: str, tmp_path: Path) -> None:
    check_example("batch_multiprocessing", split, tmp_path)
