"""Reads files of torch.save without running any code that they name.

A pickle may call whatever it can import. Here it can import nothing: tensors and plain containers
are built by this file, and every other class or function becomes an `Inert`.
"""

import pickle
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from .errors import ExportError

# How a file of torch.save begins if it is not a zip archive (before PyTorch 1.6).
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

_DTYPES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "ShortStorage": torch.int16,
}

SAVE_ANEW = "save its weights alone: torch.save(model.state_dict(), path)"


class Inert(dict[Any, Any]):
    """Stands for an object in a file, or its class or function: takes everything, does nothing.

    Attributes:
        state: what the object would be restored from, often the dictionary of its attributes.

    """

    state: object = None

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def __call__(self, *_: object, **__: object) -> "Inert":
        """Stands for what the object would return."""
        return Inert()

    def __setstate__(self, state: object) -> None:
        self.state = state

    # Any object may be a key in the file, but a dictionary cannot be hashed.
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def append(self, item: object) -> None:
        """Drops an item of a list."""

    def extend(self, items: object) -> None:
        """Drops items of a list."""

    def add(self, item: object) -> None:
        """Drops an item of a set."""


def read_torch_file(path: Path) -> object:
    """Returns what `path` holds, a file of torch.save or of safetensors; tensors are on the CPU.

    Raises:
        ExportError: names the file and says what is wrong with it.

    """
    if not path.is_file():
        problem = "it is not a plain file" if path.exists() else "it does not exist"
        message = f"{path}: {problem}"
        raise ExportError(message)
    try:
        return _read(path)
    except ExportError:
        raise
    # A broken file can fail in any way, and nothing else can fail here.
    except Exception as error:
        message = (
            f"{path} cannot be read as a file of torch.save ({type(error).__name__}: {error}); "
            f"if it is whole, {SAVE_ANEW}"
        )
        raise ExportError(message) from error


def _read(path: Path) -> object:
    with path.open("rb") as file:
        if file.read(23) == b"version https://git-lfs":
            message = f"{path} is a Git LFS pointer; fetch the file itself: git lfs pull"
            raise ExportError(message)
        file.seek(0)
        if path.suffix == ".safetensors":
            return load_file(path)
        if zipfile.is_zipfile(file):
            return _read_zip(path)
        file.seek(0)
        if not tarfile.is_tarfile(file):
            file.seek(0)
            return _read_legacy(path, file)
    message = f"{path} was written by a PyTorch before 0.4; load it there and {SAVE_ANEW}"
    raise ExportError(message)


def _read_zip(path: Path) -> object:
    with zipfile.ZipFile(path) as archive:
        files = archive.namelist()
        (pickled,) = (name for name in files if name.rpartition("/")[2] == "data.pkl")
        folder = pickled.removesuffix("data.pkl")
        if f"{folder}constants.pkl" in files:
            message = (
                f"{path} is a TorchScript archive; take the model before torch.jit and {SAVE_ANEW}"
            )
            raise ExportError(message)
        if f"{folder}byteorder" in files and archive.read(f"{folder}byteorder") != b"little":
            message = f"{path} was written on a big-endian machine; load it there and {SAVE_ANEW}"
            raise ExportError(message)

        def storage(dtype: torch.dtype, key: str, _: int) -> Tensor:
            entry = archive.getinfo(f"{folder}data/{key}")
            # torch.save compresses nothing; compressed data may be larger than memory.
            if entry.compress_type != zipfile.ZIP_STORED:
                message = f"{entry.filename} is compressed"
                raise ValueError(message)
            content = bytearray(archive.read(entry))
            return (
                torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
            )

        with archive.open(pickled) as stream:
            return _Unpickler(stream, storage).load()


def _read_legacy(path: Path, file: IO[bytes]) -> object:
    size = path.stat().st_size
    storages: list[Tensor] = []

    def storage(dtype: torch.dtype, _: str, count: int) -> Tensor:
        # The numbers follow the pickle.
        if sum(tensor.nbytes for tensor in storages) + count * dtype.itemsize > size:
            message = "the file is shorter than its tensors"
            raise EOFError(message)
        storages.append(torch.empty(count, dtype=dtype))
        return storages[-1]

    unpickler = _Unpickler(file, storage)
    if unpickler.load() != _LEGACY_MAGIC:
        message = (
            f"{path} is a pickle that torch.save did not write; if you trust it, load it and "
            f"{SAVE_ANEW}"
        )
        raise ExportError(message)
    _protocol, _machine = (_Unpickler(file, storage).load() for _ in range(2))
    unpickler = _Unpickler(file, storage)
    content = unpickler.load()
    for key in _Unpickler(file, storage).load():
        tensor = unpickler.storages[key]
        count = int.from_bytes(file.read(8), "little")
        if count != len(tensor):
            message = f"storage {key} has {count} numbers instead of {len(tensor)}"
            raise ValueError(message)
        memory = tensor.view(torch.uint8).numpy()
        if file.readinto(memory) != len(memory):  # type: ignore[attr-defined]
            raise EOFError
    return content


class _Unpickler(pickle.Unpickler):
    """Unpickles tensors and plain containers.

    Attributes:
        storages: the numbers of the tensors, one axis each, by their key in the file.

    """

    def __init__(self, file: IO[bytes], storage: Callable[[torch.dtype, str, int], Tensor]) -> None:
        """Reads from `file`; `storage` returns the numbers for a type, key and count."""
        super().__init__(file)
        self._storage = storage
        self.storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 (whatever a file names)
        """Returns a stand-in for a class or function; never imports it."""
        if module in ("torch", "torch.storage") and name in _DTYPES:
            return _DTYPES[name]
        return _KNOWN.get(f"{module}.{name}", Inert)

    def persistent_load(self, identifier: Any) -> object:  # noqa: ANN401 (the base's)
        """Returns a storage, or a class whose source is also in the file."""
        kind, *rest = identifier
        if kind == "module":
            return rest[0]
        dtype, key, _device, count, *view = rest
        if not isinstance(dtype, torch.dtype):
            return Inert()
        if key not in self.storages:
            self.storages[key] = self._storage(dtype, key, count)
        whole = self.storages[key]
        if view and view[0] is not None:
            _, offset, length = view[0]
            return whole[offset : offset + length]
        return whole


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: object) -> object:  # noqa: ANN401 (of a file)
    return torch.as_strided(storage, size, stride, offset) if isinstance(storage, Tensor) else None


def _first(value: object, *_: object) -> object:
    return value


def _of_subclass(rebuild: Any, _subclass: object, arguments: Any, *_: object) -> object:  # noqa: ANN401 (of a file)
    return rebuild(*arguments)


_KNOWN: dict[str, Callable[..., object]] = {
    "__builtin__.set": set,
    "builtins.set": set,
    "collections.OrderedDict": OrderedDict,
    "torch.Size": tuple,
    "torch._tensor._rebuild_from_type_v2": _of_subclass,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
}
