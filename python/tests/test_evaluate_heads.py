"""`bayes8.evaluate` of labels, regressions and one of several outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_networks import features, perceptron, quantize

import bayes8


def test_a_regression_is_evaluated() -> None:
    network, x = perceptron({"y": 2}), features(40)
    model = quantize(network, head="gaussian-mean", targets={"scale": [2, 3], "name": ["a", "b"]})
    y = model.predict(x, samples=8).mean
    fp32: dict[str, Any] = {"network": network, "moped": 0.2, "head": "gaussian-mean"}
    report = bayes8.evaluate(model, x, y, samples=8, thresholds={"max_rmse": 0.1}, **fp32)
    assert [target["name"] for target in report["targets"]] == ["a", "b"]
    assert report["targets"][0]["rmse"] < 1e-3
    assert report["fp32"]["targets"][1]["rmse"] > 0
    assert report["provenance"]["files"][0]["path"] == "in memory"
    assert report.missed is None
    assert repr(report) == "<bayes8.Report: gaussian of 'output' on 40 examples, 8 samples>"
    assert "RMSE" in str(report)
    integers = bayes8.evaluate(model, x, np.rint(y).astype(np.int32), samples=8)
    assert 0 < integers["targets"][0]["rmse"] < 1
    with pytest.raises(TypeError, match="^y is <U1; values of targets are floats or integers$"):
        bayes8.evaluate(model, x, np.full((40, 2), "a"))
    with pytest.raises(bayes8.Error, match="1 target for each example, the model has 2"):
        bayes8.evaluate(model, x, y[:, :1])


def test_one_of_several_outputs_is_evaluated() -> None:
    network, x = perceptron({"rain": 2, "size": 1}), features(40)
    model = quantize(network, outputs={"rain": "labels", "size": "gaussian-mean"})
    predicted = model.predict(x, samples=8)
    present = predicted.outputs["rain"].probabilities > 0.5  # type: ignore[union-attr]
    reports = [
        bayes8.evaluate(model, x, y, output="rain", samples=8)
        for y in (present, present.astype(int), present.astype(np.float32))
    ]
    assert all(report["accuracy"] == 1 for report in reports)
    with pytest.raises(TypeError, match="^y is float64; labels are 0 or 1$"):
        bayes8.evaluate(model, x, present * 0.5, output="rain")
    size = predicted.outputs["size"].mean  # type: ignore[union-attr]
    report = bayes8.evaluate(model, x, size, output="size", samples=8)
    assert report["targets"][0]["rmse"] < 1e-3
    # The first output has labels.
    with pytest.raises(TypeError, match="labels are 0 or 1"):
        bayes8.evaluate(model, x, size)


def test_a_classifier_of_numbers_is_evaluated() -> None:
    network, x = perceptron({"y": 3}), features(40)
    model = quantize(network)
    y = model.predict(x, samples=4).probabilities.argmax(axis=1)
    fp32: dict[str, Any] = {"network": network, "moped": 0.2, "outputs": ["y"], "head": "classes"}
    report = bayes8.evaluate(model, x.astype(np.float64), y, samples=4, **fp32)
    assert report["accuracy"] == 1
    assert report["fp32"]["accuracy"] > 0.8
    with pytest.raises(ValueError, match="network is missing, without which head has"):
        bayes8.evaluate(model, x, y, head="classes")
    with pytest.raises(ValueError, match="network is missing, without which outputs has"):
        bayes8.evaluate(model, x, y, outputs=["y"])
