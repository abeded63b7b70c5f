"""The command, with checkpoints as training scripts write them."""

import json
import subprocess
import sys
from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import CLASSES, initializers, mean_logits, onnx_logits, pictures, small_cnn
from torch import nn

from bayes8.export.command import main

EXPORT = ["--model", "networks:small_cnn", "--input", "3,8,8", "--classes", *CLASSES]


def checkpoint(folder: Path, content: object) -> str:
    path = folder / "model.pth"
    torch.save(content, path)
    return str(path)


@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "model"])
def test_exports_the_checkpoint_and_not_the_factory_s_weights(
    key: str | None, tmp_path: Path
) -> None:
    model = small_cnn(5)
    state = nn.DataParallel(model).state_dict() if key == "state_dict" else model.state_dict()
    path = checkpoint(tmp_path, {key: state, "epoch": 3} if key else state)
    out = tmp_path / "out"
    assert main([path, *EXPORT, "--pixel-mean", "0.5", "--pixel-std", "0.25", "-o", str(out)]) == 0
    inputs = pictures(4, 3, 8, 8)
    logits = onnx_logits(out / "network.onnx", inputs)
    assert np.abs(logits - mean_logits(model, inputs)).max() < 1e-5
    metadata = json.loads((out / "metadata.json").read_text())
    assert metadata["class_names"] == CLASSES
    assert metadata["preprocessing"] == {"mean": [0.5], "std": [0.25]}


def test_noise_and_priors_of_old_checkpoints_are_no_weights(tmp_path: Path) -> None:
    state = OrderedDict(small_cnn().state_dict())
    state["conv1.eps_kernel"] = state["conv1.prior_weight_mu"] = torch.zeros(8, 3, 3, 3)
    assert main([checkpoint(tmp_path, state), *EXPORT, "-o", str(tmp_path / "out")]) == 0
    assert "conv1.weight" in initializers(tmp_path / "out" / "network.onnx")


def test_key_chooses_one_of_several_sets_of_weights(tmp_path: Path) -> None:
    path = checkpoint(
        tmp_path, {"net": small_cnn(5).state_dict(), "ema": small_cnn(6).state_dict()}
    )
    for seed, key in ((5, "net"), (6, "ema")):
        assert main([path, *EXPORT, "--key", key, "-o", str(tmp_path / key)]) == 0
        weight = initializers(tmp_path / key / "network.onnx")["fc.weight"]
        np.testing.assert_array_equal(weight, small_cnn(seed).fc.mu_weight.detach())


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("networks", "expected package.module:function"),
        ("no_such_module:build", "`no_such_module:build` makes no model: ModuleNotFoundError"),
        ("networks:nothing", "AttributeError"),
        ("networks:Path", "returned PosixPath, expected an nn.Module"),
        (
            "networks:plain_cnn",
            "the weights are not those of networks:plain_cnn: missing: `0.weight`, ",
        ),
    ],
)
def test_a_factory_that_makes_no_such_model(
    model: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = checkpoint(tmp_path, small_cnn().state_dict())
    options = [path, "--model", model, "--input", "3,8,8", "-o", str(tmp_path / "out")]
    assert main(options) == 1
    assert reason in capsys.readouterr().err


def test_a_file_that_is_missing_or_holds_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.pth"), *EXPORT, "-o", str(tmp_path / "out")]) == 1
    assert "none.pth" in capsys.readouterr().err
    assert main([checkpoint(tmp_path, [1, 2]), *EXPORT, "-o", str(tmp_path / "out")]) == 1
    assert "holds no tensors with names" in capsys.readouterr().err


def test_golden_reads_the_export_s_metadata(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = checkpoint(tmp_path, small_cnn(5).state_dict())
    out = tmp_path / "out"
    assert main([path, *EXPORT, "-o", str(out)]) == 0
    data = tmp_path / "data.npz"
    np.savez(data, x=np.zeros((3, 8, 8, 3), np.uint8), y=np.array([0, 1, 2]))
    options = ["--model", "networks:small_cnn", "--metadata", str(out / "metadata.json")]
    options += ["--data", str(data), "--samples", "4", "-o", str(out)]
    assert main(["golden", path, *options]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert json.loads((out / "golden.json").read_text())["samples"] == 4
    assert (out / "network.onnx").exists()
    (out / "metadata.json").write_text('{"preprocessing": {"mean": [0]}}')
    assert main(["golden", path, *options]) == 1
    assert "metadata.json: KeyError('std'); expected {" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["golden"]])
def test_help_has_examples_and_wrong_usage_is_2(command: list[str]) -> None:
    program = [sys.executable, "-c", "from bayes8.export.command import main; exit(main())"]
    run = partial(subprocess.run, check=False, capture_output=True, text=True)
    shown = run([*program, *command, "--help"])
    assert shown.returncode == 0
    assert "example" in shown.stdout
    assert run([*program, *command, "--nothing"]).returncode == 2
