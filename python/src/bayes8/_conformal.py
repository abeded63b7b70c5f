"""Conformal prediction that `evaluate` measures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypedDict

from ._bayes8 import fit_images
from ._files import npz
from ._truth import truth_of

if TYPE_CHECKING:
    from pathlib import Path

    from ._bayes8 import Model

EXAMPLES = 2


class Wanted(TypedDict):
    """What to measure, as the engine takes it."""

    method: str
    alpha: float
    calibration: Path
    raps_lambda: float | None
    raps_places: int | None


def conformal_of(  # noqa: PLR0913 (the arguments of `evaluate`)
    folder: Path,
    method: str | None,
    calibration: object,
    model: Model,
    output: str | None,
    *,
    alpha: float,
    raps_lambda: float | None,
    raps_places: int | None,
) -> Wanted | None:
    """Returns what to measure, if a method is given; examples in memory go to `folder`."""
    if method is None:
        return None
    x, y = _examples(calibration)
    name = "calibration"
    truth = None if y is None else truth_of(y, model, output, name=f"y of {name}")
    pictures = fit_images(model, x)
    path = npz(folder, name, pictures, truth, are_numbers=model.values == "numbers")
    return Wanted(
        method=method,
        alpha=alpha,
        calibration=path,
        raps_lambda=raps_lambda,
        raps_places=raps_places,
    )


def _examples(calibration: object) -> tuple[Any, Any]:
    """Returns the path of an archive and None, or `x` and `y`."""
    if isinstance(calibration, str | os.PathLike):
        return calibration, None
    if isinstance(calibration, tuple | list) and len(calibration) == EXAMPLES:
        x, y = calibration
        if isinstance(x, str | os.PathLike) or y is None:
            message = "calibration is a pair, but not of arrays x and y; a path stands alone"
            raise TypeError(message)
        return x, y
    kind = type(calibration).__name__
    message = f"calibration is a {kind}, not the path of an npz archive or a pair (x, y)"
    raise TypeError(message)
