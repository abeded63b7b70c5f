"""Dropout that stays active: Monte-Carlo dropout, and stochastic depth.

Dropout is found where a model calls it, in a module or as a function. So functions such as
`F.dropout(x, training=self.training)` are found too, and the name of such a dropout is the path of
the module whose forward calls it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
_ELEMENT, _CHANNEL, _ALPHA, _VALUE = "element", "channel", "alpha", "value"

_FUNCTIONS: dict[Callable[..., Any], str] = {
    F.dropout: _ELEMENT,
    torch.dropout: _ELEMENT,
    F.dropout1d: _CHANNEL,
    F.dropout2d: _CHANNEL,
    F.dropout3d: _CHANNEL,
    torch.feature_dropout: _CHANNEL,
    F.alpha_dropout: _ALPHA,
    torch.alpha_dropout: _ALPHA,
    F.feature_alpha_dropout: _ALPHA,
    torch.feature_alpha_dropout: _ALPHA,
}

# Stochastic depth by the name of the class, with the attribute that holds its probability: those of
# torchvision and of timm, of which neither need be installed.
_DEPTHS = {"StochasticDepth": "p", "DropPath": "drop_prob"}

# Modules that drop inside of one operation.
_INSIDE = (nn.MultiheadAttention, nn.RNNBase)


@dataclass(frozen=True)
class Dropout:
    """A place where a model drops units.

    Attributes:
        path: of the module that drops, or whose forward calls a function that does.
        kind: what is dropped as one: an "element", a "channel", the whole "value", or "alpha" for
            the kinds of dropout that do more than drop.
        probability: that a unit is dropped.
        always: whether it is active in evaluation mode too.
        module: name of the module's class.

    """

    path: str
    kind: str
    probability: float
    always: bool
    module: str


class _Watch(TorchFunctionMode):
    """Calls `drop` in the place of every dropout of a model."""

    def __init__(self, drop: Callable[[Dropout, Callable[..., Tensor], Tensor], Tensor]) -> None:
        super().__init__()
        self._drop = drop
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
            return function(*arguments, **options)
        given = dict(zip(("input", "p", "training"), arguments, strict=False)) | options
        # Functions of `torch` have other names, and no defaults.
        training = given.get("training", given.get("train", kind == _ELEMENT))
        return self.call(kind, given["input"], given.get("p", 0.5), bool(training), function)

    def call(
        self,
        kind: str,
        x: Tensor,
        probability: float,
        is_active: bool,  # noqa: FBT001 (a value, not a choice)
        function: Callable[..., Tensor],
    ) -> Tensor:
        path, module = self.running[-1]
        if not probability:
            return x
        # A module that was put into training mode is as active as the model's whole mode says.
        always = is_active and not module.training
        dropout = Dropout(path, kind, float(probability), always, type(module).__name__)
        return self._drop(dropout, function, x)


@contextmanager
def _watching(
    model: nn.Module, drop: Callable[[Dropout, Callable[..., Tensor], Tensor], Tensor]
) -> Iterator[None]:
    """Calls `drop(dropout, function, x)` in the place of every dropout while `model` runs."""
    watch = _Watch(drop)
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
        probability = getattr(module, _DEPTHS.get(type(module).__name__, ""), None)
        if probability is not None and "forward" not in vars(module):
            vars(module)["forward"] = _depth(watch, module, float(probability))
            patched.append(module)
    try:
        with watch:
            yield
    finally:
        for handle in handles:
            handle.remove()
        for module in patched:
            del vars(module)["forward"]


def _depth(watch: _Watch, module: nn.Module, probability: float) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        return watch.call(_VALUE, x, probability, module.training, _drop_values)

    return forward


def _drop_values(x: Tensor, probability: float, _: bool) -> Tensor:  # noqa: FBT001 (as functions of PyTorch)
    shape = (len(x), *[1] * (x.ndim - 1))
    keep = 1 - probability
    return x * (torch.full(shape, keep, device=x.device).bernoulli() / keep).to(x.dtype)


def active_dropouts(
    model: nn.Module, run: Callable[[], object], choice: Choice, *, is_random: bool
) -> list[Dropout]:
    """Returns the dropouts of `model` that `choice` makes active, in the order of the forward.

    Args:
        model: in evaluation mode.
        run: runs it once.
        choice: "active" for all, "inactive" for none, or their paths; None for those that are
            active in evaluation mode, and for all others where nothing else is random.
        is_random: whether something else is.

    Raises:
        UnsupportedLayerError: names a dropout that cannot be active.
        ExportError: names a path at which nothing is dropped.

    """
    found: dict[tuple[str, str], Dropout] = {}

    def note(dropout: Dropout, _: object, x: Tensor) -> Tensor:
        found.setdefault((dropout.path, dropout.kind), dropout)
        return x

    with _watching(model, note):
        run()
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
        _check(dropout)
    return active


def _chosen(choice: Choice, known: Sequence[str], default: set[str]) -> set[str]:
    """Returns the paths that `choice` names, of the `known` ones."""
    if choice is None:
        return default
    if choice == "active":
        return set(known)
    if choice == "inactive":
        return set()
    if isinstance(choice, str):
        message = f'dropout is "{choice}"; expected "active", "inactive" or a list of paths'
        raise ExportError(message)
    for path in choice:
        if path not in known:
            some = ", ".join(f"`{name}`" for name in known) or "none"
            message = f"no dropout with a probability above 0 at `{path}`; there is {some}"
            raise ExportError(message)
    return set(choice)


def _check(dropout: Dropout) -> None:
    if dropout.kind == _ALPHA:
        reason = (
            "alpha dropout sets units to another number than 0 and cannot be active; use Dropout, "
            'or members, or switch it off: dropout="inactive"'
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
                reason = f"it drops whole rows of a value {list(x.shape)}; use Dropout there"
                raise UnsupportedLayerError(dropout.path, dropout.module, reason)
            shape[1] = int(x.shape[1])
        keep = 1 - probability
        return x * (torch.full(shape, keep).bernoulli() / keep)

    with _watching(model, drop):
        yield
