"""labels-yeast: which of 14 groups of functions a gene of yeast has. A Gaussian for each weight.

A gene may have several, so that each label has its own logit. 103 features of 2,417 genes, of which
the first 1,500 are to train with (Elisseeff and Weston 2001). The package river ships them.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)
from tqdm.auto import tqdm

from bayes8.export import export, metrics
from networks import Networks, Recipe, train
from tables import Scaling, packaged, write, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

FEATURES, TRAINING = 103, 1500

# Of the FP32 model.
SAMPLES = 256

RECIPE = Recipe(hidden=(64,), epochs=30, temperature=1.0)


def load() -> tuple[Array, Array, list[str]]:
    """Returns features [N, 103], labels [N, 14] of 0 and 1, and the names of the labels.

    Raises:
        SystemExit: when the file holds something else.

    """
    path = packaged("river", "datasets/yeast.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    try:
        values = np.array(rows, np.float32)
    except ValueError as error:
        message = f"{path}: {error}; expected numbers below a header"
        raise SystemExit(message) from error
    return values[:, :FEATURES], values[:, FEATURES:], header[FEATURES:]


def loss(logits: Tensor, y: Tensor) -> Tensor:
    """Sums over the labels, which are independent."""
    return F.binary_cross_entropy_with_logits(logits, y, reduction="none").sum(-1)


def figures(probabilities: NDArray[np.float64], labels: Array) -> dict[str, float]:
    """Returns what probabilities [N, labels] are worth; per label, then averaged."""
    likely = np.where(labels == 1, probabilities, 1 - probabilities)
    pairs = [
        (column[own == 1], column[own == 0])
        for column, own in zip(probabilities.T, labels.T, strict=True)
    ]
    return {
        "accuracy": float(((probabilities > 0.5) == (labels == 1)).mean()),
        "nll": float(-np.log(likely).mean()),
        "brier": float(((probabilities - labels) ** 2).mean()),
        # How well a label's probability tells the genes that have it from the others.
        "auroc": float(np.mean([metrics.auroc(no, yes) for yes, no in pairs])),
    }


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    x, y, names = load()
    scaling = Scaling.of(x[:TRAINING])
    inputs, labels = torch.from_numpy(scaling.apply(x)), torch.from_numpy(y)
    torch.manual_seed(0)
    networks = Networks(1, [FEATURES, *RECIPE.hidden, len(names)], is_gaussian=True)
    with tqdm(total=RECIPE.epochs, unit="epoch") as bar:
        train(
            networks,
            inputs[None, :TRAINING],
            labels[None, :TRAINING],
            loss=loss,
            recipe=RECIPE,
            advance=bar.update,
        )
    export(
        networks.network(0),
        torch.zeros(1, FEATURES),
        chosen.output,
        label_names=names,
        preprocessing=scaling.preprocessing(),
        sigma=networks.sigma(0),
    )
    test_y = y[TRAINING:]
    write(
        chosen.output,
        calibration=x[:TRAINING],
        test=x[TRAINING:],
        labels=test_y.astype(np.int64),
    )
    with torch.no_grad():
        logits = networks.draw(0, inputs[TRAINING:], SAMPLES)
    np.savez_compressed(chosen.output / "golden.npz", logits=logits.numpy())
    result = figures(logits.double().sigmoid().mean(0).numpy(), test_y)
    write_json(chosen.output / "golden.json", {"samples": SAMPLES, **result})
    for key, value in result.items():
        print(f"{key:24} {value:.4f}")  # noqa: T201


if __name__ == "__main__":
    main()
