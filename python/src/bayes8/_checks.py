"""Checks of arguments."""

from __future__ import annotations

from typing import Any


def check_types(expected: str, kinds: Any, /, **arguments: object) -> None:  # noqa: ANN401 (a type or several)
    """Makes sure that arguments have a type.

    PyO3 checks them too, but names the argument in a note, which Python 3.10 does not have.
    """
    for name, value in arguments.items():
        if not isinstance(value, kinds):
            message = f"{name} is a {type(value).__name__}, not {expected}"
            raise TypeError(message)
