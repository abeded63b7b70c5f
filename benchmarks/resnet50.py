"""Writes the standard ResNet-50 for `bayes8 quantize`, without PyTorch and without a download.

Speed does not depend on what a network has learned, so the weights are random. But the network must
be alive: with carelessly random weights, the activations of 50 layers vanish, overflow or become the
same for all pictures, and no peer's answer could be checked before it is timed. So the weights are
He-initialized, the pictures have the 1/f spectrum of natural ones, and the statistics of each
BatchNormalization are measured: the network runs in NumPy while it is built.

It is ResNet-50 v1.5 (He et al. 2015, arXiv:1512.03385; stride in the 3x3 convolutions) with
torchvision's names, so that PyTorch peers can load the same weights. Files: network.onnx (NCHW,
BatchNormalization as nodes, dynamic batch, opset 17), calibration.npz (`x`, uint8 [N, 224, 224, 3])
and metadata.json (class names, preprocessing).
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from random_pictures import random_pictures

Array = NDArray[np.float32]

SIZE = 224
CLASSES = 1000
OPSET = 17
# Blocks, channels of the 3x3 convolutions and stride of each stage; a block's output has 4 times
# those channels.
STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
EXPANSION = 4
# Gain of the last BatchNormalization of a block: below 1, sums grow slowly along a stage.
BRANCH_GAIN = 0.5
# Standard deviation of the logits of different pictures.
LOGITS_STD = 2.0
EPSILON = 1e-5
# Pictures that the statistics are measured on; more would change little.
STATISTICS_PICTURES = 8
# torchvision's preprocessing of ImageNet.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Value(NamedTuple):
    """A value of the graph, with its numbers for the statistics pictures, [N, H, W, C]."""

    name: str
    array: Array


class Network:
    """A graph under construction; each method adds nodes and returns their output."""

    def __init__(self, random: np.random.Generator, pictures: Array) -> None:
        self._random = random
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self.input = Value("input", pictures)

    def convolution(
        self, layer: str, x: Value, outputs: int, kernel: int, stride: int = 1
    ) -> Value:
        inputs, pad = x.array.shape[3], kernel // 2
        # By fan-out, as in PyTorch's ResNet.
        std = np.sqrt(2 / (outputs * kernel**2))
        weight = self._normal(std, outputs, inputs, kernel, kernel)
        attributes = {
            "kernel_shape": [kernel] * 2,
            "strides": [stride] * 2,
            "pads": [pad] * 4,
            "dilations": [1, 1],
            "group": 1,
        }
        name = self._node("Conv", layer, [x], {"weight": weight}, attributes)
        patches = _patches(x.array, kernel, stride, 0.0)
        flat = patches.reshape(*patches.shape[:3], -1) @ weight.reshape(outputs, -1).T
        return Value(name, flat)

    def normalization(self, layer: str, x: Value, gain: float = 1.0) -> Value:
        mean, variance = x.array.mean((0, 1, 2)), x.array.var((0, 1, 2))
        scale = gain * self._uniform(0.8, 1.2, mean.size)
        shift = self._uniform(-0.3, 0.3, mean.size)
        parameters = {
            "weight": scale,
            "bias": shift,
            "running_mean": mean,
            "running_var": variance,
        }
        name = self._node("BatchNormalization", layer, [x], parameters, {"epsilon": EPSILON})
        return Value(name, (x.array - mean) * (scale / np.sqrt(variance + EPSILON)) + shift)

    def relu(self, layer: str, x: Value) -> Value:
        return Value(self._node("Relu", layer, [x]), np.maximum(x.array, 0))

    def add(self, layer: str, a: Value, b: Value) -> Value:
        return Value(self._node("Add", layer, [a, b]), a.array + b.array)

    def max_pool(self, layer: str, x: Value) -> Value:
        """3x3, stride 2."""
        attributes = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "ceil_mode": 0}
        name = self._node("MaxPool", layer, [x], {}, attributes)
        return Value(name, _patches(x.array, 3, 2, -np.inf).max((4, 5)))

    def classifier(self, layer: str, x: Value, classes: int) -> Value:
        """Global average pool and the linear layer; its bias centres the logits."""
        pooled = self._node("GlobalAveragePool", "avgpool", [x])
        features = x.array.mean((1, 2))
        flat = self._node("Flatten", "flatten", [Value(pooled, features)], {}, {"axis": 1})
        common = features.mean(0)
        spread = np.sqrt(((features - common) ** 2).sum(1).mean())
        weight = self._normal(LOGITS_STD / spread, classes, features.shape[1])
        parameters = {"weight": weight, "bias": -weight @ common}
        name = self._node("Gemm", layer, [Value(flat, features)], parameters, {"transB": 1})
        return Value(name, features @ weight.T + parameters["bias"])

    def model(self, output: Value) -> onnx.ModelProto:
        self._nodes[-1].output[0] = "output"
        shape = ["batch", self.input.array.shape[3], *self.input.array.shape[1:3]]
        inputs = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
        classes = ["batch", output.array.shape[1]]
        outputs = helper.make_tensor_value_info("output", TensorProto.FLOAT, classes)
        graph = helper.make_graph(self._nodes, "resnet50", [inputs], [outputs], self._initializers)
        opset = [helper.make_opsetid("", OPSET)]
        # The IR version of that opset's time: older runtimes refuse newer ones.
        model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="bayes8")
        onnx.checker.check_model(model, full_check=True)
        return model

    def _node(
        self,
        op: str,
        layer: str,
        inputs: list[Value],
        parameters: Mapping[str, Array] = MappingProxyType({}),
        attributes: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        path = "/" + layer.replace(".", "/")
        names = [x.name for x in inputs]
        for suffix, array in parameters.items():
            names.append(f"{layer}.{suffix}")
            self._initializers.append(numpy_helper.from_array(array, names[-1]))
        output = f"{path}/{op}_output_0"
        node = helper.make_node(op, names, [output], name=f"{path}/{op}", **attributes)
        self._nodes.append(node)
        return output

    def _normal(self, std: float, *shape: int) -> Array:
        return self._random.standard_normal(shape, np.float32) * np.float32(std)

    def _uniform(self, low: float, high: float, count: int) -> Array:
        return self._random.uniform(low, high, count).astype(np.float32)


def _patches(x: Array, kernel: int, stride: int, padding: float) -> Array:
    """What each output pixel sees, [N, H, W, C, KH, KW]."""
    pad = kernel // 2
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=padding)
    return sliding_window_view(x, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]


def bottleneck(network: Network, layer: str, x: Value, channels: int, stride: int) -> Value:
    """1x1, 3x3 and 1x1 convolutions beside a shortcut."""
    outputs = EXPANSION * channels
    y = network.convolution(f"{layer}.conv1", x, channels, 1)
    y = network.relu(f"{layer}.relu1", network.normalization(f"{layer}.bn1", y))
    y = network.convolution(f"{layer}.conv2", y, channels, 3, stride)
    y = network.relu(f"{layer}.relu2", network.normalization(f"{layer}.bn2", y))
    y = network.convolution(f"{layer}.conv3", y, outputs, 1)
    y = network.normalization(f"{layer}.bn3", y, BRANCH_GAIN)
    if x.array.shape[3] != outputs:
        x = network.convolution(f"{layer}.downsample.0", x, outputs, 1, stride)
        x = network.normalization(f"{layer}.downsample.1", x)
    return network.relu(f"{layer}.relu3", network.add(f"{layer}.add", y, x))


def resnet50(random: np.random.Generator, pictures: Array) -> onnx.ModelProto:
    """The network; `pictures` are normalized, [N, H, W, C]."""
    network = Network(random, pictures)
    x = network.convolution("conv1", network.input, 64, 7, 2)
    x = network.relu("relu", network.normalization("bn1", x))
    x = network.max_pool("maxpool", x)
    for stage, (blocks, channels, stride) in enumerate(STAGES, 1):
        for block in range(blocks):
            step = stride if block == 0 else 1
            x = bottleneck(network, f"layer{stage}.{block}", x, channels, step)
    return network.model(network.classifier("fc", x, CLASSES))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Write a random ResNet-50, calibration pictures and metadata.",
        epilog="Example: python benchmarks/resnet50.py --output /tmp/resnet50",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder to write to, created if it is missing",
    )
    parser.add_argument("--pictures", type=int, default=16, metavar="N", help="default: 16")
    parser.add_argument("--seed", type=int, default=50, metavar="N", help="default: 50")
    arguments = parser.parse_args()

    random = np.random.default_rng(arguments.seed)
    count = max(arguments.pictures, STATISTICS_PICTURES)
    pictures = random_pictures(random, count, (SIZE, SIZE, 3))
    some = pictures[:STATISTICS_PICTURES].astype(np.float32) / 255
    model = resnet50(random, ((some - MEAN) / STD).astype(np.float32))

    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "network.onnx")
    np.savez_compressed(folder / "calibration.npz", x=pictures[: arguments.pictures])
    names = [f"class {i}" for i in range(CLASSES)]
    metadata = {"class_names": names, "preprocessing": {"mean": MEAN, "std": STD}}
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")
    print(f"{folder}: network.onnx, calibration.npz, metadata.json")


if __name__ == "__main__":
    main()
