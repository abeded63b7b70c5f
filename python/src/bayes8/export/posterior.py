"""The standard deviations of a network's initializers."""

from collections import Counter

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from .deterministic import deterministic_layers
from .errors import ExportError, UnsupportedLayerError
from .torch_version import describe_torch

# What wrote the file, and which family of distributions it holds.
FILE_METADATA = {"format": "mean-field-gaussian", "producer": "bayes8-export"}


def posterior(network: onnx.ModelProto, model: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Returns a tensor `NAME.sigma` for each Bayesian initializer NAME of `network`.

    A layer that the logits do not depend on has no initializers, and no tensors here.

    Args:
        network: exported from `model`.
        model: a `deterministic_copy`.

    Raises:
        ExportError: when there is no Bayesian layer, or the names of `network` are not the model's.
        UnsupportedLayerError: names a layer that runs more than once.

    """
    initializers = {tensor.name: tensor for tensor in network.graph.initializer}
    renamed = initializers.keys() - model.state_dict().keys()
    if renamed:
        message = (
            f"{describe_torch()} changed weights as it exported them: {sorted(renamed)} are not "
            "parameters of the model, so they have no standard deviations"
        )
        raise ExportError(message)

    readers = Counter(name for node in network.graph.node for name in node.input)
    sigmas: dict[str, NDArray[np.float32]] = {}
    for path, layer in deterministic_layers(model).items():
        for parameter, sigma in layer.sigma.items():
            name = f"{path}.{parameter}".lstrip(".")
            if name not in initializers:
                continue
            if readers[name] > 1:
                reason = (
                    "it runs more than once in a forward pass, each time with new weights, but a "
                    "sample has one set of weights; give every use its own layer"
                )
                raise UnsupportedLayerError(path, layer.kind, reason)
            mean = numpy_helper.to_array(initializers[name])
            if not np.array_equal(mean, getattr(layer, parameter).numpy()):
                message = f"initializer `{name}` is not the mean of the layer's weights"
                raise ExportError(message)
            sigmas[f"{name}.sigma"] = sigma.numpy()
    if not sigmas:
        message = (
            "no Bayesian layer leads to the logits; make the model Bayesian with bayesian-torch's "
            "dnn_to_bnn, or export it with torch.onnx.export and use `bayes8 quantize --moped`"
        )
        raise ExportError(message)
    return sigmas
