"""Whole models, in the ways that people build and wrap them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bayesian_torch.layers import LinearReparameterization
from bayesian_torch.layers.batchnorm import BatchNorm2dLayer
from bayesian_torch.layers.relu import ReLU
from networks import (
    CLASSES,
    bayesian_cnn,
    initializers,
    mean_logits,
    onnx_logits,
    operators,
    pictures,
    small_cnn,
)
from safetensors.numpy import load_file
from torch import Tensor, nn

from bayes8_export import Preprocessing, export

INPUTS = pictures(6, 3, 8, 8)


def difference(model: nn.Module, mean: Path) -> float:
    return float(np.abs(onnx_logits(mean, INPUTS) - mean_logits(model, INPUTS)).max())


def test_batch_normalization_stays_a_node_with_its_numbers(tmp_path: Path) -> None:
    model = small_cnn()
    files = export(model, INPUTS[:1], tmp_path)
    assert operators(files.mean).count("BatchNormalization") == 1
    np.testing.assert_array_equal(
        initializers(files.mean)["bn1.running_var"], model.state_dict()["bn1.running_var"]
    )
    assert difference(model, files.mean) < 1e-5


def test_a_model_in_training_is_exported_in_evaluation_and_left_as_it_was(tmp_path: Path) -> None:
    model = small_cnn().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    files = export(model, INPUTS[:1], tmp_path)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert difference(model, files.mean) < 1e-5


@pytest.mark.parametrize("kind", ["Reparameterization", "Flipout"])
def test_dnn_to_bnn(kind: str, tmp_path: Path) -> None:
    model = bayesian_cnn(kind)
    files = export(model, INPUTS[:1], tmp_path)
    assert difference(model, files.mean) < 1e-5
    assert files.bayesian == ["0.weight", "0.bias", "3.weight", "9.weight", "9.bias"]
    assert "Dropout" not in operators(files.mean)


def test_data_parallel_around_the_model_and_inside_leaves_no_trace_in_names(tmp_path: Path) -> None:
    model = small_cnn()
    expected = export(model, INPUTS[:1], tmp_path / "plain").bayesian
    logits = mean_logits(model, INPUTS)
    wrapped = nn.DataParallel(model)
    model.conv2 = nn.DataParallel(model.conv2)
    files = export(wrapped, INPUTS[:1], tmp_path / "wrapped")
    assert files.bayesian == expected
    assert np.abs(onnx_logits(files.mean, INPUTS) - logits).max() < 1e-5


def test_equal_means_stay_apart_as_their_sigmas_differ(tmp_path: Path) -> None:
    model = nn.Sequential(*(LinearReparameterization(4, 4) for _ in range(3)))
    for layer in model:
        layer.dnn_to_bnn_flag = True
        nn.init.zeros_(layer.mu_bias)
    files = export(model, pictures(1, 4), tmp_path)
    sigmas = load_file(files.posterior)
    assert len(files.bayesian) == len(sigmas) == 6
    assert not np.array_equal(sigmas["0.bias.sigma"], sigmas["1.bias.sigma"])
    assert initializers(files.mean).keys() == set(files.bayesian)


def test_a_model_that_is_one_layer(tmp_path: Path) -> None:
    files = export(LinearReparameterization(4, 3), pictures(1, 4), tmp_path)
    assert files.bayesian == ["weight", "bias"]


def test_layers_that_pass_the_divergence_on(tmp_path: Path) -> None:
    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = small_cnn()
            self.bn = BatchNorm2dLayer(8)
            self.relu = ReLU()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            pair = self.relu(self.bn(self.body.conv1(x)))
            logits: tuple[Tensor, Tensor] = self.body.fc(pair[0].mean((2, 3)))
            return logits

    model = Pairs().eval()
    files = export(model, INPUTS[:1], tmp_path)
    assert difference(model, files.mean) < 1e-5
    # Of what the logits do not depend on, nothing is written.
    assert files.bayesian == ["body.conv1.weight", "body.fc.weight", "body.fc.bias"]


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_squeeze_and_view_do_not_fix_the_batch(batch: int, tmp_path: Path) -> None:
    class Squeezed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = small_cnn()

        def forward(self, x: Tensor) -> Tensor:
            x = self.body.conv2(self.body.conv1(x, return_kl=False), return_kl=False)
            x = nn.functional.adaptive_avg_pool2d(x.view(x.size(0), 8, 4, 4), 1).squeeze()
            logits: Tensor = self.body.fc(x, return_kl=False)
            return logits

    model = Squeezed().eval()
    files = export(model, INPUTS[:batch], tmp_path)
    assert difference(model, files.mean) < 1e-5


def test_half_precision_and_doubles_become_f32(tmp_path: Path) -> None:
    for model in (small_cnn().double(), small_cnn().half()):
        files = export(model, INPUTS[:1], tmp_path)
        assert {value.dtype for value in load_file(files.posterior).values()} == {
            np.dtype(np.float32)
        }


def test_metadata(tmp_path: Path) -> None:
    preprocessing = Preprocessing(mean=[0.5, 0.4, 0.3], std=[0.2])
    files = export(
        small_cnn(), INPUTS[:1], tmp_path, class_names=CLASSES, preprocessing=preprocessing
    )
    assert json.loads(files.metadata.read_text()) == {
        "class_names": CLASSES,
        "preprocessing": {"mean": [0.5, 0.4, 0.3], "std": [0.2]},
    }
    files = export(small_cnn(), INPUTS[:1], tmp_path)
    assert json.loads(files.metadata.read_text()) == {
        "preprocessing": {"mean": [0.0], "std": [1.0]}
    }
