"""Measures models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import _bayes8
from ._bayes8 import fit_images
from ._checks import check_types
from ._conformal import conformal_of
from ._files import check_exist, load, npz, temporary_folder
from ._networks import networks_of
from ._truth import truth_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._bayes8 import Model, Report
    from ._typing import ConformalMethod, Head, McDropout, Outputs, Pictures, Progress
    from ._typing import Path as AnyPath

# The share that conformal prediction may miss, unless another is asked for.
ALPHA = 0.1


def evaluate(  # noqa: PLR0913 (keywords)
    model: Model | AnyPath,
    x: AnyPath | Pictures,
    y: Sequence[float] | Any = None,  # noqa: ANN401 (an array)
    *,
    output: str | None = None,
    ignore_index: int | None = None,
    conformal: ConformalMethod | None = None,
    alpha: float = ALPHA,
    calibration: AnyPath | tuple[Pictures, Any] | None = None,
    raps_lambda: float | None = None,
    raps_places: int | None = None,
    ood: AnyPath | Pictures | None = None,
    drift: AnyPath | None = None,
    drift_samples: int | None = None,
    network: AnyPath | Any | None = None,  # noqa: ANN401 (onnx.ModelProto)
    members: Sequence[AnyPath | Any] | None = None,
    posterior: AnyPath | Sequence[AnyPath] | None = None,
    moped: float | None = None,
    deterministic: bool = False,
    mc_dropout: McDropout = None,
    input_layout: str | None = None,
    input_shape: Sequence[int] | None = None,
    outputs: Outputs = None,
    head: Head | None = None,
    fp32_samples: int | None = None,
    fp32_noise: Literal["own", "int8"] = "own",
    golden: AnyPath | None = None,
    samples: int | None = None,
    seed: int = 0,
    thresholds: Mapping[str, float] | None = None,
    progress: Progress = None,
) -> Report:
    """Measures accuracy, calibration and uncertainty, and how INT8 differs from FP32.

    It measures one output of any head: classes, labels or the targets of a regression.

    Args:
        model: a model, or its file. The report names the file if it still holds the model.
        x: labelled pictures: uint8 [N, H, W, C], float32 that the model takes as they are, PIL
            images, or the path of an npz archive with arrays `x` and `y`.
        y: what is true of them; not with an archive. For classes their indices [N]; for labels 0 or
            1 [N, labels]; for a regression the values of the targets [N, targets], in their units.
            One label or target may be [N]. For maps of classes the index at each position,
            [N, rows, columns].
        output: the name of the output to measure; by default the only one.
        ignore_index: of maps, the index of positions of which nothing is known: they are left out.
        conformal: the method of conformal prediction, which makes sets or intervals that hold the
            truth as often as promised: "lac", "aps" or "raps" of classes, "lac" of labels,
            "residuals" of a regression. Their coverage of `x` is in `report["conformal"]`, and
            `Model.with_conformal` puts the thresholds into the model.
        alpha: the share of examples whose set or interval may miss the truth.
        calibration: the examples for the thresholds, none of which is in `x`: the path of an npz
            archive, or (x, y), as above.
        raps_lambda: the penalty of "raps" for each place of a class after the first `raps_places`;
            by default 0.01.
        raps_places: the places without penalty of "raps"; by default 5.
        ood: pictures of another distribution, about which the model should be unsure.
        drift: the pictures, corrupted, as `bayes8 corrupt` writes them; of classes only.
        drift_samples: samples of each corrupted picture; by default `samples`.
        network: the FP32 network to compare with, an ONNX file or an `onnx.ModelProto`; slow.
        members: instead of `network`, the networks of an ensemble, as in `quantize`.
        posterior: standard deviations of its weights, as in `quantize`; or else:
        moped: standard deviations as this share of each weight's magnitude.
        deterministic: no standard deviations, and nothing else need vary.
        mc_dropout: dropout nodes to activate, as in `quantize`.
        input_layout: the axes of the network's input, as in `quantize`.
        input_shape: rows, columns and channels of a picture, if the network leaves them open.
        outputs: the outputs of the network, as in `quantize`.
        head: what they mean, as in `quantize`.
        fp32_samples: samples of the FP32 network; by default `samples`.
        fp32_noise: "own" for independent noise, "int8" for the noise of the INT8 samples.
        golden: FP32 predictions of classes that the training framework recorded.
        samples: Monte-Carlo samples of each picture; by default as in `Model.predict`.
        seed: seed of the weights.
        thresholds: limits that must be kept, such as {"min_accuracy": 0.9, "max_ece": 0.05} of
            classes or {"max_rmse": 2.5} of a regression; `Report.missed` says which are not.
        progress: True for a bar (if tqdm is installed), or a function of (task, done, total).

    Raises:
        OSError: a file cannot be read.
        Error: the pictures, labels or the network cannot be used.
        TypeError, ValueError: an argument is wrong.

    """
    check_types("a str", str, fp32_noise=fp32_noise)
    check_types("an int", int | None, ignore_index=ignore_index)
    check_types("a str", str | None, output=output, conformal=conformal)
    check_types("a number", Real, alpha=alpha)
    check_types("a number", Real | None, raps_lambda=raps_lambda)
    check_exist(model, x, calibration, ood, drift, golden)
    _check_belongs(
        "conformal",
        conformal,
        alpha=None if alpha == ALPHA else alpha,
        calibration=calibration,
        raps_lambda=raps_lambda,
        raps_places=raps_places,
    )
    _check_belongs("calibration", calibration, conformal=conformal)
    _check_belongs(
        "network",
        members if network is None else network,
        posterior=posterior,
        moped=moped,
        deterministic=deterministic or None,
        mc_dropout=mc_dropout,
        input_layout=input_layout,
        input_shape=input_shape,
        outputs=outputs,
        head=head,
        fp32_samples=fp32_samples,
        fp32_noise=None if fp32_noise == "own" else fp32_noise,
    )
    _check_belongs("drift", drift, drift_samples=drift_samples)
    limits = _limits({} if thresholds is None else thresholds)
    if y is None and not isinstance(x, str | os.PathLike):
        message = "y is missing: what is true of the examples x"
        raise TypeError(message)
    if not isinstance(model, _bayes8.Model):
        model = load(model)
    are_numbers = model.values == "numbers"
    with temporary_folder() as folder:
        truth = None if y is None else truth_of(y, model, output)
        return _bayes8.evaluate(
            model,
            npz(folder, "x", fit_images(model, x), truth, are_numbers=are_numbers),
            folder,
            output=output,
            ignore_index=ignore_index,
            conformal=conformal_of(
                folder,
                conformal,
                calibration,
                model,
                output,
                alpha=alpha,
                raps_lambda=raps_lambda,
                raps_places=raps_places,
            ),
            ood=None
            if ood is None
            else npz(folder, "ood", fit_images(model, ood), are_numbers=are_numbers),
            drift=None if drift is None else Path(drift),
            drift_samples=drift_samples,
            networks=networks_of(
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
            ),
            fp32_samples=fp32_samples,
            fp32_noise=fp32_noise,
            golden=golden,
            samples=samples,
            seed=seed,
            thresholds=limits,
            progress=progress,
        )


def _check_belongs(name: str, value: object, **options: object) -> None:
    """Makes sure that no option is given without the argument that it belongs to."""
    given = [option for option, choice in options.items() if choice is not None]
    if value is None and given:
        message = f"{name} is missing, without which {' and '.join(given)} has no meaning"
        raise ValueError(message)


def _limits(thresholds: Mapping[str, float]) -> list[tuple[str, float]]:
    if not isinstance(thresholds, Mapping):
        message = f"thresholds is a {type(thresholds).__name__}, not a dictionary of limits"
        raise TypeError(message)
    for name, limit in thresholds.items():
        if not isinstance(name, str) or not isinstance(limit, Real):
            message = f"thresholds has {name!r}: {limit!r}, not a name and a number"
            raise TypeError(message)
    return list(thresholds.items())
