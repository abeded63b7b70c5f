"""Exports a deterministic copy to ONNX, keeps its names, and checks that both compute the same."""

import io
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .errors import ExportError
from .fixed_windows import FixedWindows
from .torch_version import describe_torch

INPUT, OUTPUT = "input", "logits"

# The newest that this exporter of PyTorch's writes and that the converter reads.
_OPERATOR_SET = 17

# Largest difference between PyTorch's logits and ONNX Runtime's, relative to the largest logit:
# sums in another order.
_TOLERANCE = 1e-4


def onnx_network(model: nn.Module, example: Tensor) -> onnx.ModelProto:
    """Exports a `deterministic_copy`; the batch is left open.

    Every initializer has its parameter's name; no two are merged, nothing is folded, and
    BatchNormalization stays a node. The network is run in ONNX Runtime with two batches, and
    compared with the model.

    Args:
        model: a `deterministic_copy`.
        example: one or more inputs, [N, ...]; only the first is used.

    Raises:
        ExportError: when the model cannot be run or traced, or the network computes something else.

    """
    first = _first(example)
    # All different, to detect a model that mixes them. Not one: a `squeeze()` in the model would
    # remove the batch axis. Not two: bayesian-torch's BatchNorm2dLayer takes a batch of two for an
    # (out, kl) pair.
    batch = torch.cat([first * factor for factor in (1.0, 0.5, -1.0)])
    logits = _run(model, batch)
    network = _trace(model, batch)
    _compare(network, batch, logits)
    # Tracing may have fixed the size of the batch, or what followed from its values.
    other = 0.7 * batch
    _compare(network, other[:2], _run(model, other)[:2])
    return network


def _first(example: Tensor) -> Tensor:
    if example.ndim < 2 or len(example) == 0 or not example.is_floating_point():  # noqa: PLR2004
        message = (
            f"example_input has shape {list(example.shape)} and type {example.dtype}; "
            "expected a float tensor [N, ...] with at least one input"
        )
        raise ExportError(message)
    return example[:1].detach().to("cpu", torch.float32)


def _run(model: nn.Module, batch: Tensor) -> NDArray[np.float32]:
    try:
        with torch.no_grad():
            logits: Tensor = model(batch)
    except ExportError:
        raise
    except Exception as error:
        message = f"the model cannot run an input of shape {list(batch.shape)}: {error}"
        raise ExportError(message) from error
    return logits.numpy()


def _trace(model: nn.Module, batch: Tensor) -> onnx.ModelProto:
    file = io.BytesIO()
    try:
        fixed_windows = FixedWindows()
        with warnings.catch_warnings(), torch.no_grad(), fixed_windows:
            # Running the result finds what tracing cannot follow.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                (batch,),
                file,  # type: ignore[arg-type]
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
                opset_version=_OPERATOR_SET,
                # The tracing exporter, with which all versions of PyTorch write the same network,
                # although it has not been the default since 2.9.
                dynamo=False,
                # EVAL would fold BatchNormalization into the convolution before it; the model is
                # in evaluation mode already.
                training=torch.onnx.TrainingMode.PRESERVE,
                # A folded weight loses its name.
                do_constant_folding=False,
                # Otherwise initializers of equal values, such as two biases of zeros, become one,
                # although each has its own standard deviations.
                keep_initializers_as_inputs=True,
            )
    except Exception as error:
        message = f"{describe_torch()} cannot export the model to ONNX: {error}"
        raise ExportError(message) from error
    network = onnx.load_model_from_string(file.getvalue())
    inputs = [value for value in network.graph.input if value.name == INPUT]
    del network.graph.input[:]
    network.graph.input.extend(inputs)
    onnx.checker.check_model(network)
    return network


def _compare(network: onnx.ModelProto, batch: Tensor, expected: NDArray[np.float32]) -> None:
    options = onnxruntime.SessionOptions()
    # What it would print is raised as an error.
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            network.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        (logits,) = session.run([OUTPUT], {INPUT: batch.numpy()})
    except Exception as error:
        message = f"the ONNX network does not run a batch of {len(batch)}: {error}"
        raise ExportError(message) from error
    difference = np.abs(logits - expected).max()
    # Written so that NaN fails.
    if not difference <= _TOLERANCE * (1 + np.abs(expected).max()):
        message = (
            f"logits of the ONNX network are up to {difference:.3g} away from the model's: its "
            "forward depends on the batch, on values, or on chance (such as a BatchNorm without "
            "running statistics, or dropout that is always on)"
        )
        raise ExportError(message)
