"""Metadata of regressions, and of networks that take numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bayes8 import Target, quantize
from bayes8.export import ExportError, Metadata, Preprocessing, export


def test_a_regression_has_targets_instead_of_classes(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2))
    numbers = Preprocessing([1.0, 2.0, 3.0], [4.0], values="numbers")
    targets = [Target("strength", "MPa", 16.0, 35.0)]
    files = export(
        network,
        torch.zeros(1, 3),
        tmp_path / "out",
        targets=targets,
        head="gaussian-log-variance",
        preprocessing=numbers,
    )
    content = json.loads(files.metadata.read_text())
    assert content == {
        "targets": [
            {"name": "strength", "unit": "MPa", "scale": 16.0, "offset": 35.0, "noise": 0.0}
        ],
        "head": "gaussian-log-variance",
        "preprocessing": {"values": "numbers", "mean": [1.0, 2.0, 3.0], "std": [4.0]},
    }
    assert Metadata.load(files.metadata).to_json() == content
    x = np.random.default_rng(0).normal(2, 4, (64, 3))
    model = quantize(files.network, calibration=x, metadata=files.metadata)
    inputs = torch.from_numpy(numbers.apply(x))
    with torch.no_grad():
        expected = 16 * network.eval()(inputs)[:, 0].numpy() + 35
    found = model.predict(x, samples=256).mean[:, 0]
    assert np.abs(found - expected).mean() < 0.1 * expected.std() + 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": [{}, {}, {}]}, "3 targets, but the model has 2 outputs"),
        ({"targets": [{}, {}], "head": "gaussian-softplus"}, "2 targets, but the model has 2"),
        ({"head": "regression"}, "head is 'regression'; expected one of classes, labels, gaussian"),
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
