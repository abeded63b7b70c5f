"""Exports that the tests of `bayes8` read: recorded_exports.py ../cli/tests/data.

Each is an archive NAME.npz: the exported files as bytes, under their names, pictures `x` (uint8
[N, H, W, C]), and the `logits` [N, classes] that bayesian-torch computes for them with every weight
at its mean.
"""

import re
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import conftest  # noqa: F401 (one thread)
import numpy as np
import torch
from bayesian_torch.models.bayesian.resnet_variational import resnet20
from networks import CLASSES, mean_logits, small_cnn
from numpy.typing import NDArray
from torch import nn

from bayes8.export import Metadata, Pictures, Preprocessing, export, golden
from bayes8.export.command import main

README = Path(__file__).parents[2] / "README.md"
FILES = ["network.onnx", "posterior.safetensors", "metadata.json"]
PIXELS = ("--pixel-mean", "--pixel-std")

# Weights repeat after this number, which keeps the archive small; it is prime, so that no two rows
# are alike.
PERIOD = 251


def commands(program: str) -> list[list[str]]:
    """Returns the arguments of each call of `program` in the README's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [arguments for name, *arguments in filter(None, words) if name == program]


def network() -> nn.Module:
    """Returns bayesian-torch's ResNet-20 with invented weights, in evaluation mode."""
    torch.manual_seed(0)
    model: nn.Module = resnet20()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            kind = name.rpartition(".")[2]
            if kind.startswith("mu_"):
                fan_in = parameter[0].numel()
                values = torch.randn(PERIOD) * (2 / fan_in) ** 0.5
                parameter.copy_(values[torch.arange(parameter.numel()) % PERIOD].view_as(parameter))
            elif kind.startswith("rho_"):
                # So narrow that samples answer as the mean does.
                parameter.fill_(-8.0)
        # Running statistics of the network's own values.
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        others = inputs(pictures(64, 1))
        model.train()(others)
        # Pictures differ by less than classes do.
        last: Any = model.get_submodule("linear")
        last.mu_weight *= 8
        last.mu_bias -= torch.from_numpy(mean_logits(model, others)).mean(0)
    return model.eval()


def pictures(count: int, seed: int) -> NDArray[np.uint8]:
    """Returns coarse colours, [N, 32, 32, 3]."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 4, 4, 3), np.uint8)
    return coarse.repeat(8, 1).repeat(8, 2)


def inputs(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """Returns the network's input, with the preprocessing of the README's command."""
    (arguments,) = (a for a in commands("bayes8-export") if a[0] != "golden")
    words = (arguments[arguments.index(name) + 1 :][:3] for name in PIXELS)
    mean, std = ([float(value) for value in of_each] for of_each in words)
    return torch.from_numpy(Preprocessing(mean, std).apply(pixels))


# NumPy's savez takes only `Any` by name.
Record = dict[str, Any]


def readme_resnet20(folder: Path) -> Record:
    """Runs the README's command."""
    (arguments,) = (a for a in commands("bayes8-export") if a[0] != "golden")
    model = network()
    checkpoint, exported = folder / arguments[0], folder / arguments[-1]
    torch.save(model.state_dict(), checkpoint)
    assert main([str(checkpoint), *arguments[1:-1], str(exported)]) == 0
    assert sorted(file.name for file in exported.iterdir()) == sorted(FILES)
    x = pictures(8, 2)
    return contents(exported) | {"x": x, "logits": mean_logits(model, inputs(x))}


def small(folder: Path) -> Record:
    """Exports a tiny network, and records what its FP32 model says about labelled pictures.

    Also holds labels `y` and pictures `other` of another distribution.
    """
    model = small_cnn()
    with torch.no_grad():
        model.fc.mu_weight *= 8
        for name, parameter in model.named_parameters():
            if name.rpartition(".")[2].startswith("rho_"):
                parameter.fill_(-5.0)
    preprocessing = Preprocessing([0.5], [0.25])
    random = np.random.default_rng(3)
    noise, contrast = random.random((128, 8, 8, 3)), np.linspace(0.1, 1, 64)
    x, other = np.split(
        (noise * np.tile(contrast, 2).reshape(-1, 1, 1, 1) * 255).astype(np.uint8), 2
    )
    inputs = torch.from_numpy(preprocessing.apply(x))
    logits = mean_logits(model, inputs)
    labels = logits.argmax(1)
    export(model, inputs[:1], folder, class_names=CLASSES, preprocessing=preprocessing)
    data = Pictures(x, labels)
    golden(model, Metadata(CLASSES, preprocessing), data, samples=400).save(folder)
    return contents(folder) | {"x": x, "y": labels, "other": other, "logits": logits}


def contents(folder: Path) -> Record:
    """Returns the bytes of all files in `folder`."""
    return {file.name: np.frombuffer(file.read_bytes(), np.uint8) for file in folder.iterdir()}


RECORDS = {"readme-resnet20": readme_resnet20, "small-cnn": small}


if __name__ == "__main__":
    for name, record in RECORDS.items():
        with tempfile.TemporaryDirectory() as temporary:
            np.savez_compressed(Path(sys.argv[1]) / f"{name}.npz", **record(Path(temporary)))
