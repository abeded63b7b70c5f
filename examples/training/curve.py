"""curve: a regression of one number from 80 points with a gap, for the web demo.

Draws the points, trains a network whose last layer gets a Gaussian posterior, one with Monte-Carlo
dropout, and an ensemble, exports them, and records what they predict in FP32: see README.md.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from bayes8.export import Preprocessing, export
from networks import Networks, Recipe, train
from regression import figures, gaussian
from tables import Scaling, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from networks import Loss

    Array = NDArray[np.float32]

# The points to learn from: how many, between which x, and the standard deviation of their noise at
# both ends.
GROUPS = ((36, (-4.0, -1.2), (0.12, 0.12)), (44, (1.4, 4.0), (0.14, 0.5)))

# What the page shows: beyond the points.
SHOWN = (-5.5, 5.5)

MEMBERS = 8
SAMPLES = 256

RECIPES = {
    "gaussian": Recipe(hidden=(100,), epochs=800, rate=0.03, decay=0.0, prior=8.0),
    "dropout": Recipe(hidden=(100, 100), epochs=600, decay=0.0, dropout=0.1, prior=math.inf),
    "ensemble": Recipe(hidden=(50, 50), epochs=600, decay=0.0, prior=4.0),
}

# Standard deviation of the noise that targets have at least, where their own is 1.
FLOOR = 0.12

# Standard deviations of the prior of the last layer's weights that are tried.
PRIORS = np.geomspace(0.03, 10, 60)

# Functions of the last layer's posterior that are left out have at most this share of its variance
# at an average place.
NEGLIGIBLE = 1e-4

# Largest value of each of these functions over what the page shows; that of each unit is 1. Eight
# bits hold both.
LARGEST = 0.5


def draw(seed: int, copies: int = 1) -> tuple[Array, Array]:
    """Draws points: x and y, [N]; `copies` multiplies their number."""
    random = np.random.default_rng(seed)
    x, y = [], []
    for count, ends, noise in GROUPS:
        own = np.sort(random.uniform(*ends, count * copies))
        error = np.interp(own, ends, noise) * random.standard_normal(own.size)
        x.append(own)
        y.append(1.2 * np.sin(1.5 * own) + 0.35 * own + error)
    return np.concatenate(x).astype(np.float32), np.concatenate(y).astype(np.float32)


def begin(networks: Networks, recipe: Recipe, shown: Tensor) -> None:
    """Draws the first weights: each unit of the first layer has its kink in what is `shown`."""
    with torch.no_grad():
        first = networks.weights[0].normal_()
        kinks = torch.empty_like(first).uniform_(shown.min().item(), shown.max().item())
        networks.biases[0].copy_(-first * kinks)
        if math.isfinite(recipe.prior):
            for weight in [*networks.weights][1:]:
                weight.normal_(std=recipe.prior / math.sqrt(weight.shape[1]))
            # The variance begins near that of the targets.
            networks.weights[-1][..., 1] *= 0.1


def anchored(networks: Networks, loss: Loss, recipe: Recipe, points: int) -> Loss:
    """Adds to `loss` a Gaussian prior whose mean is the weights as they are.

    Members that begin with draws from a prior, and are held to these by the prior's width, differ
    where no points hold them together ("anchored ensembles", Pearce et al. 2020).
    """
    stds = [1.0, *(recipe.prior / math.sqrt(weight.shape[1]) for weight in [*networks.weights][1:])]
    held = [
        (values, values.detach().clone(), std)
        for values, std in zip(
            [*networks.weights, *networks.biases], [*stds, *[1.0] * len(stds)], strict=True
        )
    ]

    def total(outputs: Tensor, y: Tensor) -> Tensor:
        away = sum((((now - first) / std) ** 2).sum((1, 2)) for now, first, std in held)
        return loss(outputs, y) + 0.5 * away[:, None] / points

    return total


def equalize(network: nn.Sequential, shown: Tensor) -> nn.Sequential:
    """Returns the network with scaled units and the same outputs.

    The largest value of each unit over what the page shows becomes 1, so that eight bits hold each
    as well as any other ("cross-layer equalization", Nagel et al. 2019).
    """
    network = copy.deepcopy(network)
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, following in pairwise(linear):
            shown = torch.relu(layer(shown))
            sizes = shown.amax(0)
            # A unit that is always 0 keeps its weights.
            sizes[sizes == 0] = 1
            layer.weight /= sizes[:, None]
            layer.bias /= sizes
            following.weight *= sizes
            shown = shown / sizes
    return network


class LastLayer(nn.Module):
    """A network whose last layer's weights of the mean have a Gaussian posterior.

    Given the features and the noise, the posterior is exact: Bayesian linear regression, with the
    prior of the largest evidence. A draw differs from its mean by independent normal numbers times
    functions that are linear in the features: the principal components of the posterior over what
    the page shows, each place in units of its standard deviation. They are features of the last
    layer, with weights of mean 0.

    Attributes:
        features: all layers but the last.
        functions: linear in the features.
        last: takes both.
        sizes: standard deviation of the weight of each function.

    """

    def __init__(self, network: nn.Sequential, x: Tensor, y: Tensor, shown: Tensor) -> None:
        super().__init__()
        of_noise = network[-1]
        with torch.no_grad():
            points, places = (_with_one(network[:-1](values)) for values in (x, shown))
            variance = network(x)[:, 1].double().exp() + FLOOR**2
            evidence = [_evidence(points, y.double(), variance, prior) for prior in PRIORS]
            prior = PRIORS[int(np.argmax(evidence))]
            precision = (points.T / variance) @ points
            precision += torch.eye(len(precision)) / prior**2
            covariance = torch.linalg.inv(precision)
            mean = covariance @ points.T @ (y.double() / variance)
            root = torch.linalg.cholesky(covariance)
            draws = places @ root
            _, sizes, axes = torch.linalg.svd(draws / draws.norm(dim=1, keepdim=True))
            kept = int((sizes**2 > NEGLIGIBLE * len(places)).sum())
            functions = (root @ axes[:kept].T).T
            self.sizes = (places @ functions.T).abs().amax(0) / LARGEST
            # All that is linear in the features, for their scales.
            rows = nn.Linear(of_noise.in_features, 2 + kept)
            weights = torch.cat([mean[None], functions / self.sizes[:, None]]).float()
            rows.weight.copy_(torch.cat([weights[:, :-1], of_noise.weight[1:]]))
            rows.bias.copy_(torch.cat([weights[:, -1], of_noise.bias[1:]]))
            *layers, rows = equalize(nn.Sequential(*network[:-1], rows), shown)
            self.features = nn.Sequential(*layers)
            self.functions = nn.Linear(of_noise.in_features, kept)
            self.functions.weight.copy_(rows.weight[1:-1])
            self.functions.bias.copy_(rows.bias[1:-1])
            self.last = nn.Linear(of_noise.in_features + kept, 2)
            self.last.weight.zero_()
            self.last.weight[:, :-kept] = rows.weight[[0, -1]]
            self.last.bias.copy_(rows.bias[[0, -1]])
        self.eval()

    def sigma(self) -> dict[str, Tensor]:
        """Returns the standard deviations, by the parameter's name."""
        sigma = torch.zeros_like(self.last.weight)
        sigma[0, -len(self.sizes) :] = self.sizes
        return {"last.weight": sigma}

    def forward(self, x: Tensor) -> Tensor:
        """Returns the mean and the log-variance."""
        features = self.features(x)
        out: Tensor = self.last(torch.cat([features, self.functions(features)], 1))
        return out

    def draw(self, x: Tensor, samples: int) -> Tensor:
        """Returns the outputs [samples, N, 2] of samples: each is one function."""
        functions = self.sizes.float() * self.functions(self.features(x))
        drawn = functions @ torch.randn(samples, functions.shape[1], 1)
        return self(x) + torch.cat([drawn, torch.zeros_like(drawn)], 2)


def _with_one(features: Tensor) -> Tensor:
    """Appends the feature of the bias."""
    return torch.cat([features, torch.ones(len(features), 1)], 1).double()


def _evidence(features: Tensor, y: Tensor, variance: Tensor, prior: float) -> float:
    """Returns the log-likelihood of targets under a prior of the weights, up to a constant."""
    covariance = prior**2 * features @ features.T + variance.diag()
    of = torch.distributions.MultivariateNormal(torch.zeros_like(y), covariance)
    return of.log_prob(y).item()


@dataclass(frozen=True)
class Numbers:
    """Standardized inputs and targets, [N, 1] and [N].

    Attributes:
        x: of the points to learn from.
        y: likewise.
        shown: places over all that the page shows.
        test: of other points.

    """

    x: Tensor
    y: Tensor
    shown: Tensor
    test: Tensor


def learn(posterior: str, numbers: Numbers, seed: int) -> Networks:
    """Trains the networks of a posterior: one, or those of the ensemble."""
    recipe = RECIPES[posterior]
    count = MEMBERS if posterior == "ensemble" else 1
    torch.manual_seed(seed)
    networks = Networks(count, [1, *recipe.hidden, 2], dropout=recipe.dropout)
    begin(networks, recipe, numbers.shown)
    loss = anchored(networks, gaussian(FLOOR), recipe, len(numbers.x))
    every = numbers.x.expand(count, -1, -1), numbers.y.expand(count, -1)
    with tqdm(total=recipe.epochs, desc=posterior, unit="epoch") as bar:
        train(networks, *every, loss=loss, recipe=recipe, advance=bar.update)
    return networks


def exports(posterior: str, networks: Networks, numbers: Numbers) -> tuple[dict[str, Any], Tensor]:
    """Returns what `export` takes, and the outputs of samples for the test points."""
    trained = [networks.network(n) for n in range(networks.count)]
    with torch.no_grad():
        if posterior == "gaussian":
            model = LastLayer(trained[0], numbers.x, numbers.y, numbers.shown)
            return {"model": model, "sigma": model.sigma()}, model.draw(numbers.test, SAMPLES)
        trained = [equalize(network, numbers.shown) for network in trained]
        each = SAMPLES if networks.count == 1 else 1
        drawn = [networks.draw(n, numbers.test, each) for n in range(networks.count)]
        members = trained if networks.count > 1 else None
        return {"model": trained[0], "members": members}, torch.cat(drawn)


def options() -> argparse.Namespace:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--output", type=Path, required=True, help="folder for POSTERIOR/ and points.json")
    add("--seed", type=int, default=0, help="of points, weights and batches (default: 0)")
    add("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    return parser.parse_args()


def main() -> None:
    """Draws the points, trains, exports, and records what FP32 predicts."""
    chosen = options()
    torch.set_num_threads(chosen.threads)
    x, y = draw(chosen.seed)
    test_x, test_y = draw(chosen.seed + 1, copies=25)
    shown = np.linspace(*SHOWN, 481, dtype=np.float32)
    chosen.output.mkdir(parents=True, exist_ok=True)
    points = [[round(float(a), 3), round(float(b), 3)] for a, b in zip(x, y, strict=True)]
    (chosen.output / "points.json").write_text(json.dumps({"points": points}) + "\n", "utf-8")

    of_x, of_y = Scaling.of(x[:, None]), Scaling.of(y)
    scale, offset = of_y.std.item(), of_y.mean.item()
    first, places, others = (
        torch.from_numpy(of_x.apply(values[:, None])) for values in (x, shown, test_x)
    )
    numbers = Numbers(first, torch.from_numpy(of_y.apply(y)), places, others)
    for posterior in RECIPES:
        networks = learn(posterior, numbers, chosen.seed)
        given, outputs = exports(posterior, networks, numbers)
        folder = chosen.output / posterior
        export(
            **given,
            example_input=torch.zeros(1, 1),
            directory=folder,
            targets=[{"name": "y", "scale": scale, "offset": offset}],
            preprocessing=Preprocessing(of_x.mean.tolist(), of_x.std.tolist(), "numbers"),
        )
        np.savez_compressed(folder / "calibration.npz", x=shown[:, None])
        np.savez_compressed(folder / "test.npz", x=test_x[:, None], y=test_y)
        result = figures(outputs.numpy(), test_y, scale, offset)
        write_json(folder / "golden.json", {"samples": len(outputs), **result})
        tqdm.write(
            f"{posterior}: RMSE {result['rmse']:.3f}, "
            f"log-likelihood {result['test_log_likelihood']:.3f}, "
            f"95 % intervals cover {result['coverage_95']:.1%}"
        )


if __name__ == "__main__":
    main()
