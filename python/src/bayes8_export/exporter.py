"""From a model to the files that `bayes8 quantize` reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import onnx
from safetensors.numpy import save_file
from torch import Tensor, nn

from .errors import ExportError
from .mean_model import mean_model
from .metadata import Metadata, Preprocessing
from .onnx_network import OUTPUT, onnx_network
from .posterior import FILE_METADATA, posterior
from .whole_files import whole_files


@dataclass(frozen=True)
class Export:
    """The files of an export, and what is in them.

    Attributes:
        mean: the network with every weight at its mean, ONNX.
        posterior: standard deviations, safetensors.
        metadata: class names and preprocessing, JSON.
        bayesian: names of the Bayesian initializers.
        weights: how many weights those have together.

    """

    mean: Path
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
    """Writes `mean.onnx`, `posterior.safetensors` and `meta.json` into `directory`.

    For each weight and bias of a Bayesian layer, the ONNX file has an initializer NAME, called by
    its layer (`features.0.weight`), and the safetensors file a tensor `NAME.sigma` of the same
    shape with the standard deviations log(1 + exp(rho)), f32. What is not Bayesian stays as it is.

    Args:
        model: any module with bayesian-torch layers, on any device; it is not changed. Its forward
            returns logits [N, classes], or a pair of them and the KL divergence.
        example_input: an input, [1, ...], float; its shape counts, and that it runs.
        directory: made if it does not exist; earlier exports in it are replaced, whole.
        class_names: in the order of the logits; may be left out.
        preprocessing: how u8 pixels become inputs; by default, pixel / 255.

    Raises:
        UnsupportedLayerError: names a layer that cannot be exported.
        ExportError: for all else; nothing is left behind.

    """
    directory = Path(directory)
    metadata = Metadata(tuple(class_names), preprocessing or Preprocessing())
    mean = mean_model(model)
    network = onnx_network(mean, example_input)
    _check_metadata(metadata, network, example_input)
    sigmas = posterior(network, mean)
    with whole_files(directory, last="posterior.safetensors") as staging:
        (staging / "mean.onnx").write_bytes(network.SerializeToString())
        save_file(sigmas, staging / "posterior.safetensors", FILE_METADATA)
        content = json.dumps(metadata.to_json(), indent=2, ensure_ascii=False)
        (staging / "meta.json").write_text(content + "\n", encoding="utf-8")
    return Export(
        directory / "mean.onnx",
        directory / "posterior.safetensors",
        directory / "meta.json",
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
