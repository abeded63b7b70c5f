"""Settings of all tests."""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import MetaPathFinder

import pytest
import torch

# The networks are so small that threads wait for each other longer than they run.
torch.set_num_threads(1)


class WithoutBayesianTorch(MetaPathFinder):
    """Skips what imports bayesian-torch."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "bayesian_torch":
            pytest.skip("SKIPPED: bayesian-torch is not installed", allow_module_level=True)


if importlib.util.find_spec("bayesian_torch") is None:
    sys.meta_path.append(WithoutBayesianTorch())
