"""fashion-ensemble: five networks, trained from different random weights.

Then `bayes8 quantize` makes the model: see README.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from torch import Tensor, nn

MEMBERS = 5


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    chosen = options(__doc__, epochs=6)
    training = load(chosen.data, "train")
    members: list[nn.Module] = []
    for seed in range(MEMBERS):
        loader = batches(training, seed=seed)
        path = chosen.output / f"member{seed}.pth"
        members.append(classifier(path, loader, chosen.epochs, seed=seed).eval())
    export(
        members[0],
        EXAMPLE,
        chosen.output,
        class_names=CLASSES,
        preprocessing=PREPROCESSING,
        members=members,
    )

    def sample(x: Tensor, number: int) -> Tensor:
        logits: Tensor = members[number % MEMBERS](x)
        return logits

    write(chosen.output, chosen.data, sample, members[0])


if __name__ == "__main__":
    main()
