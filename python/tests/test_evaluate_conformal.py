"""`bayes8.evaluate` of conformal prediction, and models that get its thresholds."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from repository import FASHION, MODELS, ROOT
from small_networks import features, perceptron, quantize

import bayes8

CLOTHES = MODELS / "fashion-dropout.safetensors"
ARCHIVE = np.load(FASHION / "test.npz")
X, Y = ARCHIVE["x"], ARCHIVE["y"]
HALF = len(X) // 2
TEST, CALIBRATION = (X[HALF:], Y[HALF:]), (X[:HALF], Y[:HALF])


@pytest.fixture(scope="module")
def clothes() -> bayes8.Model:
    return bayes8.load(CLOTHES)


@pytest.fixture(scope="module")
def lac(clothes: bayes8.Model) -> bayes8.Report:
    return bayes8.evaluate(
        clothes, *TEST, conformal="lac", alpha=0.2, calibration=CALIBRATION, samples=4, seed=3
    )


def concrete() -> tuple[bayes8.Model, Any, Any]:
    """The shipped regression, mixes like those beside it, and values as spread as it says."""
    model = bayes8.load(MODELS / "concrete-gaussian.safetensors")
    mixes = np.loadtxt(MODELS / "tables/concrete.csv", delimiter=",", skiprows=1)
    random = np.random.default_rng(5)
    x = random.uniform(mixes.min(axis=0), mixes.max(axis=0), (160, 8)).astype(np.float32)
    p = model.predict(x, samples=8)
    return model, x, p.mean + p.std * random.standard_normal(p.mean.shape)


@pytest.mark.parametrize(
    ("method", "numbers"),
    [
        ("lac", {}),
        ("aps", {"alpha": 0.05}),
        ("raps", {"alpha": 0.2}),
        ("raps", {"raps_lambda": 0.25, "raps_places": 0}),
    ],
)
def test_coverage_and_model_are_those_of_the_command_line(
    clothes: bayes8.Model, tmp_path: Path, method: Any, numbers: dict[str, Any]
) -> None:
    data, calibration, stored = (tmp_path / name for name in ("x.npz", "c.npz", "model"))
    np.savez(data, x=TEST[0], y=TEST[1])
    np.savez(calibration, x=CALIBRATION[0], y=CALIBRATION[1])
    options = [f"--{name.replace('_', '-')}={number}" for name, number in numbers.items()]
    files = ["--data", data, "--calibration-set", calibration, "--store", "--output", stored]
    arguments = [CLOTHES, "--conformal", method, *files, "--samples", "4", "--json", *options]
    run = subprocess.run(
        [sys.executable, "-m", "bayes8", "evaluate", *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    expected = json.loads(run.stdout)
    for examples in (CALIBRATION, calibration):
        report = bayes8.evaluate(
            clothes, *TEST, conformal=method, calibration=examples, samples=4, **numbers
        )
        assert report["conformal"] == expected["conformal"]
        assert report["thresholds"] == expected["thresholds"]
        roles = {file["role"]: file["path"] for file in report["provenance"]["files"]}
        path = str(calibration) if examples is calibration else "in memory"
        assert roles["calibration set"] == path
        assert clothes.with_conformal(report).to_bytes() == stored.read_bytes()


def test_a_saved_model_predicts_sets_with_the_coverage_of_the_report(
    clothes: bayes8.Model, lac: bayes8.Report, tmp_path: Path
) -> None:
    assert clothes.with_conformal(lac).outputs[0].conformal == bayes8.Conformal(
        "lac", 0.2, HALF, 4, 3
    )
    file = tmp_path / "calibrated.safetensors"
    clothes.with_conformal(pickle.loads(pickle.dumps(lac))).save(file)  # noqa: S301
    model = bayes8.load(file)
    sets = model.predict(TEST[0], samples=4, seed=3).set
    assert sets is not None
    (part,) = lac["conformal"]["parts"]
    assert sets[np.arange(len(sets)), TEST[1]].sum() == part["covered"]
    assert sets.sum(axis=1).mean() == part["mean_size"]
    assert "mean size" in str(lac)
    # The model itself, and what else is known of it, stay as they were.
    assert clothes.outputs[0].conformal is None
    assert clothes.predict(TEST[0][:2], samples=2).set is None
    copy = pickle.loads(pickle.dumps(clothes.with_conformal(lac)))  # noqa: S301
    assert copy.digest == model.digest != clothes.digest


def test_intervals_of_a_regression_have_the_coverage_of_the_report() -> None:
    model, x, y = concrete()
    report = bayes8.evaluate(
        model, x[80:], y[80:], conformal="residuals", calibration=(x[:80], y[:80]), samples=8
    )
    (part,) = report["conformal"]["parts"]
    assert report["conformal"]["alpha"] == 0.1
    p = bayes8.load(model.with_conformal(report).to_bytes()).predict(x[80:], samples=8)
    assert p.intervals is not None
    low, high = np.moveaxis(p.intervals, -1, 0)
    covered = (low <= y[80:]) & (y[80:] <= high)
    assert covered.sum() == part["covered"]
    np.testing.assert_allclose((high - low).mean(), part["mean_size"], rtol=1e-12)


def test_outputs_are_calibrated_one_after_the_other_or_from_reports_of_one_model() -> None:
    network, x = perceptron({"rain": 2, "size": 1}), features(80)
    model = quantize(network, outputs={"rain": "labels", "size": "gaussian-mean"})
    predicted = model.predict(x, samples=4)
    random = np.random.default_rng(1)
    rain, size = predicted.outputs["rain"], predicted.outputs["size"]
    assert isinstance(rain, bayes8.LabelFigures)
    assert isinstance(size, bayes8.TargetFigures)
    random = np.random.default_rng(1)
    truth: dict[str, Any] = {
        "rain": random.uniform(size=(80, 2)) < rain.probabilities,
        "size": size.mean + 0.3 * random.standard_normal((80, 1)),
    }

    def report(model: bayes8.Model, output: str, method: Any) -> bayes8.Report:
        y = truth[output]
        return bayes8.evaluate(
            model,
            x[40:],
            y[40:],
            output=output,
            conformal=method,
            calibration=(x[:40], y[:40]),
            alpha=0.2,
            samples=4,
        )

    first = model.with_conformal(report(model, "rain", "lac"))
    both = first.with_conformal(report(model, "size", "residuals"))
    assert [output.conformal is None for output in first.outputs] == [False, True]
    assert [output.conformal is None for output in both.outputs] == [False, False]
    again = report(first, "size", "residuals")
    assert first.with_conformal(again).to_bytes() == both.to_bytes()


def test_thresholds_of_another_model_or_size_or_none_are_refused(
    clothes: bayes8.Model, lac: bayes8.Report
) -> None:
    other = bayes8.load(MODELS / "fashion-resnet14.safetensors")
    with pytest.raises(ValueError, match="^report is of another model"):
        other.with_conformal(lac)
    plain = bayes8.evaluate(clothes, X[:8], Y[:8], samples=2)
    with pytest.raises(ValueError, match="^report has no conformal prediction: pass conformal"):
        clothes.with_conformal(plain)
    with pytest.raises(TypeError, match=r"^report is a dict, not a bayes8\.Report$"):
        clothes.with_conformal(lac.to_dict())  # type: ignore[arg-type]
    resized = bayes8.load(CLOTHES, input_size=(28, 28))
    with pytest.raises(ValueError, match="^the model was loaded with input_size, but"):
        resized.with_conformal(lac)
    options: dict[str, Any] = {"conformal": "lac", "calibration": CALIBRATION, "samples": 2}
    report = bayes8.evaluate(resized, *TEST, **options)
    with pytest.raises(ValueError, match="^report is of a model that was loaded with input_size"):
        clothes.with_conformal(report)
    missed = bayes8.evaluate(clothes, *TEST, thresholds={"min_accuracy": 1}, **options)
    with pytest.raises(ValueError, match="^report missed thresholds, so .*accuracy"):
        clothes.with_conformal(missed)


def test_examples_that_are_in_both_sets_are_counted(clothes: bayes8.Model) -> None:
    x, y = X[:60], Y[:60]
    report = bayes8.evaluate(
        clothes, x[10:], y[10:], conformal="lac", calibration=(x, y), samples=2
    )
    assert report["conformal"]["shared_examples"] == 50
    assert "50 test examples are calibration examples too" in str(report)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"conformal": "lac"}, ValueError, "calibration is missing, without which conformal has"),
        ({"calibration": (X, Y)}, ValueError, "conformal is missing, without which calibration"),
        ({"alpha": 0.2}, ValueError, "conformal is missing, without which alpha has no meaning"),
        ({"raps_places": 0}, ValueError, "conformal is missing, without which raps_places has"),
        ({"conformal": 1, "calibration": (X, Y)}, TypeError, "conformal is a int, not a str"),
        (
            {"conformal": "LAC", "calibration": (X, Y)},
            ValueError,
            'conformal is "LAC"; it takes "lac", "aps", "raps", "residuals"',
        ),
        (
            {"conformal": "residuals", "calibration": (X, Y)},
            bayes8.Error,
            "no conformal prediction from calibration: .*residuals. is not for outputs of",
        ),
        (
            {"conformal": "lac", "alpha": "a", "calibration": (X, Y)},
            TypeError,
            "alpha is a str, not a number",
        ),
        *(
            (
                {"conformal": "lac", "alpha": alpha, "calibration": (X, Y)},
                ValueError,
                f"alpha is {alpha}, but must lie between 0 and 1",
            )
            for alpha in (0, 1, -0.5, 1.5)
        ),
        *(
            (
                {"conformal": method, name: 1, "calibration": (X, Y)},
                ValueError,
                "raps_lambda and raps_places are for conformal=.raps.",
            )
            for method in ("lac", "aps", "residuals")
            for name in ("raps_lambda", "raps_places")
        ),
        (
            {"conformal": "raps", "raps_lambda": -1, "calibration": (X, Y)},
            ValueError,
            "raps_lambda: the penalty lambda is -1, but must be finite, 0 or above",
        ),
        (
            {"conformal": "raps", "raps_places": -1, "calibration": (X, Y)},
            ValueError,
            "raps_places is -1, not 0 to 1000000",
        ),
        (
            {"conformal": "lac", "calibration": X},
            TypeError,
            r"calibration is a ndarray, not the path of an npz archive or a pair \(x, y\)",
        ),
        (
            {"conformal": "lac", "calibration": (str(FASHION / "test.npz"), Y)},
            TypeError,
            "calibration is a pair, but not of arrays x and y; a path stands alone",
        ),
        (
            {"conformal": "lac", "calibration": (X, Y + 0.5)},
            TypeError,
            "y of calibration is float64; labels are class indices, integers",
        ),
        (
            {"conformal": "lac", "calibration": (X * 0.5, Y)},
            TypeError,
            "calibration is float64; pictures are uint8",
        ),
        (
            {"conformal": "lac", "calibration": (X[:8], Y[:8])},
            bayes8.Error,
            "no conformal prediction from calibration: 8 .*, expected at least 9",
        ),
        (
            {"conformal": "lac", "calibration": (X[:9], Y[:8])},
            bayes8.Error,
            "calibration: .*8",
        ),
    ],
)
def test_wrong_arguments_are_named(
    clothes: bayes8.Model, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        bayes8.evaluate(clothes, X[:4], Y[:4], samples=2, **options)


def test_a_calibration_set_that_is_missing_is_named(clothes: bayes8.Model) -> None:
    with pytest.raises(FileNotFoundError, match=r"c\.npz"):
        bayes8.evaluate(clothes, *TEST, conformal="lac", calibration=ROOT / "c.npz")


def test_maps_have_no_conformal_prediction() -> None:
    model = bayes8.load(MODELS / "camvid-unet.safetensors")
    x = np.zeros((1, *model.input_shape), np.uint8)
    y = np.zeros((1, *model.outputs[0].positions), np.int64)
    with pytest.raises(bayes8.Error, match="conformal prediction"):
        bayes8.evaluate(model, x, y, conformal="lac", calibration=(x, y), samples=1)
