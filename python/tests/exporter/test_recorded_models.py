"""Trained models whose exports and figures are recorded; needs their folder as BAYES8_SHARED."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bayesian_torch.models.bayesian.resnet_variational import resnet20
from bayesian_torch.models.bayesian.simple_cnn_variational import SCNN
from networks import onnx_logits
from safetensors.numpy import load_file
from torch import nn

from bayes8.export import Metadata, Pictures, export, golden

SHARED = Path(os.environ.get("BAYES8_SHARED", ""))
pytestmark = pytest.mark.skipif(
    "BAYES8_SHARED" not in os.environ, reason="SKIPPED: BAYES8_SHARED is not set"
)

MODELS = {
    "mnist-scnn": (SCNN, "mnist-test"),
    "cifar10-resnet20": (resnet20, "cifar10-test"),
}


def load(name: str) -> tuple[nn.Module, Metadata, Pictures, Path]:
    folder = SHARED / "models" / name
    build, pictures = MODELS[name]
    model: nn.Module = build()
    state = torch.load(folder / "checkpoint.pth", map_location="cpu", weights_only=True)
    model.load_state_dict(state)
    metadata = Metadata.load(folder / "golden.json")
    return model.eval(), metadata, Pictures.load(SHARED / "data" / f"{pictures}.npz"), folder


@pytest.mark.parametrize("name", MODELS)
def test_export(name: str, tmp_path: Path) -> None:
    model, metadata, data, folder = load(name)
    inputs = torch.from_numpy(metadata.preprocessing.apply(data.pixels[:200]))
    files = export(model, inputs, tmp_path)
    expected = load_file(folder / "golden.safetensors")["mean_weights_logits"][:200]
    np.testing.assert_allclose(onnx_logits(files.network, inputs), expected, atol=1e-4)
    # The recorded exports put `m.` before the names and `.f` after the modules.
    recorded = {
        key.removeprefix("m.").replace(".f.", "."): sigma
        for key, sigma in load_file(folder / "posterior.safetensors").items()
    }
    sigmas = load_file(files.posterior)
    assert sigmas.keys() == recorded.keys()
    for key, sigma in sigmas.items():
        np.testing.assert_allclose(sigma, recorded[key], rtol=2e-5)


@pytest.mark.parametrize("name", ["mnist-scnn"])
def test_golden(name: str) -> None:
    model, metadata, data, folder = load(name)
    recorded: dict[str, Any] = json.loads((folder / "golden.json").read_text())
    figures = golden(model, metadata, data, samples=100).figures
    assert figures.keys() >= recorded.keys() - {"ood_auroc", "ood_set", "note"}
    assert figures["noise_floor"].keys() == recorded["noise_floor"].keys()
    assert figures["mean_weights_accuracy"] == recorded["mean_weights_accuracy"]
    assert figures["accuracy"] == pytest.approx(recorded["accuracy"], abs=0.002)
    for key in ("nll", "brier", "mean_predictive_entropy", "mean_mutual_information"):
        assert figures[key] == pytest.approx(recorded[key], rel=0.05), key
