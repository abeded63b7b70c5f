"""Diagrams by matplotlib, if it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._maps import class_picture, plane
from ._outputs import ClassFigures, TargetFigures

if TYPE_CHECKING:
    from ._bayes8 import Prediction

# Classes that are drawn.
_MOST_CLASSES = 10


def prediction(p: Prediction, ax: Any = None) -> Any:  # noqa: ANN401 (matplotlib's Axes)
    """Draws the first output of a picture with its standard deviations; returns the axes."""
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
    figures = next(iter(p.outputs.values()))
    if figures.output.positions:
        positions = figures.output.positions
        if isinstance(figures, ClassFigures):
            classes = plane(figures.classes, positions)
            ax.imshow(class_picture(classes, len(figures.output.class_names)))
        else:
            values = figures.mean if isinstance(figures, TargetFigures) else figures.probabilities
            ax.imshow(plane(values[..., 0], positions))
        return ax
    if isinstance(figures, TargetFigures):
        names = [f"{t.name} ({t.unit})" if t.unit else t.name for t in figures.output.targets]
        ax.errorbar(figures.mean, names, xerr=figures.std, fmt="o")
        ax.set_xlabel("mean, with its standard deviation")
        return ax
    order = np.argsort(-figures.probabilities, kind="stable")[:_MOST_CLASSES][::-1]
    names = [name for name, _ in figures.top(_MOST_CLASSES)][::-1]
    ax.barh(names, figures.probabilities[order], xerr=figures.std[order])
    ax.set_xlim(0, 1)
    ax.set_xlabel("probability, with its standard deviation over the samples")
    epistemic, total = np.sum(figures.mutual_information), np.sum(figures.predictive_entropy)
    ax.set_title(f"epistemic {epistemic:.3f} of {total:.3f} nats")
    return ax
