"""Models and arrays in files."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._bayes8 import Error, Model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ._typing import Source


def load(  # noqa: PLR0913 (keywords)
    source: Source,
    *,
    threads: int | None = None,
    isa: str | None = None,
    bank_bytes: int = 0,
    max_memory: int | None = None,
    max_steps: int | None = None,
    input_size: Sequence[int] | None = None,
    tile_overlap: int | None = None,
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
        input_size: (rows, columns) of the inputs, if the network fits others than those of the
            file; (planes, rows, columns) of volumes, (length,) of sequences.
        tile_overlap: divides inputs of `input_size` into tiles of the size in the file, of which
            neighbours overlap by this number of rows and columns. All outputs must be maps.

    Only the last two change what the model predicts.

    Raises:
        OSError: the file cannot be read.
        Error: it is not a model, takes more than it may, or does not fit the input size or
            tiles.
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
        input_size=input_size,
        tile_overlap=tile_overlap,
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
    # `Path("")` would be the folder.
    if not os.fspath(path):
        raise _system_error(errno.ENOENT, path)
    try:
        _write(Path(path), contents)
    except OSError as error:
        # Not the temporary file, of which the caller knows nothing.
        raise _system_error(error.errno, path) from None


def _write(path: Path, contents: bytes) -> None:
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


def _system_error(code: int | None, path: str | os.PathLike[str]) -> OSError:
    """Returns the exception for a path: Python chooses its class by the code."""
    code = code or errno.EIO
    return OSError(code, os.strerror(code), os.fspath(path))


def check_exist(*arguments: object) -> None:
    """Makes sure that the arguments that are paths exist."""
    for path in arguments:
        if isinstance(path, str | os.PathLike) and not Path(path).exists():
            raise _system_error(errno.ENOENT, path)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Gives a folder for what the engine reads from files."""
    with tempfile.TemporaryDirectory(prefix="bayes8-") as folder:
        yield Path(folder)


def npz(
    folder: Path,
    name: str,
    pictures: object,
    truth: np.ndarray[Any, Any] | None = None,
    *,
    are_numbers: bool = False,
) -> Path:
    """Writes pictures to an npz archive in `folder`, as the engine reads them.

    Pictures may also be the path of an archive, which is left as it is. If `are_numbers`, they may
    be floats and integers of any size.
    """
    if isinstance(pictures, str | os.PathLike):
        if truth is not None:
            message = f"{name} is a file, which holds its labels: pass no others"
            raise TypeError(message)
        return Path(pictures)
    contents = {"x": _pictures(name, pictures, are_numbers=are_numbers)}
    if truth is not None:
        contents["y"] = truth
    # Messages name the file, so it is called like the argument.
    path = folder / name
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **contents)
    return path


def _array(name: str, value: object) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value)
    except ValueError as error:
        message = f"{name} is a {type(value).__name__} that is not an array: {error}"
        raise ValueError(message) from error


def takes_numbers(metadata: object) -> bool:
    """Returns whether metadata say that the model takes numbers."""
    if isinstance(metadata, str | os.PathLike):
        # The engine says what is wrong with a file.
        with contextlib.suppress(OSError, ValueError):
            metadata = json.loads(Path(metadata).read_text(encoding="utf-8"))
    preprocessing = metadata.get("preprocessing") if isinstance(metadata, dict) else None
    return isinstance(preprocessing, dict) and preprocessing.get("values") == "numbers"


def _pictures(name: str, value: object, *, are_numbers: bool) -> np.ndarray[Any, Any]:
    array = _array(name, value)
    if are_numbers and array.dtype != np.uint8 and array.dtype.kind in "fiu":
        return array.astype(np.float32)
    if array.dtype not in (np.uint8, np.float32):
        message = (
            f"{name} is {array.dtype}; pictures are uint8 (0 to 255), or float32 that are "
            "normalized already"
        )
        raise TypeError(message)
    return array
