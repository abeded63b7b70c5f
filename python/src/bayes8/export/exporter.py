"""Writes a model as the files that `bayes8 quantize` reads."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import onnx
from safetensors.numpy import save_file
from torch import Tensor, nn

from bayes8._outputs import Target
from bayes8._typing import Head

from .dropout import Choice
from .errors import ExportError
from .members import Batch, members_of
from .metadata import Metadata, Preprocessing
from .onnx_network import OUTPUT, Exporter, onnx_network
from .posterior import FILE_METADATA, posterior
from .whole_files import whole_files


@dataclass(frozen=True)
class Export:
    """The files of an export, and what is in them.

    Attributes:
        network: the network with every weight at its mean, or at that of the first member, ONNX.
        posterior: standard deviations and members, safetensors; empty where only dropout is random.
        metadata: class names and preprocessing, JSON.
        bayesian: names of the initializers that have standard deviations.
        weights: total number of weights in them.
        dropout: paths of the modules whose dropout is active.
        members: number of networks; 1 without members.

    """

    network: Path
    posterior: Path
    metadata: Path
    bayesian: Sequence[str]
    weights: int
    dropout: Sequence[str] = ()
    members: int = 1


def export(  # noqa: PLR0913 (options by name)
    model: nn.Module,
    example_input: Tensor,
    directory: str | PathLike[str],
    *,
    class_names: Sequence[str] = (),
    label_names: Sequence[str] = (),
    targets: Sequence[Mapping[str, Any] | Target] = (),
    head: Head | None = None,
    preprocessing: Preprocessing | None = None,
    dropout: Choice = None,
    sigma: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]] | None = None,
    members: Sequence[Mapping[str, Tensor] | nn.Module] | None = None,
    refresh_batchnorm: Iterable[Batch] | None = None,
    exporter: Exporter = "torchscript",
) -> Export:
    """Writes `network.onnx`, `posterior.safetensors` and `metadata.json` into `directory`.

    A prediction can be random in three ways, which combine: by standard deviations of weights, by
    members, of which samples take one after the other, and by dropout.

    For each weight and bias of a Bayesian layer, the ONNX file has an initializer NAME, named
    after its layer (`features.0.weight`), and the safetensors file has a tensor `NAME.sigma` of the
    same shape with its standard deviations, f32. What differs between members is in
    `NAME.member.K`, f32. Dropout is part of the ONNX file. Everything else is in evaluation mode.

    Args:
        model: any module, on any device; it is not changed. Its forward returns logits [N, classes]
            (or maps of them, [N, classes, ...]), or a pair of them and the KL divergence.
        example_input: an input, [1, ...], float; only its shape matters.
        directory: created if it does not exist; an earlier export in it is replaced as a whole.
        class_names: in the order of the logits; may be left out.
        label_names: of independent labels, instead of classes.
        targets: of a regression, instead of classes, whose forward returns means [N, targets], or
            means and then log variances [N, 2 targets]: a dictionary or `bayes8.Target` for each,
            with any of name, unit, scale, offset and noise.
        head: what the outputs are, for `bayes8 quantize`, unless the model ends in a Softmax or
            Sigmoid: "classes", "labels", "gaussian-mean" (means alone), "gaussian-log-variance"
            (means, then the logarithms of variances) or "gaussian-softplus" (means, then variances
            before a softplus). Without it, names of classes or labels say so; a regression with
            variances needs it.
        preprocessing: how u8 pixels become inputs; by default, pixel / 255. Its `values` are
            "numbers" for a model that takes floats, such as the features of a table.
        dropout: "active", "inactive", or the paths of the modules whose dropout is active, as in
            `named_modules()`. By default dropout is active where nothing else is random, as
            Bayesian networks and ensembles are trained with it and predict without it. Dropout that
            a model applies in evaluation mode too is active unless it is switched off.
        sigma: standard deviations of any weights and biases of linear layers and convolutions, by
            the parameter's name; with members, either those of all or one dictionary for each.
        members: state dicts of `model`, or networks of one architecture: 2 to 64 of them. The
            weights of `model` itself are then not used.
        refresh_batchnorm: batches of inputs, or of tuples that begin with inputs, from which the
            statistics of BatchNorm are taken anew, for each member: averages and draws of weights
            need this. Other layers are in evaluation mode meanwhile.
        exporter: of PyTorch: "torchscript", or "dynamo", which needs the package onnxscript.

    Raises:
        UnsupportedLayerError: names a layer that cannot be exported.
        ExportError: for all other problems; no file is left.

    """
    if not isinstance(directory, str | PathLike):
        message = f"directory is a {type(directory).__name__}; expected a path"
        raise ExportError(message)
    directory = Path(directory)
    given = Preprocessing() if preprocessing is None else preprocessing
    metadata = Metadata(class_names, given, label_names, targets, head)
    networks = members_of(model, members, sigma, refresh_batchnorm)
    network, active = onnx_network(networks, example_input, dropout, exporter)
    _check_metadata(metadata, network, example_input)
    tensors = posterior(network, networks)
    if not tensors and not active:
        message = (
            "nothing is random: no Bayesian layer leads to the logits, no dropout is active, and "
            "there are no `members` and no `sigma`; make the model Bayesian, such as with "
            "bayesian-torch's dnn_to_bnn, or export it with torch.onnx.export and use "
            "`bayes8 quantize --moped`"
        )
        raise ExportError(message)
    with whole_files(directory, last="posterior.safetensors") as staging:
        (staging / "network.onnx").write_bytes(network.SerializeToString())
        save_file(tensors, staging / "posterior.safetensors", FILE_METADATA)
        content = json.dumps(metadata.to_json(), indent=2, ensure_ascii=False)
        (staging / "metadata.json").write_text(content + "\n", encoding="utf-8")
    sigmas = {
        name.removesuffix(".sigma").partition(".member.")[0]: values.size
        for name, values in tensors.items()
        if name.endswith(".sigma")
    }
    return Export(
        directory / "network.onnx",
        directory / "posterior.safetensors",
        directory / "metadata.json",
        list(sigmas),
        sum(sigmas.values()),
        [*dict.fromkeys(place.path for place in active)],
        len(networks),
    )


def _check_metadata(metadata: Metadata, network: onnx.ModelProto, example: Tensor) -> None:
    is_picture = example.ndim == 4  # noqa: PLR2004 ([N, C, H, W])
    if is_picture or metadata.preprocessing.values == "numbers":
        metadata.preprocessing.check_channels(example.shape[1])
    (output,) = (value for value in network.graph.output if value.name == OUTPUT)
    classes = output.type.tensor_type.shape.dim[1].dim_value
    # 0: PyTorch could not tell.
    if metadata.class_names and classes not in (0, len(metadata.class_names)):
        message = f"{len(metadata.class_names)} class names, but the model has {classes} classes"
        raise ExportError(message)
    labels, targets = len(metadata.label_names), len(metadata.targets)
    # A single label may have two names.
    if labels and classes not in (0, labels) and (classes, labels) != (1, 2):
        message = f"{labels} label names, but the model has {classes} outputs"
        raise ExportError(message)
    per_target = {"gaussian-mean": (1,), None: (1, 2)}.get(metadata.head, (2,))
    if targets and classes not in (0, *(numbers * targets for numbers in per_target)):
        message = (
            f"{targets} targets, but the model has {classes} outputs; it has a mean for each "
            "target, and perhaps a variance"
        )
        raise ExportError(message)
