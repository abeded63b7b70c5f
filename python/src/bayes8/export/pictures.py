"""Pictures and labels from `.npz` archives, as `bayes8 evaluate` reads them."""

from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from .errors import ExportError

_PICTURES, _VOLUMES = 4, 5


@dataclass(frozen=True)
class Pictures:
    """A set of pictures.

    Attributes:
        pixels: u8, [N, H, W, C], volumes [N, D, H, W, C], sequences [N, L, C]; not empty.
        labels: class index of each picture, [N]; None where they are unknown.

    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64] | None

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Pictures":
        """Reads `x` and, where there is one, `y`, integers [N].

        `x` is u8 [N, H, W, C], [N, H, W] of one channel, or [N, D, H, W, C].

        Raises:
            ExportError: names the file and the array.

        """
        try:
            # An archive may hold pickles, which run code; these are refused.
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in ("x", "y") if name in archive}
        except Exception as error:
            message = f"{path}: cannot be read as an npz archive, as numpy.savez writes: {error}"
            raise ExportError(message) from error
        pixels, labels = arrays.get("x"), arrays.get("y")
        if pixels is None:
            message = f"{path}: array `x` is missing; expected uint8 [N, H, W, C]"
            raise ExportError(message)
        if pixels.ndim == _PICTURES - 1:
            pixels = pixels[..., np.newaxis]
        axes = (_PICTURES, _VOLUMES)
        if pixels.dtype != np.uint8 or pixels.ndim not in axes or pixels.size == 0:
            message = (
                f"{path}: array `x` is {pixels.dtype} {list(pixels.shape)}; "
                "expected uint8 [N, H, W, C] with at least one picture"
            )
            raise ExportError(message)
        if labels is None:
            return cls(pixels, None)
        if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (len(pixels),):
            message = (
                f"{path}: array `y` is {labels.dtype} {list(labels.shape)}; "
                f"expected {len(pixels)} integers, one per picture"
            )
            raise ExportError(message)
        return cls(pixels, labels.astype(np.int64))
