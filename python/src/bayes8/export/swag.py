"""SWAG of TorchUncertainty, which is known by its attributes and never imported."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from .errors import ExportError
from .members import MAX_MEMBERS, MIN_MEMBERS


def swag_members(swag: Any, count: int, *, seed: int = 0) -> list[nn.Module]:  # noqa: ANN401 (a class that need not be installed)
    """Draws `count` networks from SWAG's posterior, for the `members` of `export`.

    Args:
        swag: a `torch_uncertainty.methods.SWAG` that has collected models.
        count: number of networks, 2 to 64.
        seed: of the draws; PyTorch's global generator is restored afterwards.

    Raises:
        ExportError: when `swag` is something else, or has no models, or for other numbers.

    """
    _check(swag)
    if not isinstance(count, int) or not MIN_MEMBERS <= count <= MAX_MEMBERS:
        message = f"count is {count!r}; there must be {MIN_MEMBERS} to {MAX_MEMBERS} members"
        raise ExportError(message)
    if not isinstance(seed, int):
        message = f"seed is {seed!r}; expected an int"
        raise ExportError(message)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return [swag.sample(swag.scale, swag.diag_covariance) for _ in range(count)]


def swag_gaussian(swag: Any) -> tuple[nn.Module, dict[str, Tensor]]:  # noqa: ANN401 (a class that need not be installed)
    """Returns the network of the mean weights, and standard deviations for `export`'s `sigma`.

    Args:
        swag: a `torch_uncertainty.methods.SWAG` of diagonal covariance.

    Raises:
        ExportError: when `swag` is something else, has no models, or has a covariance of low rank.

    """
    _check(swag)
    if not swag.diag_covariance:
        message = (
            "SWAG's covariance of low rank cannot be kept as standard deviations: "
            "draw members instead, with swag_members, or train with diag_covariance=True"
        )
        raise ExportError(message)
    model = copy.deepcopy(swag.core_model)
    sigma = {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = swag.swag_stats[f"{swag.prfx}{name}_mean"]
            square = swag.swag_stats[f"{swag.prfx}{name}_sq_mean"]
            parameter.copy_(mean)
            variance = (square - mean**2).clamp(min=swag.var_clamp)
            sigma[name] = (swag.scale * variance).sqrt()
    return model, sigma


def _check(swag: Any) -> None:  # noqa: ANN401 (a class that need not be installed)
    names = ("core_model", "swag_stats", "diag_covariance", "scale", "sample")
    if not all(hasattr(swag, name) for name in names):
        message = (
            f"{type(swag).__name__} is not SWAG of TorchUncertainty; of another library's SWAG, "
            "draw networks yourself and give their state dicts to `members`. SWA, of PyTorch or of "
            "torchcontrib, is a mean of weights without a spread: its network is one network, and "
            "snapshots of the training are members"
        )
        raise ExportError(message)
    if not swag.num_avgd_models:
        message = (
            "SWAG has not collected any models: call update_wrapper after each epoch beyond "
            "cycle_start"
        )
        raise ExportError(message)
