"""Versions of PyTorch, and packages that are not needed."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from networks import pictures, small_cnn
from recorded_exports import README

from bayes8.export import ExportError, export
from bayes8.export.torch_version import NEWEST, OLDEST

GUIDE = README.parents[1] / "docs" / "guides" / "python.md"

WITHOUT = """
import sys
for name in ("bayesian_torch", "matplotlib", "onnxscript", "scipy", "sklearn", "torchvision"):
    sys.modules[name] = None
"""


def test_documents_name_the_versions_that_errors_name() -> None:
    oldest, newest = (".".join(map(str, version)) for version in (OLDEST, NEWEST))
    for document in (README, GUIDE):
        assert f"PyTorch {oldest} to {newest}" in document.read_text(encoding="utf-8")


@pytest.mark.parametrize("version", ["2.3.1", "2.16.0", "3.0.0.dev20270101+cpu"])
def test_a_version_that_cannot_export_is_named_with_those_that_can(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export_onnx(*_: object) -> None:
        """Takes none of the arguments that the exporter needs."""

    monkeypatch.setattr(torch, "__version__", version)
    monkeypatch.setattr(torch.onnx, "export", export_onnx)
    with pytest.raises(ExportError) as error:
        export(small_cnn(), pictures(1, 3, 8, 8), tmp_path / "out")
    expected = f"PyTorch {version} (tested: 2.4 to 2.15) cannot export the model to ONNX: "
    assert str(error.value).startswith(expected)
    assert not list(tmp_path.iterdir())


def test_a_model_without_bayesian_torch_needs_no_bayesian_torch(tmp_path: Path) -> None:
    script = f"""{WITHOUT}
import torch
from bayes8.export import export
export(torch.nn.Sequential(torch.nn.Linear(3, 4)), torch.zeros(1, 3), {str(tmp_path / "out")!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert "ExportError: nothing is random: no Bayesian layer leads to the logits" in done.stderr


def test_nothing_but_the_extra_is_needed_for_the_command() -> None:
    script = f"""{WITHOUT}
sys.argv = ["bayes8-export", "golden", "--help"]
from bayes8._export_command import main
main()
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
