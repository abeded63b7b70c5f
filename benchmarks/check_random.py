"""Compares the converter's FP32 reference with ONNX Runtime on random graphs that move axes around.

    python benchmarks/check_random.py --count 500

needs `pip install -r benchmarks/requirements-import.txt` and
`cargo build --release -p bayes8-convert --example mean_logits`.

Each graph has an input of two to five axes and random nodes that transpose, reshape, slice, pad,
concatenate, reduce and convolve. The converter may refuse a graph but must not misread one: the exit
code is 1 if logits differ. Prints how many agree, and why the others are refused.
"""

import argparse
import collections
import pathlib
import re
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from common import add_mean_logits, kind_of_refusal, onnx_logits, onnx_session, run

BATCH = 2
CLASSES = 3


class Graph:
    """A graph under construction: the last value and its extents, batch first."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers = [], []
        self.value = "input"
        axes = int(self.random.integers(1, 5))
        self.extents = [BATCH, *self.random.choice([1, 2, 3, 4, 5, 6], axes)]
        self.extents = self.input = [int(extent) for extent in self.extents]
        self.fixed = self.random.random() < 0.2

    def constant(self, value):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, *shape):
        return self.constant(self.random.normal(0, 0.5, shape).astype(np.float32))

    def integers(self, *values):
        return self.constant(np.array(values, np.int64))

    def add(self, op, extents, *inputs, **attributes):
        output = f"{op.lower()}{len(self.nodes)}"
        inputs = [self.value, *inputs]
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        self.value, self.extents = output, [int(extent) for extent in extents]

    def axis(self):
        return int(self.random.integers(1, len(self.extents)))

    def relu(self):
        self.add("Relu", self.extents)

    def transpose(self):
        rank = len(self.extents)
        order = list(range(1, rank))
        if self.random.random() < 0.8:  # Channels to the front or to the end.
            order = (
                [order[-1], *order[:-1]] if self.random.random() < 0.5 else [*order[1:], order[0]]
            )
        else:
            self.random.shuffle(order)
        order = [0, *map(int, order)]
        self.add("Transpose", [self.extents[i] for i in order], perm=order)

    def unsqueeze(self):
        if len(self.extents) < 5:
            axis = int(self.random.integers(1, len(self.extents) + 1))
            extents = [*self.extents[:axis], 1, *self.extents[axis:]]
            self.add("Unsqueeze", extents, self.integers(axis))

    def squeeze(self):
        ones = [i for i, extent in enumerate(self.extents) if extent == 1 and i > 0]
        if ones and len(self.extents) > 2:
            axis = int(self.random.choice(ones))
            extents = [extent for i, extent in enumerate(self.extents) if i != axis]
            self.add("Squeeze", extents, self.integers(axis))

    def reshape(self):
        """To the same extents with axes of 1 in other places, or with two axes joined."""
        inner = self.extents[1:]
        if self.random.random() < 0.5:
            inner = [extent for extent in inner if extent != 1] or [1]
            for _ in range(int(self.random.integers(0, 5 - len(inner)))):
                inner.insert(int(self.random.integers(0, len(inner) + 1)), 1)
        elif len(inner) > 1:
            i = int(self.random.integers(0, len(inner) - 1))
            inner = [*inner[:i], inner[i] * inner[i + 1], *inner[i + 2 :]]
        first = BATCH if self.fixed else int(self.random.choice([0, -1]))
        self.add("Reshape", [BATCH, *inner], self.integers(first, *inner))

    def flatten(self):
        self.add("Flatten", [BATCH, int(np.prod(self.extents[1:]))])

    def convolution(self):
        if len(self.extents) > 2:
            outputs = int(self.random.integers(1, 5))
            kernel = [int(self.random.integers(1, min(3, e) + 1)) for e in self.extents[2:]]
            extents = [e - k + 1 for e, k in zip(self.extents[2:], kernel)]
            weight = self.weight(outputs, self.extents[1], *kernel)
            self.add("Conv", [BATCH, outputs, *extents], weight, self.weight(outputs))

    def pool(self):
        if len(self.extents) > 2:
            kernel = [int(self.random.integers(1, min(2, e) + 1)) for e in self.extents[2:]]
            extents = [e - k + 1 for e, k in zip(self.extents[2:], kernel)]
            op = str(self.random.choice(["MaxPool", "AveragePool"]))
            self.add(op, [*self.extents[:2], *extents], kernel_shape=kernel)

    def global_pool(self):
        if len(self.extents) > 2:
            self.add("GlobalAveragePool", [*self.extents[:2], *[1] * (len(self.extents) - 2)])

    def batch_normalization(self):
        c = self.extents[1]
        variance = self.constant((1 + self.random.random(c)).astype(np.float32))
        weights = [self.weight(c) for _ in range(3)]
        self.add("BatchNormalization", self.extents, *weights, variance)

    def mean(self):
        axes = [i for i in range(1, len(self.extents)) if self.random.random() < 0.5]
        keep = int(self.random.integers(0, 2))
        kept = [
            1 if i in axes else extent
            for i, extent in enumerate(self.extents)
            if keep or i not in axes
        ]
        if axes and len(kept) > 1:
            self.add("ReduceMean", kept, axes=axes, keepdims=keep)

    def slice(self):
        axis = self.axis()
        extent = self.extents[axis]
        if extent > 1:
            start = int(self.random.integers(0, extent - 1))
            extents = [*self.extents]
            extents[axis] = extent - start
            bounds = [self.integers(value) for value in (start, extent, axis)]
            self.add("Slice", extents, *bounds)

    def pad(self):
        axis = self.axis()
        before, after = (int(n) for n in self.random.integers(0, 2, 2))
        pads = [0] * (2 * len(self.extents))
        pads[axis], pads[axis + len(self.extents)] = before, after
        extents = [*self.extents]
        extents[axis] += before + after
        self.add("Pad", extents, self.integers(*pads))

    def concat(self):
        axis, other, extents = self.axis(), self.value, [*self.extents]
        extents[axis] *= 2
        self.relu()
        self.add("Concat", extents, other, axis=axis)

    def arithmetic(self):
        shape = [1] * len(self.extents)
        axis = self.axis()
        shape[axis] = self.extents[axis]
        op = str(self.random.choice(["Add", "Mul", "Sub"]))
        drop = int(self.random.integers(0, axis + 1))
        self.add(op, self.extents, self.weight(*shape[drop:]))

    def sum(self):
        other, extents = self.value, self.extents
        self.relu()
        self.add("Add", extents, other)

    def model(self):
        steps = [
            *[self.relu, self.transpose, self.transpose, self.unsqueeze, self.squeeze],
            *[self.reshape, self.reshape, self.convolution, self.convolution, self.pool],
            *[self.global_pool, self.batch_normalization, self.mean, self.slice, self.pad],
            *[self.concat, self.arithmetic, self.sum, self.flatten],
        ]
        for _ in range(int(self.random.integers(1, 7))):
            steps[int(self.random.integers(0, len(steps)))]()
        self.flatten()
        self.add("MatMul", [BATCH, CLASSES], self.weight(self.extents[1], CLASSES))
        batch = BATCH if self.fixed else "n"
        tensor = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            "random",
            [tensor("input", TensorProto.FLOAT, [batch, *self.input[1:]])],
            [tensor(self.value, TensorProto.FLOAT, [None, CLASSES])],
            self.initializers,
        )
        opsets = [helper.make_opsetid("", 13)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_mean_logits(parser)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        expected, arguments = {}, []
        for seed in range(options.seed, options.seed + options.count):
            graph = Graph(seed)
            model = graph.model()
            pictures = graph.random.normal(0, 1, graph.input).astype(np.float32)
            expected[seed] = onnx_logits(onnx_session(model.SerializeToString()), pictures)
            onnx.save(model, folder / f"{seed}.onnx")
            np.save(folder / f"{seed}.npy", pictures)
            arguments += [folder / f"{seed}.{end}" for end in ("onnx", "npy", "logits.npy")]
        result = run([options.mean_logits, *arguments])
        if "refused" not in result.stderr and result.returncode != 0:
            sys.exit(result.stderr)
        refusals = re.findall(r"^cannot import .*", result.stdout, re.MULTILINE)
        reasons = collections.Counter(kind_of_refusal(refusal) for refusal in refusals)
        agree, failed = 0, False
        for seed, logits in expected.items():
            path = folder / f"{seed}.logits.npy"
            if not path.exists():
                continue
            error = np.abs(np.load(path) - logits).max() / max(1, np.abs(logits).max())
            agree += error <= options.tolerance
            if error > options.tolerance:
                print(f"seed {seed}: {error:.1e}")
                failed = True
    print(f"{agree} of {len(expected)} agree; refused:")
    for refusal, count in reasons.most_common():
        print(f"{count:6} {refusal[:110]}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
