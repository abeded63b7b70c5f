"""Posteriors of laplace-torch, which is known by its attributes and never imported."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from .errors import ExportError

# How much of the bias's curvature may lie off the diagonal: rounding of eigenvectors in f32.
_SAME_BASIS = 1e-3


class KroneckerLinear(nn.Module):
    """A linear layer whose weight is drawn from a Gaussian of Kronecker-factored precision.

    With the eigenvectors Q and eigenvalues l of both factors, a weight is
    mean + Q_out (E * S) Q_in^T, where E are independent normal numbers and
    S = (l_out l_in^T + prior precision)^(-1/2). So the inputs times Q_in go through a layer of
    mean 0 and of standard deviations S, and its outputs through Q_out. The bias has only the outer
    factor, and is noise of the same layer.

    Attributes:
        mean: the layer with its weights at their mean.
        inner: multiplies by Q_in^T.
        noise: of mean 0; S is in `sigma`.
        outer: multiplies by Q_out.

    """

    def __init__(self, layer: nn.Linear, outer: Tensor, inner: Tensor, *, bias: bool) -> None:
        super().__init__()
        classes, features = layer.weight.shape
        self.mean = copy.deepcopy(layer)
        self.inner = _linear(inner.T)
        self.noise = _linear(torch.zeros(classes, features))
        if bias:
            self.noise.bias = nn.Parameter(torch.zeros(classes))
        self.outer = _linear(outer)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the mean, and what differs from it."""
        out: Tensor = self.mean(x) + self.outer(self.noise(self.inner(x)))
        return out


def laplace(posterior: Any) -> tuple[nn.Module, dict[str, Tensor]]:  # noqa: ANN401 (a class that need not be installed)
    """Returns a network with laplace-torch's posterior, and standard deviations for `export`.

    Prior precision and temperature are as the posterior has them now. Predictions are Monte-Carlo
    averages over weights (`pred_type="nn"`); of a last layer they have the distribution of logits
    of `pred_type="glm"` too, as these are linear in its weights.

    Args:
        posterior: fitted, diagonal over all layers (`DiagLaplace`), or over the last layer,
            diagonal (`DiagLLLaplace`) or with Kronecker factors (`KronLLLaplace`).

    Raises:
        ExportError: names a covariance that cannot be kept, or a posterior that is not fitted.

    """
    key = getattr(posterior, "_key", None)
    if key is None:
        message = f"{type(posterior).__name__} is not a posterior of laplace-torch"
        raise ExportError(message)
    if key not in (("all", "diag"), ("last_layer", "diag"), ("last_layer", "kron")):
        message = (
            f"{type(posterior).__name__}: a covariance other than diagonal, or with Kronecker "
            "factors over the last layer, cannot be kept; draw members instead: "
            "export(..., members=...) takes a state_dict for each draw of `sample`"
        )
        raise ExportError(message)
    if getattr(posterior, "likelihood", None) == "regression":
        message = (
            f"{type(posterior).__name__} is of a regression; only those of classifiers are exported"
        )
        raise ExportError(message)
    try:
        precision = posterior.posterior_precision
    except AttributeError as error:
        message = f"{type(posterior).__name__} is not fitted: {error}"
        raise ExportError(message) from error
    if key == ("all", "diag"):
        return copy.deepcopy(posterior.model), _diagonal(posterior.model, precision)
    extractor = posterior.model
    model = copy.deepcopy(extractor.model)
    path = extractor._last_layer_name  # noqa: SLF001 (it has no other name)
    # A copy without the hook that collects features.
    layer = _plain(extractor.last_layer)
    if key == ("last_layer", "diag"):
        return _replaced(model, path, layer, _diagonal(layer, precision))
    made, sigma = _kronecker(layer, precision)
    return _replaced(model, path, made, sigma)


def _diagonal(module: nn.Module, precision: Tensor) -> dict[str, Tensor]:
    """Returns the standard deviations of the parameters that are trained."""
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    sizes = [parameter.numel() for _, parameter in named]
    parts = torch.split(precision.detach().rsqrt(), sizes)
    return {
        name: part.view_as(parameter) for (name, parameter), part in zip(named, parts, strict=True)
    }


def _kronecker(layer: nn.Linear, precision: Any) -> tuple[nn.Module, dict[str, Tensor]]:  # noqa: ANN401 (KronDecomposed)
    values, vectors = precision.eigenvalues, precision.eigenvectors
    deltas: Tensor = precision.deltas.expand(len(values))
    (outer, inner), (outer_values, inner_values) = vectors[0], values[0]
    if precision.damping:
        root = deltas[0].sqrt()
        scales = torch.outer(outer_values + root, inner_values + root)
    else:
        scales = torch.outer(outer_values, inner_values) + deltas[0]
    sigma = {"noise.weight": scales.detach().rsqrt()}
    has_bias = layer.bias is not None
    if has_bias:
        (bias_values,) = values[1]
        (basis,) = vectors[1]
        # Both blocks have the outer factor, so the same basis diagonalizes them.
        rotated = outer.T @ (basis * bias_values) @ basis.T @ outer
        diagonal = rotated.diagonal().clamp(min=0)
        if (rotated - diagonal.diag()).norm() > _SAME_BASIS * rotated.norm():
            message = (
                "the bias of the last layer has another Kronecker factor than its weight, which "
                "cannot be kept; draw members instead, or use hessian_structure='diag'"
            )
            raise ExportError(message)
        sigma["noise.bias"] = (diagonal + deltas[1]).detach().rsqrt()
    return KroneckerLinear(layer, outer, inner, bias=has_bias), sigma


def _plain(layer: nn.Linear) -> nn.Linear:
    made = _linear(layer.weight)
    made.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().clone())
    return made


def _linear(weight: Tensor) -> nn.Linear:
    outputs, inputs = weight.shape
    made = nn.Linear(inputs, outputs, bias=False)
    made.weight = nn.Parameter(weight.detach().clone().contiguous().float())
    return made


def _replaced(
    model: nn.Module, path: str, layer: nn.Module, sigma: dict[str, Tensor]
) -> tuple[nn.Module, dict[str, Tensor]]:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, layer)
    return model, {f"{path}.{own}": values for own, values in sigma.items()}
