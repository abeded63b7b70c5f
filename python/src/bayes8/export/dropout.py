"""Dropout that stays active: Monte-Carlo dropout, and stochastic depth.

Dropout is found where a model calls it, in a module or as a function. So functions such as
`F.dropout(x, training=self.training)` are found too, and the name of such a dropout is the path of
the module whose forward calls it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .deterministic import plain_modules
from .errors import ExportError, UnsupportedLayerError

Choice = Literal["active", "inactive"] | Sequence[str] | None

# What a call drops as one.
_ELEMENT, _CHANNEL, _ALPHA, _VALUE, _BLOCK = "element", "channel", "alpha", "value", "block"

_FUNCTIONS: dict[Callable[..., Any], str] = {
    F.dropout: _ELEMENT,
    torch.dropout: _ELEMENT,
    torch.dropout_: _ELEMENT,
    F.dropout1d: _CHANNEL,
    F.dropout2d: _CHANNEL,
    F.dropout3d: _CHANNEL,
    torch.feature_dropout: _CHANNEL,
    torch.feature_dropout_: _CHANNEL,
    F.alpha_dropout: _ALPHA,
    torch.alpha_dropout: _ALPHA,
    torch.alpha_dropout_: _ALPHA,
    F.feature_alpha_dropout: _ALPHA,
    torch.feature_alpha_dropout: _ALPHA,
    torch.feature_alpha_dropout_: _ALPHA,
}

# Stochastic depth and dropped blocks by the name of the class: those of torchvision and of timm, of
# which neither need be installed.
_MODULES = {
    "StochasticDepth": _VALUE,
    "DropPath": _VALUE,
    "DropBlock2d": _BLOCK,
    "DropBlock3d": _BLOCK,
}

# The attributes that hold their probability, in torchvision and in timm.
_PROBABILITIES = ("p", "drop_prob")

# Modules that drop inside of one operation.
_INSIDE = (nn.MultiheadAttention, nn.RNNBase)


@dataclass(frozen=True)
class Dropout:
    """A place where a model drops units.

    Attributes:
        path: of the module that drops, or whose forward calls a function that does.
        kind: what is dropped as one: an "element", a "channel", the whole "value", a "block" of
            neighbours, or "alpha" for the kinds of dropout that do more than drop.
        probability: that a unit is dropped.
        always: whether it is active in evaluation mode too.
        module: name of the module's class.
        in_place: whether the result overwrites the input.

    """

    path: str
    kind: str
    probability: float
    always: bool
    module: str
    in_place: bool = False

    @property
    def unit(self) -> tuple[str, str, float]:
        """Where it drops, what, and how often."""
        return self.path, self.kind, self.probability


class _Watch(TorchFunctionMode):
    """Calls `drop` in the place of every dropout, and `read` with what functions read."""

    def __init__(
        self,
        drop: Callable[[Dropout, Callable[..., Tensor], Tensor], Tensor],
        read: Callable[[Tensor], None] | None,
    ) -> None:
        super().__init__()
        self._drop, self._read = drop, read
        self.running: list[tuple[str, nn.Module]] = []

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (whatever the function returns)
        """Calls `function`, or drops."""
        options = dict(options or {})
        kind = _FUNCTIONS.get(function)
        if kind is None or not self.running:
            result = function(*arguments, **options)
            # Not for a shape or a type, which dropout leaves as they are.
            if self._read is not None and isinstance(result, Tensor):
                for tensor in _tensors([*arguments, *options.values()]):
                    self._read(tensor)
            return result
        names = ("input", "p", "training", "inplace")
        given = dict(zip(names, arguments, strict=False)) | options
        # Functions of `torch` have other names, and no defaults.
        training = given.get("training", given.get("train", kind == _ELEMENT))
        in_place = bool(given.get("inplace")) or function.__name__.endswith("_")
        x = given["input"]
        if self._read is not None:
            self._read(x)
        return self.call(kind, x, given.get("p", 0.5), bool(training), function, in_place=in_place)

    def call(  # noqa: PLR0913 (what a dropout is)
        self,
        kind: str,
        x: Tensor,
        probability: float,
        is_active: bool,  # noqa: FBT001 (a value, not a choice)
        function: Callable[..., Tensor],
        *,
        in_place: bool = False,
    ) -> Tensor:
        path, module = self.running[-1]
        if not probability:
            return x
        # A module that was put into training mode is as active as the model's whole mode says.
        always = is_active and not module.training
        name = type(module).__name__
        dropout = Dropout(path, kind, float(probability), always, name, in_place)
        return self._drop(dropout, function, x)


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)


@contextmanager
def _watching(
    model: nn.Module,
    drop: Callable[[Dropout, Callable[..., Tensor], Tensor], Tensor],
    read: Callable[[Tensor], None] | None = None,
) -> Iterator[None]:
    """Watches while `model` runs.

    Args:
        model: the model.
        drop: is called as `drop(dropout, function, x)` in the place of every dropout.
        read: is called with each tensor that a function reads.

    """
    watch = _Watch(drop, read)
    handles = []
    patched: list[nn.Module] = []
    for path, module in plain_modules(model):

        def enter(module: nn.Module, _: object, path: str = path) -> None:
            watch.running.append((path, module))

        def leave(*_: object) -> None:
            watch.running.pop()

        handles += [
            module.register_forward_pre_hook(enter),
            module.register_forward_hook(leave, always_call=True),
        ]
        kind = _MODULES.get(type(module).__name__)
        given = [getattr(module, name) for name in _PROBABILITIES if hasattr(module, name)]
        if kind is not None and given and "forward" not in vars(module):
            vars(module)["forward"] = _dropping_module(watch, module, kind, float(given[0] or 0))
            patched.append(module)
    try:
        with watch:
            yield
    finally:
        for handle in handles:
            handle.remove()
        for module in patched:
            del vars(module)["forward"]


def _dropping_module(
    watch: _Watch, module: nn.Module, kind: str, probability: float
) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        return watch.call(kind, x, probability, module.training, _drop_values)

    return forward


def _drop_values(x: Tensor, probability: float, _: bool) -> Tensor:  # noqa: FBT001 (as functions of PyTorch)
    shape = (len(x), *[1] * (x.ndim - 1))
    keep = 1 - probability
    return x * (torch.full(shape, keep, device=x.device).bernoulli() / keep).to(x.dtype)


def active_dropouts(
    model: nn.Module, runs: Sequence[Callable[[], object]], choice: Choice, *, is_random: bool
) -> list[Dropout]:
    """Returns the dropouts of `model` that `choice` makes active, in the order of the forward.

    Args:
        model: in evaluation mode.
        runs: each runs it once, on other inputs than the others.
        choice: "active" for all, "inactive" for none, or their paths; None for those that are
            active in evaluation mode, and for all others where nothing else is random.
        is_random: whether something else is.

    Raises:
        UnsupportedLayerError: names a dropout that cannot be active.
        ExportError: names a path at which nothing is dropped.

    """
    found: dict[tuple[str, str], Dropout] = {}
    # For each dropout, its probabilities in each run.
    probabilities: dict[tuple[str, str], list[list[float]]] = {}
    # What was overwritten, and by which dropout. Tensors that are held keep their memory.
    overwritten: list[tuple[Tensor, tuple[str, str]]] = []
    read_again: set[tuple[str, str]] = set()

    for number, run in enumerate(runs):

        def note(dropout: Dropout, _: object, x: Tensor, number: int = number) -> Tensor:
            key = dropout.path, dropout.kind
            found.setdefault(key, dropout)
            each = probabilities.setdefault(key, [[] for _ in runs])
            each[number].append(dropout.probability)
            if not dropout.in_place:
                return x
            overwritten.append((x, key))
            return x.clone()

        def read(tensor: Tensor) -> None:
            for other, key in overwritten:
                if _share_memory(tensor, other):
                    read_again.add(key)

        with _watching(model, note, read):
            run()
        overwritten.clear()
    dropouts = list(found.values())
    inside = {
        path: module
        for path, module in plain_modules(model)
        if isinstance(module, _INSIDE) and module.dropout
    }
    known = [*dict.fromkeys([*(dropout.path for dropout in dropouts), *inside])]
    always = {dropout.path for dropout in dropouts if dropout.always}
    chosen = _chosen(choice, known, always if is_random else set(known))
    for path in chosen & inside.keys():
        reason = "dropout inside of attention and recurrent layers cannot be active"
        raise UnsupportedLayerError(path, type(inside[path]).__name__, reason)
    active = [dropout for dropout in dropouts if dropout.path in chosen]
    for dropout in active:
        key = dropout.path, dropout.kind
        _check(dropout, probabilities[key], is_read_again=key in read_again)
    return active


def _share_memory(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _chosen(choice: Choice, known: Sequence[str], default: set[str]) -> set[str]:
    """Returns the paths that `choice` names, of the `known` ones."""
    if choice is None:
        return default
    if choice == "active":
        return set(known)
    if choice == "inactive":
        return set()
    paths: list[Any] = [None]
    # The probabilities of a dictionary would be lost.
    if isinstance(choice, Iterable) and not isinstance(choice, str | Mapping):
        paths = list(choice)
    if not all(isinstance(path, str) for path in paths):
        given = f'"{choice}"' if isinstance(choice, str) else repr(choice)
        message = f'dropout is {given}; expected "active", "inactive" or a list of paths'
        raise ExportError(message)
    for path in paths:
        if path not in known:
            some = ", ".join(f"`{name}`" for name in known) or "none"
            message = (
                f"no dropout with a probability above 0 at `{path}`; there is {some} "
                '("active" chooses all)'
            )
            raise ExportError(message)
    return set(paths)


def _check(
    dropout: Dropout, probabilities: Sequence[Sequence[float]], *, is_read_again: bool
) -> None:
    """Refuses what cannot be active.

    Args:
        dropout: an active one.
        probabilities: of each run.
        is_read_again: whether its input is read after the result has overwritten it.

    """
    if dropout.kind == _ALPHA:
        reason = (
            "alpha dropout sets units to another number than 0 and cannot be active; use Dropout, "
            'or members, or switch it off: dropout="inactive"'
        )
    elif dropout.kind == _BLOCK:
        reason = (
            "it drops blocks of neighbouring units, which cannot be active; use Dropout or "
            'Dropout2d, or switch it off: dropout="inactive", or the paths of the others'
        )
    elif any(other != probabilities[0] for other in probabilities[1:]):
        reason = (
            "the probability of its dropout depends on the input or on chance; use dropout of a "
            "fixed probability, or members"
        )
    elif is_read_again:
        reason = (
            "its dropout overwrites its input (inplace=True), which is read again later; use "
            "inplace=False"
        )
    elif not 0 < dropout.probability < 1:
        reason = f"it drops with probability {dropout.probability}, which must be below 1"
    else:
        return
    raise UnsupportedLayerError(dropout.path, dropout.module, reason)


@contextmanager
def dropping(
    model: nn.Module, active: Sequence[Dropout], *, traced: bool = False
) -> Iterator[None]:
    """Makes the dropouts `active`, and no others, while `model` runs.

    Args:
        model: in evaluation mode.
        active: some of `active_dropouts`.
        traced: whether an exporter runs the model. All inputs of a batch then share a mask, of a
            shape that says what is dropped as one.

    """
    chosen = {(dropout.path, dropout.kind) for dropout in active}

    def drop(dropout: Dropout, function: Callable[..., Tensor], x: Tensor) -> Tensor:
        if (dropout.path, dropout.kind) not in chosen:
            return x
        probability = dropout.probability
        if not traced:
            return function(x, probability, True)  # noqa: FBT003 (names differ)
        if dropout.kind == _ELEMENT:
            return F.dropout(x, probability, training=True)
        shape = [1] * x.ndim
        if dropout.kind == _CHANNEL:
            if x.ndim < 3:  # noqa: PLR2004 (N, C and positions)
                shape = [int(extent) for extent in x.shape]
                reason = f"it drops whole rows of a value {shape}; use Dropout there"
                raise UnsupportedLayerError(dropout.path, dropout.module, reason)
            shape[1] = int(x.shape[1])
        keep = 1 - probability
        return x * (torch.full(shape, keep).bernoulli() / keep)

    with _watching(model, drop):
        yield
