"""What the FP32 model says about labelled pictures: the reference that INT8 is measured against."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
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
from .deterministic import deterministic_copy, deterministic_layers
from .dropout import Choice, Dropout, active_dropouts, dropping
from .errors import ExportError
from .metadata import Metadata
from .metrics import Array, Labels
from .monte_carlo import Prediction, Sampler, as_probabilities, predict, run
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
    model: nn.Module | Sampler,
    metadata: Metadata,
    data: Pictures,
    *,
    samples: int = 200,
    ood: Pictures | None = None,
    seed: int = 0,
    batch: int = 250,
    dropout: Choice = None,
    mean_weights: Callable[[Tensor], Tensor] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Golden:
    """Runs a model in FP32, or any function that samples logits, on labelled pictures.

    The batches of `ood` draw the same weights as those of `data`: the uncertainty of a whole set
    moves with the draw, so separate draws would move the AUROC between the sets. The samples are
    predicted in two halves: how far these differ is the noise floor, below which no INT8 model can
    be asked to stay.

    Args:
        model: a module with bayesian-torch layers or with dropout, in evaluation mode afterwards;
            it runs on the device of its parameters. Or a function of inputs [N, ...] and the number
            of a sample, from 0 on, that returns this sample's logits [N, classes]: so any library
            can predict. Before each call PyTorch's global generator is seeded, alike for every
            function and every set of pictures.
        metadata: what the export wrote.
        data: pictures with labels.
        samples: an even number of Monte-Carlo samples; each takes a pass over all pictures.
        ood: pictures of another distribution, to be told from those of `data` by uncertainty.
        seed: of the samples; PyTorch's global generator is restored afterwards.
        batch: pictures that share a draw of the weights.
        dropout: which dropout of a module is active, as for `export`.
        mean_weights: a function of inputs that returns the logits of the exported ONNX network
            without dropout, that is with every weight at its mean or at that of the first member.
            A module has these itself; without them `bayes8 quantize --golden` has nothing to check
            the network with.
        advance: called after each sample, of `data` and then of `ood`.

    Raises:
        ExportError: when labels are missing or are not classes, or the model cannot be run.

    """
    _check_types(metadata=(metadata, Metadata), data=(data, Pictures), samples=(samples, int))
    labels = data.labels
    if labels is None:
        message = "the pictures have no array `y` of labels"
        raise ExportError(message)
    if samples < 2 or samples % 2:  # noqa: PLR2004 (two halves)
        message = f"{samples} samples: there must be two equal halves, each of at least one"
        raise ExportError(message)
    inputs = _inputs(metadata, data)
    active: Sequence[Dropout] = ()
    mean: Array | None = None
    if isinstance(model, nn.Module):
        copied = deterministic_copy(model)
        active = active_dropouts(
            copied,
            [lambda: run(copied, inputs[:1], 1)],
            dropout,
            is_random=bool(deterministic_layers(copied)),
        )
        with dropping(copied, ()):
            mean = run(mean_weights or copied, inputs, batch)
        model.eval()
    else:
        if dropout is not None:
            message = "`dropout` is for modules; a function decides itself what it drops"
            raise ExportError(message)
        mean = run(mean_weights, inputs, batch) if mean_weights else None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        seeds = torch.randint(2**62, (samples,)).tolist()
        with dropping(model, active) if isinstance(model, nn.Module) else nullcontext():

            def predicted(inputs: Tensor, first: int, count: int) -> Prediction:
                own = seeds[first : first + count]
                return predict(model, inputs, own, batch=batch, first=first, advance=advance)

            halves = [predicted(inputs, first, samples // 2) for first in (0, samples // 2)]
            _check_labels(labels, halves[0].probabilities.shape[1], metadata)
            both = halves[0] + halves[1]
            outside = predicted(_inputs(metadata, ood), 0, samples) if ood else None

    figures = _quality(both, labels)
    figures |= {
        "samples": samples,
        "seed": seed,
        "pictures": len(labels),
        "noise_floor": _noise_floor(halves, labels),
    }
    if mean is not None:
        figures["mean_weights_accuracy"] = metrics.accuracy(as_probabilities(mean), labels)
    if outside:
        figures["ood_auroc"] = {
            key: metrics.auroc(getattr(both, key), getattr(outside, key))
            for key in ("predictive_entropy", "mutual_information")
        }
    figures |= metadata.to_json()
    return Golden(figures, _tensors(both, outside, labels, mean))


def _check_types(**arguments: tuple[object, type]) -> None:
    for name, (given, kind) in arguments.items():
        if not isinstance(given, kind):
            message = f"{name} is a {type(given).__name__}; expected {kind.__name__}"
            raise ExportError(message)


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
    both: Prediction, outside: Prediction | None, labels: Labels, mean: Array | None
) -> dict[str, NDArray[Any]]:
    tensors: dict[str, Array] = {
        "mc_mean_probabilities": both.mean_probabilities,
        "mc_predictive_entropy": both.predictive_entropy,
        "mc_expected_entropy": both.expected_entropy,
        "mc_mutual_information": both.mutual_information,
        "mc_probability_std": both.probability_std,
    }
    if mean is not None:
        tensors["mean_weights_logits"] = mean
    if outside:
        tensors["ood_predictive_entropy"] = outside.predictive_entropy
        tensors["ood_mutual_information"] = outside.mutual_information
    return {"labels": labels} | {
        name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()
    }
