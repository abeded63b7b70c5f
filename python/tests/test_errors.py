"""Standard errors of classes, labels and targets."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from small_networks import features, perceptron, quantize

import bayes8

SEVERAL = quantize(
    perceptron({"kind": 3, "mean": 1, "tags": 2}),
    outputs={"kind": "classes", "mean": "gaussian-mean", "tags": "labels"},
)


def test_standard_errors_are_those_of_means() -> None:
    x, n = features(5), 8
    p = SEVERAL.predict(x, samples=n, keep_logits=True)
    kind, length, tags = p.outputs.values()
    assert isinstance(kind, bayes8.ClassFigures)
    assert isinstance(length, bayes8.TargetFigures)
    assert isinstance(tags, bayes8.LabelFigures)
    assert isinstance(kind.standard_errors, bayes8.ClassErrors)
    assert isinstance(length.standard_errors, bayes8.TargetErrors)
    assert isinstance(tags.standard_errors, bayes8.LabelErrors)

    def error(samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the standard error of the mean over axis 1."""
        return np.asarray(samples.std(axis=1, ddof=1) / np.sqrt(n))

    def entropy(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(-np.sum(probabilities * np.log(probabilities), axis=-1))

    assert p.logits is not None
    logits = p.logits.astype(np.float64)
    classes = np.exp(logits[..., :3])
    classes /= classes.sum(axis=-1, keepdims=True)
    errors, logs = error(classes), np.log(classes.mean(axis=1))
    k = (errors * logs).sum(axis=-1, keepdims=True) / errors.sum(axis=-1, keepdims=True)
    total, expected = (errors * np.abs(logs - k)).sum(axis=-1), error(entropy(classes))
    found = kind.standard_errors
    np.testing.assert_allclose(found.probabilities, errors, atol=1e-5)
    np.testing.assert_allclose(found.predictive_entropy, total, atol=1e-4)
    np.testing.assert_allclose(found.expected_entropy, expected, atol=1e-4)
    np.testing.assert_array_equal(
        found.mutual_information, found.predictive_entropy + found.expected_entropy
    )

    labels = 1 / (1 + np.exp(-logits[..., 4:]))
    mean, of_tags = labels.mean(axis=1), tags.standard_errors
    np.testing.assert_allclose(of_tags.probabilities, error(labels), atol=1e-5)
    slope = np.abs(np.log(mean / (1 - mean)))
    np.testing.assert_allclose(of_tags.predictive_entropy, slope * error(labels), atol=1e-4)
    outcomes = np.stack([labels, 1 - labels], axis=-1)
    np.testing.assert_allclose(of_tags.expected_entropy, error(entropy(outcomes)), atol=1e-4)
    spread = length.epistemic_std / np.sqrt(n - 1)
    np.testing.assert_allclose(length.standard_errors.mean, spread, rtol=1e-12)

    assert p.standard_errors is kind.standard_errors
    with pytest.raises(ValueError, match="read-only"):
        p.standard_errors.probabilities[0] = 1
    assert isinstance(p[0].standard_errors.mutual_information, float)
    assert p[0].standard_errors.probabilities.shape == (3,)
    assert all(of.standard_errors is None for of in SEVERAL.predict(x, samples=1).outputs.values())
