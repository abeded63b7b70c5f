"""fashion-ivon: a Gaussian posterior trained by IVON, as cheaply as by Adam.

Needs the package ivon-opt. Then `bayes8 quantize` makes the model: see README.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ivon import IVON  # type: ignore[import-untyped, import-not-found, unused-ignore]
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F  # noqa: N812 (PyTorch's own name for it)

from bayes8.export import export
from common import (
    CLASSES,
    EXAMPLE,
    PREPROCESSING,
    batches,
    classifier,
    flipped,
    load,
    network,
    options,
    trained,
    write,
)

if TYPE_CHECKING:
    from common import Loader


# Epochs of IVON, which begins where AdamW has ended.
EPOCHS = 4


def train_ivon(model: nn.Module, loader: Loader) -> dict[str, Tensor]:
    """Returns the means, and as `sigma.NAME` the standard deviations."""
    torch.manual_seed(1)
    size = len(loader.dataset)  # type: ignore[arg-type, unused-ignore]
    optimizer = IVON(
        model.parameters(), lr=0.1, ess=size, hess_init=0.3, beta2=0.9995, weight_decay=2e-4
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(loader))
    model.train()
    for epoch in range(EPOCHS):
        total = 0.0
        for inputs, labels in loader:
            with optimizer.sampled_params(train=True):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(flipped(inputs)), labels)
                torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {total / len(loader):.4f}", flush=True)  # noqa: T201
    (group,) = optimizer.param_groups
    flat = (group["ess"] * (group["hess"] + group["weight_decay"])).rsqrt()
    parameters = dict(model.named_parameters())
    parts = torch.split(flat, [parameter.numel() for parameter in parameters.values()])
    sigma = {
        f"sigma.{name}": part.view_as(parameter)
        for (name, parameter), part in zip(parameters.items(), parts, strict=True)
    }
    return {name: value.detach() for name, value in parameters.items()} | sigma


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    chosen = options(__doc__, epochs=6)
    loader = batches(load(chosen.data, "train"))
    first = classifier(chosen.output / "checkpoint.pth", loader, chosen.epochs)
    state = trained(chosen.output / "ivon.pth", lambda: train_ivon(first, loader))
    sigma = {
        name.removeprefix("sigma."): values
        for name, values in state.items()
        if name.startswith("sigma.")
    }
    means = {name: state[name] for name in sigma}
    model = network()
    model.load_state_dict(means)
    export(
        model,
        EXAMPLE,
        chosen.output,
        class_names=CLASSES,
        preprocessing=PREPROCESSING,
        sigma=sigma,
    )

    def sample(x: Tensor, _: int) -> Tensor:
        drawn = {name: torch.normal(means[name], sigma[name]) for name in means}
        logits: Tensor = functional_call(model, drawn, (x,))
        return logits

    write(chosen.output, chosen.data, sample, model)


if __name__ == "__main__":
    main()
