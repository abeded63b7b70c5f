"""The stub says what the module does: its docstrings are those of the module.

`UPDATE_STUB=1 pytest tests/test_stub.py` copies them from an installed module to `_bayes8.pyi`.
"""

from __future__ import annotations

import ast
import inspect
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bayes8 import _bayes8

STUB = Path(__file__).parents[1] / "src/bayes8/_bayes8.pyi"


def documented(tree: ast.Module) -> Iterator[tuple[ast.ClassDef | ast.FunctionDef, Any]]:
    """Yields the definitions of the stub with what they stand for."""
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        item = getattr(_bayes8, node.name)
        yield node, item
        for method in node.body if isinstance(node, ast.ClassDef) else []:
            if not isinstance(method, ast.FunctionDef) or method.name.startswith("_"):
                continue
            # Overloads have no docstrings.
            if not any("overload" in ast.unparse(d) for d in method.decorator_list):
                yield method, getattr(item, method.name)


def test_docstrings_of_the_stub_are_those_of_the_module() -> None:
    source = STUB.read_text()
    if os.environ.get("UPDATE_STUB"):
        source = updated(source)
        STUB.write_text(source)
    for node, item in documented(ast.parse(source)):
        text = ast.get_docstring(node) or ""
        assert text == inspect.getdoc(item), node.name
        assert text


def updated(source: str) -> str:
    """Returns the stub with the docstrings of the module."""
    lines = source.splitlines()
    # From the end, so that the places of those before stay.
    for node, item in reversed(list(documented(ast.parse(source)))):
        doc = node.body[0]
        assert isinstance(doc, ast.Expr)
        assert doc.end_lineno is not None
        text = (inspect.getdoc(item) or "").splitlines()
        closing = [] if len(text) == 1 else ['"""']
        quoted = ['"""' + text[0] + ('"""' if len(text) == 1 else ""), *text[1:], *closing]
        # The linter wants an empty line after a last section.
        indented = textwrap.indent("\n".join(quoted), " " * doc.col_offset)
        lines[doc.lineno - 1 : doc.end_lineno] = indented.splitlines()
    return "\n".join(lines) + "\n"
