"""Files are written completely or not at all."""

from pathlib import Path

import pytest
from networks import pictures, small_cnn

from bayes8.export import ExportError, export, exporter

INPUT = pictures(1, 3, 8, 8)
NAMES = {"network.onnx", "posterior.safetensors", "metadata.json"}


def full_disk(*_: object) -> None:
    message = "No space left on device"
    raise OSError(28, message)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_new_export_leaves_only_its_files(tmp_path: Path) -> None:
    export(small_cnn(), INPUT, tmp_path / "a" / "b")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert contents(tmp_path / "a" / "b").keys() == NAMES


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "save_file", full_disk)
    with pytest.raises(ExportError, match="No space left"):
        export(small_cnn(), INPUT, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_failed_export_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export(small_cnn(), INPUT, out)
    before = contents(out)
    monkeypatch.setattr(exporter, "save_file", full_disk)
    with pytest.raises(ExportError):
        export(small_cnn(1), INPUT, out)
    assert contents(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_an_export_killed_between_renames_does_not_pair_old_and_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export(small_cnn(), INPUT, out)
    rename = Path.replace
    done: list[Path] = []

    def killed(self: Path, target: Path) -> Path:
        if done:
            raise KeyboardInterrupt
        done.append(target)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        export(small_cnn(1), INPUT, out)
    assert "posterior.safetensors" not in contents(out)


def test_other_files_of_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pth").write_bytes(b"weights")
    export(small_cnn(), INPUT, tmp_path)
    assert contents(tmp_path)["checkpoint.pth"] == b"weights"
    assert contents(tmp_path).keys() == NAMES | {"checkpoint.pth"}


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(ExportError, match="cannot write"):
        export(small_cnn(), INPUT, tmp_path / "out")
