"""Models and arrays in files."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._bayes8 import Error, Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._typing import Source


def load(  # noqa: PLR0913 (keywords)
    source: Source,
    *,
    threads: int | None = None,
    isa: str | None = None,
    bank_bytes: int = 0,
    max_memory: int | None = None,
    max_steps: int | None = None,
) -> Model:
    """Loads a model.

    Args:
        source: the path of a model file, its bytes, or a file object that returns them.
        threads: threads of a prediction; by default one per processor. With 1, predictions run on
            the thread that calls, so any number of Python threads predict at once.
        isa: the instruction set, such as "avx2" or "portable"; by default the fastest, or the one
            that the environment variable BAYES8_ISA names.
        bank_bytes: memory that keeps drawn weights for later predictions; by default none.
        max_memory: most bytes for activations, by default 2 GiB. A model that takes more for one
            picture is refused.
        max_steps: most steps per picture and sample, by default 2**42, which `Model.info` counts.

    No option changes a bit of a result.

    Raises:
        OSError: the file cannot be read.
        Error: it is not a model, or takes more than it may.
        ValueError: the instruction set or the number of threads is not available.

    """
    if isinstance(source, bytearray | memoryview):
        source = bytes(source)
    if not isinstance(source, bytes | str | os.PathLike):
        if not hasattr(source, "read"):
            message = f"a model is a path, bytes or a file object, not a {type(source).__name__}"
            raise TypeError(message)
        data = source.read()
        if not isinstance(data, bytes):
            message = (
                f"the file object returned {type(data).__name__}, not bytes; open it with 'rb'"
            )
            raise TypeError(message)
        source = data
    return Model(
        source,
        threads=threads,
        isa=isa,
        bank_bytes=bank_bytes,
        max_memory=max_memory,
        max_steps=max_steps,
    )


def restore_model(source: str | bytes, digest: str, options: dict[str, Any]) -> Model:
    """Loads a pickled model, and makes sure that it is still the same."""
    model = load(source, **options)
    if model.digest != digest:
        message = f"{source!r} is another model than the one that was pickled: {model.digest}"
        raise Error(message)
    return model


def write(path: str | os.PathLike[str], contents: bytes) -> None:
    """Writes a file completely or not at all."""
    path = Path(path)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".bayes8-", delete=False) as file:
        try:
            file.write(contents)
            file.close()
            # As for a file that is created in the usual way.
            mask = os.umask(0)
            os.umask(mask)
            Path(file.name).chmod(0o666 & ~mask)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Gives a folder for what the engine reads from files."""
    with tempfile.TemporaryDirectory(prefix="bayes8-") as folder:
        yield Path(folder)


def npz(folder: Path, name: str, *, labels: object = None, **arrays: object) -> Path:
    """Writes arrays to an npz archive in `folder`, as the engine reads them.

    Pictures may also be the path of an archive, which is left as it is.
    """
    pictures = arrays.get("x")
    if isinstance(pictures, str | os.PathLike):
        if labels is not None:
            message = f"{name} is a file, which holds its labels: pass no others"
            raise TypeError(message)
        return Path(pictures)
    contents = {key: _array(name, value) for key, value in arrays.items()}
    if labels is not None:
        contents["y"] = np.asarray(labels)
    path = folder / f"{name}.npz"
    np.savez(path, allow_pickle=False, **contents)
    return path


def _array(name: str, value: object) -> np.ndarray[Any, Any]:
    array = np.asarray(value)
    if array.dtype not in (np.uint8, np.float32):
        message = (
            f"{name} is {array.dtype}; pictures are uint8 (0 to 255), or float32 that are "
            "normalized already"
        )
        raise TypeError(message)
    return array
