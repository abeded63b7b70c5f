"""Writes networks whose inputs have their axes in every order, and the answers of ONNX Runtime.

Each NAME.onnx is a tiny random network; `answers.safetensors` has for each `NAME.input`, in the order
of the file's axes, and `NAME.output`. Run from anywhere: `python make.py` (packages: onnx,
onnxruntime, numpy, safetensors).
"""

import math
import pathlib
import re

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper, parser
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).parent

# Name: type of the input, and the nodes between `x` and `logits`. WEIGHT[shape] is a random constant,
# LIST[..] one of integers.
CASES = {
    # PyTorch: channels first, shown by the first window, or by the number of channels.
    "nchw_conv": (
        "float[n, 2, 5, 4]",
        """a = Conv <pads = [1, 1, 1, 1]> (x, WEIGHT[3, 2, 3, 3], WEIGHT[3])
        b = Relu (a)
        c = Flatten (b)
        logits = Gemm <transB = 1> (c, WEIGHT[3, 60])""",
    ),
    "nchw_flatten": (
        "float[n, 3, 5, 2]",
        """a = Flatten (x)
        logits = Gemm <transB = 1> (a, WEIGHT[3, 30], WEIGHT[3])""",
    ),
    "nchw_reshape": (
        "float[n, 3, 5, 2]",
        """a = Reshape (x, LIST[-1, 30])
        logits = MatMul (a, WEIGHT[30, 3])""",
    ),
    "nchw_normalized": (
        "float[n, 2, 5, 4]",
        """a = Sub (x, WEIGHT[1, 2, 1, 1])
        b = Flatten (a)
        logits = MatMul (b, WEIGHT[40, 3])""",
    ),
    # How a TensorFlow graph with channels first flattens.
    "nchw_transpose_flatten": (
        "float[n, 3, 5, 4]",
        """a = Transpose <perm = [0, 2, 3, 1]> (x)
        b = Flatten (a)
        logits = MatMul (b, WEIGHT[60, 3])""",
    ),
    "nchw_flatten_axis": (
        "float[n, 1, 5, 2]",
        """a = Flatten <axis = 2> (x)
        logits = MatMul (a, WEIGHT[10, 3])""",
    ),
    "nchw_fixed_batch": (
        "float[2, 3, 5, 2]",
        """a = Reshape (x, LIST[2, 30])
        logits = MatMul (a, WEIGHT[30, 3])""",
    ),
    "nchw_batch_norm": (
        "float[n, 2, 5, 4]",
        """a = BatchNormalization (x, WEIGHT[2], WEIGHT[2], WEIGHT[2], POSITIVE[2])
        b = Relu (a)
        c = Flatten (b)
        logits = MatMul (c, WEIGHT[40, 3])""",
    ),
    # The target of PyTorch's `x.view(x.size(0), -1)`.
    "nchw_view": (
        "float[n, 3, 5, 2]",
        """s = Shape (x)
        zero = Constant <value = int64 {0}> ()
        n = Gather <axis = 0> (s, zero)
        first = Constant <value = int64[1] {0}> ()
        m = Unsqueeze (n, first)
        rest = Constant <value = int64[1] {-1}> ()
        target = Concat <axis = 0> (m, rest)
        a = Reshape (x, target)
        logits = MatMul (a, WEIGHT[30, 3])""",
    ),
    "nchw_concat": (
        "float[n, 2, 5, 4]",
        """a = Conv (x, WEIGHT[3, 2, 1, 1])
        b = Concat <axis = 1> (x, a)
        c = Transpose <perm = [0, 2, 3, 1]> (b)
        d = Flatten (c)
        logits = MatMul (d, WEIGHT[100, 3])""",
    ),
    # Keras: channels last, shown by the way to the first window, or by the number of channels.
    "nhwc_flatten": (
        "float[n, 5, 4, 1]",
        """a = Flatten (x)
        logits = MatMul (a, WEIGHT[20, 3])""",
    ),
    "nhwc_flatten_rgb": (
        "float[n, 5, 4, 3]",
        """a = Reshape (x, LIST[-1, 60])
        b = MatMul (a, WEIGHT[60, 3])
        logits = Add (b, WEIGHT[3])""",
    ),
    "nhwc_normalized": (
        "float[n, 5, 4, 2]",
        """a = Sub (x, WEIGHT[2])
        b = Div (a, POSITIVE[2])
        c = Flatten (b)
        logits = MatMul (c, WEIGHT[40, 3])""",
    ),
    "nhwc_transpose_conv": (
        "float[n, 5, 4, 2]",
        """a = Transpose <perm = [0, 3, 1, 2]> (x)
        b = Conv (a, WEIGHT[3, 2, 2, 2])
        c = Relu (b)
        d = Transpose <perm = [0, 2, 3, 1]> (c)
        e = Reshape (d, LIST[-1, 36])
        logits = MatMul (e, WEIGHT[36, 3])""",
    ),
    "nhwc_reshape_conv": (
        "float[n, 5, 4, 1]",
        """a = Reshape (x, LIST[-1, 1, 5, 4])
        b = Conv (a, WEIGHT[3, 1, 2, 2])
        c = Relu (b)
        d = Transpose <perm = [0, 2, 3, 1]> (c)
        e = Reshape (d, LIST[0, -1])
        logits = MatMul (e, WEIGHT[36, 3])""",
    ),
    "nhwc_squeeze": (
        "float[n, 5, 4, 1]",
        """a = Squeeze (x, LIST[3])
        b = Reshape (a, LIST[-1, 20])
        logits = MatMul (b, WEIGHT[20, 3])""",
    ),
    "nhwc_transpose_flatten": (
        "float[n, 5, 4, 3]",
        """a = Transpose <perm = [0, 3, 1, 2]> (x)
        b = Flatten (a)
        logits = MatMul (b, WEIGHT[60, 3])""",
    ),
    "nhwc_mean": (
        "float[n, 5, 4, 6]",
        """a = ReduceMean <axes = [1, 2], keepdims = 0> (x)
        logits = MatMul (a, WEIGHT[6, 3])""",
    ),
    # One channel, whose axis is left out.
    "nhw_flatten": (
        "float[n, 5, 4]",
        """a = Flatten (x)
        logits = MatMul (a, WEIGHT[20, 3])""",
    ),
    "nhw_reshape": (
        "float[n, 5, 5]",
        """s = Div (x, NUMBER[255])
        a = Reshape (s, LIST[-1, 25])
        b = MatMul (a, WEIGHT[25, 6])
        c = Relu (b)
        logits = MatMul (c, WEIGHT[6, 3])""",
    ),
    "nhw_unsqueeze_conv": (
        "float[n, 5, 4]",
        """a = Unsqueeze (x, LIST[1])
        b = Conv (a, WEIGHT[3, 1, 2, 2])
        c = Relu (b)
        d = Flatten (c)
        logits = MatMul (d, WEIGHT[36, 3])""",
    ),
    "nhw_reshape_conv": (
        "float[n, 5, 4]",
        """a = Reshape (x, LIST[-1, 5, 4, 1])
        b = Transpose <perm = [0, 3, 1, 2]> (a)
        c = Conv (b, WEIGHT[3, 1, 2, 2])
        d = GlobalAveragePool (c)
        e = Squeeze (d, LIST[2, 3])
        logits = MatMul (e, WEIGHT[3, 3])""",
    ),
    # Sequences.
    "ncl_conv": (
        "float[n, 3, 9]",
        """a = Conv (x, WEIGHT[4, 3, 3])
        b = Relu (a)
        c = Flatten (b)
        logits = MatMul (c, WEIGHT[28, 3])""",
    ),
    "nlc_transpose_conv": (
        "float[n, 9, 3]",
        """a = Transpose <perm = [0, 2, 1]> (x)
        b = Conv (a, WEIGHT[4, 3, 3])
        c = Relu (b)
        d = Transpose <perm = [0, 2, 1]> (c)
        e = Flatten (d)
        logits = MatMul (e, WEIGHT[28, 3])""",
    ),
    # How Conv1D of Keras is exported.
    "nlc_expand_conv": (
        "float[n, 9, 3]",
        """a = Unsqueeze (x, LIST[1])
        b = Transpose <perm = [0, 3, 1, 2]> (a)
        c = Conv (b, WEIGHT[4, 3, 1, 3])
        d = Transpose <perm = [0, 2, 3, 1]> (c)
        e = Squeeze (d, LIST[1])
        f = Relu (e)
        g = Reshape (f, LIST[-1, 28])
        logits = MatMul (g, WEIGHT[28, 3])""",
    ),
    # Volumes.
    "ncdhw_flatten": (
        "float[n, 1, 3, 5, 2]",
        """a = Flatten (x)
        logits = MatMul (a, WEIGHT[30, 3])""",
    ),
    "ncdhw_conv": (
        "float[n, 2, 3, 5, 4]",
        """a = Conv (x, WEIGHT[3, 2, 2, 2, 2])
        b = Flatten (a)
        logits = MatMul (b, WEIGHT[72, 3])""",
    ),
    "ndhwc_flatten": (
        "float[n, 2, 5, 4, 3]",
        """a = Flatten (x)
        logits = MatMul (a, WEIGHT[120, 3])""",
    ),
    "ndhwc_transpose_conv": (
        "float[n, 3, 5, 4, 2]",
        """a = Transpose <perm = [0, 4, 1, 2, 3]> (x)
        b = Conv (a, WEIGHT[3, 2, 2, 2, 2])
        c = Transpose <perm = [0, 2, 3, 4, 1]> (b)
        d = Flatten (c)
        logits = MatMul (d, WEIGHT[72, 3])""",
    ),
    # Features.
    "nc_normalized": (
        "float[n, 6]",
        """a = Sub (x, WEIGHT[6])
        b = Div (a, POSITIVE[6])
        c = MatMul (b, WEIGHT[6, 5])
        d = Relu (c)
        logits = MatMul (d, WEIGHT[5, 3])""",
    ),
    # Types other than float32.
    "nhwc_bytes": (
        "uint8[n, 5, 4, 3]",
        """a = Cast <to = 1> (x)
        b = Div (a, NUMBER[255])
        c = Transpose <perm = [0, 3, 1, 2]> (b)
        d = Conv (c, WEIGHT[3, 3, 2, 2])
        e = Relu (d)
        f = Flatten (e)
        logits = MatMul (f, WEIGHT[36, 3])""",
    ),
    "nhw_bytes": (
        "uint8[n, 5, 4]",
        """a = Reshape (x, LIST[-1, 20])
        b = Cast <to = 1> (a)
        c = Mul (b, NUMBER[0.0078125])
        d = Sub (c, NUMBER[1])
        logits = MatMul (d, WEIGHT[20, 3])""",
    ),
    "nchw_double": (
        "double[n, 3, 5, 2]",
        """a = Cast <to = 1> (x)
        b = Flatten (a)
        logits = MatMul (b, WEIGHT[30, 3])""",
    ),
    # Extents that the file leaves open.
    "nchw_open": (
        "float[n, 3, h, w]",
        """a = Conv (x, WEIGHT[4, 3, 3, 3])
        b = Relu (a)
        c = GlobalAveragePool (b)
        d = Flatten (c)
        logits = MatMul (d, WEIGHT[4, 3])""",
    ),
}


def make(name, kind, nodes):
    """The model of a case; its constants are drawn here."""
    random = np.random.default_rng([*name.encode()])
    constants = []

    def constant(found):
        what = found[1]
        numbers = [float(number) for number in found[2].split(",")]
        if what == "LIST":
            value = np.array(numbers, np.int64)
        elif what == "NUMBER":
            value = np.float32(numbers[0])
        else:
            shape = [int(number) for number in numbers]
            fan_in = max(1, math.prod(shape[1:]))
            value = random.normal(0, fan_in**-0.5, shape).astype(np.float32)
            if what == "POSITIVE":
                value = np.abs(value) + np.float32(0.5)
        constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(constants)}"))
        return constants[-1].name

    nodes = re.sub(r"(WEIGHT|POSITIVE|LIST|NUMBER)\[([^]]*)\]", constant, nodes)
    model = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 13]>
        {name} ({kind} x) => (float[n, 3] logits) {{ {nodes} }}"""
    )
    model.graph.initializer.extend(constants)
    onnx.checker.check_model(model)
    type_name, extents = re.fullmatch(r"(\w+)\[(.*)\]", kind).groups()
    open_extents = {"n": 2, "h": 5, "w": 4}
    shape = [open_extents.get(e) or int(e) for e in extents.split(", ")]
    if type_name == "uint8":
        return model, random.integers(0, 256, shape, np.uint8)
    return model, random.normal(0, 1, shape).astype({"float": "f4", "double": "f8"}[type_name])


def main():
    answers = {}
    for name, (kind, nodes) in CASES.items():
        model, pictures = make(name, kind, nodes)
        onnx.save(model, FOLDER / f"{name}.onnx")
        session = onnxruntime.InferenceSession(model.SerializeToString())
        (answers[f"{name}.output"],) = session.run(None, {"x": pictures})
        answers[f"{name}.input"] = pictures.astype(np.float32)
    save_file(answers, FOLDER / "answers.safetensors")


if __name__ == "__main__":
    main()
