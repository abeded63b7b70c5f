"""Predictions: kinds of pictures, bits, figures, merging."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from repository import MODELS

import bayes8

MODEL = bayes8.load(MODELS / "cifar10-resnet20.safetensors", threads=2)
GRAY = bayes8.load(MODELS / "mnist-cnn.safetensors", threads=1)


def pictures(count: int, shape: tuple[int, ...] = (32, 32, 3)) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, *shape), np.uint8)


def predict(x: Any, **options: Any) -> bayes8.Prediction:
    return MODEL.predict(x, **{"samples": 4, "seed": 7, **options})


def test_arrays_have_the_documented_shapes_and_add_up() -> None:
    p = predict(pictures(3))
    assert len(p) == 3
    assert p.samples == 4
    assert p.draws == [(7, range(4))]
    assert p.class_names == MODEL.class_names
    assert p.model_digest == MODEL.digest
    assert p.probabilities.shape == p.std.shape == (3, 10)
    assert p.probabilities.dtype == np.float64
    np.testing.assert_allclose(p.probabilities.sum(axis=1), 1, atol=1e-7)
    total, parts = p.predictive_entropy, p.expected_entropy + p.mutual_information
    assert total.shape == (3,)
    np.testing.assert_allclose(total, parts, atol=1e-6)
    assert p.logits is None
    with pytest.raises(ValueError, match="read-only"):
        p.probabilities[0, 0] = 1


def test_probabilities_follow_from_the_logits() -> None:
    p = predict(pictures(2), keep_logits=True)
    logits = p.logits
    assert logits is not None
    assert logits.shape == (2, 4, 10)
    assert logits.dtype == np.float32
    e = np.exp(logits.astype(np.float64))
    softmax = e / e.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(p.probabilities, softmax.mean(axis=1), atol=1e-8)
    np.testing.assert_allclose(p.std, softmax.std(axis=1), atol=1e-6)
    assert p[1].logits is not None
    np.testing.assert_array_equal(p[1].logits, logits[1])


def test_a_picture_alone_has_the_bits_of_its_batch() -> None:
    x = pictures(3)
    batch, single = predict(x), predict(x[1])
    assert single.is_single
    assert single == batch[1] == batch[-2]
    assert single != batch[0]
    assert single.probabilities.shape == (10,)
    assert isinstance(single.mutual_information, float)
    assert batch[1:] == predict(x[1:])
    assert batch[::-1].digest == predict(x[::-1]).digest
    assert single.top(2) == batch.top(2)[1]
    assert single.top(1)[0][1] == single.probabilities.max()
    with pytest.raises(TypeError, match="no length"):
        len(single)
    with pytest.raises(IndexError, match="index 3 of 3"):
        batch[3]
    assert len(list(batch)) == 3


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("isa", ["portable", None])
def test_neither_threads_nor_instructions_change_a_bit(threads: int, isa: str | None) -> None:
    other = bayes8.load(MODELS / "cifar10-resnet20.safetensors", threads=threads, isa=isa)
    assert other.threads == threads
    assert other.predict(pictures(3), samples=4, seed=7) == predict(pictures(3))


def test_layouts_and_strides_are_the_same_pictures() -> None:
    x = pictures(4)
    expected = predict(x)
    assert predict(np.moveaxis(x, 3, 1), layout="NCHW") == expected
    assert predict(np.ascontiguousarray(np.moveaxis(x, 3, 1)), layout="NCHW") == expected
    assert predict(np.moveaxis(x[0], 2, 0), layout="nchw") == expected[0]
    assert predict(np.asfortranarray(x)) == expected
    assert predict(np.repeat(x, 2, axis=0)[::2]) == expected
    assert predict(list(x)) == expected
    x.flags.writeable = False
    assert predict(x) == expected
    gray = pictures(3, (28, 28))
    assert GRAY.predict(gray) == GRAY.predict(gray[..., None])
    assert GRAY.predict(gray[0]) == GRAY.predict(gray)[0]
    assert GRAY.predict(gray[:, None], layout="NCHW") == GRAY.predict(gray)


def test_normalized_floats_are_the_input_itself() -> None:
    x = pictures(3)
    info = MODEL.info["input"]
    normalized = (x / 255 - np.array(info["mean"])) / np.array(info["std"])
    p = predict(normalized.astype(np.float32))
    # Rounding to codes may differ in single pixels.
    np.testing.assert_allclose(p.probabilities, predict(x).probabilities, atol=0.1)


def test_images_are_fitted_as_by_the_command_line() -> None:
    x = pictures(2)
    images = [Image.fromarray(picture) for picture in x]
    assert predict(images[0]) == predict(x)[0]
    assert predict(images) == predict(x)
    large = images[0].resize((100, 70))
    assert predict(large).is_single
    turned = Image.fromarray(np.rot90(x[0]).copy())
    turned.getexif()[0x0112] = 6  # to be turned by 90 degrees
    assert predict(turned) == predict(x)[0]


def test_samples_that_are_split_merge_to_the_bits_of_all() -> None:
    x = pictures(3)
    parts = [predict(x, samples=part) for part in (range(5, 9), range(5), range(9, 16))]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    assert merged == predict(x, samples=16)
    assert merged.draws == [(7, range(16))]
    gap = parts[1].merge(parts[2])
    assert gap.draws == [(7, range(5)), (7, range(9, 16))]
    both = parts[1].merge(predict(x, samples=5, seed=8))
    assert both.samples == 10
    for other, message in [
        (parts[1], "share samples"),
        (predict(x[:2], samples=range(20, 25)), "a batch of 3 and of a batch of 2"),
        (predict(x[0], samples=range(20, 25)), "a batch of 3 and of a single picture"),
        (GRAY.predict(pictures(3, (28, 28))), "different models"),
    ]:
        with pytest.raises(ValueError, match=message):
            parts[1].merge(other)


def test_merged_logits_are_in_the_order_of_the_draws() -> None:
    x, ranges = pictures(2), [range(4, 6), range(2), range(2, 4)]
    parts = [predict(x, samples=part, keep_logits=True) for part in ranges]
    parts.append(predict(x, samples=1, seed=3, keep_logits=True))
    merged = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3])
    expected: list[Any] = [parts[3].logits, predict(x, samples=6, keep_logits=True).logits]
    assert merged.logits is not None
    np.testing.assert_array_equal(merged.logits, np.concatenate(expected, axis=1))


def test_pictures_that_are_split_concatenate_to_the_bits_of_all() -> None:
    x = pictures(5)
    parts = [predict(part, keep_logits=True) for part in (x[:2], x[2:], x[:0])]
    joined = bayes8.Prediction.concatenate(parts[:2])
    assert joined == predict(x, keep_logits=True)
    assert joined.logits is not None
    assert joined.logits.shape == (5, 4, 10)
    assert len(parts[2]) == 0
    assert parts[2].logits is not None
    assert parts[2].logits.shape == (0, 4, 10)
    assert bayes8.Prediction.concatenate(parts).logits is not None
    assert parts[2].probabilities.shape == (0, 10)
    with pytest.raises(ValueError, match="no predictions"):
        bayes8.Prediction.concatenate([])
    with pytest.raises(ValueError, match="draws"):
        bayes8.Prediction.concatenate([parts[0], predict(x, samples=5)])


def test_a_stream_has_the_bits_of_predictions() -> None:
    x = pictures(2)
    samples = []
    for partial in MODEL.stream(x, samples=7, seed=7, every=3):
        samples.append(partial.samples)
        assert partial == predict(x, samples=partial.samples)
    assert samples == [3, 6, 7]
    stream = MODEL.stream(x, samples=range(2, 1 << 28), seed=7)
    assert next(stream) == predict(x, samples=range(2, 4))
    with pytest.raises(ValueError, match="every is 0"):
        MODEL.stream(x, every=0)
    with pytest.raises(ValueError, match="shape"):
        MODEL.stream(x[:, 1:])


def test_threads_that_share_a_stream_never_see_it_go_back() -> None:
    stream, last = MODEL.stream(pictures(1), samples=64, every=1), predict(pictures(1), samples=64)

    def consume(_: int) -> list[int]:
        seen: list[int] = []
        while not seen or seen[-1] < 64:
            with contextlib.suppress(ValueError):
                seen.append(next(stream, last).samples)
        return seen

    with ThreadPoolExecutor(4) as executor:
        of_threads = list(executor.map(consume, range(4)))
    assert all(seen == sorted(seen) for seen in of_threads)
    assert {samples for seen in of_threads for samples in seen} == set(range(1, 65))


def test_predictions_pickle() -> None:
    for p in [predict(pictures(3), keep_logits=True), predict(pictures(3))[0]]:
        copy = pickle.loads(pickle.dumps(p))  # noqa: S301
        assert copy == p
        np.testing.assert_array_equal(copy.std, p.std)
        assert (copy.logits is None) == (p.logits is None)


def test_a_damaged_pickle_is_refused() -> None:
    p = predict(pictures(2), samples=range(2), keep_logits=True)
    restore, state = p.merge(
        predict(pictures(2), samples=range(4, 6), keep_logits=True)
    ).__reduce__()
    words, draws, logits = state[0], state[1], state[5]
    assert restore(*state).draws == [(7, range(2)), (7, range(4, 6))]
    for place, bad in [
        (0, words[:-8]),
        (0, words + b"x"),
        (0, b"\xff" * len(words)),
        (1, draws[::-1]),
        (1, [(7, 0, 2), (7, 2, 4)]),
        (1, [(7, 0, 2), (7, 1, 3)]),
        (1, []),
        (3, "[]"),
        (3, "{"),
        (3, state[3].replace("10", "9")),
        (3, state[3].replace("10", "0")),
        (5, logits[:, :3]),
        (5, logits[:1]),
    ]:
        with pytest.raises(ValueError, match="damaged"):
            restore(*state[:place], bad, *state[place + 1 :])


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (pictures(2).astype(np.float64), TypeError, "float64; the model takes uint8"),
        (pictures(2).astype(np.int64), TypeError, "int64"),
        (pictures(2)[:, 1:], ValueError, r"\(2, 31, 32, 3\); the model takes 32x32x3"),
        (np.moveaxis(pictures(2), 3, 1), ValueError, 'pass layout="NCHW"'),
        (np.full((1, 32, 32, 3), np.nan, np.float32), ValueError, "not finite"),
        (np.zeros((), np.uint8), ValueError, "shape"),
        ("picture.png", TypeError, "a str, not an array or a PIL image"),
        (None, TypeError, "a NoneType"),
        ([object()], TypeError, "of object"),
        ([], TypeError, "float64"),
        ([[1, 2], [3]], ValueError, "pictures are a .*list.* that is not an array"),
        (Image.new("RGB", (0, 5)), ValueError, "0 x 5 pixels"),
        ([Image.new("I;16", (32, 32))], TypeError, r'"I;16".*image.convert\("RGB"\)'),
        *[(Image.new(mode, (32, 32)), TypeError, mode) for mode in ("CMYK", "F", "I", "HSV")],
    ],
)
def test_other_pictures_are_refused(x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        predict(x)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"samples": 0}, ValueError, "samples is 0, not 1 to"),
        ({"samples": (1 << 28) + 1}, ValueError, "samples is"),
        ({"samples": range(3, 3)}, ValueError, "at least one index"),
        ({"samples": range(0, 8, 2)}, ValueError, "step 1"),
        ({"samples": range(-1, 3)}, ValueError, "indices are 0 to"),
        ({"samples": 1.5}, TypeError, "a float, not an int"),
        ({"samples": True}, TypeError, "a bool"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"seed": 1 << 64}, ValueError, "seed is 18446744073709551616"),
        ({"seed": 1 << 200}, ValueError, "seed is"),
        ({"layout": "HWCN"}, ValueError, 'layout is "HWCN"'),
        ({"layout": None}, TypeError, "^layout is a NoneType, not a str$"),
        ({"keep_logits": 3}, TypeError, "^keep_logits is a int, not a bool$"),
    ],
)
def test_other_options_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        predict(pictures(1), **options)


def test_numbers_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="k is -1, not 0 to"):
        predict(pictures(1)).top(-1)
    with pytest.raises(ValueError, match="sample is -1, not 0 to"):
        MODEL.trace(pictures(1), sample=-1)


def test_a_message_names_the_argument_once() -> None:
    p = predict(pictures(1))
    calls: dict[str, Callable[[Any], object]] = {
        "k": p.top,
        "sample": lambda value: MODEL.trace(pictures(1), sample=value),
        "bank_bytes": lambda value: bayes8.load(b"", bank_bytes=value),
    }
    for name, call in calls.items():
        with pytest.raises(TypeError, match=f"^{name} is a str, not an int$"):
            call("3")
    texts: list[tuple[str, Callable[[Any], object]]] = [
        ("layout", lambda value: MODEL.stream(pictures(1), layout=value)),
        ("layout", lambda value: MODEL.trace(pictures(1), layout=value)),
        ("isa", lambda value: bayes8.load(b"", isa=value)),
    ]
    for name, call in texts:
        with pytest.raises(TypeError, match=f"^{name} is a int, not a str$"):
            call(3)


def test_numpy_integers_are_numbers() -> None:
    assert predict(pictures(1), samples=np.int32(4), seed=np.uint64(7)) == predict(pictures(1))


def test_progress_reports_every_sample() -> None:
    seen: list[tuple[str, int, int | None]] = []
    predict(pictures(3), progress=lambda *event: seen.append(event))
    assert seen[-1] == ("predicting", 12, 12)

    def fail(*_event: object) -> None:
        message = "enough"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="enough"):
        predict(pictures(1), samples=1 << 20, progress=fail)


def test_trace_has_the_output_of_every_node() -> None:
    x = pictures(2)
    trace = MODEL.trace(x, sample=3, seed=7)
    names = [layer["name"] for layer in MODEL.layers]
    assert set(trace) <= set(names)
    last = list(trace)[-1]
    logits = predict(x, samples=range(3, 4), keep_logits=True).logits
    assert logits is not None
    np.testing.assert_array_equal(trace[last], logits[:, 0])
    first = next(iter(trace.values()))
    assert first.shape == (2, 32, 32, 16)
    assert first.dtype == np.uint8


def test_notebooks_show_bars_and_the_split() -> None:
    html = predict(pictures(2))._repr_html_()
    assert html.count("<table>") == 2
    assert "epistemic" in html
    many = predict(pictures(30), samples=1)._repr_html_()
    assert "and 10 more" in many
