"""Labels, regression, several outputs, and models that take numbers."""

from __future__ import annotations

import copy
import pickle
import statistics
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from repository import MODELS
from small_networks import NORMALIZED, convolution, features, perceptron, quantize

import bayes8

REGRESSION = quantize(
    perceptron({"y": 4}),
    head="gaussian-log-variance",
    targets=[
        {"name": "strength", "unit": "MPa", "scale": 16.0, "offset": 35.0},
        bayes8.Target("slump", scale=2.0, noise=0.5),
    ],
)
LABELS = quantize(
    perceptron({"y": 4}, end="Sigmoid"), label_names=["red", "green", "blue", "black"]
)
SEVERAL = quantize(
    perceptron({"kind": 3, "mean": 1, "log_variance": 1, "tags": 2}),
    outputs={
        "kind": "classes",
        ("mean", "log_variance"): "gaussian-log-variance",
        "tags": "labels",
    },
    targets={"scale": [3.0], "name": ["length"], "unit": ["m"]},
)
SEQUENCE = quantize(convolution(12, {"y": 3}), features(32, 12), head="gaussian-mean")
PICTURES = bayes8.load(MODELS / "mnist-cnn.safetensors", threads=1)
ALL = [REGRESSION, LABELS, SEVERAL]


def numbers(p: bayes8.Prediction) -> NDArray[np.float64]:
    assert p.logits is not None
    return p.logits.astype(np.float64)


def test_a_model_describes_its_outputs() -> None:
    (output,) = REGRESSION.outputs
    assert isinstance(output, bayes8.TargetOutput)
    assert (output.name, output.head, output.variance) == ("output", "gaussian", "log")
    assert output.targets == (
        bayes8.Target("strength", "MPa", 16.0, 35.0),
        bayes8.Target("slump", "", 2.0, 0.0, 0.5),
    )
    (labels,) = LABELS.outputs
    assert labels == bayes8.LabelOutput("output", ("red", "green", "blue", "black"))
    assert labels.outcomes == ("no", "yes")
    assert [(o.name, o.head) for o in SEVERAL.outputs] == [
        ("kind", "classes"),
        ("mean", "gaussian"),
        ("tags", "labels"),
    ]
    assert SEVERAL.outputs[2] == bayes8.LabelOutput("tags", ("label 0", "label 1"))
    assert PICTURES.outputs == [bayes8.ClassOutput("output", tuple(PICTURES.class_names))]
    assert (REGRESSION.values, PICTURES.values) == ("numbers", "bytes")
    assert repr(REGRESSION).startswith('<bayes8.Model "small": 3 numbers, 2 targets, ')
    assert "12 positions of 3 channels, 3 targets" in repr(SEQUENCE)
    assert "3 numbers, 3 classes, 1 target, 2 labels" in repr(SEVERAL)
    assert "28x28x1, 10 classes" in repr(PICTURES)


def test_only_a_classifier_has_class_names() -> None:
    assert SEVERAL.class_names == ["class 0", "class 1", "class 2"]
    assert not hasattr(REGRESSION, "class_names")
    with pytest.raises(AttributeError, match='the output "output" has 4 labels; see outputs'):
        LABELS.class_names  # noqa: B018


def test_targets_follow_from_the_numbers_of_the_samples() -> None:
    p = REGRESSION.predict(features(5), samples=8, keep_logits=True)
    scale, offset = np.array([16.0, 2.0]), np.array([35.0, 0.0])
    means, variances = numbers(p)[..., :2] * scale, np.exp(numbers(p)[..., 2:]) * scale**2
    noise = np.array([0.0, 0.5])
    np.testing.assert_allclose(p.mean, means.mean(axis=1) + offset, atol=1e-5)
    np.testing.assert_allclose(p.epistemic_std, means.std(axis=1), atol=1e-5)
    aleatoric = np.sqrt(variances.mean(axis=1) + noise**2)
    np.testing.assert_allclose(p.aleatoric_std, aleatoric, rtol=1e-6)
    np.testing.assert_allclose(p.std**2, p.aleatoric_std**2 + p.epistemic_std**2)
    assert p.std.shape == (5, 2)
    with pytest.raises(ValueError, match="read-only"):
        p.mean[0] = 1


def test_intervals_and_quantiles_are_those_of_a_normal_distribution() -> None:
    p = REGRESSION.predict(features(5), samples=8)
    interval = p.interval()
    assert interval.shape == (5, 2, 2)
    half = statistics.NormalDist().inv_cdf(0.975) * p.std
    np.testing.assert_allclose(interval[..., 0], p.mean - half)
    np.testing.assert_allclose(interval[..., 1], p.mean + half)
    np.testing.assert_array_equal(p.quantile(0.5), p.mean)
    np.testing.assert_allclose(p.quantile(0.95), p.interval(0.9)[..., 1])
    assert p[0].interval(0.5).shape == (2, 2)
    for call in (p.interval, p.quantile):
        for wrong in (0, 1, -0.1, 95, float("nan")):
            with pytest.raises(ValueError, match=f"is {wrong}, not a number above 0 and below 1"):
                call(wrong)
        with pytest.raises(TypeError, match="is a str, not a number"):
            call("0.9")  # type: ignore[arg-type]


def test_labels_follow_from_the_logits() -> None:
    p = LABELS.predict(features(5), samples=8, keep_logits=True)
    probabilities = 1 / (1 + np.exp(-numbers(p)))
    np.testing.assert_allclose(p.probabilities, probabilities.mean(axis=1), atol=1e-8)
    np.testing.assert_allclose(p.std, probabilities.std(axis=1), atol=1e-6)
    for figure in (p.predictive_entropy, p.expected_entropy, p.mutual_information):
        assert figure.shape == (5, 4)
    total = p.expected_entropy + p.mutual_information
    np.testing.assert_allclose(p.predictive_entropy, total, atol=1e-6)
    assert p[0].mutual_information.shape == (4,)
    best = int(p.probabilities[0].argmax())
    assert p.top(1)[0] == [(["red", "green", "blue", "black"][best], p.probabilities[0, best])]


def test_other_figures_are_refused_with_those_that_there_are() -> None:
    p, labels = REGRESSION.predict(features(1)), LABELS.predict(features(1))
    for name in ("probabilities", "predictive_entropy", "mutual_information", "class_names"):
        assert not hasattr(p, name)
    message = (
        "targets of a regression have no probabilities; they have mean, std, aleatoric_std, "
        "epistemic_std, standard_errors, interval, quantile"
    )
    with pytest.raises(AttributeError, match=f"^{message}$"):
        p.probabilities  # noqa: B018
    with pytest.raises(AttributeError, match="no top; they have mean"):
        p.top()
    with pytest.raises(AttributeError, match="labels have no mean; they have probabilities, .*top"):
        labels.mean  # noqa: B018
    with pytest.raises(AttributeError, match="labels have no interval"):
        labels.interval()
    classes = PICTURES.predict(np.zeros((1, 28, 28), np.uint8), samples=1)
    with pytest.raises(AttributeError, match="classes have no quantile"):
        classes.quantile(0.5)


def test_several_outputs_have_names() -> None:
    p = SEVERAL.predict(features(4), samples=8, keep_logits=True)
    kind, length, tags = p.outputs.values()
    assert list(p.outputs) == ["kind", "mean", "tags"]
    assert isinstance(kind, bayes8.ClassFigures)
    assert isinstance(length, bayes8.TargetFigures)
    assert isinstance(tags, bayes8.LabelFigures)
    assert p.probabilities is kind.probabilities
    assert kind.predictive_entropy.shape == (4,)
    assert length.mean.shape == (4, 1)
    assert tags.mutual_information.shape == (4, 2)
    assert length.output.targets[0] == bayes8.Target("length", "m", 3.0)
    assert numbers(p).shape == (4, 8, 7)
    np.testing.assert_allclose(length.mean[:, 0], 3 * numbers(p)[..., 3].mean(axis=1), atol=1e-6)
    single = p[0].outputs["kind"]
    assert isinstance(single, bayes8.ClassFigures)
    assert isinstance(single.mutual_information, float)


@pytest.mark.parametrize("model", ALL)
def test_predictions_of_every_head_split_and_join(model: bayes8.Model) -> None:
    x = features(5)
    whole = model.predict(x, samples=12, seed=3, keep_logits=True)
    parts = [
        model.predict(x, samples=part, seed=3, keep_logits=True)
        for part in (range(7, 12), range(7))
    ]
    merged = parts[0].merge(parts[1])
    assert merged == whole
    assert merged.digest == whole.digest
    np.testing.assert_array_equal(numbers(merged), numbers(whole))
    joined = bayes8.Prediction.concatenate([whole[:2], whole[2:]])
    assert joined == whole
    assert [p.digest for p in whole] == [model.predict(one, samples=12, seed=3).digest for one in x]
    assert list(model.stream(x, samples=12, seed=3, every=5))[-1] == whole
    empty = model.predict(x[:0], samples=2)
    assert len(empty) == 0
    assert empty.std.shape[0] == 0


@pytest.mark.parametrize("model", ALL)
def test_predictions_of_every_head_pickle(model: bayes8.Model) -> None:
    p = model.predict(features(3), samples=4, keep_logits=True)
    for prediction in (p, p[1]):
        again = pickle.loads(pickle.dumps(prediction))  # noqa: S301
        assert again == prediction
        assert again.outputs.keys() == prediction.outputs.keys()
        np.testing.assert_array_equal(again.std, prediction.std)
        np.testing.assert_array_equal(numbers(again), numbers(prediction))
    figures = next(iter(p.outputs.values()))
    again = copy.deepcopy(pickle.loads(pickle.dumps(figures)))  # noqa: S301
    np.testing.assert_array_equal(again.std, figures.std)
    assert again.output == figures.output
    restore, state = p.__reduce__()
    for place, bad in [(0, state[0][:-8]), (0, b"\xff" * len(state[0])), (3, "[]"), (3, "null")]:
        with pytest.raises(ValueError, match="damaged"):
            restore(*state[:place], bad, *state[place + 1 :])


def test_another_head_does_not_merge() -> None:
    a, b = (model.predict(features(3), samples=2) for model in (REGRESSION, LABELS))
    with pytest.raises(ValueError, match="different models"):
        a.merge(b)
    with pytest.raises(ValueError, match="different models"):
        bayes8.Prediction.concatenate([a, b])


def test_numbers_of_any_width_are_the_same_numbers() -> None:
    x = np.round(features(4) * 4) / 4
    expected = REGRESSION.predict(x)
    assert REGRESSION.predict(x.astype(np.float64)) == expected
    assert REGRESSION.predict(x.tolist()) == expected
    assert REGRESSION.predict(x.astype(np.float16)) == expected
    assert REGRESSION.predict(np.asfortranarray(x)) == expected
    assert REGRESSION.predict(x[1].tolist()) == expected[1]
    assert REGRESSION.predict(np.rint(x).astype(np.int64)) == REGRESSION.predict(np.rint(x))

    class Table:
        """Like those of pandas."""

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.asarray(x, np.float64)

    assert REGRESSION.predict(Table()) == expected


def test_sequences_are_numbers_too() -> None:
    x = features(4, 12)
    p = SEQUENCE.predict(x)
    assert p.mean.shape == (4, 3)
    assert (p.aleatoric_std == 0).all()
    assert SEQUENCE.predict(np.moveaxis(x, 2, 1), layout="NCL") == p
    assert SEQUENCE.predict(x[0]) == p[0]


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((2, 3), np.uint8), TypeError, r"\(2, 3\) of uint8, as pixels are; .*float32"),
        (np.zeros((2, 3), bool), TypeError, "of bool; the model takes floats"),
        (np.zeros((2, 3), complex), TypeError, "of complex128; the model takes floats"),
        ([["a", "b", "c"]], TypeError, "the model takes floats"),
        (Image.new("L", (3, 1)), TypeError, "the model takes numbers, not PIL images"),
        (np.zeros((2, 4)), ValueError, r"the shape \(2, 4\); the model takes 3 numbers"),
        (np.full((1, 3), np.nan), ValueError, "not finite"),
        (np.full((1, 3), 1e300), ValueError, "not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_other_numbers_are_refused(x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        REGRESSION.predict(x)


def test_the_outputs_of_a_trace_are_numbers() -> None:
    x = features(2)
    trace = SEVERAL.trace(x, sample=1)
    expected = numbers(SEVERAL.predict(x, samples=range(1, 2), keep_logits=True))[:, 0]
    floats = [array for array in trace.values() if array.dtype == np.float32]
    np.testing.assert_array_equal(np.concatenate(floats, axis=1), expected)


def test_texts_of_predictions_have_units() -> None:
    p = REGRESSION.predict(features(2), samples=4)
    assert repr(p) == "<bayes8.Prediction of 2 pictures, 4 samples>"
    assert repr(p[0]).startswith(f"<bayes8.Prediction: strength {p.mean[0, 0]:.4g} ± ")
    assert " MPa, slump " in repr(p[0])
    html = p._repr_html_()
    assert html.count("<table>") == 2
    assert "MPa" in html
    several = SEVERAL.predict(features(1), samples=4)[0]
    assert repr(several).count(" %, ") == 2
    assert several._repr_html_().count("<table>") == 3
    assert "<h5>tags</h5>" in several._repr_html_()


def test_the_spelling_of_outputs_and_targets_does_not_matter() -> None:
    network = perceptron({"mean": 1, "log_variance": 1})
    options: list[dict[str, Any]] = [
        {"outputs": "mean+log_variance=gaussian-log-variance", "targets": [{"scale": 2.0}]},
        {"outputs": ["mean+log_variance=gaussian-log-variance"], "targets": {"scale": 2}},
        {
            "outputs": {"mean+log_variance": "gaussian-log-variance"},
            "targets": {"scale": np.array([2.0])},
        },
        {
            "outputs": [("mean", "log_variance")],
            "head": "gaussian-log-variance",
            "targets": [bayes8.Target(scale=2.0)],
        },
    ]
    models = [quantize(network, **each) for each in options]
    assert len({model.digest for model in models}) == 1
    in_metadata = {**NORMALIZED, "targets": [{"scale": 2.0, "unit": "m"}]}
    model = quantize(network, metadata=in_metadata, outputs=options[0]["outputs"])
    assert model.outputs[0].targets[0] == bayes8.Target("target 0", "m", 2.0)  # type: ignore[union-attr]


def test_inputs_have_8_or_16_bits() -> None:
    network = perceptron({"y": 3})
    models = {bits: quantize(network, input_bits=bits) for bits in (8, 16)}
    assert models[8].digest != models[16].digest
    assert quantize(network, features(64).astype(np.float64)).digest == models[16].digest


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"head": "regression"}, ValueError, 'head is "regression"; it takes "classes", "labels"'),
        ({"head": 3}, TypeError, "^head is a int, not a str$"),
        ({"outputs": ["z"]}, bayes8.Error, "^outputs: the graph has no output `z`, only `y`"),
        ({"outputs": ["y", "y"]}, bayes8.Error, "^outputs: output `y` was chosen twice"),
        ({"outputs": "y=mean"}, ValueError, "^outputs: there is no head `mean`"),
        ({"outputs": {"y": "mean"}}, ValueError, '^the head in outputs is "mean"; it takes'),
        ({"outputs": {"y": 3}}, TypeError, "^the head in outputs is a int, not a str$"),
        ({"outputs": []}, ValueError, "^outputs is empty"),
        ({"outputs": 3}, TypeError, "^outputs is a int, not a list of names or a dictionary"),
        ({"outputs": [3]}, TypeError, "^outputs has 3, not a name or a tuple of names"),
        ({"outputs": [()]}, TypeError, r"^outputs has \(\), not a name"),
        ({"label_names": "abcd"}, TypeError, "^label_names is a str, not a list"),
        ({"label_names": []}, ValueError, "^label_names is empty; it has one name per label"),
        (
            {"label_names": ["a"], "head": "labels"},
            bayes8.Error,
            "^label_names: .* 4 labels, not 1",
        ),
        (
            {"label_names": ["a"] * 4},
            bayes8.Error,
            "^label_names: label 0 and label 1 have the same name, `a`$",
        ),
        (
            {"label_names": ["a", "b", "c", "d"], "head": "classes"},
            bayes8.Error,
            "^label_names: .* no output .* is labels",
        ),
        ({"targets": {"scale": 1}}, bayes8.Error, "^targets: .* name the head.*: pass head$"),
        (
            {"metadata": {**NORMALIZED, "class_name": ["a"]}},
            bayes8.Error,
            "key `class_name` is unknown: is it `class_names`",
        ),
        (
            {"outputs": "y=labels", "head": "labels"},
            bayes8.Error,
            "^outputs: the head `labels` is for outputs without one",
        ),
        ({"targets": {"scale": 0}}, ValueError, r"^targets\['scale'\] is 0.0, not .* above 0$"),
        ({"targets": [{"scale": "1"}]}, TypeError, r"^targets\[0\]\['scale'\] is a str, not"),
        ({"targets": [{"offset": 1e300}]}, ValueError, r"^targets\[0\]\['offset'\] is 1e\+300"),
        ({"targets": [bayes8.Target(noise=-1)]}, ValueError, r"^targets\[0\]\['noise'\] is -1"),
        ({"targets": [{"unit": 3}]}, TypeError, r"^targets\[0\]\['unit'\] is a int, not a str"),
        ({"targets": {"unit": "MPa"}}, TypeError, r"^targets\['unit'\] is a str, not a list"),
        ({"targets": [{"mean": 3}]}, ValueError, r"^targets\[0\] has the key 'mean'; there are"),
        ({"targets": [3]}, TypeError, r"^targets\[0\] is a int, not a dictionary"),
        ({"targets": []}, ValueError, "^targets is empty"),
        ({"targets": "strength"}, TypeError, "^targets is a str, not a list"),
        (
            {"targets": {"scale": [1, 2]}, "head": "gaussian-mean"},
            bayes8.Error,
            "^targets: the target scale has 2 numbers, but there are 4 targets$",
        ),
        ({"input_bits": 12}, ValueError, "^input_bits is 12, not 8 or 16$"),
        ({"input_bits": "16"}, TypeError, "^input_bits is a str, not an int$"),
        ({"x": np.zeros((4, 3), np.uint8)}, bayes8.Error, "calibration: .*takes numbers"),
        ({"metadata": {"preprocessing": {"mean": object()}}}, TypeError, "^metadata has a object"),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        quantize(perceptron({"y": 4}), **options)


def test_an_unclear_output_asks_for_a_head() -> None:
    with pytest.raises(bayes8.Error, match="no Softmax or Sigmoid.*: pass class_names, or head$"):
        quantize(perceptron({"y": 2}))
    with pytest.raises(bayes8.Error, match="^head: 3 outputs cannot be means and variances"):
        quantize(perceptron({"y": 3}), head="gaussian-softplus")


def test_what_lies_under_a_mask_is_not_predicted() -> None:
    model = bayes8.load(MODELS / "concrete-gaussian.safetensors")
    rows = np.ones((2, 8), np.float32)
    with pytest.raises(ValueError, match="the array has masked elements"):
        model.predict(np.ma.masked_array(rows, mask=[[False] * 8, [True] + [False] * 7]), samples=1)
    assert model.predict(np.ma.masked_array(rows), samples=1) == model.predict(rows, samples=1)
