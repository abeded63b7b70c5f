"""Helpers that the scripts of this folder share: options, trained networks, and running the tools."""

import argparse
import json
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Floats = NDArray[np.float32]

# The trained network that some scripts take from a folder, and its data sets.
MODEL = "cifar10-resnet20"


class Trained(NamedTuple):
    """The folder of a trained network, its recorded figures and its pictures."""

    path: Path

    def model(self, name: str) -> Path:
        return self.path / "models" / MODEL / name

    def pictures(self, name: str) -> Path:
        return self.path / "data" / f"{name}.npz"

    def golden(self) -> dict[str, Any]:
        recorded: dict[str, Any] = json.loads(self.model("golden.json").read_text())
        return recorded


def add_folder(parser: argparse.ArgumentParser, *sets: str) -> None:
    """The option `--from`: the folder of a `Trained` with these data sets."""
    data = ", ".join(f"data/{name}.npz" for name in sets)
    parser.add_argument(
        "--from",
        type=lambda text: Trained(Path(text)),
        required=True,
        dest="trained",
        metavar="FOLDER",
        help=f"holds models/{MODEL}/checkpoint.pth and golden.json, {data}",
    )


def add_bayes8(parser: argparse.ArgumentParser) -> None:
    """The option `--bayes8`: the command line under test."""
    _add_program(parser, "--bayes8", "target/release/bayes8")


def add_mean_logits(parser: argparse.ArgumentParser) -> None:
    """The option `--mean-logits`: the example that runs the converter's FP32 reference."""
    _add_program(parser, "--mean-logits", "target/release/examples/mean_logits")


def _add_program(parser: argparse.ArgumentParser, option: str, default: str) -> None:
    path = Path(default)
    parser.add_argument(
        option, type=Path, default=path, metavar="PROGRAM", help=f"default: {default}"
    )


def check_files(parser: argparse.ArgumentParser, *paths: Path) -> None:
    """Ends the program with wrong usage unless every path is a file."""
    for path in paths:
        if not path.is_file():
            parser.error(f"{path} is not a file; see benchmarks/README.md")


def at_least(least: int) -> Callable[[str], int]:
    """The type of a whole number in a command line."""

    def parse(text: str) -> int:
        if int(text) < least:
            message = f"must be at least {least}"
            raise argparse.ArgumentTypeError(message)
        return int(text)

    # argparse calls it so where the text is not a number.
    parse.__name__ = "whole number"
    return parse


def normalized(pictures: NDArray[np.uint8], preprocessing: Any) -> Floats:  # noqa: ANN401 (of JSON)
    """Inputs [N, C, H, W] for pixels [N, H, W, C], by the `preprocessing` of a JSON file."""
    values = (pictures / 255 - preprocessing["mean"]) / preprocessing["std"]
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)


def moped_prior(delta: float) -> dict[str, object]:
    """Arguments of `dnn_to_bnn` for MOPED: sigma = delta |w|. It asks for the rest but ignores it."""
    return {
        "type": "Reparameterization",
        "moped_enable": True,
        "moped_delta": delta,
        "prior_mu": 0.0,
        "prior_sigma": 1.0,
        "posterior_mu_init": 0.0,
        "posterior_rho_init": -3.0,
    }


def onnx_session(network: Path | bytes, threads: int = 0) -> "InferenceSession":
    """A network in ONNX Runtime on the CPU; `threads` 0 leaves their number to it."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def onnx_logits(session: "InferenceSession", inputs: Floats) -> Floats:
    """The first output for `inputs`."""
    return np.asarray(session.run(None, {session.get_inputs()[0].name: inputs})[0], np.float32)


def run(command: Sequence[object]) -> "subprocess.CompletedProcess[str]":
    """Runs a program and returns its exit code and what it printed."""
    words = [str(word) for word in command]
    return subprocess.run(words, check=False, capture_output=True, text=True)


def kind_of_refusal(message: str) -> str:
    """An importer message without file, names and numbers, so that equal refusals compare equal."""
    message = re.sub(r"^(cannot import )?\S*\.onnx: ", "", message)
    message = re.sub(r"node `[^`]*` \((\w+)\): ", r"\1: ", message)
    message = re.sub(r"`[^`]*`", "`..`", message)
    return re.sub(r"\[[-\d, ]*\]|-?\d+(x\d+)*", "..", message)
