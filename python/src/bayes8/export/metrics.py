"""How good predictions are; the definitions are those of `bayes8 evaluate`.

Probabilities are [N, classes], labels [N].
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

_ECE_BINS = 15

# Smallest probability whose logarithm is taken: INT8 predictions may give a class probability 0.
_NLL_FLOOR = 1e-12


def accuracy(probabilities: Array, labels: Labels) -> float:
    """Share of pictures whose most probable class is the label."""
    return float((probabilities.argmax(1) == labels).mean())


def nll(probabilities: Array, labels: Labels) -> float:
    """Mean negative log-likelihood of the labels, in nats."""
    likelihoods = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(likelihoods.clip(min=_NLL_FLOOR)).mean())


def brier(probabilities: Array, labels: Labels) -> float:
    """Mean squared distance from the labels, summed over classes: 0 to 2."""
    targets = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - targets) ** 2).sum(1).mean())


def ece(probabilities: Array, labels: Labels) -> float:
    """Expected calibration error over 15 bins of equal width."""
    confidence = probabilities.max(1)
    bins = (confidence * _ECE_BINS).astype(int).clip(max=_ECE_BINS - 1)
    gaps = np.bincount(bins, (probabilities.argmax(1) == labels) - confidence)
    return float(abs(gaps).sum() / len(labels))


def spearman(a: Array, b: Array) -> float:
    """Rank correlation of two rankings [N]; NaN where one is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def auroc(inside: Array, outside: Array) -> float:
    """How well an uncertainty tells pictures outside the distribution from those inside."""
    ranks = _ranks(np.concatenate([inside, outside]))[len(inside) :]
    lowest = len(outside) * (len(outside) + 1) / 2
    return float((ranks.sum() - lowest) / (len(inside) * len(outside)))


def _ranks(values: Array) -> Array:
    """Ranks from 1 on; equal values share the mean of theirs."""
    _, groups, counts = np.unique(values, return_inverse=True, return_counts=True)
    means: Array = np.cumsum(counts) - (counts - 1) / 2
    return means[groups]
