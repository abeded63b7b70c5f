"""A model from a function of the user's, with the weights of a checkpoint."""

import importlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .errors import ExportError

# Under which keys training scripts keep the state dict.
_STATE_KEYS = ("state_dict", "model_state_dict", "model")

# Noise and priors, which bayesian-torch before 0.3 kept in the state dict.
_NOT_STATE = re.compile(r"(^|\.)(eps_(weight|kernel|bias)|prior_(weight|bias)_(mu|sigma))$")


def load_model(factory: str, checkpoint: Path) -> nn.Module:
    """Returns what `factory` makes, in evaluation mode on the CPU, with `checkpoint`'s weights.

    Args:
        factory: `package.module:name` of a function (or class) without arguments that returns an
            `nn.Module`; modules of the working directory are found, too.
        checkpoint: a state dict, or a dictionary with one under `state_dict`, `model_state_dict`
            or `model`; of a model in DataParallel or not. Files that would run code are refused.

    Raises:
        ExportError: names the factory or the file.

    """
    model = _build(factory)
    state = _state(checkpoint)
    try:
        model.load_state_dict(state)
    except Exception as error:
        message = f"{checkpoint} is no checkpoint of {factory}: {error}"
        raise ExportError(message) from error
    return model.eval()


def _build(factory: str) -> nn.Module:
    module_name, _, name = factory.partition(":")
    if not module_name or not name:
        message = f"`{factory}` is no factory; expected package.module:function"
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


def _state(checkpoint: Path) -> dict[str, Any]:
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:
        message = (
            f"{checkpoint}: {error}; expected a state dict: torch.save(model.state_dict(), path)"
        )
        raise ExportError(message) from error
    for key in _STATE_KEYS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        message = f"{checkpoint} holds no state dict"
        raise ExportError(message)
    state = {key: value for key, value in content.items() if not _NOT_STATE.search(key)}
    # DataParallel puts its own name before all others.
    if state and all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state
