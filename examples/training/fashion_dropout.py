"""fashion-dropout: Monte-Carlo dropout, of channels and of units.

Then `bayes8 quantize` makes the model: see README.md.
"""

from __future__ import annotations

from bayes8.export import export
from common import (
    CLASSES,
    EXAMPLE,
    PREPROCESSING,
    batches,
    classifier,
    load,
    options,
    write,
)

RATE = 0.2


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    chosen = options(__doc__, epochs=12)
    loader = batches(load(chosen.data, "train"))
    model = classifier(chosen.output / "checkpoint.pth", loader, chosen.epochs, dropout=RATE)
    files = export(model, EXAMPLE, chosen.output, class_names=CLASSES, preprocessing=PREPROCESSING)
    print(f"dropout is active at {', '.join(files.dropout)}")  # noqa: T201
    write(chosen.output, chosen.data, model)


if __name__ == "__main__":
    main()
