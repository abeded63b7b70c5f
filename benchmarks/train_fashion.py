"""Trains fashion-cnn, the network of evaluate/tests/data/fashion-cnn, like `train_digits.py`.

    apt-get install dataset-fashion-mnist
    pip install "./python[torch]" bayesian-torch
    python benchmarks/train_fashion.py -o evaluate/tests/data/fashion-cnn

Writes all files of that folder but its README: the files of `bayes8-export`, those of
`bayes8-export golden`, and the pictures. One thread and a fixed seed: the same machine and packages
give the same numbers, in two minutes on one core.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
import torch
from bayes8.export import Metadata, Pictures, Preprocessing, export, golden
from numpy.typing import NDArray

from train_digits import Data, trained

# The names of Fashion-MNIST's authors, and mean and standard deviation of its training pixels.
METADATA = Metadata(
    [
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
    ],
    Preprocessing([0.2860], [0.3530]),
)
# Each set is the first pictures of a file, which its authors shuffled. The network is trained on the
# calibration pictures, as is usual.
TRAINING, CALIBRATION, TEST = 10_000, 200, 400
# The test draws the same number in INT8.
SAMPLES = 256


def load(folder: Path, name: str, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns the first pictures [count, 28, 28, 1] and labels [count] of `train` or `t10k`."""

    def numbers(kind: str, header: int) -> NDArray[np.uint8]:
        file = gzip.decompress((folder / f"{name}-{kind}-ubyte.gz").read_bytes())
        return np.frombuffer(file, np.uint8, offset=header)

    pictures = numbers("images-idx3", 16).reshape(-1, 28, 28, 1)[:count]
    return pictures.copy(), numbers("labels-idx1", 8)[:count].astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains fashion-cnn and exports it for bayes8.")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("/usr/share/datasets/fashion-mnist"),
        metavar="FOLDER",
        help="the gzipped files of Fashion-MNIST; default: those of Debian's package",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write into")
    arguments = parser.parse_args()

    pictures, labels = load(arguments.data, "train", TRAINING)
    model = trained(Data.of(pictures, labels, METADATA))
    names, preprocessing = METADATA.class_names, METADATA.preprocessing
    example = torch.zeros(1, 1, 28, 28)
    export(model, example, arguments.output, class_names=names, preprocessing=preprocessing)
    np.savez_compressed(
        arguments.output / "calibration.npz", x=pictures[:CALIBRATION], y=labels[:CALIBRATION]
    )
    pictures, labels = load(arguments.data, "t10k", TEST)
    np.savez_compressed(arguments.output / "test.npz", x=pictures, y=labels)
    result = golden(model, METADATA, Pictures(pictures, labels), samples=SAMPLES, batch=TEST)
    result.save(arguments.output)


if __name__ == "__main__":
    main()
