"""Deterministic twins of bayesian-torch's layers: every weight at its mean.

A twin is called like its layer. It takes `return_kl`, and returns `(out, kl)` where the layer
would, so that the model around it runs unchanged. The divergence is 0; exports drop it.

bayesian-torch is never imported here, as not every model needs it: its classes are known by name.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)
from torch import Tensor, nn

from .errors import UnsupportedLayerError
from .sigma import sigma_from_rho

# Attributes that models also read from their layers.
_HYPERPARAMETERS = (
    "in_features",
    "out_features",
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "output_padding",
    "dilation",
    "groups",
)


class DeterministicLayer(nn.Module):
    """One Bayesian layer with its weights at their mean.

    Attributes:
        weight: the mean of the weight, f32, in the layer's shape.
        bias: the mean of the bias, f32; None where the layer has none.
        kind: name of the Bayesian layer's class.
        sigma: standard deviations by parameter, "weight" and "bias", f32, of the same shapes.

    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self, layer: nn.Module, path: str, apply: Callable[["DeterministicLayer", Tensor], Tensor]
    ) -> None:
        """Reads `layer`, which errors call `path`.

        Raises:
            UnsupportedLayerError: when a mean or a rho is not finite.

        """
        super().__init__()
        for name in _HYPERPARAMETERS:
            if hasattr(layer, name):
                setattr(self, name, getattr(layer, name))
        self.kind = type(layer).__name__
        self._apply_layer = apply
        self._returns_kl = not layer.dnn_to_bnn_flag
        self.sigma: dict[str, Tensor] = {}
        # A convolution calls its weight a kernel.
        weight = "kernel" if hasattr(layer, "mu_kernel") else "weight"
        for parameter, name in (("weight", weight), ("bias", "bias")):
            mu, rho = getattr(layer, f"mu_{name}"), getattr(layer, f"rho_{name}")
            if mu is None:
                self.register_parameter(parameter, None)
                continue
            mean = mu.detach().to("cpu", torch.float32, copy=True)
            self.sigma[parameter] = sigma_from_rho(rho)
            for kind, values in (("mu", mean), ("rho", rho)):
                if not values.isfinite().all():
                    reason = f"`{kind}_{name}` holds values that are not finite; train it again"
                    raise UnsupportedLayerError(path, self.kind, reason)
            self.register_parameter(parameter, nn.Parameter(mean, requires_grad=False))

    def forward(self, x: Tensor, return_kl: bool = True) -> Tensor | tuple[Tensor, Tensor]:  # noqa: FBT001, FBT002 (the layers' own signature)
        """Returns what the layer returns, with a divergence of 0."""
        out = self._apply_layer(self, x)
        return (out, self.kl_loss()) if self._returns_kl and return_kl else out

    def kl_loss(self) -> Tensor:
        """Returns a divergence of 0."""
        return torch.zeros(())


def _linear(layer: DeterministicLayer, x: Tensor) -> Tensor:
    return F.linear(x, layer.weight, layer.bias)


def _convolution(
    function: Callable[..., Tensor], *more: str
) -> Callable[[DeterministicLayer, Tensor], Tensor]:
    """Calls `function` with the attributes of all convolutions and `more`."""
    names = ("stride", "padding", "dilation", "groups", *more)

    def apply(layer: DeterministicLayer, x: Tensor) -> Tensor:
        attributes = {name: getattr(layer, name) for name in names}
        return function(x, layer.weight, layer.bias, **attributes)

    return apply


def _transposed(function: Callable[..., Tensor]) -> Callable[[DeterministicLayer, Tensor], Tensor]:
    return _convolution(function, "output_padding")


# By the name of the class.
_TWINS: dict[str, Callable[[DeterministicLayer, Tensor], Tensor]] = {
    f"{kind}{family}": apply
    for kind, apply in (
        ("Linear", _linear),
        ("Conv1d", _convolution(F.conv1d)),
        ("Conv2d", _convolution(F.conv2d)),
        ("Conv3d", _convolution(F.conv3d)),
        ("ConvTranspose1d", _transposed(F.conv_transpose1d)),
        ("ConvTranspose2d", _transposed(F.conv_transpose2d)),
        ("ConvTranspose3d", _transposed(F.conv_transpose3d)),
    )
    for family in ("Reparameterization", "Flipout")
}


def deterministic_layer(layer: nn.Module, path: str) -> DeterministicLayer | None:
    """Returns the twin of a Bayesian layer; None for any other module.

    Raises:
        UnsupportedLayerError: for a Bayesian layer without a twin.

    """
    kind = type(layer)
    bases = {
        base.__name__: base
        for base in kind.__mro__
        if issubclass(base, nn.Module) and base.__module__.startswith("bayesian_torch.layers.")
    }
    for name, base in bases.items():
        # A subclass with its own forward computes something else.
        if name in _TWINS and kind.forward is base.forward:
            return DeterministicLayer(layer, path, _TWINS[name])
    if bases.keys() & {"LSTMReparameterization", "LSTMFlipout"}:
        reason = "recurrent layers cannot be exported; use linear and convolutional layers"
    elif kind.__name__ in bases and kind.__name__.startswith("Quantized"):
        reason = "it is quantized already; export the FP32 model, before `prepare` and `convert`"
    elif "BaseVariationalLayer_" in bases or _has_rho(layer):
        reason = f"not a known Bayesian layer; what can be exported: {', '.join(sorted(_TWINS))}"
    else:
        return None
    raise UnsupportedLayerError(path, kind.__name__, reason)


def _has_rho(layer: nn.Module) -> bool:
    """Whether a layer seems to have a posterior, which an export would silently drop."""
    return any(name.startswith("rho") for name, _ in layer.named_parameters(recurse=False))
