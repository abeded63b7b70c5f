"""A network under construction, and its file with its results."""

import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).parent.parent
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
        """The subgraph that torch's exporter writes for F.pad's list."""
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
