"""A classifier for scikit-learn (`pip install "bayes8[sklearn]"`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._bayes8 import Model
from ._files import load

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
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


class BayesianClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A bayes8 model as a trained classifier.

    It is fitted from the start: a model is trained elsewhere. `fit` only checks the labels, so that
    pipelines and tools such as MAPIE can call it.

    Args:
        model: a model, its path or its bytes.
        samples: Monte-Carlo samples of each picture; by default as in `Model.predict`.
        seed: seed of the weights.
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
        seed: int = 0,
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
        # Refuses other kinds and shapes, as `predict` would, without predicting.
        self.model_.stream(X, samples=1)
        return self

    def predict_distribution(self, X: Pictures) -> Prediction:  # noqa: N803
        """Returns the whole prediction, with its uncertainty."""
        return self.model_.predict(X, samples=self.samples, seed=self.seed)

    def predict_proba(self, X: Pictures) -> Floats:  # noqa: N803
        """Returns the mean probabilities, [N, classes]."""
        return np.atleast_2d(self.predict_distribution(X).probabilities)

    def predict(self, X: Pictures) -> NDArray[Any]:  # noqa: N803
        """Returns the most probable labels, [N]."""
        labels: NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return labels

    @property
    def model_(self) -> Model:
        """The model."""
        if isinstance(self.model, Model):
            return self.model
        if self.model is None:
            message = "BayesianClassifier needs a model: a bayes8.Model or the path of one"
            raise NotFittedError(message)
        self._refuse_file()
        # Not an argument, so that clones stay equal.
        loaded: tuple[object, Model] | None = getattr(self, "_loaded", None)
        if loaded is None or loaded[0] is not self.model:
            self._loaded = loaded = (self.model, load(self.model))
        return loaded[1]

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

    def _refuse_file(self) -> None:
        if hasattr(self.model, "read"):
            message = "model is a file object, which clones cannot share; pass bayes8.load(file)"
            raise TypeError(message)

    def __sklearn_clone__(self) -> BayesianClassifier:
        # Copying an open file would fail with a message that names no argument.
        self._refuse_file()
        clone: BayesianClassifier = super().__sklearn_clone__()
        return clone

    def __sklearn_is_fitted__(self) -> bool:
        return self.model is not None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags
