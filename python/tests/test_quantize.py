"""Quantization and evaluation from Python."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from repository import FASHION

import bayes8

NETWORK, POSTERIOR = FASHION / "network.onnx", FASHION / "posterior.safetensors"
METADATA = FASHION / "metadata.json"


def calibration() -> Any:
    return np.load(FASHION / "calibration.npz")["x"]


@pytest.fixture(scope="module")
def model() -> bayes8.Model:
    return bayes8.quantize(
        NETWORK,
        posterior=POSTERIOR,
        calibration=calibration(),
        metadata=METADATA,
        name="fashion",
        calibration_draws=1,
    )


def test_arrays_and_files_give_the_model_of_the_command_line(
    model: bayes8.Model, tmp_path: Path
) -> None:
    file = tmp_path / "fashion.safetensors"
    arguments = {
        "--network": NETWORK,
        "--posterior": POSTERIOR,
        "--calibration": FASHION / "calibration.npz",
        "--metadata": METADATA,
        "--calibration-draws": 1,
        "-o": file,
    }
    words = [str(word) for pair in arguments.items() for word in pair]
    command = [sys.executable, "-m", "bayes8", "quantize", *words]
    subprocess.run(command, check=True, capture_output=True)
    assert bayes8.load(file).digest == model.digest
    assert file.read_bytes() == model.to_bytes()
    assert model.fidelity is not None
    assert model.fidelity["layers"]


def test_metadata_may_be_a_dictionary(model: bayes8.Model) -> None:
    metadata = json.loads(METADATA.read_text())
    metadata["class_names"] = [f"kind {i}" for i in range(10)]
    other = bayes8.quantize(
        NETWORK,
        moped=0.1,
        calibration=calibration()[:8],
        metadata=metadata,
        calibration_draws=1,
        calibration_method="minmax",
    )
    assert other.class_names == metadata["class_names"]
    assert other.name == "network"
    assert other.digest != model.digest


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {},
            ValueError,
            "network.onnx: nothing varies from sample to sample; pass",
        ),
        ({"moped": 0.1, "deterministic": True}, ValueError, "at most one of posterior, moped and"),
        ({"network": None}, TypeError, "network is missing, or members"),
        ({"members": [NETWORK] * 2}, ValueError, "pass network or members, not both"),
        ({"network": None, "members": [NETWORK]}, ValueError, "members has length 1"),
        ({"network": None, "members": NETWORK}, TypeError, "members is a .*Path, not a list"),
        ({"network": None, "members": [NETWORK] * 2}, ValueError, "nothing varies"),
        (
            {"network": None, "members": [NETWORK] * 2, "posterior": POSTERIOR},
            ValueError,
            "posterior is one file; an ensemble takes a list",
        ),
        (
            {"network": None, "members": [NETWORK] * 2, "posterior": [POSTERIOR] * 3},
            ValueError,
            "posterior has length 3; there are 2 networks",
        ),
        ({"mc_dropout": "all"}, bayes8.Error, "no Dropout node is called `all`"),
        ({"mc_dropout": "drop"}, TypeError, "mc_dropout is 'drop', not \"all\""),
        ({"mc_dropout": 0.5}, TypeError, 'mc_dropout is 0.5, not "all"'),
        ({"mc_dropout": []}, TypeError, 'mc_dropout is \\[\\], not "all"'),
        ({"mc_dropout": ("all", 2)}, ValueError, "mc_dropout has 2, not a probability"),
        ({"mc_dropout": ("all", 1e-9)}, ValueError, "not a probability .* in units of 2\\^-16"),
        ({"mc_dropout": {"drop": 0.5}}, TypeError, "mc_dropout is {'drop': 0.5}, not \"all\""),
        ({"network": None, "members": [NETWORK, None]}, TypeError, r"members\[1\] is a NoneType"),
        ({"posterior": [None]}, TypeError, r"posterior\[0\] is a NoneType, not a path"),
        ({"moped": "0.1"}, TypeError, "^moped is a str, not a number$"),
        ({"deterministic": "yes"}, TypeError, "^deterministic is a str, not a bool$"),
        ({"calibration_method": None}, TypeError, "^calibration_method is a NoneType, not a str$"),
        ({"input_layout": 3}, TypeError, "^input_layout is a int, not a str$"),
        ({"moped": -1.0}, ValueError, "moped is -1, not a positive number"),
        ({"moped": 0.1, "calibration_method": "best"}, ValueError, '"best"; it takes "auto"'),
        ({"moped": 0.1, "percentile": 99.0}, ValueError, "percentile belongs to"),
        ({"moped": 0.1, "activation_bits": 300}, ValueError, "activation_bits is 300, not 7 to 8"),
        (
            {"moped": 0.1, "activation_bits": "8"},
            TypeError,
            "^activation_bits is a str, not an int$",
        ),
        ({"moped": 0.1, "calibration_draws": -1}, ValueError, "calibration_draws is -1"),
        ({"moped": 0.1, "input_shape": (-1, 28, 1)}, ValueError, "input_shape is -1"),
        ({"moped": 0.1, "input_shape": 28}, TypeError, "input_shape is 28, not a sequence"),
        ({"moped": 0.1, "input_layout": "x"}, ValueError, "input_layout: "),
        ({"moped": 0.1, "class_names": "abcdefghij"}, TypeError, "class_names is a str"),
        ({"moped": 0.1, "class_names": 3}, TypeError, "class_names is a int"),
        ({"moped": 0.1, "class_names": [3]}, TypeError, "class_names has a int"),
        ({"moped": 0.1, "class_names": []}, ValueError, "class_names is empty"),
        ({"moped": 0.1, "name": ""}, ValueError, "name is empty"),
        ({"moped": 0.1, "calibration": [[1], [1, 2]]}, ValueError, "calibration is a list"),
        (
            {"moped": 0.1, "calibration": np.zeros((2, 3), np.uint8)},
            bayes8.Error,
            "^calibration: ",
        ),
        ({"moped": 0.1, "calibration": "none.npz"}, FileNotFoundError, "none.npz"),
        ({"moped": 0.1, "calibration": np.zeros(3)}, TypeError, "calibration is float64"),
        ({"moped": 0.1, "network": 5}, TypeError, "a int, not a path"),
        ({"moped": 0.1, "network": METADATA}, bayes8.Error, "metadata.json"),
        ({"posterior": METADATA}, bayes8.Error, "metadata.json"),
        ({"moped": 0.1, "class_names": ["a"]}, bayes8.Error, "class_names"),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = {"network": NETWORK, "calibration": calibration()[:8], **options}
    with pytest.raises(error, match=message):
        bayes8.quantize(arguments.pop("network"), **arguments)


def test_an_evaluation_has_figures_text_and_a_page(model: bayes8.Model, tmp_path: Path) -> None:
    data = np.load(FASHION / "test.npz")
    events: list[Any] = []
    report = bayes8.evaluate(
        model,
        data["x"],
        data["y"],
        ood=255 - data["x"],
        samples=4,
        thresholds={"min_accuracy": 0.5, "max_ece": 0.0},
        progress=lambda *event: events.append(event),
    )
    assert report["accuracy"] > 0.8
    p = model.predict(data["x"], samples=4)
    assert report["accuracy"] == np.mean(p.probabilities.argmax(axis=1) == data["y"])
    assert set(report) == set(report.keys()) == set(report.to_dict())
    assert report["samples"] == 4
    assert "accuracy" in str(report)
    assert report.missed is not None
    assert "ECE" in report.missed
    assert events
    report.to_html(tmp_path / "report.html")
    page = report.to_html()
    assert page == (tmp_path / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "<iframe" in report._repr_html_()
    assert report.get("accuracy") == dict(report.items())["accuracy"]
    assert report.get("none", 1) == 1
    assert len(report.values()) == len(report)
    assert repr(report).startswith("<bayes8.Report: accuracy ")
    assert isinstance(report, Mapping)
    assert "accuracy" in report
    assert "acuracy" not in report
    assert report.get(1, 2) == 2
    copy = pickle.loads(pickle.dumps(report))  # noqa: S301
    assert copy == report == dict(report) == copy.to_dict()
    assert report != {}
    assert copy.to_dict() == report.to_dict()
    assert (copy.missed, copy.to_html(), str(copy)) == (report.missed, page, str(report))
    with pytest.raises(KeyError, match="no figure 'acuracy'; there are model_digest"):
        report["acuracy"]
    files = bayes8.evaluate(model, FASHION / "test.npz", samples=4)
    assert files["accuracy"] == report["accuracy"]
    assert files.missed is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((FASHION / "test.npz", [1, 2]), TypeError, "pass no others"),
        (("none.npz",), FileNotFoundError, "none.npz"),
        ((np.zeros((3, 28, 28, 1), np.uint8),), TypeError, "y is missing"),
        ((np.zeros((3, 28, 28, 1), np.uint8), [0, 1]), bayes8.Error, "^x: .*2"),
        ((np.zeros((3, 28, 28, 1), np.uint8), [None] * 3), TypeError, "y is object"),
        ((np.zeros((3, 28, 28, 1), np.uint8), [[1], [1, 2]]), ValueError, "y is a list"),
        ((np.zeros((3, 28, 28, 1), np.uint8), [0, 1, 10]), bayes8.Error, "10"),
    ],
)
def test_wrong_data_is_refused(
    model: bayes8.Model, arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        bayes8.evaluate(model, *arguments, samples=1)


def test_an_evaluation_against_fp32(model: bayes8.Model) -> None:
    data = np.load(FASHION / "test.npz")
    report = bayes8.evaluate(
        model,
        data["x"][:20],
        data["y"][:20],
        network=NETWORK,
        posterior=POSTERIOR,
        samples=4,
        fp32_noise="int8",
        input_layout="NCHW",
    )
    assert abs(report["fp32"]["accuracy"] - report["accuracy"]) <= 0.1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"moped": 0.1}, ValueError, "network is missing, without which moped has"),
        ({"mc_dropout": "all"}, ValueError, "network is missing, without which mc_dropout has"),
        ({"network": NETWORK}, ValueError, "nothing varies from sample to sample; pass posterior"),
        ({"fp32_noise": "int8"}, ValueError, "network is missing, without which fp32_noise has"),
        ({"fp32_samples": 3}, ValueError, "network is missing, without which fp32_samples has"),
        ({"input_layout": "nchw"}, ValueError, "network is missing, without which input_layout"),
        ({"fp32_noise": None}, TypeError, "^fp32_noise is a NoneType, not a str$"),
        ({"drift_samples": 3}, ValueError, "drift is missing, without which drift_samples has"),
        ({"drift_samples": 3, "ood": "none.npz"}, FileNotFoundError, "directory: 'none.npz'"),
        ({"thresholds": ["a"]}, TypeError, "thresholds is a list, not a dictionary"),
        ({"thresholds": {"max_ece": "a"}}, TypeError, "thresholds has 'max_ece': 'a'"),
    ],
)
def test_wrong_options_are_refused(
    model: bayes8.Model, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        bayes8.evaluate(model, FASHION / "test.npz", **options)


def test_a_report_names_the_file_that_was_loaded(model: bayes8.Model, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = bayes8.load(path)

    def file() -> Any:
        return bayes8.evaluate(loaded, FASHION / "test.npz", samples=1)["provenance"]["files"][0]

    expected = file()
    assert expected["path"] == str(path)
    assert expected["sha256"] == hashlib.sha256(model.to_bytes()).hexdigest()
    path.write_bytes(b"another")
    assert file() == {**expected, "path": "in memory"}
    path.unlink()
    assert file() == {**expected, "path": "in memory"}


def test_a_warning_names_the_argument(model: bayes8.Model) -> None:
    data = np.load(FASHION / "test.npz")
    x, y = data["x"][:4], data["y"][:4]
    with pytest.warns(UserWarning, match="differs from that of model: "):
        bayes8.evaluate(model, x, y, network=NETWORK, moped=0.5, samples=1)


def test_images_are_fitted_as_for_predictions(model: bayes8.Model) -> None:
    data = np.load(FASHION / "test.npz")
    images = [Image.fromarray(x.squeeze()).resize((40, 40)) for x in data["x"][:20]]
    labels = model.predict(images, samples=2).probabilities.argmax(axis=1)
    report = bayes8.evaluate(model, images, labels, ood=images, samples=2)
    assert report["accuracy"] == 1
