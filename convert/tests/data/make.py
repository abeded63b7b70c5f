"""Writes the ONNX fixtures of this folder: tiny random networks and their results.

`networks/` has a function for each. NAME.onnx comes with NAME.safetensors: `input` (NCHW, or
`input_channels_last`), `output` by ONNX's own reference evaluator (ONNX Runtime where that lacks
groups), and, where the fixture has one, the posterior `INITIALIZER.sigma`. Run from anywhere:
`python make.py`, or `python make.py NAME...` (packages: onnx, onnxruntime, numpy, safetensors).
"""

import sys

from networks.architectures import dense, excitation, mobile, pooled, residual
from networks.axes import sequence, transposed, volume
from networks.channels import channels
from networks.exporters import exported, keras, keras_gray, shape_spelled
from networks.functions import activations, functions
from networks.operator_sets import operator_sets
from networks.windows import (
    added,
    bordered,
    branches,
    ceiled,
    fixed_batch,
    flatten,
    flattened,
    means,
)

FIXTURES = (
    *(residual, mobile, flatten, branches, fixed_batch),
    *(sequence, volume, transposed),
    *(activations, excitation, means, dense, keras, keras_gray),
    *(operator_sets, shape_spelled),
    *(functions, channels, pooled, flattened, added, ceiled, bordered, exported),
)
for fixture in FIXTURES:
    if len(sys.argv) == 1 or fixture.__name__ in sys.argv[1:]:
        fixture()
