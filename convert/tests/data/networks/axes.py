"""Networks over one axis and over three."""

import numpy as np

from .net import LARGEST, Net, onnx_runtime


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
