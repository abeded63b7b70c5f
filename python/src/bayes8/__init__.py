"""INT8 Bayesian neural networks that know when they don't know.

A Bayesian network has a distribution over its weights. A prediction runs it once per weight sample;
the spread of the answers tells how sure the network is. The same model, pictures, seed and samples
give the same bits on every machine, with any number of threads and in any batch.

    import bayes8

    model = bayes8.load("cifar10-resnet20.safetensors")
    p = model.predict(pictures, samples=32, seed=7)  # uint8 [N, H, W, C]
    p.probabilities, p.std, p.mutual_information  # [N, C], [N, C], [N]

A model may also give independent labels or the targets of a regression, or have several outputs,
and take numbers instead of pictures: `Model.outputs` and `Model.values` say so.

`load` reads a model, `quantize` makes one from a trained network, and `evaluate` measures it.
`bayes8.export` exports PyTorch models (`pip install "bayes8[torch]"`), and `bayes8.sklearn` has a
classifier and a regressor for scikit-learn.
"""

from ._bayes8 import Error, Model, Prediction, Report, Stream, __version__
from ._evaluate import evaluate
from ._files import load
from ._outputs import (
    ClassErrors,
    ClassFigures,
    ClassOutput,
    Conformal,
    LabelErrors,
    LabelFigures,
    LabelOutput,
    Target,
    TargetErrors,
    TargetFigures,
    TargetOutput,
)
from ._quantize import quantize

__all__ = [
    "ClassErrors",
    "ClassFigures",
    "ClassOutput",
    "Conformal",
    "Error",
    "LabelErrors",
    "LabelFigures",
    "LabelOutput",
    "Model",
    "Prediction",
    "Report",
    "Stream",
    "Target",
    "TargetErrors",
    "TargetFigures",
    "TargetOutput",
    "__version__",
    "evaluate",
    "load",
    "quantize",
]
