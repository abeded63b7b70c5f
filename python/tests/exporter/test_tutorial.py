"""The tutorial runs from the training on."""

from __future__ import annotations

import re
from typing import Any

import pytest
from repository import ROOT


def test_from_training_to_uncertainty(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bayesian_torch", reason="SKIPPED: bayesian-torch is not installed")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/tutorials/python.md").read_text()
    names: dict[str, Any] = {}
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(code, names)  # noqa: S102
    report = names["report"]
    assert report["accuracy"] > 0.9
    assert report["ood"]["predictive_entropy"]["auroc"] > 0.8
    assert (tmp_path / "digits.safetensors").exists()
    assert (tmp_path / "report.html").exists()
