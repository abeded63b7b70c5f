"""The FP32 network of `quantize` and `evaluate`, or the members of an ensemble."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ._checks import check_types
from ._files import check_exist
from ._heads import Chosen, outputs_of

if TYPE_CHECKING:
    from ._typing import McDropout, Outputs

MAX_MEMBERS = 64


class Networks(TypedDict):
    """The networks and what varies in them, as the engine takes them."""

    networks: list[Path]
    posteriors: list[Any]
    moped: float | None
    deterministic: bool
    mc_dropout: tuple[list[str] | None, float | None] | None
    input_layout: str | None
    input_shape: Any
    outputs: list[Chosen]
    head: str | None


def networks_of(  # noqa: PLR0913 (the arguments of `quantize` and `evaluate`)
    folder: Path,
    network: object,
    members: object,
    *,
    posterior: object,
    moped: float | None,
    deterministic: bool,
    mc_dropout: McDropout,
    input_layout: str | None,
    input_shape: object,
    outputs: Outputs,
    head: str | None,
) -> Networks:
    """Returns the networks, none if none is given; those in memory are written to `folder`."""
    check_types("a str", str | None, input_layout=input_layout, head=head)
    check_types("a number", Real | None, moped=moped)
    check_types("a bool", bool | np.bool_, deterministic=deterministic)
    networks = members_of(network, members)
    posteriors = []
    if networks:
        posteriors = posteriors_of(posterior, len(networks), is_ensemble=members is not None)
    check_exist(*networks, *posteriors)
    return Networks(
        networks=[network_path(folder, i, one) for i, one in enumerate(networks)],
        posteriors=posteriors,
        moped=moped,
        deterministic=deterministic,
        mc_dropout=dropout_of(mc_dropout),
        input_layout=input_layout,
        input_shape=input_shape,
        outputs=outputs_of(outputs),
        head=head,
    )


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


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        message = f"{name} is a {type(value).__name__}, not a list with one entry for each network"
        raise TypeError(message)
    return list(value)
