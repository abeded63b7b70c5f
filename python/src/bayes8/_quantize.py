"""Makes models from trained networks."""

from __future__ import annotations

import json
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import _bayes8
from ._checks import check_types
from ._files import check_exist, npz, takes_numbers, temporary_folder
from ._heads import names_of, targets_of
from ._networks import networks_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._bayes8 import Model
    from ._typing import Head, McDropout, Outputs, Pictures, Progress, Targets
    from ._typing import Path as AnyPath


def quantize(  # noqa: PLR0913 (keywords)
    network: AnyPath | Any | None = None,  # noqa: ANN401 (onnx.ModelProto, which need not be installed)
    *,
    calibration: AnyPath | Pictures,
    members: Sequence[AnyPath | Any] | None = None,
    posterior: AnyPath | Sequence[AnyPath] | None = None,
    moped: float | None = None,
    deterministic: bool = False,
    mc_dropout: McDropout = None,
    name: str | None = None,
    metadata: AnyPath | dict[str, Any] | None = None,
    class_names: Sequence[str] | None = None,
    label_names: Sequence[str] | None = None,
    targets: Targets = None,
    outputs: Outputs = None,
    head: Head | None = None,
    input_layout: str | None = None,
    input_shape: Sequence[int] | None = None,
    input_bits: Literal[8, 16] | None = None,
    calibration_draws: int | None = None,
    calibration_method: Literal["auto", "minmax", "percentile", "mse", "entropy"] = "auto",
    percentile: float | None = None,
    weight_rounding: Literal["error-feedback", "nearest"] = "error-feedback",
    bias_correction: Literal["auto", "on", "off"] = "auto",
    activation_bits: Literal[7, 8] = 8,
    seed: int = 0,
    progress: Progress = None,
) -> Model:
    """Makes an INT8 model of a trained FP32 network whose samples vary.

    What varies is the weights (`posterior` or `moped`), dropout (in training mode, or named by
    `mc_dropout`), the members of an ensemble, or several of these.

    Args:
        network: an ONNX file with every weight at its mean, or an `onnx.ModelProto`.
        calibration: pictures that show which activations occur: uint8 [N, H, W, C], float32 that
            the network takes as they are, or the path of an npz archive with an array `x`. For a
            model that takes numbers, these: [N, F] or [N, L, C].
        members: instead of `network`, the 2 to 64 networks of an ensemble, which samples take in
            turn. They have one architecture.
        posterior: a safetensors file with a tensor NAME.sigma, the standard deviations, for each
            Bayesian initializer NAME, as `bayes8.export` writes it. It may also hold the weights of
            members, NAME.member.K. With `members` a list, with a file for each.
        moped: standard deviations as this share of each weight's magnitude.
        deterministic: no standard deviations, and nothing else need vary.
        mc_dropout: dropout nodes to activate that the file has in evaluation mode: "all", or a list
            of their names; with another probability as a tuple, ("all", 0.1).
        name: name of the model; by default that of the network's file.
        metadata: names and preprocessing, as `bayes8.export` writes them: a JSON file, or such a
            dictionary: {"class_names": [...], "preprocessing": {"mean": [...], "std": [...]}}. It
            may also have "label_names", "targets" (a list of dictionaries as below), all of these
            for single outputs in "outputs": {"NAME": {"class_names": [...]}}, and "head"; with
            "values": "numbers" in its preprocessing, the model takes numbers.
        class_names: names of the classes, instead of those of `metadata`.
        label_names: names of independent labels; of a single label perhaps two, of the case
            without it and with it.
        targets: of a regression: one dictionary or `bayes8.Target` for each, with any of name,
            unit, scale, offset and noise; or one dictionary of lists, such as
            {"scale": scaler.scale_, "offset": scaler.mean_}. What is given replaces that of
            `metadata`.
        outputs: the outputs that the model has, by their names in the network; by default all.
            "mean+log_variance", or a tuple of names, is one output whose numbers follow each other.
            "NAME=HEAD", or a dictionary of names and heads, says what they mean.
        head: what the outputs mean, where neither a final Softmax (classes) nor Sigmoid (labels)
            says so: "gaussian-mean" are the targets of a regression; "gaussian-log-variance" and
            "gaussian-softplus" are the mean of each target, then the logarithm of its variance, or
            its variance before a softplus.
        input_layout: the axes of the network's input, one letter each, such as "nchw"; by default
            as the network uses them.
        input_shape: rows, columns and channels of a picture, if the network leaves them open.
        input_bits: bits of an input that is numbers; by default 16, two code planes, where the
            first layers are small enough.
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
    check_types(
        "a str",
        str,
        calibration_method=calibration_method,
        weight_rounding=weight_rounding,
        bias_correction=bias_correction,
    )
    check_types("a str", str | None, name=name)
    check_types("a number", Real | None, percentile=percentile)
    if network is None and members is None:
        message = "network is missing, or members"
        raise TypeError(message)
    check_exist(calibration, metadata)
    names = [] if class_names is None else names_of("class_names", "class", class_names)
    labels = [] if label_names is None else names_of("label_names", "label", label_names)
    properties = targets_of(targets)
    if name == "":
        message = "name is empty; a model has a name, by default that of the network's file"
        raise ValueError(message)
    with temporary_folder() as folder:
        networks = networks_of(
            folder,
            network,
            members,
            posterior=posterior,
            moped=moped,
            deterministic=deterministic,
            mc_dropout=mc_dropout,
            input_layout=input_layout,
            input_shape=input_shape,
            outputs=outputs,
            head=head,
        )
        if isinstance(metadata, dict):
            (folder / "metadata").write_text(json.dumps(metadata, default=_plain))
            metadata = folder / "metadata"
        return _bayes8.quantize(
            networks,
            npz(folder, "calibration", calibration, are_numbers=takes_numbers(metadata)),
            folder,
            name=name or networks["networks"][0].stem,
            metadata=metadata,
            class_names=names,
            label_names=labels,
            targets=properties,
            input_bits=input_bits,
            calibration_draws=calibration_draws,
            calibration_method=calibration_method,
            percentile=percentile,
            weight_rounding=weight_rounding,
            bias_correction=bias_correction,
            activation_bits=activation_bits,
            seed=seed,
            progress=progress,
        )


def _plain(value: object) -> object:
    """Returns the numbers of an array of NumPy for JSON."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    message = f"metadata has a {type(value).__name__}, which JSON has not"
    raise TypeError(message)
