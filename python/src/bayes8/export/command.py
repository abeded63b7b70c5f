"""The `bayes8-export` command."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from .checkpoint import load_model
from .dropout import Choice
from .errors import ExportError
from .exporter import export
from .golden import golden
from .metadata import Metadata, Preprocessing
from .pictures import Pictures

_EXPORT_HELP = """\
Then make an INT8 model of the exported files:
  bayes8 quantize --network DIRECTORY/network.onnx --posterior DIRECTORY/posterior.safetensors \\
      --metadata DIRECTORY/metadata.json --calibration pictures.npz -o model.safetensors

examples:
  # a network that bayesian-torch ships
  bayes8-export cifar10.pth --model bayesian_torch.models.bayesian.resnet_variational:resnet20 \\
      --input 3,32,32 --pixel-mean 0.4914 0.4822 0.4465 --pixel-std 0.2470 0.2435 0.2616 \\
      -o exported
  # your own: build() in network.py in this folder
  bayes8-export xray.pth --model network:build --input 1,28,28 --pixel-mean 0.5 --pixel-std 0.5 \\
      --classes normal pneumonia -o exported
  # with Monte-Carlo dropout, and an ensemble
  bayes8-export xray.pth --model network:build --input 1,28,28 --dropout active -o exported
  bayes8-export xray0.pth --member xray1.pth --member xray2.pth --model network:build \\
      --input 1,28,28 -o exported
  # what the FP32 model says about test pictures: `bayes8-export golden --help`
  bayes8-export golden xray.pth --model network:build --metadata exported/metadata.json \\
      --data test.npz -o exported
"""

_GOLDEN_HELP = """\
example:
  bayes8-export golden xray.pth --model network:build --metadata exported/metadata.json \\
      --data test.npz --samples 200 -o exported
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code: 0 success, 1 failure (2, wrong usage, exits)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Not a subcommand of argparse, as exporting, the usual job, needs no name.
    is_golden = arguments[:1] == ["golden"]
    try:
        _golden(arguments[1:]) if is_golden else _export(arguments)
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _export(arguments: Sequence[str]) -> None:
    parser = _parser(
        "bayes8-export",
        "Write the files that `bayes8 quantize` reads from a Bayesian network, a network with "
        "dropout or an ensemble: network.onnx, posterior.safetensors and metadata.json.",
        _EXPORT_HELP,
    )
    parser.add_argument(
        "--input",
        required=True,
        type=_shape,
        metavar="C,H,W",
        help="shape of an input without its batch, such as 3,32,32",
    )
    parser.add_argument(
        "--classes", nargs="+", default=(), metavar="NAME", help="class names, in the logits' order"
    )
    parser.add_argument(
        "--pixel-mean",
        nargs="+",
        type=float,
        metavar="X",
        default=[0.0],
        help="mean of pixels in 0..1, one per channel or one for all (default: 0)",
    )
    parser.add_argument(
        "--pixel-std",
        nargs="+",
        type=float,
        metavar="X",
        default=[1.0],
        help="standard deviation of pixels in 0..1, like --pixel-mean (default: 1)",
    )
    parser.add_argument(
        "--member",
        action="append",
        default=[],
        type=Path,
        metavar="CHECKPOINT",
        help="one more network of an ensemble, of which `checkpoint` is the first; may be repeated",
    )
    parser.add_argument(
        "--exporter",
        choices=("torchscript", "dynamo"),
        default="torchscript",
        help="PyTorch's exporter (default: torchscript)",
    )
    options = parser.parse_args(arguments)
    preprocessing = Preprocessing(options.pixel_mean, options.pixel_std)
    model, *others = [
        load_model(options.model, checkpoint, options.key)
        for checkpoint in (options.checkpoint, *options.member)
    ]
    files = export(
        model,
        torch.randn(1, *options.input, generator=torch.Generator().manual_seed(0)),
        options.directory,
        class_names=options.classes,
        preprocessing=preprocessing,
        dropout=_dropout(options.dropout),
        members=[model, *others] if others else None,
        exporter=options.exporter,
    )
    _say(f"{files.network}\n{files.posterior}\n{files.metadata}")
    if files.members > 1:
        _say(f"{files.members} members")
    if files.dropout:
        _say(f"dropout is active at {', '.join(files.dropout)}")
    if files.bayesian:
        _say(f"{len(files.bayesian)} Bayesian tensors with {files.weights:,} weights")


def _golden(arguments: Sequence[str]) -> None:
    parser = _parser(
        "bayes8-export golden",
        "Run the model itself in FP32 on labelled pictures, and write golden.json (accuracy, NLL, "
        "Brier score, ECE, uncertainty, noise floor) and golden.safetensors (the same for each "
        "picture): the reference that INT8 is measured against.",
        _GOLDEN_HELP,
    )
    parser.add_argument(
        "--metadata", required=True, type=Path, metavar="JSON", help="metadata.json of the export"
    )
    parser.add_argument(
        "--data",
        required=True,
        type=Path,
        metavar="NPZ",
        help="pictures and labels: `x`, uint8 [N, H, W, C], and `y`, N class indices",
    )
    parser.add_argument(
        "--ood", type=Path, metavar="NPZ", help="pictures of another distribution: `x`"
    )
    parser.add_argument(
        "--samples", type=int, default=200, metavar="S", help="Monte-Carlo samples (default: 200)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights (default: 0)")
    parser.add_argument(
        "--batch",
        type=_positive,
        default=250,
        metavar="N",
        help="pictures that share a draw of the weights (default: 250)",
    )
    options = parser.parse_args(arguments)
    metadata = Metadata.load(options.metadata)
    data = Pictures.load(options.data)
    ood = Pictures.load(options.ood) if options.ood else None
    result = golden(
        load_model(options.model, options.checkpoint, options.key),
        metadata,
        data,
        samples=options.samples,
        ood=ood,
        seed=options.seed,
        batch=options.batch,
        dropout=_dropout(options.dropout),
        advance=_progress(options.samples * (2 if ood else 1)),
    )
    result.save(options.directory)
    for key in ("accuracy", "nll", "brier", "ece", "mean_mutual_information"):
        _say(f"{key:24} {result.figures[key]:.4g}")


def _parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Returns a parser with the arguments that both commands take."""
    parser = argparse.ArgumentParser(
        name,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "checkpoint",
        type=Path,
        help="weights of the FP32 model: a file of torch.save (state dict, whole model, or a "
        "training script's checkpoint) or of safetensors; no code in it runs",
    )
    parser.add_argument(
        "--key",
        metavar="KEY",
        help="where in the checkpoint the weights are, if there are several sets, such as `ema`",
    )
    parser.add_argument(
        "--model",
        required=True,
        metavar="MODULE:FACTORY",
        help="function without arguments that builds the model",
    )
    parser.add_argument(
        "--dropout",
        metavar="active|inactive|PATH,...",
        help="which dropout is active: all, none, or that of the modules at these paths (default: "
        "all where nothing else is random)",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        dest="directory",
        type=Path,
        metavar="DIRECTORY",
        help="folder to write to",
    )
    return parser


def _dropout(text: str | None) -> Choice:
    if text == "active" or text == "inactive" or text is None:  # noqa: PLR1714 (narrows the type)
        return text
    return text.split(",")


def _shape(text: str) -> list[int]:
    return [_positive(size) for size in text.split(",")]


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        message = f"{value} is not above 0"
        raise argparse.ArgumentTypeError(message)
    return value


def _progress(total: int) -> Callable[[], None]:
    """Returns a function that shows each finished sample on a terminal."""
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\rsample {done} of {total}", end=end, file=sys.stderr, flush=True)  # noqa: T201

    return advance


def _say(text: str) -> None:
    print(text)  # noqa: T201
