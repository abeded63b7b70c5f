"""The package's metadata, and what it says without its extras."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

FOLDER = Path(__file__).parents[1]
PROJECT = (FOLDER / "pyproject.toml").read_text(encoding="utf-8")


def requirements(name: str) -> list[Requirement]:
    """Returns the list NAME of requirements in pyproject.toml."""
    (listed,) = re.findall(rf"^{name} = \[(.*?)\]$", PROJECT, re.MULTILINE)
    return [Requirement(quoted) for quoted in re.findall(r'"([^"]*)"', listed)]


def test_no_requirement_keeps_pip_from_the_newest_version() -> None:
    listed = requirements("dependencies") + requirements("torch") + requirements("sklearn")
    assert {"numpy", "onnx", "onnxruntime", "safetensors", "torch"} <= {r.name for r in listed}
    for requirement in listed:
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators <= {">="}, requirement
        # Only models that use it need it.
        assert requirement.name != "bayesian-torch"


@pytest.mark.parametrize("package", ["torch", "onnx", "onnxruntime", "safetensors"])
def test_without_the_extra_the_exporter_says_how_to_get_it(package: str) -> None:
    hidden = f"import sys; sys.modules[{package!r}] = None; "
    message = 'bayes8.export needs PyTorch and ONNX: pip install "bayes8[torch]" ('
    imported = run(hidden + "from bayes8.export import export")
    assert f"ImportError: {message}" in imported.stderr
    command = run(hidden + "from bayes8._export_command import main; sys.exit(main())")
    assert command.stderr.startswith(f"error: {message}")
    assert command.stderr.count("\n") == 1
    assert command.returncode == 1


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
