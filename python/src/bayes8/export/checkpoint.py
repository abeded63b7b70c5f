"""Builds a model with a function of the user's and loads the weights of a checkpoint."""

import importlib
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .errors import ExportError
from .torch_file import SAVE_ANEW, Inert, read_torch_file

# Noise and priors, which bayesian-torch before 0.3 kept in the state dict; AveragedModel's count.
_NOT_STATE = re.compile(
    r"(^|\.)(eps_(weight|kernel|bias)|prior_(weight|bias)_(mu|sigma)|n_averaged)$"
)

# Wrappers that put their own name before a module's: DataParallel and torch.compile.
_WRAPPERS = {"module", "_orig_mod"}

# PyTorch before 0.4.1 did not count batches; load_state_dict does without.
_OPTIONAL = "num_batches_tracked"

# Names that an error lists; it only counts the others.
_SHOWN = 3


def load_model(factory: str, checkpoint: Path, key: str | None = None) -> nn.Module:
    """Returns what `factory` makes, in evaluation mode on the CPU, with `checkpoint`'s weights.

    Args:
        factory: `package.module:name` of a function (or class) without arguments that returns an
            `nn.Module`; modules in the working directory are found too.
        checkpoint: a file of torch.save (a state dict, a whole module, or a training state that
            holds one of them) or of safetensors. No code in the file runs.
        key: where in the file the weights are, `KEY` or `KEY.PREFIX`; by default the only place
            whose names and shapes are the model's.

    Raises:
        ExportError: names the factory or the file.

    """
    model = _build(factory)
    state = _weights(checkpoint, model, factory, key)
    try:
        model.load_state_dict(state)
    except Exception as error:
        message = f"{checkpoint} does not hold the weights of {factory}: {error}"
        raise ExportError(message) from error
    return model.eval()


def _build(factory: str) -> nn.Module:
    module_name, _, name = factory.partition(":")
    if not module_name or not name:
        message = f"`{factory}` is not a factory; expected package.module:function"
        raise ExportError(message)
    # A command's path begins with its own folder, not with the user's.
    if (folder := os.getcwd()) not in sys.path:  # noqa: PTH109 (a string is needed)
        sys.path.insert(0, folder)
    try:
        model = getattr(importlib.import_module(module_name), name)()
    except Exception as error:
        message = f"`{factory}` makes no model: {type(error).__name__}: {error}"
        raise ExportError(message) from error
    if not isinstance(model, nn.Module):
        message = f"`{factory}` returned {type(model).__name__}, expected an nn.Module"
        raise ExportError(message)
    return model.module if isinstance(model, nn.DataParallel) else model


@dataclass(frozen=True)
class _Candidate:
    """Tensors of a file that may be the model's weights.

    Attributes:
        container: where in the file the dictionary is; empty at the top of the file.
        prefix: what precedes the model's names in the dictionary, such as `model`; or empty.
        state: the tensors under the prefix, by the names of the model.
        problems: why they are not the model's weights.
        others: names of the dictionary without the prefix.

    """

    container: str
    prefix: str
    state: dict[str, Tensor]
    problems: Sequence[str]
    others: Sequence[str]

    @property
    def key(self) -> str:
        """What chooses this one."""
        return _joined(self.container, self.prefix) or "."

    @property
    def where(self) -> str:
        """The key as a part of a sentence."""
        return "" if self.key == "." else f"under `{self.key}` "


def _weights(
    checkpoint: Path, model: nn.Module, factory: str, key: str | None
) -> dict[str, Tensor]:
    content = read_torch_file(checkpoint)
    try:
        dictionaries = list(_dictionaries(content, "", set()))
    except RecursionError as error:
        message = f"{checkpoint} is nested too deeply; {SAVE_ANEW}"
        raise ExportError(message) from error
    if not dictionaries:
        message = f"{checkpoint} holds no tensors with names; {SAVE_ANEW}"
        raise ExportError(message)
    wanted = _without_wrappers(model.state_dict())
    # The likeliest first.
    candidates = sorted(
        (
            candidate
            for container, tensors in dictionaries
            for candidate in _candidates(container, tensors, wanted)
        ),
        key=lambda candidate: -len(candidate.state.keys() & wanted.keys()),
    )
    if key is not None:
        chosen = [candidate for candidate in candidates if candidate.key == key]
        chosen = chosen or [other for other in candidates if other.key.startswith(f"{key}.")]
        if not chosen:
            keys = _some([candidate.key for candidate in candidates])
            message = f"{checkpoint} holds no tensors under `{key}`; there are {keys}"
            raise ExportError(message)
        candidates = chosen
    matching = [candidate for candidate in candidates if not candidate.problems]
    if not matching:
        best = candidates[0]
        message = (
            f"{checkpoint}: the weights {best.where}are not those of {factory}: "
            f"{'; '.join(best.problems)}"
        )
        raise ExportError(message)
    alone = [candidate for candidate in matching if not candidate.others or candidate.key == key]
    first, *others = alone or matching
    if not all(_equal(first.state, other.state) for other in others):
        keys = _some([candidate.key for candidate in matching])
        message = f"{checkpoint} holds several sets of weights, {keys}; choose one with --key"
        raise ExportError(message)
    if not alone:
        message = (
            f"{checkpoint}: the weights {first.where}fit {factory}, but beside them are "
            f"{_some(first.others)}; if the model does not need these, say --key {first.key}"
        )
        raise ExportError(message)
    return {wanted[name][0]: tensor for name, tensor in first.state.items()}


def _dictionaries(
    content: object, path: str, seen: set[int]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Finds all dictionaries from names to tensors in a file, modules among them."""
    if id(content) in seen:
        return
    seen.add(id(content))
    if (module := _module_state(content)) is not None:
        yield path, module
        return
    items = _items(content)
    tensors = {name: value for name, value in items.items() if isinstance(value, Tensor)}
    if tensors:
        yield path, tensors
    for name, value in items.items():
        if not isinstance(value, Tensor):
            yield from _dictionaries(value, _joined(path, name), seen)


def _items(content: object) -> dict[str, object]:
    """Returns the items of a dictionary, list or tuple, and the attributes of an object."""
    if isinstance(content, list | tuple):
        return {str(index): value for index, value in enumerate(content)}
    if not isinstance(content, Mapping):
        return {}
    attributes = _attributes(content) if isinstance(content, Inert) else {}
    # A parameter's name is text; an optimizer numbers its own.
    return attributes | {str(name): value for name, value in content.items()}


def _attributes(content: Inert) -> dict[str, Any]:
    state = content.state
    # A class with slots has a pair.
    state = state[0] if isinstance(state, tuple) and state else state
    return dict(state) if isinstance(state, dict) else {}


def _module_state(content: object) -> dict[str, Tensor] | None:
    """Returns the state dict of a whole module; None for anything else."""
    attributes = _attributes(content) if isinstance(content, Inert) else {}
    parameters, buffers, modules = (
        attributes.get(name) for name in ("_parameters", "_buffers", "_modules")
    )
    if not (
        isinstance(parameters, dict) and isinstance(buffers, dict) and isinstance(modules, dict)
    ):
        return None
    names = attributes.get("_non_persistent_buffers_set")
    temporary = names if isinstance(names, set) else set()
    state = {
        str(name): value
        for name, value in (parameters | buffers).items()
        if isinstance(value, Tensor) and name not in temporary
    }
    for name, child in modules.items():
        below = _module_state(child) or {}
        state |= {_joined(str(name), path): value for path, value in below.items()}
    return state


def _candidates(
    container: str, tensors: Mapping[str, Tensor], wanted: Mapping[str, tuple[str, torch.Size]]
) -> Iterator[_Candidate]:
    """Finds each prefix under which `tensors` have names of the model's."""
    tensors = {
        name: tensors[original]
        for name, (original, _) in _without_wrappers(tensors).items()
        if not _NOT_STATE.search(name)
    }
    prefixes: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in wanted:
                prefixes[".".join(parts[:start])] += 1
    required = [name for name in wanted if not name.endswith(_OPTIONAL)]
    # The prefixes that have all names; otherwise the one that has most of them.
    complete = [prefix for prefix, count in prefixes.items() if count >= len(required)]
    for prefix in complete or [prefix for prefix, _ in prefixes.most_common(1)] or [""]:
        before = f"{prefix}." if prefix else ""
        state = {
            name.removeprefix(before): tensor
            for name, tensor in tensors.items()
            if name.startswith(before)
        }
        missing = [name for name in required if name not in state]
        unexpected = [name for name in state if name not in wanted]
        shapes = [
            f"{name} ({list(tensor.shape)} instead of {list(wanted[name][1])})"
            for name, tensor in state.items()
            if name in wanted and tensor.shape != wanted[name][1]
        ]
        kinds = (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        problems = [f"{kind}: {_some(names)}" for kind, names in kinds if names]
        others = [name for name in tensors if not name.startswith(before)]
        yield _Candidate(container, prefix, state, problems, others)


def _without_wrappers(state: Mapping[str, Tensor]) -> dict[str, tuple[str, torch.Size]]:
    """Returns the names without DataParallel's and torch.compile's, with the original and shape."""
    plain = {
        ".".join(part for part in name.split(".") if part not in _WRAPPERS): (name, tensor.shape)
        for name, tensor in state.items()
    }
    # A network may have its own `module`.
    return plain if len(plain) == len(state) else {n: (n, t.shape) for n, t in state.items()}


def _equal(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]) for name in a
    )


def _joined(path: str, name: str) -> str:
    return ".".join(part for part in (path, name) if part)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" if " " not in name else name for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
