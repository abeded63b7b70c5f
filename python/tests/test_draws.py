"""Predictions of a model with chosen draws."""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bayes8

VECTORS = json.loads(
    (Path(__file__).parents[2] / "tests/vectors/draws.json").read_text(encoding="utf-8")
)
MODEL = bayes8.load(base64.b64decode(VECTORS["models"]["four draws"]["base64"]), threads=2)
DRAWS = [9, 0, 2000, 268435455]
PLAIN = bayes8.load(Path(__file__).parents[2] / "models/mnist-cnn.safetensors", threads=1)
X = np.arange(48, dtype=np.uint8).reshape(2, 24) * 5


def predict(**options: Any) -> bayes8.Prediction:
    return MODEL.predict(X, **{"keep_logits": True, **options})


def of_seed(index: int, **options: Any) -> Any:
    """The logits of a draw of seed 0, [N, classes]."""
    logits = predict(samples=range(index, index + 1), seed=0, **options).logits
    assert logits is not None
    return logits[:, 0]


def logits(prediction: bayes8.Prediction) -> NDArray[np.float32]:
    assert prediction.logits is not None
    return prediction.logits


def test_a_list_is_taken_unless_a_seed_or_random_draws_are_asked_for() -> None:
    assert MODEL.info["chosen_draws"] == {"seed": 0, "samples": DRAWS}
    assert PLAIN.info["chosen_draws"] is None
    chosen = predict()
    assert chosen.draws == [(None, range(4))]
    expected = np.stack([of_seed(draw) for draw in DRAWS], axis=1)
    np.testing.assert_array_equal(logits(chosen), expected)
    assert predict(draws="chosen") == chosen
    assert predict(samples=2).draws == [(None, range(2))]
    assert predict(draws="random").draws == [(0, range(32))]
    assert predict(seed=0) == predict(draws="random") == predict(draws="random", seed=0)
    assert predict(seed=7, samples=3).draws == [(7, range(3))]
    assert PLAIN.predict(np.zeros((1, 28, 28), np.uint8), samples=1).draws == [(0, range(1))]


def test_streams_and_traces_take_the_list() -> None:
    estimates = list(MODEL.stream(X, every=3))
    assert [p.draws for p in estimates] == [[(None, range(3))], [(None, range(4))]]
    assert estimates[1] == predict()
    random = list(MODEL.stream(X, draws="random", samples=5, every=5))
    assert random == [predict(seed=0, samples=5)]
    last = MODEL.info["nodes"][-1]["name"]
    np.testing.assert_array_equal(MODEL.trace(X, sample=2)[last], of_seed(DRAWS[2]))
    np.testing.assert_array_equal(MODEL.trace(X, sample=2, draws="random")[last], of_seed(2))
    np.testing.assert_array_equal(
        MODEL.trace(X, sample=5, seed=7)[last], logits(predict(seed=7, samples=range(5, 6)))[:, 0]
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"draws": "chosen", "seed": 0}, ValueError, "^seed is for random draws: chosen ones"),
        ({"draws": "best"}, ValueError, 'draws is "best"; it takes "chosen", "random"'),
        ({"draws": 3}, TypeError, "^draws is a int, not a str$"),
        ({"samples": 5}, ValueError, r"^samples 0\.\.5 end after the model's 4 chosen draws: take"),
        ({"samples": range(3, 5), "draws": "chosen"}, ValueError, "end after the model's 4 chosen"),
    ],
)
def test_draws_that_do_not_exist_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        MODEL.predict(X, **options)
    with pytest.raises(error, match=message):
        MODEL.stream(X, **options)


def test_a_model_without_a_list_says_how_to_get_one() -> None:
    with pytest.raises(ValueError, match="no chosen draws: choose them with `bayes8 choose`"):
        PLAIN.predict(np.zeros((1, 28, 28), np.uint8), draws="chosen")
    with pytest.raises(ValueError, match="samples 4..5 end after the model's 4 chosen draws"):
        MODEL.trace(X, sample=4)


def test_positions_that_are_split_merge_to_the_bits_of_all() -> None:
    whole = predict()
    parts = [predict(samples=part) for part in (range(2, 3), range(2), range(3, 4))]
    gap = parts[0].merge(parts[2])
    assert gap.draws == [(None, range(2, 4))]
    merged = gap.merge(parts[1])
    assert merged == whole
    assert merged.draws == [(None, range(4))]
    np.testing.assert_array_equal(logits(merged), logits(whole))
    apart = parts[1].merge(parts[2])
    assert apart.draws == [(None, range(2)), (None, range(3, 4))]
    np.testing.assert_array_equal(logits(apart), logits(whole)[:, [0, 1, 3]])
    with pytest.raises(ValueError, match="share samples"):
        whole.merge(parts[0])


def test_positions_are_not_indices_of_a_seed() -> None:
    chosen, random = predict(samples=range(2)), predict(samples=range(2), seed=0)
    assert chosen != random
    message = "of chosen and of random draws cannot be merged"
    for other in (random, predict(samples=range(50, 51), seed=3)):
        for a, b in ((chosen, other), (other, chosen)):
            with pytest.raises(ValueError, match=message):
                a.merge(b)
    with pytest.raises(ValueError, match="draws"):
        bayes8.Prediction.concatenate([chosen, random])


def test_predictions_of_a_list_pickle() -> None:
    p = predict(samples=range(2)).merge(predict(samples=range(3, 4)))
    copy = pickle.loads(pickle.dumps(p))  # noqa: S301
    assert copy == p
    assert copy.draws == p.draws
    restore, state = p.__reduce__()
    for bad in [
        [(None, 0, 2), (None, 1, 2)],
        [(None, 0, 2), (None, 256, 257)],
        [(None, 0, 2), (0, 3, 4)],
    ]:
        with pytest.raises(ValueError, match="damaged"):
            restore(state[0], bad, *state[2:])
