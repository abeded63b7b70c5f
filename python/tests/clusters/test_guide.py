"""The code of the guide is that of the examples."""

from __future__ import annotations

import re
import textwrap

from cluster import EXAMPLES
from repository import ROOT

# Comments for linters say nothing to a reader.
LINT = re.compile(r"  # (type: ignore|noqa)\b.*")
SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_s_code_is_in_the_examples() -> None:
    sections = (ROOT / "docs/guides/batch.md").read_text().split("\n## ")
    files = {file.stem.removeprefix("batch_"): file for file in EXAMPLES.glob("batch_*.py")}
    assert files.keys() == {"multiprocessing", "dask", "ray", "spark"}
    for section in sections:
        title, _, text = section.partition("\n")
        snippets = SNIPPET.findall(text)
        assert bool(snippets) == (title.lower() in files), title
        if not snippets:
            continue
        source = LINT.sub("", files[title.lower()].read_text())
        for snippet in snippets:
            places = (textwrap.indent(snippet, indentation) for indentation in ("", "    "))
            assert any(f"\n{place}" in source for place in places), snippet
