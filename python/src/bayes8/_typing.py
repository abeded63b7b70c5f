"""Types of arguments."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Path: TypeAlias = str | os.PathLike[str]
Source: TypeAlias = Path | bytes | bytearray | memoryview | IO[bytes]
Layout: TypeAlias = Literal[
    "NHWC", "NCHW", "NDHWC", "NCDHW", "NLC", "NCL", "NC",
    "nhwc", "nchw", "ndhwc", "ncdhw", "nlc", "ncl", "nc",
]  # fmt: skip
# Arrays, PIL images and lists of these: neither library need be installed to check types.
Pictures: TypeAlias = Any
Draws: TypeAlias = Literal["chosen", "random"]
ConformalMethod: TypeAlias = Literal["lac", "aps", "raps", "residuals"]
Progress: TypeAlias = bool | Callable[[str, int, int | None], object] | None
Head: TypeAlias = Literal[
    "classes", "labels", "gaussian-mean", "gaussian-log-variance", "gaussian-softplus"
]
# Names of outputs, "a+b" or ("a", "b") for one that joins two; "a=HEAD" or a dictionary of heads.
Outputs: TypeAlias = str | Sequence[str | tuple[str, ...]] | Mapping[Any, str | None] | None
# Dictionaries or bayes8.Target, one per target, or a dictionary of lists.
Targets: TypeAlias = Sequence[Any] | Mapping[str, Any] | None
# Names of dropout nodes, "all" among them; with another probability as a tuple.
McDropout: TypeAlias = str | Sequence[str] | tuple[str | Sequence[str], float] | None
Floats: TypeAlias = NDArray[np.float64]
