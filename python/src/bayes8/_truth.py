"""What is true of the examples that a model is measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._bayes8 import Model


def truth_of(
    y: Any,  # noqa: ANN401 (an array or a list)
    model: Model,
    output: str | None,
    *,
    name: str = "y",
) -> np.ndarray[Any, Any]:
    """Returns `y` in the type in which the engine reads what is true of an output.

    The engine finds the output, and checks numbers and shapes. Errors call the argument `name`.
    """
    try:
        array = np.asarray(y)
    except ValueError as error:
        message = f"{name} is a {type(y).__name__} that is not an array: {error}"
        raise ValueError(message) from error
    heads = {each.name: each.head for each in model.outputs}
    head = heads.get(output) if output is not None else next(iter(heads.values()))
    if head == "labels":
        return _labels(name, array)
    if head == "gaussian":
        return _of_kind(name, array, "iuf", "values of targets are floats or integers")
    return _of_kind(name, array, "iu", "labels are class indices, integers")


def _labels(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # Losses of independent labels take floats of 0 and 1.
    if array.dtype.kind == "f" and np.isin(array, (0, 1)).all():
        return array.astype(np.uint8)
    return _of_kind(name, array, "biu", "labels are 0 or 1")


def _of_kind(
    name: str, array: np.ndarray[Any, Any], kinds: str, expected: str
) -> np.ndarray[Any, Any]:
    if array.dtype.kind not in kinds and array.size:
        message = f"{name} is {array.dtype}; {expected}"
        raise TypeError(message)
    return array
