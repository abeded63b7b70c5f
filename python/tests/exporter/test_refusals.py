"""Every refusal says where and what would be right."""

from pathlib import Path

import pytest
import torch
from bayesian_torch.layers import Conv2dReparameterization, LinearReparameterization
from bayesian_torch.layers.flipout_layers.rnn_flipout import LSTMFlipout
from bayesian_torch.layers.variational_layers.quantize_conv_variational import (
    QuantizedConv2dReparameterization,
)
from bayesian_torch.layers.variational_layers.rnn_variational import LSTMReparameterization
from networks import CLASSES, Around, Factory, pictures, plain_cnn, small_cnn
from torch import Tensor, nn

from bayes8.export import ExportError, Preprocessing, UnsupportedLayerError, export

INPUT = pictures(1, 3, 8, 8)


class Twice(Conv2dReparameterization):  # type: ignore[misc]
    def forward(self, x: Tensor, return_kl: bool = True) -> object:
        return super().forward(x * 2, return_kl)


class OwnBayes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(4))
        self.rho = nn.Parameter(torch.zeros(4))


class Wrapped(nn.Module):
    """A model whose forward applies a function to small_cnn."""

    def __init__(self, function: Factory) -> None:
        super().__init__()
        self.body = small_cnn()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(self.body, x)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (LSTMReparameterization(4, 4), "use linear and convolutional layers"),
        (LSTMFlipout(4, 4), "use linear and convolutional layers"),
        (QuantizedConv2dReparameterization(3, 4, 3), "export the FP32 model"),
        (Twice(3, 4, 3), "what can be exported: Conv1dFlipout, "),
        (OwnBayes(), "what can be exported: Conv1dFlipout, "),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_layer_without_a_place_in_the_files(
    layer: nn.Module, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedLayerError, match=reason) as refused:
        export(nn.Sequential(plain_cnn(), Around(layer, 4)), INPUT, tmp_path / "out")
    assert refused.value.layer == "1.layer"
    assert refused.value.kind == type(layer).__name__
    assert f"layer `1.layer` ({refused.value.kind})" in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("parameter", ["mu_kernel", "rho_kernel"])
def test_weights_that_are_not_finite(parameter: str, tmp_path: Path) -> None:
    model = small_cnn()
    getattr(model.conv2, parameter).data[0, 0, 0, 0] = torch.nan
    with pytest.raises(UnsupportedLayerError, match=rf"`conv2` .*`{parameter}` .*not finite"):
        export(model, INPUT, tmp_path)


def test_a_layer_that_runs_twice_with_different_weights(tmp_path: Path) -> None:
    layer = LinearReparameterization(4, 4)
    layer.dnn_to_bnn_flag = True
    with pytest.raises(UnsupportedLayerError, match="layer `0` .*runs more than once"):
        export(nn.Sequential(layer, nn.ReLU(), layer), pictures(1, 4), tmp_path)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda body, x: {"logits": body(x)[0]}, r"returned dict; expected logits"),
        (lambda body, x: (body(x)[0], x), r"\(a tensor of shape \[3, 4\], a tensor .*expected"),
        (lambda body, x: body(x)[0].flatten(), r"expected logits \[N, classes\]"),
        (lambda body, x: body(x)[0] + torch.rand(1), "on chance"),
        (lambda body, x: body(x)[0] - body(x)[0].detach().numpy().mean(), "on values"),
        (lambda body, x: body(x.view(3, 3, 8, 8))[0], "does not run a batch of 2"),
        (lambda body, x: body(x[:, :2])[0], "cannot run an input of shape"),
        (lambda _, x: x.mean((2, 3)), "no Bayesian layer leads to the logits"),
    ],
)
def test_a_forward_that_cannot_be_exported(function: Factory, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=reason):
        export(Wrapped(function), INPUT, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_model_in_which_nothing_is_random(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="--moped"):
        export(plain_cnn(), INPUT, tmp_path, dropout="inactive")


@pytest.mark.parametrize(
    "example", [torch.zeros(0, 3, 8, 8), torch.zeros(3), torch.zeros(1, 3).int()]
)
def test_an_example_that_is_no_batch(example: Tensor, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="example_input has shape"):
        export(small_cnn(), example, tmp_path)


def test_metadata_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="3 class names, but the model has 4 classes"):
        export(small_cnn(), INPUT, tmp_path, class_names=CLASSES[:3])
    with pytest.raises(ExportError, match="2 values of `mean`, but pictures have 3 channels"):
        export(small_cnn(), INPUT, tmp_path, preprocessing=Preprocessing([0.1, 0.2]))
    for mean, std, reason in (
        ([], [1.0], "`mean` must hold finite"),
        ([0.0], [0.0], "above 0"),
        ([float("nan")], [1.0], "finite"),
        ([0.0, 0.0], [1.0, 1.0, 1.0], "one per channel"),
    ):
        with pytest.raises(ExportError, match=reason):
            Preprocessing(mean, std)
    assert not list(tmp_path.iterdir())
