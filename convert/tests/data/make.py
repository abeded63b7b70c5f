"""Writes the ONNX fixtures of this folder: tiny random networks and what they compute.

Each NAME.onnx comes with NAME.safetensors: `input` (NCHW, or `input_channels_last`), `output` by ONNX's own reference
evaluator (ONNX Runtime where that lacks groups), and, where the fixture has one, the posterior
`INITIALIZER.sigma`. Run from anywhere: `python make.py`, or `python make.py NAME...` (packages:
onnx, onnxruntime, numpy, safetensors).
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import load_file, save_file

FOLDER = pathlib.Path(__file__).parent
LARGEST = np.iinfo(np.int64).max


def reference(model, inputs):
    return ReferenceEvaluator(model).run(None, inputs)


def onnx_runtime(model, inputs):
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)


class Net:
    """A graph under construction; `add` returns the name of the new node's output."""

    def __init__(self, name, shape, opset=17, seed=0):
        self.name, self.shape, self.opset = name, shape, opset
        self.random = np.random.default_rng([seed, *name.encode()])
        self.nodes, self.initializers, self.sigmas = [], [], {}

    def add(self, op, *inputs, **attributes):
        output = f"{op.lower()}{len(self.nodes)}"
        node = helper.make_node(op, list(inputs), [output], name=f"/{output}", **attributes)
        self.nodes.append(node)
        return output

    def weight(self, name, *shape, sigma=0.0, low=None):
        """A random initializer; sigma > 0 makes it Bayesian.

        Its standard deviation is sigma * |w|, so that a test can tell from each mean, wherever
        the importer moved and scaled it, what its sigma must be.
        """
        fan_in = max(1, int(np.prod(shape[1:])))
        value = self.random.normal(0, fan_in**-0.5, shape)
        if low is not None:
            value = np.abs(value) + low
        self.initializers.append(numpy_helper.from_array(value.astype(np.float32), name))
        if sigma:
            self.sigmas[f"{name}.sigma"] = np.abs(value * sigma).astype(np.float32)
        return name

    def constant(self, value):
        """A Constant node, as torch's exporter writes them."""
        return self.add("Constant", value=numpy_helper.from_array(np.asarray(value)))

    def conv(self, x, name, outputs, inputs, side=1, **attributes):
        """A convolution with a bias and `same` padding."""
        weight = self.weight(f"{name}.weight", outputs, inputs, side, side)
        bias = self.weight(f"{name}.bias", outputs)
        return self.add("Conv", x, weight, bias, pads=[side // 2] * 4, **attributes)

    def number(self, value):
        return self.constant(np.float32(value))

    def bn(self, x, name, channels):
        parts = [self.weight(f"{name}.weight", channels), self.weight(f"{name}.bias", channels)]
        parts += [self.weight(f"{name}.running_mean", channels)]
        parts += [self.weight(f"{name}.running_var", channels, low=0.1)]
        return self.add("BatchNormalization", x, *parts, epsilon=1e-3)

    def torch_pads(self, pads, rank):
        """The subgraph that torch's exporter makes of F.pad's list."""
        zeros = self.add(
            "ConstantOfShape",
            self.constant(np.array([2 * rank - len(pads)])),
            value=helper.make_tensor("", TensorProto.INT64, [1], [0]),
        )
        x = self.add("Concat", self.constant(np.array(pads)), zeros, axis=0)
        x = self.add("Reshape", x, self.constant(np.array([-1, 2])))
        back = [self.constant(np.array([v])) for v in (-1, -LARGEST, 0, -1)]
        x = self.add("Slice", x, *back)
        x = self.add("Transpose", x, perm=[1, 0])
        x = self.add("Reshape", x, self.constant(np.array([-1])))
        return self.add("Cast", x, to=TensorProto.INT64)

    def save(self, output, count=3, batch="n", rank=2, run=reference, name="input", ir_version=8):
        shape = [count if isinstance(batch, str) else batch, *self.shape]
        tensor = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [tensor("input", TensorProto.FLOAT, [batch, *self.shape])],
            [tensor(output, TensorProto.FLOAT, [None] * rank)],
            self.initializers,
        )
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
        onnx.checker.check_model(model)
        onnx.save(model, FOLDER / f"{self.name}.onnx")
        pictures = self.random.normal(0, 1, shape).astype(np.float32)
        (logits,) = run(model, {"input": pictures})
        logits = np.ascontiguousarray(logits.reshape(len(pictures), -1), np.float32)
        tensors = {name: pictures, "output": logits, **self.sigmas}
        save_file(tensors, FOLDER / f"{self.name}.safetensors")


def residual():
    """Folded BatchNorm, ReLU, the option-A shortcut of CIFAR ResNets, and its classifier."""
    net = Net("residual", [3, 8, 8])
    x = net.add("Conv", "input", net.weight("conv1.weight", 4, 3, 3, 3, sigma=0.1), pads=[1] * 4)
    x = trunk = net.add("Relu", net.bn(x, "bn1", 4))
    weight = net.weight("conv2.weight", 8, 4, 3, 3, sigma=0.1)
    x = net.add("Conv", x, weight, pads=[1] * 4, strides=[2, 2])
    x = net.bn(x, "bn2", 8)
    for axis in (2, 3):
        bounds = [net.constant(np.array([v])) for v in (0, LARGEST, axis, 2)]
        trunk = net.add("Slice", trunk, *bounds)
    pads = net.torch_pads([0, 0, 0, 0, 2, 2], 4)
    trunk = net.add("Pad", trunk, pads, net.constant(np.float32(0)), mode="constant")
    x = net.add("Relu", net.add("Add", x, trunk))
    x = net.add("AveragePool", x, kernel_shape=[4, 4], strides=[4, 4])
    n = net.add("Gather", net.add("Shape", x), net.constant(np.array(0)), axis=0)
    n = net.add("Unsqueeze", n, net.constant(np.array([0])))
    x = net.add("Reshape", x, net.add("Concat", n, net.constant(np.array([-1])), axis=0))
    bias = net.weight("fc.bias", 5, sigma=0.1)
    net.save(net.add("Gemm", x, net.weight("fc.weight", 5, 8, sigma=0.1), bias, transB=1))


def mobile():
    """Asymmetric Pad before a strided convolution, depthwise, Clip as ReLU6, Dropout."""
    net = Net("mobile", [3, 9, 7])
    bounds = net.constant(np.float32(0)), net.constant(np.float32(6))
    x = net.add("Pad", "input", net.torch_pads([0, 1, 0, 1], 4), net.constant(np.float32(0)))
    x = net.add("Conv", x, net.weight("stem.weight", 6, 3, 3, 3), strides=[2, 2])
    x = net.add("Clip", net.bn(x, "bn0", 6), *bounds)
    x = net.add("Pad", x, net.torch_pads([1, 1, 1, 1], 4))
    x = net.add("Conv", x, net.weight("dw.weight", 6, 1, 3, 3), group=6, dilations=[1, 1])
    x = net.add("Clip", net.bn(x, "bn1", 6), *bounds)
    x = net.add("Conv", x, net.weight("grouped.weight", 8, 3, 1, 1), group=2)
    x = net.bn(x, "bn2", 8)
    x = net.add("Dropout", net.add("GlobalAveragePool", x))
    x = net.add("Squeeze", x, net.constant(np.array([2, 3])))
    weight, bias = net.weight("fc.weight", 8, 4), net.weight("fc.bias", 1)
    net.save(net.add("Gemm", x, weight, bias, alpha=0.5, beta=2.0))


def flatten():
    """A picture flattened in (c, h, w) order, clamped behind a pool, and LogSoftmax."""
    net = Net("flatten", [2, 7, 6], opset=15)
    weight = net.weight("conv.weight", 4, 2, 3, 2, sigma=0.1)
    bias = net.weight("conv.bias", 4, sigma=0.1)
    x = net.add("Conv", "input", weight, bias, auto_pad="SAME_UPPER")
    x = net.add("MaxPool", x, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 0, 0])
    x = net.add("Relu", net.add("Flatten", x))
    weight, bias = net.weight("fc1.weight", 6, 4 * 3 * 3, sigma=0.1), net.weight("fc1.bias", 6)
    x = net.add("Gemm", x, weight, bias, transB=1)
    x = net.bn(x, "bn", 6)
    x = net.add("MatMul", net.add("Relu", x), net.weight("fc2", 6, 3, sigma=0.1))
    x = net.add("Add", net.weight("fc2.bias", 3, sigma=0.1), x)
    net.save(net.add("LogSoftmax", x, axis=1))


def branches():
    """Concat, shared values, BatchNorm that cannot be folded, ReduceMean with an input of axes."""
    net = Net("branches", [3, 6, 6], opset=18)
    x = net.bn("input", "bn_input", 3)
    weight, bias = net.weight("conv.weight", 4, 3, 3, 3), net.weight("conv.bias", 4)
    x = net.add("Conv", x, weight, bias, pads=[2, 0, 1, 2], dilations=[2, 1])
    a = net.add("Clip", x, net.constant(np.float32(-0.5)), net.constant(np.float32(0.5)))
    b = net.bn(x, "bn_branch", 4)
    c = net.add("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    d = net.add("AveragePool", x, kernel_shape=[2, 2], pads=[1, 0, 0, 1])
    x = net.add("Concat", a, b, c, d, axis=-3)
    x = net.add("Identity", net.add("Relu", x))
    mean = net.add("ReduceMean", x, net.constant(np.array([-1, 2])), keepdims=0)
    head = net.add("Conv", x, net.weight("head.weight", 6, 16, 5, 6))
    head = net.add("Reshape", head, net.constant(np.array([0, -1])))
    x = net.add("Concat", mean, head, axis=1)
    x = net.add("Gemm", x, net.weight("fc.weight", 3, 22), transB=1)
    net.save(x)


def fixed_batch():
    """An old operator set, a batch size in the file, shape arithmetic, a 1x1 convolution last."""
    net = Net("fixed_batch", [4, 6, 5], opset=11)
    pads = net.constant(np.array([0, 0, 1, 0, 0, 0, 1, 1]))
    x = net.add("Relu", net.add("Pad", net.add("Relu", "input"), pads))
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    x = net.add("Conv", x, net.weight("conv.weight", 4, 4, 1, 1), net.weight("conv.bias", 4))
    rows = [net.constant(np.array(v)) for v in ([-3, 1], [LARGEST, -1], [2, 3], [2, 1])]
    x = net.add("Slice", x, *rows)
    shape = net.add("Shape", x)
    front = net.add("Slice", shape, net.constant(np.array([0])), net.constant(np.array([1])))
    sizes = [net.add("Gather", shape, net.constant(np.array(i)), axis=0) for i in (1, 2, 3)]
    features = net.add("Mul", net.add("Mul", sizes[0], sizes[1]), sizes[2])
    features = net.add("Unsqueeze", features, axes=[0])
    x = net.add("Reshape", x, net.add("Concat", front, features, axis=0))
    x = net.add("Gemm", x, net.weight("fc.weight", 6, 8), net.weight("fc.bias", 1, 6), transB=1)
    x = net.add("Unsqueeze", net.add("Relu", x), axes=[2, 3])
    net.save(net.add("Conv", x, net.weight("logits.weight", 3, 6, 1, 1)), batch=2, rank=4)


def sequence():
    """One axis: convolutions, pools, a border, a slice and the mean, all over [n, C, L]."""
    net = Net("sequence", [3, 21])
    weight = net.weight("conv1.weight", 6, 3, 5, sigma=0.1)
    x = net.add("Conv", "input", weight, pads=[4, 1], strides=[2], dilations=[2])
    x = net.add("Relu", net.bn(x, "bn1", 6))
    x = net.add("Pad", x, net.torch_pads([1, 2], 3), net.constant(np.float32(0)))
    x = net.add("Conv", x, net.weight("conv2.weight", 9, 2, 3, sigma=0.1), group=3)
    x = net.add("MaxPool", x, kernel_shape=[2], strides=[1])
    x = net.add("Slice", x, *[net.constant(np.array([v])) for v in (1, LARGEST, 2, 2)])
    x = net.add("AveragePool", x, kernel_shape=[2], pads=[1, 0])
    square = net.add("Unsqueeze", x, net.constant(np.array([2])))
    square = net.add("Conv", square, net.weight("conv3.weight", 4, 9, 1, 2, sigma=0.1))
    x = net.add("ReduceMean", net.add("Squeeze", square, net.constant(np.array([2]))), axes=[2])
    x = net.add("Flatten", x)
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 4, sigma=0.1), transB=1))


def volume():
    """Three axes: convolutions of all kinds, pools, and a flattened volume's columns."""
    net = Net("volume", [2, 5, 6, 4])
    weight = net.weight("conv1.weight", 6, 2, 3, 2, 3, sigma=0.1)
    x = net.add("Conv", "input", weight, pads=[1, 0, 2, 1, 1, 0], strides=[1, 2, 1])
    x = net.add("Relu", net.bn(x, "bn1", 6))
    weight = net.weight("depthwise.weight", 6, 1, 2, 3, 2, sigma=0.1)
    x = net.add("Conv", x, weight, group=6, pads=[1, 1, 0, 0, 1, 1])
    trunk = net.add("MaxPool", x, kernel_shape=[2, 1, 2], strides=[2, 1, 1])
    weight, bias = net.weight("grouped.weight", 6, 3, 1, 1, 1), net.weight("grouped.bias", 6)
    x = net.add("Add", trunk, net.add("Conv", trunk, weight, bias, group=2))
    x = net.add("Concat", x, net.add("Relu", trunk), axis=1)
    x = net.add("Slice", x, *[net.constant(np.array(v)) for v in ([0, 1], [2, 3], [2, 3])])
    pooled = net.add("GlobalAveragePool", x)
    x = net.add("AveragePool", x, kernel_shape=[2, 1, 2], pads=[1, 0, 0, 0, 0, 1])
    weight = net.weight("columns.weight", 5, 12 * 2 * 2 * 3, sigma=0.1)
    x = net.add("Gemm", net.add("Flatten", x), weight, transB=1)
    pooled = net.add("Gemm", net.add("Flatten", pooled), net.weight("mean.weight", 5, 12), transB=1)
    x = net.add("Relu", net.add("Add", x, pooled))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 5, sigma=0.1), transB=1))


def transposed():
    """ConvTranspose of one to three axes: groups, strides, dilation, and padding of every size."""
    net = Net("transposed", [4, 2, 3, 3])
    up = {"strides": [2, 1, 3], "pads": [1, 0, 0, 1, 1, 2], "output_padding": [1, 0, 2]}
    weight, bias = net.weight("up.weight", 4, 3, 3, 2, 3, sigma=0.1), net.weight("up.bias", 6)
    x = net.add("ConvTranspose", "input", weight, bias, group=2, **up)
    x = net.add("Relu", net.bn(x, "bn", 6))
    # Fewer taps than zeros between neighbours, and outputs that no tap reaches.
    few = {"strides": [3, 2, 3], "output_padding": [2, 1, 0]}
    x = net.add("ConvTranspose", x, net.weight("few.weight", 6, 4, 1, 1, 2, sigma=0.1), **few)
    # Padding beyond the reach, which leaves out inputs.
    crop = {"pads": [5, 2, 9, 5, 1, 10], "dilations": [1, 1, 2], "group": 4}
    x = net.add("ConvTranspose", x, net.weight("crop.weight", 4, 1, 2, 2, 3, sigma=0.1), **crop)
    weight = net.weight("fc.weight", 3, 4 * 3 * 4 * 11, sigma=0.1)
    x = net.add("Gemm", net.add("Flatten", x), weight, transB=1)
    net.save(x, run=onnx_runtime)


def activations():
    """Every activation function, as an operator and as exporters spell it out."""
    net = Net("activations", [3, 6, 5], opset=20)
    last, channels = "input", 3

    def layer():
        nonlocal last, channels
        last = net.conv(last, f"conv{len(net.initializers) // 2}", 4, channels)
        channels = 4
        return last

    x = layer()
    last = net.add("Mul", x, net.add("Sigmoid", x))
    last = net.add("HardSwish", layer())
    x = layer()
    gate = net.add("Clip", net.add("Add", x, net.number(3)), net.number(0), net.number(6))
    last = net.add("Mul", x, net.add("Div", gate, net.number(6)))
    x = layer()
    gate = net.add("Clip", net.add("Add", net.number(3), x), net.number(0), net.number(6))
    last = net.add("Div", net.add("Mul", gate, x), net.number(6))
    x = layer()
    last = net.add("Mul", x, net.add("HardSigmoid", x, alpha=1 / 6))
    x = layer()
    last = net.add("Mul", x, net.add("Tanh", net.add("Softplus", x)))
    last = net.add("Mish", layer())
    x = layer()
    gate = net.add("Add", net.add("Erf", net.add("Div", x, net.number(2**0.5))), net.number(1))
    last = net.add("Mul", net.add("Mul", x, gate), net.number(0.5))
    last = net.add("Gelu", layer())
    # A clamp behind a pool is part of the table before it.
    x = net.add("MaxPool", net.add("LeakyRelu", layer(), alpha=0.2), kernel_shape=[2, 2])
    last = net.add("Clip", x, net.number(-0.1), net.number(0.4))
    last = net.add("Elu", layer(), alpha=0.7)
    last = net.add("Selu", layer())
    last = net.add("PRelu", layer(), net.constant(np.full((1, 1, 1), 0.3, np.float32)))
    last = net.add("Sub", net.number(1), net.add("Tanh", layer()))
    x = net.add("GlobalAveragePool", layer())
    x = net.add("Sigmoid", net.add("Flatten", x))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 4), transB=1))


def excitation():
    """Squeeze and excitation, as MobileNetV3 and as EfficientNet write it; a plain product."""
    net = Net("excitation", [3, 6, 5], opset=11)
    x = net.add("Relu", net.conv("input", "stem", 6, 3, 3))
    s = net.add("Relu", net.conv(net.add("GlobalAveragePool", x), "squeeze1", 2, 6))
    s = net.add("HardSigmoid", net.conv(s, "excite1", 6, 2), alpha=1 / 6)
    x = net.add("Add", x, net.conv(net.add("Mul", s, x), "project1", 6, 6))
    s = net.conv(net.add("ReduceMean", x, axes=[-1, -2], keepdims=1), "squeeze2", 2, 6)
    s = net.conv(net.add("Mul", net.add("Sigmoid", s), s), "excite2", 6, 2)
    x = net.add("Mul", x, net.add("Sigmoid", s))
    y = net.add("Mul", net.conv(x, "left", 4, 6), net.conv(x, "right", 4, 6))
    y = net.add("Sub", y, net.add("Mul", y, y))
    y = net.add("Sub", y, net.conv(x, "other", 4, 6))
    x = net.add("Flatten", net.add("GlobalAveragePool", y))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 4), transB=1))


def means():
    """Means over rows, over columns and over both, with and without what they leave behind."""
    net = Net("means", [4, 6, 5], opset=18)
    rows = net.add("ReduceMean", "input", net.constant(np.array([-2])), keepdims=1)
    columns = net.add("ReduceMean", "input", net.constant(np.array([3])), keepdims=1)
    both = net.add("ReduceMean", columns, net.constant(np.array([2])), keepdims=1)
    all_at_once = net.add("ReduceMean", "input", net.constant(np.array([2, -1])), keepdims=0)
    parts = [net.add("Flatten", part) for part in (rows, columns, both)]
    heads = [
        net.add("MatMul", part, net.weight(f"head{i}", size, 3))
        for i, (part, size) in enumerate(zip([*parts, all_at_once], (20, 24, 4, 4)))
    ]
    x = net.add("Relu", net.add("Concat", *heads, axis=1))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 12), transB=1))


def dense():
    """DenseNet: BatchNorm and ReLU of a Concat that others read, too, before its convolution."""
    net = Net("dense", [3, 6, 5], opset=17)
    features = [net.conv("input", "stem", 4, 3, 3)]
    for i in range(3):
        joined = net.add("Concat", *features, axis=1) if i else features[0]
        x = net.add("Relu", net.bn(joined, f"norm{i}a", 4 + 2 * i))
        x = net.conv(x, f"bottleneck{i}", 5, 4 + 2 * i)
        x = net.add("Relu", net.bn(x, f"norm{i}b", 5))
        features.append(net.conv(x, f"grow{i}", 2, 5, 3))
    x = net.add("Relu", net.bn(net.add("Concat", *features, axis=1), "last", 10))
    x = net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = net.add("Flatten", net.add("GlobalAveragePool", x))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 10), transB=1))


def keras():
    """A graph of tf2onnx: channels last outside, transposed around convolutions."""
    net = Net("keras", [8, 9, 3], opset=13)
    to_first, to_last = {"perm": [0, 3, 1, 2]}, {"perm": [0, 2, 3, 1]}
    # Preprocessing in the graph: of all pixels, then of each channel.
    x = net.add("Sub", net.add("Mul", "input", net.number(0.5)), net.number(0.1))
    x = net.add("Div", net.add("Sub", x, net.weight("mean", 3)), net.weight("std", 3, low=0.5))
    pads = net.constant(np.array([0, 0, 0, 0, 0, 1, 1, 0]))
    x = net.add("Transpose", net.add("Pad", x, pads), **to_first)
    x = net.add("Conv", x, net.weight("stem", 6, 3, 3, 3), strides=[2, 2])
    scale, shift = net.weight("scale", 1, 6, 1, 1), net.weight("shift", 1, 6, 1, 1)
    x = net.add("Add", net.add("Mul", x, scale), shift)
    x = net.add("Min", net.add("Relu", x), net.number(6))
    x = net.add("Conv", x, net.weight("dw", 6, 1, 3, 3), group=6, auto_pad="SAME_UPPER")
    x = net.add("Transpose", x, **to_last)
    x = net.add("Add", x, net.weight("late_shift", 6))
    x = net.add("Mul", x, net.add("Sigmoid", x))
    s = net.add("ReduceMean", x, axes=[1, 2], keepdims=0)
    s = net.add("Reshape", s, net.constant(np.array([-1, 1, 1, 6])))
    s = net.conv(net.add("Transpose", s, **to_first), "excite", 6, 6)
    s = net.add("Transpose", net.add("Sigmoid", s), **to_last)
    x = net.add("Concat", net.add("Mul", x, s), x, axis=-1)
    x = net.add("Slice", x, *[net.constant(np.array(v)) for v in ([1], [LARGEST], [2])])
    # Of 4 rows and 4 columns, one of which the slice took.
    features = 12 * 4 * 3
    flat = net.add("Reshape", x, net.constant(np.array([-1, features])))
    x = net.add("MatMul", flat, net.weight("d1", features, 7))
    x = net.add("Tanh", net.add("Add", x, net.weight("b1", 7)))
    x = net.add("Add", net.add("MatMul", x, net.weight("d2", 7, 3)), net.weight("b2", 3))
    net.save(x, name="input_channels_last")


def keras_gray():
    """One channel: tf2onnx transposes by Reshape."""
    net = Net("keras_gray", [6, 7, 1], opset=11)
    x = net.add("Div", "input", net.number(4))
    x = net.add("Reshape", x, net.constant(np.array([-1, 1, 6, 7])))
    x = net.add("Relu", net.conv(x, "conv", 4, 1, 3))
    x = net.conv(x, "one", 1, 4)
    x = net.add("Reshape", x, net.constant(np.array([-1, 6, 7, 1])))
    x = net.add("Transpose", x, perm=[0, 3, 1, 2])
    x = net.add("Squeeze", net.add("GlobalAveragePool", net.conv(x, "more", 5, 1)), axes=[2, 3])
    net.save(net.add("MatMul", x, net.weight("fc", 5, 3)), name="input_channels_last")


def shape_spelled():
    """The pads of F.pad as torch leaves them unfolded: a list that Shape reads, then others. A bias of
    which Shape reads the shape before and after the layer does."""
    net = Net("shape_spelled", [3, 8, 8])
    borders = numpy_helper.from_array(np.array([0, 1, 0, 1]), "borders")
    net.initializers.append(borders)
    bias = net.weight("conv.bias", 4, sigma=0.1)
    channels = net.add("Shape", bias)
    count = net.add("Gather", net.add("Shape", "borders"), net.constant(np.array(0)), axis=0)
    missing = net.add("Sub", net.constant(np.array(8)), count)
    missing = net.add("Unsqueeze", missing, net.constant(np.array([0])))
    zero = helper.make_tensor("", TensorProto.INT64, [1], [0])
    zeros = net.add("ConstantOfShape", missing, value=zero)
    x = net.add("Concat", net.add("Cast", "borders", to=TensorProto.INT64), zeros, axis=0)
    x = net.add("Reshape", x, net.constant(np.array([-1, 2])))
    x = net.add("Slice", x, *[net.constant(np.array([v])) for v in (-1, -LARGEST, 0, -1)])
    x = net.add("Reshape", net.add("Transpose", x, perm=[1, 0]), net.constant(np.array([-1])))
    x = net.add("Pad", "input", x)
    x = net.add("Conv", x, net.weight("conv.weight", 4, 3, 3, 3, sigma=0.1), bias, strides=[2, 2])
    x = net.add("GlobalAveragePool", net.add("Relu", x))
    # [-1, channels], from shapes that are read before and after the layer that has the bias.
    late = net.add("Div", net.add("Mul", net.add("Shape", bias), channels), channels)
    x = net.add("Reshape", x, net.add("Concat", net.constant(np.array([-1])), late, axis=0))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 5, 4, sigma=0.1), "", transB=1))


def operator_set(version):
    """One network with everything that operator sets spell differently."""
    net = Net(f"opset{version}", [3, 9, 9], opset=version)

    def ints(since, name, *values):
        """Numbers that are an attribute of the older sets, an input of the newer."""
        if version < since:
            return [], {name: list(values)}
        return [net.constant(np.array(values))], {}

    pads = [0, 0, 1, 0, 0, 0, 1, 2]
    if version < 11:
        x = net.add("Pad", "input", mode="constant", pads=pads, value=0.0)
    else:
        zero = [net.number(0)] if version % 2 else []
        x = net.add("Pad", "input", net.constant(np.array(pads)), *zero)
    x = net.add("Conv", x, net.weight("conv.weight", 4, 3, 3, 3, sigma=0.1))
    spatial = {"spatial": 1} if version < 9 else {}
    parts = [net.weight(f"bn.{i}", 4, low=0.1 if i == 3 else None) for i in range(4)]
    x = net.add("BatchNormalization", x, *parts, momentum=0.9, **spatial)
    if version < 11:
        x = net.add("Clip", x, min=0.0, max=1.5)
    else:
        x = net.add("Clip", x, net.number(0), net.number(1.5))
    storage = {"storage_order": 1} if version >= 8 else {}
    ceil = {"ceil_mode": 0, "dilations": [1, 1]} if version >= 10 else {}
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[1, 1], **storage, **ceil)
    if version < 10:
        x = net.add("Slice", x, axes=[3, 2], starts=[1, -6], ends=[LARGEST, LARGEST])
    else:
        bounds = ([1, -6], [LARGEST, LARGEST], [3, 2], [1, 1])
        x = net.add("Slice", x, *[net.constant(np.array(bound)) for bound in bounds])
    dilations = {"dilations": [2, 2]} if version >= 19 else {}
    x = net.add("AveragePool", x, kernel_shape=[2, 2], count_include_pad=1, pads=[1] * 4, **dilations)
    x = net.add("Dropout", x, **({"ratio": 0.3} if version < 12 else {}))
    axes, attributes = ints(18, "axes", 2, 3)
    x = net.add("ReduceMean", x, *axes, keepdims=0, **attributes)
    for op in ("Unsqueeze", "Squeeze"):
        axes, attributes = ints(13, "axes", 2)
        x = net.add(op, x, *axes, **attributes)
    x = net.add("PRelu", x, net.weight("slope", 1))
    x = net.add("Gemm", x, net.weight("fc.weight", 5, 4, sigma=0.1), net.weight("fc.bias", 5), transB=1)
    ir_version = {"ir_version": 12} if version > 22 else {}
    net.save(x, run=onnx_runtime, **ir_version)


def operator_sets():
    for version in (7, 8, 9, 10, 11, 12, 13, 17, 18, 19, 21, 22, 23, 24, 25):
        operator_set(version)


def functions():
    """Each function of one number where it is finite, as an operator and as graphs spell it out."""
    net = Net("functions", [3, 2, 2], opset=20)
    outputs = []

    def within(low=None, high=None):
        """The numbers of another convolution, within bounds."""
        name = f"conv{len(net.initializers)}"
        weight, bias = net.weight(f"{name}.weight", 2, 3, 1, 1), net.weight(f"{name}.bias", 2)
        x = net.add("Conv", "input", weight, bias)
        bounds = ["" if b is None else net.number(b) for b in (low, high)]
        return net.add("Clip", x, *bounds) if low is not None or high is not None else x

    everywhere = ("Abs", "Sign", "Exp", "Sin", "Cos", "Atan", "Sinh", "Cosh", "Asinh", "Softsign")
    for op in (*everywhere, "Floor", "Ceil", "Round"):
        outputs.append(net.add(op, within()))
    for op, low, high in (
        *(("Log", 0.05, 4), ("Sqrt", 0, 4), ("Reciprocal", 0.3, 4), ("Reciprocal", -4, -0.3)),
        *(("Tan", -1.2, 1.2), ("Asin", -1, 1), ("Acos", -1, 1), ("Acosh", 1.1, 5)),
        ("Atanh", -0.9, 0.9),
    ):
        outputs.append(net.add(op, within(low, high)))
    outputs.append(net.add("Celu", within(), alpha=0.6))
    outputs.append(net.add("ThresholdedRelu", within(), alpha=0.3))
    outputs.append(net.add("Shrink", within(), lambd=0.3, bias=0.1))
    outputs.append(net.add("Gelu", within(), approximate="tanh"))
    for exponent in (2, 3, 0.5, -1.5, -2):
        outputs.append(net.add("Pow", within(0.4), net.number(exponent)))
    outputs.append(net.add("Pow", within(), net.constant(np.array(2))))
    outputs.append(net.add("Pow", net.number(0.7), within()))
    x = within()
    outputs.append(net.add("Mul", x, x))
    x = within()
    outputs.append(net.add("Div", x, net.add("Add", net.add("Abs", x), net.number(1))))
    outputs.append(net.add("Div", net.number(0.5), within(0.3)))
    outputs.append(net.add("Div", net.weight("ratios", 2, 1, 1), within(0.3)))
    outputs.append(net.add("Div", within(), within(0.5)))
    outputs.append(net.add("Max", net.number(-0.5), within(), net.constant(np.full([1, 1], -0.3, "f"))))
    outputs.append(net.add("Min", within(), net.constant(np.full([2, 2, 2], 0.2, "f"))))
    x = within()
    outputs.append(net.add("Max", x, net.add("Mul", x, net.number(0.1)), net.number(-0.1)))
    x = within()
    small = net.add("Less", net.add("Abs", x), net.number(0.5))
    outputs.append(net.add("Where", small, net.add("Mul", x, x), net.add("Neg", x)))
    x = within()
    outside = net.add("Or", net.add("Less", x, net.number(-0.4)), net.add("Greater", x, net.number(0.6)))
    inside = net.add("And", net.add("Not", outside), net.add("LessOrEqual", x, net.number(0.5)))
    outputs.append(net.add("Mul", x, net.add("Cast", inside, to=TensorProto.FLOAT)))
    x = net.add("Concat", *outputs, axis=1)
    features = 2 * len(outputs)
    x = net.add("Flatten", net.add("GlobalAveragePool", x))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, features), transB=1), run=onnx_runtime)


def channels():
    """Channels in other orders, parts of them, and shuffles, before every kind of reader."""
    net = Net("channels", [3, 5, 4], opset=13)
    index = lambda *values: net.constant(np.array(values))
    # BGR to RGB: by Gather before a convolution, which takes the order up; by Split and Concat.
    x = net.add("Gather", "input", index(2, 1, 0), axis=1)
    x = net.add("Conv", x, net.weight("stem.weight", 8, 3, 3, 3, sigma=0.1), pads=[1] * 4)
    x = net.add("Relu", x)
    net.add("Split", "input", axis=1)
    net.nodes[-1].output[:] = ["red", "green", "blue"]
    y = net.add("Concat", "blue", "red", "green", axis=1)
    y = net.add("Conv", y, net.weight("other.weight", 4, 3, 1, 1, sigma=0.1))
    # Each plane by itself, as torchvision's GoogLeNet normalizes them.
    planes = []
    for i in range(3):
        plane = net.add("Gather", "input", net.constant(np.array(i)), axis=1)
        plane = net.add("Unsqueeze", plane, index(1))
        planes.append(net.add("Add", net.add("Mul", plane, net.number(0.5 + i)), net.number(i - 1)))
    z = net.add("Conv", net.add("Concat", *planes, axis=1), net.weight("third.weight", 4, 3, 1, 1))

    def shuffle(x, channels, groups, rows=(5, 4)):
        x = net.add("Reshape", x, index(-1, groups, channels // groups, *rows))
        perm = [0, 2, 1, *range(3, 3 + len(rows))]
        return net.add("Reshape", net.add("Transpose", x, perm=perm), index(-1, channels, 5, 4))

    # A unit of ShuffleNetV2.
    net.add("Split", x, index(3, 5), axis=1)
    net.nodes[-1].output[:] = ["left", "right"]
    right = net.add("Conv", "right", net.weight("right.weight", 5, 5, 1, 1, sigma=0.1))
    x = shuffle(net.add("Concat", "left", right, axis=1), 8, 2)
    x = net.add("Conv", x, net.weight("dw.weight", 8, 1, 3, 3), group=8, pads=[1] * 4)
    # Shuffles and slices, one after the other, are one selection.
    x = shuffle(shuffle(x, 8, 4), 8, 2, rows=(20,))
    x = net.add("Slice", x, index(-1), index(-LARGEST), index(1), index(-1))
    x = net.add("Slice", x, index(1), index(7), index(1), index(2))
    x = net.add("Relu", net.bn(x, "bn", 3))
    x = net.add("Concat", x, net.add("Tanh", net.add("Gather", y, index(3, 0), axis=1)), z, axis=1)
    # Features of a flattened picture: in ONNX's order.
    flat = net.add("Flatten", net.add("MaxPool", x, kernel_shape=[3, 2], strides=[2, 2]))
    some = net.add("Gather", flat, index(*range(35, 0, -2)), axis=1)
    some = net.add("MatMul", some, net.weight("some", 18, 3, sigma=0.1))
    flat = net.add("Reshape", flat, index(-1, 4, 9))
    flat = net.add("Reshape", net.add("Transpose", flat, perm=[0, 2, 1]), index(-1, 36))
    all_of_it = net.add("Gemm", flat, net.weight("all", 3, 36, sigma=0.1), transB=1)
    x = net.add("Relu", net.add("Concat", some, all_of_it, axis=1))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 6, sigma=0.1), transB=1), run=onnx_runtime)


def pooled():
    """SqueezeNet's end: a classifier with a ReLU, then the mean, then a Softmax."""
    net = Net("pooled", [3, 6, 5])
    x = net.add("Relu", net.conv("input", "stem", 6, 3, 3))
    x = net.add("GlobalAveragePool", net.add("Relu", net.conv(x, "classifier", 4, 6)))
    net.save(net.add("Flatten", net.add("LogSoftmax", x, axis=1)))


def flattened():
    """Logits that are a flattened picture: in ONNX's order."""
    net = Net("flattened", [3, 6, 5])
    x = net.add("Conv", "input", net.weight("conv.weight", 3, 3, 5, 4, sigma=0.1))
    net.save(net.add("Flatten", x))


def added():
    """Logits that are the sum of two classifiers', within bounds."""
    net = Net("added", [6])
    a, b = (net.add("MatMul", "input", net.weight(name, 6, 4)) for name in "ab")
    x = net.add("Mul", net.add("Tanh", net.add("Add", a, b)), net.number(5))
    net.save(x)


def ceiled():
    """Pools whose last windows end beyond the input, as GoogLeNet has them."""
    net = Net("ceiled", [3, 8, 7])
    x = net.conv("input", "conv", 4, 3, 3)
    x = net.add("MaxPool", x, kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)
    x = net.add("AveragePool", x, kernel_shape=[2, 3], strides=[3, 2], pads=[0, 1, 0, 0], ceil_mode=1)
    x = net.add("Flatten", net.add("Relu", x))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 16), transB=1), run=onnx_runtime)


def bordered():
    """A Pad, then a convolution that pads as well: more together than a window may."""
    net = Net("bordered", [3, 8, 8])
    pads = net.constant(np.array([0, 0, 1, 2, 0, 0, 2, 1], np.int64))
    x = net.add("Pad", "input", pads)
    x = net.add("Conv", x, net.weight("conv.weight", 4, 3, 3, 3), pads=[1, 1, 1, 1])
    x = net.add("Flatten", net.add("GlobalAveragePool", net.add("Relu", x)))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 4), transB=1))


def exported():
    """What PyTorch and bayes8-export wrote, kept as it is with its sigmas: only the answers are made."""
    for path in sorted((FOLDER / "exported").glob("*.onnx")):
        session = onnxruntime.InferenceSession(path)
        shape = [2 if isinstance(d, str) else d for d in session.get_inputs()[0].shape]
        pictures = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
        (output,) = session.run(None, {session.get_inputs()[0].name: pictures})
        answers = path.with_suffix(".safetensors")
        known = load_file(answers) if answers.exists() else {}
        sigmas = {name: sigma for name, sigma in known.items() if name.endswith(".sigma")}
        save_file({"input": pictures, "output": output, **sigmas}, answers)


FIXTURES = (
    *(residual, mobile, flatten, branches, fixed_batch),
    *(sequence, volume, transposed),
    *(activations, excitation, means, dense, keras, keras_gray),
    *(operator_sets, shape_spelled),
    *(functions, channels, pooled, flattened, added, ceiled, bordered, exported),
)
for fixture in FIXTURES:
    if len(sys.argv) == 1 or fixture.__name__ in sys.argv[1:]:
        fixture()
