"""Arguments that say what the outputs of a network mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ._outputs import Target

if TYPE_CHECKING:
    from ._typing import Outputs, Targets

# Names, units, scales, offsets and noise of targets.
Columns = tuple[list[str], list[str], list[float], list[float], list[float]]
# A text, or names and perhaps a head.
Chosen = str | tuple[list[str], str | None]
_TEXTS, _NUMBERS = ("name", "unit"), ("scale", "offset", "noise")
_DEFAULTS: dict[str, Any] = {"name": "", "unit": "", "scale": 1.0, "offset": 0.0, "noise": 0.0}


def names_of(what: str, one: str, names: object) -> list[str]:
    """Returns a list of names, one per `one`."""
    # A str is a sequence of str too, but hardly of names.
    if isinstance(names, str) or not isinstance(names, Iterable):
        message = f"{what} is a {type(names).__name__}, not a list of str"
        raise TypeError(message)
    listed = list(names)
    for name in listed:
        if not isinstance(name, str):
            message = f"{what} has a {type(name).__name__}, not only str"
            raise TypeError(message)
    if not listed:
        message = f"{what} is empty; it has one name per {one}"
        raise ValueError(message)
    return listed


def targets_of(targets: Targets) -> Columns:
    """Returns the properties of targets; empty lists for those that are not given."""
    if targets is None:
        return [], [], [], [], []
    if isinstance(targets, Mapping):
        _check_keys("targets", targets)
        texts = [_texts(key, targets.get(key)) for key in _TEXTS]
        numbers = [_numbers(key, targets.get(key)) for key in _NUMBERS]
        return cast("Columns", (*texts, *numbers))
    rows = rows_of(targets)
    given = {key for row in rows for key in row}
    columns = [
        [row.get(key, _DEFAULTS[key]) for row in rows] if key in given else []
        for key in (*_TEXTS, *_NUMBERS)
    ]
    # No names at all are the same as none given.
    columns[:2] = [column if any(column) else [] for column in columns[:2]]
    return cast("Columns", tuple(columns))


def rows_of(targets: object) -> list[dict[str, Any]]:
    """Returns a dictionary for each target."""
    if isinstance(targets, str | bytes) or not isinstance(targets, Sequence):
        message = (
            f"targets is a {type(targets).__name__}, not a list of dictionaries or bayes8.Target, "
            "or a dictionary of lists"
        )
        raise TypeError(message)
    if not targets:
        message = "targets is empty; it has one entry per target"
        raise ValueError(message)
    return [_row(index, target) for index, target in enumerate(targets)]


def _row(index: int, target: object) -> dict[str, Any]:
    what = f"targets[{index}]"
    if isinstance(target, Target):
        target = {key: value for key, value in vars(target).items() if value != ""}
    if not isinstance(target, Mapping):
        message = f"{what} is a {type(target).__name__}, not a dictionary or a bayes8.Target"
        raise TypeError(message)
    _check_keys(what, target)
    for key, value in target.items():
        _check(f"{what}[{key!r}]", key, value)
    return {key: value if key in _TEXTS else float(value) for key, value in target.items()}


def _check_keys(what: str, given: Mapping[Any, Any]) -> None:
    for key in given:
        if key not in _DEFAULTS:
            message = f"{what} has the key {key!r}; there are {', '.join(_DEFAULTS)}"
            raise ValueError(message)


def _check(what: str, key: str, value: object) -> None:
    """Makes sure that a property of a target has its type and range."""
    expected: tuple[type, str] = (str, "a str") if key in _TEXTS else (Real, "a number")
    if not isinstance(value, expected[0]):
        message = f"{what} is a {type(value).__name__}, not {expected[1]}"
        raise TypeError(message)
    if key in _TEXTS:
        return
    number = float(cast("Any", value))
    ranges = {
        "scale": (number > 0, "a finite number above 0"),
        "offset": (True, "a finite number"),
        "noise": (number >= 0, "a finite number that is not negative"),
    }
    fits, required = ranges[key]
    # As the model stores it.
    with np.errstate(over="ignore"):
        is_finite = bool(np.isfinite(np.float32(number)))
    if not (fits and is_finite):
        message = f"{what} is {number}, not {required}"
        raise ValueError(message)


def _texts(key: str, value: object) -> list[str]:
    return [] if value is None else names_of(f"targets[{key!r}]", "target", value)


def _numbers(key: str, value: object) -> list[float]:
    """Returns one number per target, or one for all."""
    if value is None:
        return []
    numbers = [value] if isinstance(value, Real) else np.asarray(value).ravel().tolist()
    for number in numbers:
        _check(f"targets[{key!r}]", key, number)
    return [float(number) for number in numbers]


def outputs_of(outputs: Outputs) -> list[Chosen]:
    """Returns the outputs that the model has; none for those of the network."""
    if outputs is None:
        return []
    if isinstance(outputs, str):
        return [outputs]
    if isinstance(outputs, Mapping):
        chosen: list[Chosen] = [(_joined(names), _head(head)) for names, head in outputs.items()]
    elif isinstance(outputs, Sequence):
        chosen = [one if isinstance(one, str) else (_joined(one), None) for one in outputs]
    else:
        message = (
            f"outputs is a {type(outputs).__name__}, not a list of names or a dictionary of names "
            "and heads"
        )
        raise TypeError(message)
    if not chosen:
        message = "outputs is empty; a model has at least one"
        raise ValueError(message)
    return chosen


def _joined(names: object) -> list[str]:
    """Returns the names of outputs of the network that make one of the model."""
    if isinstance(names, str):
        return names.split("+")
    listed = list(names) if isinstance(names, tuple | list) else []
    if not listed or not all(isinstance(name, str) for name in listed):
        message = f"outputs has {names!r}, not a name or a tuple of names"
        raise TypeError(message)
    return listed


def _head(head: object) -> str | None:
    if head is not None and not isinstance(head, str):
        message = f"the head in outputs is a {type(head).__name__}, not a str"
        raise TypeError(message)
    return head
