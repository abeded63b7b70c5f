"""What the outputs of a model mean, and their figures."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ._bayes8 import normal_quantile, whole
from ._checks import check_types

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._typing import ConformalMethod, Floats


@dataclass(frozen=True)
class Conformal:
    """How an output was calibrated for sets or intervals (`Model.with_conformal`).

    Attributes:
        method: the score: "lac", "aps", "raps" or "residuals".
        alpha: the share of inputs whose set or interval may miss the truth.
        calibration_examples: number of examples from which it was calibrated.
        samples: number of samples of each of these, from sample 0. The promise is for predictions
            with the same samples.
        seed: of the samples.

    """

    method: ConformalMethod
    alpha: float
    calibration_examples: int
    samples: int
    seed: int


@dataclass(frozen=True)
class ClassOutput:
    """An output with mutually exclusive classes.

    Attributes:
        name: of the output.
        class_names: one per class; "class N" where the model has none.
        conformal: how it was calibrated for prediction sets, if it was.
        positions: extents of the axes of a map, (rows, columns) of a segmented picture; () of
            other outputs.
        head: what the output means.

    """

    name: str
    class_names: tuple[str, ...]
    conformal: Conformal | None = None
    positions: tuple[int, ...] = ()
    head: Literal["classes"] = field(default="classes", init=False)


@dataclass(frozen=True)
class LabelOutput:
    """An output with independent labels, of which a picture has any, several or none.

    Attributes:
        name: of the output.
        label_names: one per label; "label N" where the model has none.
        outcomes: names of the two outcomes of each label, without it and with it.
        conformal: how it was calibrated for prediction sets, if it was.
        positions: extents of the axes of a map, (rows, columns) of a segmented picture; () of
            other outputs.
        head: what the output means.

    """

    name: str
    label_names: tuple[str, ...]
    outcomes: tuple[str, str] = ("no", "yes")
    conformal: Conformal | None = None
    positions: tuple[int, ...] = ()
    head: Literal["labels"] = field(default="labels", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcomes", tuple(self.outcomes))


@dataclass(frozen=True)
class Target:
    """A target of a regression: a number y of the network means `scale * y + offset`.

    Attributes:
        name: of the target.
        unit: of measurement, such as "MPa"; empty if it has none.
        scale: the standard deviation by which training divided the target.
        offset: the mean that training subtracted from it.
        noise: standard deviation of noise that the network does not state, in the unit.

    """

    name: str = ""
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class TargetOutput:
    """An output with the normally distributed targets of a regression.

    Attributes:
        name: of the output.
        targets: with their units; "target N" is the name of those that have none.
        variance: how the network states the variance of a target: not at all ("none"), by its
            logarithm ("log") or before a softplus ("softplus").
        conformal: how it was calibrated for prediction intervals, if it was.
        positions: extents of the axes of a map, (rows, columns) of a segmented picture; () of
            other outputs.
        head: what the output means.

    """

    name: str
    targets: tuple[Target, ...]
    variance: Literal["none", "log", "softplus"] = "none"
    conformal: Conformal | None = None
    positions: tuple[int, ...] = ()
    head: Literal["gaussian"] = field(default="gaussian", init=False)


@dataclass(frozen=True, eq=False)
class ClassErrors:
    """How far figures of classes are from those of infinitely many samples: standard errors.

    Attributes:
        probabilities: of the mean probability of each class, [N, classes].
        predictive_entropy: the most that it is, to first order, [N], in nats.
        expected_entropy: [N], in nats.
        mutual_information: the sum of the errors of both entropies, [N], in nats.

    """

    probabilities: Floats
    predictive_entropy: Any
    expected_entropy: Any
    mutual_information: Any


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """How far figures of labels are from those of infinitely many samples: standard errors.

    Attributes:
        probabilities: of the mean probability of each label, [N, labels].
        predictive_entropy: to first order, [N, labels], in nats.
        expected_entropy: [N, labels], in nats.
        mutual_information: the sum of the errors of both entropies, [N, labels], in nats.

    """

    probabilities: Floats
    predictive_entropy: Floats
    expected_entropy: Floats
    mutual_information: Floats


@dataclass(frozen=True, eq=False)
class TargetErrors:
    """How far the means of targets are from those of infinitely many samples.

    Attributes:
        mean: standard error of the mean of each target, [N, targets], in its unit.

    """

    mean: Floats


class _Figures:
    """Says which figures there are where somebody asks for others."""

    _what: ClassVar[str]
    _methods: ClassVar[tuple[str, ...]]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            cls = type(self)
            # What the model was not calibrated for is None.
            names = [each.name for each in fields(cls) if each.name != "output"]
            own = [name for name in names if self.__dict__.get(name) is not None]
            message = f"{cls._what} have no {name}; they have {', '.join([*own, *cls._methods])}"
            raise AttributeError(message, name=name, obj=self)


class _Probabilities(_Figures):
    """The most probable classes or labels."""

    _methods: ClassVar[tuple[str, ...]] = ("top",)
    output: ClassOutput | LabelOutput
    probabilities: Floats

    @property
    def _names(self) -> tuple[str, ...]:
        raise NotImplementedError

    def top(self, k: int = 5) -> Any:  # noqa: ANN401 (of one picture or of several)
        """Returns the k most probable ones with their probabilities, [(name, probability), ...].

        Of N pictures a list of such lists. A map has none: its `probabilities` have an axis for
        each position.
        """
        k = whole("k", k, 0, 2**32 - 1)
        if self.output.positions:
            message = f"output {self.output.name!r} is a map: see its probabilities"
            raise ValueError(message)

        def most(probabilities: Floats) -> list[tuple[str, float]]:
            order = np.argsort(-probabilities, kind="stable")[:k]
            return [(self._names[i], float(probabilities[i])) for i in order]

        is_single = self.probabilities.ndim == 1
        return most(self.probabilities) if is_single else [most(p) for p in self.probabilities]

    def _summary(self) -> str:
        """Describes the figures of one picture."""
        if self.output.positions:
            return _map_summary(self.output)
        name, probability = self.top(1)[0]
        return f'"{name}" {100 * probability:.1f} %'


@dataclass(frozen=True, eq=False)
class ClassFigures(_Probabilities):
    """The prediction of an output with classes. Entropies are in nats.

    A map has axes of positions after N: [N, rows, columns, classes] and [N, rows, columns].

    Attributes:
        output: the output.
        probabilities: mean probability of each class, [N, classes].
        std: standard deviation of each probability over the samples, [N, classes].
        predictive_entropy: total uncertainty: entropy of the mean probabilities, [N].
        expected_entropy: aleatoric uncertainty: mean of the entropies of the samples, [N].
        mutual_information: epistemic uncertainty: the total minus the aleatoric, [N].
        standard_errors: how far these are from those of infinitely many samples; None for fewer
            than two samples, and for maps.
        set: whether each class belongs to the prediction set, bool with the shape of
            probabilities; None if the model was not calibrated for sets.

    """

    _what: ClassVar[str] = "classes"

    output: ClassOutput
    probabilities: Floats
    std: Floats
    predictive_entropy: Any
    expected_entropy: Any
    mutual_information: Any
    standard_errors: ClassErrors | None = None
    set: NDArray[np.bool_] | None = None

    @property
    def classes(self) -> NDArray[np.intp]:
        """The index of the most probable class, [N]; of equally probable ones, the first."""
        return np.asarray(np.argmax(self.probabilities, axis=-1))

    @property
    def _names(self) -> tuple[str, ...]:
        return self.output.class_names


@dataclass(frozen=True, eq=False)
class LabelFigures(_Probabilities):
    """The prediction of an output with labels. Entropies are in nats.

    A map has axes of positions after N: [N, rows, columns, labels].

    Attributes:
        output: the output.
        probabilities: mean probability of each label, [N, labels].
        std: standard deviation of each probability over the samples, [N, labels].
        predictive_entropy: total uncertainty: entropy of each mean probability, [N, labels].
        expected_entropy: aleatoric uncertainty: mean of the entropies of the samples, [N, labels].
        mutual_information: epistemic uncertainty: the total minus the aleatoric, [N, labels].
        standard_errors: how far these are from those of infinitely many samples; None for fewer
            than two samples, and for maps.
        sets: whether the prediction set of each label holds "absent" and "present", bool
            [N, labels, 2]; None if the model was not calibrated for sets.

    """

    _what: ClassVar[str] = "labels"

    output: LabelOutput
    probabilities: Floats
    std: Floats
    predictive_entropy: Floats
    expected_entropy: Floats
    mutual_information: Floats
    standard_errors: LabelErrors | None = None
    sets: NDArray[np.bool_] | None = None

    @property
    def _names(self) -> tuple[str, ...]:
        return self.output.label_names


@dataclass(frozen=True, eq=False)
class TargetFigures(_Figures):
    """The prediction of an output with the targets of a regression, in their units.

    A map has axes of positions after N: [N, rows, columns, targets].

    Attributes:
        output: the output.
        mean: of each target, [N, targets].
        std: total standard deviation of each target, [N, targets].
        aleatoric_std: its part from noise in the data, [N, targets]. The squares of the parts sum
            to the square of the total.
        epistemic_std: its part from doubt about the weights, [N, targets].
        standard_errors: how far the means are from those of infinitely many samples; None for fewer
            than two samples, and for maps.
        intervals: both ends of the prediction interval of each target, [N, targets, 2]; None if the
            model was not calibrated for intervals.

    """

    _what: ClassVar[str] = "targets of a regression"
    _methods: ClassVar[tuple[str, ...]] = ("interval", "quantile")

    output: TargetOutput
    mean: Floats
    std: Floats
    aleatoric_std: Floats
    epistemic_std: Floats
    standard_errors: TargetErrors | None = None
    intervals: Floats | None = None

    def interval(self, level: float = 0.95) -> Floats:
        """Returns the central interval that holds each target with probability `level`.

        It is that of the normal distribution with the same mean and standard deviation:
        [N, targets, 2].
        """
        half = self.std * normal_quantile(0.5 + _share("level", level) / 2)
        return np.stack([self.mean - half, self.mean + half], axis=-1)

    def quantile(self, p: float) -> Floats:
        """Returns the number below which each target lies with probability `p`, [N, targets].

        It is that of the normal distribution with the same mean and standard deviation.
        """
        return self.mean + self.std * normal_quantile(_share("p", p))

    def _summary(self) -> str:
        """Describes the figures of one picture."""
        if self.output.positions:
            return _map_summary(self.output)
        figures = zip(self.output.targets, self.mean, self.std, strict=True)
        return ", ".join(f"{t.name} {m:.4g} ± {s:.2g} {t.unit}".rstrip() for t, m, s in figures)


def _map_summary(output: ClassOutput | LabelOutput | TargetOutput) -> str:
    return f"a map of {' x '.join(map(str, output.positions))} positions"


def _share(name: str, value: float) -> float:
    """Returns a number above 0 and below 1."""
    check_types("a number", Real, **{name: value})
    if not 0 < value < 1:
        message = f"{name} is {value}, not a number above 0 and below 1"
        raise ValueError(message)
    return value
