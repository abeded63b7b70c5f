"""What the FP32 model says about labelled pictures: the reference that INT8 is measured against."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor, nn

from . import metrics
from .deterministic import deterministic_copy
from .errors import ExportError
from .metadata import Metadata
from .metrics import Array, Labels
from .monte_carlo import Prediction, as_probabilities, predict, run
from .pictures import Pictures
from .whole_files import whole_files


@dataclass(frozen=True)
class Golden:
    """Figures and tensors of an FP32 model.

    Attributes:
        figures: what `golden.json` holds.
        tensors: what `golden.safetensors` holds, one row per picture.

    """

    figures: dict[str, Any]
    tensors: dict[str, NDArray[Any]]

    def save(self, directory: str | PathLike[str]) -> None:
        """Writes `golden.json` and `golden.safetensors` into `directory`, both or neither.

        Raises:
            ExportError: when it cannot be written to.

        """
        with whole_files(Path(directory), last="golden.json") as staging:
            save_file(self.tensors, staging / "golden.safetensors")
            content = json.dumps(self.figures, indent=1, ensure_ascii=False)
            (staging / "golden.json").write_text(content + "\n", encoding="utf-8")


def golden(  # noqa: PLR0913 (options by name)
    model: nn.Module,
    metadata: Metadata,
    data: Pictures,
    *,
    samples: int = 200,
    ood: Pictures | None = None,
    seed: int = 0,
    batch: int = 250,
    advance: Callable[[], None] = lambda: None,
) -> Golden:
    """Runs bayesian-torch in FP32 on labelled pictures.

    The batches of `ood` draw the same weights as those of `data`: the uncertainty of a whole set
    moves with the draw, so separate draws would move the AUROC between the sets. The samples are
    predicted in two halves: how far these differ is the noise floor, below which no INT8 model can
    be asked to stay.

    Args:
        model: in evaluation mode afterwards; runs on the device of its parameters.
        metadata: what the export wrote.
        data: pictures with labels.
        samples: an even number of Monte-Carlo weight samples; each takes a pass over all pictures.
        ood: pictures of another distribution, to be told from those of `data` by uncertainty.
        seed: of the weights; PyTorch's global generator is restored afterwards.
        batch: pictures that share a draw of the weights.
        advance: called after each sample, of `data` and then of `ood`.

    Raises:
        ExportError: when labels are missing or are not classes, or the model cannot be run.

    """
    labels = data.labels
    if labels is None:
        message = "the pictures have no array `y` of labels"
        raise ExportError(message)
    if samples < 2 or samples % 2:  # noqa: PLR2004 (two halves)
        message = f"{samples} samples: there must be two equal halves, each of at least one"
        raise ExportError(message)
    inputs = _inputs(metadata, data)
    mean_weights = run(deterministic_copy(model), inputs, batch)
    _check_labels(labels, mean_weights.shape[1], metadata)

    model.eval()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        seeds = torch.randint(2**62, (samples,)).tolist()
        halves = [
            predict(model, inputs, half, batch=batch, advance=advance)
            for half in (seeds[: samples // 2], seeds[samples // 2 :])
        ]
        both = halves[0] + halves[1]
        outside = None
        if ood:
            inputs = _inputs(metadata, ood)
            outside = predict(model, inputs, seeds, batch=batch, advance=advance)

    figures = _quality(both, labels)
    figures |= {
        "samples": samples,
        "seed": seed,
        "pictures": len(labels),
        "mean_weights_accuracy": metrics.accuracy(as_probabilities(mean_weights), labels),
        "noise_floor": _noise_floor(halves, labels),
    }
    if outside:
        figures["ood_auroc"] = {
            key: metrics.auroc(getattr(both, key), getattr(outside, key))
            for key in ("predictive_entropy", "mutual_information")
        }
    figures |= metadata.to_json()
    return Golden(figures, _tensors(both, outside, labels, mean_weights))


def _inputs(metadata: Metadata, pictures: Pictures) -> Tensor:
    return torch.from_numpy(metadata.preprocessing.apply(pictures.pixels))


def _check_labels(labels: Labels, classes: int, metadata: Metadata) -> None:
    if metadata.class_names and len(metadata.class_names) != classes:
        message = f"{len(metadata.class_names)} class names, but the model has {classes} classes"
        raise ExportError(message)
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        label, picture = labels[wrong[0]], wrong[0]
        message = f"label {label} of picture {picture} is not a class: the model has {classes}"
        raise ExportError(message)


def _quality(prediction: Prediction, labels: Labels) -> dict[str, Any]:
    probabilities = prediction.mean_probabilities
    return {
        "accuracy": metrics.accuracy(probabilities, labels),
        "nll": metrics.nll(probabilities, labels),
        "brier": metrics.brier(probabilities, labels),
        "ece": metrics.ece(probabilities, labels),
        "mean_predictive_entropy": float(prediction.predictive_entropy.mean()),
        "mean_expected_entropy": float(prediction.expected_entropy.mean()),
        "mean_mutual_information": float(prediction.mutual_information.mean()),
    }


def _noise_floor(halves: list[Prediction], labels: Labels) -> dict[str, Any]:
    a, b = halves
    floor: dict[str, Any] = {
        "samples_each": a.samples,
        "spearman_predictive_entropy": metrics.spearman(a.predictive_entropy, b.predictive_entropy),
        "spearman_mutual_information": metrics.spearman(a.mutual_information, b.mutual_information),
    }
    for name in ("accuracy", "nll"):
        for half, prediction in (("a", a), ("b", b)):
            floor[f"{name}_{half}"] = _quality(prediction, labels)[name]
    # JSON has no NaN: one picture, or equal ones, have no correlation.
    return {key: None if value != value else value for key, value in floor.items()}  # noqa: PLR0124


def _tensors(
    both: Prediction, outside: Prediction | None, labels: Labels, mean_weights: Array
) -> dict[str, NDArray[Any]]:
    tensors: dict[str, Array] = {
        "mean_weights_logits": mean_weights,
        "mc_mean_probabilities": both.mean_probabilities,
        "mc_predictive_entropy": both.predictive_entropy,
        "mc_expected_entropy": both.expected_entropy,
        "mc_mutual_information": both.mutual_information,
        "mc_probability_std": both.probability_std,
    }
    if outside:
        tensors["ood_predictive_entropy"] = outside.predictive_entropy
        tensors["ood_mutual_information"] = outside.mutual_information
    return {"labels": labels} | {
        name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()
    }
