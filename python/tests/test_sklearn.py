"""The classifier for scikit-learn."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from repository import FASHION, MODELS
from sklearn import metrics
from sklearn.base import clone, is_classifier
from sklearn.utils import estimator_checks

import bayes8
from bayes8.sklearn import BayesianClassifier

FILE = MODELS / "fashion-resnet14.safetensors"


def data() -> tuple[np.ndarray, np.ndarray]:
    archive = np.load(FASHION / "test.npz")
    return archive["x"], archive["y"]


# The other checks fit estimators on tables of their own invention; a model takes one shape of
# pictures and is not fitted.
@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_checks_of_scikit_learn_that_apply(check: str) -> None:
    getattr(estimator_checks, check)("BayesianClassifier", BayesianClassifier(str(FILE)))


def test_it_predicts_what_the_model_does() -> None:
    x, y = data()
    classifier = BayesianClassifier(FILE, samples=4, seed=3)
    assert is_classifier(classifier)
    p = bayes8.load(FILE).predict(x, samples=4, seed=3)
    np.testing.assert_array_equal(classifier.predict_proba(x), p.probabilities)
    assert classifier.score(x, y) == metrics.accuracy_score(y, classifier.predict(x)) > 0.8
    assert classifier.predict_distribution(x) == p
    for copy in [clone(classifier), pickle.loads(pickle.dumps(classifier))]:  # noqa: S301
        np.testing.assert_array_equal(copy.predict(x), classifier.predict(x))


def test_labels_may_have_names() -> None:
    x, y = data()
    model = bayes8.load(FILE)
    names = np.array(model.class_names)
    classifier = BayesianClassifier(model, samples=1, classes=names)
    assert classifier.fit(x, names[y]).score(x, names[y]) > 0.8
    assert classifier.n_classes_ == 10
    with pytest.raises(ValueError, match="does not know: \\['hat'\\]"):
        classifier.fit(x[:1], ["hat"])
    with pytest.raises(ValueError, match="the model has 10 classes"):
        BayesianClassifier(model, classes=[1, 2]).predict(x)
    with pytest.raises(ValueError, match="needs a model"):
        BayesianClassifier().predict(x)
