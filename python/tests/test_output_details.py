"""Names and heads of outputs in the metadata of `bayes8.quantize`."""

from __future__ import annotations

import pytest
from small_networks import NORMALIZED, perceptron, quantize

import bayes8


def test_outputs_of_one_head_have_their_own_names() -> None:
    network = perceptron({"kind": 3, "color": 2})
    names = {"kind": ["cat", "dog", "bird"], "color": ["black", "white"]}
    own = {name: {"class_names": each} for name, each in names.items()}
    heads = {"kind": "classes", "color": "classes"}
    model = quantize(network, metadata={**NORMALIZED, "outputs": own}, outputs=heads)
    assert {each.name: list(each.class_names) for each in model.outputs} == names  # type: ignore[union-attr]
    own["color"]["class_names"] = ["black"]
    with pytest.raises(bayes8.Error, match="metadata: output `color`: .* 2 classes, not 1"):
        quantize(network, metadata={**NORMALIZED, "outputs": own}, outputs=heads)


def test_the_head_may_be_in_the_metadata() -> None:
    in_metadata = quantize(
        perceptron({"y": 4}), metadata={**NORMALIZED, "head": "gaussian-softplus"}
    )
    as_argument = quantize(perceptron({"y": 4}), head="gaussian-softplus")
    assert in_metadata.digest == as_argument.digest
