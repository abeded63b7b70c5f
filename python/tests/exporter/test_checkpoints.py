"""Checkpoints in the forms in which training scripts save them, and hostile ones."""

import argparse
import collections
import dataclasses
import datetime as dt
import enum
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks import SmallCnn, plain_cnn, small_cnn
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.sgd import SGD

from bayes8.export import ExportError
from bayes8.export.checkpoint import load_model
from bayes8.export.torch_file import read_torch_file

FACTORY = "networks:small_cnn"
State = dict[str, Tensor]


def state_of(model: nn.Module | None = None) -> State:
    return dict((model or small_cnn(5)).state_dict())


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


class Wrapped(nn.Module):
    """Keeps a network as torch.compile and Lightning do."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.add_module(name, small_cnn(5))


class Mode(enum.Enum):
    TRAIN = 1


@dataclasses.dataclass
class Config:
    lr: float = 0.1
    mode: Mode = Mode.TRAIN


class Settings(dict[str, object]):
    """Like EasyDict, AttributeDict and DictConfig."""

    def __init__(self) -> None:
        super().__init__(lr=0.1)
        self.lr = 0.1


class Slots:
    __slots__ = ("x",)

    def __init__(self) -> None:
        self.x = 1


class Trainer:
    def __init__(self) -> None:
        self.me = self
        self.net = small_cnn(5)


def random_things() -> dict[str, object]:
    """What training scripts keep beside the weights."""
    parameter = nn.Parameter(torch.ones(8))
    parameter.sum().backward()  # type: ignore[no-untyped-call]
    optimizer = SGD([parameter], 0.1, momentum=0.9)
    optimizer.step()
    return {
        "args": argparse.Namespace(lr=0.1, path=Path("x"), mode=Mode.TRAIN),
        "config": Config(),
        "hyper_parameters": Settings(),
        "slots": Slots(),
        "best": np.float64(0.9),
        "accuracy": np.float32(0.9),
        "history": collections.deque([1.0, np.int64(2)], maxlen=9),
        "counts": collections.defaultdict(list, a=[1]),
        "confusion": np.eye(3),
        "keys": {Mode.TRAIN: {1, 2}, (1, 2): frozenset([3])},
        "time": dt.datetime.now(tz=dt.timezone.utc),
        "folder": Path("runs"),
        "numpy": np.random.default_rng(0),
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "rng": torch.get_rng_state(),
        "generator": torch.Generator().get_state(),
        "optimizer": optimizer.state_dict(),
        "optimizer_object": optimizer,
        "schedule": torch.optim.lr_scheduler.StepLR(optimizer, 3),
        "loss": torch.tensor(0.5),
        "function": os.getcwd,
        "complex": 1j,
        "bytes": b"\xff",
        "big": 1 << 90,
        "half": torch.zeros(3, dtype=torch.bfloat16),
        "sparse": torch.eye(2).to_sparse(),
        "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
    }


FORMS: dict[str, Callable[[], object]] = {
    "state dict": state_of,
    "ordered": lambda: small_cnn(5).state_dict(),
    "compiled": lambda: prefixed("_orig_mod.", state_of()),
    "parallel": lambda: nn.DataParallel(small_cnn(5)).state_dict(),
    "compiled in parallel": lambda: prefixed("module._orig_mod.", state_of()),
    "compiled inside": lambda: {
        name.replace("conv1.", "conv1._orig_mod."): tensor for name, tensor in state_of().items()
    },
    "parameters": lambda: {name: nn.Parameter(t, False) for name, t in state_of().items()},
    "net": lambda: {"net": state_of(), "acc": 91.0, "epoch": 2},
    "model": lambda: {"model": state_of(), "epoch": 2},
    "model of a parallel": lambda: {"model": prefixed("module.", state_of())},
    "model_state_dict": lambda: {"model_state_dict": state_of(), "loss": torch.tensor(1.0)},
    "Lightning": lambda: {"state_dict": prefixed("model.", state_of()), "epoch": 2},
    "Lightning, net": lambda: {"state_dict": prefixed("net._orig_mod.", state_of())},
    "network of a wrapper": lambda: prefixed("network.backbone.", state_of()),
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(small_cnn(5)).state_dict(),
    "nested": lambda: {"state": {"best": {"weights": state_of()}}},
    "in a tuple": lambda: (3, state_of()),
    "attribute of an object": lambda: argparse.Namespace(weights=state_of(), epoch=2),
    "the same twice": lambda: {"net": state_of(), "best": state_of()},
    "halves": lambda: {"net": state_of(), "ema": list(state_of().values())},
    "whole": lambda: small_cnn(5),
    "whole, parallel": lambda: nn.DataParallel(small_cnn(5)),
    "whole, averaged": lambda: torch.optim.swa_utils.AveragedModel(small_cnn(5)),
    "whole, compiled": lambda: Wrapped("_orig_mod"),
    "whole, wrapped": lambda: Wrapped("net"),
    "whole, beside others": lambda: {"net": small_cnn(5), "epoch": 2},
    "trainer": Trainer,
    "everything": lambda: {"state_dict": state_of()} | random_things(),
    "no batches counted": lambda: {
        name: tensor for name, tensor in state_of().items() if "num_batches" not in name
    },
}


@pytest.mark.parametrize(
    "save", [{}, {"pickle_protocol": 5}, {"_use_new_zipfile_serialization": False}]
)
@pytest.mark.parametrize("form", FORMS)
def test_the_weights_are_found(form: str, save: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    content = FORMS[form]()
    if save and form == "everything":
        # The old format knows no quantized storages.
        del content["quantized"]  # type: ignore[attr-defined]
    torch.save(content, path, **save)
    loaded = load_model(FACTORY, path).state_dict()
    expected = small_cnn(5).state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.items())
    assert not torch.equal(loaded["conv1.mu_kernel"], small_cnn().conv1.mu_kernel)


def refused(path: Path, factory: str = FACTORY, key: str | None = None) -> str:
    with pytest.raises(ExportError) as error:
        load_model(factory, path, key)
    message = str(error.value)
    assert str(path) in message
    assert "weights_only" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("ema", {"net": state_of(small_cnn()), "ema": state_of()}),
        ("state_dict_ema", {"state_dict": state_of(small_cnn()), "state_dict_ema": state_of()}),
        ("ema", {"net": small_cnn(), "ema": small_cnn(5)}),
        (
            "state_dict.ema_model",
            {
                "state_dict": prefixed("model.", state_of(small_cnn()))
                | prefixed("ema_model.module.", state_of())
            },
        ),
    ],
)
def test_several_sets_of_weights_are_not_chosen_from_without_key(
    key: str, content: object, tmp_path: Path
) -> None:
    path = tmp_path / "model.pth"
    torch.save(content, path)
    message = refused(path)
    assert f"`{key}`" in message
    assert "choose one with --key" in message
    assert torch.equal(
        load_model(FACTORY, path, key).state_dict()["fc.mu_weight"], small_cnn(5).fc.mu_weight
    )
    assert "no tensors under `none`; there are `" in refused(path, key="none")


def test_tensors_beside_the_weights_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    state = prefixed("model.", state_of()) | {"criterion.weight": torch.ones(4)}
    torch.save({"state_dict": state}, path)
    message = refused(path)
    assert "beside them are `criterion.weight`" in message
    assert "say --key state_dict.model" in message
    loaded = load_model(FACTORY, path, "state_dict.model").state_dict()
    assert torch.equal(loaded["fc.mu_weight"], small_cnn(5).fc.mu_weight)


def test_weights_of_a_larger_network_do_not_pass_for_those_of_a_smaller(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    larger = {f"conv{i}.mu_kernel": torch.ones(8, 8, 3, 3) for i in range(3, 9)}
    torch.save({"net": state_of() | larger}, path)
    message = refused(path)
    assert "the weights under `net` are not those of networks:small_cnn: unexpected: " in message
    assert "`conv3.mu_kernel`, `conv4.mu_kernel`, `conv5.mu_kernel` and 3 more" in message


def test_missing_and_misshapen_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    state = state_of()
    del state["conv2.mu_bias"]
    state["fc.mu_weight"] = torch.zeros(10, 8)
    torch.save(prefixed("module.model.", state), path)
    message = refused(path)
    assert "under `model` are not those" in message
    assert "missing: `conv2.mu_bias`; of another shape: fc.mu_weight" in message
    assert "[10, 8] instead of [4, 8]" in message
    torch.save(plain_cnn().state_dict(), path)
    assert "missing: `conv1.mu_kernel`, " in refused(path)


def test_safetensors_hold_weights_too(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file(prefixed("module.", state_of()), path)
    loaded = load_model(FACTORY, path).state_dict()
    assert torch.equal(loaded["fc.mu_weight"], small_cnn(5).fc.mu_weight)


class RunsCode:
    """Would create a file if it were unpickled."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __reduce__(self) -> tuple[object, ...]:
        if self.how == "builtin":
            return (exec, ("open('ran', 'w')",))
        if self.how == "getattr":
            return (getattr, (Path("ran"), "touch"))
        return (os.system, ("touch ran",))


@pytest.mark.parametrize("how", ["builtin", "getattr", "system"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_runs_no_code_and_its_weights_are_found(
    how: str, zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pth"
    content = {"net": state_of(), "args": RunsCode(how)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    load_model(FACTORY, path)
    path.write_bytes(pickle.dumps(RunsCode(how)))
    assert "is a pickle that torch.save did not write" in refused(path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.pth"]


def torchscript(path: Path) -> None:
    # torch.load would run it, weights_only or not.
    torch.jit.script(nn.Linear(2, 2)).save(path)  # type: ignore[no-untyped-call]


def tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "storages")


def nested(path: Path) -> None:
    torch.save(state_of(), path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            deep = name.endswith("data.pkl")
            archive.writestr(name, b"]" * 5000 + b"a" * 4999 + b"." if deep else content)


def compressed(path: Path) -> None:
    plain = path.with_suffix(".zip")
    torch.save(state_of(), plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))


def truncated(path: Path) -> None:
    torch.save(state_of(), path)
    path.write_bytes(path.read_bytes()[:-1000])


def truncated_legacy(path: Path) -> None:
    torch.save(state_of(), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-1000])


def flipped(path: Path) -> None:
    torch.save(state_of(), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (torchscript, "is a TorchScript archive"),
        (tar, "PyTorch before 0.4"),
        (compressed, "is compressed"),
        (nested, "nested too deeply"),
        (truncated, "cannot be read as a file of torch.save"),
        (truncated_legacy, "cannot be read as a file of torch.save"),
        (flipped, "Bad CRC"),
        (lambda path: path.write_bytes(b""), "cannot be read as a file of torch.save"),
        (lambda path: path.write_bytes(b"<html>"), "cannot be read as a file of torch.save"),
        (lambda path: path.write_text("version https://git-lfs.github.com/"), "git lfs pull"),
        (lambda path: path.mkdir(), "not a plain file"),
        (os.mkfifo, "not a plain file"),
        (lambda _: None, "it does not exist"),
        (lambda path: torch.save(torch.ones(3), path), "holds no tensors with names"),
        (lambda path: torch.save({"shadow": [torch.ones(3)]}, path), "missing: `conv1.mu_kernel`"),
    ],
)
def test_a_file_without_weights_says_what_to_do(
    write: Callable[[Path], object], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.pth"
    write(path)
    assert reason in refused(path)


def test_a_tensor_larger_than_its_file_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"x": torch.ones(4)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    count = content.index(b"K\x04N") if b"K\x04N" in content else -1
    assert count > 0
    path.write_bytes(
        content[:count] + b"\x8a\x06" + (1 << 45).to_bytes(6, "little") + content[count + 2 :]
    )
    assert "the file is shorter than its tensors" in refused(path)


def test_what_a_file_names_is_never_imported(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(SmallCnn(), path)
    content = read_torch_file(path)
    assert type(content).__name__ == "Inert"
