"""Deterministic twins of Bayesian layers: every weight at its mean.

Layers of bayesian-torch, TorchUncertainty, torchbnn and blitz have twins. A twin is called like its
layer. It takes `return_kl`, and returns `(out, kl)` where the layer would, so that the model around
it runs unchanged. The divergence is 0; exports drop it.

None of these libraries is imported here, as not every model needs it: classes are known by name.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)
from torch import Tensor, nn

from .errors import UnsupportedLayerError
from .sigma import sigma_from_logarithm, sigma_from_rho

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
        self,
        layer: nn.Module,
        path: str,
        family: "_Family",
        apply: Callable[["DeterministicLayer", Tensor], Tensor],
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
        self._returns_kl = not getattr(layer, "dnn_to_bnn_flag", True)
        self.sigma: dict[str, Tensor] = {}
        # Layers of TorchUncertainty and of blitz that answer with their mean.
        is_fixed = getattr(layer, "frozen", False) or getattr(layer, "freeze", False) is True
        # A convolution of bayesian-torch calls its weight a kernel.
        weight = "kernel" if hasattr(layer, "mu_kernel") else "weight"
        for parameter, name in (("weight", weight), ("bias", "bias")):
            names = family.mean.format(name), family.spread.format(name)
            mu, rho = (getattr(layer, own, None) for own in names)
            # blitz has a mean for a bias that it does not use.
            if (
                mu is None
                or rho is None
                or (parameter == "bias" and getattr(layer, "bias", True) is False)
            ):
                self.register_parameter(parameter, None)
                continue
            mean = mu.detach().to("cpu", torch.float32, copy=True)
            if not is_fixed:
                self.sigma[parameter] = family.sigma(rho)
            for own, values in zip(names, (mean, rho), strict=True):
                if not values.isfinite().all():
                    reason = f"`{own}` holds values that are not finite; train it again"
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


_APPLY = {
    "Linear": _linear,
    "Conv1d": _convolution(F.conv1d),
    "Conv2d": _convolution(F.conv2d),
    "Conv3d": _convolution(F.conv3d),
    "ConvTranspose1d": _transposed(F.conv_transpose1d),
    "ConvTranspose2d": _transposed(F.conv_transpose2d),
    "ConvTranspose3d": _transposed(F.conv_transpose3d),
}


@dataclass(frozen=True)
class _Family:
    """The layers of a library.

    Attributes:
        package: what its modules' names begin with.
        names: of its classes, where {} is the kind of layer.
        mean: name of the parameter with the mean, where {} is "weight" or "bias".
        spread: the same for the one that the standard deviations follow from.
        sigma: how they follow.

    """

    package: str
    names: tuple[str, ...]
    mean: str
    spread: str
    sigma: Callable[[Tensor], Tensor]

    def twins(self) -> dict[str, Callable[[DeterministicLayer, Tensor], Tensor]]:
        """Returns what the twin of each class computes."""
        return {name.format(kind): _APPLY[kind] for kind in _APPLY for name in self.names}


_FAMILIES = (
    _Family(
        "bayesian_torch.layers.",
        ("{}Reparameterization", "{}Flipout"),
        "mu_{}",
        "rho_{}",
        sigma_from_rho,
    ),
    # What it calls sigma is rho.
    _Family("torch_uncertainty.layers.", ("Bayes{}",), "{}_mu", "{}_sigma", sigma_from_rho),
    _Family("torchbnn.modules.", ("Bayes{}",), "{}_mu", "{}_log_sigma", sigma_from_logarithm),
    _Family("blitz.modules.", ("Bayesian{}",), "{}_mu", "{}_rho", sigma_from_rho),
)


def deterministic_layer(layer: nn.Module, path: str) -> DeterministicLayer | None:
    """Returns the twin of a Bayesian layer; None for any other module.

    Raises:
        UnsupportedLayerError: for a Bayesian layer without a twin.

    """
    kind = type(layer)
    for family in _FAMILIES:
        bases = {
            base.__name__: base
            for base in kind.__mro__
            if issubclass(base, nn.Module) and base.__module__.startswith(family.package)
        }
        for name, apply in family.twins().items():
            # A subclass with its own forward computes something else.
            if name in bases and kind.forward is bases[name].forward:
                _check(layer, path)
                return DeterministicLayer(layer, path, family, apply)
        if bases:
            break
    else:
        family = _FAMILIES[0]
    if bases.keys() & {"LSTMReparameterization", "LSTMFlipout", "BayesianLSTM", "BayesianGRU"}:
        reason = "recurrent layers cannot be exported; use linear and convolutional layers"
    elif kind.__name__ in bases and kind.__name__.startswith("Quantized"):
        reason = "it is quantized already; export the FP32 model, before `prepare` and `convert`"
    elif "BaseVariationalLayer_" in bases or _has_rho(layer):
        names = ", ".join(sorted(family.twins()))
        reason = f"not a known Bayesian layer; what can be exported: {names}"
    else:
        return None
    raise UnsupportedLayerError(path, kind.__name__, reason)


def _check(layer: nn.Module, path: str) -> None:
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        reason = f'padding_mode "{layer.padding_mode}" cannot be exported; use "zeros"'
    elif isinstance(getattr(layer, "weight_eps", None), Tensor):
        reason = "it is frozen at one draw of its weights; call torchbnn's unfreeze first"
    else:
        return
    raise UnsupportedLayerError(path, type(layer).__name__, reason)


def _has_rho(layer: nn.Module) -> bool:
    """Whether a layer seems to have a posterior, which an export would silently drop."""
    ends = ("_rho", "_sigma")
    names = [name for name, _ in layer.named_parameters(recurse=False)]
    return any(name.startswith("rho") or name.endswith(ends) for name in names)
