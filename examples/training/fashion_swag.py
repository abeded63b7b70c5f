"""fashion-swag: draws of SWAG, a Gaussian of low rank over the weights that SGD passes through.

Needs the package `torch-uncertainty[cpu]`. Then `bayes8 quantize` makes the model: see README.md.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)
from torch_uncertainty.methods import SWAG  # type: ignore[import-untyped, import-not-found, unused-ignore]

from bayes8.export import export, swag_members
from common import (
    CLASSES,
    EXAMPLE,
    PREPROCESSING,
    batches,
    classifier,
    flipped,
    load,
    options,
    trained,
    write,
)

MEMBERS = 10

# Models are collected this often in an epoch of SGD, at a constant rate.
PER_EPOCH, EPOCHS, RATE = 4, 5, 0.02


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    chosen = options(__doc__, epochs=6)
    loader = batches(load(chosen.data, "train"))
    model = classifier(chosen.output / "checkpoint.pth", loader, chosen.epochs)
    swag = SWAG(model, cycle_start=0, cycle_length=1, max_num_models=20, num_estimators=1)

    def collect() -> dict[str, Tensor]:
        optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, weight_decay=5e-4)
        torch.manual_seed(1)
        model.train()
        collected = 0
        for epoch in range(EPOCHS):
            for step, (inputs, labels) in enumerate(loader, 1):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(flipped(inputs)), labels)
                torch.autograd.backward(loss)
                optimizer.step()
                if step % (len(loader) // PER_EPOCH) == 0:
                    collected += 1
                    swag.update_wrapper(collected)
            print(f"epoch {epoch + 1} of {EPOCHS}: {collected} models", flush=True)  # noqa: T201
        return dict(swag.swag_stats)

    swag.swag_stats = trained(chosen.output / "swag.pth", collect)
    swag.num_avgd_models.fill_(PER_EPOCH * EPOCHS)
    members = [member.eval() for member in swag_members(swag, MEMBERS)]
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
