"""The package's metadata."""

import re
from pathlib import Path

from packaging.specifiers import SpecifierSet

FOLDER = Path(__file__).parents[1]


def test_python_versions_without_wheels_of_the_pins_are_refused() -> None:
    project = (FOLDER / "pyproject.toml").read_text()
    # If these change, so do the versions below.
    assert '"torch==2.4.*"' in project
    assert '"numpy<2"' in project
    (versions,) = re.findall(r'^requires-python = "(.*)"$', project, re.MULTILINE)
    accepted = [f"3.{minor}" for minor in range(8, 16) if f"3.{minor}" in SpecifierSet(versions)]
    assert accepted == ["3.10", "3.11", "3.12"]
    assert "Python 3.10 to 3.12" in (FOLDER / "README.md").read_text()
