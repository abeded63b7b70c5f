"""Tables and sequences: standardization, data sets in packages, and the files beside an export."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes8.export import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


@dataclass(frozen=True)
class Scaling:
    """What standardizes numbers: those of each feature, the second axis, have a mean and a std.

    Attributes:
        mean: of each feature, or of a target.
        std: of each, above 0.

    """

    mean: Array
    std: Array

    @classmethod
    def of(cls, values: Array) -> Scaling:
        """Measures `values`: [N, features], sequences [N, features, length], or targets [N]."""
        axes = (0, *range(2, values.ndim))
        mean, std = values.mean(axes, np.float64), values.std(axes, np.float64)
        std = np.where(std > 0, std, 1)
        return cls(np.atleast_1d(mean).astype(np.float32), np.atleast_1d(std).astype(np.float32))

    def apply(self, values: Array) -> Array:
        """Standardizes."""
        shape = (-1, *[1] * (values.ndim - 2)) if values.ndim > 1 else (-1,)
        scaled: Array = (values - self.mean.reshape(shape)) / self.std.reshape(shape)
        return scaled

    def preprocessing(self) -> Preprocessing:
        """Returns what makes a model standardize its inputs."""
        return Preprocessing(self.mean.tolist(), self.std.tolist(), "numbers")


def packaged(package: str, path: str) -> Path:
    """Returns the path of a file that an installed package ships, without importing it.

    Raises:
        SystemExit: when the package is not installed, or does not ship the file.

    """
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        message = (
            f"the data are in the package {package}, which is not installed: pip install {package}"
        )
        raise SystemExit(message)
    file = Path(found.submodule_search_locations[0], path)
    if not file.is_file():
        message = f"{file}: no such file; another version of {package} may ship it"
        raise SystemExit(message)
    return file


def write(folder: Path, *, calibration: Array, test: Array, labels: NDArray[Any]) -> None:
    """Writes what quantization and evaluation need beside an export, in the data's own units.

    Args:
        folder: of the export.
        calibration: inputs to calibrate with.
        test: inputs to test with.
        labels: their targets.

    """
    np.savez_compressed(folder / "calibration.npz", x=calibration)
    np.savez_compressed(folder / "test.npz", x=test, y=labels)


def write_json(path: Path, content: object) -> None:
    """Writes a JSON file."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
