"""The README's commands and example run, and write the recorded files."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from bayesian_torch.models.bayesian.resnet_variational import resnet20
from onnx import numpy_helper
from recorded_exports import FILES, README, RECORDS, Record, commands, network, pictures
from safetensors.numpy import load

from bayes8.export.command import main

RECORDED = Path(__file__).parents[3] / "cli" / "tests" / "data"


def recorded(name: str) -> Record:
    with np.load(RECORDED / f"{name}.npz") as archive:
        return dict(archive)


@pytest.mark.parametrize("name", RECORDS)
def test_the_recorded_exports_are_what_is_exported_today(name: str, tmp_path: Path) -> None:
    made, expected = RECORDS[name](tmp_path), recorded(name)
    assert made.keys() == expected.keys()
    graphs = [
        onnx.load_model_from_string(r["network.onnx"].tobytes()).graph for r in (made, expected)
    ]
    ours, theirs = ([node.SerializeToString() for node in graph.node] for graph in graphs)
    assert ours == theirs
    weights = [{t.name: numpy_helper.to_array(t) for t in graph.initializer} for graph in graphs]
    sigmas = [load(record["posterior.safetensors"].tobytes()) for record in (made, expected)]
    for tensors, others in (weights, sigmas):
        assert tensors.keys() == others.keys()
        for tensor, values in tensors.items():
            # Statistics are sums, whose order differs between processors.
            np.testing.assert_allclose(values, others[tensor], rtol=1e-4, atol=1e-6)
    assert made["metadata.json"].tobytes() == expected["metadata.json"].tobytes()
    np.testing.assert_allclose(made["logits"], expected["logits"], atol=1e-3)


def test_the_readme_s_golden_command(tmp_path: Path) -> None:
    expected = recorded("readme-resnet20")
    (arguments,) = (a for a in commands("bayes8-export") if a[0] == "golden")
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "metadata.json").write_bytes(expected["metadata.json"].tobytes())
    torch.save(network().state_dict(), tmp_path / "cifar10.pth")
    np.savez(tmp_path / "test.npz", x=expected["x"][:2], y=[0, 1])
    np.savez(tmp_path / "other.npz", x=pictures(2, 5))
    files = {"cifar10.pth", "exported", "exported/metadata.json", "test.npz", "other.npz"}
    assert files < set(arguments)
    assert main([str(tmp_path / a) if a in files else a for a in arguments]) == 0
    golden = load((tmp_path / "exported" / "golden.safetensors").read_bytes())
    np.testing.assert_allclose(golden["mean_weights_logits"], expected["logits"][:2], atol=1e-3)


def test_the_readme_s_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    (code,) = (block for block in blocks if "bayes8.export" in block)
    names = [f"class {index}" for index in range(10)]
    exec(code, {"model": resnet20(), "names": names})  # noqa: S102
    assert sorted(file.name for file in (tmp_path / "exported").iterdir()) == sorted(FILES)
