"""Code in the documents runs."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import pytest
from repository import ROOT


def snippets(document: str) -> list[str]:
    return re.findall(
        r"^```python\n(.*?)^```$", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL
    )


def test_the_readme_s_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (code,) = snippets("README.md")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    top = names["p"].top(3)
    assert capsys.readouterr().out.startswith(f"{top}\n")
    # The figures that stand beside it in the command line's part.
    assert [(name, f"{100 * p:.2f}") for name, p in top] == [
        ("Sneaker", "94.96"),
        ("Bag", "4.08"),
        ("Sandal", "0.37"),
    ]
    assert f"{names['p'].predictive_entropy:.3f}" == "0.239"


def test_the_guide_s_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (ROOT / "target").mkdir(exist_ok=True)
    names: dict[str, Any] = {}
    for code in snippets("docs/guides/python.md"):
        has_mapie = importlib.util.find_spec("mapie") is not None
        if "bayes8.export" not in code and (has_mapie or "mapie" not in code):
            exec(code, names)  # noqa: S102
    assert names["p"].samples > 0
