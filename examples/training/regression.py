"""Regression with an error bar: the loss, and what a prediction is worth.

Networks return two columns, the mean and the log-variance of a Gaussian, of a target that is
standardized.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from networks import Loss

    Array = NDArray[np.float32]


def gaussian(floor: float) -> Loss:
    """Returns the loss of outputs [..., 2] for targets [...].

    Args:
        floor: standard deviation of the noise that targets have at least. Without it, networks
            trained on data with next to no noise claim a precision that new data do not bear out.

    """

    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        mean, logarithm = outputs.unbind(-1)
        squares = (mean - y) ** 2 + floor**2
        losses: Tensor = 0.5 * (logarithm + squares * (-logarithm).exp())
        return losses

    return loss


def figures(outputs: NDArray[Any], y: Array, scale: float, offset: float) -> dict[str, float]:
    """Returns what samples of a prediction are worth: the equal mixture of their Gaussians.

    Args:
        outputs: means and log-variances of each sample, [samples, N, 2], standardized.
        y: targets [N], in their own units, as all results but shares are.
        scale: the unit of a standardized target.
        offset: its zero.

    """
    mean, logarithm = torch.from_numpy(outputs).double().unbind(2)
    mean, std = mean * scale + offset, (logarithm / 2).exp() * scale
    target = torch.from_numpy(y).double()
    scores = (target - mean) / std
    logarithms = -0.5 * (scores**2 + math.log(2 * math.pi)) - std.log()
    likelihood = logarithms.logsumexp(0) - math.log(len(mean))
    low, high = (_quantile(mean, std, share) for share in (0.025, 0.975))
    return {
        "rmse": (mean.mean(0) - target).square().mean().sqrt().item(),
        "mae": (mean.mean(0) - target).abs().mean().item(),
        "test_log_likelihood": likelihood.mean().item(),
        "coverage_95": ((low <= target) & (target <= high)).double().mean().item(),
        "width_95": (high - low).mean().item(),
        "aleatoric_std": (std**2).mean(0).sqrt().mean().item(),
        "epistemic_std": mean.std(0, correction=0).mean().item(),
    }


def _quantile(mean: Tensor, std: Tensor, share: float) -> Tensor:
    """Returns a quantile of the mixture of Gaussians [samples, N] for each of N, by bisection."""
    low, high = (mean - 8 * std).amin(0), (mean + 8 * std).amax(0)
    for _ in range(24):
        middle = (low + high) / 2
        is_below = torch.special.ndtr((middle - mean) / std).mean(0) < share
        low, high = torch.where(is_below, middle, low), torch.where(is_below, high, middle)
    return (low + high) / 2
