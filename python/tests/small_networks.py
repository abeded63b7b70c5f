"""Small ONNX networks of random weights, written without the package onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bayes8

FEATURES = 3


@dataclass(frozen=True)
class Network:
    """A ModelProto as `bayes8.quantize` takes it."""

    file: bytes

    def SerializeToString(self) -> bytes:  # noqa: N802 (as in onnx)
        return self.file


def varint(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(high) if high else bytes([low])


def field(number: int, value: int | str | bytes) -> bytes:
    """A field of a protocol buffer: a number, a text or a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(op: str, inputs: Sequence[str], output: str, **integers: int) -> bytes:
    attributes = [field(1, name) + field(3, i) + field(20, 2) for name, i in integers.items()]
    parts = [field(1, name) for name in inputs]
    parts += [field(2, output), field(3, output), field(4, op)]
    return b"".join(parts + [field(5, attribute) for attribute in attributes])


def tensor(name: str, values: NDArray[np.float64]) -> bytes:
    extents = b"".join(field(1, extent) for extent in values.shape)
    return extents + field(2, 1) + field(8, name) + field(9, (values / 2).astype("<f4").tobytes())


def value(name: str, *extents: int) -> bytes:
    """Describes an input or output [N, extents]."""
    dimensions = [field(2, "N"), *(field(1, extent) for extent in extents)]
    shape = b"".join(field(1, dimension) for dimension in dimensions)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def perceptron(outputs: Mapping[str, int], *, end: str | None = None) -> Network:
    """A layer of 8 units of 3 features, and a layer for each output, which `end` may follow."""
    random = np.random.default_rng(0)
    nodes, tensors = [node("Relu", ["sum"], "hidden")], []
    layers = [("sum", "x", 8, FEATURES)]
    for name, count in outputs.items():
        layers.append((f"{name}.sum" if end else name, "hidden", count, 8))
        if end:
            nodes.append(node(end, [f"{name}.sum"], name))
    for index, (name, of, rows, columns) in enumerate(layers):
        weights = [f"{name}.weight", f"{name}.bias"]
        gemm = node("Gemm", [of, *weights], name, transB=1)
        nodes.insert(0 if index == 0 else index + 1, gemm)
        shapes = [(rows, columns), (rows,)]
        for weight, shape in zip(weights, shapes, strict=True):
            tensors.append(tensor(weight, random.standard_normal(shape)))
    return network(nodes, tensors, value("x", FEATURES), outputs)


def convolution(length: int, outputs: Mapping[str, int]) -> Network:
    """A Conv1d of 3 channels over a sequence, and the mean of its positions."""
    random = np.random.default_rng(0)
    nodes, tensors = (
        [node("Conv", ["x", "conv.weight"], "sums"), node("Relu", ["sums"], "hidden")],
        [tensor("conv.weight", random.standard_normal((8, FEATURES, 3), np.float32) / 2)],
    )
    nodes += [node("GlobalAveragePool", ["hidden"], "pool"), node("Flatten", ["pool"], "flat")]
    for name, count in outputs.items():
        nodes.append(node("Gemm", ["flat", f"{name}.weight"], name, transB=1))
        weight = random.standard_normal((count, 8))
        tensors.append(tensor(f"{name}.weight", weight))
    return network(nodes, tensors, value("x", FEATURES, length), outputs)


def network(
    nodes: list[bytes], tensors: list[bytes], takes: bytes, outputs: Mapping[str, int]
) -> Network:
    graph = [field(1, one) for one in nodes] + [field(2, "graph")]
    graph += [field(5, one) for one in tensors] + [field(11, takes)]
    graph += [field(12, value(name, count)) for name, count in outputs.items()]
    operators = field(8, field(1, "") + field(2, 13))
    return Network(field(1, 8) + operators + field(7, b"".join(graph)))


def features(count: int, *extents: int) -> NDArray[np.float32]:
    """Features [count, extents, 3] with means of 10, 0 and -5."""
    x = np.random.default_rng(count).standard_normal((count, *extents, FEATURES), np.float32)
    return x + np.array([10, 0, -5], np.float32)


# The preprocessing of `features`.
NORMALIZED = {"preprocessing": {"values": "numbers", "mean": [10, 0, -5], "std": [1, 1, 1]}}


def quantize(network: Network, x: Any = None, **options: Any) -> bayes8.Model:
    """Makes a model of a network of features."""
    x = features(64) if x is None else x
    given = {"moped": 0.2, "metadata": NORMALIZED, "name": "small", **options}
    return bayes8.quantize(network, calibration=x, **given)
