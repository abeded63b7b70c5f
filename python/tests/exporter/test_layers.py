"""Every kind of layer, on its own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bayesian_torch.layers.flipout_layers import conv_flipout, linear_flipout
from bayesian_torch.layers.variational_layers import conv_variational, linear_variational
from networks import (
    PRIOR,
    Around,
    Factory,
    exact_sigma,
    initializers,
    mean_logits,
    onnx_logits,
    pictures,
)
from safetensors.numpy import load_file

from bayes8.export import export

CHANNELS = 4
CONVOLUTIONS = [
    (dimensions, getattr(module, f"{kind}{dimensions}d{family}"))
    for family, module in (("Reparameterization", conv_variational), ("Flipout", conv_flipout))
    for kind in ("Conv", "ConvTranspose")
    for dimensions in (1, 2, 3)
]
LINEARS = [linear_variational.LinearReparameterization, linear_flipout.LinearFlipout]


def check(model: Around, inputs: torch.Tensor, folder: Path) -> None:
    files = export(model, inputs[:1], folder)
    assert np.abs(onnx_logits(files.network, inputs) - mean_logits(model, inputs)).max() < 1e-5
    parameters = dict(model.layer.named_parameters())
    expected = {
        f"layer.{'bias' if name.endswith('bias') else 'weight'}": name.removeprefix("mu_")
        for name in parameters
        if name.startswith("mu_")
    }
    sigmas = load_file(files.posterior)
    means = initializers(files.network)
    assert sigmas.keys() == {f"{name}.sigma" for name in expected}
    for name, original in expected.items():
        np.testing.assert_array_equal(means[name], parameters[f"mu_{original}"].detach().numpy())
        sigma = sigmas[f"{name}.sigma"]
        np.testing.assert_array_equal(sigma, exact_sigma(parameters[f"rho_{original}"]))
        assert sigma.dtype == np.float32


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("dimensions", "layer"), CONVOLUTIONS)
def test_convolution(
    dimensions: int, layer: Factory, bias: bool, groups: int, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    options = {"stride": 2, "padding": 1, "dilation": 1, "groups": groups, "bias": bias}
    if "Transpose" in layer.__name__:
        options["output_padding"] = 1
    model = Around(layer(CHANNELS, CHANNELS, 3, **options, **PRIOR), CHANNELS)
    check(model, pictures(5, CHANNELS, *[6] * dimensions), tmp_path)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layer", LINEARS)
def test_linear(layer: Factory, bias: bool, tmp_path: Path) -> None:
    torch.manual_seed(4)
    check(Around(layer(6, CHANNELS, bias=bias), CHANNELS), pictures(5, 6), tmp_path)
