"""`bayes8` quantizes exports."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bayesian_torch.layers import Conv2dFlipout
from networks import (
    CLASSES,
    bayesian_cnn,
    mean_logits,
    pictures,
    sequence_cnn,
    small_cnn,
    transposed_cnn,
    volume_cnn,
)
from numpy.typing import NDArray
from torch import nn

from bayes8.export import Metadata, Pictures, Preprocessing, export, golden

PREPROCESSING = Preprocessing([0.5], [0.25])
# All pictures share the draws, so mutual information is uncertain by about sqrt(2 / SAMPLES).
SAMPLES = 2048


def bayes8(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "bayes8", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def flipout_cnn() -> nn.Module:
    model = small_cnn()
    model.conv2 = Conv2dFlipout(8, 8, 3, padding=1, stride=2)
    return model.eval()


def random_data(shape: tuple[int, ...], folder: Path) -> tuple[Pictures, Path]:
    """Pictures of `shape` with labels, and their file."""
    random = np.random.default_rng(0)
    data = Pictures(random.integers(0, 256, (64, *shape), np.uint8), random.integers(0, 4, 64))
    assert data.labels is not None
    npz = folder / "data.npz"
    np.savez(npz, x=data.pixels, y=data.labels)
    return data, npz


# Each model has a reference that draws whole weights from the same posterior, as `bayes8` does.
# bayesian-torch's Flipout convolutions draw a sign for every pixel instead: pixels are then less
# correlated, and a mean over them varies less, than with one draw of the weights per picture.
@pytest.mark.parametrize(
    ("model", "reference", "shape"),
    [
        (small_cnn(), small_cnn(), (8, 8, 3)),
        (flipout_cnn(), small_cnn(), (8, 8, 3)),
        (bayesian_cnn("Reparameterization"), bayesian_cnn("Reparameterization"), (8, 8, 3)),
        (bayesian_cnn("Flipout"), bayesian_cnn("Reparameterization"), (8, 8, 3)),
        (sequence_cnn(), sequence_cnn(), (30, 3)),
        (volume_cnn(), volume_cnn(), (5, 6, 7, 2)),
        (transposed_cnn(), transposed_cnn(), (5, 4, 3)),
    ],
    ids=[
        "small",
        "flipout",
        "dnn_to_bnn",
        "dnn_to_bnn flipout",
        "sequence",
        "volume",
        "transposed",
    ],
)
def test_quantizes_and_predicts_what_bayesian_torch_predicts(
    model: nn.Module, reference: nn.Module, shape: tuple[int, ...], tmp_path: Path
) -> None:
    data, npz = random_data(shape, tmp_path)
    example = pictures(1, shape[-1], *shape[:-1])
    files = export(model, example, tmp_path, class_names=CLASSES, preprocessing=PREPROCESSING)
    quantized = tmp_path / "model.safetensors"
    network = (
        "--network",
        files.network,
        "--posterior",
        files.posterior,
        "--metadata",
        files.metadata,
    )
    bayes8("quantize", *network, "--calibration", npz, "-o", quantized)
    sampling = ("--samples", str(SAMPLES), "--json")
    int8: dict[str, Any] = json.loads(bayes8("evaluate", quantized, "--data", npz, *sampling))
    reference.load_state_dict(model.state_dict())
    metadata = Metadata(CLASSES, PREPROCESSING)
    fp32 = golden(reference, metadata, data, samples=SAMPLES, batch=8).figures
    for key in ("nll", "mean_predictive_entropy", "mean_mutual_information"):
        assert int8[key] == pytest.approx(fp32[key], rel=0.1), key


def nll(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    logs = logits.astype(np.float64)
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    return float(-logs[np.arange(len(labels)), labels].mean())


# The converter's FP32 network computes without noise what PyTorch computes.
@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (small_cnn(), (8, 8, 3)),
        (sequence_cnn(), (30, 3)),
        (volume_cnn(), (5, 6, 7, 2)),
        (transposed_cnn(), (5, 4, 3)),
    ],
    ids=["small", "sequence", "volume", "transposed"],
)
def test_the_fp32_reference_is_what_pytorch_computes(
    model: nn.Module, shape: tuple[int, ...], tmp_path: Path
) -> None:
    data, npz = random_data(shape, tmp_path)
    assert data.labels is not None
    inputs = torch.from_numpy(PREPROCESSING.apply(data.pixels))
    expected = nll(mean_logits(model, inputs), data.labels)
    files = export(model, inputs[:1], tmp_path, preprocessing=PREPROCESSING)
    report = tmp_path / "report.json"
    quantized = tmp_path / "model.safetensors"
    network = ("--network", files.network, "--moped", "1e-9", "--metadata", files.metadata)
    data_files = ("--calibration", npz, "--data", npz, "--samples", "1", "--report", report)
    bayes8("quantize", *network, *data_files, "-o", quantized)
    end_to_end = json.loads(report.read_text(encoding="utf-8"))["end_to_end"]
    assert end_to_end["fp32"]["nll"] == pytest.approx(expected, abs=1e-6)
    assert end_to_end["int8"]["nll"] == pytest.approx(expected, abs=0.02)
