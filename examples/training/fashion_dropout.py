"""fashion-dropout: Monte-Carlo dropout, of channels and of units.

Then `bayes8 quantize` makes the model: see README.md.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bayes8.export import export
from common import (
    CLASSES,
    EXAMPLE,
    PREPROCESSING,
    batches,
    load,
    network,
    options,
    train,
    trained,
    write,
)

RATE = 0.2


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    chosen = options(__doc__, epochs=12)
    model = network(RATE)

    def make() -> dict[str, Tensor]:
        torch.manual_seed(0)
        made = network(RATE)
        train(made, batches(load(chosen.data, "train")), chosen.epochs)
        return made.state_dict()

    model.load_state_dict(trained(chosen.output / "checkpoint.pth", make))
    files = export(model, EXAMPLE, chosen.output, class_names=CLASSES, preprocessing=PREPROCESSING)
    print(f"dropout is active at {', '.join(files.dropout)}")  # noqa: T201
    write(chosen.output, chosen.data, model)


if __name__ == "__main__":
    main()
