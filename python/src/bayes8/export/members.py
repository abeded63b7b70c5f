"""Members of an export: networks of one architecture, of which samples take one after the other."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .deterministic import deterministic_copy, deterministic_layers
from .errors import ExportError, UnsupportedLayerError

# How many the converter takes.
MIN_MEMBERS, MAX_MEMBERS = 2, 64

Batch = Tensor | Sequence[Tensor]


@dataclass(frozen=True)
class Member:
    """One network of an export.

    Attributes:
        model: a `deterministic_copy`.
        sigma: standard deviations of parameters that are not those of Bayesian layers, by name.

    """

    model: nn.Module
    sigma: Mapping[str, Tensor] = field(default_factory=dict)

    def sigmas(self) -> dict[str, NDArray[np.float32]]:
        """Returns all standard deviations, by the names of the copy's parameters."""
        layers = deterministic_layers(self.model)
        own = {
            f"{path}.{parameter}".lstrip("."): sigma
            for path, layer in layers.items()
            for parameter, sigma in layer.sigma.items()
        }
        return {name: sigma.numpy() for name, sigma in (own | dict(self.sigma)).items()}


def members_of(
    model: nn.Module,
    members: Sequence[Mapping[str, Tensor] | nn.Module] | None,
    sigma: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]] | None,
    loader: Iterable[Batch] | None,
) -> list[Member]:
    """Returns the members of an export; a model without members is its only one.

    Args:
        model: the architecture, and the weights where there are no members.
        members: a state dict of `model` or a whole network for each.
        sigma: standard deviations by parameter, of all members or of each.
        loader: batches, from which each member's BatchNorm takes its statistics anew.

    Raises:
        ExportError: says which member cannot be used.

    """
    members = None if members is None else _each(members)
    if members is not None and not MIN_MEMBERS <= len(members) <= MAX_MEMBERS:
        message = f"{len(members)} members; there must be {MIN_MEMBERS} to {MAX_MEMBERS}"
        raise ExportError(message)
    copies = (
        [deterministic_copy(model)]
        if members is None
        else [_copy(model, member, number) for number, member in enumerate(members)]
    )
    each = _sigma_of_each(sigma, len(copies))
    if len(each) != len(copies):
        message = f"`sigma` holds {len(each)} dictionaries for {len(copies)} networks"
        raise ExportError(message)
    if loader is not None:
        if isinstance(loader, Tensor) or not isinstance(loader, Iterable):
            message = (
                f"`refresh_batchnorm` is a {type(loader).__name__}; expected a loader, or a list "
                "of batches"
            )
            raise ExportError(message)
        for copied in copies:
            _refresh(copied, loader)
    made = [Member(copied, _checked(copied, own)) for copied, own in zip(copies, each, strict=True)]
    if members is not None:
        first, *others = made
        for number, other in enumerate(others, 1):
            _check_architecture(first, other, number)
    return made


def _each(members: object) -> list[Mapping[str, Tensor] | nn.Module]:
    """Returns the members as a list.

    Raises:
        ExportError: when they are something else, such as one state dict or paths.

    """
    # A Sequential is iterable too, over its layers.
    is_one = isinstance(members, nn.Module) and not isinstance(members, nn.ModuleList)
    if is_one or isinstance(members, Mapping | str | bytes) or not isinstance(members, Iterable):
        kind = type(members).__name__
        message = f"`members` is a {kind}; expected a list of state dicts or of networks"
        raise ExportError(message)
    each: list[Mapping[str, Tensor] | nn.Module] = list(members)
    for number, member in enumerate(each):
        if not isinstance(member, Mapping | nn.Module):
            message = (
                f"member {number} is a {type(member).__name__}; expected a state dict or a network"
            )
            raise ExportError(message)
    return each


def _sigma_of_each(sigma: object, count: int) -> Sequence[Mapping[str, Tensor]]:
    if sigma is None or isinstance(sigma, Mapping):
        return [sigma or {}] * count
    if isinstance(sigma, Sequence) and all(isinstance(own, Mapping) for own in sigma):
        return sigma
    message = (
        f"`sigma` is a {type(sigma).__name__}; expected a dictionary from names of parameters to "
        "standard deviations, or a list with one for each member"
    )
    raise ExportError(message)


def _copy(model: nn.Module, member: Mapping[str, Tensor] | nn.Module, number: int) -> nn.Module:
    if isinstance(member, nn.Module):
        return deterministic_copy(member)
    try:
        loaded = copy.deepcopy(model)
    except Exception as error:
        message = (
            f"the model cannot be copied: {error}; give `members` whole networks instead of state "
            "dicts, or a model that has not run yet"
        )
        raise ExportError(message) from error
    try:
        loaded.load_state_dict(member)
    except Exception as error:
        message = f"member {number} does not hold the weights of the model: {error}"
        raise ExportError(message) from error
    return deterministic_copy(loaded)


def _check_architecture(first: Member, other: Member, number: int) -> None:
    shapes, own = (
        {name: tensor.shape for name, tensor in member.model.state_dict().items()}
        for member in (first, other)
    )
    sigmas = first.sigmas().keys() ^ other.sigmas().keys()
    different = [name for name in shapes | own if shapes.get(name) != own.get(name)]
    if different or sigmas:
        message = (
            f"member {number} is another network than member 0: `{[*different, *sigmas][0]}` "
            "differs; members must have one architecture"
        )
        raise ExportError(message)


def _checked(model: nn.Module, sigma: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the given standard deviations as the files hold them."""
    parameters = dict(model.named_parameters())
    bayesian = deterministic_layers(model)
    checked = {}
    for name, given in sigma.items():
        if name not in parameters:
            some = ", ".join(f"`{known}`" for known in list(parameters)[:6])
            message = f"`sigma` names `{name}`, which is no parameter; there are {some}, ..."
            raise ExportError(message)
        path = name.rpartition(".")[0]
        if path in bayesian:
            reason = f"it has its own posterior, and `sigma` names `{name}`"
            raise UnsupportedLayerError(path, bayesian[path].kind, reason)
        try:
            values = torch.as_tensor(given).detach().to("cpu", torch.float32, copy=True)
        except Exception as error:
            message = f"`sigma` of `{name}` is a {type(given).__name__}; expected a tensor"
            raise ExportError(message) from error
        if values.shape != parameters[name].shape:
            message = (
                f"`sigma` of `{name}` has shape {list(values.shape)} instead of "
                f"{list(parameters[name].shape)}: one standard deviation for each weight; of a "
                "full covariance or of low-rank factors, draw members instead"
            )
            raise ExportError(message)
        if not (values.isfinite() & (values >= 0)).all():
            message = f"`sigma` of `{name}` holds values that are negative or not finite"
            raise ExportError(message)
        checked[name] = values.contiguous()
    return checked


def _refresh(model: nn.Module, loader: Iterable[Batch]) -> None:
    """Takes the statistics of every BatchNorm from the batches of `loader`, each weighing alike."""
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 (all of its kind)
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        # A mean over all batches.
        norm.momentum = None
        norm.train()
    count = 0
    try:
        with torch.no_grad():
            for batch in loader:
                inputs = batch[0] if isinstance(batch, tuple | list) and batch else batch
                if not isinstance(inputs, Tensor):
                    message = (
                        f"a batch of `refresh_batchnorm` is a {type(batch).__name__}; expected a "
                        "tensor of inputs, or a tuple that begins with one"
                    )
                    raise ExportError(message)  # noqa: TRY301 (passed on below)
                model(inputs.to("cpu", torch.float32))
                count += 1
    except ExportError:
        raise
    except Exception as error:
        message = f"the model cannot run a batch of `refresh_batchnorm`: {error}"
        raise ExportError(message) from error
    if not count:
        message = (
            "`refresh_batchnorm` has no batches; give it a loader, or a list, not an iterator "
            "that the first member has used up"
        )
        raise ExportError(message)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
