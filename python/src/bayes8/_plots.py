"""Diagrams by matplotlib, if it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._bayes8 import Prediction

# Classes that are drawn.
_MOST_CLASSES = 10


def prediction(p: Prediction, ax: Any = None) -> Any:  # noqa: ANN401 (matplotlib's Axes)
    """Draws the probabilities of a picture with their standard deviations; returns the axes."""
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415 (optional)
    except ImportError as error:
        message = "diagrams need matplotlib: pip install matplotlib"
        raise ImportError(message) from error
    if not p.is_single:
        message = "draw the prediction of one picture, such as p[0].plot()"
        raise ValueError(message)
    if ax is None:
        _, ax = plt.subplots()
    order = np.argsort(-p.probabilities, kind="stable")[:_MOST_CLASSES][::-1]
    ax.barh([p.class_names[i] for i in order], p.probabilities[order], xerr=p.std[order])
    ax.set_xlim(0, 1)
    ax.set_xlabel("probability, with its standard deviation over the samples")
    ax.set_title(f"epistemic {p.mutual_information:.3f} of {p.predictive_entropy:.3f} nats")
    return ax
