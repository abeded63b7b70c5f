"""Monte-Carlo prediction with the model itself, in FP32."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .deterministic import logits_of
from .errors import ExportError

Array = NDArray[np.float64]

# Inputs [N, ...] and the number of a sample to logits [N, classes].
Sampler = Callable[[Tensor, int], Tensor]

# How far the sum of a row of probabilities may be from 1, in f32.
_SUM_TOLERANCE = 1e-4


@dataclass
class Prediction:
    """Sums over weight samples, from which all figures follow. Entropies are in nats.

    Attributes:
        samples: number of weight samples.
        probabilities: sum of the probabilities, [N, classes].
        squares: sum of their squares, [N, classes].
        entropies: sum of the entropies of each sample's probabilities, [N].

    """

    samples: int
    probabilities: Array
    squares: Array
    entropies: Array

    def __add__(self, other: "Prediction") -> "Prediction":
        return Prediction(
            self.samples + other.samples,
            self.probabilities + other.probabilities,
            self.squares + other.squares,
            self.entropies + other.entropies,
        )

    @property
    def mean_probabilities(self) -> Array:
        """Mean over the samples, [N, classes]."""
        return self.probabilities / self.samples

    @property
    def probability_std(self) -> Array:
        """Standard deviation over the samples (of the samples, not of the mean), [N, classes]."""
        variance = self.squares / self.samples - self.mean_probabilities**2
        std: Array = np.sqrt(variance.clip(min=0))
        return std

    @property
    def predictive_entropy(self) -> Array:
        """Total uncertainty: entropy of the mean probabilities, [N]."""
        return entropy(self.mean_probabilities)

    @property
    def expected_entropy(self) -> Array:
        """Aleatoric uncertainty: mean of the samples' entropies, [N]."""
        return self.entropies / self.samples

    @property
    def mutual_information(self) -> Array:
        """Epistemic uncertainty: predictive entropy - expected entropy, [N]."""
        return self.predictive_entropy - self.expected_entropy


def entropy(probabilities: Array) -> Array:
    """Entropy in nats of the last axis; 0 log 0 counts as 0."""
    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    total: Array = -(probabilities * logarithms).sum(-1)
    return total


def predict(  # noqa: PLR0913 (options by name)
    model: nn.Module | Sampler,
    inputs: Tensor,
    seeds: Sequence[int],
    *,
    batch: int,
    first: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> Prediction:
    """Runs `model` on `inputs` [N, ...] once for each of `seeds`.

    Each batch draws its own weights, and batch i of any other inputs draws the same weights. Most
    of the chance is common to the pictures of a batch: it averages out over the batches and cancels
    out between two sets. PyTorch's global generator is seeded. A function is given the number of
    the sample, `first` for the first of the seeds. `advance` is called after each sample.

    Raises:
        ExportError: when the model cannot be run, or returns no logits.

    """
    total: Prediction | None = None
    for number, seed in enumerate(seeds, first):
        # A module takes no number.
        one = model if isinstance(model, nn.Module) else partial(_sample, model, number)
        probabilities = as_probabilities(run(one, inputs, batch, seed))
        sample = Prediction(1, probabilities, probabilities**2, entropy(probabilities))
        total = total + sample if total else sample
        advance()
    if total is None:
        message = "no seeds: there must be at least one"
        raise ExportError(message)
    return total


def _sample(sampler: Sampler, number: int, inputs: Tensor) -> Tensor:
    return sampler(inputs, number)


def run(
    model: Callable[[Tensor], object], inputs: Tensor, batch: int, seed: int | None = None
) -> Array:
    """Returns the outputs of `model` for `inputs` [N, ...] as [N, classes].

    With a `seed`, PyTorch's global generator is at `seed + i` when batch `i` begins.

    Raises:
        ExportError: when the model cannot be run, or returns no logits.

    """
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    device = next((parameter.device for parameter in parameters), torch.device("cpu"))
    try:
        outputs = []
        with torch.no_grad():
            for i, part in enumerate(torch.split(inputs, batch)):
                if seed is not None:
                    torch.manual_seed(seed + i)
                logits = logits_of(model(part.to(device))).cpu()
                if len(logits) != len(part):
                    message = f"{len(logits)} rows of logits for {len(part)} inputs"
                    raise ExportError(message)  # noqa: TRY301 (passed on below)
                outputs.append(logits)
    except ExportError:
        raise
    except Exception as error:
        message = f"the model cannot run inputs of shape {list(inputs.shape)}: {error}"
        raise ExportError(message) from error
    all_outputs: Array = torch.cat(outputs).double().numpy()
    # The logarithm of a probability may be minus infinity.
    if not (all_outputs < np.inf).all():
        message = "the model returns logits that are not finite; train it again"
        raise ExportError(message)
    return all_outputs


def as_probabilities(outputs: Array) -> Array:
    """Returns probabilities for logits, log-probabilities, or probabilities, [N, classes].

    Rows that are not negative and sum to 1 come from a Softmax at the end of the model; a second
    one would flatten them.
    """
    is_probability = (outputs >= 0).all() and (abs(outputs.sum(1) - 1) < _SUM_TOLERANCE).all()
    weights: Array = outputs if is_probability else np.exp(outputs - outputs.max(1, keepdims=True))
    probabilities: Array = weights / weights.sum(1, keepdims=True)
    return probabilities
