"""Ensembles, checkpoints, SWAG and given standard deviations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file
from torch import Tensor, nn

import bayes8
from bayes8.export import (
    ExportError,
    Metadata,
    Pictures,
    Preprocessing,
    export,
    golden,
    swag_gaussian,
    swag_members,
)

EXAMPLE = torch.zeros(1, 3, 8, 8)
CLASSES = ["bag", "boot", "coat", "shirt"]
METADATA = Metadata(CLASSES, Preprocessing([0.5], [0.25]))


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, len(CLASSES)),
    )


def some_pictures(count: int = 32) -> Pictures:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 8, 8, 3), np.uint8)
    return Pictures(pixels, random.integers(0, 4, count))


def test_members_are_written_once_where_they_are_equal(tmp_path: Path) -> None:
    members = [network(seed) for seed in range(3)]
    for member in members[1:]:
        member[0].load_state_dict(members[0][0].state_dict())
    files = export(network(), EXAMPLE, tmp_path, members=[m.state_dict() for m in members])
    tensors = load_file(files.posterior)
    # BatchNorm has the statistics of new networks in all.
    expected = {f"6.{name}.member.{k}" for name in ("weight", "bias") for k in range(3)}
    assert tensors.keys() == expected
    for number, member in enumerate(members):
        own = tensors[f"6.weight.member.{number}"]
        np.testing.assert_array_equal(own, member.state_dict()["6.weight"])
    assert files.members == 3
    assert files.dropout == []


def test_int8_members_are_those_of_fp32(tmp_path: Path) -> None:
    data = some_pictures()
    members: list[nn.Module] = [network(seed).eval() for seed in range(3)]
    for member in members:
        with torch.no_grad():
            member.get_parameter("6.weight").mul_(4)
    options = {"class_names": CLASSES, "preprocessing": METADATA.preprocessing}
    files = export(members[0], EXAMPLE, tmp_path, members=members, **options)  # type: ignore[arg-type]
    model = bayes8.quantize(
        files.network,
        posterior=files.posterior,
        metadata=files.metadata,
        calibration=data.pixels,
    )

    def sample(x: Tensor, number: int) -> Tensor:
        logits: Tensor = members[number % 3](x)
        return logits

    fp32 = golden(sample, METADATA, data, samples=6, mean_weights=members[0])
    int8 = model.predict(data.pixels, samples=6)
    expected = fp32.tensors["mc_mean_probabilities"]
    assert np.abs(int8.probabilities - expected).max() < 0.02
    np.testing.assert_allclose(
        int8.mutual_information, fp32.tensors["mc_mutual_information"], atol=0.01
    )
    assert "mean_weights_accuracy" in fp32.figures


def test_statistics_of_batchnorm_are_those_of_each_member(tmp_path: Path) -> None:
    members = [network(seed) for seed in range(2)]
    generator = torch.Generator().manual_seed(0)
    loader = [torch.randn(16, 3, 8, 8, generator=generator) for _ in range(4)]
    states = [member.state_dict() for member in members]
    files = export(network(), EXAMPLE, tmp_path, members=states, refresh_batchnorm=loader)
    tensors = load_file(files.posterior)
    for number, member in enumerate(members):
        means = torch.stack([member[0](batch).mean((0, 2, 3)) for batch in loader]).mean(0)
        own = tensors[f"1.running_mean.member.{number}"]
        np.testing.assert_allclose(own, means.detach(), atol=1e-5)
    # A loader as of a data set, and one that is used up by the first member.
    export(network(), EXAMPLE, tmp_path, members=states, refresh_batchnorm=[(b, 0) for b in loader])  # type: ignore[misc]

    def once() -> Iterator[Tensor]:
        yield from loader

    with pytest.raises(ExportError, match="has no batches"):
        export(network(), EXAMPLE, tmp_path, members=states, refresh_batchnorm=once())


def test_members_of_other_networks_are_refused(tmp_path: Path) -> None:
    state = network().state_dict()
    fewer = {name: tensor for name, tensor in state.items() if not name.startswith("6")}
    other = network()
    other[6] = nn.Linear(32, 5)
    for members, reason in (
        ([state], "1 members; there must be 2 to 64"),
        ([state] * 65, "65 members"),
        ([state, fewer], "member 1 does not hold the weights of the model"),
        ([network(), other], "member 1 is another network than member 0: `6.weight` differs"),
        ([state, state], "all members are equal"),
    ):
        with pytest.raises(ExportError, match=reason):
            export(network(), EXAMPLE, tmp_path / "out", members=members)
    assert not list(tmp_path.iterdir())


def test_members_with_other_dropout_are_refused(tmp_path: Path) -> None:
    other = network(1)
    other[3] = nn.Dropout(0.4)
    members = [network(), other]
    with pytest.raises(ExportError, match="member 1 .* active dropout differs; .* probability"):
        export(network(), EXAMPLE, tmp_path, members=members, dropout="active")
    assert export(network(), EXAMPLE, tmp_path, members=members).members == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"members": network().state_dict()}, "`members` is a OrderedDict; expected a list"),
        ({"members": network()}, "`members` is a Sequential; expected a list"),
        ({"members": ["a.pth", "b.pth"]}, "member 0 is a str; expected a state dict"),
        ({"members": 3}, "`members` is a int; expected a list"),
        ({"sigma": 0.1}, "`sigma` is a float; expected a dictionary"),
        ({"sigma": [3]}, "`sigma` is a list; expected a dictionary"),
        ({"sigma": {"6.bias": None}}, "`sigma` of `6.bias` is a NoneType; expected a tensor"),
        ({"refresh_batchnorm": 3}, "`refresh_batchnorm` is a int; expected a loader"),
        ({"refresh_batchnorm": EXAMPLE}, "`refresh_batchnorm` is a Tensor; expected a loader"),
        ({"refresh_batchnorm": [{"x": EXAMPLE}]}, "a batch of `refresh_batchnorm` is a dict"),
        ({"class_names": "abcd"}, "class_names is 'abcd'; expected a list of str"),
        ({"preprocessing": {"mean": [0]}}, "preprocessing is a dict; expected Preprocessing"),
        ({"exporter": ["dynamo"]}, "exporter is .*; expected"),
        ({"example_input": np.zeros((1, 3, 8, 8))}, "example_input is a ndarray; expected"),
        ({"model": network().state_dict()}, "the model is a OrderedDict; expected an nn.Module"),
        ({"model": None}, "the model is a NoneType; expected an nn.Module"),
        ({"directory": None}, "directory is a NoneType; expected a path"),
    ],
)
def test_arguments_of_other_types_are_named(
    options: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    given: dict[str, Any] = {
        "model": network(),
        "example_input": EXAMPLE,
        "directory": tmp_path / "out",
    }
    with pytest.raises(ExportError, match=reason):
        export(**given | options)
    assert not list(tmp_path.iterdir())
    # Any iterable will do.
    members = (network(seed) for seed in range(2))
    assert export(network(), EXAMPLE, tmp_path / "out", members=members).members == 2  # type: ignore[arg-type]


def test_weights_that_are_not_numbers(tmp_path: Path) -> None:
    states = [network(seed).state_dict() for seed in range(2)]
    states[1]["6.bias"] = states[1]["6.bias"] * torch.nan
    with pytest.raises(ExportError, match=r"the logits of member 1 are not numbers \(NaN\)"):
        export(network(), EXAMPLE, tmp_path / "out", members=states)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"metadata": {}}, "metadata is a dict; expected Metadata"),
        ({"data": np.zeros((4, 8, 8, 3), np.uint8)}, "data is a ndarray; expected Pictures"),
        ({"samples": "4"}, "samples is a str; expected int"),
    ],
)
def test_arguments_of_golden_of_other_types_are_named(options: dict[str, Any], reason: str) -> None:
    given: dict[str, Any] = {"metadata": METADATA, "data": some_pictures(4), "samples": 4}
    with pytest.raises(ExportError, match=reason):
        golden(network(), **given | options)


def test_averages_of_weights_are_no_posterior() -> None:
    average = torch.optim.swa_utils.AveragedModel(network())
    for wrong in (average, torch.optim.SGD(average.parameters(), 0.1)):
        with pytest.raises(ExportError, match="is not SWAG of TorchUncertainty; .*`members`. SWA"):
            swag_members(wrong, 4)
        with pytest.raises(ExportError, match="is not SWAG of TorchUncertainty"):
            swag_gaussian(wrong)


def test_given_standard_deviations(tmp_path: Path) -> None:
    model = network()
    sigma = {"0.weight": torch.full((8, 3, 3, 3), 0.1), "6.bias": torch.full((4,), 0.2)}
    files = export(model, EXAMPLE, tmp_path, sigma=sigma)
    assert files.bayesian == ["0.weight", "6.bias"]
    assert files.weights == 8 * 27 + 4
    np.testing.assert_array_equal(load_file(files.posterior)["6.bias.sigma"], sigma["6.bias"])
    # Of each member.
    members = [network(seed).state_dict() for seed in range(2)]
    each = [sigma, {name: 2 * values for name, values in sigma.items()}]
    tensors = load_file(export(model, EXAMPLE, tmp_path, members=members, sigma=each).posterior)
    assert tensors["0.weight.member.1.sigma"].max() == np.float32(0.2)
    tensors = load_file(export(model, EXAMPLE, tmp_path, members=members, sigma=sigma).posterior)
    assert "0.weight.sigma" in tensors


@pytest.mark.parametrize(
    ("sigma", "reason"),
    [
        ({"0.wieght": torch.ones(1)}, "names `0.wieght`, which is no parameter; there are `0.w"),
        ({"6.bias": torch.eye(4)}, r"shape \[4, 4\] instead of \[4\].*full covariance"),
        ({"6.bias": -torch.ones(4)}, "negative or not finite"),
        ({"6.bias": torch.full((4,), torch.inf)}, "negative or not finite"),
        ({"1.weight": torch.ones(8)}, r"layer `1` \(BatchNorm2d\): `1.weight` has standard"),
        ([{}, {}], "2 dictionaries for 1 networks"),
    ],
)
def test_standard_deviations_that_cannot_be_kept(
    sigma: dict[str, Tensor], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=reason):
        export(network(), EXAMPLE, tmp_path / "out", sigma=sigma)
    assert not list(tmp_path.iterdir())


def test_a_function_of_samples_has_figures() -> None:
    seen = []

    def sample(x: Tensor, number: int) -> Tensor:
        seen.append((len(x), number))
        return torch.randn(len(x), 4)

    data = some_pictures(5)
    result = golden(sample, METADATA, data, samples=4, ood=data, batch=3)
    assert seen == [(count, number) for number in range(4) for count in (3, 2)] * 2
    np.testing.assert_array_equal(
        result.tensors["ood_mutual_information"], result.tensors["mc_mutual_information"]
    )
    assert "mean_weights_logits" not in result.tensors
    assert "mean_weights_accuracy" not in result.figures
    with pytest.raises(ExportError, match="1 rows of logits for 5 inputs"):
        golden(lambda x, _: x.mean((0, 2, 3))[None], METADATA, data, samples=2)
    with pytest.raises(ExportError, match="a function decides itself"):
        golden(sample, METADATA, data, samples=2, dropout="active")


def test_weights_in_another_memory_format(tmp_path: Path) -> None:
    members = [network(seed).to(memory_format=torch.channels_last) for seed in range(2)]
    files = export(members[0], EXAMPLE, tmp_path, members=members)
    tensors = load_file(files.posterior)
    for number, member in enumerate(members):
        weight = member.state_dict()["0.weight"].numpy()
        np.testing.assert_array_equal(tensors[f"0.weight.member.{number}"], weight)
    (first,) = (t for t in onnx.load(files.network).graph.initializer if t.name == "0.weight")
    np.testing.assert_array_equal(numpy_helper.to_array(first), members[0].state_dict()["0.weight"])
