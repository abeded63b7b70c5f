"""What the initializers of a network are drawn from: standard deviations, and members."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from .deterministic import deterministic_layers
from .errors import ExportError, UnsupportedLayerError
from .members import Member
from .torch_version import describe_torch

# What wrote the file, and which family of distributions it holds.
FILE_METADATA = {"format": "mean-field-gaussian", "producer": "bayes8-export"}

# What may read a weight or bias that has standard deviations, and what is on its way there.
_LAYERS = {"Add", "Conv", "ConvTranspose", "Gemm", "Identity", "MatMul", "Transpose"}

Tensors = dict[str, NDArray[np.float32]]


def posterior(network: onnx.ModelProto, members: Sequence[Member]) -> Tensors:
    """Returns the tensors of `posterior.safetensors`.

    These are `NAME.sigma` for each initializer NAME with standard deviations, and
    `NAME.member.K` and `NAME.member.K.sigma` for what differs between members. A parameter that
    the logits do not depend on has no initializer, and no tensors here.

    Args:
        network: exported from the first member.
        members: one or more, of one architecture.

    Raises:
        ExportError: when the names or numbers of `network` are not the first member's.
        UnsupportedLayerError: names a layer that runs more than once.

    """
    initializers = {tensor.name: tensor for tensor in network.graph.initializer}
    states = [member.model.state_dict() for member in members]
    renamed = initializers.keys() - states[0].keys()
    if renamed:
        message = (
            f"{describe_torch()} changed weights as it exported them: {sorted(renamed)} are not "
            "parameters of the model, so they have no standard deviations"
        )
        raise ExportError(message)
    tensors: Tensors = {}
    sigmas = [member.sigmas() for member in members]
    for name, initializer in initializers.items():
        own = [np.ascontiguousarray(state[name].numpy()) for state in states]
        if not np.array_equal(numpy_helper.to_array(initializer), own[0]):
            message = f"initializer `{name}` is not the mean of the layer's weights"
            raise ExportError(message)
        if name in sigmas[0]:
            _check_readers(network, name, members[0])
            tensors |= _named(name, [sigma[name] for sigma in sigmas], ".sigma")
        if not _equal(own):
            tensors |= {f"{name}.member.{k}": values for k, values in enumerate(own)}
    if len(members) > 1 and not any(".member." in name for name in tensors):
        message = "all members are equal: they predict what one of them predicts"
        raise ExportError(message)
    return tensors


def _named(name: str, each: list[NDArray[np.float32]], suffix: str) -> Tensors:
    if _equal(each):
        return {name + suffix: each[0]}
    return {f"{name}.member.{k}{suffix}": values for k, values in enumerate(each)}


def _equal(each: list[NDArray[np.float32]]) -> bool:
    return all(np.array_equal(each[0], other) for other in each[1:])


def _check_readers(network: onnx.ModelProto, name: str, member: Member) -> None:
    path = name.rpartition(".")[0]
    layer = deterministic_layers(member.model).get(path)
    kind = layer.kind if layer else type(member.model.get_submodule(path)).__name__
    nodes = [node for node in network.graph.node if name in node.input]
    if Counter(value for node in nodes for value in node.input)[name] > 1:
        reason = (
            "it runs more than once in a forward pass, each time with new weights, but a "
            "sample has one set of weights; give every use its own layer"
        )
        raise UnsupportedLayerError(path, kind, reason)
    for node in nodes:
        if node.op_type not in _LAYERS:
            reason = (
                f"`{name}` has standard deviations, but only weights and biases of linear layers "
                "and convolutions can have them; leave it out of `sigma`, or draw members"
            )
            raise UnsupportedLayerError(path, kind, reason)
