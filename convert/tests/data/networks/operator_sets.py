"""One network in the spelling of every operator set."""

import numpy as np

from .net import LARGEST, Net, onnx_runtime


def operator_set(version):
    """One network with everything that operator sets spell differently."""
    net = Net(f"opset{version}", [3, 9, 9], opset=version)

    def ints(since, name, *values):
        """Numbers that are an attribute in older sets and an input in newer ones."""
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
