"""What INT8 does to the regressions that `examples/training/uci_regression.py` made.

    python benchmarks/regressions.py --from FOLDER [--set yacht] [--posterior gaussian]

Quantizes the network of each split and evaluates it beside FP32 with the same noise, so that the two
differ by quantization only. The table has the RMSE of INT8 over that of FP32, as a mean over
the splits and of the split that is farthest off, and the differences of log-likelihood and of the
coverage of 95 % intervals.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import add_bayes8, at_least


def run(command: list[str | Path]) -> str:
    """Runs a command, and returns what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def measure(bayes8: Path, folder: Path, samples: int) -> dict[str, Any]:
    """Quantizes the network in a folder, and returns what `evaluate` measures."""
    recorded = json.loads((folder / "golden.json").read_text())
    # Samples of an ensemble repeat after its networks.
    samples = samples if "converged" in recorded else recorded["samples"]
    network = ["--network", folder / "network.onnx", "--head", "gaussian-log-variance"]
    if (folder / "posterior.safetensors").exists():
        network += ["--posterior", folder / "posterior.safetensors"]
    with tempfile.TemporaryDirectory() as temporary:
        model = Path(temporary) / "model.safetensors"
        files = ["--calibration", folder / "calibration.npz", "--metadata", folder / "metadata.json"]
        run([bayes8, "quantize", *network, *files, "--name", folder.name, "-o", model])
        data = ["--data", folder / "test.npz", "--samples", str(samples)]
        noise = ["--fp32-noise", "int8", "--json"]
        result: dict[str, Any] = json.loads(
            run([bayes8, "evaluate", model, *data, *network, *noise])
        )
    return result


def figures(target: dict[str, Any]) -> tuple[float, float, float]:
    """Returns RMSE, log-likelihood, and coverage of 95 % intervals."""
    mixture = target["mixture"]
    coverage = next(own["coverage"] for own in mixture["intervals"] if own["level"] == 0.95)
    return target["rmse"], -mixture["nll"], coverage


def main() -> None:
    """Prints a row for each set and posterior."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--from", dest="folder", type=Path, required=True, help="holds SET/SPLIT/POSTERIOR"
    )
    parser.add_argument("--set", action="append", help="data set, several times (default: all)")
    parser.add_argument("--posterior", action="append", help="likewise (default: all)")
    parser.add_argument("--samples", type=at_least(2), default=4096, help="default: 4096")
    add_bayes8(parser)
    chosen = parser.parse_args()
    print("| set | posterior | RMSE ratio | worst split | log-likelihood | coverage |")
    print("|---|---|---:|---:|---:|---:|")
    for of_set in sorted(path for path in chosen.folder.iterdir() if path.is_dir()):
        if chosen.set and of_set.name not in chosen.set:
            continue
        posteriors = sorted({path.name for path in of_set.glob("*/*") if path.is_dir()})
        for posterior in posteriors:
            if chosen.posterior and posterior not in chosen.posterior:
                continue
            rows = []
            for folder in sorted(of_set.glob(f"*/{posterior}")):
                result = measure(chosen.bayes8, folder, chosen.samples)
                own, fp32 = (figures(each["targets"][0]) for each in (result, result["fp32"]))
                rows.append((own[0] / fp32[0], own[1] - fp32[1], own[2] - fp32[2]))
            ratios, likelihoods, coverages = np.array(rows).T
            worst = ratios[np.abs(np.log(ratios)).argmax()]
            print(
                f"| {of_set.name} | {posterior} | {ratios.mean():.4f} | {worst:.4f} "
                f"| {likelihoods.mean():+.4f} | {coverages.mean():+.2%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
