"""Writes a model as the files that `bayes8 quantize` reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import onnx
from safetensors.numpy import save_file
from torch import Tensor, nn

from .deterministic import deterministic_copy
from .errors import ExportError
from .metadata import Metadata, Preprocessing
from .onnx_network import OUTPUT, onnx_network
from .posterior import FILE_METADATA, posterior
from .whole_files import whole_files


@dataclass(frozen=True)
class Export:
    """The files of an export, and what is in them.

    Attributes:
        network: the network with every weight at its mean, ONNX.
        posterior: standard deviations, safetensors.
        metadata: class names and preprocessing, JSON.
        bayesian: names of the Bayesian initializers.
        weights: total number of weights in them.

    """

    network: Path
    posterior: Path
    metadata: Path
    bayesian: Sequence[str]
    weights: int


def export(
    model: nn.Module,
    example_input: Tensor,
    directory: str | PathLike[str],
    *,
    class_names: Sequence[str] = (),
    preprocessing: Preprocessing | None = None,
) -> Export:
    """Writes `network.onnx`, `posterior.safetensors` and `metadata.json` into `directory`.

    For each weight and bias of a Bayesian layer, the ONNX file has an initializer NAME, named
    after its layer (`features.0.weight`), and the safetensors file has a tensor `NAME.sigma` of the
    same shape with the standard deviations log(1 + exp(rho)), f32. Other layers stay as they are.

    Args:
        model: any module with bayesian-torch layers, on any device; it is not changed. Its forward
            returns logits [N, classes], or a pair of them and the KL divergence.
        example_input: an input, [1, ...], float; only its shape matters.
        directory: created if it does not exist; an earlier export in it is replaced as a whole.
        class_names: in the order of the logits; may be left out.
        preprocessing: how u8 pixels become inputs; by default, pixel / 255.

    Raises:
        UnsupportedLayerError: names a layer that cannot be exported.
        ExportError: for all other problems; no file is left.

    """
    directory = Path(directory)
    metadata = Metadata(tuple(class_names), preprocessing or Preprocessing())
    copy = deterministic_copy(model)
    network = onnx_network(copy, example_input)
    _check_metadata(metadata, network, example_input)
    sigmas = posterior(network, copy)
    with whole_files(directory, last="posterior.safetensors") as staging:
        (staging / "network.onnx").write_bytes(network.SerializeToString())
        save_file(sigmas, staging / "posterior.safetensors", FILE_METADATA)
        content = json.dumps(metadata.to_json(), indent=2, ensure_ascii=False)
        (staging / "metadata.json").write_text(content + "\n", encoding="utf-8")
    return Export(
        directory / "network.onnx",
        directory / "posterior.safetensors",
        directory / "metadata.json",
        [name.removesuffix(".sigma") for name in sigmas],
        sum(sigma.size for sigma in sigmas.values()),
    )


def _check_metadata(metadata: Metadata, network: onnx.ModelProto, example: Tensor) -> None:
    if example.ndim == 4:  # noqa: PLR2004 (pictures [N, C, H, W])
        metadata.preprocessing.check_channels(example.shape[1])
    (output,) = (value for value in network.graph.output if value.name == OUTPUT)
    classes = output.type.tensor_type.shape.dim[-1].dim_value
    # 0: PyTorch could not tell.
    if metadata.class_names and classes not in (0, len(metadata.class_names)):
        message = f"{len(metadata.class_names)} class names, but the model has {classes} classes"
        raise ExportError(message)
