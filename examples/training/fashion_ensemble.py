"""fashion-ensemble: five networks, trained from different random weights.

Then `bayes8 quantize` makes the model: see README.md.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

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

MEMBERS = 5


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    chosen = options(__doc__, epochs=6)
    members: list[nn.Module] = []
    for seed in range(MEMBERS):

        def make(seed: int = seed) -> dict[str, Tensor]:
            torch.manual_seed(seed)
            model = network()
            train(model, batches(load(chosen.data, "train"), seed=seed), chosen.epochs)
            return model.state_dict()

        member = network()
        member.load_state_dict(trained(chosen.output / f"member{seed}.pth", make))
        members.append(member.eval())
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
