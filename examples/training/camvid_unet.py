"""camvid-unet: what is where in a driving scene. A U-Net with Monte-Carlo dropout.

Trains on CamVid (Brostow, Fauqueur and Cipolla 2009) in the split and with the eleven classes of
SegNet: folders `train`, `val` and `test` of pictures, and `trainannot`, `valannot` and `testannot`
of PNG files of the same names whose pixels are class indices, 11 for what belongs to none. The
pictures are for research; they are not part of this repository.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)
from tqdm.auto import tqdm

from bayes8.export import Preprocessing, export

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scenes = tuple[NDArray[np.uint8], NDArray[np.uint8]]

CLASSES = [
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
]
# The label of what belongs to no class.
VOID = 11
ROWS, COLUMNS = 192, 256
PREPROCESSING = Preprocessing(mean=[0.39, 0.40, 0.41], std=[0.28, 0.29, 0.29])


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Returns two convolutions."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """Elements are dropped in the deep blocks, and channels once in the decoder."""

    def __init__(self, width: int = 16, dropout: float = 0.3, channel_dropout: float = 0.1) -> None:
        super().__init__()
        w = width
        self.e1, self.e2 = block(3, w), block(w, 2 * w)
        self.e3, self.e4 = block(2 * w, 4 * w), block(4 * w, 8 * w)
        self.mid = block(8 * w, 8 * w)
        self.d4, self.d3 = block(16 * w, 4 * w), block(8 * w, 2 * w)
        self.d2, self.d1 = block(4 * w, w), block(2 * w, w)
        self.drop3, self.drop4 = nn.Dropout(dropout), nn.Dropout(dropout)
        self.dropm, self.dropd4 = nn.Dropout(dropout), nn.Dropout(dropout)
        self.dropd3 = nn.Dropout2d(channel_dropout)
        self.pool = nn.MaxPool2d(2)
        self.up4 = nn.ConvTranspose2d(8 * w, 8 * w, 2, stride=2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.out = nn.Conv2d(w, len(CLASSES), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits [N, classes, rows, columns]."""
        e1 = self.e1(x)
        e2 = self.e2(self.pool(e1))
        e3 = self.drop3(self.e3(self.pool(e2)))
        e4 = self.drop4(self.e4(self.pool(e3)))
        mid = self.dropm(self.mid(self.pool(e4)))
        d4 = self.dropd4(self.d4(torch.cat([self.up4(mid), e4], 1)))
        d3 = self.dropd3(self.d3(torch.cat([self.up(d4), e3], 1)))
        d2 = self.d2(torch.cat([self.up(d3), e2], 1))
        logits: Tensor = self.out(self.d1(torch.cat([self.up(d2), e1], 1)))
        return logits


def load(folder: Path, part: str) -> Scenes:
    """Returns pictures u8 [N, rows, columns, 3] and labels u8 [N, rows, columns].

    Raises:
        SystemExit: when the folder has no pictures, or a picture lacks its labels.

    """
    paths = sorted((folder / part).glob("*.png"))
    if not paths:
        message = f"{folder / part}: no PNG files; expected CamVid in the layout of SegNet"
        raise SystemExit(message)
    size = (COLUMNS, ROWS)
    x, y = [], []
    for path in tqdm(paths, unit="picture", desc=part):
        labels = folder / f"{part}annot" / path.name
        if not labels.is_file():
            message = f"{labels}: missing, the labels of {path}"
            raise SystemExit(message)
        picture = Image.open(path).convert("RGB")
        x.append(np.asarray(picture.resize(size, Image.Resampling.BILINEAR)))
        y.append(np.asarray(Image.open(labels).resize(size, Image.Resampling.NEAREST)))
    return np.stack(x), np.stack(y).astype(np.uint8)


def train(model: nn.Module, x: Tensor, y: Tensor, epochs: int, batch: int = 8) -> None:
    """Trains with AdamW and one cycle of the learning rate; half of the batches are mirrored."""
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    steps = -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.003, epochs * steps)
    model.train()
    for _ in tqdm(range(epochs), unit="epoch"):
        for chosen in torch.split(torch.randperm(len(x)), batch):
            mirrored = torch.rand(()) < 0.5
            inputs, labels = (t[chosen].flip(-1) if mirrored else t[chosen] for t in (x, y))
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels, ignore_index=VOID)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    model.eval()


def main() -> None:
    """Trains and exports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of CamVid")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=60, help="default: 60")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    chosen.output.mkdir(parents=True, exist_ok=True)
    (x, y), (test_x, test_y) = load(chosen.data, "train"), load(chosen.data, "test")
    torch.manual_seed(0)
    model = UNet()
    inputs = torch.from_numpy(PREPROCESSING.apply(x))
    train(model, inputs, torch.from_numpy(y.astype(np.int64)), chosen.epochs)
    torch.save(model.state_dict(), chosen.output / "checkpoint.pth")
    export(
        model,
        torch.zeros(1, 3, ROWS, COLUMNS),
        chosen.output,
        class_names=CLASSES,
        preprocessing=PREPROCESSING,
        dropout="active",
    )
    np.savez(chosen.output / "calibration.npz", x=x[::18][:20])
    np.savez(chosen.output / "test.npz", x=test_x, y=test_y)


if __name__ == "__main__":
    main()
