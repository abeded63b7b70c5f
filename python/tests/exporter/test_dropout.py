"""Dropout that stays active, in both exporters."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)
from safetensors.numpy import load_file
from torch import Tensor, nn

import bayes8
from bayes8.export import (
    ExportError,
    Metadata,
    Pictures,
    Preprocessing,
    UnsupportedLayerError,
    export,
    golden,
)
from bayes8.export.command import main
from bayes8.export.onnx_network import Exporter

EXAMPLE = torch.zeros(1, 3, 8, 8)
CLASSES = ["bag", "boot", "coat", "shirt"]
DYNAMO = pytest.param(
    "dynamo",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("onnxscript") is None
        or tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 6),
        reason="SKIPPED: onnxscript is not installed, or PyTorch is older than 2.6",
    ),
)
EXPORTERS = pytest.mark.parametrize("exporter", ["torchscript", DYNAMO])


class StochasticDepth(nn.Module):
    """As torchvision's, which is known by its name."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        noise = torch.empty([len(x), *[1] * (x.ndim - 1)]).bernoulli_(1 - self.p)
        return x * noise / (1 - self.p)


class Residual(nn.Module):
    """Every kind of dropout, in modules and as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.unit = nn.Dropout(0.3)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.channel = nn.Dropout2d(0.2)
        self.depth = StochasticDepth(0.25, "row")
        self.fc = nn.Linear(8, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = self.unit(torch.relu(self.bn(self.conv1(x))))
        x = x + self.depth(torch.relu(self.conv2(self.channel(x))))
        x = F.dropout(x.mean((2, 3)), 0.1, training=self.training)
        logits: Tensor = self.fc(x)
        return logits


def residual() -> Residual:
    torch.manual_seed(3)
    model = Residual()
    with torch.no_grad():
        model.fc.weight *= 4
    return model


def randoms(network: Path) -> list[str]:
    nodes = onnx.load(network).graph.node
    return [node.op_type for node in nodes if node.op_type in ("Bernoulli", "Dropout")]


@EXPORTERS
def test_all_dropout_is_active_where_nothing_else_is_random(
    exporter: Exporter, tmp_path: Path
) -> None:
    model = residual().train()
    files = export(model, EXAMPLE, tmp_path, exporter=exporter)
    assert model.training
    assert files.dropout == ["unit", "channel", "depth", ""]
    assert randoms(files.network) == ["Dropout", "Bernoulli", "Bernoulli", "Dropout"]
    nodes = [node.op_type for node in onnx.load(files.network).graph.node]
    assert "BatchNormalization" in nodes
    assert load_file(files.posterior) == {}


@EXPORTERS
@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (["channel"], ["Bernoulli"]),
        ([""], ["Dropout"]),
        (["unit", "depth"], ["Dropout", "Bernoulli"]),
    ],
)
def test_only_chosen_dropout_is_active(
    choice: Sequence[str], expected: list[str], exporter: Exporter, tmp_path: Path
) -> None:
    files = export(residual(), EXAMPLE, tmp_path, dropout=choice, exporter=exporter)
    assert randoms(files.network) == expected


@EXPORTERS
def test_int8_and_fp32_agree(exporter: Exporter, tmp_path: Path) -> None:
    model, random = residual(), np.random.default_rng(0)
    data = Pictures(random.integers(0, 256, (64, 8, 8, 3), np.uint8), random.integers(0, 4, 64))
    preprocessing = Preprocessing([0.5], [0.25])
    files = export(
        model,
        EXAMPLE,
        tmp_path,
        class_names=CLASSES,
        preprocessing=preprocessing,
        exporter=exporter,
    )
    quantized = bayes8.quantize(
        files.network,
        posterior=files.posterior,
        metadata=files.metadata,
        calibration=data.pixels,
    )
    int8 = quantized.predict(data.pixels, samples=1024)
    fp32 = golden(model, Metadata(CLASSES, preprocessing), data, samples=1024, batch=8)
    for name in ("predictive_entropy", "mutual_information"):
        expected = fp32.tensors[f"mc_{name}"]
        assert getattr(int8, name).mean() == pytest.approx(expected.mean(), rel=0.1), name
    expected = fp32.tensors["mc_mean_probabilities"]
    assert np.abs(int8.probabilities - expected).max() < 0.06


def test_a_name_without_dropout_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="at `chanel`; there is `unit`, `channel`, `depth`, ``"):
        export(residual(), EXAMPLE, tmp_path, dropout=["unit", "chanel"])
    with pytest.raises(ExportError, match='expected "active", "inactive" or a list'):
        export(residual(), EXAMPLE, tmp_path, dropout="all")
    with pytest.raises(ExportError, match="nothing is random"):
        export(residual(), EXAMPLE, tmp_path, dropout="inactive")


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.AlphaDropout(0.1), r"layer `1` \(AlphaDropout\): alpha dropout"),
        (nn.FeatureAlphaDropout(0.1), r"layer `1` \(FeatureAlphaDropout\): alpha dropout"),
        (nn.Dropout(1.0), r"layer `1` \(Dropout\): it drops with probability 1.0"),
        (nn.BatchNorm2d(3, track_running_stats=False), "layer `1` .*statistics of each batch"),
    ],
)
def test_layers_that_cannot_stay_random(layer: nn.Module, reason: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Dropout(0.1), layer, nn.Flatten(), nn.Linear(192, 4))
    with pytest.raises(UnsupportedLayerError, match=reason):
        export(model, EXAMPLE, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_alpha_dropout_that_is_not_active_is_no_obstacle(tmp_path: Path) -> None:
    model = nn.Sequential(nn.AlphaDropout(0.1), nn.Dropout(0.1), nn.Flatten(), nn.Linear(192, 4))
    assert export(model, EXAMPLE, tmp_path, dropout=["1"]).dropout == ["1"]


def test_batchnorm_that_stays_in_training_mode(tmp_path: Path) -> None:
    class Stubborn(nn.BatchNorm2d):
        def train(self, mode: bool = True) -> "Stubborn":  # noqa: ARG002
            return super().train(mode=True)

    model = nn.Sequential(nn.Dropout(0.1), Stubborn(3), nn.Flatten(), nn.Linear(192, 4))
    with pytest.raises(UnsupportedLayerError, match="layer `1` .*stays in training mode"):
        export(model, EXAMPLE, tmp_path)


class Function(nn.Module):
    """Calls a function of itself and its input, after a convolution and before a linear layer."""

    def __init__(self, function: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.conv, self.fc = nn.Conv2d(3, 3, 1), nn.Linear(192, 4)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.function(self, self.conv(x)).flatten(1))
        return logits


def overwritten(module: nn.Module, x: Tensor) -> Tensor:
    return x + F.dropout(x, 0.3, module.training, inplace=True)


def ignored(module: nn.Module, x: Tensor) -> Tensor:
    view = x.flatten(1)
    F.dropout(x, 0.3, module.training, True)
    return view * 2


@EXPORTERS
@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda m, x: F.dropout(x, float(x.mean().sigmoid()), m.training), "depends on the input"),
        (lambda m, x: F.dropout(x, 1 / (1 + len(x)), m.training), "depends on the input"),
        (lambda m, x: F.dropout(x, float(torch.rand(())), m.training), "or on chance"),
        (overwritten, "overwrites its input .* is read again later; use inplace=False"),
        (ignored, "overwrites its input .* is read again later; use inplace=False"),
    ],
)
def test_functions_that_are_more_than_dropout(
    function: Callable[[nn.Module, Tensor], Tensor],
    reason: str,
    exporter: Exporter,
    tmp_path: Path,
) -> None:
    with pytest.raises(UnsupportedLayerError, match=reason):
        export(Function(function), EXAMPLE, tmp_path / "out", exporter=exporter)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: F.dropout(x, 0.3, m.training, True).relu(),
        lambda m, x: torch.dropout_(x, 0.3, m.training).relu(),
        lambda m, x: F.dropout(x, 1 / x.shape[1], m.training, inplace=True).relu(),
    ],
)
def test_dropout_in_place(function: Callable[[nn.Module, Tensor], Tensor], tmp_path: Path) -> None:
    files = export(Function(function), EXAMPLE, tmp_path)
    assert files.dropout == [""]
    assert randoms(files.network) == ["Dropout"]


def test_blocks_are_not_left_out_in_silence(tmp_path: Path) -> None:
    class DropBlock2d(nn.Module):
        """As torchvision's, which is known by its name."""

        p = 0.2

        def forward(self, x: Tensor) -> Tensor:
            return x

    model = nn.Sequential(DropBlock2d(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(192, 4))
    with pytest.raises(UnsupportedLayerError, match=r"`0` \(DropBlock2d\): it drops blocks"):
        export(model, EXAMPLE, tmp_path)
    assert export(model, EXAMPLE, tmp_path, dropout=["1"]).dropout == ["1"]


@pytest.mark.parametrize("choice", [3, True, [1], {"unit": 0.5}])
def test_choices_of_other_types(choice: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match='expected "active", "inactive" or a list of paths'):
        export(residual(), EXAMPLE, tmp_path, dropout=choice)


def test_a_wrapper_that_repeats_its_network(tmp_path: Path) -> None:
    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.core_model = residual()

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.core_model(x.repeat(5, 1, 1, 1))
            return logits

    with pytest.raises(ExportError, match="15 rows of logits for 3 inputs; .*`core_model`"):
        export(Repeated(), EXAMPLE, tmp_path)


class OwnMask(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.fc = how, nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(x.mean((2, 3)), 0.1, self.training)
        if self.how == "input":
            x = x * torch.bernoulli(torch.sigmoid(x))
        elif self.how == "noise":
            x = x + torch.rand_like(x)
        else:
            x = F.dropout1d(x, 0.1, self.training)
        logits: Tensor = self.fc(x)
        return logits


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("input", "its dropout depends on the input"),
        ("noise", "depends on chance, other than by dropout"),
        ("rows", r"it drops whole rows of a value \[3, 3\]"),
    ],
)
def test_masks_that_are_not_those_of_dropout(how: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=reason):
        export(OwnMask(how), EXAMPLE, tmp_path)


def test_dropout_that_is_always_on_is_active_in_an_ensemble_too(tmp_path: Path) -> None:
    class Always(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop, self.fc = nn.Dropout(0.2), nn.Linear(192, 4)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = F.dropout(self.fc(self.drop(x.flatten(1))), 0.1)
            return logits

    members = [Always().state_dict() for _ in range(2)]
    assert export(Always(), EXAMPLE, tmp_path, members=members).dropout == [""]
    files = export(Always(), EXAMPLE, tmp_path, members=members, dropout="active")
    assert files.dropout == ["drop", ""]


def test_torchvision_s_stochastic_depth(tmp_path: Path) -> None:
    ops = pytest.importorskip("torchvision.ops", reason="SKIPPED: torchvision is not installed")
    for mode in ("row", "batch"):
        model = residual()
        model.depth = ops.StochasticDepth(0.25, mode)
        files = export(model, EXAMPLE, tmp_path / mode, dropout=["depth"])
        assert randoms(files.network) == ["Bernoulli"]


def test_a_network_with_maps_of_logits(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Dropout2d(0.2),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(8, len(CLASSES), 1),
    )
    files = export(model, EXAMPLE, tmp_path, class_names=CLASSES)
    assert files.dropout == ["2"]
    with pytest.raises(ExportError, match="2 class names, but the model has 4 classes"):
        export(model, EXAMPLE, tmp_path, class_names=CLASSES[:2])


def test_the_command_chooses_dropout_and_takes_members(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_network.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    layers = nn.Flatten(), nn.Linear(192, 4)\n"
        "    return nn.Sequential(nn.Dropout(0.2), *layers, nn.Dropout(0.1))\n"
    )
    paths = []
    for seed in range(2):
        torch.manual_seed(seed)
        paths.append(str(tmp_path / f"{seed}.pth"))
        torch.save({f"2.{n}": t for n, t in nn.Linear(192, 4).state_dict().items()}, paths[-1])
    common = ["--model", "own_network:build", "--input", "3,8,8"]
    out = tmp_path / "out"
    assert main([paths[0], *common, "--dropout", "0,3", "-o", str(out)]) == 0
    assert "dropout is active at 0, 3" in capsys.readouterr().out
    assert main([paths[0], "--member", paths[1], *common, "-o", str(out)]) == 0
    assert "2 members" in capsys.readouterr().out
    assert randoms(out / "network.onnx") == []
    assert main([paths[0], *common, "--dropout", "0,1", "-o", str(out)]) == 1
    assert "at `1`" in capsys.readouterr().err
