"""Pooling windows of a traced size, as bayesian-torch's ResNets have them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)
from torch import Tensor
from torch.overrides import TorchFunctionMode

_POOLS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


class FixedWindows(TorchFunctionMode):
    """Turns window sizes into numbers where a model takes them from a tensor's size.

    While a model is traced, `out.size()[3]` in `F.avg_pool2d(out, out.size()[3])` is a tensor,
    which the function refuses. An export fixes the extents of pictures, so a number will do.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (whatever the function returns)
        """Calls `function`."""
        options = dict(options or {})
        if function in _POOLS:
            arguments = [*arguments[:1], *(_number(value) for value in arguments[1:])]
            options = {
                name: value if name == "input" else _number(value)
                for name, value in options.items()
            }
        return function(*arguments, **options)


def _number(value: object) -> object:
    if isinstance(value, tuple | list):
        return type(value)(_number(part) for part in value)
    return int(value) if isinstance(value, Tensor) else value
