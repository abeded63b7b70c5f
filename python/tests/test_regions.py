"""Prediction sets and intervals of models that were calibrated for them."""

from __future__ import annotations

import base64
import json
import pickle

import numpy as np
import pytest
from repository import ROOT

import bayes8

VECTORS = json.loads((ROOT / "tests/vectors/conformal.json").read_text())
X = np.arange(3 * 4 * 4 * 2, dtype=np.uint8).reshape(3, 4, 4, 2) * 2


def model(name: str) -> bayes8.Model:
    return bayes8.Model(base64.b64decode(VECTORS["models"][name]["base64"]), threads=1)


def test_an_output_says_how_it_was_calibrated() -> None:
    kind, size, tags = model("aps").outputs
    assert kind.conformal == bayes8.Conformal("aps", 0.1, 1000, 4, 0)
    assert size.conformal == bayes8.Conformal("residuals", 0.1, 1000, 4, 0)
    assert tags.conformal == bayes8.Conformal("lac", 0.1, 1000, 4, 0)


def test_sets_and_intervals_are_those_of_their_formulas() -> None:
    p = model("aps").predict(X, samples=4)
    kind, size, tags = p.outputs.values()
    assert isinstance(kind, bayes8.ClassFigures)
    assert isinstance(size, bayes8.TargetFigures)
    assert isinstance(tags, bayes8.LabelFigures)
    assert kind.set is not None
    for probabilities, found in zip(kind.probabilities, kind.set, strict=True):
        order = np.argsort(-probabilities, kind="stable")
        inside = np.cumsum(probabilities[order]) <= 0.9
        np.testing.assert_array_equal(found[order], inside)
    thresholds = np.array([0.0, 0.4, 1.0])
    expected = [tags.probabilities <= thresholds, 1 - tags.probabilities <= thresholds]
    np.testing.assert_array_equal(tags.sets, np.stack(expected, axis=-1))
    half = size.std * np.array([0.1 + 0.2, 1e-3])
    expected = [size.mean - half, size.mean + half]
    np.testing.assert_array_equal(size.intervals, np.stack(expected, axis=-1))
    np.testing.assert_array_equal(p.set, kind.set)
    # Of a single picture, and after a pickle.
    single = pickle.loads(pickle.dumps(p[1]))  # noqa: S301
    np.testing.assert_array_equal(single.set, kind.set[1])
    assert size.intervals is not None
    np.testing.assert_array_equal(single.outputs["size"].intervals, size.intervals[1])
    assert single == p[1]
    with pytest.raises(ValueError, match="read-only"):
        kind.set[0, 0] = True


def test_a_prediction_of_no_pictures_has_regions_of_its_heads() -> None:
    p = model("aps").predict(X, samples=4)
    assert p.set is not None
    for none in (p[:0], model("aps").predict(X[:0], samples=4)):
        names = ("set", "intervals", "sets")
        figures = zip(none.outputs.values(), names, strict=True)
        shapes = [np.shape(getattr(of, name)) for of, name in figures]
        assert shapes == [(0, *p.set.shape[1:]), (0, 2, 2), (0, 3, 2)]


def test_a_model_that_was_not_calibrated_has_none() -> None:
    text = (ROOT / "tests/vectors/heads.json").read_text()
    file = json.loads(text)["models"]["classes, labels and targets"]["base64"]
    plain = bayes8.Model(base64.b64decode(file), threads=1)
    p = plain.predict(X, samples=2)
    assert plain.outputs[0].conformal is None
    assert p.set is None
    message = r"classes have no sets; they have .*standard_errors, top$"
    with pytest.raises(AttributeError, match=message):
        _ = p.sets
