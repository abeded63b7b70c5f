"""Ensembles and Monte-Carlo dropout from Python."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from repository import FASHION, ROOT

import bayes8
from bayes8.sklearn import BayesianClassifier

NETWORK, POSTERIOR = FASHION / "network.onnx", FASHION / "posterior.safetensors"
DROPOUT = ROOT / "cli/tests/data/dropout.onnx"


def pictures(count: int, side: int) -> Any:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def dropout() -> bayes8.Model:
    return bayes8.quantize(
        DROPOUT, mc_dropout="all", calibration=pictures(20, 8), class_names=["a", "b", "c"]
    )


def test_dropout_that_is_activated_varies(dropout: bayes8.Model) -> None:
    (node,) = dropout.info["dropout"]
    assert node == {"node": "drop", "probability": 0.5, "kind": "element"}
    assert (dropout.info["members"], dropout.info["default_samples"]) == (1, 32)
    assert [layer["name"] for layer in dropout.layers if layer["dropout"]] == ["drop"]
    prediction = dropout.predict(pictures(3, 8))
    assert prediction.samples == 32
    assert (prediction.mutual_information > 0).all()


@pytest.mark.parametrize(
    ("mc_dropout", "probability"),
    [
        (["drop"], 0.5),
        (("drop",), 0.5),
        (("all", 0.25), 0.25),
        ((["drop"], 0.125), 0.125),
    ],
)
def test_dropout_nodes_have_names_and_probabilities(mc_dropout: Any, probability: float) -> None:
    model = bayes8.quantize(DROPOUT, mc_dropout=mc_dropout, calibration=pictures(5, 8))
    assert model.info["dropout"][0]["probability"] == probability


def test_an_evaluation_compares_dropout_with_fp32(dropout: bayes8.Model) -> None:
    x = pictures(30, 8)
    y = dropout.predict(x).probabilities.argmax(axis=1)
    fp32: dict[str, Any] = {"network": DROPOUT, "mc_dropout": "all", "fp32_noise": "int8"}
    report = bayes8.evaluate(dropout, x, y, **fp32)
    assert report["samples"] == 32
    assert report["randomness"]["dropout"] == dropout.info["dropout"]
    assert report["fp32"]["comparison"]["spearman_mutual_information"] > 0.9


def halved(path: Path) -> Path:
    """Writes the posterior with half of its standard deviations."""
    data = POSTERIOR.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    names = set(json.loads(data[8:start])) - {"__metadata__"}
    assert all(name.endswith(".sigma") for name in names)
    path.write_bytes(data[:start] + (np.frombuffer(data[start:], "<f4") / 2).tobytes())
    return path


def test_members_of_an_ensemble_have_posteriors(tmp_path: Path) -> None:
    calibration = np.load(FASHION / "calibration.npz")["x"][:20]
    members: dict[str, Any] = {
        "members": [NETWORK, NETWORK],
        "posterior": [POSTERIOR, halved(tmp_path / "half.safetensors")],
    }
    model = bayes8.quantize(
        calibration=calibration,
        metadata=FASHION / "metadata.json",
        calibration_draws=1,
        **members,
    )
    assert (model.info["members"], model.info["default_samples"]) == (2, 32)
    assert {layer["members"] for layer in model.layers if layer["bayesian"]} == {2}
    data = np.load(FASHION / "test.npz")
    x, y = data["x"][:20], data["y"][:20]
    report = bayes8.evaluate(model, x, y, samples=4, fp32_noise="int8", **members)
    assert report["randomness"]["members"] == 2
    # Only the standard deviations differ, so the mean weights agree but for rounding.
    assert report["member_disagreement"]["total_variation"] < 0.1
    assert report["fp32"]["member_disagreement"] == {"classes": 0.0, "total_variation": 0.0}


def test_a_classifier_takes_the_default_number_of_samples(dropout: bayes8.Model) -> None:
    classifier = BayesianClassifier(dropout)
    assert classifier.predict_distribution(pictures(2, 8)).samples == 32
    assert [p.samples for p in dropout.stream(pictures(1, 8), every=16)] == [16, 32]
