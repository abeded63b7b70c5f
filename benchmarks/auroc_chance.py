"""What chance does to the AUROC of cifar10-resnet20 against CIFAR-100, in FP32 and in INT8.

    python benchmarks/auroc_chance.py --from FOLDER --peer fp32 [--device cuda]
    python benchmarks/auroc_chance.py --from FOLDER --peer int8

A recorded run draws new weights for each batch: the pictures of a batch share an error, and each
batch has another. `bayes8` draws the same weights for all pictures. Here one weight sample serves all
pictures of both sets, run after run. Runs are then recombined: each batch takes its figures from a
run picked at random, as if its weights had been drawn for it. The table shows the distribution of
the AUROC, how often it is more than 0.005 away from the recorded one (beyond), and how often two
such runs differ by more than that (apart). AUROC: the chance that a picture of the other set is more
uncertain than one of the test set (Hendrycks and Gimpel, ICLR 2017, arXiv:1610.02136).

FP32 is bayesian-torch (`pip install -r benchmarks/requirements-peers.txt`), INT8 `bayes8 predict`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common import MODEL, Trained, add_bayes8, add_folder, at_least, check_files, normalized

SETS = ("cifar10-test", "cifar100-ood")
UNCERTAINTIES = ("predictive_entropy", "mutual_information")

# Batches of a recorded run; None: one draw for all pictures of both sets.
BATCHES = (None, 1000, 500, 250, 125)
RECOMBINATIONS = 2000
TOLERANCE = 0.005

Array = NDArray[np.float64]


def fp32_runs(trained: Trained, runs: int, samples: int, device: str) -> Iterator[Array]:
    """Predictive entropy and mutual information in bayesian-torch, [2, pictures], in nats."""
    # This import comes first: it says what is missing.
    import no_collapse
    import torch
    from bayesian_torch.models.bayesian.resnet_variational import resnet20

    torch.set_grad_enabled(False)
    # FP32, not TensorFloat-32.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    network = resnet20().eval()
    network.load_state_dict(torch.load(trained.model("checkpoint.pth"), weights_only=True))
    try:
        network.to(device)
    except (RuntimeError, AssertionError) as error:
        sys.exit(f"--device {device}: {error}")
    pixels = np.concatenate([np.load(trained.pictures(name))["x"] for name in SETS])
    inputs = normalized(pixels, trained.golden()["preprocessing"])
    pictures = torch.from_numpy(inputs).to(device)
    for run in range(runs):
        torch.manual_seed(run)
        mean, expected = torch.zeros(2, 1, dtype=torch.float64, device=device)
        for _ in range(samples):
            p = torch.softmax(network(pictures)[0].double(), -1)
            mean, expected = mean + p / samples, expected + no_collapse.entropy(p) / samples
        total = no_collapse.entropy(mean)
        yield torch.stack([total, total - expected]).cpu().numpy()


def int8_runs(
    trained: Trained, runs: int, samples: int, model: Path, bayes8: Path
) -> Iterator[Array]:
    """Predictive entropy and mutual information by `bayes8 predict`, [2, pictures], in nats."""
    for run in range(runs):
        columns = []
        for name in SETS:
            options = ["--json", "--samples", str(samples), "--seed", str(run)]
            command: list[str | Path] = [bayes8, "predict", model, trained.pictures(name), *options]
            # Its errors are shown; it shows no progress without a terminal.
            with tempfile.TemporaryFile() as output:
                if subprocess.run(command, check=False, stdout=output).returncode != 0:
                    sys.exit(1)
                output.seek(0)
                predictions = json.load(output)
            columns.append([[p[key] for p in predictions] for key in UNCERTAINTIES])
        yield np.concatenate(columns, axis=1)


def auroc(uncertainty: Array) -> float:
    """AUROC of the second half against the first; equal values count half."""
    _, inverse, counts = np.unique(uncertainty, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = len(uncertainty) // 2
    return float((rank[n:].sum() - n * (n + 1) / 2) / n**2)


def recombined(runs: Array, batch: int | None, random: np.random.Generator) -> Array:
    """AUROCs, [recombinations, 2], of runs in which each batch has its own draw."""
    count, _, pictures = runs.shape
    if batch is None:
        return np.array([[auroc(u) for u in run] for run in runs])
    batches = pictures // batch
    at = np.arange(pictures) // batch
    result = np.empty((RECOMBINATIONS, 2))
    for row in result:
        # All different, if there are enough runs.
        chosen = random.choice(count, batches, replace=batches > count)[at]
        row[:] = [auroc(runs[chosen, which, np.arange(pictures)]) for which in (0, 1)]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description="What chance does to the AUROC of cifar10-resnet20 against CIFAR-100.",
        epilog="Example: python benchmarks/auroc_chance.py --from shared --peer int8 --runs 8",
    )
    add_folder(parser, *SETS)
    parser.add_argument("--peer", choices=("fp32", "int8"), required=True)
    parser.add_argument("--runs", type=at_least(2), default=16, metavar="N", help="default: 16")
    parser.add_argument(
        "--samples", type=at_least(1), metavar="S", help="default: those of the recorded run"
    )
    parser.add_argument("--device", default="cpu", help="FP32 runs on it (cpu, cuda)")
    parser.add_argument(
        "--model",
        type=Path,
        default=Path(f"models/{MODEL}.safetensors"),
        metavar="FILE",
        help=f"the INT8 model (default: models/{MODEL}.safetensors)",
    )
    add_bayes8(parser)
    parser.add_argument("--save", type=Path, metavar="FILE", help="figures of all runs, as .npy")
    arguments = parser.parse_args()
    if arguments.save and not arguments.save.parent.is_dir():
        parser.error(f"--save: the folder {arguments.save.parent} does not exist")
    trained: Trained = arguments.trained
    check_files(parser, trained.model("golden.json"), *map(trained.pictures, SETS))
    if arguments.peer == "int8":
        check_files(parser, arguments.bayes8, arguments.model)
    else:
        check_files(parser, trained.model("checkpoint.pth"))
    golden = trained.golden()
    samples = arguments.samples or golden["samples"]
    if arguments.peer == "fp32":
        source = fp32_runs(trained, arguments.runs, samples, arguments.device)
    else:
        source = int8_runs(trained, arguments.runs, samples, arguments.model, arguments.bayes8)
    runs = []
    for run in source:
        runs.append(run)
        figures = ", ".join(f"{auroc(u):.4f}" for u in run)
        print(
            f"run {len(runs)} of {arguments.runs}: AUROC {figures}",
            file=sys.stderr,
            flush=True,
        )
    everything = np.stack(runs)
    if arguments.save:
        np.save(arguments.save, everything)

    recorded = [golden["ood_auroc"][key] for key in UNCERTAINTIES]
    print(f"{MODEL}, {arguments.peer}, {arguments.runs} runs of {samples} samples")
    print(
        "uncertainty         drawn for  mean    deviation  least   most    beyond  apart  recorded"
    )
    random = np.random.default_rng(0)
    for batch in BATCHES:
        values = recombined(everything, batch, random)
        for which, key in enumerate(UNCERTAINTIES):
            v = values[:, which]
            beyond = np.mean(np.abs(v - recorded[which]) > TOLERANCE)
            apart = np.mean(np.abs(np.diff(v)) > TOLERANCE)
            print(
                f"{key:18}  {'all' if batch is None else batch:>9}  {v.mean():.4f}  "
                f"{v.std(ddof=1):9.4f}  {v.min():.4f}  {v.max():.4f}  {beyond:6.2f}  {apart:5.2f}  "
                f"{recorded[which]:8.4f}"
            )


if __name__ == "__main__":
    main()
