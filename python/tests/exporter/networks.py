"""Small networks, and what their exports should hold."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from bayesian_torch.layers import (
    Conv1dReparameterization,
    Conv2dReparameterization,
    Conv3dReparameterization,
    ConvTranspose2dReparameterization,
    LinearReparameterization,
)
from bayesian_torch.models.dnn_to_bnn import dnn_to_bnn
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

CLASSES = ["bag", "boot", "coat", "shirt"]

# log(1 + exp(rho)) is 0 in f32, so that bayesian-torch itself runs the mean weights.
NO_NOISE = -200.0

# Some layers have no defaults for these.
PRIOR = {"prior_mean": 0, "prior_variance": 1, "posterior_mu_init": 0, "posterior_rho_init": -3.0}


class SmallCnn(nn.Module):
    """Convolutions with BatchNormalization; forward returns (logits, kl)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Conv2dReparameterization(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = Conv2dReparameterization(8, 8, 3, padding=1, stride=2)
        self.fc = LinearReparameterization(8, len(CLASSES))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x, kl1 = self.conv1(x)
        x = torch.relu(self.bn1(x))
        x, kl2 = self.conv2(x)
        x = torch.relu(x).mean((2, 3))
        x, kl3 = self.fc(x)
        return x, kl1 + kl2 + kl3


class Around(nn.Module):
    """One layer between an input and logits."""

    def __init__(self, layer: nn.Module, channels: int) -> None:
        super().__init__()
        self.layer = layer
        self.fc = nn.Linear(channels, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x)
        out = out[0] if isinstance(out, tuple) else out
        logits: Tensor = self.fc(torch.relu(out.flatten(2).mean(2)) if out.ndim > 2 else out)
        return logits


def small_cnn(seed: int = 0) -> SmallCnn:
    """A network whose running statistics make BatchNormalization change something."""
    torch.manual_seed(seed)
    model = SmallCnn()
    randomize_statistics(model)
    return model.eval()


def plain_cnn() -> nn.Sequential:
    """No Bayesian layers yet."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(8 * 4 * 4, len(CLASSES)),
    )
    randomize_statistics(model)
    return model.eval()


def bayesian_cnn(kind: str) -> nn.Module:
    """`plain_cnn` made Bayesian by bayesian-torch; layers return only out."""
    model = plain_cnn()
    prior = {
        "prior_mu": 0.0,
        "prior_sigma": 1.0,
        "posterior_mu_init": 0.0,
        "posterior_rho_init": -3.0,
        "type": kind,
        "moped_enable": True,
        "moped_delta": 0.2,
    }
    dnn_to_bnn(model, prior)
    return model.eval()


def chain(*layers: nn.Module, seed: int = 2) -> nn.Sequential:
    """Layers one after another; those of bayesian-torch return only out."""
    torch.manual_seed(seed)
    for layer in layers:
        for name, parameter in layer.named_parameters():
            if name.startswith("mu_"):
                fan_in = max(1, parameter[0].numel())
                nn.init.normal_(parameter, std=fan_in**-0.5)
            elif name.startswith("rho_"):
                nn.init.normal_(parameter, -3.0, 0.3)
        setattr(layer, "dnn_to_bnn_flag", True)  # noqa: B010 (mypy takes a module's attributes for tensors)
    model = nn.Sequential(*layers)
    randomize_statistics(model)
    return model.eval()


def sequence_cnn() -> nn.Module:
    """Over [N, 3, 30]."""
    return chain(
        Conv1dReparameterization(3, 16, 5, stride=2, padding=3, dilation=2),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.MaxPool1d(2),
        Conv1dReparameterization(16, 12, 3, groups=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        LinearReparameterization(12, len(CLASSES)),
    )


def volume_cnn() -> nn.Module:
    """Over [N, 2, 5, 6, 7]."""
    return chain(
        Conv3dReparameterization(2, 16, 3, padding=1, **PRIOR),
        nn.BatchNorm3d(16),
        nn.ReLU(),
        nn.MaxPool3d(2),
        Conv3dReparameterization(16, 8, 2, padding=1, groups=4, **PRIOR),
        nn.ReLU(),
        Conv3dReparameterization(8, 8, 3, padding=1, groups=8, bias=False, **PRIOR),
        nn.AvgPool3d((1, 2, 2)),
        nn.Flatten(),
        LinearReparameterization(8 * 3 * 2 * 2, len(CLASSES)),
    )


def transposed_cnn() -> nn.Module:
    """Over [N, 3, 5, 4]."""
    return chain(
        Conv2dReparameterization(3, 8, 3, padding=1),
        nn.ReLU(),
        ConvTranspose2dReparameterization(
            8, 12, 3, stride=2, padding=1, output_padding=1, groups=2, bias=True
        ),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        ConvTranspose2dReparameterization(12, 6, 2, stride=1, padding=2, dilation=3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        LinearReparameterization(6, len(CLASSES)),
    )


def randomize_statistics(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)


def pictures(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7))


def mean_logits(model: nn.Module, inputs: Tensor) -> NDArray[np.float32]:
    """What bayesian-torch's own layers compute without noise."""
    model = copy.deepcopy(model).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.rpartition(".")[2].startswith("rho_"):
                parameter.fill_(NO_NOISE)
        output = model(inputs)
    logits: Tensor = output[0] if isinstance(output, tuple) else output
    return logits.numpy()


def onnx_logits(path: Path, inputs: Tensor) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": inputs.numpy()})
    assert isinstance(logits, np.ndarray)
    return logits


def initializers(path: Path) -> dict[str, NDArray[np.float32]]:
    tensors = onnx.load(path).graph.initializer
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def exact_sigma(rho: Tensor) -> NDArray[np.float32]:
    """log(1 + exp(rho)) in f64, by NumPy's definition of it."""
    values = rho.detach().numpy().astype(np.float64)
    return np.logaddexp(0.0, values).astype(np.float32)


Factory = Callable[..., nn.Module]
