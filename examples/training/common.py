"""What the training scripts share: data, network, training, and the files of an export."""

from __future__ import annotations

import argparse
import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)
from torch.utils.data import DataLoader, TensorDataset

from bayes8.export import Metadata, Pictures, Preprocessing, golden

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bayes8.export.monte_carlo import Sampler

    Labels = NDArray[np.int64]
    Loader = DataLoader[tuple[Tensor, ...]]

CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
PREPROCESSING = Preprocessing(mean=[0.286], std=[0.353])
METADATA = Metadata(CLASSES, PREPROCESSING)
EXAMPLE = torch.zeros(1, 1, 28, 28)

# Of the FP32 model.
SAMPLES = 200


def network(dropout: float = 0.0) -> nn.Sequential:
    """Three convolutions and two linear layers, 60,874 weights.

    With `dropout`, half of that share of the channels is dropped after the second and third
    convolution, and that share of the units in front of both linear layers.
    """
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout2d(dropout / 2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout2d(dropout / 2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(576, 64),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(64, len(CLASSES)),
    )


def options(description: str, epochs: int) -> argparse.Namespace:
    """Reads the arguments that all scripts take, and makes the folder of the output."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("/usr/share/datasets/fashion-mnist"),
        help="folder with the four files of Fashion-MNIST; by default that of Debian's package "
        "dataset-fashion-mnist",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=epochs, help=f"default: {epochs}")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    chosen.output.mkdir(parents=True, exist_ok=True)
    return chosen


@dataclass(frozen=True)
class Set:
    """Labelled pictures.

    Attributes:
        pixels: u8, [N, 28, 28, 1].
        labels: [N].

    """

    pixels: NDArray[np.uint8]
    labels: Labels


def load(data: Path, part: str) -> Set:
    """Returns the pictures and labels of `train` or of `t10k`."""

    def read(kind: str) -> NDArray[np.uint8]:
        with gzip.open(data / f"{part}-{kind}-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8)

    pixels = read("images-idx3")[16:].reshape(-1, 28, 28, 1)
    return Set(pixels, read("labels-idx1")[8:].astype(np.int64))


def batches(pictures: Set, batch: int = 128, *, seed: int = 0) -> Loader:
    """Returns a loader that shuffles."""
    inputs = torch.from_numpy(PREPROCESSING.apply(pictures.pixels))
    dataset = TensorDataset(inputs, torch.from_numpy(pictures.labels))
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch, shuffle=True, drop_last=True, generator=generator)


def train(model: nn.Module, loader: Loader, epochs: int, rate: float = 0.003) -> None:
    """Trains with AdamW and one cycle of the learning rate."""
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, epochs * len(loader))
    # Convolutions are faster so.
    model.to(memory_format=torch.channels_last)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(flipped(inputs)), labels)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / len(loader):.4f}", flush=True)  # noqa: T201
    model.eval()


def flipped(inputs: Tensor) -> Tensor:
    """Mirrors half of the pictures of a batch."""
    return torch.where(torch.rand(len(inputs), 1, 1, 1) < 0.5, inputs.flip(3), inputs)


def trained(path: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Returns the tensors of the file `path`, which are those of `make` if there is none yet."""
    if not path.exists():
        torch.save(make(), path)
    state: dict[str, Tensor] = torch.load(path, weights_only=True)
    return state


def classifier(
    path: Path, loader: Loader, epochs: int, *, seed: int = 0, dropout: float = 0.0
) -> nn.Sequential:
    """Returns the network of the checkpoint `path`, and trains it first if there is none yet.

    Args:
        path: file of the checkpoint.
        loader: batches to train with.
        epochs: passes over the training pictures.
        seed: of the first weights.
        dropout: as for `network`.

    """

    def make() -> dict[str, Tensor]:
        torch.manual_seed(seed)
        made = network(dropout)
        train(made, loader, epochs)
        return made.state_dict()

    model = network(dropout)
    model.load_state_dict(trained(path, make))
    return model


def write(
    output: Path, data: Path, fp32: nn.Module | Sampler, mean: nn.Module | None = None
) -> None:
    """Writes the pictures that quantization needs, and what FP32 says about the test pictures.

    Args:
        output: folder of the export.
        data: folder of the data set.
        fp32: the model, or a function of inputs and the number of a sample.
        mean: what the exported network computes without chance, where `fp32` is a function.

    """
    training, test = load(data, "train"), load(data, "t10k")
    np.savez_compressed(output / "calibration.npz", x=training.pixels[:500])
    first = Pictures(test.pixels[:1000], test.labels[:1000])
    np.savez_compressed(output / "test.npz", x=first.pixels, y=test.labels[:1000])
    result = golden(fp32, METADATA, first, samples=SAMPLES, mean_weights=mean)
    result.save(output)
    for key in ("accuracy", "nll", "ece", "mean_mutual_information"):
        print(f"{key:24} {result.figures[key]:.4f}")  # noqa: T201
