"""Pools, means, borders and slices, and their results as logits."""

import numpy as np

from .net import LARGEST, Net, onnx_runtime


def flatten():
    """A picture flattened in (c, h, w) order, clamped after a pool, and LogSoftmax."""
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


def means():
    """Means over rows, over columns and over both, with and without the axes that they reduce."""
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
    """Pools whose last windows end beyond the input, as in GoogLeNet."""
    net = Net("ceiled", [3, 8, 7])
    x = net.conv("input", "conv", 4, 3, 3)
    x = net.add("MaxPool", x, kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)
    x = net.add("AveragePool", x, kernel_shape=[2, 3], strides=[3, 2], pads=[0, 1, 0, 0], ceil_mode=1)
    x = net.add("Flatten", net.add("Relu", x))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 16), transB=1), run=onnx_runtime)


def bordered():
    """A Pad, then a convolution that pads as well: together more than a window may."""
    net = Net("bordered", [3, 8, 8])
    pads = net.constant(np.array([0, 0, 1, 2, 0, 0, 2, 1], np.int64))
    x = net.add("Pad", "input", pads)
    x = net.add("Conv", x, net.weight("conv.weight", 4, 3, 3, 3), pads=[1, 1, 1, 1])
    x = net.add("Flatten", net.add("GlobalAveragePool", net.add("Relu", x)))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 4), transB=1))
