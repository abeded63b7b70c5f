"""Channels in other orders."""

import numpy as np

from .net import LARGEST, Net, onnx_runtime


def channels():
    """Channels in other orders, parts of them, and shuffles, before every kind of reader."""
    net = Net("channels", [3, 5, 4], opset=13)
    index = lambda *values: net.constant(np.array(values))
    # BGR to RGB: by Gather before a convolution, which takes up the order; by Split and Concat.
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
