"""Whole models, in the ways that people build and wrap them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bayesian_torch.layers import Conv2dReparameterization, LinearReparameterization
from bayesian_torch.layers.batchnorm import BatchNorm2dLayer
from bayesian_torch.layers.relu import ReLU
from networks import (
    CLASSES,
    bayesian_cnn,
    chain,
    exact_sigma,
    initializers,
    mean_logits,
    onnx_logits,
    operators,
    pictures,
    small_cnn,
)
from safetensors.numpy import load_file
from torch import Tensor, nn

import bayes8
from bayes8.export import ExportError, Preprocessing, export

INPUTS = pictures(6, 3, 8, 8)


def difference(model: nn.Module, network: Path) -> float:
    return float(np.abs(onnx_logits(network, INPUTS) - mean_logits(model, INPUTS)).max())


def test_batch_normalization_stays_a_node_with_its_numbers(tmp_path: Path) -> None:
    model = small_cnn()
    files = export(model, INPUTS[:1], tmp_path)
    assert operators(files.network).count("BatchNormalization") == 1
    np.testing.assert_array_equal(
        initializers(files.network)["bn1.running_var"], model.state_dict()["bn1.running_var"]
    )
    assert difference(model, files.network) < 1e-5


def test_a_model_in_training_is_exported_in_evaluation_and_left_as_it_was(tmp_path: Path) -> None:
    model = small_cnn().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    files = export(model, INPUTS[:1], tmp_path)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert difference(model, files.network) < 1e-5


@pytest.mark.parametrize("kind", ["Reparameterization", "Flipout"])
def test_dnn_to_bnn(kind: str, tmp_path: Path) -> None:
    model = bayesian_cnn(kind)
    files = export(model, INPUTS[:1], tmp_path)
    assert difference(model, files.network) < 1e-5
    assert files.bayesian == ["0.weight", "0.bias", "3.weight", "9.weight", "9.bias"]
    assert "Dropout" not in operators(files.network)


def test_data_parallel_around_the_model_and_inside_leaves_no_trace_in_names(tmp_path: Path) -> None:
    model = small_cnn()
    expected = export(model, INPUTS[:1], tmp_path / "plain").bayesian
    logits = mean_logits(model, INPUTS)
    wrapped = nn.DataParallel(model)
    model.conv2 = nn.DataParallel(model.conv2)
    files = export(wrapped, INPUTS[:1], tmp_path / "wrapped")
    assert files.bayesian == expected
    assert np.abs(onnx_logits(files.network, INPUTS) - logits).max() < 1e-5


def test_torch_compile_around_the_model_and_inside_leaves_no_trace_in_names(tmp_path: Path) -> None:
    model = small_cnn()
    expected = export(model, INPUTS[:1], tmp_path / "plain").bayesian
    logits = mean_logits(model, INPUTS)
    model.conv2 = torch.compile(model.conv2)
    around: object = torch.compile(nn.DataParallel(model))
    assert isinstance(around, nn.Module)
    for name, wrapped in (("in", model), ("both", around)):
        files = export(wrapped, INPUTS[:1], tmp_path / name)
        assert files.bayesian == expected
        assert np.abs(onnx_logits(files.network, INPUTS) - logits).max() < 1e-5
    in_place = small_cnn()
    in_place.compile()
    assert export(in_place, INPUTS[:1], tmp_path / "in place").bayesian == expected


def check_names(model: nn.Module, inputs: Tensor, folder: Path, expected: list[str]) -> None:
    """Checks that each of `expected` has its mean, sigma and name in the files."""
    files = export(model, inputs[:1], folder)
    assert files.bayesian == expected
    assert load_file(files.posterior).keys() == {f"{name}.sigma" for name in expected}
    means = initializers(files.network)
    for name in expected:
        path, _, parameter = name.rpartition(".")
        layer = model.get_submodule(path)
        mu = (
            "mu_kernel"
            if parameter == "weight" and hasattr(layer, "mu_kernel")
            else f"mu_{parameter}"
        )
        np.testing.assert_array_equal(means[name], getattr(layer, mu).detach())
    assert np.abs(onnx_logits(files.network, inputs) - mean_logits(model, inputs)).max() < 1e-5


def test_batch_normalization_after_a_linear_layer_is_not_folded_into_it(tmp_path: Path) -> None:
    model = chain(
        LinearReparameterization(6, 5),
        nn.BatchNorm1d(5),
        nn.ReLU(),
        LinearReparameterization(5, 4, bias=False),
        nn.BatchNorm1d(4),
    )
    check_names(model, pictures(6, 6), tmp_path, ["0.weight", "0.bias", "3.weight"])


def test_tied_weights_keep_a_name_for_each_layer(tmp_path: Path) -> None:
    model = chain(
        *(LinearReparameterization(4, 4) for _ in range(2)), *(nn.Linear(4, 4) for _ in "ab")
    )
    model[1].mu_weight, model[1].rho_weight = model[0].mu_weight, model[0].rho_weight
    model[3].weight = model[2].weight
    names = ["0.weight", "0.bias", "1.weight", "1.bias"]
    check_names(model, pictures(6, 4), tmp_path, names)


def test_a_linear_layer_over_tokens_keeps_its_names(tmp_path: Path) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = chain(LinearReparameterization(6, 4))

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.body(x).mean(1)
            return logits

    check_names(Tokens(), pictures(6, 7, 6), tmp_path, ["body.0.weight", "body.0.bias"])


def test_zero_padding_before_a_convolution(tmp_path: Path) -> None:
    model = chain(
        nn.ZeroPad2d((0, 1, 0, 1)),
        Conv2dReparameterization(1, 4, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        LinearReparameterization(4, 3),
    )
    names = ["1.weight", "1.bias", "5.weight", "5.bias"]
    check_names(model, pictures(6, 1, 28, 28), tmp_path, names)


def test_weights_that_pytorch_folds_are_not_exported_without_their_sigma(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_onnx: Any = torch.onnx.export

    def folding(*arguments: object, **options: object) -> None:
        options |= {"training": torch.onnx.TrainingMode.EVAL, "do_constant_folding": True}
        export_onnx(*arguments, **options)

    monkeypatch.setattr(torch.onnx, "export", folding)
    with pytest.raises(ExportError, match=r"PyTorch .* changed weights .*are not parameters"):
        export(small_cnn(), INPUTS[:1], tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_equal_means_stay_apart_as_their_sigmas_differ(tmp_path: Path) -> None:
    layers = [LinearReparameterization(4, 4) for _ in range(3)]
    for layer in layers:
        layer.dnn_to_bnn_flag = True
        nn.init.zeros_(layer.mu_bias)
    files = export(nn.Sequential(*layers), pictures(1, 4), tmp_path)
    sigmas = load_file(files.posterior)
    assert len(files.bayesian) == len(sigmas) == 6
    assert not np.array_equal(sigmas["0.bias.sigma"], sigmas["1.bias.sigma"])
    assert initializers(files.network).keys() == set(files.bayesian)


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
    assert difference(model, files.network) < 1e-5
    # Nothing is written that the logits do not depend on.
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
    assert difference(model, files.network) < 1e-5


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


def test_an_ensemble_of_bayesian_networks_has_the_sigma_of_each_member(tmp_path: Path) -> None:
    members = [small_cnn(seed) for seed in (1, 2)]
    files = export(small_cnn(), INPUTS[:1], tmp_path, members=[m.state_dict() for m in members])
    tensors = load_file(files.posterior)
    for number, member in enumerate(members):
        name = f"conv1.weight.member.{number}"
        np.testing.assert_array_equal(tensors[name], member.conv1.mu_kernel.detach())
        expected = exact_sigma(member.conv1.rho_kernel)
        np.testing.assert_allclose(tensors[f"{name}.sigma"], expected, rtol=1e-6)
    assert files.members == 2
    assert "fc.bias" in files.bayesian
    quantized = bayes8.quantize(
        files.network,
        posterior=files.posterior,
        calibration=INPUTS.permute(0, 2, 3, 1).contiguous().numpy(),
        class_names=CLASSES,
    )
    assert len(quantized.class_names) == len(CLASSES)


def test_dropout_of_a_bayesian_network_is_active_only_if_it_is_chosen(tmp_path: Path) -> None:
    model = bayesian_cnn("Reparameterization")
    assert export(model, INPUTS[:1], tmp_path).dropout == []
    files = export(model, INPUTS[:1], tmp_path, dropout="active")
    assert files.dropout == ["8"]
    assert "9.weight" in files.bayesian
    assert "Dropout" in operators(files.network)
