"""What bayesian-torch's own INT8 makes of small posteriors, beside its FP32.

    python benchmarks/no_collapse.py --from FOLDER

prints the rows of `evaluate/tests/suite/no_collapse.rs`, of the same network, pictures and number of
samples, so that bayes8's INT8 and the peer's can be compared: `cifar10-resnet20` with one rho for
all weights and biases, and with MOPED posteriors; and as trained. Mutual information, in nats, is
the entropy of the mean probabilities minus the mean entropy of the samples' (Depeweg et al. 2018,
arXiv:1710.07283), averaged over pictures.

The INT8 network is made as bayesian-torch makes its ResNet-50: additions that can be quantized,
then `prepare`, calibration and `convert` of `bayesian_torch.ao.quantization`, which round mean,
noise and every weight sample to steps of a whole tensor. Where sigma is far below that step, no
weight or a handful ever changes, and INT8's information is 0 or an accident of the seed: try
several (`--seed`). Needs `pip install -r benchmarks/requirements-peers.txt`.
"""

import argparse
import copy
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

try:
    import torch
    from bayesian_torch.ao.quantization.quantize import convert, enable_prepare
    from bayesian_torch.models.bayesian.resnet_variational import resnet20
    from torch import Tensor, nn
    from torch.ao import quantization
    from torch.nn import functional
except ImportError as error:
    sys.exit(f"{error}: needs torch and bayesian-torch, see benchmarks/requirements-peers.txt")

MODEL = "cifar10-resnet20"
RHOS = (-5, -7, -9)
DELTAS = (0.05, 0.01, 0.001)

# The same numbers as in evaluate/tests/suite/no_collapse.rs. Each pass draws new weights.
CALIBRATION_PICTURES = 100
CALIBRATION_PASSES = 2

# Where log(1 + exp(rho)) is 0 in f32.
NO_NOISE = -200.0

# As trained, the network comes to 0.90 in FP32 and 0.89 in INT8.
LEAST_ACCURACY = 0.8


def normalized(pictures: NDArray[np.uint8], preprocessing: Any) -> Tensor:  # noqa: ANN401 (of JSON)
    """[N, C, H, W] for pixels [N, H, W, C], as `golden.json` says."""
    values = (pictures / 255 - preprocessing["mean"]) / preprocessing["std"]
    return torch.from_numpy(values.transpose(0, 3, 1, 2).astype(np.float32))


class Data(NamedTuple):
    """The trained network and its pictures, normalized, [N, C, H, W]."""

    weights: dict[str, Tensor]
    calibration: Tensor
    test: Tensor
    labels: NDArray[np.int64]

    @classmethod
    def load(cls, folder: Path, pictures: int) -> "Data":
        """Raises OSError where a file is missing, ValueError where there are too few pictures."""
        model = folder / "models" / MODEL
        weights = torch.load(model / "checkpoint.pth", map_location="cpu", weights_only=True)
        preprocessing = json.loads((model / "golden.json").read_text())["preprocessing"]
        with (
            np.load(folder / "data/cifar10-calibration.npz") as calibration,
            np.load(folder / "data/cifar10-test.npz") as test,
        ):
            if pictures > len(test["x"]):
                message = f"cifar10-test.npz holds {len(test['x'])} pictures, not {pictures}"
                raise ValueError(message)
            return cls(
                weights,
                normalized(calibration["x"][:CALIBRATION_PICTURES], preprocessing),
                normalized(test["x"][:pictures], preprocessing),
                test["y"][:pictures],
            )


class Block(nn.Module):
    """A residual block of `resnet20` whose addition can be calibrated, as in the library's own."""

    def __init__(self, block: Any) -> None:  # noqa: ANN401 (bayesian-torch has no types)
        super().__init__()
        self.conv1, self.bn1, self.conv2, self.bn2 = block.conv1, block.bn1, block.conv2, block.bn2
        self.shortcut = block.shortcut
        self.add_relu = nn.quantized.FloatFunctional()  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.add_relu.add_relu(out, self.shortcut(x))


class Quantizable(nn.Module):
    """`resnet20` with a quantized input; takes over the layers of the one that it is made of."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.quant = quantization.QuantStub()  # type: ignore[no-untyped-call]
        self.conv1, self.bn1, self.linear = network.conv1, network.bn1, network.linear
        groups = network.layer1, network.layer2, network.layer3
        self.blocks = nn.Sequential(*(Block(block) for group in groups for block in group))

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(self.quant(x))))
        out = self.blocks(out)
        out = functional.avg_pool2d(out, out.shape[3]).flatten(1)
        # The library's quantized linear layer returns floats.
        logits: Tensor = self.linear(out)
        return logits


def int8(network: nn.Module, calibration: Tensor) -> nn.Module:
    """The network in the library's INT8, whose own `prepare` knows no network but ResNet-50."""
    model = Quantizable(copy.deepcopy(network)).eval()
    enable_prepare(model)
    with warnings.catch_warnings():
        # Deprecations of PyTorch's that the library has not followed.
        warnings.simplefilter("ignore")
        model.qconfig = quantization.get_default_qconfig("onednn")  # type: ignore[no-untyped-call]
        prepared = quantization.prepare(model)  # type: ignore[no-untyped-call]
        for _ in range(CALIBRATION_PASSES):
            prepared(calibration)
        converted: nn.Module = convert(prepared)
    return converted


# The rho of a tensor by its name and its mean.
Rho = Callable[[str, Tensor], Tensor]


def with_posterior(network: nn.Module, rho: Rho) -> nn.Module:
    """A copy with this rho of all weights and biases."""
    changed = copy.deepcopy(network)
    parameters = dict(changed.named_parameters())
    for name, parameter in parameters.items():
        if ".rho_" in name:
            mu = parameters[name.replace(".rho_", ".mu_")]
            parameter.copy_(rho(name, mu))
    return changed


def constant(value: float) -> Rho:
    """The same for all weights and biases."""
    return lambda _, mu: torch.full_like(mu, value)


def moped(delta: float) -> Rho:
    """Sigma = delta |mu| of weights; biases are deterministic, as in `bayes8 quantize --moped`."""

    def rho(name: str, mu: Tensor) -> Tensor:
        if name.endswith("bias"):
            return torch.full_like(mu, NO_NOISE)
        # Of mu = 0 that is minus infinity.
        sigma = delta * mu.double().abs()
        return sigma.expm1().log().clamp(min=NO_NOISE)

    return rho


def entropy(probabilities: Tensor) -> Tensor:
    """In nats, over the last axis."""
    return -torch.xlogy(probabilities, probabilities).sum(-1)


class Predictions(NamedTuple):
    """Of all pictures."""

    accuracy: float
    mutual_information: float

    @classmethod
    def of(cls, network: nn.Module, data: Data, samples: int) -> "Predictions":
        """Each sample is one weight sample for all pictures."""

        def probabilities() -> Tensor:
            output = network(data.test)
            logits: Tensor = output[0] if isinstance(output, tuple) else output
            # In f64: the least information is a difference in the sixth digit.
            return functional.softmax(logits.double(), -1)

        drawn = torch.stack([probabilities() for _ in range(samples)])
        mean = drawn.mean(0)
        information = entropy(mean) - entropy(drawn).mean(0)
        right = mean.argmax(-1).numpy() == data.labels
        # Of samples that are all the same, rounding may leave less than 0.
        return cls(float(right.mean()), max(0.0, float(information.mean())))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Mutual information of small posteriors in bayesian-torch's FP32 and INT8.",
        epilog="Example: python benchmarks/no_collapse.py --from shared --pictures 100",
    )
    parser.add_argument(
        "--from",
        type=Path,
        required=True,
        dest="folder",
        metavar="FOLDER",
        help=f"holds models/{MODEL}/checkpoint.pth and golden.json, data/cifar10-test.npz and "
        "data/cifar10-calibration.npz",
    )
    parser.add_argument("--pictures", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--samples", type=int, default=64, metavar="S", help="default: 64")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of calibration and samples (default: 0)"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    arguments = parser.parse_args()
    for name, least in (("pictures", 1), ("samples", 2), ("threads", 1)):
        if getattr(arguments, name) < least:
            parser.error(f"--{name} must be at least {least}")
    try:
        data = Data.load(arguments.folder, arguments.pictures)
    except (OSError, ValueError) as error:
        parser.error(f"{error}; see --help for what --from must hold")

    torch.set_grad_enabled(False)
    torch.set_num_threads(arguments.threads)
    # The backend of the library's examples and of its `prepare`.
    torch.backends.quantized.engine = "onednn"
    trained = resnet20().eval()
    trained.load_state_dict(data.weights)
    posteriors = {"as trained": trained}
    for rho in RHOS:
        posteriors[f"rho {rho}"] = with_posterior(trained, constant(rho))
    for delta in DELTAS:
        posteriors[f"MOPED {delta}"] = with_posterior(trained, moped(delta))

    print(f"{MODEL}, bayesian-torch: {arguments.pictures} pictures, {arguments.samples} samples")
    print("posterior     FP32 MI    INT8 MI    INT8/FP32  accuracy")
    for number, (posterior, network) in enumerate(posteriors.items(), 1):
        print(f"{number} of {len(posteriors)}: {posterior}", file=sys.stderr)
        torch.manual_seed(arguments.seed)
        fp32 = Predictions.of(network, data, arguments.samples)
        torch.manual_seed(arguments.seed)
        quantized = Predictions.of(int8(network, data.calibration), data, arguments.samples)
        over = quantized.mutual_information / fp32.mutual_information
        print(
            f"{posterior:12}  {fp32.mutual_information:.7f}  {quantized.mutual_information:.7f}  "
            f"{over:9.3f}  {fp32.accuracy:.3f}, {quantized.accuracy:.3f}",
            flush=True,
        )
        if number == 1 and min(fp32.accuracy, quantized.accuracy) < LEAST_ACCURACY:
            sys.exit(
                f"as trained, accuracy is below {LEAST_ACCURACY}: the network is not built or "
                "quantized right, and its information would say nothing"
            )


if __name__ == "__main__":
    main()
