"""A classifier and a regressor for scikit-learn (`pip install "bayes8[sklearn]"`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._bayes8 import Model
from ._files import load

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_consistent_length, column_or_1d
except ImportError as error:
    _MESSAGE = 'bayes8.sklearn needs scikit-learn: pip install "bayes8[sklearn]"'
    raise ImportError(_MESSAGE) from error

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.utils import Tags

    from ._bayes8 import Prediction
    from ._typing import Floats, Path, Pictures


class _Trained:
    """A model that was trained elsewhere. It stands before the mixins, whose tags it changes."""

    model: Model | Path | bytes | None
    samples: int | None
    seed: int | None

    def predict_distribution(self, X: Pictures) -> Prediction:  # noqa: N803
        """Returns the whole prediction, with its uncertainty."""
        return self.model_.predict(X, samples=self.samples, seed=self.seed)

    @property
    def model_(self) -> Model:
        """The model."""
        if isinstance(self.model, Model):
            return self.model
        if self.model is None:
            message = f"{type(self).__name__} needs a model: a bayes8.Model or the path of one"
            raise NotFittedError(message)
        self._refuse_file()
        # Not an argument, so that clones stay equal.
        loaded: tuple[object, Model] | None = getattr(self, "_loaded", None)
        if loaded is None or loaded[0] is not self.model:
            self._loaded = loaded = (self.model, load(self.model))
        return loaded[1]

    def _check(self, X: Pictures) -> None:  # noqa: N803
        """Refuses other kinds and shapes, as `predict` would, without predicting."""
        self.model_.stream(X, samples=1)

    def _refuse_file(self) -> None:
        if hasattr(self.model, "read"):
            message = "model is a file object, which clones cannot share; pass bayes8.load(file)"
            raise TypeError(message)

    def __sklearn_clone__(self) -> _Trained:
        # Copying an open file would fail with a message that names no argument.
        self._refuse_file()
        clone: _Trained = super().__sklearn_clone__()  # type: ignore[misc]
        return clone

    def __sklearn_is_fitted__(self) -> bool:
        return self.model is not None

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags


class BayesianClassifier(_Trained, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A bayes8 model as a trained classifier.

    It is fitted from the start: a model is trained elsewhere. `fit` only checks the labels, so that
    pipelines and tools such as MAPIE can call it.

    Args:
        model: a model, its path or its bytes.
        samples: Monte-Carlo samples of each picture; by default as in `Model.predict`.
        seed: seed of random draws of the weights; by default as in `Model.predict`.
        classes: labels of the classes, in the order of the model's; by default 0, 1, and so on.

    Attributes:
        classes_: the labels.
        n_classes_: how many there are.

    """

    def __init__(
        self,
        model: Model | Path | bytes | None = None,
        *,
        samples: int | None = None,
        seed: int | None = None,
        classes: Any = None,  # noqa: ANN401 (an array)
    ) -> None:
        # Clones compare the arguments with what is stored, so nothing is changed here.
        self.model = model
        self.samples = samples
        self.seed = seed
        self.classes = classes

    def fit(self, X: Pictures, y: Any = None) -> BayesianClassifier:  # noqa: ANN401, N803
        """Checks the pictures, and that `y` has one label of the model for each.

        The weights stay as they are.
        """
        if y is not None:
            check_consistent_length(X, y)
            check_classification_targets(y)
            unknown = np.setdiff1d(column_or_1d(y), self.classes_)
            if len(unknown):
                message = f"y has labels that the model does not know: {unknown[:5].tolist()}"
                raise ValueError(message)
        self._check(X)
        return self

    def predict_proba(self, X: Pictures) -> Floats:  # noqa: N803
        """Returns the mean probabilities, [N, classes]."""
        return np.atleast_2d(self.predict_distribution(X).probabilities)

    def predict(self, X: Pictures) -> NDArray[Any]:  # noqa: N803
        """Returns the most probable labels, [N]."""
        labels: NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return labels

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, in the order of the model's classes."""
        count = len(self.model_.class_names)
        if self.classes is None:
            return np.arange(count)
        labels = np.asarray(self.classes)
        if labels.shape != (count,):
            message = f"classes has the shape {labels.shape}; the model has {count} classes"
            raise ValueError(message)
        if len(np.unique(labels)) < count:
            message = "classes has a label twice; each class has its own"
            raise ValueError(message)
        return labels

    @property
    def n_classes_(self) -> int:
        """The number of classes."""
        return len(self.classes_)


class BayesianRegressor(_Trained, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A bayes8 model as a trained regressor, by its first output.

    It is fitted from the start, as `BayesianClassifier`: `fit` only checks its arguments.

    Args:
        model: a model, its path or its bytes.
        samples: Monte-Carlo samples of each input; by default as in `Model.predict`.
        seed: seed of random draws of the weights; by default as in `Model.predict`.

    """

    def __init__(
        self,
        model: Model | Path | bytes | None = None,
        *,
        samples: int | None = None,
        seed: int | None = None,
    ) -> None:
        self.model = model
        self.samples = samples
        self.seed = seed

    def fit(self, X: Pictures, y: Any = None) -> BayesianRegressor:  # noqa: ANN401, N803
        """Checks the inputs, and that `y` has the targets of the model for each.

        The weights stay as they are.
        """
        targets = self._targets()
        if y is not None:
            check_consistent_length(X, y)
            found = np.shape(y)[1:]
            if found != (targets,) and not (targets == 1 and found == ()):
                message = f"y has the shape {np.shape(y)}; the model has {targets} targets"
                raise ValueError(message)
        self._check(X)
        return self

    def predict(
        self,
        X: Pictures,  # noqa: N803
        return_std: bool = False,  # noqa: FBT001, FBT002 (as in scikit-learn)
    ) -> Floats | tuple[Floats, Floats]:
        """Returns the means of the targets, [N] of one target, otherwise [N, targets].

        With `return_std` also their standard deviations, of both data and model.
        """
        targets = self._targets()
        p = self.predict_distribution(X)
        shape = (-1,) if targets == 1 else (-1, targets)
        mean, std = (np.reshape(figures, shape) for figures in (p.mean, p.std))
        return (mean, std) if return_std else mean

    def _targets(self) -> int:
        """Returns the number of targets."""
        output = self.model_.outputs[0]
        if output.head != "gaussian":
            message = f"the first output of the model has {output.head}, not targets"
            raise ValueError(message)
        return len(output.targets)
