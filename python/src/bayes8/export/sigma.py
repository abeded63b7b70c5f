"""Computes standard deviations from the parameters that libraries train."""

import torch
from torch import Tensor


def sigma_from_rho(rho: Tensor) -> Tensor:
    """Returns log(1 + exp(rho)) as f32, of the same shape.

    It is computed in f64, as max(rho, 0) + log1p(exp(-|rho|)): nothing overflows, and the result is
    the f32 nearest to the true one or its neighbour. (bayesian-torch's own f32
    log1p(exp(rho)) is infinite above 88.) Below a rho of -103 a standard deviation is 0 in f32.
    """
    rho = rho.detach().to("cpu", torch.float64)
    return torch.logaddexp(rho, torch.zeros_like(rho)).to(torch.float32)


def sigma_from_logarithm(logarithm: Tensor) -> Tensor:
    """Returns exp(logarithm) as f32, of the same shape, computed in f64."""
    return logarithm.detach().to("cpu", torch.float64).exp().to(torch.float32)
