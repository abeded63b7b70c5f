"""uci-compare: what INT8 does to the regressions that `uci_regression.py` trained.

Quantizes the network of every split, measures it beside FP32 with the same samples, and prints
the differences of each set and posterior as a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from uci_regression import MEMBERS, POSTERIORS, RECIPES, SAMPLES, SPLITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    # RMSE, log-likelihood and coverage.
    Differences = NDArray[np.float64]

NAMES = ("RMSE, %", "log-likelihood, nats", "coverage, points")
DIGITS = (2, 4, 2)

# Differences of a set that quantization may make.
ALLOWED = np.array([1.0, 0.02, 1.0])

# The exporter's networks return a mean and the logarithm of a variance.
HEAD = "gaussian-log-variance"


def differences(one: Sequence[float], other: Sequence[float]) -> Differences:
    """Returns how (RMSE, log-likelihood, coverage) of `one` differ from those of `other`."""
    return np.array([100 * (one[0] / other[0] - 1), one[1] - other[1], 100 * (one[2] - other[2])])


def quantization(program: str, folder: Path, samples: int) -> Differences:
    """Returns the differences of INT8 to FP32 on the test data of an exported network."""
    parts = {"--network": "network.onnx", "--posterior": "posterior.safetensors"}
    network = [word for name, file in parts.items() for word in (name, folder / file)]
    network += ["--head", HEAD]
    with tempfile.TemporaryDirectory() as made:
        model = Path(made, "model.safetensors")
        more = ["--metadata", folder / "metadata.json", "--calibration", folder / "calibration.npz"]
        _run(program, "quantize", *network, *more, "-o", model)
        more = ["--data", folder / "test.npz", "--samples", samples, "--fp32-noise", "int8"]
        report = json.loads(_run(program, "evaluate", model, *network, *more, "--json"))
    return differences(*(_figures(side["targets"][0]) for side in (report, report["fp32"])))


def _run(*command: object) -> str:
    """Runs a command, and returns what it prints.

    Raises:
        SystemExit: says why it failed.

    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        message = f"{words[0]}: {error}; --program names another one"
        raise SystemExit(message) from error
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    return done.stdout


def _figures(target: dict[str, Any]) -> list[float]:
    mixture = target["mixture"]
    return [target["rmse"], -mixture["nll"], mixture["intervals"][-1]["coverage"]]


def chance(folder: Path) -> Differences:
    """Returns the differences of two runs of FP32 with independent samples."""
    golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    keys = ("rmse", "test_log_likelihood", "coverage_95")
    first, second = ([run[key] for key in keys] for run in (golden, golden["second_run"]))
    return differences(second, first)


def cells(splits: Sequence[Differences]) -> list[str]:
    """Returns a cell for each figure: the mean over the splits, and the worst of them."""
    rows = np.array(splits)
    texts = []
    for column, allowed, digits in zip(rows.T, ALLOWED, DIGITS, strict=True):
        mean, worst = column.mean(), column[np.abs(column).argmax()]
        text = f"{mean:+.{digits}f}"
        text = text if abs(mean) <= allowed else f"**{text}**"
        texts.append(f"{text} ({worst:+.{digits}f})")
    return texts


def noise(splits: Sequence[Differences]) -> list[str]:
    """Returns a cell for each figure: the mean size of the difference in a split."""
    means = np.abs(np.array(splits)).mean(0)
    return [f"{mean:.{digits}f}" for mean, digits in zip(means, DIGITS, strict=True)]


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--networks", type=Path, required=True, help="the --output of uci_regression.py")
    add("--program", default="bayes8", help="the command line (default: bayes8)")
    add("--set", choices=[*RECIPES, "all"], default="all", help="data set (default: all)")
    add("--posterior", choices=[*POSTERIORS, "all"], default="all", help="default: all")
    add("--samples", type=int, default=SAMPLES, help=f"except of ensembles (default: {SAMPLES})")
    chosen = parser.parse_args()
    sets = list(RECIPES) if chosen.set == "all" else [chosen.set]
    posteriors = POSTERIORS if chosen.posterior == "all" else [chosen.posterior]
    cases = [(posterior, name) for posterior in posteriors for name in sets]
    lines = [
        ["posterior", "set", *NAMES, *(f"chance: {name}" for name in NAMES)],
        ["---", "---", *["---:"] * 6],
    ]
    with tqdm(total=len(cases) * SPLITS, unit="network") as bar:
        for posterior, name in cases:
            own, by_chance = [], []
            for split in range(SPLITS):
                folder = chosen.networks / name / str(split) / posterior
                samples = MEMBERS if posterior == "ensemble" else chosen.samples
                own.append(quantization(chosen.program, folder, samples))
                if posterior != "ensemble":
                    by_chance.append(chance(folder))
                bar.update()
            floor = noise(by_chance) if by_chance else ["0"] * 3
            lines.append([posterior, name, *cells(own), *floor])
    for line in lines:
        tqdm.write(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
