"""Small networks, and what their exports should hold."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from bayesian_torch.layers import Conv2dReparameterization, LinearReparameterization
from bayesian_torch.models.dnn_to_bnn import dnn_to_bnn
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

CLASSES = ["bag", "boot", "coat", "shirt"]

# Where log(1 + exp(rho)) is 0 in f32, so that bayesian-torch itself runs the mean weights.
NO_NOISE = -200.0


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
    """A network with running statistics that BatchNormalization changes something with."""
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


def randomize_statistics(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
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
