"""Names, units and preprocessing: what a model's users need besides its weights."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bayes8._heads import rows_of
from bayes8._outputs import Target
from bayes8._typing import Head

from .errors import ExportError


@dataclass(frozen=True)
class Preprocessing:
    """How u8 pixels become the model's input, (pixel / 255 - mean) / std, or numbers.

    Attributes:
        mean: one number per channel, or one for all; on the scale of pixels from 0 to 1.
        std: one number per channel, or one for all; each above 0.
        values: "bytes", or "numbers" for a model that takes floats, such as the features of a
            table: they become (number - mean) / std.

    Raises:
        ExportError: for other numbers, or for counts that fit no number of channels.

    """

    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)
    values: Literal["bytes", "numbers"] = "bytes"

    def __post_init__(self) -> None:
        if self.values not in ("bytes", "numbers"):
            message = f'preprocessing: `values` is {self.values!r}; expected "bytes" or "numbers"'
            raise ExportError(message)
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

    def apply(self, pictures: NDArray[Any]) -> NDArray[np.float32]:
        """Turns pictures [N, H, W, C] into inputs [N, C, H, W]; other numbers of axes likewise.

        They are u8, or floats if `values` are numbers.

        Raises:
            ExportError: when `mean` or `std` do not fit C.

        """
        self.check_channels(pictures.shape[-1])
        mean, std = (np.asarray(values, np.float32) for values in (self.mean, self.std))
        scale = np.float32(255 if self.values == "bytes" else 1)
        inputs = (pictures.astype(np.float32) / scale - mean) / std
        return np.ascontiguousarray(np.moveaxis(inputs, -1, 1))


@dataclass(frozen=True)
class Metadata:
    """The contents of a `metadata.json`, as `bayes8 quantize --metadata` reads it.

    Attributes:
        class_names: in the order of the logits; empty where the classes have no names.
        preprocessing: of the inputs.
        label_names: of independent labels, in the order of the logits.
        targets: of a regression: a dictionary or `bayes8.Target` for each, with any of name, unit,
            scale, offset and noise.
        head: what the outputs are, unless the network's end says so: "classes", "labels",
            "gaussian-mean", "gaussian-log-variance" or "gaussian-softplus".

    Raises:
        ExportError: when these are something else.

    """

    class_names: Sequence[str] = ()
    preprocessing: Preprocessing = Preprocessing()
    label_names: Sequence[str] = ()
    targets: Sequence[Mapping[str, Any] | Target] = ()
    head: Head | None = None

    def __post_init__(self) -> None:
        for what in ("class_names", "label_names"):
            names = getattr(self, what)
            # A str is a sequence of str too, but hardly of names.
            if isinstance(names, str) or not (
                isinstance(names, Sequence) and all(isinstance(name, str) for name in names)
            ):
                message = f"{what} is {names!r}; expected a list of str"
                raise ExportError(message)
        if self.targets:
            try:
                rows_of(self.targets)
            except (TypeError, ValueError) as error:
                raise ExportError(str(error)) from error
        if self.head is not None and self.head not in get_args(Head):
            message = f"head is {self.head!r}; expected one of {', '.join(get_args(Head))}"
            raise ExportError(message)
        if not isinstance(self.preprocessing, Preprocessing):
            kind = type(self.preprocessing).__name__
            message = f"preprocessing is a {kind}; expected Preprocessing(mean=[...], std=[...])"
            raise ExportError(message)

    def to_json(self) -> dict[str, Any]:
        """Returns what the file holds."""
        names = {
            "class_names": list(self.class_names),
            "label_names": list(self.label_names),
            "targets": rows_of(self.targets) if self.targets else [],
        }
        # No key instead of an empty list, which the converter refuses.
        content: dict[str, Any] = {key: value for key, value in names.items() if value}
        if self.head is not None:
            content["head"] = self.head
        preprocessing = {
            "mean": list(self.preprocessing.mean),
            "std": list(self.preprocessing.std),
        }
        values = {} if self.preprocessing.values == "bytes" else {"values": "numbers"}
        return content | {"preprocessing": values | preprocessing}

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
                    preprocessing.get("values", "bytes"),
                ),
                [str(name) for name in content["label_names"]] if "label_names" in content else (),
                content.get("targets", ()),
                content.get("head"),
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
