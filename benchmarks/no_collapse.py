"""Mutual information of small posteriors in bayesian-torch's INT8, beside its FP32.

    python benchmarks/no_collapse.py --from FOLDER

prints the rows of `evaluate/tests/suite/no_collapse.rs` for the same network and pictures, so that
bayes8's INT8 and the peer's can be compared: `cifar10-resnet20` as trained, with one rho for all
weights and biases, and with MOPED posteriors. Mutual information, in nats, is the entropy of the
mean probabilities minus the mean entropy of the samples (Depeweg et al. 2018, arXiv:1710.07283),
averaged over the pictures.

The INT8 network is made in the way in which bayesian-torch makes its ResNet-50: additions that can
be quantized, then `prepare`, calibration and `convert` of `bayesian_torch.ao.quantization`. These
round the mean, the noise and every weight sample to steps of a whole tensor. Where sigma is far
below that step, few weights ever change or none does, and the INT8 information is 0 or an accident
of the seed: try several (`--seed`). Needs `pip install -r benchmarks/requirements-peers.txt`.
"""

import argparse
import copy
import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common import MODEL, Trained, add_folder, at_least, normalized

try:
    import torch
    from bayesian_torch.ao.quantization.quantize import convert, enable_prepare
    from bayesian_torch.models.bayesian.resnet_variational import resnet20
    from torch import Tensor, nn
    from torch.ao import quantization
    from torch.nn import functional
except ImportError as error:
    sys.exit(f"{error}: needs torch and bayesian-torch, see benchmarks/requirements-peers.txt")

CALIBRATION, TEST = SETS = ("cifar10-calibration", "cifar10-test")
RHOS = (-5, -7, -9)
DELTAS = (0.05, 0.01, 0.001)

# As in evaluate/tests/suite/no_collapse.rs. Each pass draws new weights.
CALIBRATION_PICTURES = 100
CALIBRATION_PASSES = 2

# log(1 + exp(rho)) is 0 in f32.
NO_NOISE = -200.0

# As trained, the network reaches 0.90 in FP32 and 0.89 in INT8.
LEAST_ACCURACY = 0.8


class Data(NamedTuple):
    """The trained network and its pictures, normalized, [N, C, H, W]."""

    weights: dict[str, Tensor]
    calibration: Tensor
    test: Tensor
    labels: NDArray[np.int64]

    @classmethod
    def load(cls, trained: Trained, pictures: int) -> "Data":
        """Raises OSError where a file is missing, ValueError where there are too few pictures."""
        checkpoint = trained.model("checkpoint.pth")
        weights = torch.load(checkpoint, map_location="cpu", weights_only=True)
        preprocessing = trained.golden()["preprocessing"]
        with (
            np.load(trained.pictures(CALIBRATION)) as calibration,
            np.load(trained.pictures(TEST)) as test,
        ):
            if pictures > len(test["x"]):
                message = f"{TEST}.npz holds {len(test['x'])} pictures, not {pictures}"
                raise ValueError(message)
            some = (calibration["x"][:CALIBRATION_PICTURES], test["x"][:pictures])
            inputs = (torch.from_numpy(normalized(pixels, preprocessing)) for pixels in some)
            return cls(weights, *inputs, test["y"][:pictures])


class Block(nn.Module):
    """A residual block of `resnet20` whose addition can be calibrated, as in the library's ResNet-50."""

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
    """`resnet20` with a quantized input; takes over the layers of `network`."""

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
    """The network in the library's INT8; its own `prepare` only knows ResNet-50."""
    model = Quantizable(copy.deepcopy(network)).eval()
    enable_prepare(model)
    with warnings.catch_warnings():
        # Deprecations in PyTorch that the library has not followed.
        warnings.simplefilter("ignore")
        model.qconfig = quantization.get_default_qconfig("onednn")  # type: ignore[no-untyped-call]
        prepared = quantization.prepare(model)  # type: ignore[no-untyped-call]
        for _ in range(CALIBRATION_PASSES):
            prepared(calibration)
        converted: nn.Module = convert(prepared)
    return converted


# Returns the rho of a tensor from its name and its mean.
Rho = Callable[[str, Tensor], Tensor]


def with_posterior(network: nn.Module, rho: Rho) -> nn.Module:
    """A copy in which all weights and biases have this rho."""
    changed = copy.deepcopy(network)
    parameters = dict(changed.named_parameters())
    for name, parameter in parameters.items():
        if ".rho_" in name:
            mu = parameters[name.replace(".rho_", ".mu_")]
            parameter.copy_(rho(name, mu))
    return changed


def constant(value: float) -> Rho:
    """One rho for all weights and biases."""
    return lambda _, mu: torch.full_like(mu, value)


def moped(delta: float) -> Rho:
    """Sigma = delta |mu| of weights; biases are deterministic, as in `bayes8 quantize --moped`."""

    def rho(name: str, mu: Tensor) -> Tensor:
        if name.endswith("bias"):
            return torch.full_like(mu, NO_NOISE)
        # For mu = 0 this is minus infinity.
        sigma = delta * mu.double().abs()
        return sigma.expm1().log().clamp(min=NO_NOISE)

    return rho


def entropy(probabilities: Tensor) -> Tensor:
    """Entropy of the last axis, in nats."""
    return -torch.xlogy(probabilities, probabilities).sum(-1)


class Predictions(NamedTuple):
    """Figures of the predictions for all pictures."""

    accuracy: float
    mutual_information: float

    @classmethod
    def of(cls, network: nn.Module, data: Data, samples: int) -> "Predictions":
        """Predicts; each weight sample serves all pictures."""

        def probabilities() -> Tensor:
            output = network(data.test)
            logits: Tensor = output[0] if isinstance(output, tuple) else output
            # In f64: the smallest information is a difference in the sixth digit.
            return functional.softmax(logits.double(), -1)

        drawn = torch.stack([probabilities() for _ in range(samples)])
        mean = drawn.mean(0)
        information = entropy(mean) - entropy(drawn).mean(0)
        right = mean.argmax(-1).numpy() == data.labels
        # Where all samples are equal, rounding may leave less than 0.
        return cls(float(right.mean()), max(0.0, float(information.mean())))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Mutual information of small posteriors in bayesian-torch's FP32 and INT8.",
        epilog="Example: python benchmarks/no_collapse.py --from shared --pictures 100",
    )
    add_folder(parser, *SETS)
    for option, least, default in (("pictures", 1, 100), ("samples", 2, 64), ("threads", 1, 1)):
        help_ = f"default: {default}"
        parser.add_argument(
            f"--{option}", type=at_least(least), default=default, metavar="N", help=help_
        )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of calibration and samples (default: 0)"
    )
    arguments = parser.parse_args()
    try:
        data = Data.load(arguments.trained, arguments.pictures)
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
                f"as trained, accuracy is below {LEAST_ACCURACY}: the network was built or quantized "
                "wrongly, so its information would mean nothing"
            )


if __name__ == "__main__":
    main()
