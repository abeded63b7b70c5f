"""Class names and preprocessing: what a model's users need besides its weights."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ExportError


@dataclass(frozen=True)
class Preprocessing:
    """How u8 pixels become the model's input: (pixel / 255 - mean) / std.

    Attributes:
        mean: one number per channel, or one for all; on the scale of pixels from 0 to 1.
        std: one number per channel, or one for all; each above 0.

    Raises:
        ExportError: for other numbers, or for counts that fit no number of channels.

    """

    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if isinstance(values, str) or not hasattr(values, "__len__"):
                message = f"preprocessing: `{name}` is {values!r}; expected a list of numbers"
                raise ExportError(message)
            if len(values) == 0 or not all(math.isfinite(value) for value in values):
                message = f"preprocessing: `{name}` must hold finite numbers, not {list(values)}"
                raise ExportError(message)
        if min(self.std) <= 0:
            message = f"preprocessing: `std` must hold numbers above 0, not {list(self.std)}"
            raise ExportError(message)
        if 1 != len(self.mean) != len(self.std) != 1:
            message = (
                f"preprocessing: {len(self.mean)} values of `mean` and {len(self.std)} of `std`; "
                "there must be one per channel, or one for all"
            )
            raise ExportError(message)

    def check_channels(self, channels: int) -> None:
        """Checks that the numbers fit pictures of `channels` channels.

        Raises:
            ExportError: when they do not.

        """
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                message = (
                    f"preprocessing: {len(values)} values of `{name}`, "
                    f"but pictures have {channels} channels"
                )
                raise ExportError(message)

    def apply(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turns pictures [N, H, W, C] into inputs [N, C, H, W]; other numbers of axes likewise.

        Raises:
            ExportError: when `mean` or `std` do not fit C.

        """
        self.check_channels(pictures.shape[-1])
        mean, std = (np.asarray(values, np.float32) for values in (self.mean, self.std))
        inputs = (pictures.astype(np.float32) / np.float32(255) - mean) / std
        return np.ascontiguousarray(np.moveaxis(inputs, -1, 1))


@dataclass(frozen=True)
class Metadata:
    """The contents of a `metadata.json`, as `bayes8 quantize --metadata` reads it.

    Attributes:
        class_names: in the order of the logits; empty where the classes have no names.
        preprocessing: of the pictures.

    Raises:
        ExportError: when these are something else.

    """

    class_names: Sequence[str] = ()
    preprocessing: Preprocessing = Preprocessing()

    def __post_init__(self) -> None:
        # A str is a sequence of str too, but hardly of names.
        if isinstance(self.class_names, str) or not (
            isinstance(self.class_names, Sequence)
            and all(isinstance(name, str) for name in self.class_names)
        ):
            message = f"class_names is {self.class_names!r}; expected a list of str"
            raise ExportError(message)
        if not isinstance(self.preprocessing, Preprocessing):
            kind = type(self.preprocessing).__name__
            message = f"preprocessing is a {kind}; expected Preprocessing(mean=[...], std=[...])"
            raise ExportError(message)

    def to_json(self) -> dict[str, Any]:
        """Returns what the file holds."""
        content: dict[str, Any] = {
            "preprocessing": {
                "mean": list(self.preprocessing.mean),
                "std": list(self.preprocessing.std),
            }
        }
        # No key instead of an empty list, which the converter refuses.
        return {"class_names": list(self.class_names)} | content if self.class_names else content

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Metadata":
        """Reads a `metadata.json`; other keys are ignored.

        Raises:
            ExportError: names the file and the key.

        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            message = f"{path}: {error}"
            raise ExportError(message) from error
        try:
            preprocessing = content["preprocessing"]
            return cls(
                [str(name) for name in content.get("class_names", [])],
                Preprocessing(
                    [float(value) for value in preprocessing["mean"]],
                    [float(value) for value in preprocessing["std"]],
                ),
            )
        except ExportError as error:
            message = f"{path}: {error}"
            raise ExportError(message) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = (
                f"{path}: {error!r}; expected "
                '{"class_names": ["..."], "preprocessing": {"mean": [...], "std": [...]}}'
            )
            raise ExportError(message) from error
