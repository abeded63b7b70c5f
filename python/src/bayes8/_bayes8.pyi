"""The engine, the converter, the evaluation and the command line, in Rust."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, final, overload

import numpy as np
from numpy.typing import NDArray

from ._conformal import Wanted
from ._heads import Columns
from ._networks import Networks
from ._outputs import (
    ClassFigures,
    ClassOutput,
    LabelFigures,
    LabelOutput,
    TargetFigures,
    TargetOutput,
)
from ._typing import Draws, Floats, Layout, Path, Pictures, Progress

__all__ = [
    "Error",
    "Model",
    "Prediction",
    "Report",
    "Stream",
    "__version__",
    "command",
    "evaluate",
    "fit_images",
    "normal_quantile",
    "quantize",
    "whole",
]
__version__: str

class Error(Exception):
    """A file, a network or a model that bayes8 cannot use."""

@final
class Model:
    """A model that is ready to predict. `bayes8.load` and `bayes8.quantize` return one.

    Any number of Python threads may share a model and predict at once; predictions do not hold the
    interpreter's lock. A model pickles as its path, or else as its bytes, with its options.
    """

    def __new__(
        cls,
        source: Path | bytes,
        *,
        threads: int | None = None,
        isa: str | None = None,
        bank_bytes: int | None = None,
        max_memory: int | None = None,
        max_steps: int | None = None,
        input_size: Sequence[int] | None = None,
        tile_overlap: int | None = None,
    ) -> Model: ...
    def predict(
        self,
        pictures: Pictures,
        *,
        samples: int | range | None = None,
        seed: int | None = None,
        draws: Draws | None = None,
        layout: Layout = "NHWC",
        keep_logits: bool = False,
        progress: Progress = None,
    ) -> Prediction:
        """Predicts a picture, or another input, or a batch of them.

        The same model, picture, seed and samples give the same bits, whatever the other pictures of
        the batch, the threads and the machine.

        Args:
            pictures: uint8, 0 to 255, to which the model applies its preprocessing, or float32 that
                are normalized already: [N, H, W, C], or one [H, W, C]. Volumes are
                [N, D, H, W, C], sequences [N, L, C], vectors [N, C]; gray pictures also [N, H, W].
                A C-contiguous array is not copied. Also a PIL image of 8 bits per channel, gray or
                RGB, which is fitted as by the command line, a list of these, and any object that
                NumPy converts. A model whose `values` are "numbers" takes floats instead, such as
                the features [N, F] of a table or sequences [N, L, C], and normalizes them; float64
                and integers other than uint8 are converted.
            samples: the number of weight samples, or a `range` of their indices; by default
                `model.info["default_samples"]`: one for each member of an ensemble in which nothing
                else varies, otherwise 32, rounded up to a multiple of the members; all chosen draws
                if they are fewer.
            seed: seed of random draws of the weights, by default 0.
            draws: "chosen" for the draws that the model chose, `model.info["chosen_draws"]`, or
                "random" for those of the seed; by default "chosen" if the model has them and no
                seed is given.
            layout: order of the axes: "NHWC", or "NCHW" for channels before rows, and so on.
                Lower case will do.
            keep_logits: whether the prediction has the numbers of every sample, such as logits.
            progress: True for a bar (if tqdm is installed), or a function of (task, done, total).

        Raises:
            TypeError: the pictures are of another kind than the model takes.
            ValueError: their shape is wrong, a number is not finite, or samples do not exist.
        """

    def stream(
        self,
        pictures: Pictures,
        *,
        samples: int | range | None = None,
        seed: int | None = None,
        draws: Draws | None = None,
        every: int | None = None,
        layout: Layout = "NHWC",
        keep_logits: bool = False,
    ) -> Stream:
        """Iterates over running estimates.

        Each is the prediction from the samples so far and has the bits that `predict` returns for
        them. Work is done only when the next estimate is asked for, so leaving the loop stops it.

        Args:
            pictures: as in `predict`.
            samples: as in `predict`.
            seed: as in `predict`.
            draws: as in `predict`.
            every: samples between two estimates; by default one per thread.
            layout: as in `predict`.
            keep_logits: as in `predict`.
        """

    def trace(
        self,
        pictures: Pictures,
        *,
        sample: int = 0,
        seed: int | None = None,
        draws: Draws | None = None,
        layout: Layout = "NHWC",
    ) -> dict[str, NDArray[Any]]:
        """Returns the output of every node for one weight sample, by name, in order.

        They are codes, uint8 [N, H, W, C]; those of the model's outputs, such as logits, are
        float32 [N, C]. Flattened values, and convolutions that end in an addition, have no codes
        and are left out. `seed` and `draws` are as in `predict`.
        """

    def with_conformal(self, report: Report) -> Model:
        """Returns this model with the thresholds of an evaluation with `conformal`.

        Its predictions have `set`, `sets` or `intervals`, and so have those of the file that `save`
        writes, on every target. It keeps the thresholds of other outputs.

        Args:
            report: of this model, which `bayes8.evaluate` returned.

        Raises:
            ValueError: the report is of another model or input size, has no conformal prediction,
                or missed a threshold: its coverage may be outside the bounds of chance.
        """

    def to_bytes(self) -> bytes:
        """Returns the model file."""

    def save(self, path: Path) -> None:
        """Writes the model file, completely or not at all."""

    @property
    def info(self) -> dict[str, Any]:
        """What `bayes8 inspect --json` prints: sizes, input, calibration, layers."""

    @property
    def layers(self) -> list[dict[str, Any]]:
        """The nodes of the network, as in `info["nodes"]`."""

    @property
    def fidelity(self) -> dict[str, Any] | None:
        """What rounding did to every value, if `bayes8.quantize` made this model here."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def outputs(self) -> list[ClassOutput | LabelOutput | TargetOutput]:
        """The outputs, in order: each a `ClassOutput`, `LabelOutput` or `TargetOutput`."""

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, "class N" where the file has none.

        An AttributeError if the first output has no classes.
        """

    @property
    def values(self) -> Literal["bytes", "numbers"]:
        """What the model takes: "bytes", such as the pixels of pictures, or "numbers"."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a picture: (H, W, C), or (D, H, W, C)."""

    @property
    def digest(self) -> str:
        """Identifies the model, whatever its file: "blake3:" and 64 digits."""

    @property
    def isa(self) -> str:
        """The instruction set in use."""

    @property
    def threads(self) -> int:
        """The threads that a prediction may use."""

    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Prediction:
    """Predictions of N pictures, or other inputs, from the same weight samples.

    `outputs` has the figures of every output; the attributes are those of the first one. Which it
    has depends on what it means: classes, labels or targets of a regression. Others raise an
    AttributeError. Arrays have an axis of N first; the prediction of a single picture, such as
    `p[0]`, has none, and floats in the place of arrays [N]. The arrays of a map have axes of
    positions after that of N, and are float32. Entropies are in nats. Arrays are read-only.
    """

    @property
    def outputs(self) -> dict[str, ClassFigures | LabelFigures | TargetFigures]:
        """The figures of every output by its name, in order.

        Each is a `ClassFigures`, `LabelFigures` or `TargetFigures`.
        """

    @property
    def probabilities(self) -> Floats:
        """Mean probability of each class or label, [N, classes]."""

    @property
    def std(self) -> Floats:
        """Standard deviation of each probability over the samples, or of each target."""

    @property
    def predictive_entropy(self) -> Any:
        """Total uncertainty: entropy of the mean probabilities, [N]; of labels [N, labels]."""

    @property
    def expected_entropy(self) -> Any:
        """Aleatoric uncertainty: mean entropy of the samples, [N]; of labels [N, labels]."""

    @property
    def mutual_information(self) -> Any:
        """Epistemic uncertainty: the total minus the aleatoric, [N]; of labels [N, labels]."""

    @property
    def standard_errors(self) -> Any:
        """How far the figures are from those of infinitely many samples: standard errors.

        A `ClassErrors`, `LabelErrors` or `TargetErrors`; None for fewer than two samples, and
        for maps.
        """

    @property
    def mean(self) -> Floats:
        """Mean of each target of a regression, in its unit, [N, targets]."""

    @property
    def aleatoric_std(self) -> Floats:
        """Part of each target's `std` from noise in the data, [N, targets]."""

    @property
    def epistemic_std(self) -> Floats:
        """Part of each target's `std` from doubt about the weights, [N, targets]."""

    @property
    def classes(self) -> Any:
        """Index of the most probable class, [N]; of a map, of each position."""

    @property
    def set(self) -> NDArray[np.bool_] | None:
        """Whether each class belongs to the prediction set, bool [N, classes].

        None if the model was not calibrated for sets.
        """

    @property
    def sets(self) -> NDArray[np.bool_] | None:
        """Whether the set of each label holds "absent" and "present", bool [N, labels, 2].

        None if the model was not calibrated for sets.
        """

    @property
    def intervals(self) -> Floats | None:
        """Both ends of the prediction interval of each target, [N, targets, 2].

        None if the model was not calibrated for intervals.
        """

    @property
    def logits(self) -> NDArray[np.float32] | None:
        """Logits, or other numbers, of every sample, [N, samples, numbers], if `keep_logits` asked.

        Those of several outputs follow each other.
        """

    @property
    def samples(self) -> int:
        """Number of weight samples."""

    @property
    def draws(self) -> list[tuple[int | None, range]]:
        """The samples: seeds, and ranges of indices.

        Chosen draws have None for a seed, and ranges of positions in the model's list.
        """

    @property
    def class_names(self) -> list[str]:
        """Names of the classes; an AttributeError if the first output has none."""

    @property
    def model_digest(self) -> str:
        """Identifies the model."""

    @property
    def is_single(self) -> bool:
        """Whether this is the prediction of a single picture, without an axis of N."""

    @property
    def digest(self) -> str:
        """SHA-256 of the sums: equal if and only if all bits are equal."""

    def top(self, k: int = 5) -> Any:
        """The k most probable classes or labels, [(name, probability), ...].

        Of N pictures a list of such lists.
        """

    def interval(self, level: float = 0.95) -> Floats:
        """The central interval that has probability `level`, [N, targets, 2]."""

    def quantile(self, p: float) -> Floats:
        """The number below which each target lies with probability `p`, [N, targets]."""

    def merge(self, other: Prediction) -> Prediction:
        """Returns the prediction from the samples of both, exactly.

        The sums are integers: samples that were split over workers give the bits of one machine.

        Raises:
            ValueError: the predictions are of different models or numbers of pictures, share
                samples, which would count twice, or one has chosen draws and the other random ones,
                which may be among them.
        """

    @staticmethod
    def concatenate(predictions: Sequence[Prediction]) -> Prediction:
        """Joins predictions of several sets of pictures, from the same model and samples.

        Raises:
            ValueError: the models or samples differ, or the list is empty.
        """

    def plot(self, ax: Any = None) -> Any:
        """Draws the first output of one picture with its spread; needs matplotlib.

        Returns the axes, which are those of `ax` if it is given.
        """

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Prediction: ...
    def __iter__(self) -> Iterator[Prediction]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def _repr_html_(self) -> str: ...
    @staticmethod
    def _restore(
        sums: bytes,
        draws: Sequence[tuple[int | None, int, int]],
        digest: str,
        outputs: str,
        is_single: bool,
        logits: NDArray[np.float32] | None,
    ) -> Prediction: ...

@final
class Stream:
    """An iterator over running estimates (`Model.stream`).

    Like a generator, it raises a ValueError if another thread asks while it computes an estimate.
    """

    def __iter__(self) -> Iterator[Prediction]: ...
    def __next__(self) -> Prediction: ...

@final
class Report(Mapping[str, Any]):
    """Figures of a model on labelled examples (`bayes8.evaluate`).

    `report["accuracy"]` is a figure. Those of a regression are in `report["targets"]`, a dictionary
    for each target. `print(report)` shows the most important ones, and notebooks show the page with
    diagrams.
    """

    def to_dict(self) -> dict[str, Any]:
        """Returns all figures, as `bayes8 evaluate --json` prints them."""

    @overload
    def to_html(self, path: None = None) -> str: ...
    @overload
    def to_html(self, path: Path) -> None: ...
    @property
    def missed(self) -> str | None:
        """The thresholds that were missed, in words; None if all are kept."""

    def keys(self) -> Any:
        """Names of the figures."""

    def values(self) -> Any:
        """The figures."""

    def items(self) -> Any:
        """Names and figures."""

    def get(self, key: object, default: Any = None) -> Any:
        """Returns a figure, or `default` if there is none of this name."""

    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __getitem__(self, key: str, /) -> Any: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @staticmethod
    def _restore(
        json: str, text: str, html: str, missed: str | None, conformal: str | None
    ) -> Report: ...
    def _repr_html_(self) -> str: ...

def command(arguments: Sequence[str]) -> int:
    """Runs the command `bayes8` with its arguments, the name of the program first."""

def whole(what: str, value: object, low: int, high: int) -> int:
    """Returns a whole number from `low` to `high`; `what` names it in errors."""

def normal_quantile(p: float) -> float:
    """Returns the quantile of the standard normal distribution for probability `p`."""

def fit_images(model: Model, pictures: Pictures) -> Pictures:
    """Returns PIL images as a batch that is fitted to a model, and anything else as it is."""

def quantize(
    networks: Networks,
    calibration: Path,
    folder: Path,
    *,
    name: str,
    metadata: Path | None,
    class_names: Sequence[str],
    label_names: Sequence[str],
    targets: Columns,
    input_bits: int | None,
    calibration_draws: int | None,
    calibration_method: str,
    percentile: float | None,
    weight_rounding: str,
    bias_correction: str,
    activation_bits: int,
    seed: int | None,
    progress: Progress,
) -> Model:
    """Makes a model from files (`bayes8.quantize`)."""

def evaluate(
    model: Model,
    data: Path,
    folder: Path,
    *,
    output: str | None,
    ignore_index: int | None,
    conformal: Wanted | None,
    ood: Path | None,
    drift: Path | None,
    drift_samples: int | None,
    networks: Networks,
    fp32_samples: int | None,
    fp32_noise: str,
    golden: Path | None,
    samples: int | None,
    seed: int | None,
    thresholds: Sequence[tuple[str, float]],
    progress: Progress,
) -> Report:
    """Measures a model on files (`bayes8.evaluate`)."""
