"""fashion-laplace: a trained network whose last layer gets a Kronecker-factored Laplace posterior.

Needs the package laplace-torch. Then `bayes8 quantize` makes the model: see README.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laplace import Laplace
from torch.func import functional_call

from bayes8.export import export, laplace
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
    from torch import Tensor


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    chosen = options(__doc__, epochs=6)
    loader = batches(load(chosen.data, "train"))
    trained_network = classifier(chosen.output / "checkpoint.pth", loader, chosen.epochs)
    posterior = Laplace(
        trained_network.eval(),
        "classification",
        subset_of_weights="last_layer",
        hessian_structure="kron",
    )
    posterior.fit(loader)
    posterior.optimize_prior_precision(method="marglik", pred_type="glm")
    model, sigma = laplace(posterior)
    export(
        model,
        EXAMPLE,
        chosen.output,
        class_names=CLASSES,
        preprocessing=PREPROCESSING,
        sigma=sigma,
    )
    last = trained_network[-1]
    names = [f"16.{name}" for name, _ in last.named_parameters()]

    def sample(x: Tensor, _: int) -> Tensor:
        """Draws from laplace-torch's own posterior."""
        (drawn,) = posterior.sample(1)
        parts = drawn.split([parameter.numel() for parameter in last.parameters()])
        weights = {
            name: part.view_as(parameter)
            for name, part, parameter in zip(names, parts, last.parameters(), strict=True)
        }
        logits: Tensor = functional_call(trained_network, weights, (x,))
        return logits

    write(chosen.output, chosen.data, sample, trained_network)


if __name__ == "__main__":
    main()
