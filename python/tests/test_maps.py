"""Outputs that are maps."""

from __future__ import annotations

import base64
import json
import pickle
import struct
import zlib

import numpy as np
import pytest
from repository import ROOT

import bayes8
from bayes8._maps import class_picture, heat_picture, png_uri

VECTORS = json.loads((ROOT / "tests/vectors/maps.json").read_text())


def loaded(name: str) -> tuple[bayes8.Model, np.ndarray]:
    """Returns a model of the vectors, and its pictures."""
    model = bayes8.Model(base64.b64decode(VECTORS["models"][name]["base64"]), threads=1)
    vector = next(vector for vector in VECTORS["vectors"] if vector["model"] == name)
    pictures = VECTORS["pictures"][vector["pictures"]]
    codes = np.frombuffer(base64.b64decode(pictures["base64"]), np.uint8)
    return model, codes.reshape(pictures["count"], *model.input_shape)


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("bilinear", (5, 7)),
        ("resized classes", (11, 13)),
        ("volume", (4, 3, 6)),
        ("sequence", (17,)),
    ],
)
def test_figures_of_a_map_have_axes_of_positions(name: str, axes: tuple[int, ...]) -> None:
    model, x = loaded(name)
    (output,) = model.outputs
    assert output.positions == axes
    p = model.predict(x, samples=4)
    assert isinstance(output, bayes8.ClassOutput)
    classes = len(output.class_names)
    assert p.probabilities.shape == p.std.shape == (len(x), *axes, classes)
    assert p.predictive_entropy.shape == p.mutual_information.shape == (len(x), *axes)
    assert p.probabilities.dtype == np.float32
    np.testing.assert_allclose(p.probabilities.sum(-1), 1, atol=1e-5)
    assert np.array_equal(p.classes, p.probabilities.argmax(-1))
    entropy = -(p.probabilities * np.log(np.maximum(p.probabilities, 1e-30))).sum(-1)
    np.testing.assert_allclose(p.predictive_entropy, entropy, atol=1e-5)
    assert p[0].probabilities.shape == (*axes, classes)
    assert np.array_equal(p[1].mutual_information, p.mutual_information[1])
    with pytest.raises(ValueError, match="is a map"):
        p[0].top()
    assert "map of" in repr(p[0])


def test_labels_and_targets_may_be_maps() -> None:
    model, x = loaded("labels")
    p = model.predict(x, samples=3)
    assert p.probabilities.shape == p.predictive_entropy.shape == (len(x), 4, 4, 2)
    model, x = loaded("targets")
    p = model.predict(x, samples=3)
    assert p.mean.shape == p.epistemic_std.shape == (len(x), 5, 7, 2)
    np.testing.assert_allclose(p.std**2, p.aleatoric_std**2 + p.epistemic_std**2, rtol=1e-5)
    assert p.interval(0.9).shape == (len(x), 5, 7, 2, 2)


def test_maps_merge_and_survive_pickling() -> None:
    model, x = loaded("resized classes")
    whole = model.predict(x, samples=6, seed=3)
    parts = [model.predict(x, samples=part, seed=3) for part in (range(2), range(2, 6))]
    assert parts[0].merge(parts[1]) == whole
    again = pickle.loads(pickle.dumps(whole))  # noqa: S301 (just written)
    assert again == whole
    assert np.array_equal(again.probabilities, whole.probabilities)


@pytest.mark.parametrize("name", ["bilinear", "volume", "sequence", "labels", "targets"])
def test_notebooks_show_maps(name: str) -> None:
    model, x = loaded(name)
    page = model.predict(x[0], samples=2)._repr_html_()
    assert "data:image/png;base64," in page


def test_pictures_of_maps_are_png_files() -> None:
    classes = np.array([[0, 1, 2], [20, 3, 0]])
    picture = class_picture(classes, 21)
    assert picture[0].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert picture[1, 0].tolist() == [0, 64, 128]
    heat = heat_picture(np.array([[0.0, 2.0], [1.0, 2.0]]))
    assert heat[0].tolist() == [[0, 0, 4], [252, 253, 191]]
    data = base64.b64decode(png_uri(picture).split(",")[1])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    columns, rows = struct.unpack(">II", data[16:24])
    assert (rows, columns) == (2, 3)
    start = data.index(b"IDAT") + 4
    lines = zlib.decompress(data[start : data.index(b"IEND") - 8])
    assert lines == b"".join(b"\0" + row.tobytes() for row in picture)


def test_evaluate_measures_maps() -> None:
    model, x = loaded("bilinear")
    y = model.predict(x, samples=4).classes
    report = bayes8.evaluate(model, x, y, samples=4)
    assert report["accuracy"] == 1.0
    y[0, 0] = 9
    with pytest.raises(bayes8.Error, match="not a class"):
        bayes8.evaluate(model, x, y, samples=4)
    report = bayes8.evaluate(model, x, y, samples=4, ignore_index=9)
    assert report["accuracy"] == 1.0


def test_inputs_of_another_size_have_maps_of_the_old_one() -> None:
    file = base64.b64decode(VECTORS["models"]["resized classes"]["base64"])
    small = bayes8.load(file)
    rows, columns, channels = small.input_shape
    size = (2 * rows, 2 * columns)
    large = bayes8.load(file, input_size=size)
    assert large.input_shape == (*size, channels)
    assert large.outputs[0].positions == (22, 26)
    assert large.digest == small.digest
    x = np.zeros((1, *size, channels), np.uint8)
    p = large.predict(x, samples=3)
    again = pickle.loads(pickle.dumps(large))  # noqa: S301 (just written)
    assert again.predict(x, samples=3) == p
    with pytest.raises(bayes8.Error, match="cannot change the input size"):
        bayes8.load(file, input_size=(rows + 1, columns))
    with pytest.raises(TypeError, match="input_size is"):
        bayes8.load(file, input_size=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="input_size is"):
        bayes8.load(file, input_size=())


def test_tiles_change_the_shape_of_a_map_or_are_lost_in_a_pickle() -> None:
    path = ROOT / "models/camvid-unet.safetensors"
    model = bayes8.load(path, input_size=(200, 300), tile_overlap=16)
    assert model.input_shape == (200, 300, 3)
    x = np.zeros((200, 300, 3), np.uint8)
    p = model.predict(x, samples=1)
    assert p.classes.shape == (200, 300)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 (just written)
    same = pickle.loads(pickle.dumps(p))  # noqa: S301 (just written)
    assert again.predict(x, samples=1) == p == same
    with pytest.raises(ValueError, match="tiles"):
        model.predict(x, samples=1, keep_logits=True)
    with pytest.raises(bayes8.Error, match="cannot predict in tiles"):
        bayes8.load(path, input_size=(100, 300), tile_overlap=16)


@pytest.mark.parametrize(
    ("name", "method", "threshold", "axes"),
    [("sets of classes", "lac", 0.75, (11, 13)), ("sets of classes, aps", "aps", 0.9, (5, 7))],
)
def test_a_calibrated_map_has_a_set_at_each_position(
    name: str, method: str, threshold: float, axes: tuple[int, ...]
) -> None:
    model, x = loaded(name)
    conformal = model.outputs[0].conformal
    assert conformal is not None
    assert (conformal.method, conformal.alpha) == (method, 0.1)
    p = model.predict(x, samples=4)
    assert p.set is not None
    assert p.set.shape == (len(x), *axes, 4)
    probabilities = p.probabilities.astype(np.float64).reshape(-1, 4)
    for of, found in zip(probabilities, p.set.reshape(-1, 4), strict=True):
        order = np.argsort(-of, kind="stable")
        scores = 1 - of[order] if method == "lac" else np.cumsum(of[order])
        np.testing.assert_array_equal(found[order], scores <= threshold)
    np.testing.assert_array_equal(p[1].set, p.set[1])
    with pytest.raises(ValueError, match="read-only"):
        p.set[0, 0, 0, 0] = True
