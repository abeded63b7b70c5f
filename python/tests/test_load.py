"""Loading, saving and sharing models."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from repository import MODELS

import bayes8

FILE = MODELS / "mnist-cnn.safetensors"
PICTURES = np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)


def digest(model: bayes8.Model) -> str:
    return model.predict(PICTURES, samples=8, seed=1).digest


def test_paths_bytes_and_file_objects_give_the_same_model(tmp_path: Path) -> None:
    model = bayes8.load(FILE)
    sources: list[Any] = [
        str(FILE),
        FILE.read_bytes(),
        io.BytesIO(FILE.read_bytes()),
        bytearray(FILE.read_bytes()),
    ]
    for source in sources:
        assert bayes8.load(source).digest == model.digest
    with FILE.open("rb") as file:
        assert digest(bayes8.load(file)) == digest(model)
    model.save(tmp_path / "copy.safetensors")
    copy = bayes8.load(tmp_path / "copy.safetensors")
    assert copy.digest == model.digest
    assert copy.to_bytes() == (tmp_path / "copy.safetensors").read_bytes()
    assert list(tmp_path.iterdir()) == [tmp_path / "copy.safetensors"]


def test_properties() -> None:
    model = bayes8.load(FILE, threads=1, isa="portable")
    assert (model.name, model.isa, model.threads) == ("mnist-cnn", "portable", 1)
    assert model.input_shape == (28, 28, 1)
    assert model.class_names == [str(digit) for digit in range(10)]
    assert model.digest.startswith("blake3:")
    assert model.info["model_digest"] == model.digest
    assert model.info["nodes"] == model.layers
    assert model.fidelity is None
    assert repr(model) == '<bayes8.Model "mnist-cnn": 28x28x1, 10 classes, portable>'


def test_the_size_is_that_of_the_file_that_was_loaded(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    shutil.copy(FILE, file)
    model = bayes8.load(file)
    file.write_bytes(b"another")
    assert model.info["file_bytes"] == FILE.stat().st_size
    assert bayes8.load(FILE.read_bytes()).info["file_bytes"] == FILE.stat().st_size


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.safetensors"
    with pytest.raises(FileNotFoundError, match=r"missing\.safetensors"):
        bayes8.load(missing)
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        bayes8.load(tmp_path)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(FILE.read_bytes()[:-1])
    with pytest.raises(bayes8.Error, match=r"damaged\.safetensors is not a valid model: "):
        bayes8.load(damaged)
    with pytest.raises(bayes8.Error, match="the buffer is not a valid model"):
        bayes8.load(b"")
    with FILE.open() as text, pytest.raises((TypeError, UnicodeDecodeError)):
        bayes8.load(text)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        bayes8.load(1.5)  # type: ignore[arg-type]


def test_options_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="mmx"):
        bayes8.load(FILE, isa="mmx")
    with pytest.raises(ValueError, match="threads is 0, not 1 to 1024"):
        bayes8.load(FILE, threads=0)
    with pytest.raises(bayes8.Error, match="memory"):
        bayes8.load(FILE, max_memory=1)


@pytest.mark.parametrize("option", ["bank_bytes", "max_memory", "max_steps"])
def test_numbers_out_of_range_are_named(option: str) -> None:
    options: dict[str, Any] = {option: -1}
    with pytest.raises(ValueError, match=f"{option} is -1, not 0 to"):
        bayes8.load(FILE, **options)


@pytest.mark.parametrize(
    ("name", "error"),
    [("", FileNotFoundError), (".", OSError), ("none/model.safetensors", FileNotFoundError)],
)
def test_an_error_of_writing_names_the_path_alone(
    name: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as raised:
        MODEL.save(name)
    assert isinstance(raised.value, OSError)
    assert raised.value.filename == name
    assert ".bayes8-" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_relative_path_outlives_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(FILE.parent)
    model = bayes8.load(FILE.name)
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(pickle.dumps(model)).digest == model.digest  # noqa: S301


def test_models_pickle_with_their_options() -> None:
    sources: list[Any] = [FILE, FILE.read_bytes()]
    for source in sources:
        model = bayes8.load(source, threads=1, isa="portable", bank_bytes=1 << 20)
        copy = pickle.loads(pickle.dumps(model))  # noqa: S301
        assert (copy.isa, copy.threads) == ("portable", 1)
        assert digest(copy) == digest(model)


def test_a_pickled_path_must_still_hold_the_same_model(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    shutil.copy(FILE, file)
    pickled = pickle.dumps(bayes8.load(file))
    shutil.copy(MODELS / "mnist-scnn.safetensors", file)
    with pytest.raises(bayes8.Error, match="another model"):
        pickle.loads(pickled)  # noqa: S301


@pytest.mark.parametrize("threads", [1, 2])
def test_python_threads_share_a_model(threads: int) -> None:
    model = bayes8.load(FILE, threads=threads)
    with ThreadPoolExecutor(8) as executor:
        assert set(executor.map(lambda _: digest(model), range(64))) == {digest(model)}


MODEL = bayes8.load(FILE, threads=2)


def of_shared_model(_: int) -> str:
    return digest(MODEL)


# Python warns of threads that do not survive; this package's are replaced.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_process_predicts_with_the_model_of_its_parent(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"SKIPPED: this system cannot {method}")
    expected = digest(MODEL)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(of_shared_model, range(4)).get(timeout=60) == [expected] * 4
