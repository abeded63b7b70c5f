"""Files are written completely or not at all."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks import pictures, small_cnn
from torch import nn

from bayes8 import Target, quantize
from bayes8.export import ExportError, Metadata, Preprocessing, export, exporter

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


def test_a_regression_has_targets_instead_of_classes(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2))
    numbers = Preprocessing([1.0, 2.0, 3.0], [4.0], values="numbers")
    targets = [Target("strength", "MPa", 16.0, 35.0)]
    files = export(
        network, torch.zeros(1, 3), tmp_path / "out", targets=targets, preprocessing=numbers
    )
    content = json.loads(files.metadata.read_text())
    assert content == {
        "targets": [
            {"name": "strength", "unit": "MPa", "scale": 16.0, "offset": 35.0, "noise": 0.0}
        ],
        "preprocessing": {"values": "numbers", "mean": [1.0, 2.0, 3.0], "std": [4.0]},
    }
    assert Metadata.load(files.metadata).to_json() == content
    x = np.random.default_rng(0).normal(2, 4, (64, 3))
    model = quantize(
        files.network, calibration=x, metadata=files.metadata, head="gaussian-log-variance"
    )
    inputs = torch.from_numpy(numbers.apply(x))
    with torch.no_grad():
        expected = 16 * network.eval()(inputs)[:, 0].numpy() + 35
    found = model.predict(x, samples=256).mean[:, 0]
    assert np.abs(found - expected).mean() < 0.1 * expected.std() + 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": [{}, {}, {}]}, "3 targets, but the model has 2 outputs"),
        ({"targets": [{"scale": 0}]}, r"targets\[0\]\['scale'\] is 0.0, not"),
        ({"targets": "strength"}, "targets is a str"),
        ({"label_names": ["a"]}, "1 label names, but the model has 2 outputs"),
        ({"label_names": "ab"}, "label_names is 'ab'; expected a list of str"),
        (
            {"preprocessing": Preprocessing([0.0, 1.0], values="numbers")},
            "2 values of `mean`, but pictures have 3 channels",
        ),
    ],
)
def test_metadata_of_another_network_is_refused(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    network = nn.Sequential(nn.Dropout(0.1), nn.Linear(3, 2))
    with pytest.raises(ExportError, match=message):
        export(network, torch.zeros(1, 3), tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())
