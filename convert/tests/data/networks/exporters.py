"""Graphs as exporters write them: tf2onnx, PyTorch, and bayes8-export."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

from .net import FOLDER, LARGEST, Net


def keras():
    """A graph of tf2onnx: channels last outside, transposed around convolutions."""
    net = Net("keras", [8, 9, 3], opset=13)
    to_first, to_last = {"perm": [0, 3, 1, 2]}, {"perm": [0, 2, 3, 1]}
    # Preprocessing in the graph: for all pixels, then for each channel.
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
    # From 4 rows and 4 columns, one of which the slice took.
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


def exported():
    """Files of PyTorch and bayes8-export, kept unchanged with their sigmas: only the answers are computed."""
    for path in sorted((FOLDER / "exported").glob("*.onnx")):
        session = onnxruntime.InferenceSession(path)
        shape = [2 if isinstance(d, str) else d for d in session.get_inputs()[0].shape]
        pictures = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
        (output,) = session.run(None, {session.get_inputs()[0].name: pictures})
        answers = path.with_suffix(".safetensors")
        known = load_file(answers) if answers.exists() else {}
        sigmas = {name: sigma for name, sigma in known.items() if name.endswith(".sigma")}
        save_file({"input": pictures, "output": output, **sigmas}, answers)
