"""Runs the ONNX project's tests of operators against the converter's FP32 reference.

    python benchmarks/check_onnx_nodes.py

needs `pip install -r benchmarks/requirements-import.txt` and
`cargo build --release -p bayes8-convert --example mean_logits`.

The package `onnx` makes the tests: small models, nearly all with one node, with inputs and outputs. All of
them go through the importer unchanged, and any crash is a failure. Tests of operators that the importer
supports are also computed. It takes networks with one input `[n, ..]` and one output `[n, classes]`, so each
test is wrapped in such a network:

- the test's first float input becomes the network's, with the same axes; where the operator works on each
  element, an input without a batch gets a batch of 1;
- its other inputs become initializers with the test's numbers; where that is refused, inputs of one shape are
  stacked along the channels instead, and a Split separates them;
- its output is flattened and multiplied by a random matrix: the network must give the product of that matrix
  and the expected output. A Softmax ends the network and is computed from its logits.

Prints how many tests pass, and why the others cannot; the exit code is 1 if a model crashes the importer or an
operator computes something else.
"""

import argparse
import collections
import concurrent.futures
import pathlib
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from common import add_mean_logits, kind_of_refusal
from common import run as run_program

# Operators that work on each element, or add, multiply or choose elements of several inputs.
ELEMENTWISE = set(
    "Abs Acos Acosh Add And Asin Asinh Atan Atanh Cast Ceil Celu Clip Cos Cosh Div Elu Equal Erf Exp Floor "
    "Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity LeakyRelu Less LessOrEqual Log Max Min Mish "
    "Mul Neg Not Or Pow PRelu Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt "
    "Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor".split()
)
SUPPORTED = ELEMENTWISE | set(
    "AveragePool BatchNormalization Concat Constant ConstantOfShape Conv ConvTranspose Dropout Flatten Gather "
    "Gemm GlobalAveragePool LogSoftmax MatMul MaxPool Pad ReduceMean ReduceProd Reshape Shape Slice Softmax "
    "Split Squeeze Transpose Unsqueeze".split()
)
COLUMNS = 5
TOLERANCE = 1e-5
# Tests whose expected numbers have four digits.
ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad"}


class Impossible(Exception):
    """Why a test cannot be a network; tests of a kind have the same text."""


def wrapped(test, newest, stacked):
    """The test as a network, its input, its expected output, and the magnitude of its sums."""
    model = onnx.ModelProto()
    model.CopyFrom(test.model)
    limit_operator_set(model, newest)
    graph = model.graph
    inputs, expected = test.data_sets[0]
    arrays = {info.name: value for info, value in zip(graph.input, inputs)}
    if not all(isinstance(value, (np.ndarray, np.generic)) for value in arrays.values()):
        raise Impossible("an input is a sequence, or of a type that NumPy does not have")
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    floats = [name for name, value in arrays.items() if value.dtype == np.float32]
    if not floats:
        raise Impossible("no input is of type FLOAT")
    output, expected = graph.output[0].name, np.asarray(expected[0])
    if expected.dtype not in (np.float32, np.bool_):
        raise Impossible("the first output is not of type FLOAT or BOOL")
    x = arrays[floats[0]]
    if x.size == 0 or expected.size == 0:
        raise Impossible("an input or output is empty")
    ops = {node.op_type for node in graph.node}
    if x.ndim < 2:
        if not ops <= ELEMENTWISE | {"Constant"} or x.shape != expected.shape:
            raise Impossible("the input has no axes [n, C]")
        x, expected = x.reshape(1, -1), expected.reshape(1, -1)
    if not expected.ndim or expected.shape[0] != x.shape[0]:
        raise Impossible("the batch is an axis like any other: reduced, moved or repeated")
    merged = [floats[0]]
    if stacked:
        merged = [name for name in floats if arrays[name].shape == arrays[floats[0]].shape]
        if len(merged) < 2 or x.ndim != arrays[floats[0]].ndim:
            raise Impossible("no second input of the same shape")
        x = np.concatenate([arrays[name] for name in merged], axis=1)
        graph.node.insert(0, helper.make_node("Split", ["stacked"], merged, axis=1))
    for name, value in arrays.items():
        if name not in merged:
            graph.initializer.append(numpy_helper.from_array(value, name))
    name = "stacked" if stacked else floats[0]
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape))
    del graph.output[:]
    if graph.node[-1].op_type in ("Softmax", "LogSoftmax"):
        graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
        return model, x, expected.reshape(len(x), -1), 1.0
    if expected.dtype == np.bool_:
        graph.node.append(helper.make_node("Cast", [output], ["number"], to=TensorProto.FLOAT))
        output = "number"
    flat = expected.reshape(len(x), -1).astype(np.float32)
    matrix = np.random.default_rng(0).normal(size=(flat.shape[1], COLUMNS)).astype(np.float32)
    graph.initializer.append(numpy_helper.from_array(matrix, "projection"))
    graph.node.append(helper.make_node("Flatten", [output], ["flat"], axis=1))
    graph.node.append(helper.make_node("MatMul", ["flat", "projection"], ["projected"]))
    graph.output.append(
        helper.make_tensor_value_info("projected", TensorProto.FLOAT, [None, COLUMNS])
    )
    return model, x, flat @ matrix, np.abs(flat) @ np.abs(matrix)


def limit_operator_set(model, newest):
    """Names the operator set `newest` if the nodes mean the same there, except for types."""
    for opset in model.opset_import:
        if opset.domain or opset.version <= newest:
            continue
        for node in model.graph.node:
            own = onnx.defs.get_schema(node.op_type, opset.version)
            try:
                ours = onnx.defs.get_schema(node.op_type, newest)
            except onnx.defs.SchemaError:
                raise Impossible(f"operators that are newer than set {newest}") from None
            if own.since_version != ours.since_version and form(own) != form(ours):
                raise Impossible(f"operators that changed after set {newest}")
        opset.version = newest


def form(schema):
    """The names of an operator's attributes, inputs and outputs."""
    return (
        sorted(schema.attributes),
        [x.name for x in schema.inputs],
        [x.name for x in schema.outputs],
    )


def run(tool, model, inputs, folder):
    """Logits of the FP32 reference; raises what the tool prints."""
    path, x, logits = folder / "network.onnx", folder / "x.npy", folder / "logits.npy"
    path.write_bytes(model.SerializeToString())
    np.save(x, inputs)
    result = run_program([tool, path, x, logits])
    if result.returncode not in (0, 1):
        raise SystemError(f"exit code {result.returncode}: {result.stderr.strip()}")
    if result.returncode == 1:
        raise RuntimeError(result.stdout.strip() or result.stderr.strip())
    return np.load(logits)


def check(test, options):
    """`passed`, `wrong`, `crash`, `unknown`, or `impossible`, and why."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        try:
            run(options.mean_logits, test.model, np.zeros((1, 1), np.float32), folder)
        except SystemError as crash:
            return "crash", str(crash)
        except RuntimeError:
            pass
        nodes = test.model.graph.node
        if not all(node.op_type in SUPPORTED and not node.domain for node in nodes):
            return "unknown", ""
        why = None
        for stacked in (False, True):
            try:
                model, inputs, expected, size = wrapped(test, options.operator_set, stacked)
                found = run(options.mean_logits, model, inputs, folder)
            except Impossible as problem:
                why = why or str(problem)
                continue
            except SystemError as crash:
                return "crash", str(crash)
            except RuntimeError as problem:
                why = why or kind_of_refusal(str(problem))
                continue
            if nodes[-1].op_type in ("Softmax", "LogSoftmax"):
                found = found - found.max(axis=1, keepdims=True)
                found -= np.log(np.exp(found).sum(axis=1, keepdims=True))
                found = found if nodes[-1].op_type == "LogSoftmax" else np.exp(found)
            error = np.abs(found - expected) / np.maximum(size, 1e-6)
            if (
                found.shape == expected.shape
                and (error <= (test.rtol if test.name in ROUNDED else TOLERANCE)).all()
            ):
                return "passed", ""
            return "wrong", f"relative error {error.max():.1e}"
        return "impossible", why


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_mean_logits(parser)
    parser.add_argument(
        "--operator-set", type=int, default=25, help="the newest that bayes8 imports"
    )
    parser.add_argument("--only", help="only tests whose names contain this, one line each")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        tests = collect_testcases(None)
    tests = [test for test in tests if (options.only or "") in test.name]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda test: check(test, options), tests))
    kinds = collections.defaultdict(list)
    for test, (kind, why) in zip(tests, results):
        kinds[kind].append((test.name, why))
        if options.only:
            print(f"{test.name}  {kind}  {why}")
    ours = len(tests) - len(kinds["unknown"]) - len(kinds["crash"])
    print(f"onnx {onnx.__version__}: {len(tests)} models imported, {len(kinds['crash'])} crashed")
    print(
        f"{len(kinds['passed'])} of {ours} tests of supported operators pass, {len(kinds['wrong'])} fail"
    )
    print(f"{len(kinds['impossible'])} cannot be run:")
    counts = collections.Counter()
    operators = collections.defaultdict(set)
    for _, why in kinds["impossible"]:
        operator, separator, text = why.partition(": ")
        counts[text or operator] += 1
        operators[text or operator].update([operator] if separator else [])
    for why, count in counts.most_common():
        names = ", ".join(sorted(operators[why]))
        print(f"  {count:4}  {why}{f' ({names})' if names else ''}")
    for kind in ("crash", "wrong"):
        for name, why in kinds[kind]:
            print(f"{kind.upper()} {name}: {why}")
    sys.exit(bool(kinds["crash"] or kinds["wrong"]))


if __name__ == "__main__":
    main()
