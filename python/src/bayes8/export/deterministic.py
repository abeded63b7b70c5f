"""A deterministic copy of a model: all Bayesian layers at their mean."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .deterministic_layer import DeterministicLayer, deterministic_layer
from .errors import ExportError, UnsupportedLayerError

_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def deterministic_copy(model: nn.Module) -> nn.Module:
    """Returns a deterministic copy of `model`: on the CPU, in f32, in evaluation mode.

    Bayesian layers become `DeterministicLayer`s of the same path; wrappers of DataParallel and
    torch.compile are removed. The copy returns logits alone, without the divergence. `model` is not
    changed.

    Raises:
        ExportError: when `model` cannot be copied.
        UnsupportedLayerError: names a layer that cannot be exported.

    """
    if not isinstance(model, nn.Module):
        message = f"the model is a {_name(model)}; expected an nn.Module"
        raise ExportError(message)
    for path, module in plain_modules(model):
        if isinstance(module, torch.jit.ScriptModule):
            reason = "it is compiled by torch.jit; export the module that it was made of"
            raise UnsupportedLayerError(path, type(module).__name__, reason)
    # Layers are replaced while they are copied, as some keep what PyTorch cannot copy.
    twins: dict[int, Any] = {}
    inside: tuple[str, ...] = ()
    for path, module in plain_modules(model):
        # What a layer consists of goes with it.
        if not path.startswith(inside):
            twin = deterministic_layer(module, path)
            if twin is not None:
                twins[id(module)] = twin
                inside = (*inside, f"{path}.")
    try:
        copied = copy.deepcopy(_unwrapped(model), twins)
    except Exception as error:
        message = (
            f"the model cannot be copied: {error}; build a new one and load its state_dict into it"
        )
        raise ExportError(message) from error
    copied = _without_wrappers(copied, set()).cpu().float().eval()
    _check_statistics(copied)
    copied.register_forward_hook(lambda _model, _inputs, output: logits_of(output, maps=True))
    return copied


def deterministic_layers(model: nn.Module) -> dict[str, DeterministicLayer]:
    """Returns the `DeterministicLayer`s of a `deterministic_copy`, by path."""
    return {
        path: layer
        for path, layer in model.named_modules()
        if isinstance(layer, DeterministicLayer)
    }


def logits_of(output: object, *, maps: bool = False) -> Tensor:
    """Returns the logits, [N, classes], from what a model's forward returned.

    Args:
        output: what it returned.
        maps: whether logits may have positions, [N, classes, ...].

    Raises:
        ExportError: when this is neither logits nor `(logits, kl)`.

    """
    if isinstance(output, tuple | list) and len(output) == 2:  # noqa: PLR2004 (a pair)
        logits, divergence = output
        is_scalar = not isinstance(divergence, Tensor) or divergence.numel() == 1
        output = logits if is_scalar else output
    if isinstance(output, Tensor) and (output.ndim == 2 or (maps and output.ndim > 2)):  # noqa: PLR2004 (N and classes)
        return output
    message = (
        f"the model's forward returned {_described(output)}; "
        "expected logits [N, classes] or a pair of them and the KL divergence"
    )
    raise ExportError(message)


def _name(given: object) -> str:
    return f"class, {given.__name__}" if isinstance(given, type) else type(given).__name__


def _check_statistics(model: nn.Module) -> None:
    for path, module in model.named_modules():
        if not isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 (all of its kind)
            continue
        if module.training:
            reason = "it stays in training mode when the model is put into evaluation mode"
        elif module.running_mean is None:
            reason = (
                "it computes statistics of each batch in evaluation mode too, so that a prediction "
                "would depend on the other inputs; train it with track_running_stats=True"
            )
        else:
            continue
        raise UnsupportedLayerError(path, type(module).__name__, reason)


def plain_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Returns all modules but wrappers, with the paths that they have in a deterministic copy."""
    return _plain_modules(model, "", set())


def _plain_modules(
    module: nn.Module, path: str, seen: set[nn.Module]
) -> Iterator[tuple[str, nn.Module]]:
    module = _unwrapped(module)
    if module in seen:
        return
    seen.add(module)
    yield path, module
    for name, child in module.named_children():
        yield from _plain_modules(child, f"{path}.{name}".lstrip("."), seen)


def _without_wrappers(module: nn.Module, seen: set[nn.Module]) -> nn.Module:
    module = _unwrapped(module)
    if module not in seen:
        seen.add(module)
        # Not `named_children()`, which skips a second name of a shared module.
        for name, child in list(module._modules.items()):  # noqa: SLF001
            if child is not None:
                setattr(module, name, _without_wrappers(child, seen))
    return module


def _unwrapped(module: nn.Module) -> nn.Module:
    while True:
        if isinstance(module, _PARALLEL):
            module = module.module
        # What torch.compile returns; compiled code cannot be traced.
        elif isinstance(original := getattr(module, "_orig_mod", None), nn.Module):
            module = original
        else:
            return module


def _described(output: object) -> str:
    if isinstance(output, Tensor):
        return f"a tensor of shape {list(output.shape)}"
    if isinstance(output, tuple | list):
        parts = ", ".join(_described(part) for part in output)
        return f"({parts})"
    return type(output).__name__
