"""Networks after well-known ones: blocks of ResNet, MobileNet, DenseNet and others."""

import numpy as np

from .net import LARGEST, Net


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


def dense():
    """DenseNet: BatchNorm and ReLU of a Concat with several readers, before its convolution."""
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


def pooled():
    """SqueezeNet's end: a classifier with a ReLU, then the mean, then a Softmax."""
    net = Net("pooled", [3, 6, 5])
    x = net.add("Relu", net.conv("input", "stem", 6, 3, 3))
    x = net.add("GlobalAveragePool", net.add("Relu", net.conv(x, "classifier", 4, 6)))
    net.save(net.add("Flatten", net.add("LogSoftmax", x, axis=1)))
