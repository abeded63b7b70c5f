"""Exports a deterministic copy to ONNX, keeps its names, and checks that both compute the same."""

import importlib.util
import io
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from .dropout import Choice, Dropout, active_dropouts, dropping
from .errors import ExportError
from .fixed_windows import FixedWindows
from .members import Member
from .torch_version import describe_torch

Exporter = Literal["torchscript", "dynamo"]

INPUT, OUTPUT = "input", "logits"

# The newest that the exporter of PyTorch's writes and that the converter reads.
_OPERATOR_SETS: dict[Exporter, int] = {"torchscript": 17, "dynamo": 18}

# Largest difference between PyTorch's logits and ONNX Runtime's, relative to the largest logit:
# sums in another order.
_TOLERANCE = 1e-4


def onnx_network(
    members: Sequence[Member], example: Tensor, dropout: Choice, exporter: Exporter
) -> tuple[onnx.ModelProto, list[Dropout]]:
    """Exports the first of `members`; the batch is left open. Also returns what drops in it.

    Every initializer has its parameter's name; no two are merged, nothing is folded, and
    BatchNormalization stays a node. The network is run in ONNX Runtime with two batches, with the
    weights of each member, without dropout, and compared with the model.

    Args:
        members: one or more, of one architecture.
        example: one or more inputs, [N, ...]; only the first is used.
        dropout: which dropout is active.
        exporter: PyTorch's.

    Raises:
        ExportError: when the model cannot be run or traced, or the network computes something else.

    """
    if not isinstance(exporter, str) or exporter not in _OPERATOR_SETS:
        message = f'exporter is "{exporter}"; expected "torchscript" or "dynamo"'
        raise ExportError(message)
    first = _first(example)
    # All different, to detect a model that mixes them. Not one: a `squeeze()` in the model would
    # remove the batch axis. Not two: bayesian-torch's BatchNorm2dLayer takes a batch of two for an
    # (out, kl) pair.
    batch = torch.cat([first * factor for factor in (1.0, 0.5, -1.0)])
    # Tracing may have fixed the size of the batch, or what followed from its values.
    other = 0.7 * batch
    model = members[0].model
    is_random = len(members) > 1 or bool(members[0].sigmas())
    # Another size and other values, also where the example is all zeros: no probability of dropout
    # may depend on them.
    another = torch.rand(other[:2].shape, generator=torch.Generator().manual_seed(0))
    active, *others_active = (
        active_dropouts(
            member.model,
            [partial(_run, member.model, inputs) for inputs in (batch, another)],
            dropout,
            is_random=is_random,
        )
        for member in members
    )
    for number, own in enumerate(others_active, 1):
        # The graph is that of the first.
        if [d.unit for d in own] != [d.unit for d in active]:
            message = (
                f"member {number} is another network than member 0: its active dropout differs; "
                "members must have one architecture, and dropout of the same probability"
            )
            raise ExportError(message)
    with dropping(model, active, traced=True):
        network = _trace(model, batch, exporter)
    deterministic = _without_dropout(network, len(active))
    for number, member in enumerate(members):
        _set_weights(deterministic, member.model)
        with dropping(member.model, ()):
            expected, others = _run(member.model, batch), _run(member.model, other)
        if np.isnan(expected).any():
            which = f" of member {number}" if len(members) > 1 else ""
            message = f"the logits{which} are not numbers (NaN); look for NaN in its weights"
            raise ExportError(message)
        _compare(deterministic, batch, expected)
        _compare(deterministic, other[:2], others[:2])
    return network, active


def _without_dropout(network: onnx.ModelProto, least: int) -> onnx.ModelProto:
    """Returns a copy in which nothing is dropped.

    Raises:
        ExportError: when other values are random, or fewer than `least` nodes drop.

    """
    copied = onnx.ModelProto()
    copied.CopyFrom(network)
    made_by = {name: node for node in copied.graph.node for name in node.output}
    random = 0
    for node in copied.graph.node:
        if node.op_type.startswith(("Random", "Multinomial")):
            message = (
                f"node `{node.name}` ({node.op_type}): its forward depends on chance, other than "
                "by dropout and Bayesian layers"
            )
            raise ExportError(message)
        # The mean of a mask is what it is drawn from.
        if node.op_type == "Bernoulli":
            source = made_by.get(node.input[0])
            if source is None or source.op_type not in ("Constant", "ConstantOfShape"):
                message = (
                    f"node `{node.name}`: its dropout depends on the input, which is not "
                    "supported; use dropout of a fixed probability, or members"
                )
                raise ExportError(message)
        if node.op_type in ("Bernoulli", "Dropout"):
            random += 1
            node.op_type = "Identity"
            del node.input[1:], node.output[1:], node.attribute[:]
    if random < least:
        message = f"{describe_torch()} exported {random} of {least} active dropouts"
        raise ExportError(message)
    return copied


def _set_weights(network: onnx.ModelProto, model: nn.Module) -> None:
    state = model.state_dict()
    for initializer in network.graph.initializer:
        if initializer.name in state:
            values = numpy_helper.from_array(state[initializer.name].numpy(), initializer.name)
            initializer.CopyFrom(values)


def _first(example: Tensor) -> Tensor:
    if not isinstance(example, Tensor):
        message = f"example_input is a {type(example).__name__}; expected a float tensor [N, ...]"
        raise ExportError(message)
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
    if len(logits) != len(batch):
        message = (
            f"the model's forward returned {len(logits)} rows of logits for {len(batch)} inputs; "
            "of a wrapper that runs its network several times, export the network itself, such as "
            "`core_model`, or give its networks as `members`"
        )
        raise ExportError(message)
    return logits.numpy()


def _trace(model: nn.Module, batch: Tensor, exporter: Exporter) -> onnx.ModelProto:
    if exporter == "dynamo" and importlib.util.find_spec("onnxscript") is None:
        message = "PyTorch's dynamo exporter needs the package onnxscript: pip install onnxscript"
        raise ExportError(message)
    trace = _torchscript if exporter == "torchscript" else _dynamo
    # Running the result finds what tracing cannot follow.
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            network = trace(model, batch)
    except ExportError:
        raise
    except Exception as error:
        message = f"{describe_torch()} cannot export the model to ONNX: {error}"
        raise ExportError(message) from error
    onnx.checker.check_model(network)
    return network


def _torchscript(model: nn.Module, batch: Tensor) -> onnx.ModelProto:
    """Exports by tracing, with which all versions of PyTorch write the same network."""
    file = io.BytesIO()
    with FixedWindows():
        torch.onnx.export(
            model,
            (batch,),
            file,  # type: ignore[arg-type]
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            opset_version=_OPERATOR_SETS["torchscript"],
            # It has not been the default since 2.9.
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
    network = onnx.load_model_from_string(file.getvalue())
    inputs = [value for value in network.graph.input if value.name == INPUT]
    del network.graph.input[:]
    network.graph.input.extend(inputs)
    return network


def _dynamo(model: nn.Module, batch: Tensor) -> onnx.ModelProto:
    """Exports by torch.export."""
    program = torch.onnx.export(
        model,
        (batch,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=_OPERATOR_SETS["dynamo"],
        dynamo=True,
        # Folding and merging of weights.
        optimize=False,
        verbose=False,
    )
    if program is None:
        message = "PyTorch 2.6 or later is needed for its dynamo exporter"
        raise ExportError(message)
    network: onnx.ModelProto = program.model_proto
    _write_out_masks(network)
    return network


def _write_out_masks(network: onnx.ModelProto) -> None:
    """Makes the probabilities of every mask a constant, where they are expanded from one number."""
    made_by = {name: node for node in network.graph.node for name in node.output}

    def constant(name: str) -> NDArray[np.generic] | None:
        node = made_by.get(name)
        if node is not None and node.op_type == "Cast":
            node = made_by.get(node.input[0])
        if node is None or node.op_type != "Constant" or node.attribute[0].name != "value":
            return None
        return numpy_helper.to_array(node.attribute[0].t)

    for node in network.graph.node:
        source = made_by.get(node.input[0]) if node.op_type == "Bernoulli" else None
        if source is not None and source.op_type == "Expand":
            value, shape = (constant(name) for name in source.input)
            if value is not None and shape is not None:
                whole = np.broadcast_to(value, tuple(int(extent) for extent in shape))
                written = onnx.helper.make_node(
                    "Constant",
                    [],
                    list(source.output),
                    source.name,
                    value=numpy_helper.from_array(np.ascontiguousarray(whole)),
                )
                source.CopyFrom(written)


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
            "forward depends on the batch, on values, or on chance"
        )
        raise ExportError(message)
