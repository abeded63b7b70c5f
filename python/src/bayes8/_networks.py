"""The FP32 network of `quantize` and `evaluate`, or the members of an ensemble."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._typing import McDropout

MAX_MEMBERS = 64


def members_of(network: object, members: object) -> list[Any]:
    """Returns the only network, or the members of an ensemble; none if neither is given."""
    if members is None:
        return [] if network is None else [network]
    if network is not None:
        message = "pass network or members, not both"
        raise ValueError(message)
    networks = _list("members", members)
    for number, one in enumerate(networks):
        if not _is_network(one):
            message = (
                f"members[{number}] is a {type(one).__name__}, not a path or an onnx.ModelProto"
            )
            raise TypeError(message)
    if not 1 < len(networks) <= MAX_MEMBERS:
        count = len(networks)
        message = f"members has length {count}; an ensemble has 2 to {MAX_MEMBERS} networks"
        raise ValueError(message)
    return networks


def posteriors_of(posterior: object, members: int, *, is_ensemble: bool) -> list[Any]:
    """Returns the posterior of each network, or none."""
    if posterior is None:
        return []
    is_file = isinstance(posterior, str | os.PathLike)
    if is_ensemble and is_file:
        message = (
            "posterior is one file; an ensemble takes a list, with one for each of its members"
        )
        raise ValueError(message)
    files = [posterior] if is_file else _list("posterior", posterior)
    for number, file in enumerate(files):
        if not isinstance(file, str | os.PathLike):
            message = f"posterior[{number}] is a {type(file).__name__}, not a path"
            raise TypeError(message)
    if len(files) != members:
        message = f"posterior has length {len(files)}; there are {members} networks, with one each"
        raise ValueError(message)
    return files


def _is_network(network: object) -> bool:
    return isinstance(network, str | os.PathLike) or hasattr(network, "SerializeToString")


def network_path(folder: Path, number: int, network: object) -> Path:
    """Returns the path of a network; writes an `onnx.ModelProto` to `folder`."""
    if isinstance(network, str | os.PathLike):
        return Path(network)
    if hasattr(network, "SerializeToString"):
        path = folder / ("network" if number == 0 else f"network{number}")
        path.write_bytes(network.SerializeToString())
        return path
    message = f"network is a {type(network).__name__}, not a path or an onnx.ModelProto"
    raise TypeError(message)


def dropout_of(mc_dropout: McDropout) -> tuple[list[str] | None, float | None] | None:
    """Returns the names of the dropout nodes to activate, None for all, and their probability."""
    if mc_dropout is None:
        return None
    names: object = mc_dropout
    probability = None
    if isinstance(mc_dropout, tuple) and len(mc_dropout) == 2 and isinstance(mc_dropout[1], Real):  # noqa: PLR2004
        names, probability = mc_dropout[0], float(mc_dropout[1])
    if names == "all":
        return None, probability
    # The probabilities of a dictionary would be lost.
    chosen: list[Any] = []
    if isinstance(names, Iterable) and not isinstance(names, str | Mapping):
        chosen = list(names)
    if not chosen or not all(isinstance(name, str) for name in chosen):
        message = (
            f'mc_dropout is {mc_dropout!r}, not "all", a list of names of nodes, or a tuple of '
            "either and a probability"
        )
        raise TypeError(message)
    return chosen, probability


def check_types(expected: str, kinds: Any, /, **arguments: object) -> None:  # noqa: ANN401 (a type or several)
    """Makes sure that arguments have a type.

    PyO3 checks them too, but names the argument in a note, which Python 3.10 does not have.
    """
    for name, value in arguments.items():
        if not isinstance(value, kinds):
            message = f"{name} is a {type(value).__name__}, not {expected}"
            raise TypeError(message)


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        message = f"{name} is a {type(value).__name__}, not a list with one entry for each network"
        raise TypeError(message)
    return list(value)
