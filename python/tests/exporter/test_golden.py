"""The FP32 model's figures, in the definitions of `bayes8 evaluate`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks import CLASSES, mean_logits, small_cnn
from safetensors.numpy import load_file
from torch import nn

from bayes8.export import ExportError, Golden, Metadata, Pictures, Preprocessing, golden, metrics
from bayes8.export.monte_carlo import as_probabilities

METADATA = Metadata(CLASSES, Preprocessing([0.5], [0.25]))


def some_pictures(count: int = 12, seed: int = 0) -> Pictures:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 8, 8, 3), np.uint8)
    return Pictures(pixels, random.integers(0, len(CLASSES), count))


def run(seed: int = 0) -> Golden:
    return golden(
        small_cnn(), METADATA, some_pictures(), samples=6, seed=seed, batch=5, ood=some_pictures(7)
    )


def test_metrics_by_hand() -> None:
    probabilities = np.array([[0.75, 0.25], [0.5, 0.5], [0.1, 0.9], [1.0, 0.0]])
    labels = np.array([0, 1, 1, 1])
    assert metrics.accuracy(probabilities, labels) == 0.5
    nll = -np.log([0.75, 0.5, 0.9, 1e-12]).mean()
    np.testing.assert_allclose(metrics.nll(probabilities, labels), nll)
    np.testing.assert_allclose(metrics.brier(probabilities, labels), (0.125 + 0.5 + 0.02 + 2) / 4)
    np.testing.assert_allclose(metrics.ece(probabilities, labels), (0.25 + 0.5 + 0.1 + 1) / 4)
    assert metrics.auroc(np.array([0.1, 0.2]), np.array([0.15, 0.3])) == 0.75
    assert metrics.spearman(np.array([1.0, 2, 3]), np.array([5.0, 7, 6])) == 0.5


def test_equal_uncertainties_share_their_rank() -> None:
    # Each of 2 x 3 pairs counts 1 where the one outside is above, and 1/2 where they are equal.
    assert metrics.auroc(np.array([1.0, 2]), np.array([2.0, 2, 0])) == 2 / 6 + 2 * 0.5 / 6
    assert metrics.auroc(np.zeros(2), np.zeros(3)) == 0.5
    # Ranks 1.5, 1.5, 3, 4 and 1, 2, 3.5, 3.5.
    correlation = metrics.spearman(np.array([0.0, 0, 1, 2]), np.array([1.0, 2, 3, 3]))
    assert correlation == pytest.approx(4 / 4.5)


def test_uncertainties_add_up_and_tensors_agree_with_figures() -> None:
    result = run()
    figures, tensors = result.figures, result.tensors
    assert figures["pictures"] == 12
    assert figures["samples"] == 6
    assert figures["noise_floor"]["samples_each"] == 3
    total = tensors["mc_expected_entropy"] + tensors["mc_mutual_information"]
    np.testing.assert_allclose(total, tensors["mc_predictive_entropy"], atol=1e-6)
    np.testing.assert_allclose(tensors["mc_mean_probabilities"].sum(1), 1, atol=1e-6)
    assert (tensors["mc_mutual_information"] > 0).all()
    assert figures["mean_mutual_information"] == pytest.approx(
        tensors["mc_mutual_information"].mean()
    )
    assert 0 <= figures["ood_auroc"]["mutual_information"] <= 1
    inputs = torch.from_numpy(METADATA.preprocessing.apply(some_pictures().pixels))
    expected = mean_logits(small_cnn(), inputs)
    np.testing.assert_allclose(tensors["mean_weights_logits"], expected, atol=1e-5)


def test_a_seed_repeats_and_leaves_the_caller_s_random_numbers() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    model, data = small_cnn(), some_pictures()
    torch.manual_seed(5)
    first = golden(model, METADATA, data, samples=4)
    assert torch.rand(1) == expected
    again = golden(model, METADATA, data, samples=4)
    other = golden(model, METADATA, data, samples=4, seed=1)
    assert first.figures == again.figures
    assert first.figures != other.figures


def test_both_sets_see_the_same_draws() -> None:
    data = some_pictures()
    tensors = golden(small_cnn(), METADATA, data, samples=4, ood=data, batch=5).tensors
    for name in ("predictive_entropy", "mutual_information"):
        np.testing.assert_array_equal(tensors[f"ood_{name}"], tensors[f"mc_{name}"])


def test_each_batch_draws_its_own_weights() -> None:
    same = Pictures(np.full((4, 8, 8, 3), 90, np.uint8), np.zeros(4, np.int64))
    result = golden(small_cnn(), METADATA, same, samples=4, batch=2)
    information = result.tensors["mc_mutual_information"]
    np.testing.assert_allclose(information[0::2], information[1::2], rtol=1e-4)
    assert abs(information[0] - information[2]) > 1e-3 * information[0]


def test_a_softmax_at_the_end_is_not_taken_for_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 4))
    probabilities = as_probabilities(logits)
    np.testing.assert_allclose(as_probabilities(probabilities), probabilities)
    np.testing.assert_allclose(as_probabilities(np.log(probabilities)), probabilities)


def test_files_have_the_format_of_the_recorded_ones(tmp_path: Path) -> None:
    result = run()
    result.save(tmp_path / "out")
    figures = json.loads((tmp_path / "out" / "golden.json").read_text())
    assert figures == result.figures
    # `bayes8 quantize --metadata` takes it, too.
    assert Metadata.load(tmp_path / "out" / "golden.json") == METADATA
    tensors = load_file(tmp_path / "out" / "golden.safetensors")
    assert tensors["labels"].dtype == np.int64
    assert {value.dtype.name for name, value in tensors.items() if name != "labels"} == {"float32"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len({path.stat().st_mode for path in (tmp_path / "out").iterdir()}) == 1


def test_figures_without_a_correlation_are_still_json(tmp_path: Path) -> None:
    golden(small_cnn(), METADATA, some_pictures(1), samples=2).save(tmp_path)
    figures = json.loads((tmp_path / "golden.json").read_text())
    assert figures["noise_floor"]["spearman_predictive_entropy"] is None


def test_labels_that_are_no_classes() -> None:
    data = some_pictures()
    assert data.labels is not None
    data.labels[3] = 4
    with pytest.raises(ExportError, match="label 4 of picture 3 is not a class: the model has 4"):
        golden(small_cnn(), METADATA, data, samples=2)
    with pytest.raises(ExportError, match="no array `y`"):
        golden(small_cnn(), METADATA, Pictures(data.pixels, None), samples=2)
    with pytest.raises(ExportError, match="two equal halves"):
        golden(small_cnn(), METADATA, some_pictures(), samples=3)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"y": np.zeros(2, int)}, "array `x` is missing"),
        ({"x": np.zeros((2, 8, 8, 3))}, r"array `x` is float64 \[2, 8, 8, 3\]; expected uint8"),
        ({"x": np.zeros((0, 8, 8), np.uint8)}, "at least one picture"),
        ({"x": np.zeros((2, 8, 8), np.uint8), "y": np.zeros(3, int)}, "expected 2 integers"),
    ],
)
def test_archives_that_hold_something_else(
    arrays: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ExportError, match=reason):
        Pictures.load(tmp_path / "x.npz")


def test_files_that_are_not_archives_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("text.npz", "missing.npz"):
        with pytest.raises(ExportError, match=f"{name}: cannot be read as an npz archive"):
            Pictures.load(tmp_path / name)


def test_gray_pictures_get_a_channel(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 8, 9), np.uint8))
    assert Pictures.load(tmp_path / "x.npz").pixels.shape == (2, 8, 9, 1)


def test_logits_that_are_not_finite_have_no_figures() -> None:
    model = small_cnn()
    model.fc.mu_bias.data[0] = torch.nan
    with pytest.raises(ExportError, match=r"not finite"):
        golden(model, METADATA, some_pictures(), samples=2)


def test_a_model_that_cannot_run_the_pictures() -> None:
    class Strict(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.view(-1, 7)

    with pytest.raises(ExportError, match="cannot run inputs of shape"):
        golden(Strict(), METADATA, some_pictures(), samples=2)
