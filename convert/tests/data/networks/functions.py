"""Activations and other functions of one number."""

import numpy as np
from onnx import TensorProto

from .net import Net, onnx_runtime


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
    # A clamp after a pool is part of the table before it.
    x = net.add("MaxPool", net.add("LeakyRelu", layer(), alpha=0.2), kernel_shape=[2, 2])
    last = net.add("Clip", x, net.number(-0.1), net.number(0.4))
    last = net.add("Elu", layer(), alpha=0.7)
    last = net.add("Selu", layer())
    last = net.add("PRelu", layer(), net.constant(np.full((1, 1, 1), 0.3, np.float32)))
    last = net.add("Sub", net.number(1), net.add("Tanh", layer()))
    x = net.add("GlobalAveragePool", layer())
    x = net.add("Sigmoid", net.add("Flatten", x))
    net.save(net.add("Gemm", x, net.weight("fc.weight", 3, 4), transB=1))


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
