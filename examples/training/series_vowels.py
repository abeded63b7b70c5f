"""series-vowels: who spoke, from the sound of a vowel. Monte-Carlo dropout over a sequence.

Two convolutions along time tell apart the nine speakers of UCI's Japanese Vowels: 12 coefficients
at 25 times, of 270 utterances to train with and 370 to test with. The package aeon ships them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)
from tqdm.auto import tqdm

from bayes8.export import export, metrics
from bayes8.export.monte_carlo import as_probabilities
from tables import Scaling, packaged, write, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Series = tuple[NDArray[np.float32], NDArray[np.int64]]

SPEAKERS = [f"speaker {number}" for number in range(1, 10)]

# All sequences brought to the same length.
FILE = "datasets/data/JapaneseVowels/JapaneseVowels_eq_{}.ts"

# Of the FP32 model.
SAMPLES = 256


def network() -> nn.Sequential:
    """Two convolutions and a linear layer, 8,745 weights; channels and features are dropped."""
    return nn.Sequential(
        nn.Conv1d(12, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Dropout1d(0.1),
        nn.Conv1d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64, len(SPEAKERS)),
    )


def load(part: str) -> Series:
    """Returns the sequences [N, channels, length] and the speakers of `TRAIN` or `TEST`.

    Raises:
        SystemExit: when the file holds something else.

    """
    path = packaged("aeon", FILE.format(part))
    # A line is a sequence: channels, and the number of the speaker, between colons.
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [line.split(":") for line in lines if line and line[0] not in "@#"]
    try:
        x = np.array([[np.fromstring(c, sep=",") for c in row[:-1]] for row in rows], np.float32)
        y = np.array([int(row[-1]) - 1 for row in rows])
    except ValueError as error:
        message = f"{path}: {error}; expected sequences of equal length"
        raise SystemExit(message) from error
    return x, y


def train(model: nn.Module, x: Tensor, y: Tensor, epochs: int, batch: int = 32) -> None:
    """Trains with AdamW and one cycle of the learning rate."""
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    steps = -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.005, epochs * steps)
    model.train()
    for _ in tqdm(range(epochs), unit="epoch"):
        for chosen in torch.split(torch.randperm(len(x)), batch):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[chosen]), y[chosen])
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    model.eval()


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=150, help="default: 150")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    (x, y), (test_x, test_y) = load("TRAIN"), load("TEST")
    scaling = Scaling.of(x)
    torch.manual_seed(0)
    model = network()
    train(model, torch.from_numpy(scaling.apply(x)), torch.from_numpy(y), chosen.epochs)
    export(
        model,
        torch.zeros(1, *x.shape[1:]),
        chosen.output,
        class_names=SPEAKERS,
        preprocessing=scaling.preprocessing(),
    )
    # `bayes8` takes the channels last.
    calibration, test = (np.moveaxis(values, 1, 2) for values in (x, test_x))
    write(chosen.output, calibration=calibration, test=test, labels=test_y)
    inputs = torch.from_numpy(scaling.apply(test_x))
    model.train()
    with torch.no_grad():
        logits = torch.stack([model(inputs) for _ in range(SAMPLES)]).double().numpy()
    np.savez_compressed(chosen.output / "golden.npz", logits=logits.astype(np.float32))
    mean = np.mean([as_probabilities(sample) for sample in logits], 0)
    figures = {
        "samples": SAMPLES,
        "accuracy": metrics.accuracy(mean, test_y),
        "nll": metrics.nll(mean, test_y),
        "brier": metrics.brier(mean, test_y),
        "ece": metrics.ece(mean, test_y),
    }
    write_json(chosen.output / "golden.json", figures)
    for key in ("accuracy", "nll", "ece"):
        print(f"{key:24} {figures[key]:.4f}")  # noqa: T201


if __name__ == "__main__":
    main()
