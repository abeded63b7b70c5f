"""Types of arguments."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
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
Progress: TypeAlias = bool | Callable[[str, int, int | None], object] | None
# Names of dropout nodes, "all" among them; with another probability as a tuple.
McDropout: TypeAlias = str | Sequence[str] | tuple[str | Sequence[str], float] | None
Floats: TypeAlias = NDArray[np.float64]
