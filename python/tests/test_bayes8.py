"""What `bayes8` makes of exports; needs the command, on the path or as BAYES8_CLI."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bayesian_torch.layers import Conv2dFlipout
from networks import CLASSES, bayesian_cnn, pictures, small_cnn
from torch import nn

from bayes8_export import Metadata, Pictures, Preprocessing, export, golden

BAYES8 = os.environ.get("BAYES8_CLI") or shutil.which("bayes8")
pytestmark = pytest.mark.skipif(
    BAYES8 is None,
    reason="SKIPPED: bayes8 is not on the path: cargo install --path cli, or set BAYES8_CLI",
)

PREPROCESSING = Preprocessing([0.5], [0.25])
# All pictures share the draws, so mutual information is uncertain by about sqrt(2 / SAMPLES).
SAMPLES = 2048


def bayes8(*arguments: str | Path) -> str:
    assert BAYES8 is not None
    done = subprocess.run([BAYES8, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def flipout_cnn() -> nn.Module:
    model = small_cnn()
    model.conv2 = Conv2dFlipout(8, 8, 3, padding=1, stride=2)
    return model.eval()


# With each model, one that draws whole weights of the same posterior. bayesian-torch's Flipout
# convolutions draw a sign for every pixel: pixels are then less correlated, and a mean over them
# varies less, than with one draw of the weights a picture, which is what `bayes8` predicts with.
@pytest.mark.parametrize(
    ("model", "reference"),
    [
        (small_cnn(), small_cnn()),
        (flipout_cnn(), small_cnn()),
        (bayesian_cnn("Reparameterization"), bayesian_cnn("Reparameterization")),
        (bayesian_cnn("Flipout"), bayesian_cnn("Reparameterization")),
    ],
    ids=["small", "flipout", "dnn_to_bnn", "dnn_to_bnn flipout"],
)
def test_quantizes_and_predicts_what_bayesian_torch_predicts(
    model: nn.Module, reference: nn.Module, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    data = Pictures(random.integers(0, 256, (64, 8, 8, 3), np.uint8), random.integers(0, 4, 64))
    assert data.labels is not None
    npz = tmp_path / "data.npz"
    np.savez(npz, x=data.pixels, y=data.labels)
    files = export(
        model, pictures(1, 3, 8, 8), tmp_path, class_names=CLASSES, preprocessing=PREPROCESSING
    )
    quantized = tmp_path / "model.safetensors"
    network = ("--mean", files.mean, "--posterior", files.posterior, "--metadata", files.metadata)
    bayes8("quantize", *network, "--calibration", npz, "-o", quantized)
    sampling = ("--samples", str(SAMPLES), "--json")
    int8: dict[str, Any] = json.loads(bayes8("evaluate", quantized, "--data", npz, *sampling))
    reference.load_state_dict(model.state_dict())
    metadata = Metadata(CLASSES, PREPROCESSING)
    fp32 = golden(reference, metadata, data, samples=SAMPLES, batch=8).figures
    for key in ("nll", "mean_predictive_entropy", "mean_mutual_information"):
        assert int8[key] == pytest.approx(fp32[key], rel=0.1), key
