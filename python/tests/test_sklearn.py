"""The classifier and the regressor for scikit-learn."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from repository import FASHION, MODELS
from sklearn import metrics
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted
from small_networks import NORMALIZED, features, perceptron

import bayes8
from bayes8.sklearn import BayesianClassifier, BayesianRegressor

FILE = MODELS / "fashion-resnet14.safetensors"


def data() -> tuple[np.ndarray, np.ndarray]:
    archive = np.load(FASHION / "test.npz")
    return archive["x"], archive["y"]


class Tabular(BayesianClassifier):
    """Says that it takes tables: scikit-learn checks almost nothing of other estimators."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


EXPECTED_TO_FAIL = {
    "the model takes pictures, not tables of numbers": [
        "check_classifier_data_not_an_array",
        "check_classifiers_train",
        "check_dict_unchanged",
        "check_dont_overwrite_parameters",
        "check_dtype_object",
        "check_estimators_dtypes",
        "check_estimators_fit_returns_self",
        "check_estimators_overwrite_params",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_fit1d",
        "check_fit2d_1feature",
        "check_fit2d_1sample",
        "check_fit2d_predict1d",
        "check_fit_check_is_fitted",
        "check_fit_idempotent",
        "check_fit_score_takes_y",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_n_features_in",
        "check_n_features_in_after_fitting",
        "check_pipeline_consistency",
        "check_positive_only_tag_during_fit",
        "check_readonly_memmap_input",
        "check_supervised_y_2d",
    ],
    "sparse tables are refused like all others": [
        "check_estimator_sparse_array",
        "check_estimator_sparse_matrix",
        "check_estimator_sparse_tag",
    ],
    "the labels are those of the model": [
        "check_classifiers_classes",
        "check_classifiers_one_label",
    ],
    "only predict, which reads every number, sees those that are not finite": [
        "check_estimators_nan_inf",
    ],
    "a batch may be empty": ["check_estimators_empty_data_messages"],
}


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [Tabular(str(FILE), samples=1)],
    expected_failed_checks=lambda _: {
        check: reason for reason, checks in EXPECTED_TO_FAIL.items() for check in checks
    },
)
def test_checks_of_scikit_learn(estimator: Tabular, check: Callable[[Tabular], None]) -> None:
    check(estimator)


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
    with pytest.raises(ValueError, match="a label twice"):
        BayesianClassifier(model, classes=[1] * 10).predict(x)


def test_without_a_model_it_is_not_fitted() -> None:
    classifier = BayesianClassifier()
    with pytest.raises(NotFittedError, match="needs a model"):
        classifier.predict(data()[0])
    assert not hasattr(classifier, "classes_")
    with pytest.raises(NotFittedError):
        check_is_fitted(classifier, "classes_")


def test_fitting_checks_the_data() -> None:
    x, y = data()
    classifier = BayesianClassifier(FILE, samples=1)
    assert classifier.fit(X=x, y=y) is classifier
    for pictures, labels, message in [
        (x, y[1:], "inconsistent numbers of samples"),
        (x[:, 1:], y, "have the shape"),
        (x[:2], [[0, 1], [1, 2]], "shape"),
        (x[:2], [0.5, 1.5], "Unknown label type"),
    ]:
        with pytest.raises(ValueError, match=message):
            classifier.fit(pictures, labels)


def test_file_objects_are_refused() -> None:
    with FILE.open("rb") as file:
        classifier = BayesianClassifier(file)  # type: ignore[arg-type]
        for use in (lambda: classifier.predict(data()[0]), lambda: clone(classifier)):
            with pytest.raises(TypeError, match=r"pass bayes8\.load\(file\)"):
                use()


def regression(targets: int) -> bayes8.Model:
    return bayes8.quantize(
        perceptron({"y": targets}),
        moped=0.2,
        calibration=features(64),
        metadata=NORMALIZED,
        head="gaussian-mean",
        targets={"noise": 0.5},
    )


def test_a_regressor_predicts_means_and_deviations() -> None:
    model, x = regression(1), features(20)
    p = model.predict(x, samples=4, seed=3)
    regressor = BayesianRegressor(model, samples=4, seed=3)
    assert is_regressor(regressor)
    np.testing.assert_array_equal(regressor.predict(x), p.mean[:, 0])
    mean, std = regressor.predict(x, return_std=True)
    np.testing.assert_array_equal(mean, p.mean[:, 0])
    np.testing.assert_array_equal(std, p.std[:, 0])
    assert regressor.fit(x, mean) is regressor
    assert regressor.score(x, mean) == 1
    assert regressor.predict_distribution(x) == p
    for copy in [clone(regressor), pickle.loads(pickle.dumps(regressor))]:  # noqa: S301
        np.testing.assert_array_equal(copy.predict(x), mean)
    several = BayesianRegressor(regression(3)).fit(x, np.zeros((20, 3)))
    assert np.shape(several.predict(x)) == (20, 3)


def test_a_regressor_refuses_other_models_and_data() -> None:
    x, regressor = features(20), BayesianRegressor(regression(2))
    for targets, message in [
        (np.zeros((20, 3)), r"y has the shape \(20, 3\); the model has 2 targets"),
        (np.zeros(20), "the model has 2 targets"),
        (np.zeros((19, 2)), "inconsistent numbers of samples"),
    ]:
        with pytest.raises(ValueError, match=message):
            regressor.fit(x, targets)
    with pytest.raises(ValueError, match="has classes, not targets"):
        BayesianRegressor(FILE).predict(data()[0])
    with pytest.raises(AttributeError, match="the output .* has 2 targets"):
        BayesianClassifier(regression(2)).predict(x)
    with pytest.raises(NotFittedError, match="BayesianRegressor needs a model"):
        BayesianRegressor().predict(x)
