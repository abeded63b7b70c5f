"""Writes output files completely or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ExportError


@contextmanager
def whole_files(directory: Path, *, last: str) -> Iterator[Path]:
    """Yields an empty folder, whose files move into `directory` when the block ends well.

    If the block raises, no file is left. Earlier files of the same names are replaced. `last` names
    the file without which the others are useless: an earlier one is removed first and the new one
    comes last. Even if the process is killed between two renames, no old file then passes for a
    part of the new set.

    Raises:
        ExportError: when `directory` cannot be written to.

    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Beside it, as a rename works only within a file system.
        staging = Path(tempfile.mkdtemp(prefix=".bayes8-export-", dir=directory.parent))
    except OSError as error:
        message = f"cannot write {directory}: {error}"
        raise ExportError(message) from error
    try:
        yield staging
        _move(staging, directory, last)
    except OSError as error:
        message = f"cannot write {directory}: {error}"
        raise ExportError(message) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move(staging: Path, directory: Path, last: str) -> None:
    # The mode of any new file; safetensors makes files that only their owner can read.
    probe = staging / "probe"
    probe.touch()
    mode = probe.stat().st_mode
    probe.unlink()
    for file in staging.iterdir():
        file.chmod(mode)
        with file.open("rb") as written:
            os.fsync(written.fileno())
    directory.mkdir(exist_ok=True)
    (directory / last).unlink(missing_ok=True)
    for file in sorted(staging.iterdir(), key=lambda file: file.name == last):
        file.replace(directory / file.name)
