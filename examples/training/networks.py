"""Many small networks at a time: with dropout, or with a Gaussian for each weight.

Networks of one shape are trained side by side as one, with a leading axis: ten splits of a data set
cost little more than one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # Outputs [count, N, out] and targets to what is to be small for each example, [count, N].
    Loss = Callable[[Tensor, Tensor], Tensor]

# Standard deviations that a Gaussian posterior begins with.
FIRST_SIGMA = 0.02


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    Attributes:
        hidden: units of each hidden layer.
        epochs: passes over the training data.
        batch: examples of one step, of each network.
        rate: largest learning rate, of one cycle.
        decay: AdamW's weight decay; a Gaussian posterior has a prior instead.
        dropout: share of the hidden units that a sample drops.
        prior: standard deviation of the prior of a weight, times the root of the layer's inputs.
        temperature: weight of a Gaussian posterior's divergence from its prior. At 1, which is
            Bayes' rule, networks of this size fit too little.

    """

    hidden: Sequence[int] = (50, 50)
    epochs: int = 200
    batch: int = 64
    rate: float = 0.01
    decay: float = 0.01
    dropout: float = 0.0
    prior: float = 2.0
    temperature: float = 0.5


class Networks(nn.Module):
    """Networks of one shape side by side, with ReLU between their linear layers.

    Attributes:
        count: how many networks.
        weights: of each layer, [count, in, out].
        biases: of each layer, [count, 1, out].
        dropout: probability that a hidden unit is dropped.
        rho: logarithms of the standard deviations of weights and biases by turns; empty where the
            posterior is not Gaussian.

    """

    def __init__(
        self, count: int, widths: Sequence[int], *, dropout: float = 0.0, is_gaussian: bool = False
    ) -> None:
        super().__init__()
        self.count = count
        self.dropout = dropout
        self.weights, self.biases, self.rho = (nn.ParameterList() for _ in range(3))
        for fan_in, fan_out in pairwise(widths):
            bound = 1 / math.sqrt(fan_in)
            for into, shape in (
                (self.weights, (count, fan_in, fan_out)),
                (self.biases, (count, 1, fan_out)),
            ):
                into.append(nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))
                if is_gaussian:
                    self.rho.append(nn.Parameter(torch.full(shape, math.log(FIRST_SIGMA))))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the outputs [count, N, out] for the inputs [count, N, features], by chance.

        Each example has its own mask. With a Gaussian posterior it has its own weights too: the
        sums are drawn from their distribution (the local reparameterization of Kingma et al. 2015).
        """
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer:
                x = F.dropout(F.relu(x), self.dropout)
            mean = torch.baddbmm(bias, x, weight)
            if self.rho:
                of_weight, of_bias = self.rho[2 * layer : 2 * layer + 2]
                variance = torch.baddbmm((2 * of_bias).exp(), x * x, (2 * of_weight).exp())
                mean = mean + variance.sqrt() * torch.randn_like(mean)
            x = mean
        return x

    def draw(self, number: int, x: Tensor, samples: int) -> Tensor:
        """Returns the outputs [samples, N, out] of samples of one network for the inputs [N, in].

        A sample is one function: all of its inputs share weights and masks.
        """
        x = x.expand(samples, *x.shape)
        for layer, parameters in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer:
                x = F.relu(x) * F.dropout(torch.ones(samples, 1, x.shape[2]), self.dropout)
            drawn = [values[number].expand(samples, -1, -1) for values in parameters]
            if self.rho:
                own = [rho[number].exp() for rho in self.rho[2 * layer : 2 * layer + 2]]
                drawn = [
                    values + sigma * torch.randn_like(values)
                    for values, sigma in zip(drawn, own, strict=True)
                ]
            weight, bias = drawn
            x = torch.baddbmm(bias, x, weight)
        return x

    def divergence(self, prior: float) -> Tensor:
        """Returns the KL divergence of each network's Gaussian posterior from its prior, [count].

        Args:
            prior: standard deviation of a weight, times the root of the layer's inputs; that of a
                bias is 1.

        """
        total = torch.zeros(self.count)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            stds = prior / math.sqrt(weight.shape[1]), 1.0
            of_layer = self.rho[2 * layer : 2 * layer + 2]
            for mean, rho, std in zip((weight, bias), of_layer, stds, strict=True):
                second = (mean**2 + (2 * rho).exp()) / std**2
                total = total + (0.5 * (second - 1) - rho + math.log(std)).sum((1, 2))
        return total

    def network(self, number: int) -> nn.Sequential:
        """Returns a network with the weights, at their mean, of one."""
        layers: list[nn.Module] = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            if layers:
                layers.append(nn.ReLU())
                if self.dropout:
                    layers.append(nn.Dropout(self.dropout))
            linear = nn.Linear(*weight.shape[1:])
            linear.weight.data = weight[number].detach().T.contiguous()
            linear.bias.data = bias[number, 0].detach().clone()
            layers.append(linear)
        return nn.Sequential(*layers).eval()

    def sigma(self, number: int) -> dict[str, Tensor]:
        """Returns the standard deviations of one network, by the names of `network`."""
        linear = [
            name
            for name, module in self.network(number).named_children()
            if isinstance(module, nn.Linear)
        ]
        names = [f"{layer}.{kind}" for layer in linear for kind in ("weight", "bias")]
        own = [rho[number].detach().exp() for rho in self.rho]
        return {
            name: (values.T if name.endswith("weight") else values[0]).contiguous()
            for name, values in zip(names, own, strict=True)
        }


def train(  # noqa: PLR0913 (options by name)
    networks: Networks,
    x: Tensor,
    y: Tensor,
    *,
    loss: Loss,
    recipe: Recipe,
    advance: Callable[[], object],
) -> None:
    """Trains every network on its own data with Adam and one cycle of the learning rate.

    Args:
        networks: with their first weights.
        x: inputs [count, N, features], standardized.
        y: targets [count, N, ...].
        loss: minus the logarithm of the likelihood, up to a constant.
        recipe: how.
        advance: is called after each epoch.

    """
    size = x.shape[1]
    steps = math.ceil(size / recipe.batch)
    decay = 0.0 if networks.rho else recipe.decay
    optimizer = torch.optim.AdamW(networks.parameters(), weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, recipe.epochs * steps)
    rows = torch.arange(len(x))[:, None]
    for epoch in range(recipe.epochs):
        orders = torch.rand(x.shape[:2]).argsort(1)
        for chosen in torch.split(orders, recipe.batch, 1):
            optimizer.zero_grad(set_to_none=True)
            total = loss(networks(x[rows, chosen]), y[rows, chosen]).mean(1).sum()
            if networks.rho:
                # Half of the epochs long, the prior gains weight; otherwise many units never learn.
                weight = recipe.temperature * min(1, 2 * epoch / recipe.epochs)
                total = total + weight * networks.divergence(recipe.prior).sum() / size
            torch.autograd.backward(total)
            optimizer.step()
            schedule.step()
        advance()
