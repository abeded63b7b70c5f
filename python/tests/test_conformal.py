"""Sets of classes with a guarantee, by MAPIE around the classifier: the example of the guide."""

from __future__ import annotations

import numpy as np
import pytest
from repository import FASHION, MODELS

from bayes8.sklearn import BayesianClassifier

classification = pytest.importorskip("mapie.classification", reason="SKIPPED: no MAPIE")


def test_sets_contain_the_label_as_often_as_promised() -> None:
    archive = np.load(FASHION / "test.npz")
    x, y = archive["x"], archive["y"]
    classifier = BayesianClassifier(MODELS / "fashion-resnet14.safetensors", samples=16)
    half = len(x) // 2
    conformal = classification.SplitConformalClassifier(
        classifier, confidence_level=0.9, conformity_score="lac", prefit=True
    )
    conformal.conformalize(x[:half], y[:half])
    labels, sets = conformal.predict_set(x[half:])
    np.testing.assert_array_equal(labels, classifier.predict(x[half:]))
    covered = sets[np.arange(len(y) - half), y[half:], 0]
    # A share of a few hundred pictures scatters by some percent.
    assert covered.mean() > 0.85
    assert sets.sum(axis=1).mean() < 2
