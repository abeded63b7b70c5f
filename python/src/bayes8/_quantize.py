"""Makes models from trained networks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import _bayes8
from ._files import check_exist, npz, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._bayes8 import Model
    from ._typing import Path as AnyPath
    from ._typing import Pictures, Progress


def quantize(  # noqa: PLR0913 (keywords)
    network: AnyPath | Any,  # noqa: ANN401 (onnx.ModelProto, which need not be installed)
    *,
    calibration: AnyPath | Pictures,
    posterior: AnyPath | None = None,
    moped: float | None = None,
    deterministic: bool = False,
    name: str | None = None,
    metadata: AnyPath | dict[str, Any] | None = None,
    class_names: Sequence[str] | None = None,
    input_layout: str | None = None,
    input_shape: Sequence[int] | None = None,
    calibration_draws: int | None = None,
    calibration_method: Literal["auto", "minmax", "percentile", "mse", "entropy"] = "auto",
    percentile: float | None = None,
    weight_rounding: Literal["error-feedback", "nearest"] = "error-feedback",
    bias_correction: Literal["auto", "on", "off"] = "auto",
    activation_bits: Literal[7, 8] = 8,
    seed: int = 0,
    progress: Progress = None,
) -> Model:
    """Makes an INT8 model of a trained FP32 network and the distribution of its weights.

    Exactly one of `posterior`, `moped` and `deterministic` says how the weights vary.

    Args:
        network: an ONNX file with every weight at its mean, or an `onnx.ModelProto`.
        calibration: pictures that show which activations occur: uint8 [N, H, W, C], float32 that
            the network takes as they are, or the path of an npz archive with an array `x`.
        posterior: a safetensors file with a tensor NAME.sigma, the standard deviations, for each
            Bayesian initializer NAME, as `bayes8.export` writes it.
        moped: standard deviations as this share of each weight's magnitude.
        deterministic: no standard deviations.
        name: name of the model; by default that of the network's file.
        metadata: class names and preprocessing, as `bayes8.export` writes them: a JSON file, or
            such a dictionary:
            {"class_names": [...], "preprocessing": {"mean": [...], "std": [...]}}.
        class_names: names of the classes, instead of those of `metadata`.
        input_layout: the axes of the network's input, one letter each, such as "nchw"; by default
            as the network uses them.
        input_shape: rows, columns and channels of a picture, if the network leaves them open.
        calibration_draws: draws of the weights with which the calibration pictures are run.
        calibration_method: how the range of each value follows from its activations.
        percentile: percentage of the activations that ranges cover, for the method "percentile".
        weight_rounding: how mean weights become codes.
        bias_correction: whether biases compensate for what rounding the weights does to outputs.
        activation_bits: 7 saves browsers with relaxed SIMD a second product for large ones.
        seed: seed of the draws of the calibration.
        progress: True for a bar (if tqdm is installed), or a function of (task, done, total).

    Returns:
        The model. `Model.save` writes it, and `Model.fidelity` says what rounding did.

    Raises:
        OSError: a file cannot be read.
        Error: the network, its posterior or the pictures cannot be used.
        TypeError, ValueError: an argument is wrong.

    """
    check_exist(network, calibration, posterior, metadata)
    names = None if class_names is None else _names(class_names)
    if name == "":
        message = "name is empty; a model has a name, by default that of the network's file"
        raise ValueError(message)
    with temporary_folder() as folder:
        if isinstance(network, str | os.PathLike):
            path = Path(network)
        elif hasattr(network, "SerializeToString"):
            path = folder / "network"
            path.write_bytes(network.SerializeToString())
        else:
            message = f"network is a {type(network).__name__}, not a path or an onnx.ModelProto"
            raise TypeError(message)
        if isinstance(metadata, dict):
            (folder / "metadata").write_text(json.dumps(metadata))
            metadata = folder / "metadata"
        return _bayes8.quantize(
            path,
            npz(folder, "calibration", calibration),
            folder,
            name=name or path.stem,
            posterior=posterior,
            moped=moped,
            deterministic=deterministic,
            metadata=metadata,
            class_names=names,
            input_layout=input_layout,
            input_shape=input_shape,
            calibration_draws=calibration_draws,
            calibration_method=calibration_method,
            percentile=percentile,
            weight_rounding=weight_rounding,
            bias_correction=bias_correction,
            activation_bits=activation_bits,
            seed=seed,
            progress=progress,
        )


def _names(class_names: Sequence[str]) -> list[str]:
    # A str is a sequence of str too, but hardly of names.
    if isinstance(class_names, str) or not isinstance(class_names, Iterable):
        message = f"class_names is a {type(class_names).__name__}, not a list of str"
        raise TypeError(message)
    names = list(class_names)
    for name in names:
        if not isinstance(name, str):
            message = f"class_names has a {type(name).__name__}, not only str"
            raise TypeError(message)
    if not names:
        message = "class_names is empty; it has one name per class"
        raise ValueError(message)
    return names
